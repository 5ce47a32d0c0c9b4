"""A small site that obeys decisions at once, so that hours of control pass in a second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig, StationConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatterySnapshot
from custom_components.smart_charging.engine.control.circuits import path_to_root
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.planning.battery_advice import BatteryAdvice
from custom_components.smart_charging.engine.control.snapshot import (
    ControlState,
    Decision,
    EvseSnapshot,
    MeterSnapshot,
    Snapshot,
)
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT, Limit
from custom_components.smart_charging.engine.model import EvseKey, EvseStatus, MeterQuality, Phases

from .builders import NOW

VOLTS = 230.0


@dataclass
class Car:
    """A station and the car at it; `wired` are the grid phases that the car really loads, by its terminals."""

    station: StationConfig
    settings: EvseSettings = field(default_factory=EvseSettings)
    phases: int = 3
    max_a: float = 32.0
    plugged: bool = True
    asleep: bool = False
    departure: datetime | None = None
    soc_percent: float | None = None
    wired: tuple[int, ...] | None = None
    contactor: int | None = None
    obeys_phases: bool = True
    drawn_a: float = 0.0
    energy_wh: float = 0.0
    told_phases: int | None = None
    starts: int = 0
    phase_changes: int = 0

    @property
    def key(self) -> EvseKey:
        return EvseKey(self.station.station_id, 1)

    @property
    def used(self) -> int:
        """Return on how many phases it draws now."""
        told = self.told_phases if self.obeys_phases and self.told_phases else 3
        return min(self.phases, self.station.phases, told, self.contactor or 3)

    def follow(self, current_a: float, phases: int | None) -> None:
        """Take a setpoint."""
        before = self.used
        if self.contactor is not None and phases is not None and phases != self.contactor:
            assert self.drawn_a == 0, "a contactor was switched under load"
            self.contactor = phases
        self.told_phases = phases
        self.phase_changes += self.used != before
        draws = min(current_a, self.max_a) if self.plugged and current_a >= 6.0 and not self.asleep else 0.0
        self.starts += self.drawn_a == 0 < draws
        self.drawn_a = draws

    def on_terminals(self) -> Phases:
        return Phases.spread(self.drawn_a, tuple(range(self.used)))

    def on_grid(self) -> Phases:
        if self.wired is not None:
            return Phases.spread(self.drawn_a, self.wired[: self.used])
        return self.station.rotation.to_grid(self.on_terminals())


class Plant:
    """Moves time, obeys, and meters what flows; `loads` are A per phase of each circuit's own, PV negative."""

    def __init__(self, site: SiteConfig, *cars: Car) -> None:
        self.site = site
        self.cars = cars
        self.now = NOW
        self.state = ControlState()
        self.loads: dict[str, Phases] = {ROOT_CIRCUIT: Phases()}
        self.quality: dict[str, MeterQuality] = {}
        self.limits: tuple[Limit, ...] = ()
        self.battery_soc: dict[str, float] = {}
        self.battery_w: dict[str, float] = {}
        self.battery_advice: dict[str, BatteryAdvice | None] = {}
        self.available_pv_w: float | None = None  # an inverter that may not export yields no more than is used
        self.decision: Decision | None = None
        self.worst_over_a: dict[str, float] = {}
        self.battery_moved_wh = 0.0

    def house(self, load: Phases | float, circuit_id: str = ROOT_CIRCUIT) -> None:
        self.loads[circuit_id] = load if isinstance(load, Phases) else Phases.each(load)

    def flow(self, circuit_id: str = ROOT_CIRCUIT) -> Phases:
        """Return what flows through a circuit, A per phase."""
        total = Phases()
        for other, load in self.loads.items():
            if circuit_id in path_to_root(self.site, other):
                total += load
        for car in self.cars:
            if circuit_id in path_to_root(self.site, car.station.circuit_id):
                total += car.on_grid()
        if circuit_id == ROOT_CIRCUIT:
            total -= Phases.each(sum(self.battery_w.values()) / 3 / VOLTS)
            total -= Phases.each(self.pv_w / 3 / VOLTS)
        return total

    @property
    def pv_w(self) -> float:
        """Return what the curtailed inverter yields: what is drawn, as far as the sun allows."""
        if self.available_pv_w is None:
            return 0.0
        demand = sum((car.on_grid() for car in self.cars), self.loads[ROOT_CIRCUIT]).total * VOLTS
        return min(self.available_pv_w, max(0.0, demand))

    def step(self, seconds: float = 5.0, *, may_raise: bool = True) -> Decision:
        """Decide once, obey, and let this much time pass."""
        self.decision, self.state = decide(self.snapshot(), self.state, self.now, may_raise=may_raise)
        for car in self.cars:
            setpoint = self.decision.setpoints[car.key]
            car.follow(setpoint.current_a, setpoint.phases)
            car.energy_wh += car.on_grid().total * VOLTS * seconds / 3600
        self._move_batteries(seconds)
        for circuit_id, connection in self._connections().items():
            over = max(self.flow(circuit_id)) - connection.fuse_a
            self.worst_over_a[circuit_id] = max(self.worst_over_a.get(circuit_id, -1e9), over)
        self.now += timedelta(seconds=seconds)
        return self.decision

    def run(self, seconds: float, step: float = 5.0) -> Decision:
        """Let time pass in steps and return the last decision."""
        decision = self.step(step)
        for _ in range(int(seconds / step) - 1):
            decision = self.step(step)
        return decision

    def snapshot(self) -> Snapshot:
        """Return what the site measures now."""
        return Snapshot(
            self.site,
            self._meter(ROOT_CIRCUIT),
            tuple(self._evse(car) for car in self.cars),
            circuits={
                circuit.circuit_id: self._meter(circuit.circuit_id)
                for circuit in self.site.circuits
                if circuit.has_meter
            },
            batteries={
                battery.battery_id: BatterySnapshot(
                    True,
                    self.battery_soc.get(battery.battery_id, 50.0),
                    self.battery_w.get(battery.battery_id, 0.0),
                    self.battery_advice.get(battery.battery_id),
                )
                for battery in self.site.batteries
            },
            limits=self.limits,
            pv_w=None if self.available_pv_w is None else self.pv_w,
        )

    def current(self, index: int = 0) -> float:
        assert self.decision is not None
        return self.decision.setpoints[self.cars[index].key].current_a

    def _meter(self, circuit_id: str) -> MeterSnapshot:
        flow = self.flow(circuit_id)
        return MeterSnapshot(self.quality.get(circuit_id, MeterQuality.FRESH), flow, flow.total * VOLTS)

    def _evse(self, car: Car) -> EvseSnapshot:
        memory = self.state.evses.get(car.key)
        return EvseSnapshot(
            key=car.key,
            station=car.station,
            settings=car.settings,
            safe_a=6.0,
            connected=True,
            status=EvseStatus.CHARGING if car.plugged else EvseStatus.AVAILABLE,
            measured_a=car.on_terminals(),
            commanded_a=memory.setpoint_a if memory else None,
            settled=True,
            energy_wh=car.energy_wh,
            soc_percent=car.soc_percent,
            switched_phases=car.contactor,
            departure=car.departure,
        )

    def _move_batteries(self, seconds: float) -> None:
        assert self.decision is not None
        for battery in self.site.batteries:
            told = self.decision.batteries[battery.battery_id]
            power = {BatteryAction.DISCHARGE: told.power_w, BatteryAction.CHARGE: -told.power_w}.get(told.action, 0.0)
            soc = self.battery_soc.get(battery.battery_id, 50.0)
            power = 0.0 if soc <= 0 < power or (soc >= 100 and power < 0) else power
            moved_wh = power * seconds / 3600
            self.battery_w[battery.battery_id] = power
            self.battery_soc[battery.battery_id] = soc - moved_wh / battery.capacity_wh * 100
            self.battery_moved_wh += abs(moved_wh)

    def _connections(self) -> Mapping[str, SiteConfig]:
        nodes: dict[str, SiteConfig] = {ROOT_CIRCUIT: self.site}
        nodes.update({circuit.circuit_id: circuit for circuit in self.site.circuits})  # type: ignore[misc]  # both have fuse_a
        return nodes


def stations(count: int, **changes: object) -> Sequence[StationConfig]:
    """Return so many 16 A three-phase stations."""
    base = StationConfig("", "", max_current_a=16.0)
    return [replace(base, station_id=f"CP{n}", name=f"CP{n}", **changes) for n in range(1, count + 1)]  # type: ignore[arg-type]  # fields by name

"""Stands in for Home Assistant: hands readings to the site and carries out what it says, each a little late."""

from collections.abc import Callable
from dataclasses import dataclass
import heapq
from itertools import count

from custom_components.smart_charging.engine.clock import Clock
from custom_components.smart_charging.engine.config import PhaseSwitching
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.model import EvseKey, Phases
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import BatteryReading, MeterReading
from simulator.plant.battery import BatteryMode
from simulator.plant.grid import GridMeter
from simulator.plant.outlet import Outlet
from simulator.simulated_site import SimulatedSite


@dataclass(frozen=True, slots=True)
class Entities:
    """How the site's surroundings are seen and led; times in s.

    Meters are read each `interval_s` and told `latency_s` later; what is led acts after `command_s`.
    """

    interval_s: float = 1.0
    latency_s: float = 0.0
    command_s: float = 1.0
    tells_pv: bool = False
    tells_soc: bool = False


class StandInShell:
    """Feeds meters, battery, PV, contactors and cars to the site; leads battery, PV and contactors as its view says."""

    def __init__(self, site: Site, simulated: SimulatedSite, clock: Clock, entities: Entities) -> None:
        self.entities = entities
        self.meters_online = True
        self.curtailed_w: float | None = None  # what the inverter was told last
        self._site = site
        self._simulated = simulated
        self._clock = clock
        self._next_reading = clock.monotonic()
        self._order = count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._led: dict[object, object] = {}

    def tick(self) -> None:
        """Do what is due now."""
        now = self._clock.monotonic()
        if now >= self._next_reading:
            self._next_reading = now + self.entities.interval_s
            self._read()
        if not self._site.observe_only:
            self._lead_battery()
            self._lead_contactors()
            self._lead_pv()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self._clock.monotonic() + seconds, next(self._order), action))

    def _read(self) -> None:
        plant, entities = self._simulated.plant, self.entities
        if self.meters_online:
            self._read_meter(ROOT_CIRCUIT, plant.grid)
            metered = {circuit.circuit_id for circuit in self._site.config.circuits if circuit.has_meter}
            for circuit_id in sorted(metered & plant.tree.circuits.keys()):
                self._read_meter(circuit_id, plant.tree.circuits[circuit_id].meter)
        self._read_battery()
        if entities.tells_pv:
            power_w = plant.photovoltaics.power_w
            self._after(entities.latency_s, lambda: self._site.set_pv_power("pv", power_w, self._clock.now()))
        for key, outlet in self._outlets():
            self._read_outlet(key, outlet)

    def _read_meter(self, circuit_id: str, meter: GridMeter) -> None:
        power_w, current_a = meter.total_w, Phases(*meter.current_a)

        def tell() -> None:
            reading = MeterReading(self._clock.now(), power_w=power_w, current_a=current_a)
            self._site.set_circuit_reading(circuit_id, reading)

        self._after(self.entities.latency_s, tell)

    def _read_battery(self) -> None:
        battery = self._simulated.plant.battery
        if battery is None or not self._site.config.batteries:
            return
        battery_id = self._site.config.batteries[0].battery_id
        soc_percent, power_w = 100 * battery.state_of_charge, battery.power_w

        def tell() -> None:
            reading = BatteryReading(self._clock.now(), soc_percent=soc_percent, power_w=power_w)
            self._site.set_battery_reading(battery_id, reading)

        self._after(self.entities.latency_s, tell)

    def _read_outlet(self, key: EvseKey, outlet: Outlet) -> None:
        contactor = outlet.wiring.contactor
        if contactor is not None:
            self._site.set_switched_phases(key, contactor.phases)
        if self.entities.tells_soc and outlet.car is not None:
            self._site.set_vehicle_soc(key, 100 * outlet.car.state_of_charge if outlet.plugged else None)

    def _lead_battery(self) -> None:
        battery = self._simulated.plant.battery
        for view in self._site.view.batteries.values():
            command = view.command
            if battery is None or command is None:
                continue
            mode, power_w = BatteryMode(command.action.value), command.power_w
            if self._led.get(view.battery_id) != (mode, power_w):
                self._led[view.battery_id] = (mode, power_w)
                self._after(
                    self.entities.command_s,
                    lambda own=battery, mode=mode, power_w=power_w: own.command(mode, power_w),
                )

    def _lead_pv(self) -> None:
        for view in self._site.view.pv.values():
            ceiling_w = None if view.command is None else view.command.ceiling_w
            if self._led.get(view.pv_id) != ceiling_w:
                self._led[view.pv_id] = ceiling_w
                self._after(self.entities.command_s, lambda most_w=ceiling_w: self._curtail(most_w))

    def _curtail(self, ceiling_w: float | None) -> None:
        self.curtailed_w = ceiling_w
        self._simulated.plant.photovoltaics.curtail(ceiling_w)

    def _lead_contactors(self) -> None:
        for key, outlet in self._outlets():
            charger = self._site.view.chargers.get(key.station_id)
            if charger is None or outlet.wiring.contactor is None:
                continue
            if self._site.station(key.station_id).config.phase_switching is not PhaseSwitching.SWITCH:
                continue
            phases = charger.evses[key.evse_id].setpoint.phases
            if phases is not None and self._led.get(key) != phases:
                self._led[key] = phases
                self._after(self.entities.command_s, lambda own=outlet, phases=phases: own.switch_contactor(phases))

    def _outlets(self) -> list[tuple[EvseKey, Outlet]]:
        return [
            (EvseKey(station_id, number), connector.outlet)
            for station_id, station in self._simulated.stations.items()
            for number, connector in station.connectors.items()
        ]

"""One day of the workplace in seconds beside a building whose load moves: what flows above the limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from benchmarks.overload import house
from benchmarks.overload.loop import FAST, SAMPLE_S, SLOW, Timing
from custom_components.smart_charging.engine.circuit_meter import CircuitMeter
from custom_components.smart_charging.engine.config import SiteConfig
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.model import NOMINAL_VOLTAGE_V, EvseStatus, Phases
from custom_components.smart_charging.engine.station_reading import FOLLOW_S
from custom_components.smart_charging.engine.view import MeterReading

from .charging import Stay
from .network import PLACES, STATIONS, site
from .product import KEYS
from .sessions import Period

COMMAND_S = 1  # until a station has a command and its car sees it
RAMP_S = 3
ROOT_A = 125.0
MARGIN_A = 1.0
HOUSEHOLDS = 2  # two measured households of different days stand for the building
SECONDS_PER_DAY = 86_400


@dataclass(slots=True)
class Car:
    """A car at its station: it follows a command after `COMMAND_S` within `RAMP_S`."""

    stay: Stay
    current_a: float = 0.0
    accepted_a: float | None = None
    accepted_at: int = 0
    _ordered: tuple[int, float] | None = None
    _slope_a: float = 0.0

    def command(self, at_s: int, limit_a: float) -> None:
        """Take a limit."""
        last = self._ordered[1] if self._ordered else self.accepted_a
        if limit_a != last:
            self._ordered = (at_s + COMMAND_S, limit_a)

    def step(self, at_s: int) -> None:
        """Move to this second and charge during it."""
        if self._ordered is not None and self._ordered[0] <= at_s:
            self.accepted_at, self.accepted_a = self._ordered
            self._ordered = None
            self._slope_a = abs(self.accepted_a - self.current_a) / RAMP_S
        target_a = self.accepted_a or 0.0
        self.current_a += max(-self._slope_a, min(self._slope_a, target_a - self.current_a))
        if self.stay.full:
            self.current_a = 0.0
        self.stay.charge(self.current_a, 1 / 3600)


@dataclass(slots=True)
class Replay:
    """The site's two speeds around the cars of a day."""

    begin: datetime
    timing: Timing
    over_kws: float = 0.0  # above the limits of the connection and the panels, summed over phases
    delivered_wh: float = 0.0
    _site: SiteConfig = field(init=False)
    _cars: dict[int, Car] = field(default_factory=dict)
    _state: ControlState = field(default_factory=ControlState)
    _meter: CircuitMeter = field(default_factory=CircuitMeter)
    _samples: Mapping[int, float] = field(default_factory=dict)
    _sampled_at: int = 0

    def __post_init__(self) -> None:
        """Configure the site that the timing belongs to, with the margins the product has by default."""
        bare = site(ROOT_A)
        circuits = tuple(replace(circuit, margin_a=MARGIN_A) for circuit in bare.circuits)
        self._site = replace(bare, margin_a=MARGIN_A, circuits=circuits, meter_interval_s=self.timing.meter_s)

    def run(self, period: Period, begin_s: int, end_s: int) -> None:
        """Live through these seconds of the period's first day; cars that came before have just come."""
        coming = sorted(
            (session for session in period.sessions if session.departure_s > begin_s),
            key=lambda session: -session.arrival_s,
        )
        for at_s, building_a in zip(range(begin_s, end_s), building(begin_s, end_s), strict=True):
            while coming and coming[-1].arrival_s <= at_s:
                session = coming.pop()
                self._cars[session.station] = Car(Stay(session))
            for station in [key for key, car in self._cars.items() if car.stay.session.departure_s <= at_s]:
                self.delivered_wh += self._cars.pop(station).stay.delivered_wh
            for car in self._cars.values():
                car.step(at_s)
            self._react(at_s, self._flow(building_a))
        self.delivered_wh += sum(car.stay.delivered_wh for car in self._cars.values())

    def _flow(self, building_a: house.Currents) -> Phases:
        """Return what flows through the connection, and add up what is above a limit."""
        flows = [0.0] * (3 + 3 * len(self._site.circuits))
        for station, car in self._cars.items():
            for row in PLACES[station].rows:
                flows[row] += car.current_a
        for phase, current_a in enumerate(building_a):
            flows[phase] += current_a
        limits = [self._site.fuse_a] * 3 + [circuit.fuse_a for circuit in self._site.circuits for _ in range(3)]
        over_a = sum(max(0.0, flow - limit) for flow, limit in zip(flows, limits, strict=True))
        self.over_kws += over_a * NOMINAL_VOLTAGE_V / 1000
        return Phases(*flows[:3])

    def _react(self, at_s: int, grid_a: Phases) -> None:
        if at_s % SAMPLE_S == 0:
            self._samples = {station: car.current_a for station, car in self._cars.items()}
            self._sampled_at = at_s
        reported = at_s % self.timing.meter_s == 0
        if reported:
            self._meter.take(self._site, MeterReading(self._time(at_s), current_a=grid_a))
        if (at_s - self.timing.cycle_lag_s) % self.timing.cycle_s == 0:
            self._decide(at_s, may_raise=True)
        elif (reported or self.timing.ticks) and self._meter.overloaded(self._site):
            self._decide(at_s, may_raise=False)

    def _decide(self, at_s: int, *, may_raise: bool) -> None:
        now = self._time(at_s)
        evses = tuple(self._see(station, car) for station, car in self._cars.items())
        snapshot = Snapshot(self._site, self._meter.snapshot(self._site, now), evses)
        decision, self._state = decide(snapshot, self._state, now, may_raise=may_raise)
        for station, car in self._cars.items():
            car.command(at_s, decision.setpoints[KEYS[station]].current_a)

    def _see(self, station: int, car: Car) -> EvseSnapshot:
        """Return what the site knows of an EVSE: what it sent last, and the limit it accepted last."""
        drawn_a = self._samples.get(station, 0.0)
        idle = EvseStatus.SUSPENDED_EV if car.accepted_a else EvseStatus.SUSPENDED_EVSE
        return EvseSnapshot(
            key=KEYS[station],
            station=STATIONS[station],
            settings=FAST,
            safe_a=0.0,
            connected=True,
            status=EvseStatus.CHARGING if drawn_a > 0 else idle,
            measured_a=Phases.spread(drawn_a, tuple(range(STATIONS[station].phases))),
            commanded_a=car.accepted_a,
            settled=self._sampled_at - car.accepted_at >= FOLLOW_S,
            energy_wh=car.stay.delivered_wh,
        )

    def _time(self, at_s: int) -> datetime:
        return self.begin + timedelta(seconds=at_s)


def building(begin_s: int, end_s: int) -> Iterable[house.Currents]:
    """Yield the building's A per phase for each of these seconds of a day."""
    days = [
        islice(house.seconds(HOUSEHOLDS), day * SECONDS_PER_DAY + begin_s, day * SECONDS_PER_DAY + end_s)
        for day in range(HOUSEHOLDS)
    ]
    for first, second in zip(*days, strict=True):
        yield first[0] + second[0], first[1] + second[1], first[2] + second[2]


def over_limit(period: Period, begin_s: int, end_s: int, *, slow: bool) -> tuple[float, float]:
    """Return the kW*s above the limits and the Wh delivered; `slow` for a plain loop of 30 s."""
    replay = Replay(period.begin, SLOW if slow else Timing())
    replay.run(period, begin_s, end_s)
    return replay.over_kws, replay.delivered_wh

"""Our controller over the fuse: a meter that reports, a guard on each report, and a decision at intervals."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.engine.circuit_meter import CircuitMeter
from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig, StationConfig
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, EvseStatus, Phases
from custom_components.smart_charging.engine.station_reading import FOLLOW_S
from custom_components.smart_charging.engine.view import MeterReading

from .house import Currents
from .plant import CAR_MAX_A, FUSE_A, Car, Watch

BEGIN = datetime(2008, 5, 19, tzinfo=UTC)
CARS = 2
SAMPLE_S = 10  # how often stations send what they measure
FAST = EvseSettings(ChargeMode.FAST)


@dataclass(frozen=True, slots=True)
class Timing:
    """When the meter reports and decisions are taken, in seconds.

    The decision comes `cycle_lag_s` after the report: it raises on news of this age. With `ticks` the
    guard looks each second, as the site does between two reports.
    """

    meter_s: int = 5
    cycle_s: int = 5
    cycle_lag_s: int = 4
    ticks: bool = True


SLOW = Timing(meter_s=30, cycle_s=30, cycle_lag_s=0, ticks=False)


@dataclass(slots=True)
class Loop:
    """The site's two speeds around the plant."""

    timing: Timing
    cars: tuple[Car, ...] = field(default_factory=lambda: tuple(Car() for _ in range(CARS)))
    watch: Watch = field(default_factory=Watch)
    decisions: int = 0
    _state: ControlState = field(default_factory=ControlState)
    _meter: CircuitMeter = field(default_factory=CircuitMeter)
    _samples: dict[EvseKey, tuple[int, float]] = field(default_factory=dict)
    _seen: dict[EvseKey, EvseSnapshot] = field(default_factory=dict)
    _site: SiteConfig = field(init=False)
    _evses: tuple[EvseSnapshot, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Configure the site that the timing belongs to."""
        self._site = SiteConfig("home", "Home", fuse_a=FUSE_A, meter_interval_s=self.timing.meter_s)
        self._evses = tuple(_evse(number) for number in range(1, CARS + 1))

    def run(self, house: Iterable[Currents], begin_s: int = 0) -> int:
        """Live through these seconds of the house; returns the second that comes next."""
        at_s = begin_s
        for at_s, (first, middle, last) in enumerate(house, begin_s):
            for car in self.cars:
                car.step(at_s)
            cars_a = sum(car.current_a for car in self.cars)
            grid_a = (first + cars_a, middle + cars_a, last + cars_a)
            self.watch.see(grid_a, any(car.current_a < CAR_MAX_A for car in self.cars))
            self._react(at_s, grid_a)
        return at_s + 1

    def _react(self, at_s: int, grid_a: Currents) -> None:
        if at_s % SAMPLE_S == 0:
            self._samples = {evse.key: (at_s, car.current_a) for evse, car in zip(self._evses, self.cars, strict=True)}
        reported = at_s % self.timing.meter_s == 0
        if reported:
            self._meter.take(self._site, MeterReading(_time(at_s), current_a=Phases(*grid_a)))
        if (at_s - self.timing.cycle_lag_s) % self.timing.cycle_s == 0:
            self._decide(at_s, may_raise=True)
        elif (reported or self.timing.ticks) and self._meter.overloaded(self._site):
            self._decide(at_s, may_raise=False)

    def _decide(self, at_s: int, *, may_raise: bool) -> None:
        now = _time(at_s)
        evses = tuple(self._see(evse, car) for evse, car in zip(self._evses, self.cars, strict=True))
        snapshot = Snapshot(self._site, self._meter.snapshot(self._site, now), evses)
        decision, self._state = decide(snapshot, self._state, now, may_raise=may_raise)
        self.decisions += 1
        for evse, car in zip(self._evses, self.cars, strict=True):
            car.command(at_s, decision.setpoints[evse.key].current_a)

    def _see(self, evse: EvseSnapshot, car: Car) -> EvseSnapshot:
        """Return what the site knows of an EVSE: what it sent last, and the limit it accepted last."""
        measured_at, measured_a = self._samples.get(evse.key, (0, 0.0))
        status = EvseStatus.CHARGING if measured_a > 0 else EvseStatus.SUSPENDED_EVSE
        settled = measured_at - car.accepted_at >= FOLLOW_S
        before = self._seen.get(evse.key, evse)
        if (before.status, before.commanded_a, before.settled) == (status, car.accepted_a, settled) and (
            before.measured_a is not None and before.measured_a.l1 == measured_a
        ):
            return before
        now = replace(
            evse, status=status, measured_a=Phases.each(measured_a), commanded_a=car.accepted_a, settled=settled
        )
        self._seen[evse.key] = now
        return now


def _evse(number: int) -> EvseSnapshot:
    station = StationConfig(f"CP{number}", f"Garage {number}", max_current_a=CAR_MAX_A)
    return EvseSnapshot(
        key=EvseKey(station.station_id, 1),
        station=station,
        settings=FAST,
        safe_a=station.safe_current_a,
        connected=True,
        status=EvseStatus.PREPARING,
    )


def _time(at_s: int) -> datetime:
    return BEGIN + timedelta(seconds=at_s)

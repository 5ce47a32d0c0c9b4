"""Stand-ins for the central system and its stations: a command takes its time to arrive, and a car its time to follow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from custom_components.smart_charging.engine.config import StationConfig
from custom_components.smart_charging.engine.csms.relay.limits import RelayEvent
from custom_components.smart_charging.engine.csms.relay.state import RelayState
from custom_components.smart_charging.engine.csms.state import (
    AppliedLimit,
    EvseState,
    StationEvent,
    StationEventType,
    StationState,
)
from custom_components.smart_charging.engine.model import EvseMeasurement, EvseStatus, Phases, Transaction

from .clock import SimulatedClock

VOLTAGE_V = 230.0
PHASES = 3
CAR_MAX_A = 16.0
CAR_MIN_A = 6.0
_LASTING = timedelta(days=365)


@dataclass(slots=True)
class Habits:
    """Seconds from a decision until a station has it, and from then until its car draws what it may."""

    command_s: float = 0.5
    reaction_s: float = 2.0


@dataclass(slots=True)
class StandInStation:
    """A station whose car always wants its most, with all of a `Station` that a site asks for."""

    config: StationConfig
    clock: SimulatedClock
    habits: Habits = field(default_factory=Habits)
    state: StationState = field(init=False)
    current_a: float = 0.0
    _target_a: float = 0.0
    _slope_a: float = 0.0
    _wished_a: float | None = None
    _pending: list[tuple[float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with a car that is plugged in and waits."""
        now = self.clock.now()
        transaction = Transaction("1", self.config.station_id, 1, "bench", now, 0, 1)
        evse = EvseState(1, status=EvseStatus.CHARGING, transaction=transaction)
        self.state = StationState(self.config.station_id, connected=True, evses={1: evse})

    @property
    def power_w(self) -> float:
        """Return what the car draws."""
        return self.current_a * VOLTAGE_V * PHASES

    def set_limit(self, evse_id: int, current_a: float, safe_a: float, phases: int | None = None) -> None:
        """Take a wish, which arrives later."""
        del evse_id, phases
        if current_a != self._wished_a:
            self._wished_a = current_a
            self._pending.append((self.clock.monotonic() + self.habits.command_s, current_a, safe_a))

    def lead_setpoint(self, evse_id: int, power_w: float | None) -> None:
        """Give nothing back, whatever is asked."""

    def release(self, evse_id: int) -> None:
        """Have no wish."""
        self._wished_a = None

    def most_given_w(self, evse_id: int) -> float:
        """Return that the car gives nothing back."""
        del evse_id
        return 0.0

    async def stop_transaction(self, evse_id: int) -> None:
        """Fail the benchmark: its cars obey."""
        raise AssertionError(f"{self.config.station_id}/{evse_id} was stopped though it obeyed")

    def step(self, seconds: float) -> None:
        """Let this much time pass."""
        while self._pending and self._pending[0][0] <= self.clock.monotonic():
            _, limit_a, safe_a = self._pending.pop(0)
            self._target_a = min(limit_a, CAR_MAX_A) if limit_a >= CAR_MIN_A else 0.0
            self._slope_a = abs(self._target_a - self.current_a) / self.habits.reaction_s
            now = self.clock.now()
            self._change(applied=AppliedLimit(limit_a, safe_a, now, now + _LASTING))
        change_a = self._target_a - self.current_a
        most_a = self._slope_a * seconds
        self.current_a += max(-most_a, min(most_a, change_a))

    def sample(self) -> None:
        """Tell what is measured now."""
        now = self.clock.now()
        measurement = EvseMeasurement(now, power_w=self.power_w, current_a=Phases.each(self.current_a))
        status = EvseStatus.CHARGING if self.current_a > 0 else EvseStatus.SUSPENDED_EVSE
        self._change(measurement=measurement, measured_at=now, status=status)

    def _change(self, **changes: object) -> None:
        evse = replace(self.state.evses[1], **changes)  # type: ignore[arg-type]  # fields by name
        self.state = replace(self.state, evses={1: evse})


class _NoRelays:
    """Knows of no second central system."""

    by_station: dict[str, RelayState] = {}

    def subscribe(self, listener: Callable[[RelayEvent], None]) -> Callable[[], None]:
        """Never call the listener."""
        del listener
        return lambda: None

    def state(self, station_id: str) -> RelayState | None:
        """Return that a station has none."""
        del station_id
        return None


class StandInCsms:
    """All of a central system that a site asks for."""

    def __init__(self, clock: SimulatedClock) -> None:
        """Have no station."""
        self.stations: dict[str, StandInStation] = {}
        self.relays = _NoRelays()
        self._clock = clock
        self._listeners: list[Callable[[StationEvent], None]] = []

    def subscribe(self, listener: Callable[[StationEvent], None]) -> Callable[[], None]:
        """Call the listener with each event."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def add_station(self, config: StationConfig) -> None:
        """Let a station be there, connected."""
        self.stations[config.station_id] = StandInStation(config, self._clock)

    async def stop(self) -> None:
        """Have nothing to close."""

    def step(self, seconds: float) -> None:
        """Let time pass for all cars."""
        for station in self.stations.values():
            station.step(seconds)

    def sample(self) -> None:
        """Let all stations tell what they measure."""
        for event in self._sampled(self._clock.now()):
            for listener in self._listeners:
                listener(event)

    def _sampled(self, at: datetime) -> Iterator[StationEvent]:
        for station in self.stations.values():
            station.sample()
            yield StationEvent(StationEventType.CHANGED, station.state, at, 1)

    @property
    def power_w(self) -> float:
        """Return what all cars draw."""
        return sum(one.power_w for one in self.stations.values())

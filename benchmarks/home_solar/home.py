"""The home as it runs: house, sun, charging station and car, moved along by whoever sets the current."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .stays import Stay

STEP_S = 10
CALM_STEP_S = 60  # while nothing charges and nobody would start: the series do not change within a minute
CALM_W = 800.0  # of surplus, clearly below what one phase takes at least
VOLTAGE_V = 230.0
MIN_A = 6.0
MAX_A = 16.0
START_S = 20  # from the first offer until the car draws
PHASE_CHANGE_S = 60  # without current while a station changes its phases
LATEST_START_MARGIN_S = 900
WARM_UP_MIN = 15  # before a car comes: what controllers watch of the house by then
IMPORT_EUR = 0.30  # per kWh
EXPORT_EUR = 0.08
WS_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Home:
    """What happens whoever controls: mean W of each minute, and the stays of the car."""

    house_w: Sequence[float]
    sun_w: Sequence[float]
    stays: Sequence[Stay]

    def net_w(self, minute: int) -> float:
        """Return house less sun, W."""
        return self.house_w[minute] - self.sun_w[minute]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a controller sees: the last step's power at the grid and current of the car.

    `must_charge` says that the car will not be ready if it does not charge at full power from now on.
    """

    at_s: int
    grid_w: float
    car_a: float
    phases: int
    plugged: bool
    full: bool
    must_charge: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A per phase, below `MIN_A` to pause, and the phases to use (1 or 3)."""

    current_a: float
    phases: int


PAUSE = Command(0.0, 3)


class Controller(Protocol):
    """Who sets the current."""

    def command(self, reading: Reading) -> Command:
        """Return what the station is told after this reading."""


@dataclass(slots=True)
class Outcome:
    """What a period came to; `on_off` counts starts and stops, both."""

    cost_eur: float = 0.0
    on_off: int = 0
    phase_switches: int = 0
    unmet_wh: float = 0.0
    car_wh: float = 0.0
    car_solar_wh: float = 0.0  # of it, what would have been exported


@dataclass(slots=True)
class _Station:
    """The charging station with its car; it carries a command out in the step after it."""

    outcome: Outcome
    command: Command = PAUSE
    last_phases: int = 3  # the ones in use when current last flowed
    closed: bool = False
    idle_s: float = 0.0  # before current flows
    left_wh: float = 0.0
    plugged: bool = False
    drawn_a: float = 0.0

    @property
    def full(self) -> bool:
        return self.left_wh <= 0.0

    def plug(self, need_wh: float) -> None:
        self.plugged, self.left_wh = True, need_wh

    def unplug(self) -> None:
        self.outcome.unmet_wh += self.left_wh
        self.plugged, self.left_wh, self.drawn_a = False, 0.0, 0.0
        self._switch(closed=False)

    def draw(self, seconds: int) -> float:
        """Return the car's mean W of this step."""
        self._switch(closed=self.plugged and not self.full and self.command.current_a >= MIN_A)
        flows_s = max(0.0, seconds - self.idle_s) if self.closed else 0.0
        self.idle_s = max(0.0, self.idle_s - seconds)
        if flows_s <= 0.0:
            self.drawn_a = 0.0
            return 0.0
        self.drawn_a = min(self.command.current_a, MAX_A)
        power_w = self.drawn_a * self.command.phases * VOLTAGE_V
        taken_wh = min(self.left_wh, power_w * flows_s / 3600)
        self.left_wh -= taken_wh
        if self.left_wh < 1e-6:
            self.left_wh = 0.0
        return taken_wh * 3600 / seconds

    def _switch(self, *, closed: bool) -> None:
        if closed != self.closed:
            self.closed = closed
            self.outcome.on_off += 1
            self.idle_s = START_S if closed else 0.0
        if closed and self.command.phases != self.last_phases:
            self.last_phases = self.command.phases
            self.outcome.phase_switches += 1
            self.idle_s = PHASE_CHANGE_S


@dataclass(slots=True)
class Run:
    """A period under one controller."""

    home: Home
    controller: Controller
    outcome: Outcome = field(default_factory=Outcome)
    _grid_w: float = 0.0

    def outcome_of(self) -> Outcome:
        """Return what the period comes to, from its first minute to its last."""
        station = _Station(self.outcome)
        minute = 0
        for stay in self.home.stays:
            self._without_car(minute, max(minute, stay.arrival - WARM_UP_MIN))
            for warm in range(max(minute, stay.arrival - WARM_UP_MIN), stay.arrival):
                self._step(station, warm * 60, 60, stay)
            station.plug(stay.need_wh)
            minute = self._with_car(station, stay)
            station.unplug()
            self._tell(station, stay.departure * 60, stay)
            self._without_car(minute, stay.departure)
            minute = stay.departure
        self._without_car(minute, len(self.home.house_w))
        return self.outcome

    def _with_car(self, station: _Station, stay: Stay) -> int:
        """Go on until the car is full or leaves; returns the minute that is then next."""
        for minute in range(stay.arrival, stay.departure):
            waits = not station.closed and not _must_charge(station, stay, minute)
            calm = waits and self.home.net_w(minute) > -CALM_W
            step_s = CALM_STEP_S if calm else STEP_S
            for second in range(0, 60, step_s):
                self._step(station, minute * 60 + second, step_s, stay)
            if station.full and not station.closed:
                return minute + 1
        return stay.departure

    def _step(self, station: _Station, at_s: int, seconds: int, stay: Stay) -> None:
        net_w = self.home.net_w(at_s // 60)
        car_w = station.draw(seconds)
        self._grid_w = net_w + car_w
        self._book(self._grid_w, seconds)
        self.outcome.car_wh += car_w * seconds / 3600
        self.outcome.car_solar_wh += min(car_w, max(0.0, -net_w)) * seconds / 3600
        self._tell(station, at_s + seconds, stay)

    def _tell(self, station: _Station, at_s: int, stay: Stay) -> None:
        station.command = self.controller.command(
            Reading(
                at_s=at_s,
                grid_w=self._grid_w,
                car_a=station.drawn_a,
                phases=station.command.phases,
                plugged=station.plugged,
                full=station.full,
                must_charge=_must_charge(station, stay, at_s / 60),
            )
        )

    def _without_car(self, begin: int, end: int) -> None:
        for minute in range(begin, end):
            self._book(self.home.net_w(minute), 60)

    def _book(self, grid_w: float, seconds: int) -> None:
        price = IMPORT_EUR if grid_w > 0 else EXPORT_EUR
        self.outcome.cost_eur += grid_w * seconds / WS_PER_KWH * price


def _must_charge(station: _Station, stay: Stay, minute: float) -> bool:
    """Return whether it is time for the latest start, the plan that all controllers share."""
    if station.full or not station.plugged:
        return False
    needs_s = station.left_wh * 3600 / (3 * MAX_A * VOLTAGE_V)
    return needs_s + LATEST_START_MARGIN_S >= stay.departure * 60 - minute * 60

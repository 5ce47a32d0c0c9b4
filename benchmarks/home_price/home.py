"""The home as it runs, a quarter hour at a time: charging station, car and battery carry out what they are told."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from benchmarks.series import QUARTER
from custom_components.smart_charging.engine.control.planning.merit_order import PowerRange, latest_start_w

from .world import HOURS, Visit, World

VOLTAGE_V = 230.0
MIN_A = 6.0
MAX_A = 16.0
FULL_W = 3 * MAX_A * VOLTAGE_V
RANGES = (PowerRange(MIN_A * VOLTAGE_V, MAX_A * VOLTAGE_V), PowerRange(3 * MIN_A * VOLTAGE_V, FULL_W))
STEP_S = 900.0
START_S = 20.0  # from the first offer until the car draws
PHASE_CHANGE_S = 60.0
MARGIN = timedelta(minutes=2)  # before the latest start, for a start and other phases
KWH = 1e-3


@dataclass(frozen=True, slots=True)
class Now:
    """What a controller sees: the quarter, the power of house less sun in it, the car and the battery's contents."""

    quarter: int
    net_w: float
    visit: Visit | None
    left_wh: float
    drawn_w: float
    must_w: float  # of the car, to be ready in time: the latest start, which all controllers share
    stored_wh: float


@dataclass(frozen=True, slots=True)
class Told:
    """W of the car, 0 to pause, and of the battery (discharge > 0); without it the battery keeps the grid at 0."""

    car_w: float
    battery_w: float | None = None


class Controller(Protocol):
    """Who decides, each quarter hour, on the power measured in it."""

    def decide(self, now: Now) -> Told:
        """Return what car and battery do."""


@dataclass(slots=True)
class Outcome:
    """What a period came to; `cost_eur` is less what the battery holds in the end."""

    cost_eur: float = 0.0
    unmet_wh: float = 0.0
    car_wh: float = 0.0
    switches: int = 0
    moved_wh: float = 0.0
    grid_w: list[float] = field(default_factory=list)


def outcome(world: World, controller: Controller) -> Outcome:
    """Return what a period comes to under a controller."""
    return _Run(world, controller).outcome()


def battery_range(world: World, stored_wh: float) -> tuple[float, float]:
    """Return the most W that the battery can charge and discharge with in a quarter."""
    battery = world.battery
    if battery is None:
        return 0.0, 0.0
    room = (battery.capacity_wh - stored_wh) / battery.charge_efficiency / HOURS
    left = stored_wh * battery.discharge_efficiency / HOURS
    return max(0.0, min(battery.max_charge_w, room)), max(0.0, min(battery.max_discharge_w, left))


class _Run:
    def __init__(self, world: World, controller: Controller) -> None:
        self._world = world
        self._controller = controller
        self._result = Outcome()
        self._stored_wh = world.battery.stored_wh if world.battery else 0.0
        self._left_wh = self._drawn_w = 0.0
        self._three = True

    def outcome(self) -> Outcome:
        visits = list(self._world.visits)
        current: Visit | None = None
        for quarter in range(self._world.quarters):
            if current is not None and quarter >= current.departure:
                self._leave()
                current = None
            if current is None and visits and visits[0].arrival <= quarter:
                current = visits.pop(0)
                self._left_wh = current.need_wh
            self._step(quarter, current)
        if current is not None:
            self._leave()
        self._result.cost_eur -= self._world.worth * self._stored_wh * KWH
        return self._result

    def _leave(self) -> None:
        self._result.unmet_wh += self._left_wh
        self._left_wh = self._drawn_w = 0.0

    def _step(self, quarter: int, visit: Visit | None) -> None:
        net_w = self._world.net_w(quarter)
        left = timedelta() if visit is None else (visit.departure - quarter) * QUARTER
        must_w = latest_start_w(self._left_wh, FULL_W, left - MARGIN, QUARTER)
        told = self._controller.decide(
            Now(quarter, net_w, visit, self._left_wh, self._drawn_w, must_w, self._stored_wh)
        )
        car_w = self._charge(max(must_w and max(must_w, RANGES[0].least_w), told.car_w)) if visit is not None else 0.0
        battery_w = self._flow(net_w + car_w if told.battery_w is None else told.battery_w)
        self._book(quarter, net_w + car_w - battery_w)

    def _charge(self, told_w: float) -> float:
        """Return the car's mean W: none below its least current, less what a start or other phases take."""
        if told_w < RANGES[0].least_w - 1e-6 or self._left_wh <= 0.0:
            self._result.switches += self._drawn_w > 0.0
            self._drawn_w = 0.0
            return 0.0
        three = told_w >= RANGES[1].least_w - 1e-6
        power = min(told_w, FULL_W) if three else min(told_w, RANGES[0].most_w)
        idle_s = 0.0
        if self._drawn_w <= 0.0:
            idle_s = START_S
            self._result.switches += 1
        if three != self._three:
            idle_s, self._three = PHASE_CHANGE_S, three
        self._drawn_w = power
        taken = min(self._left_wh, power * HOURS * (1 - idle_s / STEP_S))
        self._left_wh -= taken
        if self._left_wh < 1e-6:
            self._left_wh = 0.0
        self._result.car_wh += taken
        return taken / HOURS

    def _flow(self, told_w: float) -> float:
        """Return what the battery gives of what it is told."""
        battery = self._world.battery
        if battery is None:
            return 0.0
        most_in, most_out = battery_range(self._world, self._stored_wh)
        power = min(max(told_w, -most_in), most_out)
        change = -power / battery.discharge_efficiency if power > 0 else -power * battery.charge_efficiency
        self._stored_wh = min(max(self._stored_wh + change * HOURS, 0.0), battery.capacity_wh)
        self._result.moved_wh += abs(power) * HOURS
        return power

    def _book(self, quarter: int, grid_w: float) -> None:
        at = self._world.before + quarter
        price = self._world.import_price[at] if grid_w > 0 else self._world.feed_in_price[at]
        self._result.cost_eur += grid_w * HOURS * KWH * price
        self._result.grid_w.append(grid_w)

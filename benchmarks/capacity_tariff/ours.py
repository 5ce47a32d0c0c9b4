"""Our controller under the tariff: plans that know the month's peak so far, and a limit on what is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.home_price.home import RANGES, Now, Told
from benchmarks.home_price.planned import CAR, SWITCHING_EUR_PER_H, Planner
from custom_components.smart_charging.engine.control.planning.merit_order import CarNow, Moment, merit_order
from custom_components.smart_charging.engine.control.planning.problem import PeakPrice, Plan

from .tariff import EUR_PER_KW, FEED_IN_EUR, FLOOR_W, IMPORT_EUR

HABIT = 0.9  # of the house's own highest quarter hour of the last weeks: it is paid for anyway


@dataclass(slots=True)
class UnderTheTariff:
    """A plan each quarter hour; the car takes what the peak leaves beside the measured house."""

    planner: Planner
    habit: float = HABIT
    _seen_w: float = field(default=FLOOR_W)

    def decide(self, now: Now) -> Told:
        """Return what the car does by the newest values, below the peak that the plan accepts."""
        expected_w = max(self._seen_w, self.habit * max(self._house_w()))
        if now.visit is None or now.left_wh <= 0.0:
            self._seen_w = max(self._seen_w, now.net_w)
            return Told(0.0)
        made = self.planner.plan(now, PeakPrice(EUR_PER_KW, expected_w))
        limit_w = max(expected_w, made.peak_w or 0.0, now.net_w)
        car_w = max(now.must_w, self._car_w(now, made, limit_w))
        self._seen_w = max(self._seen_w, now.net_w + car_w)
        return Told(car_w)

    def _car_w(self, now: Now, made: Plan, limit_w: float) -> float:
        car = CarNow(CAR, made.cars[CAR].value, made.cars[CAR].power_w[0], RANGES, now.drawn_w)
        moment = Moment(
            now.net_w, IMPORT_EUR, FEED_IN_EUR, (car,), import_limit_w=limit_w, switching=SWITCHING_EUR_PER_H
        )
        return merit_order(moment).cars[CAR]

    def _house_w(self) -> Sequence[float]:
        """Return what the house took from the grid in the weeks before the month."""
        world = self.planner.world
        return [world.net_w(quarter) for quarter in range(-world.before, 0)]

"""Controllers that plan: ours, and a programme that is solved once a day and when the car comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.series import QUARTER
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.merit_order import BatteryNow, CarNow, Moment, merit_order
from custom_components.smart_charging.engine.control.planning.problem import (
    NotPlanned,
    PeakPrice,
    Plan,
    PlannedCar,
    Problem,
    Target,
)
from custom_components.smart_charging.engine.control.planning.uncertainty import OUTLOOKS, Turn, outlooks, weighed

from .forecasts import Forecasts
from .home import FULL_W, RANGES, Now, Told, battery_range
from .world import World

HORIZON = 192
CAR = "car"
SWITCHING_EUR_PER_H = 0.02
TIME_LIMIT_S = 2.0  # for a plan of 20 ms: the solver now and then turns in circles


def planned(problem: Problem) -> Plan:
    """Return the linear programme's plan, or the one in plain Python where the solver gives up."""
    try:
        return highs.plan(problem, time_limit_s=TIME_LIMIT_S)
    except NotPlanned:
        return greedy.plan(problem)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans of a home by what is expected."""

    world: World
    forecasts: Forecasts
    horizon: int = HORIZON
    turns: Sequence[Turn] = OUTLOOKS  # that are planned for as well

    def plan(self, now: Now, peak: PeakPrice | None = None) -> Plan:
        """Return the cheapest plan from this quarter on, with values that weigh a darker and a brighter outlook."""
        problem = self.problem(now, peak)
        return weighed([planned(one) for one in outlooks(problem, self.turns)])

    def problem(self, now: Now, peak: PeakPrice | None = None) -> Problem:
        """Return what is known and expected from this quarter on."""
        count = min(self.horizon, self.world.quarters - now.quarter)
        prices = tuple(self.forecasts.day_ahead_price(now.quarter, count))
        battery = self.world.battery
        return Problem(
            start=self.world.begin + now.quarter * QUARTER,
            import_price=tuple(price + self.world.markup for price in prices),
            feed_in_price=prices,
            pv_w=tuple(self.forecasts.pv_w(now.quarter, count)),
            base_w=tuple(self.forecasts.load_w(now.quarter, count)),
            cars=tuple(self._cars(now, count)),
            batteries=() if battery is None else (replace(battery, stored_wh=now.stored_wh),),
            peak=peak,
        )

    def _cars(self, now: Now, count: int) -> list[PlannedCar]:
        cars = []
        stays = [(CAR, 0, now.visit.departure, now.left_wh)] if now.visit is not None and now.left_wh > 0 else []
        stays += [
            (f"{CAR} {one.arrival}", one.arrival - now.quarter, one.departure, one.need_wh)
            for one in self.forecasts.visits(now.quarter, count)
        ]
        for name, begin, departure, need_wh in stays:
            end = min(departure - now.quarter, count)
            # What the plan does not reach can be charged after it.
            later_wh = (departure - now.quarter - end) * FULL_W / 4
            wanted = max(0.0, need_wh - later_wh)
            present = tuple(begin <= slot < end for slot in range(count))
            cars.append(PlannedCar(name, present, FULL_W, need_wh, (Target(wanted, end),)))
        return cars


@dataclass(slots=True)
class Ours:
    """The product's way: a plan each quarter hour, of which values are kept, and the merit order of what is measured."""

    planner: Planner
    switching: float = SWITCHING_EUR_PER_H

    def decide(self, now: Now) -> Told:
        """Return what car and battery do by the newest values."""
        made = self.planner.plan(now)
        at = self.planner.world.before + now.quarter
        powers = merit_order(
            Moment(
                net_w=now.net_w,
                import_price=self.planner.world.import_price[at],
                feed_in_price=self.planner.world.feed_in_price[at],
                cars=self._cars(now, made),
                batteries=self._batteries(now, made),
                switching=self.switching,
            )
        )
        return Told(powers.cars.get(CAR, 0.0), next(iter(powers.batteries.values()), 0.0))

    def _cars(self, now: Now, made: Plan) -> tuple[CarNow, ...]:
        if CAR not in made.cars:
            return ()
        car = made.cars[CAR]
        return (CarNow(CAR, car.value, car.power_w[0], RANGES, now.drawn_w, now.must_w),)

    def _batteries(self, now: Now, made: Plan) -> tuple[BatteryNow, ...]:
        battery = self.planner.world.battery
        if battery is None:
            return ()
        led = made.batteries[battery.battery_id]
        most_in, most_out = battery_range(self.planner.world, now.stored_wh)
        return (
            BatteryNow(
                battery.battery_id,
                led.value,
                led.power_w[0],
                most_in,
                most_out,
                battery.charge_efficiency,
                battery.discharge_efficiency,
                battery.wear,
                battery.can_buy,
                battery.can_sell,
            ),
        )


@dataclass(slots=True)
class OpenLoop:
    """Carries out the setpoints of a plan that is made when prices are published and when the car comes."""

    planner: Planner
    _made_at: int = 0
    _made: Plan | None = field(default=None)
    _visit: object = None

    def decide(self, now: Now) -> Told:
        """Return the plan's setpoints; the car pauses where they are below half of its least power."""
        known, before = (self.planner.world.known_until(max(0, now.quarter - back)) for back in (0, 1))
        if self._made is None or known != before or now.visit is not self._visit:
            self._made, self._made_at, self._visit = self.planner.plan(now), now.quarter, now.visit
        step = now.quarter - self._made_at
        car_w = self._made.cars[CAR].power_w[step] if CAR in self._made.cars else 0.0
        battery = next(iter(self._made.batteries.values()), None)
        return Told(_as_charged(car_w), battery.power_w[step] if battery else 0.0)


def _as_charged(power_w: float) -> float:
    """Return the nearest power that a car can charge with."""
    one, three = RANGES
    if power_w < one.least_w:
        return one.least_w if power_w >= one.least_w / 2 else 0.0
    if one.most_w < power_w < three.least_w:
        return one.most_w if power_w < (one.most_w + three.least_w) / 2 else three.least_w
    return power_w

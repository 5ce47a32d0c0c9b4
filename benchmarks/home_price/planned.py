"""Controllers that plan: ours, and a programme that is solved once a day and when the car comes."""

from dataclasses import dataclass, field, replace

from benchmarks.series import QUARTER
from custom_components.smart_charging.engine.control.planning.highs import plan
from custom_components.smart_charging.engine.control.planning.merit_order import (
    BatteryNow,
    CarNow,
    Moment,
    merit_order,
)
from custom_components.smart_charging.engine.control.planning.problem import Plan, PlannedCar, Problem, Target

from .forecasts import Forecasts, import_price
from .home import FULL_W, RANGES, Now, Told, battery_range
from .world import World

HORIZON = 192
CAR = "car"
SWITCHING_EUR_PER_H = 0.02


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans of a home by what is expected."""

    world: World
    forecasts: Forecasts
    horizon: int = HORIZON
    worth: float | None = None  # None: the home's own

    def plan(self, now: Now) -> Plan:
        """Return the cheapest plan from this quarter on."""
        count = min(self.horizon, self.world.quarters - now.quarter)
        return plan(self.problem(now, count))

    def problem(self, now: Now, count: int) -> Problem:
        """Return what is known and expected of so many quarters."""
        prices = tuple(self.forecasts.day_ahead_price(now.quarter, count))
        battery = self.world.battery
        return Problem(
            start=self.world.begin + now.quarter * QUARTER,
            import_price=tuple(import_price(price) for price in prices),
            feed_in_price=prices,
            pv_w=tuple(self.forecasts.pv_w(now.quarter, count)),
            base_w=tuple(self.forecasts.load_w(now.quarter, count)),
            cars=tuple(self._cars(now, count)),
            batteries=() if battery is None else (replace(battery, stored_wh=now.stored_wh),),
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
        if now.must_charge and self.planner.world.battery is None:
            return Told(FULL_W)
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
        return (CarNow(CAR, car.value, car.power_w[0], RANGES, now.drawn_w, now.must_charge),)

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

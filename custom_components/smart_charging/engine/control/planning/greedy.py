"""Plans without a solver: the cheapest slots for each car in turn, beside a battery led by dynamic programming.

For one car without a battery it is the optimum: cheapest slots first, the earliest deadline's before the others'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .battery_programme import lead_battery
from .problem import MONEY_PER_WH, BatteryPlan, CarPlan, Plan, PlannedBy, PlannedCar, Problem

_ROUNDS = 3  # cars and batteries are planned beside each other in turn
_NOTHING_W = 1e-6
_NOTHING_WH = 1e-6


@dataclass(slots=True)
class _Hours:
    """What still flows, and may, in each slot: W at the connection without cars that wait, and A left on circuits.

    `quiet_w` may flow without a new peak, `most_w` at all, `cars_w` into all cars together.
    """

    net_w: list[float]
    quiet_w: list[float]
    most_w: list[float]
    cars_w: list[float]
    left_a: dict[str, list[list[float]]]


@dataclass(frozen=True, slots=True)
class _Offer:
    """Power to be had in a slot at a price per kWh."""

    price: float
    slot: int
    power_w: float


def plan(problem: Problem) -> Plan:
    """Return a good plan in tens of milliseconds; where targets can't be reached, the best effort."""
    stored: dict[str, list[float]] = {one.battery_id: [0.0] * problem.slots for one in problem.batteries}
    cars: dict[str, CarPlan] = {}
    batteries: dict[str, BatteryPlan] = {}
    for _ in range(_ROUNDS if problem.batteries else 1):
        given = [sum(powers) for powers in zip(*stored.values(), strict=True)] if stored else [0.0] * problem.slots
        cars = _plan_cars(problem, given)
        drawn = [sum(powers) for powers in zip(*(one.power_w for one in cars.values()), strict=True)] if cars else []
        for battery in problem.batteries:
            others = [name for name in stored if name != battery.battery_id]
            net = [
                problem.base_w[slot]
                - problem.pv_w[slot]
                + (drawn[slot] if drawn else 0.0)
                - sum(stored[name][slot] for name in others)
                for slot in range(problem.slots)
            ]
            batteries[battery.battery_id] = lead_battery(problem, battery, net)
            stored[battery.battery_id] = list(batteries[battery.battery_id].power_w)
    return _plan_of(problem, cars, batteries)


def _plan_of(problem: Problem, cars: dict[str, CarPlan], batteries: dict[str, BatteryPlan]) -> Plan:
    grid = [
        problem.base_w[slot]
        - problem.pv_w[slot]
        + sum(one.power_w[slot] for one in cars.values())
        - sum(one.power_w[slot] for one in batteries.values())
        for slot in range(problem.slots)
    ]
    priced = zip(grid, problem.import_price, problem.feed_in_price, problem.hours, strict=True)
    return Plan(
        made_by=PlannedBy.GREEDY,
        start=problem.start,
        slot=problem.slot,
        first_slot=problem.first_slot,
        cars=cars,
        batteries=batteries,
        grid_w=tuple(grid),
        cost=sum(flow * (buy if flow > 0 else sell) * hours for flow, buy, sell, hours in priced) * MONEY_PER_WH,
        peak_w=None if problem.peak is None else max(problem.peak.seen_w, *grid),
        over_limit_wh=sum(
            max(0.0, flow - limit) * hours
            for flow, limit, hours in zip(grid, problem.import_limit_w, problem.hours, strict=False)
        ),
    )


def _plan_cars(problem: Problem, given_w: Sequence[float]) -> dict[str, CarPlan]:
    """Plan the cars one after the other: who has the least time to spare chooses first."""
    unlimited = [float("inf")] * problem.slots
    most = list(problem.import_limit_w) or unlimited
    hours = _Hours(
        net_w=[base - pv - given for base, pv, given in zip(problem.base_w, problem.pv_w, given_w, strict=True)],
        quiet_w=[min(limit, _peak_w(problem)) for limit in most],
        most_w=most,
        cars_w=list(problem.controllable_limit_w) or unlimited,
        left_a={one.circuit_id: [list(phases) for phases in one.left_a] for one in problem.circuits},
    )
    planned = {
        car.car_id: _Purchase(problem, car, hours).plan()
        for car in sorted(problem.cars, key=lambda car: _spare_h(problem, car))
    }
    return {car.car_id: planned[car.car_id] for car in problem.cars}


def _peak_w(problem: Problem) -> float:
    """Return the import that costs no new peak."""
    if problem.peak is None or problem.peak.price_per_kw <= 0:
        return float("inf")
    house = max(base - pv for base, pv in zip(problem.base_w, problem.pv_w, strict=True))
    return max(problem.peak.seen_w, house)


def _spare_h(problem: Problem, car: PlannedCar) -> float:
    """Return the hours that a car has beyond those that its most pressing target takes."""
    spare = [
        sum(hours for hours, here in zip(problem.hours[: one.before_slot], car.present, strict=False) if here)
        - one.energy_wh / max(car.max_w, 1.0)
        for one in car.targets
    ]
    return min(spare, default=float("inf"))


class _Purchase:
    """Buys one car's energy out of what the hours have left."""

    def __init__(self, problem: Problem, car: PlannedCar, hours: _Hours) -> None:
        """Begin with nothing bought."""
        self._problem = problem
        self._car = car
        self._hours = hours
        self._circuits = [one.circuit_id for one in problem.circuits if car.circuit_id in one.members]
        self._delivered = 1.0 - min(car.overhead_w / car.max_w, 0.9) if car.max_w > 0 else 1.0
        self._power = [0.0] * problem.slots
        self._taken_wh = 0.0
        self._price = 0.0

    def plan(self) -> CarPlan:
        """Take the cheapest slots for each target in the order of time, then what is cheaper than energy is worth."""
        car, lacks = self._car, {}
        for target in sorted(car.targets, key=lambda one: one.before_slot):
            # A new peak is bought only for what can't be had without.
            for most_w in (self._hours.quiet_w, self._hours.most_w):
                self._buy(target.energy_wh, target.before_slot, target.penalty, most_w)
            lacks[target] = max(0.0, target.energy_wh - self._taken_wh)
        value = max(self._price, car.worth * self._delivered)
        self._buy(car.room_wh, self._problem.slots, car.worth, self._hours.quiet_w)
        return CarPlan(tuple(self._power), value, tuple(lacks[one] for one in car.targets))

    def _buy(self, total_wh: float, before: int, worth: float, most_w: Sequence[float]) -> None:
        """Add the cheapest energy below what it is worth, up to so much in all."""
        offers = [
            offer for slot in range(before) if self._car.present[slot] for offer in self._offers(slot, most_w[slot])
        ]
        for offer in sorted(offers, key=lambda offer: (offer.price, offer.slot)):
            wanted_wh = (min(total_wh, self._car.room_wh) - self._taken_wh) / self._delivered
            if offer.price >= worth * self._delivered or wanted_wh <= _NOTHING_WH:
                return
            hours = self._problem.hours[offer.slot]
            watts = min(offer.power_w, wanted_wh / hours)
            self._take(offer.slot, watts)
            self._taken_wh += watts * hours * self._delivered
            self._price = max(self._price, offer.price)

    def _take(self, slot: int, watts: float) -> None:
        self._power[slot] += watts
        self._hours.net_w[slot] += watts
        self._hours.cars_w[slot] -= watts
        for circuit_id in self._circuits:
            left = self._hours.left_a[circuit_id][slot]
            for phase, share in enumerate(self._car.amps_per_w):
                left[phase] -= watts * share

    def _offers(self, slot: int, most_w: float) -> list[_Offer]:
        """Return what a slot has: surplus at what it would be sold for, the rest at the price of the grid."""
        most = min(self._car.max_w - self._power[slot], self._hours.cars_w[slot])
        for circuit_id in self._circuits:
            for left, share in zip(self._hours.left_a[circuit_id][slot], self._car.amps_per_w, strict=True):
                if share > 0:
                    most = min(most, max(0.0, left) / share)
        net, buy = self._hours.net_w[slot], self._problem.import_price[slot]
        surplus = min(most, max(0.0, -net))
        bought = min(most - surplus, most_w - max(0.0, net))
        offers = (_Offer(min(self._problem.feed_in_price[slot], buy), slot, surplus), _Offer(buy, slot, bought))
        return [offer for offer in offers if offer.power_w > _NOTHING_W]

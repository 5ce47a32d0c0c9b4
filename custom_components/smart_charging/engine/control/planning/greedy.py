"""Plans without a solver: the cheapest slots for each car in turn, beside a battery led by dynamic programming.

For one car it is the optimum, with a battery nearly so: cheapest slots first, the earliest deadline's before the
others'. Of several cars the one with the least time to spare chooses first; further batteries follow the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .battery_programme import Flexible, lead_battery
from .problem import MONEY_PER_WH, BatteryPlan, CarPlan, Plan, PlannedBattery, PlannedBy, PlannedCar, Problem

_HALVINGS = 9  # of the range of prices, for the one that brings a car its energy beside a battery
_ENOUGH_WH = 1.0  # of difference between two plans: nothing is gained by looking further
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
    hours = _hours(problem)
    quiet = replace(problem, import_limit_w=tuple(hours.quiet_w))
    largest_first = sorted(problem.batteries, key=lambda one: -one.capacity_wh)
    leader = largest_first[0] if largest_first else None
    planned = {
        car.car_id: _Purchase(problem, car, hours, leader).plan()
        for car in sorted(problem.cars, key=lambda car: _spare_h(problem, car))
    }
    batteries: dict[str, BatteryPlan] = {}
    net = hours.net_w
    for battery in largest_first:
        led = batteries[battery.battery_id] = lead_battery(quiet, battery, net).battery
        net = [flow - power for flow, power in zip(net, led.power_w, strict=True)]
    return _plan_of(
        problem,
        {car.car_id: planned[car.car_id] for car in problem.cars},
        {battery.battery_id: batteries[battery.battery_id] for battery in problem.batteries},
    )


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


def _hours(problem: Problem) -> _Hours:
    unlimited = [float("inf")] * problem.slots
    most = list(problem.import_limit_w) or unlimited
    return _Hours(
        net_w=[base - pv for base, pv in zip(problem.base_w, problem.pv_w, strict=True)],
        quiet_w=[min(limit, _peak_w(problem)) for limit in most],
        most_w=most,
        cars_w=list(problem.controllable_limit_w) or unlimited,
        left_a={one.circuit_id: [list(phases) for phases in one.left_a] for one in problem.circuits},
    )


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

    def __init__(self, problem: Problem, car: PlannedCar, hours: _Hours, battery: PlannedBattery | None) -> None:
        """Begin with nothing bought."""
        self._problem = problem
        self._car = car
        self._hours = hours
        self._battery = battery
        self._circuits = [one.circuit_id for one in problem.circuits if car.circuit_id in one.members]
        self._delivered = car.delivered
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
        wanted_wh = (min(total_wh, self._car.room_wh) - self._taken_wh) / self._delivered
        highest = min(worth * self._delivered, self._problem.over_price - 1.0)
        slots = [slot for slot in range(before) if self._car.present[slot]]
        if wanted_wh <= _NOTHING_WH or not slots:
            return
        if self._battery is None:
            self._buy_alone(slots, wanted_wh, highest, most_w)
        else:
            self._buy_beside(self._battery, slots, wanted_wh, highest, most_w)

    def _buy_alone(self, slots: Sequence[int], wanted_wh: float, highest: float, most_w: Sequence[float]) -> None:
        offers = [offer for slot in slots for offer in self._offers(slot, most_w[slot])]
        for offer in sorted(offers, key=lambda offer: (offer.price, offer.slot)):
            if offer.price >= highest or wanted_wh <= _NOTHING_WH:
                return
            watts = min(offer.power_w, wanted_wh / self._problem.hours[offer.slot])
            wanted_wh -= self._take(offer.slot, watts)
            self._price = max(self._price, offer.price)

    def _buy_beside(
        self,
        battery: PlannedBattery,
        slots: Sequence[int],
        wanted_wh: float,
        highest: float,
        most_w: Sequence[float],
    ) -> None:
        """Find the price at which the car takes what it wants beside a battery that does what is best with it.

        It lies between one that brings too little and one that brings too much. What both bring is mixed, which
        keeps every limit, as limits are linear.
        """
        problem = replace(self._problem, import_limit_w=tuple(most_w))
        room = [0.0] * problem.slots
        for slot in slots:
            room[slot] = self._room_w(slot)

        def taken_at(price: float) -> tuple[Sequence[float], float]:
            taken = lead_battery(problem, battery, self._hours.net_w, Flexible(price, room)).taken_w
            return taken, sum(taken[slot] * problem.hours[slot] for slot in slots)

        low = min(min(problem.feed_in_price[slot], problem.import_price[slot]) for slot in slots)
        high = min(highest, max(problem.import_price[slot] for slot in slots) + MONEY_PER_WH)
        less: tuple[Sequence[float], float] = (0.0,) * problem.slots, 0.0
        more = taken_at(high)
        for _ in range(_HALVINGS if more[1] > wanted_wh else 0):
            if more[1] - less[1] <= _ENOUGH_WH:
                break
            found = taken_at(middle := (low + high) / 2)
            if found[1] > wanted_wh:
                high, more = middle, found
            else:
                low, less = middle, found
        share = 1.0 if more[1] <= wanted_wh else (wanted_wh - less[1]) / (more[1] - less[1])
        for slot in slots:
            self._take(slot, less[0][slot] + share * (more[0][slot] - less[0][slot]))
        if more[1] > _NOTHING_WH:
            self._price = max(self._price, high)

    def _take(self, slot: int, watts: float) -> float:
        """Book power in a slot; returns its Wh."""
        self._power[slot] += watts
        self._hours.net_w[slot] += watts
        self._hours.cars_w[slot] -= watts
        for circuit_id in self._circuits:
            left = self._hours.left_a[circuit_id][slot]
            for phase, share in enumerate(self._car.amps_per_w):
                left[phase] -= watts * share
        energy_wh = watts * self._problem.hours[slot]
        self._taken_wh += energy_wh * self._delivered
        return energy_wh

    def _room_w(self, slot: int) -> float:
        """Return what the car may still take beside those that chose before it."""
        most = min(self._car.max_w - self._power[slot], self._hours.cars_w[slot])
        for circuit_id in self._circuits:
            for left, share in zip(self._hours.left_a[circuit_id][slot], self._car.amps_per_w, strict=True):
                if share > 0:
                    most = min(most, left / share)
        return max(0.0, most)

    def _offers(self, slot: int, most_w: float) -> list[_Offer]:
        """Return what a slot has: surplus at what it would be sold for, the rest at the price of the grid."""
        most = self._room_w(slot)
        net, buy = self._hours.net_w[slot], self._problem.import_price[slot]
        surplus = min(most, max(0.0, -net))
        bought = min(most - surplus, most_w - max(0.0, net))
        offers = (_Offer(min(self._problem.feed_in_price[slot], buy), slot, surplus), _Offer(buy, slot, bought))
        return [offer for offer in offers if offer.power_w > _NOTHING_W]

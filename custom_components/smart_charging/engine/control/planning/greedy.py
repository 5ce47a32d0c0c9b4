"""Plans without a solver: the cheapest slots for each car in turn, beside a battery led by dynamic programming.

For one car without a battery it is the optimum: cheapest slots first, the earliest deadline's before the others'.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .battery_programme import lead_battery
from .problem import MONEY_PER_WH, BatteryPlan, CarPlan, Plan, PlannedBy, PlannedCar, Problem

_ROUNDS = 3  # cars and batteries are planned beside each other in turn
_NOTHING_W = 1e-6


@dataclass(slots=True)
class _Hours:
    """What still flows, and may, in each slot: W at the connection without cars that wait, and A left on circuits."""

    net_w: list[float]
    most_w: list[float]
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
    flows = _Hours(
        net_w=[base - pv - given for base, pv, given in zip(problem.base_w, problem.pv_w, given_w, strict=True)],
        most_w=_most_import(problem),
        left_a={one.circuit_id: [list(phases) for phases in one.left_a] for one in problem.circuits},
    )
    planned = {
        car.car_id: _plan_car(problem, car, flows)
        for car in sorted(problem.cars, key=lambda car: _spare_h(problem, car))
    }
    return {car.car_id: planned[car.car_id] for car in problem.cars}


def _most_import(problem: Problem) -> list[float]:
    """Return what may be imported in each slot; a new peak is bought by no car that can wait."""
    most = list(problem.import_limit_w) or [float("inf")] * problem.slots
    if problem.peak is not None and problem.peak.price_per_kw > 0:
        house = max(base - pv for base, pv in zip(problem.base_w, problem.pv_w, strict=True))
        peak = max(problem.peak.seen_w, house)
        most = [min(limit, peak) for limit in most]
    return most


def _spare_h(problem: Problem, car: PlannedCar) -> float:
    """Return the hours that a car has beyond those that its most pressing target takes."""
    spare = [
        sum(hours for hours, here in zip(problem.hours[: one.before_slot], car.present, strict=False) if here)
        - one.energy_wh / max(car.max_w, 1.0)
        for one in car.targets
    ]
    return min(spare, default=float("inf"))


def _plan_car(problem: Problem, car: PlannedCar, flows: _Hours) -> CarPlan:
    """Take the cheapest slots for each target in the order of time, then what is cheaper than energy is worth."""
    power = [0.0] * problem.slots
    delivered = 1.0 - min(car.overhead_w / car.max_w, 0.9) if car.max_w > 0 else 1.0
    taken, value, missing = 0.0, car.worth, []
    for target in sorted(car.targets, key=lambda one: one.before_slot):
        wanted = min(target.energy_wh, car.room_wh) - taken
        got, price = _buy(
            problem, car, flows, power, wanted / delivered, before=target.before_slot, ceiling=target.penalty
        )
        taken += got * delivered
        value = max(value, price * delivered)
        missing.append((target, max(0.0, target.energy_wh - taken)))
    got, _ = _buy(
        problem, car, flows, power, (car.room_wh - taken) / delivered, before=problem.slots, ceiling=car.worth
    )
    lacks = dict(missing)
    return CarPlan(tuple(power), value, tuple(lacks[one] for one in car.targets))


def _buy(
    problem: Problem,
    car: PlannedCar,
    flows: _Hours,
    power: list[float],
    energy_wh: float,
    *,
    before: int,
    ceiling: float,
) -> tuple[float, float]:
    """Add the cheapest energy below a price; return what was got in Wh and the price of the last."""
    offers = sorted(
        (offer for slot in range(before) if car.present[slot] for offer in _offers(problem, car, flows, power, slot)),
        key=lambda offer: (offer.price, offer.slot),
    )
    got, last = 0.0, 0.0
    for offer in offers:
        if offer.price >= ceiling or energy_wh - got <= _NOTHING_W:
            break
        hours = problem.hours[offer.slot]
        watts = min(offer.power_w, (energy_wh - got) / hours)
        power[offer.slot] += watts
        flows.net_w[offer.slot] += watts
        for circuit in problem.circuits:
            if car.circuit_id in circuit.members:
                left = flows.left_a[circuit.circuit_id][offer.slot]
                for phase in range(3):
                    left[phase] -= watts * car.amps_per_w[phase]
        got, last = got + watts * hours, offer.price
    return got, last


def _offers(problem: Problem, car: PlannedCar, flows: _Hours, power: Sequence[float], slot: int) -> list[_Offer]:
    """Return what a slot has for a car: surplus at what it would be sold for, the rest at the price of the grid."""
    most = car.max_w - power[slot]
    for circuit in problem.circuits:
        if car.circuit_id in circuit.members:
            for left, share in zip(flows.left_a[circuit.circuit_id][slot], car.amps_per_w, strict=True):
                if share > 0:
                    most = min(most, max(0.0, left) / share)
    if problem.controllable_limit_w:
        most = min(most, problem.controllable_limit_w[slot])
    net, buy = flows.net_w[slot], problem.import_price[slot]
    surplus = min(most, max(0.0, -net))
    bought = min(most - surplus, flows.most_w[slot] - max(0.0, net))
    offers = [
        _Offer(min(problem.feed_in_price[slot], buy), slot, surplus),
        _Offer(buy, slot, bought),
    ]
    return [offer for offer in offers if offer.power_w > _NOTHING_W]


def without_batteries(problem: Problem) -> Problem:
    """Return the problem of the cars alone."""
    return replace(problem, batteries=())

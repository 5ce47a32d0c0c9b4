"""Leads one battery, and a car beside it, through a plan's slots: exact dynamic programming in plain Python.

What contents are worth is a falling staircase over the contents: a list of segments, the most valuable first. A
slot's prices are such a staircase too: what a Wh more in the battery costs there. One slot earlier the staircase is
both merged in the order of value, cut to what the battery holds (Bellman's recursion of a convex cost is the sum of
staircases). A car that pays a price for energy is one more segment of each slot's staircase.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .problem import BatteryPlan, PlannedBattery, Problem

_INFINITE = float("inf")
_NOTHING_WH = 1e-9

type Segment = tuple[float, float, bool]  # money per kWh, Wh, and whether it is of the contents


@dataclass(frozen=True, slots=True)
class Flexible:
    """A load that takes up to `most_w` by slot at any price per kWh below `price`, and nothing above."""

    price: float
    most_w: Sequence[float]


@dataclass(frozen=True, slots=True)
class Led:
    """What a battery does, and what the load beside it takes in W by slot."""

    battery: BatteryPlan
    taken_w: tuple[float, ...]


def lead_battery(
    problem: Problem, battery: PlannedBattery, net_w: Sequence[float], beside: Flexible | None = None
) -> Led:
    """Return what a battery best does beside a net load (import > 0), and beside a load that waits for a price."""
    lowest = max(0.0, min(battery.least_wh, battery.stored_wh))
    room = max(battery.capacity_wh, battery.stored_wh) - lowest
    load = beside or Flexible(-_INFINITE, (0.0,) * problem.slots)
    worth: list[Segment] = [(battery.worth, room, True)]
    merged: list[tuple[list[Segment], float]] = []
    for slot in range(problem.slots - 1, -1, -1):
        steps, most = _steps(problem, battery, slot, net_w[slot], load)
        both = sorted(worth + steps, reverse=True)
        merged.append((both, most))
        worth = _part(both, most, room)
    return _forwards(problem, battery, net_w, load, merged[::-1], lowest, room)


def _steps(
    problem: Problem, battery: PlannedBattery, slot: int, net_w: float, load: Flexible
) -> tuple[list[Segment], float]:
    """Return what a Wh more in the battery costs in a slot, step by step, and how many Wh it can take there at most."""
    hours = problem.hours[slot]
    into, out = battery.charge_efficiency * hours, hours / battery.discharge_efficiency
    begin, most_w, stairs = _stairs(problem, battery, slot, net_w, load)
    steps: list[Segment] = []
    highest, taken = -_INFINITE, 0.0
    for price, end in stairs:
        high = min(end, most_w)
        if high <= begin:
            continue
        if begin < 0.0:
            # Where energy is paid for being taken, to lose some of it would pay: no step is below the one before.
            highest = max(highest, (price - battery.wear) * battery.discharge_efficiency)
            steps.append((highest, (min(high, 0.0) - begin) * out, False))
        if high > 0.0:
            if price >= problem.over_price:
                break
            highest = max(highest, price / battery.charge_efficiency)
            steps.append((highest, (high - max(begin, 0.0)) * into, False))
            taken += steps[-1][1]
        begin = high
    return steps, taken


def _stairs(
    problem: Problem, battery: PlannedBattery, slot: int, net_w: float, load: Flexible
) -> tuple[float, float, list[tuple[float, float]]]:
    """Return the least and most W into the battery, and what a W more costs up to where, in rising order.

    As its power rises from full discharge, less is sold, then the load gives way or more is bought.
    """
    buy = problem.import_price[slot]
    sell = min(problem.feed_in_price[slot], buy)
    limit = problem.import_limit_w[slot] if problem.import_limit_w else _INFINITE
    waits_w = load.most_w[slot]
    least_w, most_w = -battery.max_discharge_w, battery.max_charge_w
    at_w = -net_w - (waits_w if load.price > sell else 0.0)  # where selling ends
    if not battery.can_sell:
        least_w = max(least_w, min(0.0, at_w))
    stairs = [(sell, at_w)]
    if sell < load.price < buy:
        at_w += waits_w
        stairs.append((load.price, at_w))
    if not battery.can_buy:
        most_w = min(most_w, max(0.0, at_w))
    stairs.append((buy, at_w + limit))
    if load.price >= buy:
        stairs.append((load.price, at_w + limit + waits_w))
    stairs.append((problem.over_price, _INFINITE))
    return least_w, most_w, stairs


def _part(segments: Sequence[Segment], skipped: float, length: float) -> list[Segment]:
    """Return the part of a staircase that begins after some Wh and has this length."""
    part: list[Segment] = []
    for price, size, _ in segments:
        if skipped >= size:
            skipped -= size
            continue
        size, skipped = min(size - skipped, length), 0.0
        if part and part[-1][0] == price:
            part[-1] = (price, part[-1][1] + size, True)
        else:
            part.append((price, size, True))
        length -= size
        if length <= _NOTHING_WH:
            break
    return part


def _forwards(
    problem: Problem,
    battery: PlannedBattery,
    net_w: Sequence[float],
    load: Flexible,
    merged: Sequence[tuple[Sequence[Segment], float]],
    lowest: float,
    room: float,
) -> Led:
    held = battery.stored_wh - lowest
    powers, contents, taken = [], [], []
    for slot, (both, most) in enumerate(merged):
        before, held = held, _held(both, held + most, room)
        power = _power(battery, held - before, problem.hours[slot])
        powers.append(power)
        contents.append(held + lowest)
        taken.append(_taken(problem, slot, net_w[slot] - power, load))
    value = _value(merged[0], battery.stored_wh - lowest, battery.worth)
    return Led(BatteryPlan(tuple(powers), tuple(contents), value), tuple(taken))


def _held(both: Sequence[Segment], distance: float, room: float) -> float:
    """Return what is held after a slot: the Wh of the contents among the most valuable ones up to a distance."""
    held = 0.0
    for _, size, kept in both:
        part = min(size, distance)
        if kept:
            held += part
        distance -= part
        if distance <= _NOTHING_WH:
            break
    return min(held, room)


def _power(battery: PlannedBattery, change_wh: float, hours: float) -> float:
    """Return the W (discharge > 0) at the battery's terminals that change its contents so in this time."""
    if change_wh > 0:
        return -change_wh / battery.charge_efficiency / hours
    return -change_wh * battery.discharge_efficiency / hours


def _taken(problem: Problem, slot: int, net_w: float, load: Flexible) -> float:
    """Return what the load takes in a slot beside all else."""
    buy, most_w = problem.import_price[slot], load.most_w[slot]
    if load.price >= buy:
        limit = problem.import_limit_w[slot] if problem.import_limit_w else _INFINITE
        return min(most_w, max(0.0, limit - net_w))
    if load.price > min(problem.feed_in_price[slot], buy):
        return min(most_w, max(0.0, -net_w))
    return 0.0


def _value(first: tuple[Sequence[Segment], float], held: float, worth: float) -> float:
    """Return what one more kWh is worth now: the mean of the steps on both sides of the contents."""
    both, most = first
    distance = held + most
    passed, below = 0.0, worth
    for price, size, _ in both:
        if passed + size > distance + _NOTHING_WH:
            on_an_edge = distance - passed <= _NOTHING_WH and distance > 0
            return (below + price) / 2 if on_an_edge else price
        passed, below = passed + size, price
    return below

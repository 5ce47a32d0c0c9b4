"""Leads one battery through a plan's slots by dynamic programming over levels of its contents, in plain Python."""

from collections.abc import Sequence

from .problem import MONEY_PER_WH, OVER_LIMIT, BatteryPlan, PlannedBattery, Problem

_LEVELS = 40  # steps between empty and full
_INFINITE = float("inf")


def lead_battery(problem: Problem, battery: PlannedBattery, net_w: Sequence[float]) -> BatteryPlan:
    """Return what a battery best does beside a net load (import > 0) that it does not change."""
    step_wh = max(battery.capacity_wh, battery.stored_wh) / _LEVELS
    if step_wh <= 0:
        return BatteryPlan((0.0,) * problem.slots, (0.0,) * problem.slots, battery.worth)
    least = min(battery.least_wh, battery.stored_wh)
    lowest = -int(-(least - 1e-6) // step_wh) if least > 0 else 0
    ahead = [battery.worth * MONEY_PER_WH * step_wh * -level for level in range(_LEVELS + 1)]
    choices: list[list[int]] = []
    for slot in range(problem.slots - 1, -1, -1):
        costs = _costs(problem, battery, net_w[slot], slot, step_wh)
        ahead, chosen = _backwards(ahead, costs, lowest)
        choices.append(chosen)
    return _forwards(problem, battery, choices[::-1], ahead, step_wh)


def _costs(
    problem: Problem, battery: PlannedBattery, net_w: float, slot: int, step_wh: float
) -> list[tuple[int, float]]:
    """Return the levels that contents may change by in a slot, and what each costs."""
    hours, buy = problem.hours[slot], problem.import_price[slot]
    sell = min(problem.feed_in_price[slot], buy)
    up = int(battery.max_charge_w * battery.charge_efficiency * hours / step_wh + 1e-9)
    down = int(battery.max_discharge_w / battery.discharge_efficiency * hours / step_wh + 1e-9)
    limit = problem.import_limit_w[slot] if problem.import_limit_w else _INFINITE
    costs = []
    for levels in range(-down, up + 1):
        power = _power(battery, levels * step_wh, hours)
        grid = net_w - power
        if power < 0 and ((not battery.can_buy and grid > max(0.0, net_w)) or grid > max(limit, net_w)):
            continue
        if power > 0 and not battery.can_sell and grid < min(0.0, net_w):
            continue
        wear = battery.wear * max(0.0, power)
        over = OVER_LIMIT * max(0.0, grid - limit)
        costs.append((levels, (grid * (buy if grid > 0 else sell) + wear + over) * hours * MONEY_PER_WH))
    return costs


def _power(battery: PlannedBattery, change_wh: float, hours: float) -> float:
    """Return the W (discharge > 0) at the battery's terminals that change its contents so in this time."""
    if change_wh > 0:
        return -change_wh / battery.charge_efficiency / hours
    return -change_wh * battery.discharge_efficiency / hours


def _backwards(
    ahead: Sequence[float], costs: Sequence[tuple[int, float]], lowest: int
) -> tuple[list[float], list[int]]:
    """Return the least cost from each level on, and by how many levels to change for it."""
    value, chosen = [_INFINITE] * (_LEVELS + 1), [0] * (_LEVELS + 1)
    for levels, cost in costs:
        for level in range(max(0, lowest - levels if levels < 0 else 0), min(_LEVELS, _LEVELS - levels) + 1):
            total = cost + ahead[level + levels]
            if total < value[level]:
                value[level], chosen[level] = total, levels
    return value, chosen


def _forwards(
    problem: Problem,
    battery: PlannedBattery,
    choices: Sequence[Sequence[int]],
    ahead: Sequence[float],
    step_wh: float,
) -> BatteryPlan:
    stored, level = battery.stored_wh, min(_LEVELS, int(battery.stored_wh / step_wh + 1e-6))
    value = _value(ahead, level, step_wh, battery.worth)
    powers, contents = [], []
    for slot, chosen in enumerate(choices):
        # What the contents are above their level leaves less room at the top.
        change = min(chosen[level] * step_wh, max(battery.capacity_wh, battery.stored_wh) - stored)
        powers.append(_power(battery, change, problem.hours[slot]))
        level += chosen[level]
        stored += change
        contents.append(stored)
    return BatteryPlan(tuple(powers), tuple(contents), value)


def _value(ahead: Sequence[float], level: int, step_wh: float, worth: float) -> float:
    """Return what one more kWh is worth now: the mean over the levels beside this one."""
    low, high = max(0, level - 2), min(_LEVELS, level + 2)
    if high == low or ahead[low] == _INFINITE or ahead[high] == _INFINITE:
        return worth
    return (ahead[low] - ahead[high]) / ((high - low) * step_wh) / MONEY_PER_WH

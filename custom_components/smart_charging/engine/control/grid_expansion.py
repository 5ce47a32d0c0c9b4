"""Virtual grid expansion: a battery carries what consumption exceeds a limit by, and refills with what is spare."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..config import BatteryConfig
from .battery import BatteryAction, BatteryCommand, BatteryMemory, BatteryReason, BatterySnapshot
from .elapsed import elapsed_s

LEAST_W = 100.0  # less is not worth a command
# States of charge come in whole percent and minutes late: nothing is promised that would pass the floor before.
TAPER = timedelta(minutes=5)
FOLLOW_S = 30.0  # a battery that gives less than told for so long can't give more
SHORT_SHARE = 0.8  # of what it is told
DISTRUST = timedelta(minutes=15)  # then it is tried again
PAUSE = timedelta(minutes=10)  # a longer gap between two decisions is not counted as discharge
EMPTY_PERCENT = 1.0  # so near its floor a battery has run empty
PLANNED_DAYS = 7
PLANNED_SHARE = 1.2  # of the worst of these days
LEAST_RESERVE_PERCENT = 10.0  # above the floor, however quiet the last days were


def available_w(config: BatteryConfig, measured: BatterySnapshot, memory: BatteryMemory, now: datetime) -> float:
    """Return the W of discharge that may be counted on now; it runs out gently towards the floor."""
    if not measured.available or measured.soc_percent is None:
        return 0.0
    left_wh = (measured.soc_percent - config.min_soc_percent) / 100 * config.capacity_wh
    usable_w = min(config.max_discharge_w, left_wh * (timedelta(hours=1) / TAPER))
    if memory.delivers_w is not None and memory.delivers_until is not None and now < memory.delivers_until:
        usable_w = min(usable_w, memory.delivers_w)
    return max(0.0, usable_w)


def planned_reserve_percent(config: BatteryConfig, memory: BatteryMemory) -> float:
    """Return the state of charge that is kept for grid expansion.

    It is what the worst of the last days took, and some more, at most `reserve_soc_percent`; without a day
    to learn from it is all of that.
    """
    if not memory.past_days_wh:
        return config.reserve_soc_percent
    worst_wh = max(memory.expansion_wh, *memory.past_days_wh)
    needed_percent = PLANNED_SHARE * worst_wh / config.capacity_wh * 100
    planned = config.min_soc_percent + max(LEAST_RESERVE_PERCENT, needed_percent)
    return min(config.reserve_soc_percent, planned)


def command(
    config: BatteryConfig,
    measured: BatterySnapshot,
    memory: BatteryMemory,
    *,
    over_w: float,
    spare_w: float,
    now: datetime,
) -> BatteryCommand:
    """Return what the battery is told; `over_w` exceeds the limit without it, `spare_w` is left below it.

    It gives exactly what is exceeded, takes what is spare until the planned reserve is there, and keeps
    that from any other use.
    """
    given_w = min(over_w, available_w(config, measured, memory, now))
    if given_w > LEAST_W:
        return BatteryCommand(BatteryAction.DISCHARGE, BatteryReason.GRID_EXPANSION, given_w)
    if measured.soc_percent is None:
        return BatteryCommand(BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)
    short_wh = (planned_reserve_percent(config, memory) - measured.soc_percent) / 100 * config.capacity_wh
    taken_w = min(spare_w, config.max_charge_w, short_wh * (timedelta(hours=1) / TAPER))
    if config.can_charge and taken_w > LEAST_W:
        return BatteryCommand(BatteryAction.CHARGE, BatteryReason.REFILL, taken_w)
    if config.can_hold and short_wh >= 0:
        return BatteryCommand(BatteryAction.HOLD, BatteryReason.RESERVE)
    return BatteryCommand(BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)


def remember(
    memory: BatteryMemory,
    told: BatteryCommand,
    measured: BatterySnapshot,
    *,
    config: BatteryConfig,
    now: datetime,
    zone: str,
) -> BatteryMemory:
    """Return the memory after a command.

    Counts what expansion took on each local day, and notices a battery that takes commands and does not
    deliver: until `DISTRUST` is over no more is expected of it than it gave.
    """
    memory = _judged(_counted(memory, measured, config, now, now.astimezone(ZoneInfo(zone)).date()), measured, now)
    sign = {BatteryAction.DISCHARGE: 1.0, BatteryAction.CHARGE: -1.0}.get(told.action, 0.0)
    commanded_w = sign * told.power_w
    held = memory.commanded_since is not None and memory.commanded_w * commanded_w > 0
    return replace(
        memory,
        commanded_w=commanded_w,
        commanded_since=(memory.commanded_since if held else now) if commanded_w else None,
        remembered_at=now,
    )


def _counted(
    memory: BatteryMemory, measured: BatterySnapshot, config: BatteryConfig, now: datetime, today: date
) -> BatteryMemory:
    """Add what was discharged for expansion since the last decision to the local day it ends in.

    A battery that ran empty would have been of use beyond that: such a day counts as all it can hold.
    """
    day = today.isoformat()
    if memory.day != day:
        past = () if memory.day is None else (*memory.past_days_wh, memory.expansion_wh)[-PLANNED_DAYS:]
        memory = replace(memory, day=day, expansion_wh=0.0, past_days_wh=past)
    if memory.commanded_w <= 0 or memory.remembered_at is None:
        return memory
    elapsed = now - memory.remembered_at
    if not timedelta() < elapsed <= PAUSE:
        return memory
    given_w = memory.commanded_w if measured.power_w is None else max(0.0, measured.power_w)
    given_wh = min(given_w, config.max_discharge_w) * (elapsed / timedelta(hours=1))
    empty = measured.soc_percent is not None and measured.soc_percent <= config.min_soc_percent + EMPTY_PERCENT
    taken_wh = memory.expansion_wh + given_wh
    return replace(memory, expansion_wh=max(taken_wh, config.capacity_wh) if empty else taken_wh)


def _judged(memory: BatteryMemory, measured: BatterySnapshot, now: datetime) -> BatteryMemory:
    """Compare what the battery gives with what it was told last."""
    if memory.delivers_until is not None and now >= memory.delivers_until:
        memory = replace(memory, delivers_w=None, delivers_until=None)
    told_w = memory.commanded_w
    if told_w <= LEAST_W or measured.power_w is None:
        return memory if memory.short_since is None else replace(memory, short_since=None)
    if measured.power_w >= SHORT_SHARE * told_w:
        return replace(memory, short_since=None, proven=True)
    memory = replace(memory, proven=False)
    since = memory.short_since or now
    if elapsed_s(since, now) < FOLLOW_S:
        return replace(memory, short_since=since)
    return replace(memory, short_since=None, delivers_w=max(0.0, measured.power_w), delivers_until=now + DISTRUST)

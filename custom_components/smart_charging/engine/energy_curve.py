"""When a transaction's energy flowed: points between which it is taken to be linear in time. Pure functions.

Readings are judged as the ledger judges them (`energy_count`), but in the order of their time: what came late, from a
station's queue, tells when energy flowed although it adds none. How much it was in all, the ledger's count says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import math
from typing import Final

from .energy_count import EnergyCount, advance, begin
from .energy_origin import slot_of
from .session_record import RegisterReading, TransactionRecord

FAR_OFF: Final = timedelta(minutes=3)  # a start that is told at once may be repeated for two before it gets through
CLOCK_NOT_SET: Final = datetime(2020, 1, 1, tzinfo=UTC)
LEAST_APART: Final = timedelta(seconds=5)  # of a flood of readings no more are of use
_MILLI_WH: Final = Decimal("0.001")
_STEPS_WH: Final = (1000, 100, 10)


@dataclass(frozen=True, slots=True)
class Point:
    """What a transaction had delivered by a moment."""

    at: datetime
    energy_wh: Decimal


@dataclass(frozen=True, slots=True)
class EnergyCurve:
    """The points of a transaction from its begin to its end, in order; the last one has all of its energy.

    One that has no end, or whose end was never told, ends with its last good reading. `step_wh` is the resolution of
    the register, 0 for a fine one; the registers are the first and the last that are good, None without any.
    """

    points: tuple[Point, ...]
    clock_off: bool
    step_wh: int
    first_register_wh: Decimal | None
    last_register_wh: Decimal | None

    @property
    def begin(self) -> datetime:
        """Return when the transaction began."""
        return self.points[0].at

    @property
    def end(self) -> datetime:
        """Return the last moment of which anything is known."""
        return self.points[-1].at


def exact(number: float) -> Decimal:
    """Return a number as it is written."""
    return Decimal(repr(number))


def curve_of(record: TransactionRecord) -> EnergyCurve:
    """Return when a transaction's energy flowed, by the station's clock, or by ours where that is far off."""
    transaction, off = record.transaction, is_clock_off(record)
    begun_at = record.received_at if off else transaction.started_at
    stopped_at = None
    if transaction.stopped_at is not None and not record.lost:
        stopped_at = max(begun_at, record.stop_received_at or transaction.stopped_at if off else transaction.stopped_at)
    readings = _in_order(record.readings, begun_at, stopped_at, ours=off)
    found, registers = _good(readings, transaction.meter_start_wh, begun_at)
    total_wh = exact(transaction.energy_wh)
    points = _thinned(begun_at, found, total_wh)
    if stopped_at is not None:
        if stopped_at == points[-1].at and len(points) > 1:
            del points[-1]
        points.append(Point(stopped_at, total_wh))
    elif points[-1].energy_wh != total_wh:  # the ledger knows more than the readings that are left
        points = [*(points[:-1] or points), Point(points[-1].at, total_wh)]
    start_wh, stop_wh = transaction.meter_start_wh, transaction.meter_stop_wh
    told = [float(wh) for wh in (start_wh, stop_wh) if wh is not None]
    return EnergyCurve(
        tuple(points),
        off,
        _step_wh([reading.register_wh for reading in record.readings] + told),
        _first(start_wh, registers[:1]),
        _first(stop_wh, registers[-1:]),
    )


def is_clock_off(record: TransactionRecord) -> bool:
    """Return whether the station's clock was far from ours, so that its times are of no use.

    What comes from a queue is told late by any clock. So one that is behind is only known by what was told at once; one
    that is ahead by everything.
    """
    transaction = record.transaction
    told = [(transaction.started_at, record.received_at)]
    if transaction.stopped_at is not None and record.stop_received_at is not None:
        told.append((transaction.stopped_at, record.stop_received_at))
    if any(at < CLOCK_NOT_SET or at - ours > FAR_OFF for at, ours in told):
        return True
    if not transaction.offline and any(ours - at > FAR_OFF for at, ours in told):
        return True
    ahead = sum(reading.time - reading.received_at > FAR_OFF for reading in record.readings)
    return 2 * ahead > len(record.readings)


def _in_order(
    readings: Iterable[RegisterReading], begun_at: datetime, stopped_at: datetime | None, *, ours: bool
) -> list[tuple[datetime, float]]:
    """Return the readings of the transaction's time, the earliest first; of the same moment as they came."""
    timed = ((one.received_at if ours else one.time, one.register_wh) for one in readings)
    within = (one for one in timed if begun_at <= one[0] and (stopped_at is None or one[0] <= stopped_at))
    return sorted(within, key=lambda one: one[0])


def _good(
    readings: list[tuple[datetime, float]], meter_start_wh: int | None, begun_at: datetime
) -> tuple[list[tuple[datetime, float]], list[float]]:
    """Return the energy so far at each reading that is good, and the registers that were read then."""
    count, points, registers = begin(meter_start_wh, begun_at), list[tuple[datetime, float]](), list[float]()
    for at, register_wh in readings:
        after = advance(count, register_wh, at)
        if after.last is not count.last and after.last is not None and after.last.at == at:
            points += _confirmed(count, after)
            points.append((at, after.energy_wh))
            registers.append(register_wh)
        count = after
    return points, registers


def _confirmed(count: EnergyCount, after: EnergyCount) -> list[tuple[datetime, float]]:
    """Return the reading that was a doubt, where the next one shows that it was right."""
    doubt = count.doubt
    if doubt is None or after.last is None or after.last.zero_wh != doubt.zero_wh or after.doubt is not None:
        return []
    if count.last is not None and count.last.zero_wh == doubt.zero_wh:
        return []
    return [(doubt.at, min(after.energy_wh, max(count.energy_wh, doubt.energy_wh)))]


def _thinned(begun_at: datetime, found: Iterable[tuple[datetime, float]], total_wh: Decimal) -> list[Point]:
    """Return points in steps of at least some seconds, from the begin on; those on a quarter of an hour stay."""
    points, newest = [Point(begun_at, Decimal(0))], None
    for at, energy_wh in found:
        known = min(total_wh, max(points[-1].energy_wh, exact(energy_wh).quantize(_MILLI_WH)))
        newest = Point(at, known)
        if at == points[-1].at and len(points) > 1:
            points[-1] = newest
        elif at - points[-1].at >= LEAST_APART or (at == slot_of(at) and at > points[-1].at):
            points.append(newest)
    if newest is not None and newest.at > points[-1].at:
        points.append(newest)
    return points


def _step_wh(registers: list[float]) -> int:
    """Return the step in which a register counts: the largest one that all its values are multiples of."""
    if len(registers) < 3 or len(set(registers)) == 1 or not all(math.isfinite(one) for one in registers):
        return 0
    return next((step for step in _STEPS_WH if all(one % step == 0 for one in registers)), 0)


def _first(told_wh: int | None, read: list[float]) -> Decimal | None:
    if told_wh is not None:
        return Decimal(told_wh)
    return exact(read[0]) if read else None

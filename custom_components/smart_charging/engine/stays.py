"""From the raw records of a session to what each driver used in it: stretches of time that sum to the meter exactly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from .energy_curve import FAR_OFF, EnergyCurve, Point, curve_of
from .model import Transaction
from .session_record import SessionRecord, TransactionRecord
from .stay_intervals import Piece, intervals_of, pieces_of, shaped
from .usage import SignedMark, Stay, UsageInterval


@dataclass(frozen=True, slots=True)
class _Charge:
    """A transaction and when its energy flowed."""

    record: TransactionRecord
    curve: EnergyCurve

    @property
    def transaction(self) -> Transaction:
        return self.record.transaction


def stays_of(
    record: SessionRecord, *, marks: Mapping[str, SignedMark] | None = None, now: datetime | None = None
) -> tuple[Stay, ...]:
    """Return the stays of a session in order, none where there was no transaction.

    Transactions of the same payer that follow one another are one stay, which lasts until the next one begins or the car
    leaves; in a session that goes on, until `now`. Its energy is what the ledger counted, to the last digit. `marks`
    tell what is known of the signed values of transactions, by their ids; what is signed and has no mark is SIGNED.
    """
    charges = sorted((_Charge(one, curve_of(one)) for one in record.transactions), key=lambda one: one.curve.begin)
    groups = _by_payer(charges)
    if not groups:
        return ()
    begins = list(accumulate((_begin(record, group[0]) for group in groups), max))
    ends = [*begins[1:], _end(record, groups[-1][-1], now)]
    pieces = [
        shaped(_pieces(group, begin, max(begin, end)), min(one.curve.step_wh for one in group))
        for group, begin, end in zip(groups, begins, ends, strict=True)
    ]
    intervals = intervals_of(pieces, record.slots, record.prices)
    return tuple(_stay(record, group, parts, marks or {}) for group, parts in zip(groups, intervals, strict=True))


def same_payer(one: Transaction, other: Transaction) -> bool:
    """Return whether two transactions are for the same driver; where one is not known, whether the tag is the same."""
    if one.driver_id is not None and other.driver_id is not None:
        return one.driver_id == other.driver_id
    if one.token_id is not None and other.token_id is not None:
        return one.token_id == other.token_id
    return one.id_token.casefold() == other.id_token.casefold()


def _by_payer(charges: Iterable[_Charge]) -> list[list[_Charge]]:
    groups: list[list[_Charge]] = []
    for charge in charges:
        if groups and same_payer(groups[-1][-1].transaction, charge.transaction):
            groups[-1].append(charge)
        else:
            groups.append([charge])
    return groups


def _begin(record: SessionRecord, first: _Charge) -> datetime:
    """Return when a stay begins: with its first transaction, which a station may date a little before the plug-in."""
    plugged_in_at, began_at = record.session.plugged_in_at, first.curve.begin
    return plugged_in_at if began_at < plugged_in_at <= began_at + FAR_OFF else began_at


def _end(record: SessionRecord, last: _Charge, now: datetime | None) -> datetime:
    """Return when the last stay ends: when the car left, which nobody may have told."""
    plugged_out_at, transaction = record.session.plugged_out_at, last.transaction
    if plugged_out_at is None:
        lost_at = transaction.stopped_at if last.record.lost else None
        return max([last.curve.end, *(at for at in (lost_at, now) if at is not None)])
    if last.curve.clock_off and plugged_out_at == transaction.stopped_at and not last.record.lost:
        return last.curve.end  # no plug told of it: it is the station's time again
    return max(last.curve.end, plugged_out_at)


def _pieces(group: list[_Charge], begin: datetime, end: datetime) -> list[Piece]:
    """Return the stretches of a stay: its transactions, the time between them, and the time after them."""
    pieces: list[Piece] = []
    nexts = [max(begin, one.curve.begin) for one in group[1:]]
    at = begin
    for charge, until in zip(group, [*nexts, end], strict=True):
        began_at, until = max(at, charge.curve.begin), max(at, until)
        pieces += _standing(at, began_at)
        points = [Point(min(until, max(began_at, point.at)), point.energy_wh) for point in charge.curve.points]
        pieces += pieces_of(points)
        at = max(began_at, points[-1].at)
    return pieces + _standing(at, end) or [Piece(begin, end)]


def _standing(start: datetime, end: datetime) -> list[Piece]:
    return [Piece(start, end, idle=True)] if start < end else []


def _stay(
    record: SessionRecord,
    group: list[_Charge],
    intervals: tuple[UsageInterval, ...],
    marks: Mapping[str, SignedMark],
) -> Stay:
    transactions = [one.transaction for one in group]
    session = record.session
    return Stay(
        site_id=record.site_id,
        session_id=session.session_id,
        station_id=session.station_id,
        evse_id=session.evse_id,
        transaction_ids=tuple(one.transaction_id for one in transactions),
        started_at=intervals[0].start,
        ended_at=intervals[-1].end,
        intervals=intervals,
        token_id=_told(one.token_id for one in transactions),
        driver_id=_told(one.driver_id for one in transactions),
        vehicle_id=_told(one.vehicle_id for one in transactions),
        meter_start_wh=group[0].curve.first_register_wh,
        meter_stop_wh=group[-1].curve.last_register_wh,
        stop_reason=transactions[-1].stop_reason,
        offline=any(one.offline for one in transactions),
        lost=any(one.record.lost for one in group),
        clock_off=any(one.curve.clock_off for one in group),
        signed=_signed(group, marks),
    )


def _told(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _signed(group: list[_Charge], marks: Mapping[str, SignedMark]) -> SignedMark:
    """Return what is known of the signatures of a stay: the least of what is of its transactions that delivered energy."""
    counted = [one for one in group if one.transaction.energy_wh > 0] or group
    found = {
        marks.get(one.transaction.transaction_id, SignedMark.SIGNED) if one.record.signed else SignedMark.UNSIGNED
        for one in counted
    }
    worst = (SignedMark.INVALID, SignedMark.UNSIGNED, SignedMark.SIGNED, SignedMark.VERIFIED)
    return next(mark for mark in worst if mark in found)

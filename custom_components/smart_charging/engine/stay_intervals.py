"""From points in time to the stretches that a stay is priced by: pure functions.

Energy is cut at the quarter hours by the clock, for prices and sources are known by those. What lies in the same one is
one stretch, unless the car both charged and stood there in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import groupby, pairwise
from typing import Final

from .energy_curve import Point, exact
from .energy_origin import SLOT, OriginSlot, slot_of
from .usage import UsageInterval

CHARGING_ABOVE_W: Final = 50  # more than a car draws to keep awake, far less than any charges with (IEC 61851-1: 6 A)
MOST_IN_SLOT: Final = 4
LONGEST_KNOWN: Final = timedelta(days=8)  # nobody can say when in a longer stretch energy flowed
_LEAST_CHARGING_W: Final = 1000  # a register that counts in large steps stands still between them
_MILLI_WH: Final = Decimal("0.001")
_MICRO_WH: Final = Decimal("0.000001")
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a stay; `idle` is one between two transactions, in which nothing is measured."""

    start: datetime
    end: datetime
    energy_wh: Decimal = Decimal(0)
    charging: bool = False
    idle: bool = False

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return (self.end - self.start).total_seconds()

    @property
    def slot(self) -> datetime | None:
        """Return the quarter hour that it lies in, None where nothing flowed, or it is in no single one."""
        if not self.energy_wh and not self.charging:
            return None
        begin = slot_of(self.start)
        return begin if self.end <= begin + SLOT else None


def pieces_of(points: Iterable[Point], *, idle: bool = False) -> list[Piece]:
    """Return the stretches between points; where time stands still, energy belongs to what came before or comes next."""
    pieces: list[Piece] = []
    owed_wh = Decimal(0)
    for before, after in pairwise(points):
        energy_wh = after.energy_wh - before.energy_wh + owed_wh
        if before.at == after.at:
            owed_wh = energy_wh
            continue
        pieces.append(Piece(before.at, after.at, energy_wh, idle=idle))
        owed_wh = Decimal(0)
    if owed_wh and pieces:
        pieces[-1] = replace(pieces[-1], energy_wh=pieces[-1].energy_wh + owed_wh)
    elif owed_wh:
        at = next(iter(points)).at
        pieces.append(Piece(at, at, owed_wh))
    return pieces


def shaped(pieces: Sequence[Piece], step_wh: int) -> list[Piece]:
    """Return the stretches of a stay as they are priced: cut, marked as charging or not, and no more than needed."""
    marked = _marked(_with_length(pieces), timedelta(seconds=3600 * step_wh / _LEAST_CHARGING_W))
    joined = _joined(part for piece in marked for part in _cut(piece))
    return _joined(
        piece
        for slot, group in groupby(joined, key=lambda piece: piece.slot or _inside(piece))
        for piece in _fewer(list(group), slot)
    )


def intervals_of(
    stays: Sequence[Sequence[Piece]], slots: Iterable[OriginSlot], prices: Mapping[datetime, float]
) -> list[tuple[UsageInterval, ...]]:
    """Return the stretches of each stay of a session with where their energy came from and what the market asked."""
    used_wh: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for piece in (piece for pieces in stays for piece in pieces):
        if piece.slot is not None:
            used_wh[piece.slot] += piece.energy_wh
    known = _fitted({one.start: one for one in slots}, used_wh)
    return [tuple(_interval(piece, used_wh, known, prices) for piece in pieces) for pieces in stays]


def _with_length(pieces: Sequence[Piece]) -> list[Piece]:
    """Return stretches that take time, with the energy of those that take none; one of no length where all are such."""
    kept: list[Piece] = []
    owed_wh = Decimal(0)
    for piece in pieces:
        if piece.start == piece.end:
            owed_wh += piece.energy_wh
        else:
            kept.append(replace(piece, energy_wh=piece.energy_wh + owed_wh))
            owed_wh = Decimal(0)
    if not kept:
        return [replace(pieces[0], energy_wh=owed_wh)]
    return [*kept[:-1], replace(kept[-1], energy_wh=kept[-1].energy_wh + owed_wh)]


def _marked(pieces: Iterable[Piece], within: timedelta) -> list[Piece]:
    """Mark where the car was charged: more flowed than it needs to stay awake.

    Of a register in large steps that also goes for the time `within` which it moved on: between its steps it stands still
    while a car charges.
    """
    marked: list[Piece] = []
    still = 0  # where the stretches begin since which the register stands still
    for piece in pieces:
        charging = float(piece.energy_wh) * 3600 > CHARGING_ABOVE_W * piece.seconds
        marked.append(replace(piece, charging=charging))
        if piece.idle:
            still = len(marked)
        elif piece.energy_wh:
            if piece.end - marked[still].start <= within:
                marked[still:] = [replace(one, charging=True) for one in marked[still:]]
            still = len(marked)
    return marked


def _cut(piece: Piece) -> Iterator[Piece]:
    """Yield a stretch cut at the quarter hours, its energy linear in time; one in which nothing flowed is not cut."""
    length = piece.end - piece.start
    if (not piece.energy_wh and not piece.charging) or length > LONGEST_KNOWN:
        yield piece
        return
    begin, given_wh = piece.start, Decimal(0)
    while (end := slot_of(begin) + SLOT) < piece.end:
        share = Decimal((end - piece.start) // _MICROSECOND) / (length // _MICROSECOND)
        until_wh = min(piece.energy_wh, max(given_wh, (piece.energy_wh * share).quantize(_MILLI_WH)))
        yield replace(piece, start=begin, end=end, energy_wh=until_wh - given_wh)
        begin, given_wh = end, until_wh
    yield replace(piece, start=begin, energy_wh=piece.energy_wh - given_wh)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Return stretches of which no two neighbours are alike."""
    joined: list[Piece] = []
    for piece in pieces:
        alike = bool(joined) and joined[-1].charging == piece.charging and joined[-1].slot == piece.slot
        if alike and (piece.slot is not None or not (piece.energy_wh or joined[-1].energy_wh)):
            joined[-1] = _merged(joined[-1], piece)
        else:
            joined.append(piece)
    return joined


def _inside(piece: Piece) -> datetime | None:
    """Return the quarter hour that a stretch lies in in which nothing flowed, None where it is in several."""
    begin = slot_of(piece.start)
    return begin if piece.end <= begin + SLOT else None


def _fewer(pieces: list[Piece], slot: datetime | None) -> list[Piece]:
    """Return the stretches of one quarter hour, of too many those together that are the shortest."""
    while slot is not None and len(pieces) > MOST_IN_SLOT:
        lengths = [before.seconds + after.seconds for before, after in pairwise(pieces)]
        first = lengths.index(min(lengths))
        pieces[first : first + 2] = [_merged(pieces[first], pieces[first + 1])]
    return pieces


def _merged(first: Piece, second: Piece) -> Piece:
    longer = first if first.seconds >= second.seconds else second
    return replace(longer, start=first.start, end=second.end, energy_wh=first.energy_wh + second.energy_wh)


type _Parts = tuple[Decimal, Decimal, Decimal]  # sun, battery, grid
_NOTHING: Final[_Parts] = (Decimal(0), Decimal(0), Decimal(0))


def _fitted(slots: Mapping[datetime, OriginSlot], used_wh: Mapping[datetime, Decimal]) -> dict[datetime, _Parts]:
    """Return what of the known parts fits into the energy of each quarter hour, or else into that of a neighbour.

    What was seen and what a meter read at its own times need not agree to the minute.
    """
    fitted: dict[datetime, _Parts] = {}
    left: dict[datetime, _Parts] = {}
    for start, slot in slots.items():
        known = (exact(slot.solar_wh), exact(slot.battery_wh), exact(slot.grid_wh))
        fitted[start] = _within(known, used_wh.get(start, Decimal(0)))
        left[start] = _less(known, fitted[start])
    for start, rest in left.items():
        for neighbour in (start + SLOT, start - SLOT):
            there = fitted.get(neighbour, _NOTHING)
            moved = _within(rest, used_wh.get(neighbour, Decimal(0)) - sum(there))
            if any(moved):
                fitted[neighbour] = _plus(there, moved)
                rest = _less(rest, moved)
    return fitted


def _within(parts: _Parts, energy_wh: Decimal) -> _Parts:
    """Return the same mixture of at most this energy, rounded down to a millionth of a Wh."""
    known_wh = sum(parts, Decimal(0))
    if known_wh <= 0 or energy_wh <= 0:
        return _NOTHING
    factor = min(Decimal(1), energy_wh / known_wh)
    solar, battery, grid = ((part * factor).quantize(_MICRO_WH, ROUND_FLOOR) for part in parts)
    return solar, battery, grid


def _less(parts: _Parts, taken: _Parts) -> _Parts:
    solar, battery, grid = (max(Decimal(0), one - other) for one, other in zip(parts, taken, strict=True))
    return solar, battery, grid


def _plus(parts: _Parts, more: _Parts) -> _Parts:
    solar, battery, grid = (one + other for one, other in zip(parts, more, strict=True))
    return solar, battery, grid


def _interval(
    piece: Piece,
    used_wh: Mapping[datetime, Decimal],
    known: Mapping[datetime, _Parts],
    prices: Mapping[datetime, float],
) -> UsageInterval:
    slot = piece.slot
    plain = UsageInterval(start=piece.start, end=piece.end, energy_wh=piece.energy_wh, charging=piece.charging)
    if slot is None:
        return plain
    price = prices.get(slot)
    left_wh, shares = piece.energy_wh, list[Decimal]()
    for part in known.get(slot, _NOTHING) if piece.energy_wh else _NOTHING:
        share = part * piece.energy_wh / used_wh[slot] if part else part
        shares.append(min(left_wh, share.quantize(_MICRO_WH, ROUND_FLOOR)))
        left_wh -= shares[-1]
    solar_wh, battery_wh, grid_wh = shares
    return replace(
        plain,
        solar_wh=solar_wh,
        battery_wh=battery_wh,
        grid_wh=grid_wh,
        market_price=None if price is None else exact(price),
    )

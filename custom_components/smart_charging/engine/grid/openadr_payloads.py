"""What the values of OpenADR 3 payloads mean: limits, levels, prices and greenhouse gas, with their units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Final

from .openadr_parse import Descriptor, Payload
from .openadr_priority import Covered
from .openadr_time import Window
from .openadr_values import HORIZON, EventError, Refusal, Series, SeriesKind
from .signal import SignalKind, SignalUnit

LIMIT_KINDS: Final = {
    "IMPORT_CAPACITY_LIMIT": SignalKind.IMPORT_LIMIT,
    "EXPORT_CAPACITY_LIMIT": SignalKind.EXPORT_LIMIT,
}
LEVEL_TYPE: Final = "SIMPLE"
SERIES_KINDS: Final = {
    "PRICE": SeriesKind.PRICE,
    "EXPORT_PRICE": SeriesKind.EXPORT_PRICE,
    "GHG": SeriesKind.GHG,
}
_HIGHEST_LEVEL: Final = 3
_LARGEST: Final = 1e12  # beyond it nothing is a power or a price
_NUMBER_LENGTH: Final = 32
_CURRENCY_LENGTH: Final = 3

# How many of our unit one of theirs is. Servers name none or kW in most profiles (GAC: always kW). The active power
# of a limit in kVA is never more than its apparent power.
_POWER_UNITS: Final[Mapping[str | None, tuple[float, SignalUnit]]] = {
    None: (1000.0, SignalUnit.WATT),
    "KW": (1000.0, SignalUnit.WATT),
    "KVA": (1000.0, SignalUnit.WATT),
    "W": (1.0, SignalUnit.WATT),
    "VA": (1.0, SignalUnit.WATT),
    "MW": (1_000_000.0, SignalUnit.WATT),
    "AMPS": (1.0, SignalUnit.AMPERE),
    "A": (1.0, SignalUnit.AMPERE),
    "PERCENT": (1.0, SignalUnit.PERCENT),
}
_PER_KWH: Final[Mapping[str | None, float]] = {None: 1.0, "KWH": 1.0, "MWH": 0.001, "WH": 1000.0}
_GRAM_PER_KWH: Final[Mapping[str | None, float]] = {
    None: 1.0,
    "GHG": 1.0,
    "KWH": 1.0,
    "G/KWH": 1.0,
    "KG/KWH": 1000.0,
    "KG/MWH": 1.0,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A single value and when it holds; a start of None is for ever before, an end of None for ever after."""

    value: object
    start: datetime | None
    end: datetime | None


def pieces_of(payload: Payload, window: Window[tuple[Payload, ...]]) -> Iterable[Piece]:
    """Yield each value with its part of the interval: several values share it evenly (User Guide 7.3)."""
    if not payload.values:
        raise EventError(Refusal.VALUE)
    if len(payload.values) == 1:
        yield Piece(payload.values[0], window.start, window.end)
        return
    if window.start is None or window.end is None:
        raise EventError(Refusal.DURATION)
    step = (window.end - window.start) / len(payload.values)
    for place, value in enumerate(payload.values):
        yield Piece(value, window.start + place * step, window.start + (place + 1) * step)


def number(value: object) -> float:
    """Return a payload's number, which some servers send as text. EventError for what is none."""
    if isinstance(value, str) and len(value) <= _NUMBER_LENGTH:
        try:
            value = float(value)
        except ValueError as error:
            raise EventError(Refusal.VALUE) from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EventError(Refusal.VALUE)
    # In this order: an integer may be beyond all floats, and no comparison is true of what is no number.
    if abs(value) > _LARGEST or not math.isfinite(value):
        raise EventError(Refusal.VALUE)
    return float(value)


def limit(value: object, descriptor: Descriptor | None) -> tuple[float, SignalUnit]:
    """Return a capacity limit in W, A or %. EventError for a negative one or one in a unit that is no power."""
    scale = _POWER_UNITS.get(descriptor.units if descriptor else None)
    if scale is None:
        raise EventError(Refusal.UNIT)
    if (amount := number(value)) < 0:
        raise EventError(Refusal.VALUE)
    return amount * scale[0], scale[1]


def level(value: object) -> float:
    """Return the level of a SIMPLE payload, 0 (normal) to 3."""
    amount = number(value)
    if not amount.is_integer() or not 0 <= amount <= _HIGHEST_LEVEL:
        raise EventError(Refusal.VALUE)
    return amount


def series_value(kind: SeriesKind, value: object, descriptor: Descriptor | None) -> float:
    """Return a price per kWh or g of CO2 equivalent per kWh. EventError for a unit that can't be brought to that."""
    scale = (_GRAM_PER_KWH if kind is SeriesKind.GHG else _PER_KWH).get(descriptor.units if descriptor else None)
    if scale is None:
        raise EventError(Refusal.UNIT)
    return number(value) * scale


def series_of(
    event_id: str,
    windows: Iterable[Window[tuple[Payload, ...]]],
    descriptors: Mapping[str, Descriptor],
    now: datetime,
) -> list[Series]:
    """Return the prices and GHG that an event states, those over by now left out.

    What follows without a gap in equal steps is one series. What has no begin or no end is written out from this hour
    on, or to `HORIZON` ahead; what begins later than that is left out as well.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    found: list[Series] = []
    open_series: dict[SeriesKind, int] = {}
    for window in windows:
        for payload in window.content:
            if (kind := SERIES_KINDS.get(payload.type)) is None:
                continue
            descriptor = descriptors.get(payload.type)
            for piece in pieces_of(payload, window):
                start, end = piece.start or hour, piece.end or max(piece.start or hour, hour) + HORIZON
                value = series_value(kind, piece.value, descriptor)
                if end <= now or end <= start or start >= now + HORIZON:
                    continue
                _append(found, open_series, _single(kind, start, end - start, value, event_id, descriptor))
    return found


def first_of(announced: Iterable[Series]) -> tuple[Series, ...]:
    """Return the series without those at whose times an earlier one of their kind always goes before."""
    kept: list[Series] = []
    covered: dict[SeriesKind, Covered] = {}
    for series in announced:
        spoken_for = covered.setdefault(series.kind, Covered())
        if any(spoken_for.gaps(series.start, series.end)):
            kept.append(series)
            spoken_for.add(series.start, series.end)
    return tuple(kept)


def _single(
    kind: SeriesKind, start: datetime, step: timedelta, value: float, event_id: str, descriptor: Descriptor | None
) -> Series:
    currency = descriptor.currency if descriptor and kind is not SeriesKind.GHG else None
    if currency is not None and (len(currency) != _CURRENCY_LENGTH or not currency.isalpha()):
        raise EventError(Refusal.UNIT)
    return Series(kind=kind, start=start, step=step, values=(value,), event_id=event_id, currency=currency)


def _append(found: list[Series], open_series: dict[SeriesKind, int], new: Series) -> None:
    place = open_series.get(new.kind)
    if place is not None:
        last = found[place]
        if last.step == new.step and last.end == new.start:
            found[place] = Series(
                kind=last.kind,
                start=last.start,
                step=last.step,
                values=(*last.values, *new.values),
                event_id=last.event_id,
                currency=last.currency,
            )
            return
    open_series[new.kind] = len(found)
    found.append(new)

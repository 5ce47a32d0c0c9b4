"""What an OpenADR server announces of prices and CO2, in the one form that every source of them is brought into."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from .control.prices.series import HOUR, QUARTER_HOUR, PricePoint, from_points, quarter_hours
from .control.prices.sources import ToldPrices, UnreadablePrices
from .grid.openadr_values import HORIZON, Series, SeriesKind

SOURCE: Final = "openadr"


def prices_of_series(announced: Iterable[Series], kind: SeriesKind, currency: str, now: datetime) -> ToldPrices:
    """Return what is announced from this hour on, for eight days at most; an earlier series goes before a later one.

    Prices are to be in `currency` (ISO 4217) where the server says in which they are. What holds for less than a
    quarter of an hour, or begins within one, becomes means of quarter hours. UnreadablePrices for another currency,
    where there is nothing of the kind, or where times fit no market.
    """
    series = [one for one in announced if one.kind is kind]
    foreign = next((one.currency for one in series if one.currency not in {None, currency}), None)
    if foreign is not None and kind is not SeriesKind.GHG:
        raise UnreadablePrices(f"prices in {foreign} where Home Assistant counts in {currency}")
    try:
        # Of points that overlap the later listed one counts.
        told = from_points(point for one in reversed(series) for point in _points(one, now))
    except ValueError as error:
        raise UnreadablePrices(str(error)) from error
    if told is None:
        raise UnreadablePrices("the server announces none")
    return ToldPrices(told, None, SOURCE)


def _points(series: Series, now: datetime) -> list[PricePoint]:
    """Return a series as points, by quarter hours where its own times fit none."""
    points = list(_within(series, now - (now - datetime.fromtimestamp(0, now.tzinfo)) % HOUR))
    fits = not any(_odd(point.start) or _odd(point.end) for point in points)
    return points if fits else quarter_hours(points)


def _within(series: Series, first: datetime) -> Iterator[PricePoint]:
    """Yield what a series says from an hour on; what ends by it is over, what began before is cut there."""
    for number, value in enumerate(series.values):
        start = max(series.start + number * series.step, first)
        end = min(series.start + (number + 1) * series.step, first + HORIZON)
        if start < end:
            yield PricePoint(start, end, value)


def _odd(at: datetime) -> bool:
    return (at - datetime.fromtimestamp(0, at.tzinfo)) % QUARTER_HOUR != timedelta()

"""Home Assistant's own Tibber: what a home pays, with all surcharges and tax, asked of its action; money per kWh."""

from datetime import timedelta

from ..formula import PriceUnit
from ..series import PricePoint
from .reading import ActionSource, Attributes, PriceQuestion, UnreadablePrices, listed, starts


def _data(question: PriceQuestion) -> dict[str, object]:
    return {"start": f"{question.day} 00:00:00", "end": f"{question.day + timedelta(days=1)} 00:00:00"}


def _points(response: Attributes, home: str) -> list[PricePoint]:
    """Return the prices of a home by its name, or of the only one."""
    homes = response.get("prices")
    if not isinstance(homes, dict) or not homes:
        raise UnreadablePrices("no home has prices")
    if home not in homes and (home or len(homes) > 1):
        raise UnreadablePrices(f"choose one of {', '.join(map(str, homes))}")
    return starts(listed(homes.get(home, next(iter(homes.values()))), "prices"), "start_time", "price")


SOURCE = ActionSource("tibber", "tibber", "get_prices", PriceUnit(1.0), _data, _points, needs_entry=False)

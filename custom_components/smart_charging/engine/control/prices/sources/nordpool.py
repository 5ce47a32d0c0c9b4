"""Home Assistant's own Nord Pool: prices of an area and a day, asked of its action; money per MWh, without tax."""

from ..formula import PriceUnit
from ..series import PricePoint
from .reading import ActionSource, Attributes, PriceQuestion, listed, spans


def _data(question: PriceQuestion) -> dict[str, object]:
    return {"config_entry": question.entry_id, "date": question.day.isoformat(), "areas": [question.part]}


def _points(response: Attributes, area: str) -> list[PricePoint]:
    return spans(listed(response.get(area), area), "start", "end", "price")


SOURCE = ActionSource("nordpool", "nordpool", "get_prices_for_date", PriceUnit(1e-3), _data, _points)

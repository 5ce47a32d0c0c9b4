"""Home Assistant's own easyEnergy: the market's prices or those invoiced, asked of its action; EUR per kWh."""

from ..formula import PriceUnit
from ..series import PricePoint
from .reading import ActionSource, Attributes, PriceQuestion, listed, starts


def _data(question: PriceQuestion) -> dict[str, object]:
    day = question.day.isoformat()
    data: dict[str, object] = {"config_entry": question.entry_id, "start": day, "end": day}
    return data | {"incl_vat": question.all_in, "price_type": "invoice" if question.all_in else "market"}


def _points(response: Attributes, _part: str) -> list[PricePoint]:
    return starts(listed(response.get("prices"), "prices"), "timestamp", "price")


SOURCE = ActionSource(
    "easyenergy", "easyenergy", "get_energy_usage_prices", PriceUnit(1.0, "EUR"), _data, _points, knows_all_in=True
)

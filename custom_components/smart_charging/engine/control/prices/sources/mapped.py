"""Any other entity: the user says which attribute lists prices and under which keys."""

from dataclasses import dataclass

from ..formula import PriceUnit
from ..series import PricePoint
from .reading import Attributes, UnreadablePrices, listed, spans, starts


@dataclass(frozen=True, slots=True)
class AttributeMap:
    """Where prices are, or grams of CO2: the list's attribute, the keys of an entry's start, value and (if it has one) end, the unit."""

    attribute: str
    start: str
    value: str
    unit: PriceUnit
    end: str = ""

    def points(self, attributes: Attributes) -> list[PricePoint]:
        """Return the prices that attributes hold, as told; UnreadablePrices where they aren't as said."""
        if self.attribute not in attributes:
            raise UnreadablePrices(f"there is no attribute {self.attribute}")
        entries = listed(attributes[self.attribute], self.attribute)
        for key in filter(None, (self.start, self.value, self.end)):
            if entries and key not in entries[0]:
                raise UnreadablePrices(f"entries of {self.attribute} have no {key}")
        if self.end:
            return spans(entries, self.start, self.end, self.value)
        return starts(entries, self.start, self.value)

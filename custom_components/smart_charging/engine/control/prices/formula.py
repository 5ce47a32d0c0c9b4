"""From the market's price to what a household pays or earns, and from a unit as written to money or grams per kWh."""

from dataclasses import dataclass
from math import isfinite
from typing import Final


@dataclass(frozen=True, slots=True)
class PriceFormula:
    """What is put on a spot price: a share of it, an amount per kWh, and tax on the whole.

    `markup` and `vat` are shares (0.19 for 19 %), `surcharge` is money per kWh and may be negative, as a fee that
    is kept from what feeding in earns. ValueError for what no contract has.
    """

    markup: float = 0.0
    surcharge: float = 0.0
    vat: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no number and shares that are surely percents."""
        if not all(isfinite(value) for value in (self.markup, self.surcharge, self.vat)):
            raise ValueError("a formula is made of numbers")
        if not -1 <= self.markup <= 10:
            raise ValueError("a markup is between -100 % and 1000 % of the price")
        if not 0 <= self.vat <= 1:
            raise ValueError("tax is between 0 % and 100 %")

    def apply(self, spot: float) -> float:
        """Return what a kWh comes to, from its spot price; both may be negative."""
        return (spot * (1 + self.markup) + self.surcharge) * (1 + self.vat)


@dataclass(frozen=True, slots=True)
class PriceUnit:
    """The unit that a source tells its prices in: times `factor` they are money per kWh, or grams of CO2 per kWh.

    `currency` is a code of ISO 4217, None where the unit does not say which.
    """

    factor: float
    currency: str | None = None

    def per_kwh(self, value: float) -> float:
        """Return a price as money per kWh, a mass of CO2 as grams per kWh."""
        return value * self.factor


_ENERGY: Final = {"kwh": 1.0, "mwh": 1e-3, "wh": 1e3}
_SIGNS: Final = {"€": "EUR", "£": "GBP", "kč": "CZK", "zł": "PLN"}
# Signs that several currencies share: the unit is known, the currency is not.
_SHARED_SIGNS: Final = frozenset({"$", "kr", "kr."})
_HUNDREDTHS: Final = {
    "ct": None, "cent": None, "cents": None, "c": None, "¢": None, "öre": None, "øre": None, "ore": None,
    "eurocent": "EUR", "€ct": "EUR", "c€": "EUR", "p": "GBP", "pence": "GBP", "gr": "PLN", "rp": "CHF", "rp.": "CHF",
}  # fmt: skip


def price_unit(text: str) -> PriceUnit | None:
    """Return what a unit such as `EUR/MWh`, `ct/kWh`, `Öre/kWh` or `p/kWh` means; None where it isn't understood."""
    money, slash, energy = (part.strip().casefold() for part in text.partition("/"))
    per = _ENERGY.get(energy)
    if not slash or per is None:
        return None
    if money in _HUNDREDTHS:
        return PriceUnit(per / 100, _HUNDREDTHS[money])
    if money in _SHARED_SIGNS:
        return PriceUnit(per)
    if money in _SIGNS:
        return PriceUnit(per, _SIGNS[money])
    if len(money) == 3 and money.isascii() and money.isalpha():
        return PriceUnit(per, money.upper())
    return None


# Grams in what CO2 is weighed in; how it is written after that, if at all.
_MASSES: Final = {"g": 1.0, "kg": 1e3, "t": 1e6, "lb": 453.59237, "lbs": 453.59237}
_GASES: Final = ("co2eq", "co2-eq", "co2e", "co₂eq", "co₂e", "co2", "co₂")


def carbon_unit(text: str) -> PriceUnit | None:
    """Return what a unit such as `gCO2eq/kWh`, `g/kWh`, `kg/MWh` or `lbs/MWh` means; None where it isn't understood."""
    mass, slash, energy = (part.strip().casefold() for part in text.partition("/"))
    gas = next((gas for gas in _GASES if mass.endswith(gas)), "")
    grams, per = _MASSES.get(mass.removesuffix(gas).strip()), _ENERGY.get(energy)
    return PriceUnit(grams * per) if slash and grams is not None and per is not None else None

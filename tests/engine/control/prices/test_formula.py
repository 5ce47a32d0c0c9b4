"""Formulas and units: from the market's price to a household's, in money per kWh."""

from math import inf, nan

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.formula import PriceFormula, PriceUnit, price_unit


def test_a_price_all_in_is_markup_then_surcharge_then_tax() -> None:
    assert PriceFormula(markup=0.03, surcharge=0.12, vat=0.19).apply(0.10) == pytest.approx((0.103 + 0.12) * 1.19)


def test_without_a_formula_the_spot_price_is_the_price() -> None:
    assert PriceFormula().apply(-0.05) == -0.05


def test_a_fee_is_kept_from_what_feeding_in_earns() -> None:
    assert PriceFormula(surcharge=-0.02).apply(0.08) == pytest.approx(0.06)


@given(st.floats(-1, 2), st.floats(-1, 2), st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1))
def test_a_dearer_hour_stays_the_dearer(low: float, high: float, markup: float, surcharge: float, vat: float) -> None:
    low, high = sorted((low, high))
    formula = PriceFormula(markup, surcharge, vat)
    assert formula.apply(low) <= formula.apply(high)


@pytest.mark.parametrize(
    "wrong", [{"vat": 19.0}, {"vat": -0.1}, {"markup": -1.5}, {"markup": 11}, {"surcharge": nan}, {"markup": inf}]
)
def test_what_no_contract_has_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"numbers|markup|tax"):
        PriceFormula(**wrong)


@pytest.mark.parametrize(
    ("text", "factor", "currency"),
    [
        ("EUR/kWh", 1.0, "EUR"),
        ("SEK/MWh", 0.001, "SEK"),
        ("€/kWh", 1.0, "EUR"),
        (" eur / kwh ", 1.0, "EUR"),
        ("EUR/Wh", 1000.0, "EUR"),
        ("ct/kWh", 0.01, None),
        ("c/kWh", 0.01, None),
        ("Öre/kWh", 0.01, None),
        ("Øre/kWh", 0.01, None),
        ("p/kWh", 0.01, "GBP"),
        ("pence/kWh", 0.01, "GBP"),
        ("£/kWh", 1.0, "GBP"),
        ("$/kWh", 1.0, None),
        ("kr/kWh", 1.0, None),
        ("Kč/kWh", 1.0, "CZK"),
        ("gr/kWh", 0.01, "PLN"),
        ("Rp/kWh", 0.01, "CHF"),
    ],
)
def test_units_as_they_are_written(text: str, factor: float, currency: str | None) -> None:
    unit = price_unit(text)
    assert unit is not None
    assert (unit.factor, unit.currency) == (pytest.approx(factor), currency)
    assert unit.per_kwh(100) == pytest.approx(100 * factor)


@pytest.mark.parametrize("text", ["", "EUR", "kWh", "EUR/m³", "/kWh", "euros/kWh", "E1R/kWh", "EUR/kWh/a", "None/None"])
def test_what_is_no_unit_of_prices_is_not_guessed(text: str) -> None:
    assert price_unit(text) is None


def test_a_unit_without_a_currency_says_so() -> None:
    assert PriceUnit(1.0).currency is None

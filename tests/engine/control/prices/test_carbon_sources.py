"""Readers of CO2 forecasts, against what these were recorded to give; each file in `payloads` names where."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.control.prices.formula import PriceUnit, carbon_unit
from custom_components.smart_charging.engine.control.prices.series import HOUR
from custom_components.smart_charging.engine.control.prices.sources import (
    AttributeMap,
    UnreadablePrices,
    carbon_of_attributes,
    lists_carbon,
    prices_of_attributes,
)

from .test_sources import HALF_HOUR, at, payload


@pytest.mark.parametrize(
    ("name", "start", "step", "count", "first", "last"),
    [
        ("carbon_intensity_uk", "2020-05-19T20:00:00Z", HOUR, 5, 309.0, 294.5),
        ("predbat", "2025-12-20T14:00:00Z", HALF_HOUR, 3, 265.0, 292.0),
    ],
)
def test_forecasts_are_recognised_and_read(
    name: str, start: str, step: timedelta, count: int, first: float, last: float
) -> None:
    attributes = payload(name)
    told = carbon_of_attributes(attributes)
    series = told.series
    assert lists_carbon(attributes)
    assert (told.source, series.start, series.step, len(series.import_price)) == (name, at(start), step, count)
    assert (series.import_price[0], series.import_price[-1]) == (first, last)


def test_prices_are_no_carbon_and_carbon_is_no_price() -> None:
    assert not lists_carbon(payload("octopus"))
    with pytest.raises(UnreadablePrices, match="no list of CO2 is known"):
        carbon_of_attributes(payload("octopus"))
    with pytest.raises(UnreadablePrices, match="no list of prices is known"):
        prices_of_attributes(payload("predbat"))


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"unit_of_measurement": "EUR/kWh"}, "EUR/kWh is no unit of CO2"),
        ({"forecast": []}, "no list of CO2"),
        ({"intensity": "low"}, "low is no number"),
        ({"intensity": -1}, "below 0"),
        ({"intensity": None}, "the list of CO2 is empty"),
        ({"from": "2025-12-20T14:00:00"}, "has no time zone"),
    ],
)
def test_what_is_not_as_known_is_refused(change: dict[str, Any], detail: str) -> None:
    attributes = payload("predbat")
    attributes |= {key: value for key, value in change.items() if key in attributes}
    entries = attributes["forecast"][:1]
    for entry in entries:
        entry |= {key: value for key, value in change.items() if key not in attributes}
    with pytest.raises(UnreadablePrices, match=detail):
        carbon_of_attributes({**attributes, "forecast": entries})


def test_any_other_list_is_read_as_the_user_says() -> None:
    listed = {
        "rates": [{"from": "2026-11-05T08:00:00Z", "forecast": 0.2}, {"from": "2026-11-05T08:30:00Z", "forecast": 0.1}]
    }
    unit = carbon_unit("kg/kWh")
    assert unit is not None
    told = carbon_of_attributes(listed, AttributeMap("rates", "from", "forecast", unit))
    assert (told.source, told.series.step, told.series.import_price) == ("mapped", HALF_HOUR, (200.0, 100.0))
    with pytest.raises(UnreadablePrices, match="entries of rates have no value"):
        carbon_of_attributes(listed, AttributeMap("rates", "from", "value", unit))


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("gCO2eq/kWh", 1.0),
        ("gCO2/kWh", 1.0),
        ("g CO₂e / kWh", 1.0),
        ("g/kWh", 1.0),
        ("kg/MWh", 1.0),
        ("kgCO2/kWh", 1000.0),
        ("tCO2/MWh", 1000.0),
        ("lbs/MWh", 0.45359237),
        ("g", None),
        ("CO2/kWh", None),
        ("EUR/kWh", None),
        ("g/h", None),
        ("%", None),
    ],
)
def test_units_of_carbon_are_understood_as_they_are_written(text: str, grams: float | None) -> None:
    unit = carbon_unit(text)
    assert unit == (None if grams is None else PriceUnit(pytest.approx(grams)))

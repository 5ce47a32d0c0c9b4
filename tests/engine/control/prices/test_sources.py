"""Readers of sources, against what these were recorded to give; each file in `payloads` names where."""

from datetime import UTC, date, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.smart_charging.engine.control.prices.formula import PriceUnit
from custom_components.smart_charging.engine.control.prices.series import HOUR, QUARTER_HOUR, PriceSeries
from custom_components.smart_charging.engine.control.prices.sources import (
    ACTION_SOURCES,
    ATTRIBUTE_SOURCES,
    AttributeMap,
    PriceQuestion,
    ToldPrices,
    UnreadablePrices,
    prices_of_answer,
    prices_of_attributes,
)

HALF_HOUR = timedelta(minutes=30)
PAYLOADS = Path(__file__).parent / "payloads"
ACTIONS = {source.key: source for source in ACTION_SOURCES}


def payload(name: str) -> dict[str, Any]:
    """Return what was recorded."""
    recorded: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    assert recorded["source"].startswith("github.com/")
    found: dict[str, Any] = recorded.get("attributes") or recorded["response"]
    return found


def at(text: str) -> datetime:
    """Return a time."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "source", "currency", "start", "step", "count", "first", "last"),
    [
        ("nordpool_custom", "nordpool_custom", "SEK", "2023-09-25T22:00:00Z", HOUR, 48, -0.06, 0.03),
        ("nordpool_custom_no_tomorrow", "nordpool_custom", "SEK", "2021-06-13T22:00:00Z", HOUR, 3, 0.592, 0.531),
        (
            "nordpool_custom_quarter_hours",
            "nordpool_custom",
            "SEK",
            "2025-10-08T04:30:00Z",
            QUARTER_HOUR,
            16,
            0.471,
            1.203,
        ),
        ("energi_data_service", "energi_data_service", "DKK", "2022-09-30T22:00:00Z", HOUR, 15, 1.969, 1.982),
        ("entsoe", "entsoe", "EUR", "2023-12-22T23:00:00Z", HOUR, 19, 0.10142, 0.14973),
        ("entsoe_past_tomorrow", "entsoe", "EUR", "2025-01-17T23:00:00Z", HOUR, 48, 0.12534, 0.12299),
        ("epex_spot", "epex_spot", "EUR", "2026-03-11T23:00:00Z", HOUR, 6, 0.295285, 0.303331),
        ("epex_spot_mwh", "epex_spot", "EUR", "2022-12-15T23:00:00Z", HOUR, 3, 0.2963, 0.28019),
        ("epex_spot_cents", "epex_spot", None, "2022-12-15T23:00:00Z", HOUR, 3, 0.2963, 0.28019),
        ("octopus", "octopus", "GBP", "2025-12-30T00:00:00Z", HALF_HOUR, 7, 0.15834, 0.15771),
        ("amber", "amber", "AUD", "2026-07-07T20:30:00Z", QUARTER_HOUR, 8, 0.2, 0.18),
        ("amber_five_minutes", "amber", "AUD", "2025-11-23T11:00:00Z", QUARTER_HOUR, 2, 0.13, (0.13 + 0.22) / 3),
    ],
)
def test_entities_are_recognised_and_read(
    name: str, source: str, currency: str | None, start: str, step: timedelta, count: int, first: float, last: float
) -> None:
    told = prices_of_attributes(payload(name))
    series = told.series
    assert (told.source, told.currency) == (source, currency)
    assert (series.start, series.step, len(series.import_price)) == (at(start), step, count)
    assert series.import_price[0] == pytest.approx(first)
    assert series.import_price[-1] == pytest.approx(last)


@pytest.mark.parametrize(
    ("name", "key", "part", "start", "step", "count", "first", "last"),
    [
        ("nordpool", "nordpool", "SE3", "2024-11-04T23:00:00Z", HOUR, 24, 0.25073, 0.28914),
        ("nordpool_quarter_hours", "nordpool", "FI", "2025-10-25T22:00:00Z", QUARTER_HOUR, 8, 0.003, 0.00282),
        ("tibber", "tibber", "first_home", "2021-03-15T00:00:00Z", HOUR, 2, 0.36914, 0.36914),
        ("tibber_quarter_hours", "tibber", "", "2025-12-11T23:00:00Z", QUARTER_HOUR, 7, 0.2794, 0.2807),
        ("energyzero", "energyzero", "", "2026-04-09T22:00:00Z", HOUR, 24, 0.20349175, 0.2629693),
        ("easyenergy", "easyenergy", "", "2023-01-18T23:00:00Z", HOUR, 24, 0.13495, 0.16819),
    ],
)
def test_answers_of_actions_are_read(
    name: str, key: str, part: str, start: str, step: timedelta, count: int, first: float, last: float
) -> None:
    told = prices_of_answer(ACTIONS[key], payload(name), part)
    series = told.series
    assert told.source == key
    assert (series.start, series.step, len(series.import_price)) == (at(start), step, count)
    assert (series.import_price[0], series.import_price[-1]) == (pytest.approx(first), pytest.approx(last))


def test_every_source_has_something_recorded() -> None:
    files = [path.stem for path in PAYLOADS.glob("*.json")]
    for source in (*ATTRIBUTE_SOURCES, *ACTION_SOURCES):
        assert any(file.startswith(source.key) for file in files), source.key


def test_no_recorded_entity_is_taken_for_another_kind() -> None:
    for path in PAYLOADS.glob("*.json"):
        if attributes := json.loads(path.read_text()).get("attributes"):
            assert sum(source.recognises(attributes) for source in ATTRIBUTE_SOURCES) <= 1, path.stem


def test_times_may_be_times_already_as_home_assistant_holds_them() -> None:
    attributes = payload("octopus")
    for rate in attributes["rates"]:
        rate["start"], rate["end"] = at(rate["start"]), at(rate["end"])
    assert prices_of_attributes(attributes) == prices_of_attributes(payload("octopus"))


def test_nord_pools_prices_in_cents_are_told_in_whole_money() -> None:
    attributes = payload("nordpool_custom") | {"price_in_cents": True, "unit_of_measurement": "Öre/kWh"}
    told = prices_of_attributes(attributes)
    assert (told.series.import_price[17], told.currency) == (pytest.approx(0.016), "SEK")


def test_nord_pools_unit_is_the_sensors_where_it_names_no_parts() -> None:
    attributes = {
        key: value
        for key, value in payload("nordpool_custom").items()
        if key not in {"unit", "currency"}
    }  # fmt: skip
    assert prices_of_attributes(attributes) == prices_of_attributes(payload("nordpool_custom"))
    with pytest.raises(UnreadablePrices, match="no unit"):
        prices_of_attributes(attributes | {"unit_of_measurement": None})


def test_nord_pools_tomorrow_may_be_nothing_at_all() -> None:
    series = prices_of_attributes(payload("nordpool_custom") | {"raw_tomorrow": None}).series
    assert len(series.import_price) == 24


@pytest.mark.parametrize(("unit", "first"), [("DKK/MWh", 0.001969), ("Øre/kWh", 0.01969)])
def test_energi_data_services_unit_is_the_sensors(unit: str, first: float) -> None:
    series = prices_of_attributes(payload("energi_data_service") | {"unit_of_measurement": unit}).series
    assert series.import_price[0] == pytest.approx(first)


def test_energi_data_services_unit_that_is_not_understood_is_not_guessed() -> None:
    with pytest.raises(UnreadablePrices, match="no unit"):
        prices_of_attributes(payload("energi_data_service") | {"unit_of_measurement": "cent DKK per kWh"})


def test_an_attribute_can_be_mapped_by_hand() -> None:
    mapping = AttributeMap("prices", "start", "price", PriceUnit(1.0, "DKK"), "end")
    told = prices_of_attributes(payload("stromligning"), mapping)
    assert told == ToldPrices(
        PriceSeries(
            at("2025-08-26T22:00:00Z"),
            HOUR,
            (2.148425, 2.086762, 2.054475, 2.061288, 2.086938, 2.137888, 2.331775, 2.39905, 2.376375, 2.256488),
        ),
        "DKK",
        "mapped",
    )
    mapping = AttributeMap("forecast", "datetime", "electricity_price", PriceUnit(1e-7, "EUR"))
    series = prices_of_attributes(payload("zonneplan"), mapping).series
    assert (series.start, series.step, len(series.import_price)) == (datetime(2026, 6, 6, 16, tzinfo=UTC), HOUR, 5)
    assert series.import_price[0] == pytest.approx(0.274959)


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (("tariff", "start", "price", "end"), "no attribute tariff"),
        (("prices", "begin", "price", "end"), "have no begin"),
        (("prices", "start", "value", "end"), "have no value"),
        (("prices", "start", "price", "until"), "have no until"),
        (("state_class", "start", "price", "end"), "is no list"),
    ],
)
def test_a_wrong_mapping_is_told(mapping: tuple[str, str, str, str], problem: str) -> None:
    attribute, start, value, end = mapping
    with pytest.raises(UnreadablePrices, match=problem):
        prices_of_attributes(payload("stromligning"), AttributeMap(attribute, start, value, PriceUnit(1.0), end))


def octopus(**rate: Any) -> dict[str, Any]:
    """Return attributes with one rate that differs from a right one."""
    right = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:30:00Z", "value_inc_vat": 0.1}
    return {"rates": [right | rate]}


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({}, "no list of prices"),
        ({"rates": []}, "no list of prices"),
        ({"data": "text"}, "no list of prices"),
        ({"rates": ["text"]}, "no list of prices"),
        ({"rates": [*octopus()["rates"], "text"]}, "no objects"),
        (octopus() | {"rates": octopus()["rates"] * 5001}, "more than 5000"),
        (octopus(start="soon"), "soon is no time"),
        (octopus(start=None), "no time"),
        (octopus(start="2026-01-01T00:00:00"), "no time zone"),
        (octopus(end="2026-01-01T00:00:00Z"), "ends before it begins"),
        (octopus(value_inc_vat="cheap"), "cheap is no number"),
        (octopus(value_inc_vat="nan"), "a number"),
        (octopus(value_inc_vat=True), "True is no number"),
        (octopus(value_inc_vat=[1]), "no number"),
        (octopus(value_inc_vat=None), "empty"),
        (octopus(end="2026-01-01T00:20:00Z"), "within a quarter"),
    ],
)
def test_what_is_not_as_known_is_refused_with_its_reason(attributes: dict[str, Any], problem: str) -> None:
    with pytest.raises(UnreadablePrices, match=problem):
        prices_of_attributes(attributes)


def test_a_price_in_text_is_a_price() -> None:
    assert prices_of_attributes(octopus(value_inc_vat="0.25")).series.import_price == (0.25,)


def test_a_unit_that_is_not_understood_is_named() -> None:
    with pytest.raises(UnreadablePrices, match="points is no unit"):
        prices_of_attributes(payload("entsoe") | {"unit_of_measurement": "points"})
    with pytest.raises(UnreadablePrices, match="None is no unit"):
        prices_of_attributes(payload("epex_spot") | {"unit_of_measurement": None})


def test_a_forecast_of_amber_over_a_month_is_refused() -> None:
    attributes = payload("amber")
    attributes["forecasts"][0]["end_time"] = "2026-09-07T21:00:00+00:00"
    with pytest.raises(UnreadablePrices, match="more than an hour"):
        prices_of_attributes(attributes)


@pytest.mark.parametrize(
    ("response", "home", "problem"),
    [({}, "", "no home"), ({"prices": {}}, "", "no home"), (None, "", "choose one"), (None, "third", "choose one")],
)
def test_a_home_of_tibber_has_to_be_known(response: dict[str, Any] | None, home: str, problem: str) -> None:
    with pytest.raises(UnreadablePrices, match=problem):
        prices_of_answer(ACTIONS["tibber"], payload("tibber") if response is None else response, home)


def test_an_area_without_prices_yet_is_empty() -> None:
    with pytest.raises(UnreadablePrices, match="empty"):
        prices_of_answer(ACTIONS["nordpool"], {"SE3": []}, "SE3")


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("nordpool", {"config_entry": "e1", "date": "2026-03-31", "areas": ["SE3"]}),
        ("tibber", {"start": "2026-03-31 00:00:00", "end": "2026-04-01 00:00:00"}),
        (
            "energyzero",
            {
                "config_entry": "e1",
                "start": "2026-03-31",
                "end": "2026-03-31",
                "incl_vat": False,
                "price_type": "market",
            },
        ),
        (
            "easyenergy",
            {
                "config_entry": "e1",
                "start": "2026-03-31",
                "end": "2026-03-31",
                "incl_vat": False,
                "price_type": "market",
            },
        ),
    ],
)
def test_actions_are_asked_for_a_day(key: str, data: dict[str, object]) -> None:
    assert ACTIONS[key].data(PriceQuestion(date(2026, 3, 31), "e1", "SE3")) == data


@pytest.mark.parametrize(("key", "price_type"), [("energyzero", "all_in"), ("easyenergy", "invoice")])
def test_actions_can_be_asked_for_all_that_is_paid(key: str, price_type: str) -> None:
    data = ACTIONS[key].data(PriceQuestion(date(2026, 3, 31), "e1", all_in=True))
    assert (data["price_type"], data["incl_vat"]) == (price_type, True)

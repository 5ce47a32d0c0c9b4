"""The options' pages of prices: each source, what is refused and why, and what was understood."""

from datetime import datetime
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockModule, mock_integration

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine import openadr_prices
from custom_components.smart_charging.engine.control.prices.sources import (
    ACTION_SOURCES,
    ATTRIBUTE_SOURCES,
    CARBON_SOURCES,
)
from custom_components.smart_charging.engine.control.prices.table_text import TableProblem, parse_table
from custom_components.smart_charging.flows import carbon, prices
from custom_components.smart_charging.price_settings import CarbonSettings, FeedInSource, PriceSource, carbon_settings

from .builders import site_entry
from .flow_steps import offered, suggested
from .price_sources import ENTSOE, NORDPOOL_ENTRY, NordPool, entsoe, failing, recorded
from .test_config_flow_frontend import TEXTS

pytestmark = pytest.mark.usefixtures("no_setup", "morning")

FORMULA = {"markup_percent": 0, "surcharge": 0.1, "vat_percent": 20}
FEED_IN_FORMULA = {"feed_in_markup_percent": 0, "feed_in_surcharge": -0.01, "feed_in_vat_percent": 0}
MAPPING = {
    "entity": "sensor.other",
    "attribute": "prices",
    "start_key": "start",
    "value_key": "price",
    "unit": "DKK/kWh",
}


@pytest.fixture
async def morning(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be a morning in Berlin."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config.currency = "EUR"
    freezer.move_to(datetime.fromisoformat("2026-11-05T08:05:00+01:00"))


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with an option of another page."""
    entry = site_entry(9000, options={"turn_min": 30})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def begin(hass: HomeAssistant, source: str, feed_in: str = "none", **more: Any) -> dict[str, Any]:
    """Choose the sources on the first page and return the second."""
    menu = await hass.config_entries.options.async_init("site1")
    page = await submit(hass, dict(menu), {"next_step_id": "prices"})
    assert page["step_id"] == "prices"
    return await submit(hass, page, {"price_source": source, "feed_in_source": feed_in, **more})


async def submit(hass: HomeAssistant, result: dict[str, Any], user_input: dict[str, Any]) -> dict[str, Any]:
    """Submit a page and return what comes next."""
    return dict(await hass.config_entries.options.async_configure(result["flow_id"], user_input))


async def finish(hass: HomeAssistant, page: dict[str, Any], entry: MockConfigEntry) -> dict[str, Any]:
    """Accept what was understood; return what is kept."""
    assert page["step_id"] == "prices_understood"
    done = await submit(hass, page, {})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["turn_min"] == 30
    kept: dict[str, Any] = entry.options["prices"]
    return kept


def understood(page: dict[str, Any], *names: str) -> list[str]:
    """Return some of what was understood."""
    assert page["step_id"] == "prices_understood", page["errors"]
    return [page["description_placeholders"][name] for name in names]


async def test_a_fixed_price(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    page = await begin(hass, "fixed", "fixed")
    page = await submit(hass, page, {"price": 0.31})
    assert page["step_id"] == "prices_feed_in_fixed"
    page = await submit(hass, page, {"feed_in_price": 0.08})
    assert understood(page, "source", "price", "feed_in", "currency") == ["fixed", "0.3100", "0.0800", "EUR"]
    assert await finish(hass, page, entry) == {
        "price_source": "fixed",
        "feed_in_source": "fixed",
        "price": 0.31,
        "feed_in_price": 0.08,
    }


async def test_a_time_of_use_tariff_with_its_wrong_line_told(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    page = await begin(hass, "time_of_use")
    page = await submit(hass, page, {"table": "default = 0.3\nnight: 22:00-06:00"})
    assert page["errors"] == {"table": "table_level"}
    assert page["description_placeholders"] | {"line": "2", "words": "night"} == page["description_placeholders"]
    assert suggested(page) == {"table": "default = 0.3\nnight: 22:00-06:00"}
    page = await submit(hass, page, {"table": "default = 0.3\nnight = 0.2\nnight: 22:00-09:00"})
    assert understood(page, "first", "last", "minutes", "count", "price", "feed_in") == [
        "2026-11-05 00:00",
        "2026-11-08 00:00",
        "15",
        "288",
        "0.2000",
        "–",
    ]
    assert (await finish(hass, page, entry))["price_source"] == "time_of_use"


async def test_an_entity_is_recognised_and_what_was_understood_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24, tomorrow=(0.2,) * 24)
    page = await begin(hass, "entity", "spot")
    page = await submit(hass, page, {"entities": [ENTSOE]})
    assert page["step_id"] == "prices_formula"
    page = await submit(hass, page, FORMULA | FEED_IN_FORMULA)
    names = ("source", "first", "last", "minutes", "count", "price", "feed_in", "currency")
    assert understood(page, *names) == [
        "ENTSO-E",
        "2026-11-05 00:00",
        "2026-11-07 00:00",
        "60",
        "48",
        "0.2400",
        "0.0900",
        "EUR",
    ]
    kept = await finish(hass, page, entry)
    assert (
        kept == {"price_source": "entity", "feed_in_source": "spot", "entities": [ENTSOE]} | FORMULA | FEED_IN_FORMULA
    )


async def test_feed_in_prices_of_an_entity(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    page = await begin(hass, "fixed", "entity")
    page = await submit(hass, page, {"price": 0.3})
    assert page["step_id"] == "prices_feed_in_entity"
    page = await submit(hass, page, {"feed_in_entities": ["sensor.gone"]})
    assert page["errors"] == {"feed_in_entities": "prices_unreadable"}
    page = await submit(hass, page, {"feed_in_entities": [ENTSOE]})
    assert page["step_id"] == "prices_formula"
    assert {str(key) for key in page["data_schema"].schema} == FEED_IN_FORMULA.keys()
    page = await submit(hass, page, FEED_IN_FORMULA)
    assert understood(page, "price", "feed_in") == ["0.3000", "0.0900"]
    assert (await finish(hass, page, entry))["feed_in_entities"] == [ENTSOE]


async def test_entities_without_prices_are_refused_with_the_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set("sensor.other", "1")
    own = er.async_get(hass).async_get_or_create("sensor", DOMAIN, "site1_price", config_entry=entry)
    page = await begin(hass, "entity")
    page = await submit(hass, page, {"entities": ["sensor.other"]})
    assert page["errors"] == {"entities": "prices_unreadable"}
    assert page["description_placeholders"]["detail"] == "no list of prices is known in its attributes"
    page = await submit(hass, page, {"entities": [own.entity_id]})
    assert page["errors"] == {"entities": "entity_own"}
    assert page["description_placeholders"]["entity"] == own.entity_id
    page = await submit(hass, page, {"entities": []})
    assert page["errors"] == {"entities": "entity_missing"}


async def test_an_entity_that_goes_meanwhile_is_told_but_can_be_kept(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    page = await begin(hass, "entity")
    page = await submit(hass, page, {"entities": [ENTSOE]})
    hass.states.async_remove(ENTSOE)
    page = await submit(hass, page, FORMULA)
    assert page["errors"] == {"base": "prices_unreadable"}
    assert understood(page, "source", "detail") == ["–", f"{ENTSOE} does not exist"]
    assert (await finish(hass, page, entry))["entities"] == [ENTSOE]


async def test_an_action_is_offered_for_each_area_and_tried(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    nordpool = NordPool(hass, "2026-11-05")
    page = await begin(hass, "action")
    assert offered(page, "price_action") == [f"nordpool|{NORDPOOL_ENTRY}|SE3", f"nordpool|{NORDPOOL_ENTRY}|SE4"]
    nordpool.failure = failing("no connection")
    chosen = {"price_action": f"nordpool|{NORDPOOL_ENTRY}|SE4", "all_in": False}
    page = await submit(hass, page, chosen)
    assert page["errors"] == {"price_action": "prices_unreadable"}
    assert "no connection" in page["description_placeholders"]["detail"]
    nordpool.failure = None
    page = await submit(hass, page, chosen)
    page = await submit(hass, page, FORMULA)
    assert understood(page, "source", "count", "currency") == ["Nord Pool", "24", "SEK"]
    assert (await finish(hass, page, entry))["price_action"] == f"nordpool|{NORDPOOL_ENTRY}|SE4"


async def test_actions_of_other_integrations_are_offered_without_areas(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for domain in ("tibber", "energyzero"):
        mock_integration(hass, MockModule(domain))
        other = MockConfigEntry(domain=domain, entry_id=domain, title=domain.title(), state=ConfigEntryState.LOADED)
        other.add_to_hass(hass)
    page = await begin(hass, "action")
    assert offered(page, "price_action") == ["tibber||", "energyzero|energyzero|"]
    page = await submit(hass, page, {"price_action": "tibber||", "all_in": False, "home": "Cottage"})
    assert page["errors"] == {"price_action": "prices_unreadable"}


async def test_without_an_integration_that_can_be_asked_nobody_is(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    page = await begin(hass, "action")
    assert (page["step_id"], page["errors"]) == ("prices", {"price_source": "no_price_action"})


async def test_an_attribute_is_mapped_by_hand(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(datetime.fromisoformat("2025-08-27T00:30:00+02:00"))
    hass.states.async_set("sensor.other", "1", recorded("stromligning"))
    page = await begin(hass, "attribute")
    page = await submit(hass, page, MAPPING | {"unit": "points"})
    assert page["errors"] == {"unit": "price_unit_unknown"}
    page = await submit(hass, page, MAPPING | {"value_key": "value"})
    assert page["errors"] == {"entity": "prices_unreadable"}
    assert page["description_placeholders"]["detail"] == "entries of prices have no value"
    page = await submit(hass, page, MAPPING)
    page = await submit(hass, page, FORMULA | {"surcharge": 0, "vat_percent": 0})
    assert understood(page, "source", "price", "currency") == ["mapped", "2.1484", "DKK"]
    assert (await finish(hass, page, entry)).items() >= MAPPING.items()


async def test_carbon_is_told_by_a_sensor_in_grams(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set("sensor.co2", "40", {"unit_of_measurement": "%"})
    for entity_id in ("sensor.gone", "sensor.co2"):
        page = await begin(hass, "fixed", co2=entity_id)
        assert (page["step_id"], page["errors"]) == ("prices", {"co2": "entity_not_co2"})
    hass.states.async_set("sensor.co2", "40", {"unit_of_measurement": "gCO2eq/kWh"})
    page = await submit(hass, page, {"price_source": "fixed", "feed_in_source": "none", "co2": "sensor.co2"})
    page = await submit(hass, page, {"price": 0.3})
    assert (await finish(hass, page, entry))["co2"] == "sensor.co2"


async def test_a_known_forecast_of_carbon_is_recognised_and_shown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    predbat, now = recorded("predbat"), {"from": "2026-11-05T08:00:00+01:00", "to": "2026-11-05T08:30:00+01:00"}
    predbat["forecast"] = [now | {"intensity": 210}]
    hass.states.async_set("sensor.predbat", "210", predbat)
    page = await begin(hass, "fixed", co2_forecast=["sensor.predbat"])
    page = await submit(hass, page, {"price": 0.3})
    assert understood(page, "co2") == ["Predbat, 2026-11-05 08:00 – 2026-11-05 08:30, 210 g/kWh"]
    kept = await finish(hass, page, entry)
    assert carbon_settings(kept) == CarbonSettings(None, ("sensor.predbat",))


async def test_a_forecast_of_carbon_that_went_away_meanwhile_is_told(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.predbat", "210", recorded("predbat"))
    page = await begin(hass, "fixed", co2_forecast=["sensor.predbat"])
    hass.states.async_remove("sensor.predbat")
    page = await submit(hass, page, {"price": 0.3})
    assert understood(page, "co2") == ["sensor.predbat does not exist"]


async def test_where_a_forecast_of_carbon_is_not_known_the_user_says_where_it_is_listed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.co2", "150", {"unit_of_measurement": "g/kWh"})
    rates = [{"from": "2026-11-05T08:00:00+01:00", "to": "2026-11-05T08:30:00+01:00", "ef": 0.2}]
    hass.states.async_set("event.rates", "now", {"rates": rates})
    page = await begin(hass, "fixed", co2="sensor.co2", co2_forecast=["event.rates"])
    page = await submit(hass, page, {"price": 0.3})
    assert page["step_id"] == "prices_co2"
    listed = {"co2_attribute": "rates", "co2_start_key": "from", "co2_value_key": "ef", "co2_unit": "kg/kWh"}
    page = await submit(hass, page, listed | {"co2_unit": "EUR/kWh"})
    assert page["errors"] == {"co2_unit": "co2_unit_unknown"}
    page = await submit(hass, page, listed | {"co2_value_key": "intensity"})
    assert page["errors"] == {"co2_attribute": "co2_unreadable"}
    assert page["description_placeholders"]["detail"] == "entries of rates have no intensity"
    page = await submit(hass, page, listed | {"co2_end_key": "to"})
    assert understood(page, "co2") == ["mapped, 2026-11-05 08:00 – 2026-11-05 08:30, 200 g/kWh"]
    assert (await finish(hass, page, entry)).items() >= (listed | {"co2": "sensor.co2"}).items()
    menu = await hass.config_entries.options.async_init("site1")
    page = await submit(hass, dict(menu), {"next_step_id": "prices"})
    assert suggested(page)["co2_forecast"] == ["event.rates"]


async def test_what_forecasts_no_carbon_is_refused_with_its_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    own = er.async_get(hass).async_get_or_create("sensor", DOMAIN, "price", suggested_object_id="price")
    hass.states.async_set("sensor.predbat", "1", recorded("predbat") | {"unit_of_measurement": "%"})
    for entity_id, error, key, text in (
        (own.entity_id, "entity_own", "entity", own.entity_id),
        ("sensor.gone", "entity_not_found", "entity", "sensor.gone"),
        ("sensor.predbat", "co2_unreadable", "detail", "% is no unit of CO2"),
    ):
        page = await begin(hass, "fixed", co2_forecast=[entity_id])
        assert (page["step_id"], page["errors"]) == ("prices", {"co2_forecast": error})
        assert page["description_placeholders"][key] == text


@pytest.mark.parametrize("source", ["fixed", "time_of_use", "none"])
async def test_a_tariff_of_ones_own_has_no_spot_price(hass: HomeAssistant, entry: MockConfigEntry, source: str) -> None:
    page = await begin(hass, source, "spot")
    assert page["errors"] == {"feed_in_source": "feed_in_needs_spot"}


async def test_prices_can_be_changed_and_given_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    page = await begin(hass, "fixed")
    await finish(hass, await submit(hass, page, {"price": 0.3}), entry)
    menu = await hass.config_entries.options.async_init("site1")
    page = await submit(hass, dict(menu), {"next_step_id": "prices"})
    assert suggested(page) == {"price_source": "fixed", "feed_in_source": "none"}
    page = await submit(hass, page, suggested(page))
    assert suggested(page) == {"price": 0.3}
    page = await submit(hass, page, {"price": 0})
    assert (await finish(hass, page, entry))["price"] == 0
    done = await begin(hass, "none")
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"turn_min": 30}


def test_every_known_source_has_its_name() -> None:
    known = {source.key for source in (*ATTRIBUTE_SOURCES, *ACTION_SOURCES)}
    assert known | {openadr_prices.SOURCE} == prices._NAMES.keys()
    assert {source.key for source in CARBON_SOURCES} | {openadr_prices.SOURCE} == carbon._NAMES.keys()


def test_every_choice_and_every_problem_of_a_table_has_its_text() -> None:
    for texts in TEXTS.values():
        assert texts["selector"]["price_source"]["options"].keys() == set(PriceSource)
        assert texts["selector"]["feed_in_source"]["options"].keys() == set(FeedInSource)
        assert {f"table_{problem}" for problem in TableProblem} <= texts["options"]["error"].keys()
        for name in ("price", "feed_in_price"):
            assert texts["entity"]["sensor"][name]["name"]


def test_the_tables_that_are_shown_as_examples_are_right() -> None:
    shown = [texts["options"]["step"]["prices_time_of_use"]["description"] for texts in TEXTS.values()]
    for text in (*shown, (Path(__file__).parents[2] / "docs" / "prices.md").read_text()):
        table = parse_table(text.split("```")[1])
        assert (len(table.prices), len(table.rules), len(table.holidays)) == (3, 3, 1)


@pytest.mark.parametrize("step", [f"prices_{source}" for source in PriceSource if source is not PriceSource.NONE])
def test_every_page_has_its_texts(step: str) -> None:
    for texts in TEXTS.values():
        assert texts["options"]["step"][step]["title"]
        assert texts["options"]["step"][step]["data"]


async def test_an_empty_table_and_a_price_that_is_no_number_are_refused_on_their_page(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    page = await begin(hass, "time_of_use")
    page = await submit(hass, page, {"table": ""})
    assert page["errors"] == {"table": "table_no_default"}
    page = await begin(hass, "fixed", "fixed")
    page = await submit(hass, page, {"price": "nan"})
    assert (page["step_id"], page["errors"]) == ("prices_fixed", {"price": "price_no_number"})
    page = await submit(hass, page, {"price": 0.3})
    page = await submit(hass, page, {"feed_in_price": "nan"})
    assert (page["step_id"], page["errors"]) == ("prices_feed_in_fixed", {"feed_in_price": "price_no_number"})

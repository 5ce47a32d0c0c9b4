"""Sensors of prices, and the unit that the Energy dashboard wants of them."""

from datetime import datetime
import json
from pathlib import Path

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.energy.validate import ENERGY_PRICE_UNITS
from homeassistant.const import STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components import smart_charging
from custom_components.smart_charging.price_settings import price_settings
from custom_components.smart_charging.sensor_prices import PRICE_DESCRIPTIONS

from .price_sources import ENTSOE, entsoe
from .site_double import running_site

SENSORS = [Platform.SENSOR]
PRICE, FEED_IN = "sensor.home_electricity_price", "sensor.home_feed_in_price"
TABLE = "default = 0.3\nnight = 0.2\nnight: 22:00-06:00"
TARIFF = {"price_source": "time_of_use", "table": TABLE, "feed_in_source": "fixed", "feed_in_price": 0.0785}


@pytest.fixture(autouse=True)
async def morning(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be a morning in Berlin."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config.currency = "EUR"
    freezer.move_to(datetime.fromisoformat("2026-11-05T08:05:00+01:00"))


async def test_prices_are_shown_with_the_unit_of_the_energy_dashboard(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, SENSORS, options={"prices": TARIFF}):
        for entity_id in (PRICE, FEED_IN):
            assert hass.states.get(entity_id) == snapshot(name=f"{entity_id}-state")
            assert entity_registry.async_get(entity_id) == snapshot(name=f"{entity_id}-entry")
            state = hass.states.get(entity_id)
            assert state is not None
            assert state.attributes["unit_of_measurement"] in {f"EUR{unit}" for unit in ENERGY_PRICE_UNITS}


async def test_a_price_changes_with_the_quarter_hour(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    async with running_site(hass, SENSORS, options={"prices": TARIFF}):
        assert value(hass, PRICE) == "0.3"
        freezer.move_to(datetime.fromisoformat("2026-11-05T22:00:00+01:00"))
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        assert (value(hass, PRICE), value(hass, FEED_IN)) == ("0.2", "0.0785")


async def test_a_price_that_is_not_known_is_unavailable(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entsoe(hass, "2026-11-05", *[0.1] * 24)
    chosen = {"price_source": "entity", "entities": [ENTSOE]}
    async with running_site(hass, SENSORS, options={"prices": chosen}):
        assert value(hass, PRICE) == "0.1"
        freezer.move_to(datetime.fromisoformat("2026-11-06T00:00:00+01:00"))
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        assert value(hass, PRICE) == STATE_UNAVAILABLE


async def test_a_site_without_prices_has_no_sensors_of_them(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS) as site:
        assert (hass.states.get(PRICE), hass.states.get(FEED_IN)) == (None, None)
        assert site.entry is not None
        prices = site.entry.runtime_data.prices
        prices.async_configure(price_settings({"prices": TARIFF}))
        await hass.async_block_till_done()
        assert (value(hass, PRICE), value(hass, FEED_IN)) == ("0.3", "0.0785")
        prices.async_configure(price_settings({"prices": {"price_source": "fixed", "price": 0.4}}))
        await hass.async_block_till_done()
        assert (value(hass, PRICE), hass.states.get(FEED_IN)) == ("0.4", None)
        prices.async_configure(None)
        await hass.async_block_till_done()
        assert entity_registry.async_get(PRICE) is None


async def test_the_unit_is_the_sources_currency(hass: HomeAssistant) -> None:
    entsoe(hass, "2026-11-05", *[1.5] * 24, unit_of_measurement="NOK/kWh")
    chosen = {"price_source": "entity", "entities": [ENTSOE]}
    async with running_site(hass, SENSORS, options={"prices": chosen}):
        state = hass.states.get(PRICE)
        assert state is not None
        assert (state.state, state.attributes["unit_of_measurement"]) == ("1.5", "NOK/kWh")


def test_every_price_has_an_icon() -> None:
    icons = json.loads((Path(smart_charging.__file__).parent / "icons.json").read_text())["entity"]["sensor"]
    assert {description.key for description in PRICE_DESCRIPTIONS} <= icons.keys()


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state

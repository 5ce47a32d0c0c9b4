"""Sensors of where a session's energy came from and what it was worth."""

from dataclasses import replace

from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.view import SiteView
from custom_components.smart_charging.price_settings import price_settings

from .price_sources import ENTSOE
from .site_double import evse, garage, running_site, site_view

SENSORS = [Platform.SENSOR]
SHARE, COST, PRICE, CO2 = (
    f"sensor.charger_garage_session_{name}" for name in ("solar_share", "cost", "average_price", "co2")
)
ORIGIN = EnergyOrigin(4350.0, 500.0, 2000.0, 0.98765, 6500.0, 612.4, 6850.0)


def shown(origin: EnergyOrigin | None, energy_wh: float | None = 7250.4) -> SiteView:
    return site_view(garage(evse(session_origin=origin, session_energy_wh=energy_wh)))


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return what a sensor shows."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_a_session_is_shown_by_its_share_of_sun_its_money_and_its_co2(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    hass.config.currency = "EUR"
    async with running_site(hass, SENSORS, shown(ORIGIN), enable_all=True):
        for entity_id in (SHARE, COST, PRICE, CO2):
            assert hass.states.get(entity_id) == snapshot(name=f"{entity_id}-state")
            assert entity_registry.async_get(entity_id) == snapshot(name=f"{entity_id}-entry")


async def test_the_parts_sum_to_the_meter(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, shown(ORIGIN)):
        state = hass.states.get(SHARE)
        assert state is not None
        assert sum(state.attributes["details"].values()) == pytest.approx(7.25)


@pytest.mark.parametrize("nothing", [None, EnergyOrigin()], ids=["never looked at", "all unknown"])
async def test_where_there_is_nothing_to_say_nothing_is_said(hass: HomeAssistant, nothing: EnergyOrigin | None) -> None:
    async with running_site(hass, SENSORS, shown(nothing), enable_all=True) as site:
        assert {value(hass, one) for one in (SHARE, COST, PRICE, CO2)} == {STATE_UNKNOWN}
        await site.show(shown(None, None))
        assert {value(hass, one) for one in (SHARE, COST, PRICE, CO2)} == {STATE_UNKNOWN}


async def test_a_share_is_known_without_prices_and_without_co2(hass: HomeAssistant) -> None:
    unpriced = replace(ORIGIN, cost=0.0, priced_wh=0.0, co2_g=0.0, co2_known_wh=0.0)
    async with running_site(hass, SENSORS, shown(unpriced), enable_all=True):
        assert value(hass, SHARE) == "60"
        assert {value(hass, one) for one in (COST, PRICE, CO2)} == {STATE_UNKNOWN}


async def test_money_is_in_the_currency_of_the_prices(hass: HomeAssistant) -> None:
    hass.config.currency = "EUR"
    prices = [{"time": "2026-06-01 12:00:00+00:00", "price": 0.5}]
    hass.states.async_set(ENTSOE, "0.1", {"prices_today": prices, "unit_of_measurement": "SEK/kWh"})
    async with running_site(hass, SENSORS, shown(ORIGIN)) as site:
        assert site.entry is not None
        chosen = {"price_source": "entity", "entities": [ENTSOE]}
        site.entry.runtime_data.prices.async_configure(price_settings({"prices": chosen}))
        units = {one: hass.states.get(one).attributes["unit_of_measurement"] for one in (COST, PRICE)}
    assert units == {COST: "SEK", PRICE: "SEK/kWh"}


async def test_co2_is_for_who_asks_for_it(hass: HomeAssistant, entity_registry: er.EntityRegistry) -> None:
    async with running_site(hass, SENSORS, shown(ORIGIN)):
        assert entity_registry.async_get(CO2).disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert hass.states.get(CO2) is None

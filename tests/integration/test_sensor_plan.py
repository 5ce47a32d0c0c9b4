"""Sensors of what is planned for a car."""

from dataclasses import replace
from datetime import timedelta

from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.view import PlannedCharge
from custom_components.smart_charging.price_settings import price_settings

from .price_sources import ENTSOE
from .site_double import AT, evse, garage, running_site, site_view

SENSORS = [Platform.SENSOR]
START, COST = "sensor.charger_garage_next_start", "sensor.charger_garage_planned_cost"
PLANNED = PlannedCharge(AT + timedelta(hours=3), 9000.0, 1.23456, 0.0, AT + timedelta(hours=18))


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return what a sensor shows."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_a_plan_is_shown_by_its_next_start_and_its_cost(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, SENSORS, site_view(garage(evse(planned=PLANNED))), enable_all=True):
        for entity_id in (START, COST):
            assert hass.states.get(entity_id) == snapshot(name=f"{entity_id}-state")
            assert entity_registry.async_get(entity_id) == snapshot(name=f"{entity_id}-entry")


async def test_without_a_plan_both_are_unknown_and_without_a_start_or_prices_one(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, enable_all=True) as site:
        assert (value(hass, START), value(hass, COST)) == (STATE_UNKNOWN, STATE_UNKNOWN)
        await site.show(site_view(garage(evse(planned=replace(PLANNED, starts_at=None)))))
        assert (value(hass, START), value(hass, COST)) == (STATE_UNKNOWN, "1.23")
        await site.show(site_view(garage(evse(planned=replace(PLANNED, cost=None)))))
        assert (value(hass, START), value(hass, COST)) == ("2026-06-01T15:00:00+00:00", STATE_UNKNOWN)


async def test_the_next_start_stays_while_the_car_draws(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS) as site:
        for minutes in (0, 1, 14):
            drawing = replace(PLANNED, starts_at=AT + timedelta(minutes=minutes, seconds=7))
            await site.show(site_view(garage(evse(planned=drawing)), at=AT + timedelta(minutes=minutes)))
            assert value(hass, START) == "2026-06-01T12:00:00+00:00"


async def test_the_cost_is_in_the_currency_of_the_prices(hass: HomeAssistant) -> None:
    hass.config.currency = "EUR"
    hass.states.async_set(
        ENTSOE,
        "0.1",
        {"prices_today": [{"time": "2026-06-01 12:00:00+00:00", "price": 0.5}], "unit_of_measurement": "SEK/kWh"},
    )
    chosen = {"price_source": "entity", "entities": [ENTSOE]}
    view = site_view(garage(evse(planned=PLANNED)))
    async with running_site(hass, SENSORS, view, enable_all=True) as site:
        state = hass.states.get(COST)
        assert state is not None
        assert state.attributes["unit_of_measurement"] == "EUR"
        assert site.entry is not None
        site.entry.runtime_data.prices.async_configure(price_settings({"prices": chosen}))
        state = hass.states.get(COST)
        assert state is not None
        assert state.attributes["unit_of_measurement"] == "SEK"

"""Numbers as a user sets them."""

from dataclasses import replace

from homeassistant.components.number import ATTR_VALUE, DOMAIN as NUMBER, SERVICE_SET_VALUE
from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.model import ChargeMode, StoreError

from .site_double import KEY, evse, garage, running_site, site_view

NUMBERS = [Platform.NUMBER]
MAX_CURRENT = "number.charger_garage_maximum_current"


async def set_value(hass: HomeAssistant, value: float) -> None:
    """Set the number as a user does."""
    await hass.services.async_call(
        NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: MAX_CURRENT, ATTR_VALUE: value}, blocking=True
    )


async def test_every_number_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, NUMBERS) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_the_users_limit_can_be_set_while_the_charger_is_away(hass: HomeAssistant) -> None:
    async with running_site(hass, NUMBERS, site_view(garage(connected=False))) as site:
        await set_value(hass, 10)
        assert site.commands == [("set_max_current", KEY, 10.0)]
        state = hass.states.get(MAX_CURRENT)
        assert state is not None
        assert state.state == "10.0"


@pytest.mark.parametrize("value", [5, 17, float("nan")])
async def test_a_limit_outside_the_chargers_range_is_refused(hass: HomeAssistant, value: float) -> None:
    async with running_site(hass, NUMBERS) as site:
        with pytest.raises(ServiceValidationError):
            await set_value(hass, value)
        assert site.commands == []


async def test_a_rating_configured_anew_moves_the_ceiling(hass: HomeAssistant) -> None:
    async with running_site(hass, NUMBERS, site_view(garage(evse(max_current_a=32.0)))) as site:
        state = hass.states.get(MAX_CURRENT)
        assert state is not None
        assert (state.state, state.attributes["max"]) == ("16.0", 16.0)
        subentry = site.entry.subentries["sub_garage"]
        hass.config_entries.async_update_subentry(site.entry, subentry, data={**subentry.data, "max_current_a": 32.0})
        await site.show(site.view)
        state = hass.states.get(MAX_CURRENT)
        assert state is not None
        assert (state.state, state.attributes["max"]) == ("32.0", 32.0)


async def test_a_limit_that_cannot_be_kept_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, NUMBERS) as site:
        site.refusal = StoreError("disk full")
        with pytest.raises(HomeAssistantError) as error:
            await set_value(hass, 10)
        assert error.value.translation_key == "not_stored"


@pytest.mark.parametrize(
    ("number", "chosen", "settings"),
    [
        ("priority", 5, EvseSettings(priority=5)),
        ("target_energy", 12.5, EvseSettings(target_energy_wh=12500.0)),
        ("target_state_of_charge", 80, EvseSettings(target_soc_percent=80.0)),
        ("minimum_state_of_charge", 20, EvseSettings(min_soc_percent=20.0)),
    ],
)
async def test_what_a_user_wants_can_be_set_while_the_charger_is_away(
    hass: HomeAssistant, number: str, chosen: float, settings: EvseSettings
) -> None:
    entity_id = f"number.charger_garage_{number}"
    async with running_site(hass, NUMBERS, site_view(garage(connected=False))) as site:
        for value, wanted in ((chosen, settings), (0, EvseSettings(priority=0 if number == "priority" else None))):
            await hass.services.async_call(
                NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: entity_id, ATTR_VALUE: value}, blocking=True
            )
            assert site.commands.pop() == ("set_settings", KEY, wanted)
            state = hass.states.get(entity_id)
            assert state is not None
            assert float(state.state) == value


@pytest.mark.parametrize(
    ("number", "value"),
    [("minimum_state_of_charge", 81), ("target_state_of_charge", 29), ("target_state_of_charge", 1)],
)
async def test_a_minimum_charge_above_the_target_is_refused(hass: HomeAssistant, number: str, value: float) -> None:
    before = EvseSettings(min_soc_percent=30.0, target_soc_percent=80.0)
    async with running_site(hass, NUMBERS, site_view(garage(evse(settings=before)))) as site:
        entity_id = f"number.charger_garage_{number}"
        with pytest.raises(ServiceValidationError) as error:
            await hass.services.async_call(
                NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: entity_id, ATTR_VALUE: value}, blocking=True
            )
        assert error.value.translation_key == "min_soc_above_target"
        assert error.value.translation_placeholders is not None
        assert error.value.translation_placeholders["charger"] == "Charger garage"
        assert site.commands == []


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("minimum_state_of_charge", 80),
        ("minimum_state_of_charge", 0),
        ("target_state_of_charge", 30),
        ("target_state_of_charge", 0),
    ],
)
async def test_a_minimum_charge_may_be_the_target_and_either_be_nothing(
    hass: HomeAssistant, number: str, value: float
) -> None:
    before = EvseSettings(min_soc_percent=30.0, target_soc_percent=80.0)
    async with running_site(hass, NUMBERS, site_view(garage(evse(settings=before)))) as site:
        entity_id = f"number.charger_garage_{number}"
        await hass.services.async_call(
            NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: entity_id, ATTR_VALUE: value}, blocking=True
        )
        assert len(site.commands) == 1


async def test_levels_that_were_kept_the_wrong_way_round_stand_in_nobodys_way(hass: HomeAssistant) -> None:
    before = EvseSettings(min_soc_percent=80.0, target_soc_percent=30.0)
    async with running_site(hass, NUMBERS, site_view(garage(evse(settings=before)))) as site:
        await hass.services.async_call(
            NUMBER,
            SERVICE_SET_VALUE,
            {ATTR_ENTITY_ID: "number.charger_garage_priority", ATTR_VALUE: 3},
            blocking=True,
        )
        assert site.commands == [("set_settings", KEY, replace(before, priority=3))]


async def test_one_wish_leaves_the_others_as_they_are(hass: HomeAssistant) -> None:
    before = EvseSettings(mode=ChargeMode.SOLAR, max_current_a=10.0, min_soc_percent=30.0)
    async with running_site(hass, NUMBERS, site_view(garage(evse(settings=before)))) as site:
        await hass.services.async_call(
            NUMBER,
            SERVICE_SET_VALUE,
            {ATTR_ENTITY_ID: "number.charger_garage_target_energy", ATTR_VALUE: 7},
            blocking=True,
        )
        assert site.commands == [("set_settings", KEY, replace(before, target_energy_wh=7000.0))]


async def test_a_price_limit_is_set_in_the_currency_of_the_prices_and_unknown_without_one(hass: HomeAssistant) -> None:
    hass.config.currency = "SEK"
    limit = "number.charger_garage_price_limit"
    async with running_site(hass, NUMBERS) as site:
        state = hass.states.get(limit)
        assert state is not None
        assert (state.state, state.attributes["unit_of_measurement"]) == ("unknown", "SEK/kWh")
        await hass.services.async_call(
            NUMBER, SERVICE_SET_VALUE, {ATTR_ENTITY_ID: limit, ATTR_VALUE: -0.25}, blocking=True
        )
        assert site.commands == [("set_settings", KEY, EvseSettings(price_limit=-0.25))]
        state = hass.states.get(limit)
        assert state is not None and state.state == "-0.25"

"""Switches as a user sets them."""

from homeassistant.components.switch import DOMAIN as SWITCH
from homeassistant.const import (
    ATTR_ENTITY_ID,
    SERVICE_TOGGLE,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    Platform,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.csms.commands import CommandErrorCode
from custom_components.smart_charging.engine.model import EvseStatus

from .site_double import KEY, evse, garage, running_site, site_view

SWITCHES = [Platform.SWITCH]
CHARGING = "switch.charger_garage_charging_allowed"
AVAILABILITY = "switch.charger_garage_in_operation"


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def switch(hass: HomeAssistant, service: str, entity_id: str) -> None:
    """Turn a switch as a user does."""
    await hass.services.async_call(SWITCH, service, {ATTR_ENTITY_ID: entity_id}, blocking=True)


async def test_every_switch_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, SWITCHES) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_charging_can_be_forbidden_and_allowed_while_the_charger_is_away(hass: HomeAssistant) -> None:
    async with running_site(hass, SWITCHES, site_view(garage(connected=False))) as site:
        await switch(hass, SERVICE_TURN_OFF, CHARGING)
        assert value(hass, CHARGING) == STATE_OFF
        await switch(hass, SERVICE_TURN_ON, CHARGING)
        assert value(hass, CHARGING) == STATE_ON
        assert site.commands == [("set_enabled", KEY, False), ("set_enabled", KEY, True)]


async def test_an_evse_put_out_of_operation_while_it_charges_shows_so_and_can_be_put_back(hass: HomeAssistant) -> None:
    async with running_site(hass, SWITCHES) as site:
        await switch(hass, SERVICE_TURN_OFF, AVAILABILITY)
        assert value(hass, AVAILABILITY) == STATE_OFF
        charging = site.view.chargers["garage"].evses[1].state
        assert (charging.status, charging.operative) == (EvseStatus.CHARGING, False)
        await site.show(site.view)
        assert value(hass, AVAILABILITY) == STATE_OFF
        await hass.services.async_call(SWITCH, SERVICE_TOGGLE, {ATTR_ENTITY_ID: AVAILABILITY}, blocking=True)
        assert value(hass, AVAILABILITY) == STATE_ON
        assert site.commands == [
            ("change_availability", "garage", 1, False),
            ("change_availability", "garage", 1, True),
        ]


async def test_availability_is_what_the_station_was_told_while_it_is_there(hass: HomeAssistant) -> None:
    async with running_site(hass, SWITCHES) as site:
        assert value(hass, AVAILABILITY) == STATE_ON
        await site.show(site_view(garage(evse(state={"operative": False}))))
        assert value(hass, AVAILABILITY) == STATE_OFF
        await site.show(site_view(garage(connected=False)))
        assert value(hass, AVAILABILITY) == STATE_UNAVAILABLE


@pytest.mark.parametrize("code", list(CommandErrorCode))
async def test_a_refusal_of_the_station_is_told_to_the_user(hass: HomeAssistant, code: CommandErrorCode) -> None:
    asked_wrongly = code in {
        CommandErrorCode.NOT_SUPPORTED,
        CommandErrorCode.NO_TRANSACTION,
        CommandErrorCode.INVALID,
        CommandErrorCode.PROTECTED,
        CommandErrorCode.TOO_OFTEN,
    }
    async with running_site(hass, SWITCHES) as site:
        site.refuse(code, "ChangeAvailability: Rejected")
        with pytest.raises(HomeAssistantError) as error:
            await switch(hass, SERVICE_TURN_OFF, AVAILABILITY)
        assert isinstance(error.value, ServiceValidationError) is asked_wrongly
        assert error.value.translation_key == f"command_{code.value}"
        assert "Charger garage" in str(error.value)

"""Buttons as a user presses them."""

from dataclasses import replace
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.button import DOMAIN as BUTTON, SERVICE_PRESS
from homeassistant.const import ATTR_ENTITY_ID, STATE_UNAVAILABLE, Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockUser, snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.csms.commands import CommandErrorCode
from custom_components.smart_charging.engine.model import ChargeMode

from .site_double import AT, KEY, evse, garage, running_site, site_view

BUTTONS = [Platform.BUTTON]
ALL_BUTTONS = {
    "button.charger_garage_reset": ("reset", "garage", False),
    "button.charger_garage_hard_reset": ("reset", "garage", True),
    "button.charger_garage_learn_anew": ("forget_learnt", "garage"),
    "button.charger_garage_unlock_connector": ("unlock", "garage", 1),
}


async def press(hass: HomeAssistant, entity_id: str) -> None:
    """Press a button as a user does."""
    await hass.services.async_call(BUTTON, SERVICE_PRESS, {ATTR_ENTITY_ID: entity_id}, blocking=True)


async def test_every_button_is_there(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, BUTTONS, enable_all=True) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


@pytest.mark.parametrize(("entity_id", "command"), ALL_BUTTONS.items())
async def test_a_button_tells_the_station(hass: HomeAssistant, entity_id: str, command: tuple[object, ...]) -> None:
    async with running_site(hass, BUTTONS, enable_all=True) as site:
        await press(hass, entity_id)
        assert site.commands == [command]


async def test_only_administrators_and_automations_have_a_charger_learnt_anew(
    hass: HomeAssistant, hass_read_only_user: MockUser, hass_admin_user: MockUser
) -> None:
    async def press_as(user_id: str | None) -> None:
        data = {ATTR_ENTITY_ID: "button.charger_garage_learn_anew"}
        await hass.services.async_call(BUTTON, SERVICE_PRESS, data, blocking=True, context=Context(user_id=user_id))

    hass_read_only_user.mock_policy({"entities": True})
    async with running_site(hass, BUTTONS, enable_all=True) as site:
        with pytest.raises(Unauthorized):
            await press_as(hass_read_only_user.id)
        with pytest.raises(UnknownUser):
            await press_as("gone")
        assert site.commands == []
        await press_as(hass_admin_user.id)
        await press_as(None)
        assert site.commands == [("forget_learnt", "garage")] * 2


async def test_buttons_of_a_charger_that_is_away_are_unavailable(hass: HomeAssistant) -> None:
    async with running_site(hass, BUTTONS, site_view(garage(connected=False)), enable_all=True):
        states = [hass.states.get(entity_id) for entity_id in ALL_BUTTONS]
        assert [state.state for state in states if state] == [STATE_UNAVAILABLE] * 4


async def test_a_refused_press_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, BUTTONS) as site:
        site.refuse(CommandErrorCode.REJECTED, "UnlockConnector: UnlockFailed")
        with pytest.raises(HomeAssistantError) as error:
            await press(hass, "button.charger_garage_unlock_connector")
        assert error.value.translation_key == "command_rejected"
        assert "UnlockFailed" in str(error.value)


async def test_a_boost_lasts_an_hour_and_holds_for_a_charger_that_is_away(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(AT)
    before = EvseSettings(mode=ChargeMode.SOLAR, priority=3)
    async with running_site(hass, BUTTONS, site_view(garage(evse(settings=before), connected=False))) as site:
        await press(hass, "button.charger_garage_boost")
        assert site.commands == [("set_settings", KEY, replace(before, boost_until=AT + timedelta(hours=1)))]

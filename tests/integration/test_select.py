"""Selects as a user sets them."""

from homeassistant.components.select import ATTR_OPTION, DOMAIN as SELECT, SERVICE_SELECT_OPTION
from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.model import ChargeMode

from .site_double import KEY, garage, running_site, site_view

SELECTS = [Platform.SELECT]
MODE = "select.charger_garage_mode"
SITE_MODE = "select.home_site_mode"


async def test_every_select_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, SELECTS) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("mode", list(ChargeMode))
async def test_a_mode_can_be_chosen_at_any_time(hass: HomeAssistant, mode: ChargeMode, connected: bool) -> None:
    async with running_site(hass, SELECTS, site_view(garage(connected=connected))) as site:
        await hass.services.async_call(
            SELECT, SERVICE_SELECT_OPTION, {ATTR_ENTITY_ID: MODE, ATTR_OPTION: mode.value}, blocking=True
        )
        assert site.commands == [("set_mode", KEY, mode)]
        state = hass.states.get(MODE)
        assert state is not None
        assert state.state == mode


@pytest.mark.parametrize(("option", "observe"), [("observe", True), ("control", False)])
async def test_a_site_can_be_made_to_observe_only_and_to_act_again(
    hass: HomeAssistant, option: str, observe: bool
) -> None:
    async with running_site(hass, SELECTS, site_view(observe_only=not observe)) as site:
        await hass.services.async_call(
            SELECT, SERVICE_SELECT_OPTION, {ATTR_ENTITY_ID: SITE_MODE, ATTR_OPTION: option}, blocking=True
        )
        assert site.commands == [("set_observe_only", observe)]
        state = hass.states.get(SITE_MODE)
        assert state is not None
        assert state.state == option

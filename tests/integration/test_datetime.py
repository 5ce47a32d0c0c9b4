"""Departures as a user sets them."""

from dataclasses import replace
from datetime import datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.datetime import ATTR_DATETIME, DOMAIN as DATETIME, SERVICE_SET_VALUE
from homeassistant.const import ATTR_ENTITY_ID, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.model import ChargeMode, StoreError

from .site_double import AT, KEY, evse, garage, running_site, site_view

TIMES = [Platform.DATETIME]
DEPARTURE = "datetime.charger_garage_departure"
MORNING = AT + timedelta(hours=17, minutes=30)


@pytest.fixture(autouse=True)
async def noon_in_utc(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be noon, which is two o'clock in Berlin."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(AT)


async def set_departure(hass: HomeAssistant, departure: datetime | str) -> None:
    """Set the departure as a user does."""
    data = {ATTR_ENTITY_ID: DEPARTURE, ATTR_DATETIME: departure}
    await hass.services.async_call(DATETIME, SERVICE_SET_VALUE, data, blocking=True)


def shown(hass: HomeAssistant) -> str:
    """Return what the departure shows."""
    state = hass.states.get(DEPARTURE)
    assert state is not None
    return state.state


async def test_every_time_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    view = site_view(garage(evse(settings=EvseSettings(departure=MORNING))))
    async with running_site(hass, TIMES, view) as site:
        assert site.entry is not None
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


@pytest.mark.parametrize("connected", [True, False])
async def test_a_departure_is_unknown_until_it_is_set_which_leaves_other_wishes_alone(
    hass: HomeAssistant, connected: bool
) -> None:
    before = EvseSettings(mode=ChargeMode.SOLAR, target_energy_wh=9000.0)
    async with running_site(hass, TIMES, site_view(garage(evse(settings=before), connected=connected))) as site:
        assert shown(hass) == STATE_UNKNOWN
        await set_departure(hass, "2026-06-02 07:30:00")
        assert site.commands == [("set_settings", KEY, replace(before, departure=MORNING))]
        assert shown(hass) == "2026-06-02T05:30:00+00:00"


@pytest.mark.parametrize("departure", ["2026-06-01 13:59:59", "2026-06-01 14:00:00", "2020-01-01 07:30:00"])
async def test_a_departure_gone_by_is_refused(hass: HomeAssistant, departure: str) -> None:
    async with running_site(hass, TIMES) as site:
        with pytest.raises(ServiceValidationError) as error:
            await set_departure(hass, departure)
        assert error.value.translation_key == "departure_over"
        assert site.commands == []


async def test_a_departure_beyond_all_calendars_is_refused(hass: HomeAssistant) -> None:
    async with running_site(hass, TIMES) as site:
        with pytest.raises(ServiceValidationError) as error:
            await set_departure(hass, "9999-12-31T23:30:00-05:00")
        assert error.value.translation_key == "departure_far"
        assert site.commands == []


async def test_a_departure_that_cannot_be_kept_is_an_error(hass: HomeAssistant) -> None:
    async with running_site(hass, TIMES) as site:
        site.refusal = StoreError("disk full")
        with pytest.raises(HomeAssistantError) as error:
            await set_departure(hass, MORNING)
        assert error.value.translation_key == "not_stored"
        assert shown(hass) == STATE_UNKNOWN

"""The firmware of a charger as a user sees it."""

from datetime import timedelta
from typing import Any

from homeassistant.components.update.const import DATA_COMPONENT
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.csms.transfer_progress import FirmwarePhase, FirmwareProgress
from custom_components.smart_charging.firmware_offers import FirmwareOffer

from .site_double import AT, SiteDouble, garage, running_site, site_view

UPDATES = [Platform.UPDATE]
FIRMWARE = "update.charger_garage_firmware"


def shown(hass: HomeAssistant) -> tuple[str, bool, float | None]:
    state = hass.states.get(FIRMWARE)
    assert state is not None
    return state.state, state.attributes["in_progress"], state.attributes["update_percentage"]


async def show(site: SiteDouble, phase: FirmwarePhase, age_s: float = 5, **more: Any) -> None:
    progress = FirmwareProgress(phase, **more)
    await site.show(site_view(garage(firmware=progress, firmware_told_at=AT - timedelta(seconds=age_s))))


async def test_every_update_is_there(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, UPDATES) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_an_offer_of_whatever_number_is_an_update(hass: HomeAssistant) -> None:
    async with running_site(hass, UPDATES) as site:
        assert shown(hass) == (STATE_OFF, False, None)
        for version in ("1.5", "1.3", "release candidate"):
            await site.entry.runtime_data.offers.async_set("sub_garage", FirmwareOffer(version, "/media/x"))
            assert shown(hass)[0] == STATE_ON
        await site.entry.runtime_data.offers.async_set("sub_garage", FirmwareOffer("1.4.2", "/media/x"))
        assert shown(hass)[0] == STATE_OFF


async def test_without_a_word_of_the_charger_nothing_is_known(hass: HomeAssistant) -> None:
    async with running_site(hass, UPDATES, site_view(garage(firmware_version=None))):
        assert shown(hass)[0] == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("phase", "in_progress", "percent"),
    [
        (FirmwarePhase.IDLE, False, None),
        (FirmwarePhase.SCHEDULED, False, None),
        (FirmwarePhase.DOWNLOADING, True, 42.5),
        (FirmwarePhase.DOWNLOADED, True, None),
        (FirmwarePhase.INSTALLING, True, None),
    ],
)
async def test_progress_is_what_the_charger_tells_and_we_sent(
    phase: FirmwarePhase, in_progress: bool, percent: float | None, hass: HomeAssistant
) -> None:
    async with running_site(hass, UPDATES) as site:
        await show(site, phase)
        assert shown(hass)[1:] == (in_progress, percent)


async def test_an_update_that_ended_or_fell_silent_is_not_waited_for(hass: HomeAssistant) -> None:
    async with running_site(hass, UPDATES) as site:
        await show(site, FirmwarePhase.INSTALLING, age_s=3599)
        assert shown(hass)[1]
        await show(site, FirmwarePhase.INSTALLING, age_s=3600)
        assert not shown(hass)[1]
        await show(site, FirmwarePhase.DOWNLOADING, finished=True)
        assert not shown(hass)[1]


async def test_nothing_is_installed_where_nothing_is_offered(hass: HomeAssistant) -> None:
    async with running_site(hass, UPDATES) as site:
        entity = hass.data[DATA_COMPONENT].get_entity(FIRMWARE)
        assert entity is not None
        with pytest.raises(ServiceValidationError) as error:
            await entity.async_install(None, False)
        assert error.value.translation_key == "no_firmware_offered"
        assert site.commands == []

"""What becomes of the grid operator's demands on one charger alone once that is removed."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid_record import GridEvent
from custom_components.smart_charging.engine.model import EvseKey

from .builders import battery, charger
from .grid_operator import published
from .grid_site import GridSite, grid_site
from .grid_sources import BOX, EEBUS, NUMBER, RELAY, demand
from .site_setup import add_charger, issue_ids, set_up
from .test_grid_inputs import AT_ONCE, DEVICE_MINIMUM_W, KEY, grid, restart, set_state

CP1, CP2 = "sub_CP-1", "sub_CP-2"


@pytest.fixture
async def home(hass: HomeAssistant, free_port: int) -> AsyncIterator[GridSite]:
    """Run a site with two chargers and a battery."""
    async with grid_site(hass, free_port, charger("CP-1"), charger("CP-2"), battery()) as running:
        yield running


async def test_what_was_asked_of_a_charger_ends_with_it(hass: HomeAssistant, home: GridSite) -> None:
    await home.limited("set_grid_limit", CP1, power=1000)
    await home.limited("set_grid_limit", CP1, kind="block", **{"from": "2026-12-01T00:00:00"})
    await home.limited("set_grid_limit", CP2, power=2000)
    hass.config_entries.async_remove_subentry(home.entry, CP1)
    await hass.async_block_till_done()
    assert home.limits() == {"grid/import/device/W/not_counted/CP-2/1": 2000.0}
    told = await home.limited("clear_grid_limit", CP2)
    assert (told["active"], told["announced"]) == (False, [])
    await home.wait(400, settle=0)
    await home.wait(1)
    rows = [one.record for one in await home.entry.runtime_data.ledger.grid_proof.records()]
    ended = [one for one in rows if one.event is GridEvent.LIMIT_RELEASED]
    assert [(one.source_id, one.evse) for one in ended] == [
        ("action", EvseKey("CP-2", 1)),
        ("action", EvseKey("CP-1", 1)),
    ]
    add_charger(hass, home.entry, "CP-1")
    await hass.async_block_till_done()
    assert home.limits() == {}
    assert (await home.limited("set_grid_limit", CP1, power=1000))["limit_w"] == 1000


async def test_a_limit_of_a_charger_that_was_removed_is_in_the_way_of_no_test(
    hass: HomeAssistant, home: GridSite
) -> None:
    await home.limited("set_grid_limit", CP1, power=1000)
    hass.config_entries.async_remove_subentry(home.entry, CP1)
    await hass.async_block_till_done()
    test = hass.async_create_task(home.call("compliance_test"))
    await home.wait(70)
    assert (await test)["limit_w"] == 7560  # of a charger and a battery


async def test_what_was_asked_of_a_charger_that_went_while_nobody_ran_ends_at_the_start(
    hass: HomeAssistant, home: GridSite
) -> None:
    await home.limited("set_grid_limit", CP1, power=1000)
    await home.wait(1)
    await hass.config_entries.async_unload(home.entry.entry_id)
    hass.config_entries.async_remove_subentry(home.entry, CP1)
    await hass.config_entries.async_setup(home.entry.entry_id)
    await hass.async_block_till_done()
    assert home.limits() == {}
    told = await home.limited("clear_grid_limit")
    assert (told["active"], told["returning"], told["limits"]) == (False, False, [])
    await home.wait(1)
    rows = [one.record for one in await home.entry.runtime_data.ledger.grid_proof.records()]
    assert (rows[0].event, rows[0].source_id, rows[0].evse) == (
        GridEvent.LIMIT_RELEASED, "action", EvseKey("CP-1", 1),
    )  # fmt: skip


async def test_a_relay_for_a_charger_that_is_gone_limits_no_other_and_is_told(
    hass: HomeAssistant, free_port: int
) -> None:
    await set_state(hass, "binary_sensor.relay", "on")
    data = {**RELAY, **AT_ONCE, "place": "sub_CP-1"}
    entry = await set_up(hass, free_port, charger("CP-1"), charger("CP-2"), demand(data))
    assert (grid(entry).evse, issue_ids(hass)) == (KEY, set())
    hass.config_entries.async_remove_subentry(entry, "sub_CP-1")
    await hass.async_block_till_done()
    assert (grid(entry).active, grid(entry).returning, grid(entry).held) == (False, False, ())
    assert issue_ids(hass) == {"grid_charger_gone_relay"}
    shown = ir.async_get(hass).issues[DOMAIN, "grid_charger_gone_relay"]
    assert shown.translation_placeholders == {"site": "Home", "source": "Grid relay"}
    await restart(hass, entry)
    assert not grid(entry).active
    assert issue_ids(hass) == {"grid_charger_gone_relay"}
    rewired = {**data, "place": "sub_CP-2"}
    hass.config_entries.async_update_subentry(entry, entry.subentries["relay"], data=rewired)
    await hass.async_block_till_done()
    assert (grid(entry).evse, grid(entry).limit_w) == (EvseKey("CP-2", 1), DEVICE_MINIMUM_W)
    assert issue_ids(hass) == set()


@pytest.mark.parametrize(
    ("data", "meanwhile"), [(RELAY, "release"), (EEBUS, "release"), (BOX, "failsafe"), (NUMBER, "release")]
)
async def test_of_a_lost_source_whose_charger_is_gone_only_what_is_for_the_site_holds(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, data: Mapping[str, Any], meanwhile: str
) -> None:
    entry = await set_up(hass, free_port, charger("CP-2"), demand({**data, "place": "sub_CP-1"}))
    freezer.tick(timedelta(seconds=121))
    entry.runtime_data.site.grid.take()
    await published(hass)
    assert not grid(entry).active
    assert issue_ids(hass) == {"grid_charger_gone_relay", "grid_source_lost_relay"}
    shown = ir.async_get(hass).issues[DOMAIN, "grid_source_lost_relay"]
    assert shown.translation_key == f"grid_source_lost_{meanwhile}"

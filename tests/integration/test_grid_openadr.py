"""An OpenADR server at work for a running site: over a real socket, with a real station, over restarts."""

from datetime import timedelta
import logging
from types import MappingProxyType
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, StoreError
from custom_components.smart_charging.openadr_issues import issue_key
from tests.engine.grid.vtn import Vtn, limit_interval

from .builders import charger
from .openadr_site import (
    LOGIN,
    SECRET,
    House,
    asks_now,
    grid,
    openadr_data,
    server,
    start,
    stop,
    told,
    told_currents,
    until,
    with_limit,
    with_safe_mode,
)
from .site_setup import issue_ids, set_up
from .test_config_flow_frontend import TEXTS
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

KEY = EvseKey("CP-1", 1)
POLL_S = 70.0  # chance puts a poll off by up to a tenth of the minute
LOST_S = 15 * 60.0
INSTALL = "custom_components.smart_charging.openadr_library.async_process_requirements"


def applied_a(entry: MockConfigEntry) -> float:
    """Return the current that the charger was told last and took."""
    applied = entry.runtime_data.site.view.chargers["CP-1"].evses[1].state.applied
    return 0.0 if applied is None else float(applied.current_a)


def openadr_issues(hass: HomeAssistant) -> set[str]:
    """Return the ids of issues about the server itself, beside those that tell what holds meanwhile."""
    return {issue_id for issue_id in issue_ids(hass) if issue_id.startswith("openadr")}


async def test_a_limit_of_the_server_dims_a_real_charger_and_returns_slowly(
    hass: HomeAssistant, free_port: int, vtn: Vtn
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, lost_policy="release"))
    await until(lambda: told(entry)["last_heard"])
    site = entry.runtime_data.site
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.report("Charging")
        await site.set_mode(KEY, ChargeMode.FAST)
        await until(lambda: applied_a(entry) >= 6.0)
        station.asked.clear()
        event = with_limit(vtn, 0)
        await asks_now(hass, entry)
        await until(lambda: grid(entry).active)
        view = grid(entry)
        assert (view.limit_w, view.source_id, view.why) == (0.0, "vtn", ClaimReason.STATED)
        await until(lambda: 0.0 in told_currents(station))
        vtn.delete_event(event)
        await asks_now(hass, entry)
        await until(lambda: not grid(entry).active)
        assert grid(entry).returning


async def test_before_the_server_was_ever_heard_the_fail_safe_of_the_form_holds(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    await vtn.stop()
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=5))
    assert (await house.polls()).problem is VenProblem.UNREACHABLE
    assert (grid(entry).limit_w, grid(entry).why) == (5000.0, ClaimReason.FAILSAFE)
    await vtn.start()
    assert (await house.passes(20)).problem is None
    assert (grid(entry).active, grid(entry).returning, dict(grid(entry).lost)) == (False, True, {})


async def test_once_the_server_is_gone_its_safe_mode_holds_until_it_is_back(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_safe_mode(vtn, 3)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    house.waits(entry, 301)  # the way back from the fail-safe of the start
    assert (grid(entry).active, grid(entry).returning) == (False, False)
    await vtn.stop()
    assert (await house.passes(POLL_S)).failures >= 1  # one may have been due already
    assert not grid(entry).active
    assert (await house.passes(LOST_S)).lost
    assert (grid(entry).active, grid(entry).limit_w, grid(entry).why) == (True, 3000.0, ClaimReason.FAILSAFE)
    assert set(grid(entry).lost) == {"vtn"}
    await vtn.start()
    while (state := await house.passes(1000)).problem is not None or state.lost:
        pass  # the last attempt may have found it, and be old by now
    assert (grid(entry).active, grid(entry).returning, dict(grid(entry).lost)) == (False, True, {})


async def test_what_was_announced_goes_on_beside_a_fail_safe_that_allows_more(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_safe_mode(vtn, 6)
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    assert (grid(entry).limit_w, grid(entry).why) == (2000.0, ClaimReason.STATED)
    await vtn.stop()
    await house.passes(POLL_S)
    await house.passes(LOST_S)
    assert (grid(entry).limit_w, grid(entry).why) == (2000.0, ClaimReason.HELD)


async def test_after_a_restart_the_last_word_holds_before_the_server_is_asked(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await stop(hass, entry)
    with patch(INSTALL, side_effect=RequirementsNotFound("smart_charging", ["it"])):
        await start(hass, entry)
        assert (grid(entry).limit_w, grid(entry).why) == (2000.0, ClaimReason.STATED)
        assert told(entry)["signals"] == 1
        await stop(hass, entry)


async def test_after_a_long_rest_the_fail_safe_of_the_server_holds_before_it_is_asked(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, freezer: FrozenDateTimeFactory
) -> None:
    with_safe_mode(vtn, 3)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await stop(hass, entry)
    await vtn.stop()
    freezer.tick(timedelta(hours=1))
    await start(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (3000.0, ClaimReason.FAILSAFE)
    assert (await house.polls()).lost


async def test_what_another_server_said_is_not_taken_for_the_word_of_this_one(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await vtn.stop()
    changed = openadr_data(vtn, ven_name="other")
    hass.config_entries.async_update_subentry(entry, entry.subentries["vtn"], data=changed)
    state = await house.polls()
    assert (state.last_heard, state.reading.signals) == (None, ())


async def test_a_server_that_is_removed_leaves_nothing(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await stop(hass, entry)
    await start(hass, entry)
    await house.polls()
    ledger = entry.runtime_data.ledger
    assert (await ledger.load_memory())["openadr_vtn"]
    hass.config_entries.async_remove_subentry(entry, "vtn")
    await hass.async_block_till_done()
    assert entry.runtime_data.grid.servers == {}
    assert (await ledger.load_memory())["openadr_vtn"] is None
    assert not grid(entry).active


async def test_a_limit_for_a_resource_is_one_of_its_charger_as_long_as_that_is_there(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    resources = {"carport": "sub_CP-1"}
    target = [{"type": "RESOURCE_NAME", "values": ["carport"]}]
    vtn.add_event(str(vtn.programs[0]["id"]), [limit_interval(2)], targets=target)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, resources=resources))
    (signal,) = (await house.polls()).reading.signals
    assert (signal.scope, signal.evse) == (SignalScope.DEVICE, KEY)
    assert [one["resourceName"] for one in vtn.resources] == ["carport"]
    hass.config_entries.async_remove_subentry(entry, "sub_CP-1")
    (signal,) = (await house.polls()).reading.signals
    assert (signal.scope, signal.evse) == (SignalScope.SITE, None)


async def test_a_library_that_can_not_be_installed_is_shown_and_tried_again(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with patch(INSTALL, side_effect=RequirementsNotFound("smart_charging", ["it"])) as installs:
        entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
        await until(lambda: installs.call_count == 1)
        assert "openadr_not_installed_vtn" in openadr_issues(hass)
        assert (grid(entry).limit_w, grid(entry).why) == (4200.0, ClaimReason.FAILSAFE)
        house.waits(entry, 61)
        await until(lambda: installs.call_count == 2)
        house.waits(entry, 61)  # it is given twice as long
        await hass.async_block_till_done()
        assert installs.call_count == 2
    house.waits(entry, 60)
    assert (await house.polls()).problem is None
    assert openadr_issues(hass) == set()
    assert caplog.text.count("could not be installed") == 1


async def test_a_refused_login_is_shown_at_once_and_no_secret_with_it(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vtn.client_secret = "another"
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, targets=["871687120000000017"], **LOGIN))
    assert (await house.polls()).problem is VenProblem.LOGIN
    assert openadr_issues(hass) == {"openadr_login_vtn"}
    vtn.client_secret = SECRET
    assert (await house.passes(20)).problem is None
    assert openadr_issues(hass) == set()
    shown = str(await async_get_config_entry_diagnostics(hass, entry))
    for secret in (SECRET, *vtn.tokens):
        assert secret not in caplog.text
        assert secret not in shown
    assert "871687120000000017" not in shown
    assert vtn.url not in shown


async def test_a_server_that_is_not_reached_is_shown_once_it_is_lost_and_that_lasts(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await vtn.stop()
    for _ in range(3):
        await house.passes(POLL_S)
    assert openadr_issues(hass) == set()
    await house.passes(LOST_S)
    assert openadr_issues(hass) == {"openadr_unreachable_vtn"}
    await vtn.start()
    vtn.trouble.status = 403
    while (await house.passes(1000)).problem is not VenProblem.FORBIDDEN:
        pass  # the last attempt may still have been under way
    assert openadr_issues(hass) == {"openadr_forbidden_vtn"}
    await stop(hass, entry)
    assert openadr_issues(hass) == set()


async def test_diagnostics_tell_how_it_stands_with_a_server(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_safe_mode(vtn, 3)
    with_limit(vtn, 2)
    vtn.events.append("odd")
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    shown = (await async_get_config_entry_diagnostics(hass, entry))["openadr"]
    assert isinstance(shown, dict)
    state = shown["vtn"]
    assert isinstance(state, dict)
    assert (state["problem"], state["lost"], state["registration"]) == (None, False, "done")
    assert (state["events"], state["signals"], state["failsafe"]) == (3, 1, 1)
    assert state["last_heard"] == "2026-06-01T12:00:00+00:00"
    assert isinstance(state["refused"], dict)
    assert sum(int(str(number)) for number in state["refused"].values()) == 1


async def test_a_word_that_can_not_be_kept_is_told_and_stops_nothing(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn))
    await house.polls()
    await hass.async_block_till_done()
    await house.passes(POLL_S)
    with patch.object(type(entry.runtime_data.ledger), "save_memory", side_effect=StoreError("full")):
        await stop(hass, entry)
    assert "What the OpenADR server Aggregator said could not be kept" in caplog.text


async def test_a_server_that_is_added_to_a_running_site_is_heard(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"))
    made = server(vtn)
    subentry = ConfigSubentry(
        data=MappingProxyType(dict(made["data"])),
        subentry_id="vtn",
        subentry_type="grid_signal",
        title="Aggregator",
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    await house.polls()
    assert (grid(entry).limit_w, grid(entry).why) == (2000.0, ClaimReason.STATED)


def test_every_problem_has_its_words_among_the_repairs() -> None:
    for texts in TEXTS.values():
        assert {issue_key(problem) for problem in VenProblem} <= texts["issues"].keys()

"""A PV system is held to its ceiling through what is mapped to it, and freed afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging import leading
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind
from custom_components.smart_charging.engine.grid.source import SignalAdded, SignalsCleared
from custom_components.smart_charging.engine.grid_control import ACTION
from custom_components.smart_charging.engine.view import SiteView
from custom_components.smart_charging.pv_control import PvControls

from .builders import GRID_POWER, PV_POWER, grid_meter, pv, set_power
from .site_double import SiteDouble, pv_view, running_site, site_view
from .site_setup import issue_ids, set_up

SYSTEM = f"sub_{PV_POWER}"
WATTS, KILOWATTS, PERCENT = "input_number.watts", "input_number.kilowatts", "input_number.percent"
COARSE = "input_number.coarse"
ISSUE = f"pv_control_{SYSTEM}"


@pytest.fixture(autouse=True)
async def inverter(hass: HomeAssistant) -> None:
    """Offer numbers that limit an inverter, all of them at what lets it free."""
    numbers = {
        "watts": {"min": 500, "max": 10_000, "step": 10, "initial": 8000, "unit_of_measurement": "W"},
        "kilowatts": {"min": 0, "max": 7.5, "step": 0.1, "initial": 7.5, "unit_of_measurement": "kW"},
        "percent": {"min": 0, "max": 100, "step": 1, "initial": 100, "unit_of_measurement": "%"},
        "least_percent": {"min": 10, "max": 100, "step": 1, "initial": 100, "unit_of_measurement": "%"},
        "least_kilowatts": {"min": 1, "max": 8, "step": 0.1, "initial": 8, "unit_of_measurement": "kW"},
        "coarse": {"min": 0, "max": 10_000, "step": 3000, "initial": 9000, "unit_of_measurement": "W"},
    }
    assert await async_setup_component(hass, "input_number", {"input_number": numbers})


def state_of(hass: HomeAssistant, entity_id: str) -> float:
    """Return what a number is set to."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return float(state.state)


def curtailed(number: str = WATTS, **changes: Any) -> Any:
    """Return the subentry of a system of 8 kW that is curtailed through a number."""
    return pv(**{"installed_kw": 8.0, "control": "entities", "limit_number": number} | changes)


def set_value(entity_id: str, value: str) -> list[dict[str, Any]]:
    """Return a sequence that sets a number."""
    return [{"action": "input_number.set_value", "target": {"entity_id": entity_id}, "data": {"value": value}}]


BY_ACTIONS = pv(
    installed_kw=8.0,
    control="actions",
    action_limit=set_value(WATTS, "{{ power_w }}") + set_value(PERCENT, "{{ percent }}"),
    action_free=set_value(WATTS, "{{ power_w + 1000 }}") + set_value(PERCENT, "{{ percent }}"),
)


def held(ceiling_w: float | None, **changes: Any) -> SiteView:
    """Return a view in which the system may yield this."""
    return site_view(pv={SYSTEM: pv_view(ceiling_w)}, **changes)


def recorded(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Note every call of an action from now on."""
    calls: list[dict[str, Any]] = []
    hass.bus.async_listen("call_service", lambda event: calls.append(event.data))
    return calls


@asynccontextmanager
async def led(hass: HomeAssistant, view: SiteView, system: Any = None) -> AsyncIterator[SiteDouble]:
    """Run a site that shows this view; free the system at the end, as an unload does."""
    async with running_site(hass, [], view, subentries=[system or curtailed()]) as site:
        assert site.entry is not None
        controls = PvControls(hass, site.entry)
        site.entry.async_on_unload(site.entry.runtime_data.coordinator.async_add_listener(controls.async_update))
        controls.async_update()
        await hass.async_block_till_done()
        yield site
        await controls.async_stop()
        await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("number", "ceiling_w", "expected", "free"),
    [
        (WATTS, 4005.0, 4000.0, 8000.0),  # down to a step; free is the rating
        (WATTS, 0.0, 500.0, 8000.0),  # the number's minimum
        (KILOWATTS, 4050.0, 4.0, 7.5),  # free is the number's maximum, below the rating
        (PERCENT, 4999.0, 62.0, 100.0),
        (COARSE, 4999.0, 3000.0, 9000.0),  # what is free is held by no step
    ],
)
async def test_a_ceiling_is_written_in_the_numbers_unit_and_bounds_and_undone_on_unload(
    hass: HomeAssistant, number: str, ceiling_w: float, expected: float, free: float
) -> None:
    async with led(hass, held(ceiling_w), curtailed(number)):
        assert state_of(hass, number) == expected
    assert state_of(hass, number) == free


async def test_a_ceiling_above_the_rating_is_none(hass: HomeAssistant) -> None:
    calls = recorded(hass)
    async with led(hass, held(9500.0)):
        assert calls == []
    assert calls == []


@pytest.mark.parametrize("system", [pv(), pv(installed_kw=8.0), pv(limit_number=WATTS)])
async def test_a_system_that_is_not_to_be_curtailed_is_never_written_to(hass: HomeAssistant, system: Any) -> None:
    calls = recorded(hass)
    async with led(hass, held(1000.0), system):
        assert calls == []
    assert calls == []


async def test_what_an_earlier_run_left_is_put_right_and_what_is_right_is_left(hass: HomeAssistant) -> None:
    calls = recorded(hass)
    async with led(hass, held(None)):
        assert calls == []
    await hass.services.async_call("input_number", "set_value", {"entity_id": WATTS, "value": 3000}, blocking=True)
    async with led(hass, held(None)):
        assert state_of(hass, WATTS) == 8000.0


async def test_nothing_is_written_before_a_decision(hass: HomeAssistant) -> None:
    undecided = replace(pv_view(1000.0), command=None)
    calls = recorded(hass)
    async with led(hass, site_view(pv={SYSTEM: undecided})) as site:
        assert calls == []
        await site.show(held(1000.0))
        assert state_of(hass, WATTS) == 1000.0


async def test_a_fall_is_written_as_soon_as_five_seconds_are_over_without_a_new_view(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, held(4000.0)) as site:
        freezer.tick(2.9)
        await site.show(held(1000.0))
        assert state_of(hass, WATTS) == 4000.0
        freezer.tick(2.1)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=3))
        await hass.async_block_till_done()
        assert state_of(hass, WATTS) == 1000.0


async def test_small_rises_are_not_worth_a_write_but_falls_are(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with led(hass, held(4000.0)) as site:
        for ceiling_w, expected in ((4079.0, 4000), (4080.0, 4080), (4071.0, 4080), (4070.0, 4070), (None, 8000)):
            freezer.tick(5)
            await site.show(held(ceiling_w))
            assert state_of(hass, WATTS) == expected


async def test_a_ceiling_is_renewed_only_where_the_inverter_needs_it(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    for renew_s, times in ((60, 1), (None, 0)):
        system = curtailed(renew_s=renew_s)
        async with led(hass, held(4000.0), system) as site:
            calls = recorded(hass)
            freezer.tick(59)
            await site.show(held(4000.0))
            assert calls == []
            freezer.tick(1)
            await site.show(held(4000.0))
            assert len(calls) == times
            freezer.tick(5)
            await site.show(held(None))
            calls.clear()
            freezer.tick(600)
            await site.show(held(None))
            assert calls == []


async def test_a_site_that_only_observes_writes_nothing_and_undoes_what_it_wrote(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls = recorded(hass)
    async with led(hass, held(4000.0, observe_only=True)) as site:
        assert calls == []
        await site.show(held(4000.0))
        assert state_of(hass, WATTS) == 4000.0
        freezer.tick(5)
        await site.show(held(4000.0, observe_only=True))
        assert state_of(hass, WATTS) == 8000.0


async def test_another_number_frees_the_one_before(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    async with led(hass, held(4000.0)) as site:
        system = site.entry.subentries[SYSTEM]
        hass.config_entries.async_update_subentry(site.entry, system, data={**system.data, "limit_number": KILOWATTS})
        await site.show(held(4000.0))
        assert state_of(hass, WATTS) == 8000.0
        freezer.tick(5)
        await site.show(held(4000.0))
        assert state_of(hass, KILOWATTS) == 4.0


async def test_a_number_that_is_neither_a_power_nor_a_share_is_refused(hass: HomeAssistant) -> None:
    hass.states.async_set("input_number.amperes", "0", {"unit_of_measurement": "A"})
    async with led(hass, held(4000.0), curtailed("input_number.amperes")):
        issue = ir.async_get(hass).async_get_issue(DOMAIN, ISSUE)
        assert issue is not None
        assert issue.translation_placeholders == {
            "site": "Home",
            "system": "PV",
            "detail": "input_number.amperes is in A, which is no power",
        }


async def test_a_ceiling_that_changes_all_the_time_is_no_reason_to_hurry(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    calls: list[ServiceCall] = []

    async def fail(call: ServiceCall) -> None:
        calls.append(call)
        raise HomeAssistantError("bus is busy")

    hass.services.async_register("input_number", "set_value", fail)
    tried: list[int] = []
    async with led(hass, held(4000.0)) as site:
        for second in range(1, 101):
            calls.clear()
            freezer.tick(1)
            await site.show(held(4000.0 - 20 * second))
            tried += [second] * bool(calls)
    assert tried == [5, 15, 35, 75]


# With the site that users run: the grid operator's demand comes in, and the inverter follows.


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a system be written to as often as it is commanded anew."""
    monkeypatch.setattr(leading, "WRITE_INTERVAL_S", 0.0)


async def publish(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Let what the site decided reach the inverter."""
    entry.runtime_data.coordinator.async_publish_now()
    await hass.async_block_till_done()


async def limit_feed_in(hass: HomeAssistant, entry: MockConfigEntry, limit_w: float) -> None:
    """Have the grid operator limit what flows out."""
    now = dt_util.utcnow()
    signal = GridSignal(source_id=ACTION, kind=SignalKind.EXPORT_LIMIT, received_at=now, value=limit_w)
    entry.runtime_data.site.grid.take(SignalAdded(ACTION, now, signal))
    await publish(hass, entry)


async def end_limit(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the grid operator's limit end."""
    entry.runtime_data.site.grid.take(SignalsCleared(ACTION, dt_util.utcnow()))
    await publish(hass, entry)


async def sunny_site(hass: HomeAssistant, port: int, system: Any) -> MockConfigEntry:
    """Run a site that uses 2 kW of the 7 kW its panels yield."""
    set_power(hass, GRID_POWER, -5000)
    set_power(hass, PV_POWER, 7000)
    return await set_up(hass, port, grid_meter(), system)


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the site."""
    assert await hass.config_entries.async_unload(entry.entry_id)


async def stop(hass: HomeAssistant, _entry: MockConfigEntry) -> None:
    """Stop Home Assistant."""
    await hass.async_stop()


async def remove_system(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Remove the system from the site."""
    hass.config_entries.async_remove_subentry(entry, SYSTEM)
    await hass.async_block_till_done()


async def remove_mapping(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the system never be curtailed from now on."""
    data = {"power": PV_POWER, "invert": False, "installed_kw": 8.0}
    hass.config_entries.async_update_subentry(entry, entry.subentries[SYSTEM], data=data)
    await hass.async_block_till_done()


async def observe_only(hass: HomeAssistant, _entry: MockConfigEntry) -> None:
    """Have the site only observe."""
    target = {"entity_id": "select.home_site_mode", "option": "observe"}
    await hass.services.async_call("select", "select_option", target, blocking=True)
    await hass.async_block_till_done()


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end", "no_waiting")
@pytest.mark.parametrize("end", [end_limit, unload, stop, remove_system, remove_mapping, observe_only])
async def test_a_limit_on_feed_in_curtails_until_it_or_anything_else_ends(
    hass: HomeAssistant, free_port: int, end: Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]]
) -> None:
    entry = await sunny_site(hass, free_port, curtailed())
    assert state_of(hass, WATTS) == 8000.0
    await limit_feed_in(hass, entry, 1500.0)
    assert state_of(hass, WATTS) == 3500.0  # what is used, and what may flow out
    await end(hass, entry)
    assert state_of(hass, WATTS) == 8000.0


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end", "no_waiting")
@pytest.mark.parametrize(
    ("number", "set_to", "lowest_w"),
    [(WATTS, 500.0, 500), ("input_number.least_percent", 10.0, 800), ("input_number.least_kilowatts", 1.0, 1000)],
)
async def test_a_number_that_can_not_be_set_as_low_as_is_needed_is_told_with_what_it_is_set_to(
    hass: HomeAssistant, free_port: int, number: str, set_to: float, lowest_w: int
) -> None:
    set_power(hass, GRID_POWER, -7000)
    set_power(hass, PV_POWER, 7100)
    entry = await set_up(hass, free_port, grid_meter(), curtailed(number))
    await limit_feed_in(hass, entry, 0.0)
    assert state_of(hass, number) == set_to
    shown = {"reason": "lowest", "systems": {"PV": lowest_w}}
    assert allowed(hass) == (str(lowest_w), shown)
    assert issue_ids(hass) == {f"pv_lowest_{SYSTEM}"}
    placeholders = ir.async_get(hass).issues[DOMAIN, f"pv_lowest_{SYSTEM}"].translation_placeholders
    assert placeholders == {"site": "Home", "system": "PV", "entity": number, "power": str(lowest_w)}
    await limit_feed_in(hass, entry, 3000.0)
    assert allowed(hass)[1]["reason"] == "export_limit"
    assert issue_ids(hass) == set()
    await limit_feed_in(hass, entry, 0.0)
    assert issue_ids(hass) == {f"pv_lowest_{SYSTEM}"}
    await observe_only(hass, entry)
    assert issue_ids(hass) == set()  # nobody is told anything then


def allowed(hass: HomeAssistant) -> tuple[str, dict[str, Any]]:
    """Return what PV is shown to be allowed, and the details of that."""
    state = hass.states.get("sensor.home_pv_power_allowed")
    assert state is not None
    return state.state, state.attributes["details"]


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end", "no_waiting")
async def test_what_a_run_that_crashed_left_is_put_right(hass: HomeAssistant, free_port: int) -> None:
    await hass.services.async_call("input_number", "set_value", {"entity_id": WATTS, "value": 3000}, blocking=True)
    entry = await sunny_site(hass, free_port, curtailed())
    await publish(hass, entry)
    assert state_of(hass, WATTS) == 8000.0


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end", "no_waiting")
async def test_actions_of_the_users_own_run_with_power_and_percent(hass: HomeAssistant, free_port: int) -> None:
    entry = await sunny_site(hass, free_port, BY_ACTIONS)
    await limit_feed_in(hass, entry, 2000.0)
    assert (state_of(hass, WATTS), state_of(hass, PERCENT)) == (4000.0, 50.0)
    await end_limit(hass, entry)
    assert (state_of(hass, WATTS), state_of(hass, PERCENT)) == (9000.0, 100.0)


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_write_that_fails_is_shown_and_tried_again(
    hass: HomeAssistant, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(leading, "monotonic", lambda: now_s)
    entry = await sunny_site(hass, free_port, curtailed("number.inverter"))
    await limit_feed_in(hass, entry, 1500.0)
    assert ISSUE in issue_ids(hass)
    written: list[ServiceCall] = []

    async def take(call: ServiceCall) -> None:
        written.append(call)

    hass.services.async_register("number", "set_value", take)
    hass.states.async_set("number.inverter", "8000", {"min": 0, "max": 8000, "step": 10})
    now_s += 4.9
    await publish(hass, entry)
    assert ISSUE in issue_ids(hass)
    now_s += 0.1
    await publish(hass, entry)
    assert [call.data["value"] for call in written] == [3500.0]
    assert ISSUE not in issue_ids(hass)

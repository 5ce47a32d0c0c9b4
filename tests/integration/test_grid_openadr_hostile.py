"""An OpenADR server that says very much, what can't be kept, or never ends: what holds goes on to hold."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
import logging
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.engine.grid import openadr_memory
from custom_components.smart_charging.engine.grid.openadr_agenda import MOST_TOLD
from custom_components.smart_charging.engine.grid.openadr_client import VtnClient
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from tests.engine.grid.vtn import Vtn, limit_interval, period

from .builders import charger
from .openadr_site import House, grid, server, start, stop, told, with_limit
from .site_setup import issue_ids, set_up

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

POLL_S = 70.0
QUARTER = timedelta(minutes=15)
ALWAYS = period("2026-06-01T00:00:00Z", "P9999Y")


def month(kw: float, *, each_with_period: bool = False) -> list[dict[str, Any]]:
    """Return a month of quarter hours from the first of June on."""
    begin = datetime.fromisoformat("2026-06-01T00:00:00+00:00")
    return [
        limit_interval(
            kw,
            number,
            **({"intervalPeriod": period((begin + number * QUARTER).isoformat(), "PT15M")} if each_with_period else {}),
        )
        for number in range(2_880)
    ]


async def test_a_limit_of_a_long_event_holds_after_a_restart_while_the_server_is_away(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    vtn.add_event(str(vtn.programs[0]["id"]), month(2.0, each_with_period=True))
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=10, silent_min=60))
    await house.polls()
    await vtn.stop()
    await stop(hass, entry)
    await start(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (2_000.0, ClaimReason.STATED)
    assert len(grid(entry).windows) == MOST_TOLD
    house.waits(entry, 4 * 86_400)  # longer than what the site itself knows of
    await house.polls()
    assert (grid(entry).limit_w, grid(entry).why) == (2_000.0, ClaimReason.HELD)


async def test_limits_that_there_is_no_room_for_are_still_kept_by_the_site(
    hass: HomeAssistant,
    free_port: int,
    vtn: Vtn,
    house: House,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openadr_memory, "_MOST_BYTES", 300)
    with_limit(vtn, 7)
    with_limit(vtn, 2)
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=10, silent_min=60))
    await house.polls()
    assert "1 of its 2 events with limits are left out" in caplog.text
    await vtn.stop()
    await stop(hass, entry)
    await start(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (2_000.0, ClaimReason.STATED)
    await house.polls()
    assert grid(entry).limit_w == 2_000.0
    await vtn.start()
    vtn.events.pop()  # the site must not go on with what was only kept for the server's absence
    while (await house.passes(1_000)).problem is not None:
        pass
    house.waits(entry, 301)
    assert grid(entry).limit_w == 7_000.0


async def test_a_number_that_is_none_beside_a_limit_keeps_no_word_from_being_kept(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=10, silent_min=60))
    await house.polls()
    await stop(hass, entry)  # an empty word is kept
    interval = limit_interval(2)
    interval["payloads"].append({"type": "FOO", "values": [float("nan"), float("inf"), "\ud800"]})
    vtn.add_event(str(vtn.programs[0]["id"]), [interval], eventName="\ud800 \x00", intervalPeriod=ALWAYS)
    house.words.clear()
    await start(hass, entry)
    await house.polls()
    assert (grid(entry).active, grid(entry).limit_w) == (True, 2_000.0)
    await vtn.stop()
    await stop(hass, entry)
    await start(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (2_000.0, ClaimReason.STATED)
    assert "could not be kept" not in caplog.text


async def test_an_older_word_that_stayed_stored_lifts_nothing(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=10, silent_min=60))
    await house.polls()
    await stop(hass, entry)
    await start(hass, entry)
    await house.polls()
    ledger = entry.runtime_data.ledger
    older = (await ledger.load_memory())["openadr_vtn"]
    with_limit(vtn, 2)
    await house.passes(POLL_S)
    await vtn.stop()
    honest = type(ledger).save_memory

    async def save(this: Any, name: str, value: Any) -> None:
        await honest(this, name, older if name == "openadr_vtn" else value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(ledger), "save_memory", save)
        await house.passes(POLL_S)
        await stop(hass, entry)
        await start(hass, entry)
        assert (grid(entry).limit_w, grid(entry).why) == (2_000.0, ClaimReason.STATED)
        await house.polls()
        assert grid(entry).limit_w == 2_000.0


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have lists of events not come once this is cleared."""
    go_on = threading.Event()
    go_on.set()
    honest = VtnClient.events

    def events(client: VtnClient, program_id: str | None) -> list[object]:
        go_on.wait(30)
        return honest(client, program_id)

    monkeypatch.setattr(VtnClient, "events", events)
    yield go_on
    go_on.set()


async def test_a_poll_that_never_ends_is_told_and_the_fail_safe_holds(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, stuck: threading.Event, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, failsafe=3))
    await house.polls()
    house.waits(entry, 301)
    await house.polls()
    stuck.clear()
    assert not told(entry)["polling"]
    for _ in range(30):
        freezer.tick(timedelta(minutes=1))
        entry.runtime_data.site.grid.look()
        for _ in range(20):
            await asyncio.sleep(0)
    assert (grid(entry).limit_w, grid(entry).why) == (3_000.0, ClaimReason.FAILSAFE)
    assert (told(entry)["problem"], told(entry)["lost"], told(entry)["polling"]) == ("timeout", True, True)
    assert "openadr_timeout_vtn" in issue_ids(hass)
    stuck.set()
    while (await house.polls()).problem is not None:
        freezer.tick(timedelta(minutes=1))
    assert "openadr_timeout_vtn" not in issue_ids(hass)


async def test_long_lists_are_held_by_the_ven_and_told_as_time_goes_on(
    hass: HomeAssistant, free_port: int, vtn: Vtn, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_debug(False)
    caplog.set_level(logging.WARNING)
    for number in range(4):
        intervals = month(4.0 + number)
        vtn.add_event(str(vtn.programs[0]["id"]), intervals, intervalPeriod=period("2026-06-01T00:00:00Z", "PT15M"))
    entry = await set_up(hass, free_port, charger("CP-1"), server(vtn, lost_policy="hold", silent_min=60))
    await house.polls()
    assert grid(entry).limit_w == 4_000.0
    windows = grid(entry).windows
    assert [one.value for one in windows] == [4_000.0] * MOST_TOLD
    now = dt_util.utcnow()
    assert (windows[0].begins_at, windows[-1].ends_at) == (now, now + MOST_TOLD * QUARTER)
    await vtn.stop()
    for _ in range(3):  # two days at a time, while nothing is heard
        house.words.clear()
        house.waits(entry, 2 * 86_400)
        await house.polls()
        assert (grid(entry).limit_w, grid(entry).why) == (4_000.0, ClaimReason.HELD)
        assert grid(entry).windows[-1].ends_at == dt_util.utcnow() + MOST_TOLD * QUARTER

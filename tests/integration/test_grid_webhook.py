"""A grid operator that calls a web address of Home Assistant's, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
import json
import logging
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.aiohttp import MockRequest
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.engine.grid.json_messages import MOST_BYTES
from custom_components.smart_charging.engine.grid.merge import Direction
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.engine.model import EvseKey

from .builders import charger
from .grid_sources import WEBHOOK, demand
from .site_setup import set_up

SECRET: str = WEBHOOK["webhook_id"]
PATH = f"/api/webhook/{SECRET}"
LIMIT = {"kind": "import_limit", "value": 4.2, "unit": "kW"}

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


@pytest.fixture
async def caller(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return who calls, without any login."""
    for component in ("webhook", DOMAIN):
        assert await async_setup_component(hass, component, {})
    return await hass_client_no_auth()


@pytest.fixture
async def entry(hass: HomeAssistant, caller: TestClient[Any, Any], free_port: int) -> MockConfigEntry:
    """Return a running site with a webhook."""
    return await set_up(hass, free_port, charger("CP-1"), demand(WEBHOOK, "hook", "Aggregator"))


def grid(entry: MockConfigEntry) -> GridView:
    view: GridView = entry.runtime_data.site.grid.view
    return view


async def call(caller: TestClient[Any, Any], message: object, path: str = PATH) -> tuple[int, Any]:
    """Call with a message; return the status and what is answered."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer = await caller.post(path, data=body)
    text = await answer.text()
    return answer.status, json.loads(text) if text else None


async def test_a_call_limits_the_chargers_and_is_answered_with_what_holds(
    entry: MockConfigEntry, caller: TestClient[Any, Any], freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-06-01T10:00:00Z")
    status, answer = await call(caller, {**LIMIT, "duration_s": 600})
    holds = {"active": True, "limit_w": 4200, "until": "2026-06-01T10:10:00+00:00", "observe_only": False}
    assert (status, answer) == (200, holds)
    view = grid(entry)
    assert (view.active, view.source_id, view.binding, view.why) == (True, "hook", False, ClaimReason.STATED)
    put = await caller.put(PATH, json={"clear": True})
    assert (put.status, (await put.json())["active"]) == (200, False)
    assert (grid(entry).active, grid(entry).returning) == (False, True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_another_method_is_refused_and_the_secret_stays_out_of_the_log(
    entry: MockConfigEntry, caller: TestClient[Any, Any], caplog: pytest.LogCaptureFixture, method: str
) -> None:
    caplog.clear()
    answer = await caller.request(method, PATH)
    assert answer.status == 405
    told = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert not [record for record in told if record.name != "aiohttp.access" and SECRET in record.getMessage()]
    assert not grid(entry).active


async def test_a_charger_is_limited_by_its_name_and_feed_in_is_told_too(
    entry: MockConfigEntry, caller: TestClient[Any, Any]
) -> None:
    named = entry.subentries["sub_CP-1"].title
    block = {"kind": "block", "scope": "charger", "charger": named}
    assert (await call(caller, {**block, "charger": "CP-1"}))[1]["limit_w"] == 0
    feed_in = {"kind": "export_limit", "value": 2, "unit": "kW"}
    status, answer = await call(caller, {"signals": [block, feed_in]})
    holds = {"active": True, "limit_w": 0, "until": None, "observe_only": False, "export_limit_w": 2000}
    assert (status, answer) == (200, holds)
    targets = {one.demand.target.direction: one.demand.target.evse for one in grid(entry).held}
    assert targets == {Direction.IMPORT: EvseKey("CP-1", 1), Direction.EXPORT: None}


async def test_a_call_that_is_not_understood_changes_nothing_and_is_told_why(
    entry: MockConfigEntry, caller: TestClient[Any, Any]
) -> None:
    await call(caller, LIMIT)
    wrong = {"signals": [{**LIMIT, "value": 1}, {**LIMIT, "until": "soon"}]}
    assert await call(caller, wrong) == (400, {"error": "not_a_time", "where": "signals[1].until"})
    assert await call(caller, b"limit=4200") == (400, {"error": "not_json", "where": ""})
    part = {"kind": "export_limit", "value": 60, "unit": "%"}
    assert await call(caller, part) == (400, {"error": "pv_unknown", "where": "unit"})
    assert grid(entry).limit_w == 4200.0


async def test_a_signal_that_is_over_ends_nothing_that_holds(
    entry: MockConfigEntry, caller: TestClient[Any, Any], freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-06-01T10:00:00Z")
    await call(caller, {**LIMIT, "until": "2026-06-01T12:00:00Z"})
    late = {**LIMIT, "until": "2026-06-01T09:59:59Z"}
    assert await call(caller, late) == (400, {"error": "ends_before_begin", "where": "until"})
    assert (grid(entry).active, grid(entry).limit_w) == (True, 4200.0)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_its_encoding_says_is_refused_and_the_secret_stays_out_of_the_log(
    entry: MockConfigEntry, caller: TestClient[Any, Any], caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    await call(caller, LIMIT)
    caplog.clear()
    headers = {"Content-Encoding": encoding}
    answer = await caller.post(PATH, data=b"this is neither", headers=headers, compress=False)
    assert (answer.status, await answer.json()) == (400, {"error": "unreadable"})
    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO and one.name != "aiohttp.access"]
    assert not [line for line in told if SECRET in line]
    assert grid(entry).limit_w == 4200.0


async def test_no_more_is_read_than_a_message_may_have(entry: MockConfigEntry, caller: TestClient[Any, Any]) -> None:
    fits = json.dumps(LIMIT).encode().ljust(MOST_BYTES)
    assert (await call(caller, fits))[0] == 200
    assert await call(caller, fits + b" ") == (413, {"error": "too_large", "where": ""})

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    answer = await caller.post(PATH, data=endless())
    assert answer.status == 413


async def test_who_calls_too_often_is_told_so(
    entry: MockConfigEntry, caller: TestClient[Any, Any], freezer: FrozenDateTimeFactory
) -> None:
    statuses = [(await call(caller, LIMIT))[0] for _ in range(10)]
    assert statuses == [200] * 10
    assert await call(caller, {"kind": "block"}) == (429, {"error": "too_often"})
    assert grid(entry).limit_w == 4200.0
    freezer.tick(timedelta(seconds=0.11))
    assert (await call(caller, {"kind": "block"}))[0] == 200
    assert (await call(caller, LIMIT))[0] == 429


async def test_no_more_is_announced_than_is_kept(
    entry: MockConfigEntry, caller: TestClient[Any, Any], freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-06-01T10:00:00Z")
    signals = [{"kind": "block", "from": f"2026-06-02T00:00:{one % 60:02}+0{one // 60}:00"} for one in range(100)]
    assert (await call(caller, {"signals": signals}))[0] == 200
    one_more = {"kind": "block", "from": "2026-06-03T00:00:00Z"}
    assert await call(caller, one_more) == (400, {"error": "too_many", "where": ""})


@pytest.mark.parametrize("method", ["get", "head", "delete"])
async def test_only_post_and_put_say_anything(
    entry: MockConfigEntry, caller: TestClient[Any, Any], method: str
) -> None:
    await caller.request(method, PATH, json=LIMIT)
    assert not grid(entry).active


@pytest.mark.parametrize(("local_only", "heard"), [(True, False), (False, True)])
async def test_from_the_internet_nobody_is_heard_unless_that_is_allowed(
    hass: HomeAssistant, caller: TestClient[Any, Any], free_port: int, local_only: bool, heard: bool
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**WEBHOOK, "local_only": local_only}, "hook"))
    far = MockRequest(json.dumps(LIMIT).encode(), "cloud", method="POST", remote="198.51.100.7")
    answer = await async_handle_webhook(hass, SECRET, far)
    assert answer.status == 200  # it does not even tell that there is such an address
    assert grid(entry).active is heard


async def test_an_address_that_was_replaced_is_dead_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, caller: TestClient[Any, Any]
) -> None:
    subentry = entry.subentries["hook"]
    other = "b" * 64
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "webhook_id": other})
    await hass.async_block_till_done()
    assert await call(caller, LIMIT) == (200, None)  # as Home Assistant answers wherever there is nothing
    assert not grid(entry).active
    assert (await call(caller, LIMIT, f"/api/webhook/{other}"))[1]["active"] is True
    hass.config_entries.async_remove_subentry(entry, "hook")
    await hass.async_block_till_done()
    assert await call(caller, {"kind": "block"}, f"/api/webhook/{other}") == (200, None)
    assert grid(entry).limit_w != 0.0


async def test_what_comes_while_the_site_ends_is_not_taken(
    hass: HomeAssistant, entry: MockConfigEntry, caller: TestClient[Any, Any]
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"kind": '
        begun.set()
        await go_on.wait()
        yield b'"block"}'

    answering = asyncio.create_task(caller.post(PATH, data=slow()))
    await begun.wait()
    await asyncio.sleep(0.05)  # until the server waits for the rest
    await hass.config_entries.async_unload(entry.entry_id)
    go_on.set()
    answer = await answering
    assert (answer.status, await answer.json()) == (503, {"error": "not_running"})


async def test_who_hangs_up_in_the_middle_has_said_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, caller: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Home Assistant would log an error with the address."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", caller.server.port)
    writer.write(f'POST {PATH} HTTP/1.1\r\nHost: ha\r\nContent-Length: 17\r\n\r\n{{"kind": "block"'.encode())
    await writer.drain()
    await asyncio.sleep(0.05)  # until the server waits for the rest
    writer.close()
    await asyncio.sleep(0.05)
    await hass.async_block_till_done()
    assert not grid(entry).active
    assert "Error processing" not in caplog.text


async def test_one_that_has_to_call_and_does_not_is_lost(
    hass: HomeAssistant, caller: TestClient[Any, Any], free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    data = {**WEBHOOK, "binding": True, "silent_min": 15, "lost_policy": "failsafe", "failsafe": 3}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(data, "hook"))
    assert (grid(entry).limit_w, grid(entry).why) == (3000.0, ClaimReason.FAILSAFE)  # it was never heard
    assert (await call(caller, {"signals": [], "failsafe": [{**LIMIT, "value": 2}]}))[1]["active"] is False
    freezer.tick(timedelta(minutes=14))
    assert (await call(caller, {"heartbeat": True}))[1]["active"] is False
    freezer.tick(timedelta(minutes=14))
    entry.runtime_data.site.grid.look()
    assert not grid(entry).active
    freezer.tick(timedelta(minutes=2))
    entry.runtime_data.site.grid.look()
    assert (grid(entry).limit_w, grid(entry).why) == (2000.0, ClaimReason.FAILSAFE)


async def test_where_home_assistant_has_no_webhooks_the_source_is_lost(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    data = {**WEBHOOK, "binding": True, "lost_policy": "failsafe"}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(data, "hook"))
    freezer.tick(timedelta(seconds=61))
    entry.runtime_data.site.grid.look()
    assert set(grid(entry).lost) == {"hook"}
    assert grid(entry).why is ClaimReason.FAILSAFE


async def test_the_address_is_in_no_log_of_ours_and_no_diagnostics(
    hass: HomeAssistant, entry: MockConfigEntry, caller: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for message in (LIMIT, b"\xff", {"kind": "block", "from": 1}):
        await call(caller, message)
    ours = [one.getMessage() for one in caplog.records if "smart_charging" in one.name]
    told = await async_get_config_entry_diagnostics(hass, entry)
    (subentry,) = [one for one in told["entry"]["subentries"] if one["type"] == "grid_signal"]  # type: ignore[index, call-overload, union-attr]
    assert subentry["data"]["webhook_id"] == "**REDACTED**"
    assert SECRET not in json.dumps(told) + "\n".join(ours)
    assert SECRET not in str([state.attributes for state in hass.states.async_all()])


async def test_the_fail_safe_of_a_source_that_fell_silent_outlives_a_reload(
    hass: HomeAssistant, caller: TestClient[Any, Any], free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    data = {**WEBHOOK, "binding": True, "silent_min": 15, "lost_policy": "failsafe", "failsafe": 3}
    entry = await set_up(hass, free_port, charger("CP-1"), demand(data, "hook"))
    await call(caller, {"signals": []})
    freezer.tick(timedelta(minutes=16))
    entry.runtime_data.site.grid.look()
    lost = dict(grid(entry).lost)
    assert (set(lost), grid(entry).limit_w) == ({"hook"}, 3000.0)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for _ in range(2):
        assert (dict(grid(entry).lost), grid(entry).limit_w) == (lost, 3000.0)
        assert grid(entry).why is ClaimReason.FAILSAFE
        freezer.tick(timedelta(seconds=301))
        entry.runtime_data.site.grid.look()
    status, answer = await call(caller, {"heartbeat": True})
    assert (status, answer["active"], dict(grid(entry).lost)) == (200, False, {})

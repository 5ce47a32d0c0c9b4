"""The value of a tag is told nowhere: whoever knows it could charge with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
import json
import logging

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.logbook import async_describe_events

from .token_site import EVENT, OTHER, TAG, ask, call, choose, device_id, heard, start, stop, token_site
from .virtual_station import virtual_station


@pytest.fixture(autouse=True)
async def port(hass: HomeAssistant, free_port: int) -> AsyncIterator[int]:
    """Run a site with two chargers that serves registered tags only, and return its port."""
    async with token_site(hass, free_port):
        yield free_port


async def test_no_value_is_told_anywhere(hass: HomeAssistant, port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    events = async_capture_events(hass, EVENT)
    everything: list[str] = []
    hass.bus.async_listen("state_changed", lambda event: everything.append(str(event.data)))
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        await station.report("Available")
        learning = hass.async_create_task(call(hass, "learn_token", device_id=device_id(hass), label="Anna"))
        await asyncio.sleep(0)
        await ask(station)
        everything.append(json.dumps(await learning))
        choose(hass, access_mode="learn")
        await hass.async_block_till_done()
        await ask(station, OTHER)
        await station.report("Preparing")
        transaction_id, _ = await start(station)
        await station.report("Charging")
        await heard(hass, events, "session_started")
        entry = hass.config_entries.async_get_entry("site1")
        assert entry is not None
        everything.append(json.dumps(await async_get_config_entry_diagnostics(hass, entry)))
        await stop(station, transaction_id)
        refused_id, _ = await start(station, "04AABBCCDDEE22")
        await stop(station, refused_id, "04AABBCCDDEE22")
        await stop(station, 4711, OTHER)
        await station.report("Finishing")
        await station.report("Available")
        await heard(hass, events, "session_ended")
        await heard(hass, events, "tag_presented", 2)
    everything += [str(event.data) for event in events]
    describe: list[Callable[[Event], dict[str, str]]] = []
    async_describe_events(hass, lambda _domain, _event, how: describe.append(how))
    sentences = [describe[0](event)["message"] for event in events]
    assert {"learnt tag Anna", "was shown tag Anna", "learnt a tag that is nobody's yet"} <= {*sentences}
    everything += sentences
    everything += [str(state.as_dict()) for state in hass.states.async_all()]
    everything += [json.dumps(await call(hass, action), default=str) for action in ("list_tokens", "get_sessions")]
    everything += [json.dumps(await call(hass, action), default=str) for action in ("get_decision", "dump_decisions")]
    everything += [record.getMessage() for record in caplog.records]
    everything += [str(entry.as_dict()) for entry in hass.config_entries.async_entries(DOMAIN)]
    text = "\n".join(everything).casefold()
    assert "anna" in text
    for value in (TAG, OTHER, "04AABBCCDDEE22"):
        assert value.casefold() not in text

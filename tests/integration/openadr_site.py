"""A site that hears an OpenADR server on a port of this host, and the time that passes for both."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import sleep
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.engine.grid.openadr_ven import VenState
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.grid_openadr import OpenAdrInput
from tests.engine.grid.vtn import Vtn, limit_interval, period

from .grid_sources import demand
from .virtual_station import VirtualStation

NOON = "2026-06-01T12:00:00+00:00"
SECRET = "s3cret-of-the-ven"
LOGIN: Mapping[str, Any] = {"client_id": "ven-client", "client_secret": SECRET}


def openadr_data(vtn: Vtn, **changes: Any) -> dict[str, Any]:
    """Return the data of a server as the form keeps it."""
    return {
        "preset": "openadr",
        "url": vtn.url,
        "openadr_version": "3.0.1" if vtn.version == "3.0.1" else "3.1",
        "ven_name": "home",
        "place": "site",
        "own_power": "after_other_load",
        "binding": True,
        "lost_policy": "failsafe",
        "failsafe": 4.2,
        "poll_s": 60,
        "silent_min": 15,
        "safe_mode_name": "safe mode",
        "register": True,
        "notifications": True,
        "allow_http": True,
    } | changes


def server(vtn: Vtn, **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a server."""
    return demand(openadr_data(vtn, **changes), "vtn", "Aggregator")


def with_limit(vtn: Vtn, kw: float, **more: Any) -> str:
    """Have the server hold an event with a limit on what the site draws."""
    program = str(vtn.programs[0]["id"]) if vtn.programs else vtn.add_program()
    return vtn.add_event(program, [limit_interval(kw)], **more)


def with_safe_mode(vtn: Vtn, kw: float) -> str:
    """Have the server hold the event that says what holds while it can't be heard."""
    return with_limit(vtn, kw, eventName="SAFE_MODE", intervalPeriod=period("0001-01-01T00:00:00Z", "P9999Y"))


def with_series(vtn: Vtn, kind: str, values: list[float], start: str = NOON, step: str = "PT1H", **unit: Any) -> str:
    """Have the server announce values that follow each other, from noon on and for an hour each."""
    program = str(vtn.programs[0]["id"]) if vtn.programs else vtn.add_program()
    intervals = [{"id": number, "payloads": [{"type": kind, "values": [one]}]} for number, one in enumerate(values)]
    descriptors = [{"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": kind, **unit}]
    return vtn.add_event(program, intervals, intervalPeriod=period(start, step), payloadDescriptors=descriptors)


def the_input(entry: MockConfigEntry) -> OpenAdrInput:
    """Return the one server that a site hears."""
    (source,) = entry.runtime_data.grid.servers.values()
    assert isinstance(source, OpenAdrInput)
    return source


def told(entry: MockConfigEntry) -> dict[str, Any]:
    """Return how it stands with the server."""
    return dict(the_input(entry).told())


def grid(entry: MockConfigEntry) -> GridView:
    """Return what the site shows of the grid operator."""
    view: GridView = entry.runtime_data.site.grid.view
    return view


async def until(condition: Callable[[], object]) -> None:
    """Let sockets and threads do their work until something is so; the clock of the loop stands still meanwhile."""
    for _ in range(2_000):
        if condition():
            break
        await asyncio.to_thread(sleep, 0.005)
    else:
        pytest.fail("it never came to that")
    for _ in range(20):
        await asyncio.sleep(0)  # who polls goes on to wait


class House:
    """Lets time pass in a house that hears a server, and waits for what its polls bring."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin at noon."""
        self._hass = hass
        self._freezer = freezer
        self.words: list[VenState] = []
        self._source: OpenAdrInput | None = None
        freezer.move_to(datetime.fromisoformat(NOON))
        changed = OpenAdrInput._changed

        def changed_and_noted(source: OpenAdrInput, state: VenState) -> None:
            changed(source, state)
            self._source = source
            self.words.append(state)

        monkeypatch.setattr(OpenAdrInput, "_changed", changed_and_noted)

    async def polls(self) -> VenState:
        """Wait for the first poll since the last one that was waited for; return what is known by it."""
        await until(lambda: self.words)
        state = self.words[-1]
        self.words.clear()
        await self._hass.async_block_till_done()
        return state

    async def passes(self, seconds: float) -> VenState:
        """Let so much time pass, after which a poll is due, or the server is lost; return what is known then."""
        await until(lambda: self._source is None or not self._source._running.is_polling)  # it would take that long
        self.words.clear()
        self._freezer.tick(timedelta(seconds=seconds))
        return await self.polls()

    def waits(self, entry: MockConfigEntry, seconds: float) -> None:
        """Let time pass at the site in which no poll is made."""
        self._freezer.tick(timedelta(seconds=seconds))
        entry.runtime_data.site.grid.look()


async def asks_now(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the server asked now, by the clock of the machine, without the wait in which hints are collected."""
    runner = the_input(entry)._running
    before = runner.state().last_attempt
    runner.poll_now()

    def asked() -> bool:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=3))
        return runner.state().last_attempt != before

    await until(asked)


def told_currents(station: VirtualStation) -> list[float]:
    """Return the currents that a station was told, in A on each phase."""
    profiles = [payload["csChargingProfiles"] for action, payload in station.asked if action == "SetChargingProfile"]
    return [one["limit"] for each in profiles for one in each["chargingSchedule"]["chargingSchedulePeriod"]]


async def stop(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the site."""
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set the site up again."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

"""The calendar of what the grid operator announced."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.engine.grid.announcement import AnnouncedWindow
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.engine.view import SiteView

from .builders import charger
from .grid_operator import HOUR, attributes, source_subentry, value, window
from .site_double import AT, KEY, evse, garage, running_site, site_view

CALENDARS = [Platform.CALENDAR]
WINDOWS = "calendar.home_grid_operator_announcements"
SUBENTRIES = [charger("garage"), source_subentry()]


@pytest.fixture(autouse=True)
async def noon(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be noon by the clock of Greenwich."""
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to(AT)


def announced(*windows: AnnouncedWindow) -> SiteView:
    """Return a site to which this was announced."""
    return site_view(grid=GridView(windows=windows))


async def events(hass: HomeAssistant, start: datetime, end: datetime) -> list[tuple[str, str, str, str]]:
    """Return what the calendar has between two moments: begin, end, summary, description."""
    answer = await hass.services.async_call(
        "calendar",
        "get_events",
        {"entity_id": WINDOWS, "start_date_time": start.isoformat(), "end_date_time": end.isoformat()},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    found: Any = answer[WINDOWS]
    return [(each["start"][:16], each["end"][:16], each["summary"], each["description"]) for each in found["events"]]


async def test_announcements_are_listed_with_what_they_ask_for_and_who_made_them(hass: HomeAssistant) -> None:
    view = announced(
        window(),
        window(kind=SignalKind.BLOCK, value=None, begins_at=AT + 3 * HOUR, ends_at=AT + 4 * HOUR),
        window(kind=SignalKind.EXPORT_LIMIT, scope=SignalScope.SITE, value=60.0, unit=SignalUnit.PERCENT),
        window(scope=SignalScope.DEVICE, evse=KEY, value=16.0, unit=SignalUnit.AMPERE, source_id="action"),
        window(kind=SignalKind.PRICE_LEVEL, value=2.0, unit=SignalUnit.LEVEL, source_id="gone"),
    )
    async with running_site(hass, CALENDARS, view, subentries=SUBENTRIES):
        found = await events(hass, AT, AT + 24 * HOUR)
        assert [one[2:] for one in found] == [
            ("Limit 4.2 kW", "Grid relay: Controllable devices"),
            ("Feed-in limit 60 %", "Grid relay: Whole site"),
            ("Limit 16 A", "Action: Charger garage"),
            ("Price level 2", "gone: Controllable devices"),
            ("Block", "Grid relay: Controllable devices"),
        ]
        assert await events(hass, AT + 5 * HOUR, AT + 6 * HOUR) == []


async def test_one_of_several_evses_is_named_by_its_number(hass: HomeAssistant) -> None:
    windows = (window(scope=SignalScope.DEVICE, evse=KEY),)
    view = site_view(garage(evse(1), evse(2)), grid=GridView(windows=windows))
    async with running_site(hass, CALENDARS, view, subentries=SUBENTRIES):
        assert (await events(hass, AT, AT + 24 * HOUR))[0][3] == "Grid relay: Charger garage EVSE 1"


async def test_a_charger_that_is_gone_is_not_named_by_its_id(hass: HomeAssistant) -> None:
    windows = (window(scope=SignalScope.DEVICE, evse=KEY),)
    view = site_view(chargers={}, grid=GridView(windows=windows))
    async with running_site(hass, CALENDARS, view, subentries=[source_subentry()]):
        assert (await events(hass, AT, AT + 24 * HOUR))[0][3] == "Grid relay: One charger"


async def test_it_is_on_while_an_announced_limit_holds(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    windows = (window(), window(begins_at=AT + 5 * HOUR, ends_at=AT + 6 * HOUR, value=3_000.0))
    async with running_site(hass, CALENDARS, announced(*windows), subentries=SUBENTRIES) as site:
        for hours, state, message in (
            (0.5, STATE_OFF, "Limit 4.2 kW"),
            (1.5, STATE_ON, "Limit 4.2 kW"),
            (3.0, STATE_OFF, "Limit 3 kW"),
            (5.5, STATE_ON, "Limit 3 kW"),
        ):
            freezer.move_to(AT + hours * HOUR)
            await site.show(site_view(at=AT + hours * HOUR, grid=GridView(windows=windows)))
            assert (value(hass, WINDOWS), attributes(hass, WINDOWS)["message"]) == (state, message)
        freezer.move_to(AT + 7 * HOUR)
        await site.show(site_view(at=AT + 7 * HOUR, grid=GridView(windows=windows)))
        assert value(hass, WINDOWS) == STATE_OFF
        assert "message" not in attributes(hass, WINDOWS)


async def test_one_without_an_end_ends_with_what_is_asked_for_and_never_by_itself(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    endless = announced(window(begins_at=AT - HOUR, ends_at=None))
    async with running_site(hass, CALENDARS, endless, subentries=SUBENTRIES) as site:
        assert await events(hass, AT, AT + 3 * HOUR) == [
            ("2026-06-01T11:00", "2026-06-01T15:00", "Limit 4.2 kW", "Grid relay: Controllable devices")
        ]
        assert await events(hass, AT - 3 * HOUR, AT - 2 * HOUR) == []
        assert value(hass, WINDOWS) == STATE_ON
        end = attributes(hass, WINDOWS)["end_time"]
        freezer.tick(timedelta(minutes=10))
        await site.show(replace(endless, at=AT + timedelta(minutes=10)))
        assert attributes(hass, WINDOWS)["end_time"] == end


async def test_one_that_ends_before_it_begins_breaks_nothing(hass: HomeAssistant) -> None:
    view = announced(window(ends_at=AT + HOUR), window(begins_at=AT + 3 * HOUR), window(value=3_000.0))
    async with running_site(hass, CALENDARS, view, subentries=SUBENTRIES):
        assert [one[2] for one in await events(hass, AT, AT + 24 * HOUR)] == ["Limit 3 kW"]


async def test_events_are_called_by_words_of_the_users_language(hass: HomeAssistant) -> None:
    hass.config.language = "de"
    view = announced(window(source_id="action"))
    async with running_site(hass, CALENDARS, view, subentries=SUBENTRIES):
        (state,) = hass.states.async_all("calendar")[:1]
        assert state.attributes["message"] == "Grenze 4.2 kW"
        assert state.attributes["description"] == "Aktion: Steuerbare Geräte"

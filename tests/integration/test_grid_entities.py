"""The grid operator's demands as a user sees them at a running site."""

from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components import smart_charging
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid.merge import Direction
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import ContactSeen, LostPolicy, SourceUnavailable
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.grid_trial import end_simulation, simulate
from custom_components.smart_charging.engine.grid_view import GridView
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.view import SITE_KEY, SiteEvent, SiteEventType
from custom_components.smart_charging.event_grid import GRID_SIGNAL
from custom_components.smart_charging.grid_names import ALWAYS_THERE

from .builders import charger
from .grid_operator import RELAY, attributes, configure, demand, demand_of, published, source_subentry, value, withdraw
from .site_double import AT, evse, garage, running_site, site_view
from .site_setup import set_up

ACTIVE = "binary_sensor.home_grid_operator_limit_active"
LIMIT = "sensor.home_grid_operator_limit"
SOURCE = "sensor.home_grid_operator_limit_source"
REASON = "sensor.home_grid_operator_limit_reason"
UNTIL = "sensor.home_grid_operator_limit_until"
FEED_IN = "sensor.home_feed_in_limit"
LEVEL = "sensor.home_price_level"
SIGNAL = "event.home_grid_signal"
CALENDAR = "calendar.home_grid_operator_announcements"

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


@pytest.fixture
async def entry(hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory) -> MockConfigEntry:
    """Return a running site with one charger, at noon."""
    freezer.move_to(AT)
    return await set_up(hass, free_port, charger("CP-1"))


@pytest.fixture
def told(hass: HomeAssistant) -> list[Event]:
    """Return what the bus hears for the logbook."""
    return async_capture_events(hass, "smart_charging_event")


def limit(hass: HomeAssistant) -> tuple[str, ...]:
    """Return whether something is asked for, how much, by whom, why, and until when."""
    return tuple(value(hass, one) for one in (ACTIVE, LIMIT, SOURCE, REASON, UNTIL))


async def move(hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, seconds: float) -> None:
    """Let time pass for the site and its entities."""
    freezer.tick(timedelta(seconds=seconds))
    entry.runtime_data.site.grid.look()
    await published(hass)


async def test_without_a_demand_nothing_is_invented(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert limit(hass) == (STATE_OFF, STATE_UNKNOWN, STATE_UNKNOWN, "none", STATE_UNKNOWN)
    assert value(hass, FEED_IN) == value(hass, SIGNAL) == STATE_UNKNOWN
    assert hass.states.get(LEVEL) is None
    registered = er.async_get(hass).async_get(LEVEL)
    assert registered is not None and registered.disabled


async def test_a_limit_is_shown_with_its_source_and_its_end_and_returns_slowly(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    configure(entry)
    until = AT + timedelta(hours=5)
    demand(entry, 7_560.4, valid_until=until)
    await published(hass)
    assert limit(hass) == (STATE_ON, "7560", "action", "stated", until.isoformat())
    shown = attributes(hass, ACTIVE)
    assert {name: shown[name] for name in ("kind", "scope", "binding", "since", "returning", "minimum_w")} == {
        "kind": "import_limit",
        "scope": "controllable",
        "binding": False,
        "since": AT.isoformat(),
        "returning": False,
        "minimum_w": 4_200,
    }
    assert shown["limits"] == [
        {"direction": "import", "scope": "controllable", "power_w": 7_560, "source": "action", "asked": True}
    ]
    withdraw(entry)
    await move(hass, freezer, entry, 10.0)
    active, watts, source, reason, ends = limit(hass)
    assert (active, source, reason) == (STATE_OFF, "action", "returning")
    assert 7_560.0 < float(watts) < 24_150.0
    assert ends == (AT + timedelta(minutes=5)).isoformat()
    assert attributes(hass, ACTIVE)["returning"] is True
    assert [one["asked"] for one in attributes(hass, ACTIVE)["limits"]] == [False]
    await move(hass, freezer, entry, 300.0)
    assert limit(hass) == (STATE_OFF, STATE_UNKNOWN, STATE_UNKNOWN, "none", STATE_UNKNOWN)
    assert attributes(hass, ACTIVE)["limits"] == []


async def test_of_several_limits_the_tightest_is_shown_and_all_are_listed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    grid = entry.runtime_data.site.grid
    simulate(grid, 9_000.0, timedelta(minutes=15), scope=SignalScope.SITE)
    demand_of(entry, EvseKey("CP-1", 1), 4_140.0)
    demand(entry, 16.0, unit=SignalUnit.AMPERE, scope=SignalScope.SITE)
    demand(entry, 5_000.0, kind=SignalKind.EXPORT_LIMIT, scope=SignalScope.SITE)
    await published(hass)
    assert value(hass, LIMIT) == "4140"
    assert value(hass, FEED_IN) == "5000"
    shown = attributes(hass, ACTIVE)
    assert (shown["scope"], shown["charger"]) == ("device", "Charger CP-1")
    found = {(one["direction"], one["scope"], one["power_w"]): one for one in shown["limits"]}
    assert found.keys() == {
        ("import", "site", 9_000),
        ("import", "site", 11_040),
        ("import", "device", 4_140),
        ("export", "site", 5_000),
    }
    assert found["import", "device", 4_140]["charger"] == "Charger CP-1"
    assert found["import", "site", 9_000]["source"] == "simulation"
    assert "CP-1/" not in str(shown)
    end_simulation(grid)


async def test_a_limit_on_feed_in_alone_is_none_on_import(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    demand(entry, 3_000.0, kind=SignalKind.EXPORT_LIMIT, scope=SignalScope.SITE)
    await published(hass)
    assert limit(hass) == (STATE_OFF, STATE_UNKNOWN, STATE_UNKNOWN, "none", STATE_UNKNOWN)
    assert value(hass, FEED_IN) == "3000"


async def test_a_price_level_is_shown_to_who_wants_it(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entity_registry.async_update_entity(LEVEL, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert value(hass, LEVEL) == STATE_UNKNOWN
    demand(entry, 2.0, kind=SignalKind.PRICE_LEVEL, unit=SignalUnit.LEVEL, scope=SignalScope.SITE)
    await published(hass)
    assert value(hass, LEVEL) == "2.0"
    assert value(hass, ACTIVE) == STATE_OFF


async def test_a_source_that_is_lost_shows_its_fail_safe_and_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, told: list[Event]
) -> None:
    configure(entry, RELAY, events=[ContactSeen("relay", AT, closed=False)])
    grid = entry.runtime_data.site.grid
    grid.take(SourceUnavailable("relay", AT))
    told.clear()
    await move(hass, freezer, entry, 61.0)
    assert limit(hass) == (STATE_ON, "4200", "relay", "failsafe", STATE_UNKNOWN)
    assert [(one.data["type"], one.data["source"]) for one in told] == [
        ("grid_source_lost", "relay"),
        ("grid_limit_started", "relay"),
    ]
    assert attributes(hass, SIGNAL)["why"] == "failsafe"


async def test_each_event_of_a_limit_is_shown_on_the_sites_device(
    hass: HomeAssistant, entry: MockConfigEntry, told: list[Event]
) -> None:
    until = AT + timedelta(hours=5)
    demand(entry, 7_560.0, valid_until=until)
    await hass.async_block_till_done()
    shown = attributes(hass, SIGNAL)
    expected: dict[str, Any] = {
        "event_type": "grid_limit_started",
        "source": "action",
        "why": "stated",
        "kind": "import_limit",
        "scope": "controllable",
        "direction": "import",
        "binding": False,
        "limit_w": 7_560,
        "until": until.isoformat(),
    }
    assert {name: shown[name] for name in expected} == expected
    assert not shown.keys() & {"charger", "evse"}
    demand(entry, 4_200.0)
    await hass.async_block_till_done()
    assert (attributes(hass, SIGNAL)["event_type"], attributes(hass, SIGNAL)["limit_w"]) == (
        "grid_limit_changed",
        4_200,
    )
    withdraw(entry)
    await hass.async_block_till_done()
    assert attributes(hass, SIGNAL)["event_type"] == "grid_limit_ended"
    assert "limit_w" not in attributes(hass, SIGNAL)
    home = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "site1"), "site1")
    assert home is not None
    assert {one.data["device_id"] for one in told} == {home.id}
    registered = er.async_get(hass).async_get(SIGNAL)
    assert registered is not None and registered.device_id == home.id


async def test_an_event_of_an_evse_names_its_charger_and_stands_at_that_in_the_logbook(
    hass: HomeAssistant, entry: MockConfigEntry, told: list[Event]
) -> None:
    demand_of(entry, EvseKey("CP-1", 1), 4_140.0)
    await hass.async_block_till_done()
    shown = attributes(hass, SIGNAL)
    assert (shown["charger"], shown["evse"], shown["scope"]) == ("Charger CP-1", 1, "device")
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
    assert device is not None
    assert [one.data["device_id"] for one in told] == [device.id]


async def test_an_announced_limit_is_in_the_calendar_until_it_begins_and_ends(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    begin, end = AT + timedelta(hours=1), AT + timedelta(hours=2)
    demand(entry, 4_200.0, valid_from=begin, valid_until=end)
    await published(hass)
    assert value(hass, CALENDAR) == STATE_OFF
    assert attributes(hass, CALENDAR)["message"] == "Limit 4.2 kW"
    assert value(hass, ACTIVE) == STATE_OFF
    await move(hass, freezer, entry, 3_601.0)
    assert value(hass, CALENDAR) == value(hass, ACTIVE) == STATE_ON
    await move(hass, freezer, entry, 3_600.0)
    assert value(hass, CALENDAR) == value(hass, ACTIVE) == STATE_OFF
    assert "message" not in attributes(hass, CALENDAR)


async def test_a_source_that_was_set_up_has_the_name_that_it_was_given(hass: HomeAssistant) -> None:
    view = site_view(grid=GridView(active=True, limit_w=4_200.0, source_id="relay", why=ClaimReason.STATED))
    lost = SiteEvent(SiteEventType.GRID_SOURCE_LOST, SITE_KEY, AT, details={"source": "relay"})
    platforms = [Platform.SENSOR, Platform.EVENT]
    async with running_site(hass, platforms, view, subentries=[charger("garage"), source_subentry()]) as site:
        assert value(hass, SOURCE) == "Grid relay"
        await site.announce(lost)
        assert attributes(hass, SIGNAL)["source"] == "Grid relay"
        hass.config_entries.async_update_subentry(site.entry, site.entry.subentries["relay"], title="x" * 300)
        await site.show(view)
        assert value(hass, SOURCE) == "x" * 255


async def test_what_has_the_id_of_a_source_and_is_none_gives_no_name(hass: HomeAssistant) -> None:
    view = site_view(grid=GridView(active=True, limit_w=4_200.0, source_id="sub_garage"))
    async with running_site(hass, [Platform.SENSOR], view):
        assert value(hass, SOURCE) == "sub_garage"


async def test_an_event_of_one_of_several_evses_names_it_and_stands_at_its_device(
    hass: HomeAssistant, told: list[Event]
) -> None:
    two = site_view(garage(evse(1), evse(2)))
    details = {"allowed_w": 4_200, "drawn_w": 5_000}
    async with running_site(hass, [Platform.EVENT], two, subentries=[charger("garage")]) as site:
        await site.announce(SiteEvent(SiteEventType.GRID_NOT_OBEYED, EvseKey("garage", 2), AT, details=details))
        assert attributes(hass, SIGNAL)["charger"] == "Charger garage EVSE 2"
        device = dr.async_get(hass).async_get_child_device_by_identifier((DOMAIN, "sub_garage_2"), "site1")
        assert device is not None
        assert told[-1].data["device_id"] == device.id
        await site.announce(SiteEvent(SiteEventType.GRID_NOT_OBEYED, EvseKey("gone", 1), AT, details=details))
        assert "charger" not in attributes(hass, SIGNAL)
        assert "gone" not in str(told[-1].data)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_word_of_grid_signals_is_translated(language: str) -> None:
    path = Path(smart_charging.__file__).parent / "translations" / f"{language}.json"
    words = json.loads(path.read_text(encoding="utf-8"))
    entity, issues = words["entity"], words["issues"]
    assert set(entity["sensor"]["grid_limit_source"]["state"]) == set(ALWAYS_THERE)
    event = entity["event"]["grid_signal"]["state_attributes"]
    assert set(event["event_type"]["state"]) == set(GRID_SIGNAL.event_types)
    assert set(event["source"]["state"]) == set(ALWAYS_THERE)
    calendar = entity["calendar"]["grid_windows"]["state_attributes"]
    binary_sensor = entity["binary_sensor"]["grid_limit_active"]["state_attributes"]
    for told, wanted in (
        (calendar["message"], SignalKind),
        (calendar["description"], SignalScope),
        (binary_sensor["kind"], SignalKind),
        (binary_sensor["scope"], SignalScope),
        (event["kind"], SignalKind),
        (event["scope"], SignalScope),
        (event["direction"], Direction),
        (event["why"], ClaimReason),
    ):
        assert set(told["state"]) == set(wanted)
    assert {f"grid_source_lost_{policy}" for policy in LostPolicy} <= issues.keys()
    assert {"grid_not_obeyed", "grid_log_broken", "grid_log_waiting"} <= issues.keys()

"""Departures from a calendar of the user's: read, followed as it changes, kept while it can't be read."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.calendar import DATA_COMPONENT, CalendarEntity, CalendarEvent
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics

from .builders import charger, charger_data
from .site_setup import issue_ids, set_up

NOW = "2026-10-23T18:00:00+02:00"  # a Friday in Berlin; on Sunday the clock goes back
DEPARTURE = "datetime.charger_cp_1_departure"
LOST = "departure_calendar_lost_sub_CP-1"
CALENDAR = "calendar.family"
HOUR = timedelta(hours=1)
CAR = {"capacity_kwh": 60.0, "consumption_kwh": 15.0, "efficiency_percent": 90.0}

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


class Family(CalendarEntity):
    """A calendar as another integration has it."""

    _attr_name = "Family"
    _attr_should_poll = False

    def __init__(self) -> None:
        """Begin with an appointment in town tomorrow, after a day off and a call."""
        self.failure: Exception | None = None
        self.events = [
            CalendarEvent(date(2026, 10, 24), date(2026, 10, 25), "Day off", location="Everywhere"),
            appointment("2026-10-24T08:00:00", "Call"),
            appointment("2026-10-24T10:00:00", "Dentist", location="Main Street 1"),
        ]

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the first event."""
        return self.events[0] if self.events else None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return those events that lie between two moments."""
        if self.failure is not None:
            raise self.failure
        return [
            one for one in self.events if one.start_datetime_local < end_date and one.end_datetime_local > start_date
        ]


def appointment(start: str, title: str, **more: Any) -> CalendarEvent:
    """Return an event of an hour, at a time of the clock in Berlin."""
    begin = datetime.fromisoformat(start).replace(tzinfo=dt_util.get_time_zone("Europe/Berlin"))
    return CalendarEvent(begin, begin + HOUR, title, **more)


def choice(**changes: Any) -> dict[str, Any]:
    """Return a charger's calendar as its form keeps it."""
    return {"calendar": CALENDAR, "events": "with_place", "lead_min": 30, "target_soc_percent": 80.0} | changes


@pytest.fixture
async def family(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[Family]:
    """Let it be Friday evening in Berlin, with the family's calendar there."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(NOW)
    assert await async_setup_component(hass, "calendar", {})
    calendar = Family()
    await hass.data[DATA_COMPONENT].async_add_entities([calendar])
    yield calendar
    if hass.states.get(CALENDAR) is not None:
        await calendar.async_remove()  # with the timer of its next event


class Car:
    """What a user sees of the car that follows the calendar."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory) -> None:
        """Take the running site."""
        self._hass = hass
        self._freezer = freezer
        self.entry = entry

    async def plan(self) -> dict[str, Any]:
        """Return what `get_plan` answers."""
        device = dr.async_get(self._hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
        assert device is not None
        answer = await self._hass.services.async_call(
            DOMAIN, "get_plan", {"device_id": device.id}, blocking=True, return_response=True
        )
        assert answer is not None
        (found,) = answer["plans"]  # type: ignore[misc]  # a list of objects
        plan: dict[str, Any] = found  # type: ignore[assignment]  # as above
        return plan

    async def set(self, **wish: Any) -> None:
        """Call `set_plan`."""
        device = dr.async_get(self._hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
        assert device is not None
        await self._hass.services.async_call(DOMAIN, "set_plan", {"device_id": device.id, **wish}, blocking=True)

    async def leaves(self) -> tuple[str | None, float | None, float | None]:
        """Return when it is to be ready by the clock in Berlin, and its targets of charge and energy."""
        plan = await self.plan()
        departure = plan["departure"] and dt_util.as_local(datetime.fromisoformat(plan["departure"]))
        text = departure.strftime("%d. %H:%M") if departure else None
        return text, plan["target_soc"], plan["target_energy_kwh"]

    async def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self._freezer.tick(time)
        async_fire_time_changed(self._hass, dt_util.utcnow())
        await self._hass.async_block_till_done(wait_background_tasks=False)
        await self._read()

    async def changed(self, family: Family) -> None:
        """Let the calendar tell that it changed."""
        family.async_write_ha_state()
        await self._read()

    async def _read(self) -> None:
        """Let the reading come to its end."""
        for _ in range(5):
            await self._hass.async_block_till_done()
            reading = self.entry.runtime_data.departures._reading  # no state tells of its end
            if reading is None or reading.done():
                return
            await reading


async def followed(hass: HomeAssistant, port: int, freezer: FrozenDateTimeFactory, **changes: Any) -> Car:
    """Return a car in the mode cheapest at a charger that follows the calendar."""
    entry = await set_up(hass, port, charger("CP-1", departures=choice(**changes), car=CAR))
    car = Car(hass, entry, freezer)
    await car.set(mode="cheapest")
    await car.wait(timedelta())
    return car


async def test_the_next_event_with_a_place_tells_departure_and_target_and_get_plan_says_so(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    assert await car.leaves() == ("24. 09:30", 80.0, None)
    plan = await car.plan()
    assert (plan["departure_from"], plan["target_from"]) == ("calendar", "calendar")
    assert plan["event"] == {"title": "Dentist", "names_target": False}
    assert plan["calendar"] == {"entity_id": CALENDAR, "readable": True, "read_at": "2026-10-23T16:00:00+00:00"}
    await car.wait(timedelta(seconds=5))
    shown = hass.states.get(DEPARTURE)
    assert shown is not None and shown.state == "2026-10-24T07:30:00+00:00"


async def test_diagnostics_tell_how_a_calendar_is_read_and_not_what_its_events_are_called(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer, events="with_title", event_title="Dentist")
    told = await async_get_config_entry_diagnostics(hass, car.entry)
    assert isinstance(told["departures"], dict)
    (calendar,) = told["departures"].values()
    assert isinstance(calendar, dict)
    assert (calendar["calendar"], calendar["failing_since"]) == (CALENDAR, None)
    assert "2026-10-24T07:30:00+00:00" in str(told["departures"])
    assert "Dentist" not in str(told)


@pytest.mark.parametrize(
    ("changes", "leaves"),
    [
        ({"events": "every"}, ("24. 07:30", 80.0, None)),
        ({"events": "with_title", "event_title": "DENT", "lead_min": 0}, ("24. 10:00", 80.0, None)),
        ({"events": "with_title", "event_title": "surgeon"}, (None, None, None)),
    ],
)
async def test_the_charger_says_which_events_count(
    hass: HomeAssistant,
    free_port: int,
    freezer: FrozenDateTimeFactory,
    family: Family,
    changes: dict[str, Any],
    leaves: tuple[str | None, float | None, float | None],
) -> None:
    car = await followed(hass, free_port, freezer, **changes)
    assert await car.leaves() == leaves


async def test_an_event_that_moves_names_a_target_or_vanishes_changes_the_plan(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    family.events = [appointment("2026-10-25T12:00:00", "Hike", location="Hills", description="Boots<br>200 km")]
    await car.changed(family)
    assert await car.leaves() == ("25. 11:30", 50.0, None)  # in winter time by then
    plan = await car.plan()
    assert datetime.fromisoformat(plan["departure"]) == datetime.fromisoformat("2026-10-25T11:30:00+01:00")
    assert plan["event"] == {"title": "Hike", "names_target": True}
    family.events = []
    await car.changed(family)
    assert await car.leaves() == (None, None, None)
    assert ((await car.plan())["departure_from"], (await car.plan())["event"]) == (None, None)


async def test_what_the_state_of_a_calendar_does_not_tell_shows_within_a_quarter_of_an_hour(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    family.events[2] = appointment("2026-10-24T11:00:00", "Dentist", location="Main Street 1", description="12,5 kWh")
    await car.wait(timedelta(minutes=14))
    assert await car.leaves() == ("24. 09:30", 80.0, None)
    await car.wait(timedelta(minutes=1, seconds=1))
    assert await car.leaves() == ("24. 10:30", None, 12.5)


async def test_what_a_user_sets_goes_before_the_calendar_until_it_is_over(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    await car.set(departure="2026-10-24 06:00:00", energy=7)
    assert await car.leaves() == ("24. 06:00", None, 7.0)
    plan = await car.plan()
    assert (plan["departure_from"], plan["target_from"], plan["event"]) == ("set", "set", None)
    await car.wait(12 * HOUR)
    assert await car.leaves() == ("24. 09:30", 80.0, None)


async def test_a_calendar_that_breaks_keeps_what_it_said_tells_so_and_is_a_repair_after_an_hour(
    hass: HomeAssistant,
    free_port: int,
    freezer: FrozenDateTimeFactory,
    family: Family,
    caplog: pytest.LogCaptureFixture,
) -> None:
    car = await followed(hass, free_port, freezer)
    family.failure = RuntimeError("the server is away")
    for _ in range(3):
        await car.wait(timedelta(minutes=16))
        assert await car.leaves() == ("24. 09:30", 80.0, None)
        assert (await car.plan())["calendar"]["readable"] is False
        assert issue_ids(hass) == set()
    assert caplog.text.count("the server is away") == 1
    for _ in range(2):
        await car.wait(timedelta(minutes=16))
    assert issue_ids(hass) == {LOST}
    await car.wait(14.5 * HOUR)  # ten to ten
    assert await car.leaves() == (None, None, None)
    family.failure = None
    family.events = [appointment("2026-10-24T12:00:00", "Lunch", location="Town")]
    await car.changed(family)
    assert await car.leaves() == ("24. 11:30", 80.0, None)
    assert issue_ids(hass) == set()


async def test_a_calendar_that_is_unavailable_is_not_an_empty_one(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    family._attr_available = False
    await car.changed(family)
    assert await car.leaves() == ("24. 09:30", 80.0, None)
    assert (await car.plan())["calendar"]["readable"] is False
    family._attr_available, family.events = True, []
    await car.changed(family)
    assert await car.leaves() == (None, None, None)
    assert (await car.plan())["calendar"]["readable"] is True


async def test_what_was_read_outlives_a_restart_with_a_calendar_that_is_gone(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    await family.async_remove()
    assert await hass.config_entries.async_reload(car.entry.entry_id)
    await car.wait(timedelta(seconds=5))
    assert await car.leaves() == ("24. 09:30", 80.0, None)
    assert (await car.plan())["calendar"]["readable"] is False


async def test_a_title_that_can_not_be_written_is_cleaned_and_departures_are_kept(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)
    family.events = [appointment("2026-10-24T12:00:00", "Hike \ud83d" + "x" * 1_000_000, location="Hills")]
    await car.changed(family)
    title = (await car.plan())["event"]["title"]
    assert title.startswith("Hike x") and len(title) == 100
    await family.async_remove()
    assert await hass.config_entries.async_reload(car.entry.entry_id)
    await car.wait(timedelta(seconds=5))
    assert await car.leaves() == ("24. 11:30", 80.0, None)


async def test_another_choice_is_followed_at_once_and_none_leaves_nothing(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory, family: Family
) -> None:
    car = await followed(hass, free_port, freezer)

    async def choose(**data: Any) -> None:
        subentry: ConfigSubentry = car.entry.subentries["sub_CP-1"]
        kept = MappingProxyType(charger_data("CP-1", car=CAR, **data))
        hass.config_entries.async_update_subentry(car.entry, subentry, data=kept)
        await car.wait(timedelta())

    await choose(departures=choice(events="every", lead_min=0))
    assert await car.leaves() == ("24. 08:00", 80.0, None)
    family.failure = RuntimeError
    await choose(departures=choice(calendar="calendar.other"))
    assert await car.leaves() == (None, None, None)
    for _ in range(5):
        await car.wait(timedelta(minutes=16))
    assert issue_ids(hass) == {LOST}
    await choose()
    assert issue_ids(hass) == set()
    assert (await car.plan())["calendar"] is None

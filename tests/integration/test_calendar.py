"""The calendar of an EVSE: planned charging, departures, and hours within a price limit."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.smart_charging.engine.config import DatedPlan, EvseSettings, RepeatingPlan, Weekday
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.engine.view import EvseView, PlannedBlock, PlannedCharge

from .site_double import AT, evse, garage, running_site, site_view

CALENDARS = [Platform.CALENDAR]
PLAN = "calendar.charger_garage_plan"
HOUR = timedelta(hours=1)
LEAVES = AT + 19 * HOUR
BLOCKS = (
    PlannedBlock(AT + HOUR, AT + 2 * HOUR, 7_260.0, 1.234),
    PlannedBlock(AT + 5 * HOUR, AT + 5.25 * HOUR, 900.0),
)
TARIFF = {"prices": {"price_source": "time_of_use", "table": "default = 0.3\nlow = 0.2\nlow: 13:00-15:00"}}


@pytest.fixture(autouse=True)
async def noon(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let it be noon by the clock of Greenwich."""
    await hass.config.async_set_time_zone("UTC")
    hass.config.currency = "EUR"
    freezer.move_to(AT)


def planned(**changes: Any) -> EvseView:
    """Return an EVSE whose car charges twice before it leaves."""
    settings = replace(EvseSettings(ChargeMode.CHEAPEST, departure=LEAVES), **changes)
    plan = PlannedCharge(BLOCKS[0].start, 8_160.0, 1.2, 0.0, LEAVES, BLOCKS)
    return evse(mode=ChargeMode.CHEAPEST, settings=settings, planned=plan)


async def events(hass: HomeAssistant, start: datetime, end: datetime) -> list[tuple[str, str, str, str | None]]:
    """Return what the calendar has between two moments."""
    answer = await hass.services.async_call(
        "calendar",
        "get_events",
        {"entity_id": PLAN, "start_date_time": start.isoformat(), "end_date_time": end.isoformat()},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    found: Any = answer[PLAN]
    return [(each["start"], each["end"], each["summary"], each.get("description")) for each in found["events"]]


async def test_the_calendar_shows_what_comes_next(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    async with running_site(hass, CALENDARS, site_view(garage(planned()))) as site:
        assert site.entry is not None
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_it_is_on_while_the_car_is_to_charge_and_at_its_departure(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with running_site(hass, CALENDARS, site_view(garage(planned()))) as site:
        for passed, shown, message in (
            (0.5, STATE_OFF, "Charging 7.3 kWh"),
            (1.5, STATE_ON, "Charging 7.3 kWh"),
            (3.0, STATE_OFF, "Charging 0.9 kWh"),
            (6.0, STATE_OFF, "Departure"),
            (19.1, STATE_ON, "Departure"),
        ):
            freezer.move_to(AT + passed * HOUR)
            await site.show(site_view(garage(planned()), at=AT + passed * HOUR))
            state = hass.states.get(PLAN)
            assert state is not None
            assert (state.state, state.attributes["message"]) == (shown, message)


async def test_a_departure_that_another_calendar_tells_has_the_title_of_its_event(hass: HomeAssistant) -> None:
    dated = (DatedPlan(AT + 30 * HOUR, event_title="Dentist"),)
    async with running_site(hass, CALENDARS, site_view(garage(planned(dated=dated)))):
        found = await events(hass, AT + 18 * HOUR, AT + 48 * HOUR)
    assert [(summary, description) for _, _, summary, description in found] == [
        ("Departure", None),
        ("Departure", "Dentist"),
    ]


async def test_without_plan_and_departure_nothing_comes(hass: HomeAssistant) -> None:
    async with running_site(hass, CALENDARS):
        state = hass.states.get(PLAN)
        assert state is not None and state.state == STATE_OFF
        assert "message" not in state.attributes
        assert await events(hass, AT, AT + 48 * HOUR) == []


async def test_events_are_listed_in_the_order_of_time_with_energy_cost_and_hours_within_the_limit(
    hass: HomeAssistant,
) -> None:
    async with running_site(hass, CALENDARS, site_view(garage(planned(price_limit=0.25))), options=TARIFF):
        day = await events(hass, AT, AT + 24 * HOUR)
        assert [(start[11:16], end[11:16], *rest) for start, end, *rest in day] == [
            ("13:00", "14:00", "Charging 7.3 kWh", "1.23 EUR"),
            ("13:00", "15:00", "Price within the limit", "≤ 0.25 EUR/kWh"),
            ("17:00", "17:15", "Charging 0.9 kWh", None),
            ("07:00", "07:15", "Departure", None),
        ]
        assert await events(hass, AT + 3 * HOUR, AT + 5 * HOUR) == []


async def test_departures_that_repeat_are_listed_as_far_as_is_asked(hass: HomeAssistant) -> None:
    each_workday = RepeatingPlan(tuple(Weekday)[:5], time(7, 30), energy_wh=5_000.0)
    once = planned(repeating=(each_workday,))
    async with running_site(hass, CALENDARS, site_view(garage(once))) as site:
        days = [start[:16] for start, _, summary, _ in await events(hass, AT, AT + 8 * 24 * HOUR) if "Dep" in summary]
        assert days == [f"2026-06-{day}" for day in ("02T07:00", "02T07:30", "03T07:30", "04T07:30", "05T07:30")] + [
            "2026-06-08T07:30",
            "2026-06-09T07:30",
        ]
        await site.show(site_view(garage(evse(settings=EvseSettings(repeating=(each_workday,))))))
        assert await events(hass, AT, AT + 100 * 24 * HOUR) == []  # in a mode that follows no plan


async def test_a_departure_that_repeats_is_on_although_the_next_one_counts(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    each_day = RepeatingPlan(tuple(Weekday), time(12), energy_wh=5_000.0)
    settings = EvseSettings(ChargeMode.CHEAPEST, repeating=(each_day,))
    tomorrow = replace(settings, departure=AT + 24 * HOUR)
    for passed, shown in ((5, STATE_ON), (16, STATE_OFF)):
        freezer.move_to(AT + timedelta(minutes=passed))
        async with running_site(hass, CALENDARS, site_view(garage(evse(settings=settings, wanted=tomorrow)))):
            state = hass.states.get(PLAN)
            assert state is not None
            assert (state.state, state.attributes["message"]) == (shown, "Departure")


async def test_events_are_called_by_words_of_the_users_language(hass: HomeAssistant) -> None:
    hass.config.language = "de"
    async with running_site(hass, CALENDARS, site_view(garage(planned()))):
        assert [summary for *_, summary, _ in await events(hass, AT, AT + 24 * HOUR)] == [
            "Laden 7.3 kWh",
            "Laden 0.9 kWh",
            "Abfahrt",
        ]


async def test_what_is_to_be_given_back_is_an_event_of_its_own(hass: HomeAssistant) -> None:
    gives = PlannedBlock(AT + 5 * HOUR, AT + 6 * HOUR, -2_900.0, -1.74)
    plan = PlannedCharge(BLOCKS[0].start, 7_260.0, -0.5, 0.0, None, (BLOCKS[0], gives), given_wh=2_900.0)
    async with running_site(hass, CALENDARS, site_view(garage(evse(planned=plan)))):
        told = [(summary, description) for _, _, summary, description in await events(hass, AT, AT + 24 * HOUR)]
        assert told == [("Charging 7.3 kWh", "1.23 EUR"), ("Giving back 2.9 kWh", "-1.74 EUR")]

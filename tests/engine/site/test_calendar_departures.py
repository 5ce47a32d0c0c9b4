"""Departures from a calendar: which events count, what they ask for, and who goes first."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.calendar_departures import (
    MOST_PLANS,
    MOST_TITLE,
    DepartureEvent,
    DepartureRule,
    EventChoice,
    Target,
    dated_plans,
    told_target,
)
from custom_components.smart_charging.engine.config import CarConfig, DatedPlan, EvseSettings, RepeatingPlan, Weekday
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.engine.repeating_plans import PlanSource, departures, in_force, plan_origin

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # a Monday, 18:00 in Berlin
CAR = CarConfig(capacity_wh=60_000.0, consumption_wh_per_km=150.0)  # 400 km
UNKNOWN = CarConfig()
EVERY = DepartureRule(EventChoice.EVERY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def event(start: str, title: str = "Trip", place: str = "", description: str = "") -> DepartureEvent:
    return DepartureEvent(at(start), title, place, description)


TUESDAY = event("2026-06-02T09:00+02:00", "Dentist", "Main Street 1")
WEDNESDAY = event("2026-06-03T08:00+02:00", "Call with the office")
THURSDAY = event("2026-06-04T07:00+02:00", "To the OFFICE by car", " ")


@pytest.mark.parametrize(
    ("rule", "counted"),
    [
        (EVERY, [TUESDAY, WEDNESDAY, THURSDAY]),
        (DepartureRule(EventChoice.WITH_PLACE), [TUESDAY]),
        (DepartureRule(EventChoice.WITH_TITLE, "office"), [WEDNESDAY, THURSDAY]),
        (DepartureRule(EventChoice.WITH_TITLE, "By Car"), [THURSDAY]),
    ],
)
def test_the_rule_says_for_which_events_a_car_leaves(rule: DepartureRule, counted: list[DepartureEvent]) -> None:
    found = dated_plans([THURSDAY, TUESDAY, WEDNESDAY], rule, CAR, NOW)
    assert [(plan.leaves, plan.event_title) for plan in found] == [(one.start, one.title) for one in counted]


def test_a_car_leaves_before_the_event_by_the_lead_and_not_for_one_that_it_is_too_late_for() -> None:
    rule = replace(EVERY, lead=timedelta(minutes=45))
    soon, late = event("2026-06-01T18:46+02:00"), event("2026-06-01T18:45+02:00")
    assert [plan.leaves for plan in dated_plans([late, soon], rule, CAR, NOW)] == [at("2026-06-01T18:01+02:00")]


@pytest.mark.parametrize(
    ("start", "leaves"),
    [
        ("2026-10-25T02:30+02:00", "2026-10-25T00:00+00:00"),  # the first of two, and the second an hour later
        ("2026-10-25T02:30+01:00", "2026-10-25T01:00+00:00"),
        ("2027-03-28T03:15+02:00", "2027-03-28T00:45+00:00"),  # half an hour before is on the other side of the gap
    ],
)
def test_the_lead_is_real_time_on_days_when_the_clock_changes(start: str, leaves: str) -> None:
    (plan,) = dated_plans([event(start)], replace(EVERY, lead=timedelta(minutes=30)), CAR, NOW)
    assert plan.leaves == at(leaves)


@pytest.mark.parametrize(
    ("description", "target"),
    [
        ("80 %", Target(soc_percent=80.0)),
        ("80%", Target(soc_percent=80.0)),
        ("Bring the papers\n 72,5 % \nsee you", Target(soc_percent=72.5)),
        ("Bring the papers<br>30 kWh<br/>", Target(energy_wh=30_000.0)),
        ("<p>12.25&nbsp;KWH</p>", Target(energy_wh=12_250.0)),
        ("200 km", Target(soc_percent=50.0)),
        ("100,5km", Target(soc_percent=25.125)),
        ("900 km", Target(soc_percent=100.0)),  # more than full is full
        ("", None),
        ("50 % off all shoes", None),
        ("200 km with Anna", None),
        ("80", None),
        ("80 %%", None),
        ("-80 %", None),
        ("0 %", None),
        ("101 %", None),
        ("201 kWh", None),
        ("2001 km", None),
        ("1.000 km", None),  # one kilometre or a thousand
        ("80 %\n30 kWh", None),
        ("\N{ARABIC-INDIC DIGIT EIGHT}0 %", None),
        ("80 %" + "\n" * 10_000, None),
    ],
)
def test_a_target_is_a_line_of_its_own_and_nothing_is_guessed(description: str, target: Target | None) -> None:
    assert told_target(description, CAR) == target


def test_a_range_means_nothing_for_a_car_that_is_not_known() -> None:
    assert told_target("200 km", UNKNOWN) is None


def test_an_event_that_names_no_target_has_the_default() -> None:
    rule = replace(EVERY, target=Target(soc_percent=60.0))
    plain, own = dated_plans([TUESDAY, replace(WEDNESDAY, description="10 kWh")], rule, CAR, NOW)
    assert (plain.soc_percent, plain.energy_wh, plain.told) == (60.0, None, False)
    assert (own.soc_percent, own.energy_wh, own.told) == (None, 10_000.0, True)


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("To the \ud83d office", "To the office"),
        ("\x1b[31mDentist\x00", "[31mDentist"),
        (" Two\r\nlines\tand\N{NO-BREAK SPACE}more ", "Two lines and more"),
        ("\u202eegap", "egap"),
        ("Zahnärztin 牙医 👩\N{ZERO WIDTH JOINER}👧", "Zahnärztin 牙医 👩\N{ZERO WIDTH JOINER}👧"),
        ("x" * MOST_TITLE, "x" * MOST_TITLE),
        ("x" * 1_000_000, "x" * (MOST_TITLE - 1) + "…"),
        ("\ud800" * 1_000_000, ""),
        ("", ""),
    ],
)
def test_a_title_is_kept_short_and_so_that_it_can_be_written(title: str, kept: str) -> None:
    (plan,) = dated_plans([replace(TUESDAY, title=title)], EVERY, CAR, NOW)
    assert plan.event_title == kept


def test_what_a_title_has_to_contain_may_stand_beyond_what_is_kept_of_it() -> None:
    rule = DepartureRule(EventChoice.WITH_TITLE, "by car")
    assert dated_plans([replace(TUESDAY, title="x" * 500 + " by car")], rule, CAR, NOW)


@given(st.text(st.characters(), max_size=300))
def test_whatever_a_title_is_it_is_one_short_line_of_utf_8(title: str) -> None:
    (plan,) = dated_plans([replace(TUESDAY, title=title)], EVERY, CAR, NOW)
    assert plan.event_title.encode() is not None and len(plan.event_title) <= MOST_TITLE
    assert len(plan.event_title.splitlines()) <= 1


events = st.builds(
    DepartureEvent,
    st.datetimes(datetime(2026, 5, 1), datetime(2026, 7, 1), timezones=st.just(UTC)),
    st.text(max_size=10),
    st.text(max_size=10),
    st.text(alphabet="0123456789.,% kWhmKW<>&\n", max_size=30),
)


@given(st.lists(events, max_size=80), st.sampled_from(EventChoice), st.integers(0, 1440))
def test_whatever_a_calendar_holds_departures_are_to_come_in_order_and_targets_possible(
    listed: list[DepartureEvent], which: EventChoice, lead_min: int
) -> None:
    lead = timedelta(minutes=lead_min)
    found = dated_plans(listed, DepartureRule(which, "a", lead), CAR, NOW)
    leaves = [plan.leaves for plan in found]
    assert leaves == sorted(set(leaves)) and all(one > NOW for one in leaves) and len(found) <= MOST_PLANS
    assert {one + lead for one in leaves} <= {one.start for one in listed}
    assert all(plan.soc_percent is None or 0 < plan.soc_percent <= 100 for plan in found)
    assert all(plan.energy_wh is None or 0 < plan.energy_wh <= 200_000 for plan in found)


DENTIST = DatedPlan(TUESDAY.start, soc_percent=90.0, event_title="Dentist", told=True)
OFFICE = DatedPlan(THURSDAY.start, event_title="Office")
FOLLOWING = EvseSettings(ChargeMode.CHEAPEST, target_soc_percent=80.0, dated=(DENTIST, OFFICE))
EARLY = RepeatingPlan(tuple(Weekday), time(7, 30), energy_wh=12_000.0)


def wanted(settings: EvseSettings, now: datetime = NOW) -> tuple[datetime | None, float | None, float | None]:
    found = in_force(settings, BERLIN, now)
    assert found.dated == () and found.repeating == ()
    return found.departure, found.target_energy_wh, found.target_soc_percent


def origin(settings: EvseSettings, now: datetime = NOW) -> tuple[PlanSource | None, PlanSource | None, str | None]:
    found = plan_origin(settings, BERLIN, now)
    return found.departure, found.target, None if found.event is None else found.event.event_title


def test_the_next_event_gives_departure_and_target_and_then_the_one_after_it() -> None:
    assert wanted(FOLLOWING) == (DENTIST.leaves, None, 90.0)
    assert origin(FOLLOWING) == (PlanSource.CALENDAR, PlanSource.CALENDAR, "Dentist")
    assert wanted(FOLLOWING, DENTIST.leaves) == (OFFICE.leaves, None, 80.0)
    assert origin(FOLLOWING, DENTIST.leaves) == (PlanSource.CALENDAR, PlanSource.SET, "Office")
    assert wanted(FOLLOWING, OFFICE.leaves) == (None, None, 80.0)
    assert origin(FOLLOWING, OFFICE.leaves) == (None, PlanSource.SET, None)


def test_what_a_user_set_goes_before_the_calendar_until_it_has_gone_by() -> None:
    once = replace(FOLLOWING, departure=NOW + timedelta(hours=30), target_energy_wh=5_000.0)
    assert wanted(once) == (once.departure, 5_000.0, 80.0)
    assert origin(once) == (PlanSource.SET, PlanSource.SET, None)
    assert wanted(once, NOW + timedelta(hours=30)) == (OFFICE.leaves, None, 80.0)
    aimed = replace(FOLLOWING, target_energy_wh=5_000.0)
    assert wanted(aimed) == (DENTIST.leaves, 5_000.0, 80.0)
    assert origin(aimed) == (PlanSource.CALENDAR, PlanSource.SET, "Dentist")


def test_of_event_and_repeating_plan_the_one_that_leaves_first_counts_and_at_one_time_the_event() -> None:
    both = replace(FOLLOWING, repeating=(EARLY,))
    assert wanted(both) == (at("2026-06-02T07:30+02:00"), 12_000.0, 80.0)
    assert origin(both) == (PlanSource.REPEATING, PlanSource.REPEATING, None)
    assert wanted(both, at("2026-06-02T07:30+02:00")) == (DENTIST.leaves, None, 90.0)
    same = replace(both, repeating=(replace(EARLY, leaves=time(9)),))
    assert wanted(same) == (DENTIST.leaves, None, 90.0)


@pytest.mark.parametrize("mode", [ChargeMode.OFF, ChargeMode.SOLAR, ChargeMode.FAST])
def test_modes_that_follow_no_plan_follow_no_calendar(mode: ChargeMode) -> None:
    settings = replace(FOLLOWING, mode=mode)
    assert wanted(settings) == (None, None, 80.0)
    assert origin(settings) == (None, PlanSource.SET, None)
    assert departures(settings, BERLIN, NOW, OFFICE.leaves) == ()


def test_departures_to_come_hold_events_and_what_repeats() -> None:
    both = replace(FOLLOWING, repeating=(EARLY,))
    until = at("2026-06-04T07:15+02:00")
    days = [at(f"2026-06-0{day}T07:30+02:00") for day in (2, 3)]
    assert departures(both, BERLIN, NOW, until) == (days[0], DENTIST.leaves, days[1], OFFICE.leaves)

"""Plans that repeat: which comes next by the clock of the site, and what holds while it does."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import EvseSettings, RepeatingPlan, Weekday
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.engine.repeating_plans import departures, in_force, next_departure, next_plan

BERLIN = "Europe/Berlin"
WORKDAYS = tuple(Weekday)[:5]
EVERY_DAY = tuple(Weekday)
NOW = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # a Monday, 18:00 in Berlin
WORK = RepeatingPlan(WORKDAYS, time(7, 30), energy_wh=12_000.0)
TRIP = RepeatingPlan((Weekday.SAT,), time(9), soc_percent=100.0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("days", "leaves", "now", "departure"),
    [
        (WORKDAYS, time(7, 30), "2026-06-01T18:00+02:00", "2026-06-02T07:30+02:00"),
        (WORKDAYS, time(18, 30), "2026-06-01T18:00+02:00", "2026-06-01T18:30+02:00"),
        (WORKDAYS, time(18), "2026-06-01T18:00+02:00", "2026-06-02T18:00+02:00"),  # this one has just gone by
        ((Weekday.MON,), time(18), "2026-06-01T18:00+02:00", "2026-06-08T18:00+02:00"),
        (WORKDAYS, time(7, 30), "2026-06-05T08:00+02:00", "2026-06-08T07:30+02:00"),  # over the weekend
        ((Weekday.TUE,), time(0, 30), "2026-06-01T23:50+02:00", "2026-06-02T00:30+02:00"),  # Monday in Greenwich
        (EVERY_DAY, time(7, 30), "2026-10-24T18:00+02:00", "2026-10-25T07:30+01:00"),  # a night of an hour more
        (EVERY_DAY, time(2, 30), "2026-10-24T18:00+02:00", "2026-10-25T02:30+02:00"),  # the first of two
        (EVERY_DAY, time(2, 30), "2026-10-25T02:40+02:00", "2026-10-26T02:30+01:00"),  # and not the second
        (EVERY_DAY, time(2, 30), "2027-03-27T18:00+01:00", "2027-03-28T03:30+02:00"),  # a time that is skipped
    ],
)
def test_a_plan_comes_next_by_the_clock_of_the_site(
    days: tuple[Weekday, ...], leaves: time, now: str, departure: str
) -> None:
    assert next_departure(RepeatingPlan(days, leaves), BERLIN, at(now)) == at(departure)


zones = st.sampled_from([BERLIN, "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])
plans = st.builds(
    RepeatingPlan,
    st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(lambda days: tuple(sorted(days, key=EVERY_DAY.index))),
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


@given(plans, zones, moments)
def test_the_next_departure_is_the_first_that_any_calendar_shows(plan: RepeatingPlan, zone: str, now: datetime) -> None:
    found = next_departure(plan, zone, now)
    local = ZoneInfo(zone)
    days = [now.astimezone(local).date() + timedelta(days=days) for days in range(-1, 9)]
    all_times = [datetime.combine(day, plan.leaves, local).astimezone(UTC) for day in days]
    wanted = [EVERY_DAY[day.weekday()] in plan.weekdays for day in days]
    assert found == min(one for one, use in zip(all_times, wanted, strict=True) if use and one > now)
    shown = found.astimezone(local).replace(tzinfo=None)
    assert shown.time() == plan.leaves or not _exists(shown.date(), plan.leaves, local)


def _exists(day: datetime | object, leaves: time, zone: ZoneInfo) -> bool:
    """Return whether a local clock shows this time on this day."""
    local = datetime.combine(day, leaves, zone)  # type: ignore[arg-type]  # a date
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


def test_of_several_plans_the_one_that_leaves_first_comes_next() -> None:
    assert next_plan([TRIP, WORK], BERLIN, NOW) == (at("2026-06-02T07:30+02:00"), WORK)
    assert next_plan([WORK, TRIP], BERLIN, at("2026-06-05T12:00+02:00")) == (at("2026-06-06T09:00+02:00"), TRIP)
    assert next_plan([], BERLIN, NOW) is None


REPEATING = EvseSettings(ChargeMode.CHEAPEST, target_soc_percent=80.0, repeating=(WORK, TRIP))
TUESDAY, FRIDAY = at("2026-06-02T07:30+02:00"), at("2026-06-05T12:00+02:00")


def wanted(settings: EvseSettings, now: datetime = NOW) -> tuple[datetime | None, float | None, float | None]:
    found = in_force(settings, BERLIN, now)
    return found.departure, found.target_energy_wh, found.target_soc_percent


def test_the_next_plan_gives_departure_and_target_and_the_target_that_always_holds_stands_in() -> None:
    assert wanted(REPEATING) == (TUESDAY, 12_000.0, 80.0)
    assert wanted(REPEATING, FRIDAY) == (at("2026-06-06T09:00+02:00"), None, 100.0)
    open_ = replace(REPEATING, repeating=(RepeatingPlan(WORKDAYS, time(7, 30)),))
    assert wanted(open_) == (TUESDAY, None, 80.0)


def test_a_departure_set_once_goes_first_until_it_has_gone_by() -> None:
    once = replace(REPEATING, departure=NOW + timedelta(hours=2))
    assert wanted(once) == (NOW + timedelta(hours=2), 12_000.0, 80.0)
    assert wanted(once, NOW + timedelta(hours=2)) == (TUESDAY, 12_000.0, 80.0)
    full = replace(once, target_energy_wh=5_000.0)
    assert wanted(full) == (NOW + timedelta(hours=2), 5_000.0, 80.0)
    assert wanted(full, NOW + timedelta(hours=2)) == (TUESDAY, 12_000.0, 80.0)


def test_a_target_energy_of_this_stay_goes_before_the_plans_targets() -> None:
    assert wanted(replace(REPEATING, target_energy_wh=5_000.0), FRIDAY) == (at("2026-06-06T09:00+02:00"), 5_000.0, 80.0)


@pytest.mark.parametrize("mode", [ChargeMode.OFF, ChargeMode.SOLAR, ChargeMode.SOLAR_MIN, ChargeMode.FAST])
def test_other_modes_follow_no_plan(mode: ChargeMode) -> None:
    assert wanted(replace(REPEATING, mode=mode)) == (None, None, 80.0)


def test_departures_to_come_are_those_set_once_and_then_all_that_repeat() -> None:
    once = NOW + timedelta(hours=20)
    days = departures(replace(REPEATING, departure=once), BERLIN, NOW, NOW + timedelta(days=5))
    assert days == (once, *(at(f"2026-06-0{day}T07:30+02:00") for day in (3, 4, 5)), at("2026-06-06T09:00+02:00"))
    assert departures(replace(REPEATING, departure=NOW), BERLIN, NOW, TUESDAY) == (TUESDAY,)
    assert departures(replace(REPEATING, mode=ChargeMode.FAST, departure=once), BERLIN, NOW, FRIDAY) == (once,)
    assert departures(EvseSettings(), BERLIN, NOW, FRIDAY) == ()

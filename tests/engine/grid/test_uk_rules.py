"""Charging hours and random delays of the UK's regulations."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid import uk_rules
from custom_components.smart_charging.engine.grid.uk_rules import UkMemory, UkReason, UkRules, UkVerdict
from custom_components.smart_charging.engine.model import EvseKey

from .builders import KEY, OTHER

RULES = UkRules()
AT_ONCE = UkRules(most_delay_s=0)
MEMORY = UkMemory(seed=42)


def at(day: int, hour: int, minute: int = 0, month: int = 6) -> datetime:
    """Return a time of 2026 by UTC; the first of June is a Monday, and London is an hour ahead."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "may_charge", "until"),
    [
        (at(1, 6, 59), True, at(1, 7)),
        (at(1, 7), False, at(1, 10)),
        (at(1, 9, 59), False, at(1, 10)),
        (at(1, 10), True, at(1, 15)),
        (at(1, 15), False, at(1, 21)),
        (at(1, 21), True, at(2, 7)),
        (at(5, 21), True, at(8, 7)),  # Friday evening to Monday
        (at(6, 12), True, at(8, 7)),
        (at(7, 18), True, at(8, 7)),
        (at(5, 8, month=1), False, at(5, 11, month=1)),  # in winter London has UTC
    ],
)
def test_weekdays_have_two_peaks_by_the_clock_of_london(now: datetime, may_charge: bool, until: datetime) -> None:
    reason = UkReason.OFF_PEAK if may_charge else UkReason.PEAK
    assert uk_rules.verdict(AT_ONCE, MEMORY, KEY, now) == UkVerdict(may_charge, reason, until)


def test_begin_and_end_are_put_off_by_the_delay_of_that_moment() -> None:
    begins, ends = at(1, 7), at(1, 10)
    first = begins + timedelta(seconds=uk_rules.delay_s(RULES, 42, KEY, begins))
    last = ends + timedelta(seconds=uk_rules.delay_s(RULES, 42, KEY, ends))
    second = timedelta(seconds=1)
    assert begins < first < begins + timedelta(seconds=600)
    assert ends < last < ends + timedelta(seconds=600)
    told = [
        uk_rules.verdict(RULES, MEMORY, KEY, now) for now in (begins, first - second, first, ends, last - second, last)
    ]
    assert [one.may_charge for one in told] == [True, True, False, False, False, True]
    assert [one.reason for one in told] == [
        UkReason.DELAYED_STOP,
        UkReason.DELAYED_STOP,
        UkReason.PEAK,
        UkReason.DELAYED_START,
        UkReason.DELAYED_START,
        UkReason.OFF_PEAK,
    ]
    assert told[0].until == first
    assert told[3].until == last


@given(seed=st.integers(), minutes=st.integers(0, 100_000), most=st.integers(0, 1_800))
def test_a_delay_is_a_whole_number_of_seconds_and_stays_the_same(seed: int, minutes: int, most: int) -> None:
    rules, edge = UkRules(most_delay_s=most), at(1, 0) + timedelta(minutes=minutes)
    drawn = uk_rules.delay_s(rules, seed, KEY, edge)
    assert 0 <= drawn <= most
    assert drawn == uk_rules.delay_s(rules, seed, KEY, edge.astimezone())


def test_delays_spread_over_chargers_and_moments() -> None:
    edges = [at(1, 7) + timedelta(days=day) for day in range(200)]
    drawn = [uk_rules.delay_s(RULES, 42, KEY, edge) for edge in edges]
    assert min(drawn) < 30
    assert max(drawn) > 570
    assert 250 < sum(drawn) / len(drawn) < 350
    assert drawn != [uk_rules.delay_s(RULES, 42, OTHER, edge) for edge in edges]
    assert drawn != [uk_rules.delay_s(RULES, 43, KEY, edge) for edge in edges]


def test_a_user_overrides_for_a_time_and_for_one_charger() -> None:
    peak, until = at(1, 8), at(1, 9)
    overridden = uk_rules.override(MEMORY, KEY, until)
    assert uk_rules.verdict(RULES, overridden, KEY, peak) == UkVerdict(True, UkReason.OVERRIDDEN, until)
    assert not uk_rules.verdict(RULES, overridden, OTHER, peak).may_charge
    assert not uk_rules.verdict(RULES, overridden, KEY, until).may_charge
    assert uk_rules.forget_past(overridden, peak) is overridden
    assert uk_rules.forget_past(overridden, until) == MEMORY


def test_who_chose_hours_has_none_by_default_until_they_are_wanted_again() -> None:
    chosen = uk_rules.choose_hours(MEMORY, KEY, own=True)
    assert uk_rules.verdict(RULES, chosen, KEY, at(1, 8)) == UkVerdict(True, UkReason.OWN_HOURS, None)
    assert uk_rules.choose_hours(chosen, KEY, own=False) == MEMORY


def test_all_evses_of_a_charger_keep_the_same_hours_and_are_overridden_together() -> None:
    second, peak, until = EvseKey(KEY.station_id, 2), at(1, 8), at(1, 9)
    moments = [at(1, 7) + timedelta(seconds=30 * index) for index in range(700)]
    assert [uk_rules.verdict(RULES, MEMORY, second, now) for now in moments] == [
        uk_rules.verdict(RULES, MEMORY, KEY, now) for now in moments
    ]
    for memory in (uk_rules.override(MEMORY, KEY, until), uk_rules.override(MEMORY, second, until)):
        told = [uk_rules.verdict(RULES, memory, one, peak) for one in (KEY, second, OTHER)]
        assert [one.reason for one in told] == [UkReason.OVERRIDDEN, UkReason.OVERRIDDEN, UkReason.PEAK]
    chosen = uk_rules.choose_hours(MEMORY, second, own=True)
    assert [uk_rules.has_own_hours(chosen, one) for one in (KEY, second, OTHER)] == [True, True, False]
    assert uk_rules.choose_hours(chosen, KEY, own=False) == MEMORY


def test_without_peaks_charging_is_always_off_peak() -> None:
    assert uk_rules.verdict(UkRules(peaks=()), MEMORY, KEY, at(1, 8)) == UkVerdict(True, UkReason.OFF_PEAK, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"most_delay_s": -1},
        {"most_delay_s": 1_801},
        {"peaks": ((time(11), time(8)),)},
        {"peaks": ((time(8), time(12)), (time(11), time(14)))},
        {"peaks": ((time(8), time(8)),)},
    ],
)
def test_rules_that_can_t_be_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="peak hours|random delay"):
        UkRules(**fields)  # type: ignore[arg-type]  # fields by name

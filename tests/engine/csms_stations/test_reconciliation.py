"""What is sent next: the ladder of ways to write a limit, and when a limit goes out."""

from dataclasses import replace
from itertools import pairwise
import math

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.profiles import Purpose
from custom_components.smart_charging.engine.csms.reconciliation import (
    Accepted,
    Desired,
    Exhausted,
    Known,
    Pace,
    Rest,
    Send,
    Wait,
    after_acceptance,
    at_rest,
    ladder,
    new_pass,
    next_action,
    refused_purposes,
    without,
)
from custom_components.smart_charging.engine.csms.state import Capabilities, ProfileForm, RateUnit

PACE = Pace.of(LeaseTimes(), writes_flash=False)
EIGHT_LEVELS = Capabilities(max_stack_level=8)
RUNGS = ladder(EIGHT_LEVELS, {}, in_transaction=True, evses=1)
FIRST, SECOND = RUNGS[:2]


def accepted(current_a: float = 10.0, safe_a: float = 6.0, at: float = 0.0) -> Known:
    return Known("7", Accepted(FIRST, current_a, safe_a, "7", at), raised_at=at)


def decide(current_a: float, known: Known, now: float, *, safe_a: float = 6.0, since: float = 0.0) -> object:
    return next_action(Desired(current_a, safe_a, since), known, RUNGS, PACE, now)


def test_ladder_goes_down_by_level_then_kind_then_purpose_then_unit() -> None:
    in_amperes = [rung for rung in RUNGS if rung.unit is RateUnit.A]
    assert [rung.stack_level for rung in RUNGS[:3]] == [8, 7, 0]
    assert [rung.form for rung in RUNGS[:9:3]] == [
        ProfileForm.TWO_PERIODS,
        ProfileForm.RELATIVE_TWO_PERIODS,
        ProfileForm.VALID_TO,
    ]
    assert list(dict.fromkeys(rung.purpose for rung in RUNGS)) == [
        Purpose.TX,
        Purpose.TX_DEFAULT,
        Purpose.CHARGE_POINT_MAX,
    ]
    assert RUNGS[len(in_amperes)].unit is RateUnit.W


def test_a_station_that_counts_in_watts_is_told_watts_first() -> None:
    rungs = ladder(Capabilities(rate_units=frozenset({RateUnit.W})), {}, in_transaction=True, evses=1)
    assert rungs[0].unit is RateUnit.W
    assert rungs[-1].unit is RateUnit.A


def test_outside_of_a_transaction_there_is_no_tx_profile() -> None:
    rungs = ladder(EIGHT_LEVELS, {}, in_transaction=False, evses=1)
    assert rungs[0].purpose is Purpose.TX_DEFAULT
    assert Purpose.TX not in {rung.purpose for rung in rungs}


def test_a_limit_of_the_whole_station_is_never_used_for_one_of_several_evses() -> None:
    rungs = ladder(EIGHT_LEVELS, {}, in_transaction=True, evses=2)
    assert Purpose.CHARGE_POINT_MAX not in {rung.purpose for rung in rungs}


def test_a_station_with_one_level_gets_two_periods_for_its_default() -> None:
    rungs = ladder(Capabilities(max_stack_level=0), {}, in_transaction=False, evses=2)
    assert {rung.stack_level for rung in rungs} == {0}
    assert rungs[0].form is ProfileForm.TWO_PERIODS
    assert ProfileForm.VALID_TO not in {rung.form for rung in rungs}


def test_the_form_of_lease_that_was_seen_to_hold_comes_first_and_one_that_does_not_last() -> None:
    held = {ProfileForm.TWO_PERIODS: False, ProfileForm.VALID_TO: True}
    rungs = ladder(EIGHT_LEVELS, held, in_transaction=True, evses=2)
    assert list(dict.fromkeys(rung.form for rung in rungs)) == [
        ProfileForm.VALID_TO,
        ProfileForm.RELATIVE_TWO_PERIODS,
        ProfileForm.TWO_PERIODS,
    ]


def test_a_station_with_one_period_per_schedule_gets_leases_that_end() -> None:
    rungs = ladder(replace(EIGHT_LEVELS, max_periods=1), {}, in_transaction=True, evses=1)
    assert rungs[0].form is ProfileForm.VALID_TO


def test_a_form_that_never_ends_is_the_last_resort_after_every_purpose_and_unit() -> None:
    rungs = ladder(EIGHT_LEVELS, {ProfileForm.TWO_PERIODS: False}, in_transaction=True, evses=1)
    endless = [rung.form is ProfileForm.TWO_PERIODS for rung in rungs]
    assert endless == sorted(endless)
    assert {rung.unit for rung in rungs[: endless.index(True)]} == set(RateUnit)


def test_a_lease_that_ends_by_a_date_needs_room_below_where_zero_is_safe() -> None:
    by_date = {
        (rung.purpose, rung.stack_level)
        for rung in ladder(Capabilities(), {}, in_transaction=True, evses=1, safe_is_zero=True)
        if rung.form is ProfileForm.VALID_TO
    }
    assert by_date == {(Purpose.TX, 1)}


def test_one_level_and_too_few_periods_can_t_hold_a_limit_of_zero_that_ends() -> None:
    def levels(max_periods: int | None) -> set[int]:
        known = Capabilities(max_stack_level=0, max_periods=max_periods)
        return {rung.stack_level for rung in ladder(known, {}, in_transaction=False, evses=2, safe_is_zero=True)}

    assert levels(None) == levels(3) == {0}
    assert levels(2) == set()


IDLE = Known()
SAFE = Desired(6.0, 6.0, 0.0)


def idle(desired: Desired, known: Known, now: float) -> object:
    return next_action(desired, known, RUNGS, PACE, now)


def test_an_idle_station_that_shall_hold_its_safe_current_is_left_to_its_default() -> None:
    assert idle(SAFE, IDLE, 0.0) == Rest(6.0)
    assert idle(SAFE, at_rest(IDLE, 6.0), 0.0) == Wait(math.inf)
    assert idle(Desired(8.0, 8.0, 0.0), at_rest(IDLE, 6.0), 0.0) == Rest(8.0)


@pytest.mark.parametrize("desired", [Desired(12.0, 6.0, 0.0), Desired(0.0, 6.0, 0.0), Desired(0.0, 0.0, 0.0)])
def test_any_other_limit_of_an_idle_station_needs_a_lease(desired: Desired) -> None:
    assert isinstance(idle(desired, IDLE, 0.0), Send)


def test_a_charging_station_is_never_left_to_its_default() -> None:
    assert isinstance(decide(6.0, Known("7"), 0.0), Send)
    assert isinstance(decide(6.0, accepted(6.0), 120.0), Send)


def test_a_default_that_can_t_rule_alone_is_covered_by_a_lease_that_is_not_renewed() -> None:
    restless = replace(IDLE, restless_until=300.0)
    assert idle(SAFE, restless, 0.0) == Send(FIRST, 6.0, 6.0)
    covered = after_acceptance(restless, Send(FIRST, 6.0, 6.0), 0.0)
    assert idle(SAFE, covered, 200.0) == Wait(math.inf)
    assert idle(SAFE, covered, 300.0) == Rest(6.0)


def test_a_raise_from_the_safe_default_is_paced_and_a_transaction_ends_the_rest() -> None:
    raised = after_acceptance(at_rest(IDLE, 6.0), Send(FIRST, 12.0, 6.0), 0.0)
    assert (raised.raised_at, raised.rests_at) == (0.0, None)
    rests = replace(at_rest(raised, 6.0), refused=frozenset())
    assert idle(Desired(12.0, 6.0, 4.0), rests, 4.0) == Wait(6.0)
    assert idle(Desired(0.0, 6.0, 4.0), rests, 4.0) == Send(FIRST, 0.0, 6.0)
    assert new_pass(rests, "7").rests_at is None


def test_a_purpose_refused_in_all_its_ways_is_told_from_one_of_which_some_are_open() -> None:
    in_amperes = [rung for rung in RUNGS if rung.unit is RateUnit.A]
    tx = {rung for rung in in_amperes if rung.purpose is Purpose.TX}
    taken = next(rung for rung in in_amperes if rung.purpose is Purpose.TX_DEFAULT)
    assert refused_purposes(tx, taken, RUNGS) == {Purpose.TX.value}
    assert refused_purposes(tx - {FIRST}, taken, RUNGS) == frozenset()


def test_the_first_wish_is_sent_at_once() -> None:
    assert decide(10.0, Known("7"), 0.0) == Send(FIRST, 10.0, 6.0)


def test_a_reduction_is_sent_at_once_however_small() -> None:
    assert decide(9.9, accepted(), 0.1) == Send(FIRST, 9.9, 6.0)


def test_a_lower_safe_current_is_sent_at_once_but_raises_nothing() -> None:
    assert decide(12.0, accepted(), 0.1, safe_a=0.0) == Send(FIRST, 10.0, 0.0)


def test_a_raise_waits_for_ten_seconds_after_the_last_one() -> None:
    assert decide(12.0, accepted(), 4.0) == Wait(6.0)
    assert decide(12.0, accepted(), 10.0) == Send(FIRST, 12.0, 6.0)


def test_a_raise_below_one_ampere_is_sent_only_once_it_is_final() -> None:
    assert decide(10.5, accepted(), 20.0, since=15.0) == Wait(5.0)
    assert decide(10.5, accepted(), 25.0, since=15.0) == Send(FIRST, 10.5, 6.0)


def test_a_station_that_writes_flash_is_raised_once_a_minute_and_renewed_rarely() -> None:
    pace = Pace.of(LeaseTimes(), writes_flash=True)
    assert (pace.hold_s, pace.renew_s) == (1800, 720)
    action = next_action(Desired(12.0, 6.0, 0.0), accepted(), RUNGS, pace, 59.0)
    assert action == Wait(1.0)


def test_a_lease_is_renewed_with_the_limit_it_has() -> None:
    known = replace(accepted(), raised_at=115.0)
    assert decide(12.0, known, 119.0) == Wait(1.0)
    assert decide(12.0, known, 120.0) == Send(FIRST, 10.0, 6.0)
    assert decide(10.0, known, 121.0) == Send(FIRST, 10.0, 6.0)


def test_a_new_transaction_asserts_the_limit_at_once() -> None:
    assert decide(10.0, replace(accepted(), transaction_id="8"), 1.0) == Send(FIRST, 10.0, 6.0)


def test_what_worked_before_is_tried_first_and_left_when_it_stops_working() -> None:
    known = Known("7", preferred={True: SECOND})
    assert decide(10.0, known, 0.0) == Send(SECOND, 10.0, 6.0)
    assert decide(10.0, without(known, SECOND), 0.0) == Send(FIRST, 10.0, 6.0)


def test_a_rung_that_is_taken_out_is_followed_by_the_next_at_once() -> None:
    assert decide(10.0, without(accepted(), FIRST), 1.0) == Send(SECOND, 10.0, 6.0)


def test_when_every_rung_was_refused_nothing_is_left() -> None:
    assert isinstance(decide(10.0, Known("7", refused=frozenset(RUNGS)), 0.0), Exhausted)


def test_an_unanswered_call_is_not_repeated_at_once() -> None:
    assert decide(10.0, Known("7", blocked_until=12.0), 2.0) == Wait(10.0)


def test_a_new_pass_opens_every_rung_and_keeps_what_worked() -> None:
    known = replace(without(accepted(), FIRST), preferred={True: SECOND}, blocked_until=99.0)
    assert new_pass(known, "8") == Known("8", raised_at=0.0, preferred={True: SECOND})


def test_acceptance_remembers_the_rung_unless_better_ones_came_too_early() -> None:
    known, send = Known("7", refused=frozenset({FIRST})), Send(SECOND, 10.0, 6.0)
    assert after_acceptance(known, send, 5.0).preferred == {True: SECOND}
    assert after_acceptance(known, send, 5.0, remember=False).preferred == {}
    assert after_acceptance(known, send, 5.0).refused == frozenset()


@pytest.mark.parametrize(("current_a", "raised_at"), [(12.0, 30.0), (8.0, 0.0), (10.0, 0.0)])
def test_only_a_raise_delays_the_next_raise(current_a: float, raised_at: float) -> None:
    assert after_acceptance(accepted(), Send(FIRST, current_a, 6.0), 30.0).raised_at == raised_at


@given(
    wishes=st.lists(
        st.tuples(st.floats(0.1, 30), st.sampled_from([0.0, 6.0, 7.5, 10.0, 16.0])), min_size=1, max_size=60
    )
)
def test_a_station_is_never_above_the_wish_and_gets_there_in_the_end(wishes: list[tuple[float, float]]) -> None:
    now, known, desired = 0.0, Known("7"), Desired(6.0, 6.0, 0.0)
    raises: list[float] = []

    def settle() -> None:
        nonlocal known
        while isinstance(action := next_action(desired, known, RUNGS, PACE, now), Send):
            before = known
            known = after_acceptance(known, action, now)
            if known.raised_at != before.raised_at:
                raises.append(now)
        assert isinstance(action, Wait)
        assert action.seconds > 0
        assert known.accepted is not None
        assert known.accepted.current_a <= desired.current_a
        assert now - known.accepted.at < PACE.renew_s

    settle()
    for seconds, current_a in wishes:
        now += seconds
        if current_a != desired.current_a:
            desired = Desired(current_a, 6.0, now)
        settle()
    assert all(later - earlier >= PACE.raise_s for earlier, later in pairwise(raises))
    now += 2 * PACE.raise_s
    settle()
    assert known.accepted is not None
    assert known.accepted.current_a == desired.current_a

"""A site is told what is in force and what comes next, however much a server states."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.grid import openadr_agenda
from custom_components.smart_charging.engine.grid.openadr_agenda import MOST_TOLD, agenda, ahead, strictest
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit

from .builders import KEY, NOW, after, signal

QUARTER_S = 900.0


def quarters(value: float, number: int, first_s: float = 0.0) -> list[GridSignal]:
    """Return limits that follow each other."""
    times = [first_s + place * QUARTER_S for place in range(number)]
    return [signal(value, valid_from=after(at), valid_until=after(at + QUARTER_S), raw=str(at)) for at in times]


def demanded(signals: Sequence[GridSignal], at: datetime) -> dict[object, float]:
    """Return what is asked at a moment of each subject, as limits are merged."""
    found: dict[object, float] = {}
    for one in (one for one in signals if one.live(at)):
        subject, value = (one.kind, one.evse, one.unit), one.value or 0.0
        strict = max if one.kind is SignalKind.PRICE_LEVEL else min
        found[subject] = strict(found.get(subject, value), value)
    return found


def test_few_signals_are_told_as_they_are_by_their_begin() -> None:
    late, early, always = signal(1.0, valid_from=after(9.0)), signal(2.0, valid_from=after(3.0)), signal(3.0)
    assert agenda([late, early, always]) == (always, early, late)
    told = ahead(agenda([late, early, always]), NOW)
    assert (told.signals, told.until, told.tell_anew_at(NOW)) == ((always, early, late), None, None)


def test_what_is_over_is_not_told() -> None:
    planned = agenda([signal(1.0, valid_until=after(10.0)), signal(2.0, valid_until=after(20.0))])
    assert [one.value for one in ahead(planned, after(10.0)).signals] == [2.0]


def test_twenty_lists_of_quarter_hours_come_to_the_strictest_of_the_next_three_days() -> None:
    months = [one for kw in range(20) for one in quarters(4_000.0 + kw, 600)]
    planned = agenda(months)
    assert planned == tuple(quarters(4_000.0, 600))
    told = ahead(planned, after(QUARTER_S))
    assert told.signals == planned[1 : MOST_TOLD + 1]
    assert told.until == after((MOST_TOLD + 1) * QUARTER_S)


def test_the_next_ones_are_told_long_before_these_are_over() -> None:
    planned = agenda(quarters(4_000.0, 1_000))
    now = NOW
    for _ in range(20):
        told = ahead(planned, now)
        anew = told.tell_anew_at(now)
        if anew is None:
            break
        assert told.until is not None
        assert now < anew < told.until
        now = anew
    assert told.signals[-1] == planned[-1]


def test_what_is_in_force_is_told_however_much_it_is() -> None:
    of_evses = [signal(1.0, scope=SignalScope.DEVICE, evse=replace(KEY, evse_id=one)) for one in range(MOST_TOLD + 5)]
    told = ahead(agenda([*of_evses, *quarters(4_000.0, 9, first_s=60.0)]), NOW)
    assert told.signals == tuple(of_evses)
    assert told.until == after(60.0)


def test_of_a_fail_safe_the_strictest_of_each_subject_counts_whenever_it_would_hold() -> None:
    amperes = signal(6.0, unit=SignalUnit.AMPERE)
    out = signal(100.0, kind=SignalKind.EXPORT_LIMIT, scope=SignalScope.SITE)
    later = signal(3_000.0, valid_from=after(900.0))
    assert strictest([*quarters(5_000.0, 900), amperes, out, later]) == (later, amperes, out)


moments = st.integers(0, 40).map(lambda minutes: NOW + timedelta(minutes=minutes))
kinds = st.sampled_from(
    [
        {"unit": SignalUnit.WATT},
        {"unit": SignalUnit.AMPERE},
        {"kind": SignalKind.PRICE_LEVEL, "unit": SignalUnit.LEVEL},
        {"scope": SignalScope.DEVICE, "evse": KEY},
    ]
)


@st.composite
def some_signal(draw: st.DrawFn) -> GridSignal:
    begin, end = draw(st.none() | moments), draw(st.none() | moments)
    if begin is not None and end is not None and end <= begin:
        end = begin + timedelta(minutes=3)
    value = float(draw(st.integers(0, 5)))
    return signal(value, valid_from=begin, valid_until=end, **draw(kinds))


@given(st.lists(some_signal(), min_size=4, max_size=25))
@settings(max_examples=60, deadline=None)
def test_at_each_moment_the_same_is_demanded_however_much_is_left_out(stated: list[GridSignal]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openadr_agenda, "MOST_TOLD", 3)
        planned = agenda(stated)
        for minute in range(-1, 45, 3):
            at = NOW + timedelta(minutes=minute)
            assert demanded(planned, at) == demanded(stated, at)
            told = ahead(planned, at)
            assert demanded(told.signals, at) == demanded(stated, at)
            assert len(told.signals) <= max(3, len(demanded(stated, at)))
            if told.until is not None:
                last = told.until - timedelta(seconds=1)
                assert demanded(told.signals, last) == demanded(stated, last)

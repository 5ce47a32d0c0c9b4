"""When a meter is believed, and which way its currents flow."""

from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.meter import (
    currents_from_power,
    is_plausible,
    judge_quality,
    signed_currents,
)
from custom_components.smart_charging.engine.model import MeterQuality, Phases

from .builders import NOW, SITE

VOLTS = Phases.each(230.0)


@pytest.mark.parametrize(
    ("age_s", "available", "quality"),
    [
        (0, True, MeterQuality.FRESH),
        (20, True, MeterQuality.FRESH),
        (21, True, MeterQuality.STALE),
        (60, True, MeterQuality.STALE),
        (61, True, MeterQuality.LOST),
        (1, False, MeterQuality.STALE),
        (61, False, MeterQuality.LOST),
    ],
)
def test_a_meters_quality_follows_its_age(age_s: float, available: bool, quality: MeterQuality) -> None:
    assert judge_quality(SITE, NOW - timedelta(seconds=age_s), available=available, now=NOW) is quality


def test_a_meter_that_never_spoke_is_lost() -> None:
    assert judge_quality(SITE, None, available=True, now=NOW) is MeterQuality.LOST


@pytest.mark.parametrize("power_w", [float("nan"), float("inf"), 1e6, -1e6])
def test_nonsense_power_is_refused(power_w: float) -> None:
    assert not is_plausible(SITE, power_w, None)


@pytest.mark.parametrize("current", [Phases(130.0), Phases(0, float("nan"))])
def test_nonsense_current_is_refused(current: Phases) -> None:
    assert not is_plausible(SITE, 100.0, current)


def test_a_real_reading_is_believed() -> None:
    assert is_plausible(SITE, -11_000.0, Phases.each(-16.0))


@given(st.tuples(*[st.floats(-40, 40)] * 3))
def test_magnitudes_get_the_directions_that_explain_the_power(flows: tuple[float, float, float]) -> None:
    power_w = sum(flows) * 230
    signed = signed_currents(Phases(*(abs(flow) for flow in flows)), power_w, VOLTS)
    assert signed.total * 230 == pytest.approx(power_w, abs=0.2)


def test_an_ambiguous_direction_is_taken_as_the_larger_import() -> None:
    assert signed_currents(Phases(10.0, 10.0, 0.0), 0.0, VOLTS).l1 + 10.0 in (0.0, 20.0)
    assert max(signed_currents(Phases(10.0, 10.0, 0.0), 0.0, VOLTS)) == 10.0


def test_signed_meters_and_meters_without_power_are_left_alone() -> None:
    assert signed_currents(Phases(-3.0, 2.0, 1.0), 500.0, VOLTS) == Phases(-3.0, 2.0, 1.0)
    assert signed_currents(Phases(3.0, 2.0, 1.0), None, VOLTS) == Phases(3.0, 2.0, 1.0)


def test_a_total_power_is_spread_over_the_connections_phases() -> None:
    assert currents_from_power(3, 6900.0, VOLTS) == Phases.each(10.0)
    assert currents_from_power(1, 2300.0, VOLTS) == Phases(10.0)


def test_a_reading_of_before_the_clock_was_set_back_is_not_trusted() -> None:
    later = NOW + timedelta(hours=1)
    assert judge_quality(SITE, later, available=True, now=NOW) is MeterQuality.LOST

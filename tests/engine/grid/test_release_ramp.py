"""Power comes back slowly after a limit."""

from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.release_ramp import ReleaseRamp, held_back, release

from .builders import NOW, after

RAMP = ReleaseRamp(4_200.0, 24_200.0, NOW, 300.0, "relay")


@pytest.mark.parametrize(
    ("seconds", "value"), [(-60.0, 4_200.0), (0.0, 4_200.0), (75.0, 9_200.0), (150.0, 14_200.0), (300.0, None)]
)
def test_the_line_climbs_from_the_limit_to_full_power(seconds: float, value: float | None) -> None:
    assert RAMP.value(after(seconds)) == value


def test_where_there_is_nothing_to_climb_there_is_no_ramp() -> None:
    def made(before: float, target: float | None, length_s: float = 300.0) -> ReleaseRamp | None:
        return release(before, target, 10_000.0, now=NOW, length_s=length_s, source_id="relay")

    assert made(4_200.0, None) == ReleaseRamp(4_200.0, 10_000.0, NOW, 300.0, "relay")
    assert made(4_200.0, 8_000.0) is not None
    assert made(4_200.0, 4_200.0) is None
    assert made(4_200.0, 3_000.0) is None
    assert made(12_000.0, None) is None
    assert made(4_200.0, None, 0.0) is None


@given(target=st.none() | st.floats(0.0, 30_000.0), seconds=st.floats(0.0, 400.0))
def test_a_limit_falls_at_once_and_rises_along_the_line_only(target: float | None, seconds: float) -> None:
    now = NOW + timedelta(seconds=seconds)
    value, line = held_back(target, RAMP, now), RAMP.value(now)
    assert held_back(target, None, now) == target
    if line is None:
        assert value == target
    else:
        assert value == (line if target is None else min(line, target))

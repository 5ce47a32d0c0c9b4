"""When chargers are asked to measure after a signal."""

from datetime import datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.fresh_readings import ASKED_FOR_S, MOMENTS_S, due_readings
from custom_components.smart_charging.engine.model import EvseKey

from .builders import NOW, after

ONE, OTHER = EvseKey("CP1", 1), EvseKey("CP2", 1)


@pytest.mark.parametrize("after_s", MOMENTS_S)
def test_a_charger_is_asked_once_at_each_moment(after_s: float) -> None:
    moment = after(after_s)
    known: dict[EvseKey, datetime | None] = {ONE: after(after_s - 1), OTHER: moment}
    assert due_readings([NOW], known, {}, moment) == (ONE,)
    assert due_readings([NOW], known, {ONE: moment}, moment + timedelta(seconds=1)) == ()
    assert due_readings([NOW], {ONE: None}, {}, moment) == (ONE,)


@pytest.mark.parametrize("after_s", [0.0, 7.9, 18.5, 40.0, 64.0, 290.0, 303.5])
def test_between_the_moments_nobody_is_asked(after_s: float) -> None:
    assert due_readings([NOW], {ONE: None}, {}, after(after_s)) == ()


@given(signals=st.lists(st.floats(0, 400), max_size=4), steps=st.lists(st.floats(0.5, 3), min_size=1, max_size=300))
def test_however_signals_follow_each_other_a_charger_is_asked_seldom(signals: list[float], steps: list[float]) -> None:
    began, asked, count, now = [after(one) for one in signals], dict[EvseKey, datetime](), 0, NOW
    for step_s in steps:
        now += timedelta(seconds=step_s)
        for key in due_readings([at for at in began if at <= now], {ONE: None}, asked, now):
            assert any(
                0 <= (now - at).total_seconds() - after_s <= ASKED_FOR_S for at in began for after_s in MOMENTS_S
            )
            asked[key], count = now, count + 1
    assert count <= len(began) * len(MOMENTS_S)

"""What the closed loops are judged by counts what happened."""

import pytest

from custom_components.smart_charging.engine.model import EvseKey, Reason, ReasonCode, Setpoint

from .measures import Measures

KEY = EvseKey("CP1", 1)


def take(measures: Measures, amps: float, fuse_a: float = 20.0, setpoint_a: float = 0.0, seconds: float = 1.0) -> None:
    setpoints = {KEY: Setpoint(setpoint_a, Reason(ReasonCode.FAST))}
    measures.take({"": ((amps, 0.0, 0.0), fuse_a)}, setpoints, seconds)


def test_the_time_and_energy_above_a_fuse_are_counted() -> None:
    measures = Measures()
    for amps in (20.0, 22.0, 22.0, 19.0, 21.0):
        take(measures, amps)
    assert measures.seconds_over_any == 3
    assert measures.longest_over_s == 2
    assert measures.kws_over == pytest.approx((2 + 2 + 1) * 0.23)


def test_two_fuses_at_once_are_one_while_of_overload() -> None:
    measures = Measures()
    measures.take({"": ((30.0, 0.0, 0.0), 25.0), "garage": ((20.0, 0.0, 0.0), 16.0)}, {}, 1.0)
    assert measures.seconds_over_any == 1
    assert measures.kws_over == pytest.approx(9 * 0.23)


def test_a_setpoint_that_goes_up_and_down_is_restless_and_one_that_climbs_is_not() -> None:
    climbing, restless = Measures(), Measures()
    for amps in (0.0, 6.0, 8.0, 8.0, 10.0):
        take(climbing, 0.0, setpoint_a=amps)
    for amps in (6.0, 8.0, 7.0, 8.0, 0.0):
        take(restless, 0.0, setpoint_a=amps)
    assert (climbing.movements[KEY].turns, climbing.movements[KEY].on_off) == (0, 1)
    assert (restless.movements[KEY].turns, restless.movements[KEY].on_off) == (3, 1)
    assert restless.turns_per_minute(KEY) == pytest.approx(36.0)

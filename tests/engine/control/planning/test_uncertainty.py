"""Values that weigh several outlooks on the sun."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.engine.control.planning import greedy
from custom_components.smart_charging.engine.control.planning.problem import PlannedBattery, Target
from custom_components.smart_charging.engine.control.planning.uncertainty import outlooks, weighed

from .builders import car, problem

BATTERY = PlannedBattery("battery", 10_000.0, 2_000.0, 5_000.0, 5_000.0, worth=0.1)


def test_a_darker_and_a_brighter_sun_are_looked_at_as_well() -> None:
    posed = problem(0.3, 0.3, pv_w=(1_000.0, 2_000.0))
    assert [one.pv_w for one in outlooks(posed, (0.5, 1.5))] == [(1_000, 2_000), (500, 1_000), (1_500, 3_000)]
    assert outlooks(problem(0.3, 0.3)) == (problem(0.3, 0.3),)


def test_a_car_that_may_miss_the_sun_values_energy_between_certainty_and_none() -> None:
    posed = problem(0.25, 0.3, pv_w=(0.0, 8_000.0), cars=(car(2, Target(2_000, 2)),), batteries=(BATTERY,))
    posed = replace(posed, batteries=(replace(BATTERY, stored_wh=0.0, max_charge_w=0.0),))
    plans = [greedy.plan(one) for one in outlooks(posed, (0.0, 1.5))]
    both = weighed(plans)
    values = [plan.cars["car"].value for plan in plans]
    assert min(values) < both.cars["car"].value < max(values)
    assert both.cars["car"].value == pytest.approx(sum(values) / 3)
    assert both.cars["car"].power_w[0] == pytest.approx(sum(plan.cars["car"].power_w[0] for plan in plans) / 3)
    assert both.cars["car"].power_w[1] == plans[0].cars["car"].power_w[1]
    assert both.batteries["battery"].value == pytest.approx(sum(one.batteries["battery"].value for one in plans) / 3)

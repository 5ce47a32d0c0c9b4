"""Values that weigh several outlooks on sun and house."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.engine.control.planning import greedy
from custom_components.smart_charging.engine.control.planning.problem import PlannedBattery, Target
from custom_components.smart_charging.engine.control.planning.uncertainty import Turn, outlooks, weighed

from .builders import car, problem

BATTERY = PlannedBattery("battery", 10_000.0, 2_000.0, 5_000.0, 5_000.0, worth=0.1)


def test_a_darker_and_a_brighter_sun_are_looked_at_as_well_with_a_house_that_takes_more_and_less() -> None:
    posed = replace(problem(0.3, 0.3, pv_w=(1_000.0, 2_000.0)), base_w=(400.0, 600.0))
    seen = outlooks(posed, (Turn(sun=0.5, house=1.5), Turn(sun=1.5, house=0.5)))
    assert [one.pv_w for one in seen] == [(1_000, 2_000), (500, 1_000), (1_500, 3_000)]
    assert [one.base_w for one in seen] == [(400, 600), (600, 900), (200, 300)]
    assert outlooks(posed, ()) == (posed,)
    assert outlooks(problem(0.3, 0.3)) == (problem(0.3, 0.3),)


def test_a_car_that_may_miss_the_sun_values_energy_between_certainty_and_none() -> None:
    posed = problem(0.25, 0.3, pv_w=(0.0, 8_000.0), cars=(car(2, Target(2_000, 2)),), batteries=(BATTERY,))
    posed = replace(posed, batteries=(replace(BATTERY, stored_wh=0.0, max_charge_w=0.0),))
    plans = [greedy.plan(one) for one in outlooks(posed, (Turn(0.0, 1.0), Turn(1.5, 1.0)))]
    both = weighed(plans)
    values = [plan.cars["car"].value for plan in plans]
    assert min(values) < both.cars["car"].value < max(values)
    assert both.cars["car"].value == pytest.approx(sum(values) / 3)
    assert both.cars["car"].power_w[0] == pytest.approx(sum(plan.cars["car"].power_w[0] for plan in plans) / 3)
    assert both.cars["car"].power_w[1] == plans[0].cars["car"].power_w[1]
    assert both.batteries["battery"].value == pytest.approx(sum(one.batteries["battery"].value for one in plans) / 3)

"""What a car's plan is told as: times without a break, and money in both directions."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.planned_blocks import blocks_of, known_sum, slot_cost
from tests.engine.control.planning.builders import START, problem

QUARTER = timedelta(minutes=15)
POSED = problem(0.4, 0.4, 0.4, 0.4, feed_in_price=(0.08,) * 4, base_w=(2_000.0,) * 4, pv_w=(0.0, 5_000.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("slot", "power_w", "cost"),
    [
        (0, 4_000.0, 0.4),
        (1, 4_000.0, 0.75 * 0.08 + 0.25 * 0.4),
        (0, -2_000.0, -0.5 * 0.4),
        (0, -4_000.0, -0.5 * 0.4 - 0.5 * 0.08),
        (1, -4_000.0, -0.08),
    ],
)
def test_what_a_car_gives_saves_the_price_as_far_as_the_house_takes_it(slot: int, power_w: float, cost: float) -> None:
    assert slot_cost(POSED, slot, power_w, 0.4, 0.08) == pytest.approx(cost)


def test_giving_and_charging_are_apart() -> None:
    powers = {0: -2_000.0, 1: -2_000.0, 2: 4_000.0}
    blocks = list(blocks_of(POSED, powers, {0: -0.2, 1: -0.2, 2: 0.4}))
    assert [(one.start, one.end, one.energy_wh, one.cost) for one in blocks] == [
        (START, START + 2 * QUARTER, -1_000.0, -0.4),
        (START + 2 * QUARTER, START + 3 * QUARTER, 1_000.0, 0.4),
    ]
    assert known_sum([0.1, None]) is None

"""Plans for cars that give energy back: never below what is kept, in time, and no further than they may."""

from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import CarConfig, EvseSettings, Giving
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.advice import Gives, PlanAdvice
from custom_components.smart_charging.engine.control.planning.giving_advice import (
    GivingNow,
    GivingUse,
    at_floor,
    giving_by_plan,
)
from custom_components.smart_charging.engine.control.planning.problem import PlannedCar, Problem, Target
from custom_components.smart_charging.engine.control.planning.wish import gives_of
from custom_components.smart_charging.engine.control.snapshot import EvseSnapshot
from custom_components.smart_charging.engine.model import ChargeMode
from tests.engine.control.builders import NOW, evse

from .builders import car, problem, worth

EFFICIENCY = 0.81
EXACT_W = 0.01


def two_way(slots: int, *targets: Target, **changes: object) -> PlannedCar:
    """Return a car that can give 11 kW and holds 10 kWh above what is to be kept."""
    giving: dict[str, object] = {
        "room_wh": 0.0,
        "max_discharge_w": 11_000.0,
        "stored_wh": 10_000.0,
        "discharge_efficiency": EFFICIENCY,
        "wear": 0.05,
    }
    return car(slots, *targets, **(giving | changes))


@st.composite
def two_way_problems(draw: st.DrawFn) -> Problem:
    """Return a home with a car that can give, perhaps also to the grid."""
    slots = draw(st.integers(2, 24))

    def series(low: float, high: float) -> tuple[float, ...]:
        return tuple(
            draw(st.lists(st.floats(low, high).map(lambda one: round(one, 3)), min_size=slots, max_size=slots))
        )

    leaves = draw(st.integers(1, slots))
    needed = draw(st.sampled_from([0.0, 4_000.0, 12_000.0]))
    spare = 0.0 if needed else draw(st.sampled_from([0.0, 5_000.0]))
    return problem(
        *series(-0.2, 0.9),
        feed_in_price=series(-0.1, 0.6),
        pv_w=series(0, 6_000),
        base_w=series(0, 4_000),
        cars=(
            two_way(
                slots,
                Target(needed, leaves, spare_wh=spare),
                present=tuple(number < leaves for number in range(slots)),
                room_wh=needed,
                stored_wh=draw(st.floats(0, 20_000)),
                worth=draw(st.sampled_from([0.0, 0.2])),
                wear=draw(st.sampled_from([0.0, 0.05])),
                can_sell=draw(st.booleans()),
            ),
        ),
    )


def moved(posed: Problem, powers: tuple[float, ...]) -> list[float]:
    """Return what the car holds more than in the beginning after each slot, Wh as they were charged."""
    steps = [
        power * hours * (1.0 if power >= 0 else 1.0 / EFFICIENCY)
        for power, hours in zip(powers, posed.hours, strict=True)
    ]
    return list(accumulate(steps))


@settings(deadline=None, max_examples=150)
@given(two_way_problems())
def test_no_plan_goes_below_what_is_kept_nor_beyond_the_house_where_nothing_may_be_sold(posed: Problem) -> None:
    (one,), plan = posed.cars, highs.plan(posed)
    powers = plan.cars["car"].power_w
    held = moved(posed, powers)
    assert min(held) >= -one.stored_wh - 0.1
    assert max(held) <= one.room_wh + 0.1
    for number, power in enumerate(powers):
        assert one.present[number] or abs(power) < EXACT_W
        assert posed.import_price[number] > 0 or power > -EXACT_W
        if not one.can_sell and power < 0:
            assert -power <= max(0.0, posed.base_w[number] - posed.pv_w[number]) + EXACT_W


@settings(deadline=None, max_examples=150)
@given(two_way_problems())
def test_giving_back_costs_no_target_its_energy_and_never_money(posed: Problem) -> None:
    plain = replace(posed, cars=tuple(replace(one, max_discharge_w=0.0) for one in posed.cars))
    plan, without = highs.plan(posed), highs.plan(plain)
    assert plan.cars["car"].missing_wh[0] <= without.cars["car"].missing_wh[0] + 0.1
    leaves = posed.cars[0].targets[0].before_slot
    kept = moved(posed, plan.cars["car"].power_w)[leaves - 1]
    target = posed.cars[0].targets[0]
    assert kept >= target.energy_wh - target.spare_wh - plan.cars["car"].missing_wh[0] - 0.1
    worn = sum(
        posed.cars[0].wear * max(0.0, -power) * hours / 1000
        + posed.cars[0].worth * max(0.0, -power) * hours / 1000 * (1 / EFFICIENCY - 1)
        for power, hours in zip(plan.cars["car"].power_w, posed.hours, strict=True)
    )
    assert worth(posed, plan) + worn <= worth(plain, without) + 0.002


def test_a_car_gives_in_the_dear_slot_and_charges_again_in_the_cheap_one() -> None:
    plan = highs.plan(problem(0.6, 0.1, base_w=(4_000.0, 0.0), cars=(two_way(2, Target(0.0, 2)),)))
    assert plan.cars["car"].power_w == pytest.approx((-4_000.0, 4_000.0 / EFFICIENCY))
    assert plan.cars["car"].value == pytest.approx(0.1, abs=0.001)


def test_what_is_lost_on_the_way_and_worn_is_weighed() -> None:
    dear = 0.1 / EFFICIENCY + 0.05
    for price, gives in ((dear - 0.01, 0.0), (dear + 0.01, -4_000.0)):
        plan = highs.plan(problem(price, 0.1, base_w=(4_000.0, 0.0), cars=(two_way(2, Target(0.0, 2)),)))
        assert plan.cars["car"].power_w[0] == pytest.approx(gives, abs=0.1)


def test_two_cars_give_no_more_together_than_the_house_takes() -> None:
    cars = tuple(two_way(2, Target(0.0, 2), car_id=name) for name in ("one", "two"))
    plan = highs.plan(problem(0.6, 0.1, base_w=(4_000.0, 0.0), cars=cars))
    assert sum(one.power_w[0] for one in plan.cars.values()) == pytest.approx(-4_000.0)


def test_without_a_solver_no_car_gives_anything() -> None:
    plan = greedy.plan(problem(0.6, 0.1, base_w=(4_000.0, 0.0), cars=(two_way(2, Target(0.0, 2, spare_wh=5_000.0)),)))
    assert min(plan.cars["car"].power_w) >= 0


ADVICE = PlanAdvice(
    needed_wh=0.0,
    sure_w=11_000.0,
    value=0.2,
    planned_w=-3_000.0,
    price=0.5,
    gives=Gives(most_w=11_000.0, stored_wh=8_000.0, spare_wh=0.0, efficiency=EFFICIENCY, wear=0.05),
    feed_in=0.08,
)
SELLS = replace(ADVICE, gives=replace(ADVICE.gives, sells=True)) if ADVICE.gives else ADVICE
COSTS = 0.2 / EFFICIENCY + 0.05


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (ADVICE, GivingNow(GivingUse.HOUSE, 11_000.0)),
        (replace(ADVICE, price=COSTS), GivingNow(GivingUse.HOUSE, 3_000.0)),
        (replace(ADVICE, price=COSTS, planned_w=0.0), GivingNow(GivingUse.NOTHING)),
        (replace(ADVICE, price=0.25), GivingNow(GivingUse.NOTHING)),
        (replace(ADVICE, feed_in=0.5), GivingNow(GivingUse.HOUSE, 11_000.0)),
        (SELLS, GivingNow(GivingUse.HOUSE, 11_000.0)),
        (replace(SELLS, feed_in=0.5), GivingNow(GivingUse.GRID, 11_000.0)),
        (replace(SELLS, feed_in=COSTS), GivingNow(GivingUse.GRID, 3_000.0)),
        (replace(ADVICE, gives=None), GivingNow(GivingUse.NOTHING)),
        (replace(ADVICE, value=None), GivingNow(GivingUse.NOTHING)),
        (replace(ADVICE, price=None), GivingNow(GivingUse.NOTHING)),
        (replace(ADVICE, departure=NOW + timedelta(hours=1)), GivingNow(GivingUse.HOUSE, 11_000.0)),
        (replace(ADVICE, departure=NOW + timedelta(minutes=12)), GivingNow(GivingUse.NOTHING)),
        (
            replace(ADVICE, departure=NOW + timedelta(hours=1), needed_wh=8_700.0, room_wh=8_700.0),
            GivingNow(GivingUse.NOTHING),
        ),
        (replace(ADVICE, departure=NOW - timedelta(minutes=1)), GivingNow(GivingUse.NOTHING)),
    ],
)
def test_what_a_car_gives_now_follows_from_what_a_kwh_is_worth_and_from_its_departure(
    advice: PlanAdvice, expected: GivingNow
) -> None:
    assert giving_by_plan(advice, NOW) == expected


def test_a_car_at_its_floor_gives_nothing_and_it_is_told_while_it_would_pay() -> None:
    assert ADVICE.gives is not None
    empty = replace(ADVICE, gives=replace(ADVICE.gives, stored_wh=0.0))
    assert giving_by_plan(empty, NOW).use is GivingUse.NOTHING
    assert at_floor(empty)
    assert not at_floor(replace(empty, price=0.2))
    assert not at_floor(ADVICE)


def plugged(settings: EvseSettings) -> EvseSnapshot:
    base = evse(settings.mode)
    station = replace(base.station, car=CarConfig(capacity_wh=60_000.0))
    return replace(base, settings=settings, station=station, soc_percent=80.0, most_given_w=7_000.0)


ALLOWED = EvseSettings(mode=ChargeMode.CHEAPEST, target_soc_percent=70.0, giving=Giving.HOME, keep_soc_percent=50.0)


def test_a_car_has_to_spare_what_it_holds_above_what_is_kept_and_above_its_target() -> None:
    gives = gives_of(plugged(ALLOWED))
    assert gives is not None
    assert gives.stored_wh == pytest.approx(0.3 * 60_000 / 0.9)
    assert gives.spare_wh == pytest.approx(0.1 * 60_000 / 0.9)
    assert (gives.most_w, gives.efficiency, gives.wear, gives.sells) == (7_000.0, pytest.approx(0.81), 0.05, False)
    more_kept = gives_of(plugged(replace(ALLOWED, min_soc_percent=75.0, target_soc_percent=80.0)))
    assert more_kept is not None and more_kept.stored_wh == pytest.approx(0.05 * 60_000 / 0.9)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": replace(ALLOWED, giving=Giving.OFF)},
        {"settings": replace(ALLOWED, mode=ChargeMode.GREENEST)},
        {"settings": replace(ALLOWED, target_soc_percent=None)},
        {"settings": replace(ALLOWED, target_energy_wh=5_000.0)},
        {"settings": replace(ALLOWED, continuous=True)},
        {"soc_percent": None},
        {"most_given_w": 0.0},
        {"station": evse(ChargeMode.CHEAPEST).station},
    ],
)
def test_nothing_is_given_where_that_was_not_allowed_or_nobody_knows_what_is_left(changes: dict[str, object]) -> None:
    assert gives_of(replace(plugged(ALLOWED), **changes)) is None  # type: ignore[arg-type]  # fields by name

"""What cars and batteries do now: who values energy most takes from the cheapest source, as it is measured."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.control.planning.merit_order import (
    BatteryNow,
    CarNow,
    Moment,
    PowerRange,
    latest_start_w,
    merit_order,
)

ONE, THREE = PowerRange(1_380.0, 3_680.0), PowerRange(4_140.0, 11_040.0)
BUY, SELL = 0.30, 0.08


def car(
    value: float, planned_w: float = 0.0, *, name: str = "car", drawn_w: float = 0.0, must_w: float = 0.0
) -> CarNow:
    """Return a car of one or three phases."""
    return CarNow(name, value, planned_w, (ONE, THREE), drawn_w, must_w)


def battery(value: float, planned_w: float = 0.0, **bounds: bool) -> BatteryNow:
    """Return a battery of 5 kW without losses."""
    return BatteryNow("battery", value, planned_w, 5_000.0, 5_000.0, 1.0, 1.0, **bounds)


def moment(net_w: float, *who: CarNow | BatteryNow, switching: float = 0.0) -> Moment:
    """Return a site with this net load (import > 0)."""
    cars = tuple(one for one in who if isinstance(one, CarNow))
    batteries = tuple(one for one in who if isinstance(one, BatteryNow))
    return Moment(net_w, BUY, SELL, cars, batteries, switching=switching)


@pytest.mark.parametrize(
    ("net_w", "value", "power_w"),
    [
        (500.0, 0.35, 11_040.0),  # worth more than the grid asks: all it can
        (-6_000.0, 0.2, 6_000.0),  # between both prices: the surplus, whatever it is
        (-3_000.0, 0.2, 3_000.0),
        (-3_750.0, 0.2, 3_680.0),  # between one phase and three
        (-6_000.0, 0.05, 0.0),  # sold at more than it is worth
        (500.0, 0.2, 0.0),
    ],
)
def test_a_car_charges_by_what_energy_is_worth_to_it(net_w: float, value: float, power_w: float) -> None:
    assert merit_order(moment(net_w, car(value))).cars["car"] == pytest.approx(power_w)


def test_where_value_and_price_are_equal_the_plan_decides_how_much() -> None:
    assert merit_order(moment(0.0, car(BUY, 5_000.0))).cars["car"] == pytest.approx(5_000.0)
    assert merit_order(moment(0.0, car(BUY, 0.0))).cars["car"] == 0.0
    assert merit_order(moment(0.0, battery(BUY, -2_000.0))).batteries["battery"] == pytest.approx(-2_000.0)


def test_the_least_current_is_taken_beyond_the_surplus_when_the_rest_pays_for_it() -> None:
    assert merit_order(moment(-1_300.0, car(0.2))).cars["car"] == pytest.approx(1_380.0)
    assert merit_order(moment(-400.0, car(0.2))).cars["car"] == 0.0


def test_a_car_is_not_switched_for_less_than_switching_costs() -> None:
    slight = moment(-1_380.0, car(SELL + 0.01), switching=0.05)
    assert merit_order(slight).cars["car"] == 0.0
    planned = moment(0.0, car(BUY, 5_000.0), switching=0.05)
    assert merit_order(planned).cars["car"] == pytest.approx(5_000.0)
    going_on = moment(-1_380.0, car(SELL + 0.01, drawn_w=1_500.0), switching=0.05)
    assert merit_order(going_on).cars["car"] == pytest.approx(1_380.0)


def test_a_car_takes_what_it_must_whatever_it_costs_and_within_the_limit() -> None:
    assert merit_order(moment(500.0, car(0.0, must_w=11_040.0))).cars["car"] == pytest.approx(11_040.0)
    assert merit_order(moment(500.0, car(0.0, must_w=3_000.0))).cars["car"] == pytest.approx(3_000.0)
    assert merit_order(moment(500.0, car(0.0, must_w=90_000.0))).cars["car"] == pytest.approx(11_040.0)
    limited = Moment(500.0, BUY, SELL, (car(0.0, must_w=11_040.0),), import_limit_w=6_500.0)
    assert merit_order(limited).cars["car"] == pytest.approx(6_000.0)


def test_the_car_that_values_energy_more_has_the_surplus_first() -> None:
    powers = merit_order(moment(-5_000.0, car(0.1, name="low"), car(0.2, name="high")))
    assert powers.cars["high"] == pytest.approx(5_000.0)
    assert powers.cars["low"] == 0.0


@pytest.mark.parametrize(
    ("net_w", "value", "power_w"),
    [
        (2_000.0, 0.2, 2_000.0),  # serves the house, sells nothing
        (-2_000.0, 0.2, -2_000.0),  # takes surplus, buys nothing
        (2_000.0, 0.4, -5_000.0),  # buys for later
        (2_000.0, 0.01, 5_000.0),  # sells what is worth less
    ],
)
def test_a_battery_follows_its_value(net_w: float, value: float, power_w: float) -> None:
    assert merit_order(moment(net_w, battery(value, can_sell=True))).batteries["battery"] == pytest.approx(power_w)


def test_a_battery_that_may_neither_buy_nor_sell_does_not() -> None:
    bound = {"can_buy": False, "can_sell": False}
    assert merit_order(moment(2_000.0, battery(0.4, **bound))).batteries["battery"] == 0.0
    assert merit_order(moment(-2_000.0, battery(0.4, **bound))).batteries["battery"] == pytest.approx(-2_000.0)
    assert merit_order(moment(2_000.0, battery(0.01, **bound))).batteries["battery"] == pytest.approx(2_000.0)


def test_a_battery_gives_to_a_car_that_values_energy_more() -> None:
    powers = merit_order(moment(0.0, car(0.25, drawn_w=4_200.0), battery(0.15)))
    assert powers.cars["car"] == pytest.approx(5_000.0)
    assert powers.batteries["battery"] == pytest.approx(5_000.0)


def test_without_ranges_a_car_waits() -> None:
    assert merit_order(Moment(-5_000.0, BUY, SELL, (CarNow("car", 1.0, 0.0, ()),))).cars == {"car": 0.0}


@pytest.mark.parametrize(
    ("needed_wh", "minutes", "power_w"),
    [
        (11_000.0, 120, 0.0),
        (11_000.0, 70, 4 * 11_000.0 / 12),
        (11_000.0, 60, 11_000.0),
        (20_000.0, 60, 11_000.0),
        (1_000.0, 15, 4_000.0),
        (800.0, 5, 9_600.0),
        (1.0, -1, 11_000.0),
        (0.0, 0, 0.0),
    ],
)
def test_a_car_must_charge_as_much_as_full_power_later_cannot_bring(
    needed_wh: float, minutes: int, power_w: float
) -> None:
    step = timedelta(minutes=15)
    assert latest_start_w(needed_wh, 11_000.0, timedelta(minutes=minutes), step) == pytest.approx(power_w)

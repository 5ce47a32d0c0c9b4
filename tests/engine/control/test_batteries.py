"""Surplus beside a battery, the battery's own commands, and a connection that carries more with it."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.engine.config import QUICK_SOLAR, BatteryConfig, EvseSettings
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryReason
from custom_components.smart_charging.engine.control.planning.battery_advice import BatteryAdvice
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import ChargeMode, MeterQuality, ReasonCode

from .builders import SITE
from .plant import Car, Plant, stations

BATTERY = BatteryConfig("b", "Battery", 10_000.0, 5_000.0, 5_000.0)
SOLAR = EvseSettings(ChargeMode.SOLAR)


def plant(settings: EvseSettings, soc: float = 50.0, **battery: object) -> Plant:
    config = replace(BATTERY, **battery)  # type: ignore[arg-type]  # fields by name
    site = replace(SITE, solar=QUICK_SOLAR, batteries=(config,))
    one = Plant(site, Car(stations(1)[0], settings))
    one.battery_soc["b"] = soc
    return one


def code(one: Plant) -> ReasonCode:
    assert one.decision is not None
    return one.decision.setpoints[one.cars[0].key].reason.code


def test_a_battery_below_its_priority_is_filled_before_cars() -> None:
    one = plant(SOLAR, soc=40.0, priority_soc_percent=60.0)
    one.house(-7_000 / 690)
    one.run(600)
    assert one.current() == 0.0
    assert code(one) is ReasonCode.BATTERY_FIRST
    one.house(-10_000 / 690)
    one.run(600)
    assert one.current() == pytest.approx(5_000 / 690, abs=0.3)


def test_above_its_priority_what_charges_the_battery_is_the_cars() -> None:
    one = plant(SOLAR, soc=70.0, priority_soc_percent=60.0)
    one.house(-7_000 / 690)
    one.battery_w["b"] = -5_000.0
    one.run(600)
    assert one.current() == pytest.approx(7_000 / 690, abs=0.3)


def test_what_a_battery_discharges_is_no_surplus() -> None:
    one = plant(SOLAR, soc=70.0)
    one.house(2.0)
    for _ in range(60):
        one.battery_w["b"] = 5_000.0
        one.step()
    assert one.current() == 0.0


def test_a_full_enough_battery_bridges_a_cloud_and_starts_a_car() -> None:
    one = plant(SOLAR, soc=90.0, buffer_soc_percent=80.0)
    one.house(-7_000 / 690)
    one.run(600)
    one.house(1.0)
    one.run(1800)
    assert (one.current(), code(one)) == (6.0, ReasonCode.BATTERY_BUFFER)
    one.battery_soc["b"] = 75.0
    one.run(600)
    assert one.current() == 0.0
    starting = plant(SOLAR, soc=97.0, buffer_soc_percent=80.0, buffer_start_soc_percent=95.0)
    starting.house(1.0)
    starting.run(60)
    assert starting.current() == 6.0


def test_a_battery_is_held_while_a_car_charges_fast_and_only_then() -> None:
    one = plant(EvseSettings(), hold_while_fast=True, can_hold=True)
    decision = one.run(60)
    assert decision.batteries["b"].action is BatteryAction.HOLD
    assert decision.batteries["b"].reason is BatteryReason.FAST_CHARGING
    one.cars[0].settings = SOLAR
    assert one.run(60).batteries["b"].action is BatteryAction.NORMAL
    one.cars[0].settings = EvseSettings()
    one.cars[0].plugged = False
    assert one.run(60).batteries["b"].action is BatteryAction.NORMAL


def test_without_the_users_leave_a_battery_is_told_nothing() -> None:
    one = plant(EvseSettings(), hold_while_fast=True)
    assert one.run(60).batteries["b"].action is BatteryAction.NORMAL


def expanded(soc: float = 90.0, **changes: object) -> Plant:
    config = replace(
        BATTERY,
        capacity_wh=20_000.0,
        max_discharge_w=10_000.0,
        max_charge_w=10_000.0,
        grid_expansion=True,
        can_charge=True,
        can_discharge=True,
        can_hold=True,
        **changes,  # type: ignore[arg-type]  # fields by name
    )
    site = replace(SITE, fuse_a=21.0, batteries=(config,))
    one = Plant(site, *(Car(station) for station in stations(2)))
    one.battery_soc["b"] = soc
    return one


def test_a_charged_battery_lets_the_connection_carry_more_and_gives_no_more_than_that() -> None:
    one = expanded()
    one.house(2.0)
    decision = one.run(300)
    drawn = sum(car.on_grid().total for car in one.cars) * 230
    assert drawn == pytest.approx(18 * 690 + 9_000, rel=0.15)
    assert max(one.flow()) == pytest.approx(20.0, abs=0.7)
    assert one.worst_over_a[""] <= 0.0
    assert decision.batteries["b"].reason is BatteryReason.GRID_EXPANSION


def test_a_battery_gives_nothing_for_a_car_that_takes_nothing() -> None:
    one = expanded()
    one.house(5.0)
    one.run(300)
    assert one.battery_w["b"] > 5_000
    one.cars[1].max_a = 0.0
    one.run(300)
    assert (one.current(0), one.current(1)) == (pytest.approx(15.0, abs=1.1), 0.0)
    assert one.battery_w["b"] <= 1_000.0
    assert one.worst_over_a[""] <= 0.0


def test_an_empty_battery_expands_nothing() -> None:
    one = expanded(soc=10.0)
    one.house(2.0)
    one.run(300)
    assert one.current(0) + one.current(1) == pytest.approx(18.0, abs=0.3)
    assert one.worst_over_a[""] <= 0.0


def test_the_fuse_holds_while_the_battery_runs_down() -> None:
    one = expanded(soc=14.0)
    one.house(2.0)
    one.run(3600)
    assert one.battery_soc["b"] >= 9.5
    assert one.worst_over_a[""] <= 0.0


def test_spare_capacity_refills_the_reserve_without_touching_the_cars() -> None:
    one = expanded(soc=20.0)
    one.cars[1].plugged = False
    one.house(-2.0)
    decision = one.run(300)
    assert one.current(0) == 16.0
    assert decision.batteries["b"].action is BatteryAction.CHARGE
    assert max(one.flow()) <= 20.0 + 0.3


def test_a_battery_that_says_yes_and_gives_nothing_is_never_counted_on() -> None:
    one = expanded()
    one.house(2.0)
    for _ in range(1440):
        one.step()
        one.battery_w["b"] = 0.0
        assert max(one.flow()) <= 20.0 + 1e-6


def test_a_battery_that_stops_giving_is_let_go_within_a_cycle() -> None:
    one = expanded()
    one.house(2.0)
    one.run(300)
    over_s = 0.0
    for _ in range(720):
        one.step()
        one.battery_w["b"] = 0.0
        over_s += 5.0 if max(one.flow()) > 21.0 else 0.0
    assert over_s <= 10.0


def test_a_zero_export_site_finds_its_hidden_surplus_by_probing() -> None:
    site = replace(SITE, solar=replace(QUICK_SOLAR, zero_export=True))
    one = Plant(site, Car(stations(1)[0], SOLAR))
    one.house(0.5)
    one.available_pv_w = 8_000.0
    one.run(1800)
    assert one.current() == pytest.approx((8_000 - 345) / 690, abs=1.0)
    one.available_pv_w = 1_500.0
    one.run(900)
    assert one.current() == 0.0


def test_a_probe_in_vain_ends_soon_and_is_not_repeated_at_once() -> None:
    site = replace(SITE, solar=replace(QUICK_SOLAR, zero_export=True))
    one = Plant(site, Car(stations(1)[0], SOLAR))
    one.house(0.5)
    one.available_pv_w = 700.0
    one.run(3600)
    assert 1 <= one.cars[0].starts <= 5
    assert one.cars[0].energy_wh < 5 * 4_200 / 60 * 2


def test_a_lost_meter_knows_no_surplus_and_leaves_the_battery_alone() -> None:
    one = plant(SOLAR, hold_while_fast=True, can_hold=True)
    one.quality[""] = MeterQuality.LOST
    decision = one.run(120)
    assert decision.surplus_w is None
    assert decision.batteries["b"].action is BatteryAction.NORMAL
    assert decision.bounds[one.cars[0].key].source is LimitSource.METER_LOST


def test_a_battery_does_not_work_for_a_limit_on_chargers_alone() -> None:
    one = expanded()
    one.house(-6.0)
    one.limits = (Limit("14a", LimitSource.GRID_SIGNAL, 6_000.0, LimitUnit.WATT, controllable_only=True),)
    for _ in range(60):
        assert one.step().batteries["b"].action is not BatteryAction.DISCHARGE


BUYS = BatteryAdvice(value=0.40, planned_w=-5_000.0, price=0.10)
KEEPS = BatteryAdvice(value=0.40, planned_w=0.0, price=0.40)
SPENDS = BatteryAdvice(value=0.10, planned_w=2_000.0, price=0.40)


def planned(advice: BatteryAdvice | None, *, cars: int = 1, **battery: object) -> Plant:
    one = Plant(SITE, *(Car(station) for station in stations(cars)))
    fields: dict[str, object] = {"by_plan": True, "can_charge": True, "can_hold": True}
    config = replace(BATTERY, **(fields | battery))  # type: ignore[arg-type]  # fields by name
    one.site = replace(SITE, fuse_a=25.0, batteries=(config,))
    one.battery_advice["b"] = advice
    return one


def told(one: Plant) -> tuple[BatteryAction, BatteryReason]:
    assert one.decision is not None
    command = one.decision.batteries["b"]
    return command.action, command.reason


def test_a_battery_that_follows_a_plan_buys_what_cars_leave_of_the_connection() -> None:
    one = planned(BUYS)
    one.house(2.0)
    one.run(600)
    assert told(one) == (BatteryAction.CHARGE, BatteryReason.PLAN_BUYING)
    assert one.current() == 16.0  # a car comes first
    assert one.battery_w["b"] == pytest.approx(-(24.0 - 2.0 - 16.0) * 690, abs=150)
    one.cars[0].plugged = False
    one.run(120)
    assert one.battery_w["b"] == -5_000.0
    assert one.worst_over_a[""] <= 0.0


def test_a_car_that_comes_takes_back_what_a_battery_buys() -> None:
    one = planned(BUYS, cars=2)
    one.cars[1].plugged = False
    one.house(2.0)
    one.run(600)
    one.cars[1].plugged = True
    one.run(900)
    assert one.current(0) + one.current(1) == pytest.approx(22.0, abs=0.5)
    assert one.battery_w["b"] == 0.0
    assert told(one) == (BatteryAction.HOLD, BatteryReason.PLAN_KEEPING)
    assert one.worst_over_a[""] <= 0.0


def test_a_battery_keeps_or_spends_what_it_holds_as_that_is_worth_more_later_or_now() -> None:
    one = planned(KEEPS)
    one.run(60)
    assert told(one) == (BatteryAction.HOLD, BatteryReason.PLAN_KEEPING)
    one.battery_advice["b"] = SPENDS
    one.run(60)
    assert told(one) == (BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)
    one.battery_advice["b"] = None
    one.run(60)
    assert told(one) == (BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)


def test_a_battery_is_led_only_where_the_user_wants_it_and_mapped_it() -> None:
    for advice, changes in (
        (BUYS, {"by_plan": False}),
        (BUYS, {"can_charge": False, "can_hold": False}),
        (KEEPS, {"can_hold": False}),
    ):
        one = planned(advice, **changes)
        one.run(60)
        assert told(one) == (BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)


def test_without_a_trusted_meter_a_battery_buys_nothing() -> None:
    one = planned(BUYS)
    one.quality[""] = MeterQuality.LOST
    one.run(120)
    assert told(one) == (BatteryAction.HOLD, BatteryReason.PLAN_KEEPING)


def test_what_is_over_a_limit_comes_before_what_is_cheap() -> None:
    one = planned(BUYS, cars=2, grid_expansion=True, can_discharge=True)
    one.battery_soc["b"] = 90.0
    one.house(8.0)
    one.run(300)
    assert told(one) == (BatteryAction.DISCHARGE, BatteryReason.GRID_EXPANSION)
    for car in one.cars:
        car.plugged = False
    one.run(300)
    assert told(one) == (BatteryAction.CHARGE, BatteryReason.PLAN_BUYING)
    assert one.worst_over_a[""] <= 0.0

"""A home battery beside the cars: who takes the sun, who bridges, what is bought for it, and a larger connection."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, EvseSettings, PeakConfig, SolarConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from custom_components.smart_charging.engine.outlook import Outlook
from simulator.plant.battery import Battery, BatteryMode, BatteryRating
from simulator.plant.car import Car, CarModel
from simulator.plant.sun import FixedSun, Photovoltaics
from simulator.simulated_site import Premises

from .loop import closed_loop, key
from .pricing import QUARTER, prices, quarter
from .shell import Entities
from .surroundings import CHARGER, SITE, STREET, busy_house, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

BATTERY = BatteryConfig("home", "Home battery", capacity_wh=10_000.0, max_charge_w=5_000.0, max_discharge_w=5_000.0)
MAPPED = replace(BATTERY, can_hold=True, can_charge=True, can_discharge=True)
EXPANDING = replace(MAPPED, grid_expansion=True, reserve_soc_percent=40.0)
WITH_BATTERY = replace(SITE, batteries=(BATTERY,))
BRISK = SolarConfig(smoothing_s=15.0, start_s=30.0, stop_s=60.0)
RATING = BatteryRating()


async def test_below_its_priority_the_battery_takes_the_sun_before_the_car(tmp_path: Path) -> None:
    site = replace(SITE, solar=BRISK, batteries=(replace(BATTERY, priority_soc_percent=50.0),))
    battery = Battery(replace(RATING, capacity_wh=2_000.0), state_of_charge=0.45)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery)
    ) as loop:
        loop.house(100.0)
        loop.sun(6_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await loop.run(20, step_s=1.0)
        loop.measure_anew()
        loop.plug()
        await loop.run(20, step_s=1.0)
        assert loop.outlet().energy_wh == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.BATTERY_FIRST
        assert battery.power_w == pytest.approx(-5_000, abs=100)
        await loop.run(200, step_s=1.0)
        assert battery.state_of_charge >= 0.5
        assert loop.drawn_a() == pytest.approx(5_700 / 690, abs=0.8)
        assert loop.measures.movements[key()].on_off == 1
        assert loop.imported_kwh <= 0.01


async def test_above_its_buffer_the_battery_bridges_a_cloud_and_below_it_does_not(tmp_path: Path) -> None:
    site = replace(SITE, solar=BRISK, batteries=(replace(BATTERY, buffer_soc_percent=60.0),))
    battery = Battery(RATING, state_of_charge=0.8)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery)
    ) as loop:
        loop.house(100.0)
        loop.sun(6_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        loop.measure_anew()
        loop.sun(1_000.0)
        await loop.run(180, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        assert battery.power_w > 3_000
        assert loop.imported_kwh <= 0.02
        assert loop.measures.movements[key()].on_off == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.BATTERY_BUFFER
        battery.state_of_charge = 0.55
        await loop.run(150, step_s=1.0)
        assert loop.drawn_a() == 0
        assert loop.measures.movements[key()].on_off == 1


async def test_the_battery_is_held_while_a_car_charges_fast_and_let_go_afterwards(tmp_path: Path) -> None:
    site = replace(SITE, batteries=(replace(MAPPED, hold_while_fast=True),))
    battery = Battery(RATING, state_of_charge=0.8)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery)
    ) as loop:
        loop.house(300.0)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        assert battery.mode is BatteryMode.HOLD
        assert battery.power_w == pytest.approx(0.0, abs=10.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await loop.run(30, step_s=1.0)
        assert battery.mode is BatteryMode.NORMAL
        assert battery.power_w == pytest.approx(900, abs=50)


async def test_a_charged_battery_lets_two_cars_take_more_than_the_fuse(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=20.0, batteries=(EXPANDING,))
    battery = Battery(RATING, state_of_charge=0.9)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER, STREET], stations=[station("CP1"), station("CP2")],
        premises=Premises(battery=battery, house=busy_house()), entities=Entities(latency_s=2.0),
    ) as loop:  # fmt: skip
        loop.house(300.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(150, step_s=1.0)
        assert loop.drawn_a("CP1") + loop.drawn_a("CP2") > 20.0  # beside the house, without it 17.7
        assert battery.mode is BatteryMode.DISCHARGE
        loop.simulated.plant.house.hold(None)
        loop.measure_anew()
        await loop.run(240, step_s=1.0)
        assert loop.measures.longest_over_s <= 10
        assert loop.measures.kws_over <= 60
        assert max(loop.measures.turns_per_minute(key(one)) for one in ("CP1", "CP2")) <= 2.0


async def test_a_battery_that_does_not_obey_is_not_counted_on(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=20.0, batteries=(EXPANDING,))
    battery = Battery(replace(RATING, max_discharge_w=0.0), state_of_charge=0.9)  # takes orders, gives nothing
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER, STREET], stations=[station("CP1"), station("CP2")],
        premises=Premises(battery=battery),
    ) as loop:  # fmt: skip
        loop.house(300.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(120, step_s=1.0)
        loop.measure_anew()
        await loop.run(240, step_s=1.0)
        assert loop.measures.longest_over_s <= 10
        assert loop.measures.kws_over <= 20
        assert max(loop.measures.turns_per_minute(key(one)) for one in ("CP1", "CP2")) <= 2.0
        assert loop.drawn_a("CP1") + loop.drawn_a("CP2") <= 19.0


async def test_the_reserve_is_refilled_with_what_is_spare_and_stays_under_the_fuse(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=20.0, batteries=(EXPANDING,))
    battery = Battery(RATING, state_of_charge=0.3)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery)
    ) as loop:
        loop.house(300.0)
        await warm_up(loop)
        before = battery.state_of_charge
        await loop.run(120, step_s=1.0)
        assert battery.mode is BatteryMode.CHARGE
        assert battery.state_of_charge > before
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)  # the car comes before the reserve
        assert max(loop.simulated.plant.grid.current_a) == pytest.approx(19.0, abs=0.5)
        assert loop.measures.longest_over_s <= 5  # the battery needs a moment to give way
        assert loop.measures.kws_over <= 5
        command = loop.site.view.batteries["home"].command
        assert command is not None
        assert command.action is BatteryAction.CHARGE


async def test_an_inverter_that_may_not_export_is_led_to_yield_what_it_can(tmp_path: Path) -> None:
    solar = replace(BRISK, zero_export=True)
    sun = Photovoltaics(FixedSun(0.0), zero_export=True)
    async with closed_loop(
        tmp_path, site=replace(SITE, solar=solar), chargers=[CHARGER], stations=[station()],
        premises=Premises(photovoltaics=sun), entities=Entities(tells_pv=True),
    ) as loop:  # fmt: skip
        loop.house(200.0)
        loop.sun(7_500.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(300, step_s=1.0)
        assert sun.power_w > 0.85 * 7_500
        assert loop.exported_kwh <= 0.01
        loop.measure_anew()
        await loop.run(180, step_s=1.0)
        assert loop.imported_kwh <= 0.1 * 7.5 * 180 / 3_600
        assert loop.measures.movements[key()].on_off == 0
        loop.sun(300.0)
        await loop.run(150, step_s=1.0)
        assert loop.drawn_a() == 0


async def test_without_sun_a_probe_of_an_inverter_that_may_not_export_is_short_and_rare(tmp_path: Path) -> None:
    solar = replace(BRISK, zero_export=True)
    sun = Photovoltaics(FixedSun(0.0), zero_export=True)
    async with closed_loop(
        tmp_path, site=replace(SITE, solar=solar), chargers=[CHARGER], stations=[station()],
        cars={"CP1": Car(CarModel(phases=1))}, premises=Premises(photovoltaics=sun), entities=Entities(tells_pv=True),
    ) as loop:  # fmt: skip
        loop.house(200.0)
        loop.sun(700.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await loop.run(30, step_s=1.0)
        loop.measure_anew()
        loop.plug()
        await loop.run(600, step_s=2.0)
        assert loop.measures.movements[key()].on_off == 2
        assert loop.imported_kwh <= 0.04
        assert loop.drawn_a() == 0


BY_PLAN = replace(MAPPED, by_plan=True)


async def test_by_plan_a_battery_buys_in_a_cheap_quarter_beside_a_car_and_keeps_that_for_a_dear_one(
    tmp_path: Path,
) -> None:
    site = replace(SITE, fuse_a=25.0, batteries=(BY_PLAN,))
    battery = Battery(RATING, state_of_charge=0.3)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery)
    ) as loop:
        loop.house(1_000.0)
        await warm_up(loop)
        load = (3_000.0,) * 40
        base = Forecast(quarter(loop.clock.now()), load, load, load, load)
        loop.site.set_outlook(Outlook(prices(loop, 0.05, 0.05, 0.30, 0.30, *[0.33] * 16, *[0.30] * 16), base_load=base))
        loop.measure_anew()
        await loop.run(120, step_s=1.0)
        assert battery.mode is BatteryMode.CHARGE
        assert battery.power_w < -2_000
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        assert loop.measures.longest_over_s == 0
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await loop.run(60, step_s=1.0)
        assert battery.power_w == pytest.approx(-5_000, abs=50)
        kept = quarter(loop.clock.now()) + 2 * QUARTER
        await loop.run((kept - loop.clock.now()).total_seconds() + 60, step_s=5.0)
        assert battery.mode is BatteryMode.HOLD
        dear = quarter(loop.clock.now()) + 2 * QUARTER
        await loop.run((dear - loop.clock.now()).total_seconds() + 60, step_s=5.0)
        assert battery.mode is BatteryMode.NORMAL
        assert battery.power_w == pytest.approx(3_000, abs=50)


async def test_a_deadline_raises_a_peak_where_that_costs_less_than_to_be_late(tmp_path: Path) -> None:
    tariff = PeakConfig(interval_min=15, target_w=2_500.0, floor_w=2_500.0, price_per_kw=4.0)
    async with closed_loop(
        tmp_path, site=replace(SITE, peak=tariff), chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}
    ) as loop:
        loop.house(500.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.30] * 12)))
        departure = quarter(loop.clock.now()) + 5 * QUARTER
        settings = EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=5_000.0, departure=departure)
        await loop.site.set_settings(key(), settings)
        await loop.run(60, step_s=1.0)
        assert loop.site.plan is not None and loop.site.plan.peak_w is not None
        assert loop.site.plan.peak_w > 4_000.0
        assert loop.site.config.peak == tariff
        await loop.run((departure - loop.clock.now()).total_seconds(), step_s=2.0)
        assert loop.evse().session_energy_wh == pytest.approx(5_000.0, abs=60.0)

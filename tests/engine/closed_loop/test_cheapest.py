"""A car that charges by plan: when it is cheap, from real surplus beside that, and in any case in time."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CarConfig, DatedPlan, EvseSettings, RepeatingPlan, Weekday
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.evse_settings import load_settings
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from custom_components.smart_charging.engine.outlook import Outlook
from custom_components.smart_charging.engine.site_planner import LOOK_S, UNDECIDED_S
from custom_components.smart_charging.engine.view import SiteEvent, SiteEventType
from simulator.plant.car import Car

from .loop import ClosedLoop, closed_loop, key
from .pricing import QUARTER, prices, quarter
from .surroundings import CHARGER, SITE, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def plans(loop: ClosedLoop, *, energy_wh: float, departure: datetime | None = None) -> None:
    """Have the car follow a plan to so much energy, and let it be planned."""
    wished = EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=energy_wh, departure=departure)
    await loop.site.set_settings(key(), wished)
    await loop.run(LOOK_S + 15, step_s=1.0)


async def test_a_car_waits_for_the_cheap_quarter_and_charges_in_it(tmp_path: Path) -> None:
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, 0.40, 0.40, 0.10, 0.40, 0.40, 0.40)))
        await plans(loop, energy_wh=2_000.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_WAITING
        assert loop.drawn_a() == 0
        planned = loop.evse().planned
        cheap = quarter(loop.clock.now()) + 2 * QUARTER
        assert planned is not None and planned.starts_at == cheap
        assert planned.energy_wh == pytest.approx(2_000.0, rel=0.02)
        assert planned.cost == pytest.approx(0.2, abs=0.02)
        (block,) = planned.blocks
        assert (block.start, block.end) == (cheap, cheap + QUARTER)
        assert (block.energy_wh, block.cost) == (planned.energy_wh, planned.cost)
        await loop.run((cheap - loop.clock.now()).total_seconds() + 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_BUYING
        assert loop.drawn_a() > 6
        dear = PriceSeries(quarter(loop.clock.now()), QUARTER, (0.40, *[0.01] * 8))
        loop.site.set_outlook(Outlook(dear))
        await loop.run(60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_WAITING
        assert loop.drawn_a() == 0


async def test_real_surplus_is_taken_while_it_waits(tmp_path: Path) -> None:
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.40] * 8, 0.10)))
        loop.sun(8_000.0)
        await plans(loop, energy_wh=3_000.0)
        await loop.run(600, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.SURPLUS
        assert loop.drawn_a() > 6


async def test_a_deadline_is_kept_whatever_the_price(tmp_path: Path) -> None:
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        departure = loop.clock.now() + timedelta(minutes=50)
        await plans(loop, energy_wh=1_500.0, departure=departure)  # nobody knows a price
        assert loop.evse().setpoint.reason.code is ReasonCode.NO_PLAN
        await loop.run((departure - loop.clock.now()).total_seconds(), step_s=2.0)
        assert loop.evse().session_energy_wh is not None and loop.evse().session_energy_wh >= 1_480.0


async def test_without_a_target_only_surplus_is_taken(tmp_path: Path) -> None:
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.CHEAPEST)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[-0.10] * 4)))
        await loop.run(60, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.NO_TARGET
        assert loop.drawn_a() == 0


async def test_wishes_by_plan_go_when_the_car_leaves_and_outlive_a_restart(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        departure = loop.clock.now() + timedelta(hours=8)
        await plans(loop, energy_wh=9_000.0, departure=departure)
        kept = await loop.ledger.load_settings("CP1")
        assert kept[1]["departure"] == departure.isoformat()
        loop.plug(plugged=False)
        await loop.run(30, step_s=1.0)
        assert loop.site.settings(key()) == replace(loop.site.settings(key()), departure=None, target_energy_wh=None)
        assert loop.evse().planned is None


async def test_a_car_that_charges_goes_on_until_the_first_plan_after_a_start_is_made(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await warm_up(loop)
        await loop.run(30, step_s=1.0)
        loop.site._planner._by_mode[ChargeMode.CHEAPEST]._began = loop.clock.monotonic()  # as right after a restart
        await plans(loop, energy_wh=9_000.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.NO_PLAN
        assert loop.drawn_a() > 6
        await loop.run(UNDECIDED_S, step_s=2.0)
        assert loop.drawn_a() == 0


async def test_a_target_charge_is_planned_for_and_reached_by_the_energy_that_was_charged(tmp_path: Path) -> None:
    charger = replace(CHARGER, car=CarConfig(capacity_wh=20_000.0, efficiency=0.9))
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[charger], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, 0.40, *[0.10] * 8)))
        wished = EvseSettings(mode=ChargeMode.CHEAPEST, target_soc_percent=60.0)
        await loop.site.set_settings(key(), wished)
        await loop.run(60, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.SOC_UNKNOWN
        await loop.site.set_settings(key(), replace(wished, min_soc_percent=20.0, told_soc_percent=50.0))
        await loop.run(LOOK_S + 15, step_s=1.0)
        planned = loop.evse().planned
        assert planned is not None and planned.energy_wh == pytest.approx(0.1 * 20_000 / 0.9, rel=0.02)
        loop.site.set_vehicle_soc(key(), 10.0)  # what the car tells is less, and less than its minimum
        await loop.run(120, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.MIN_SOC
        loop.site.set_vehicle_soc(key(), 55.0)
        before_wh = loop.evse().session_energy_wh or 0.0
        await loop.run(3_600, step_s=5.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.TARGET_REACHED
        assert loop.evse().soc_percent == pytest.approx(60.0, abs=0.5)
        assert (loop.evse().session_energy_wh or 0.0) - before_wh == pytest.approx(0.05 * 20_000 / 0.9, rel=0.1)


async def test_a_car_with_a_price_limit_buys_within_it_and_waits_beyond(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.20] * 4)))
        await loop.site.set_settings(key(), EvseSettings(mode=ChargeMode.CHEAPEST, price_limit=0.20))
        await loop.run(LOOK_S + 15, step_s=1.0)
        assert loop.drawn_a() > 6
        await loop.run(60, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PRICE_LOW
        loop.site.set_outlook(Outlook(prices(loop, *[0.21] * 4)))
        await loop.run(60, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PRICE_HIGH
        assert loop.drawn_a() == 0


async def test_a_plan_that_repeats_is_followed_each_time_and_outlives_the_car_and_a_restart(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        leaves = (quarter(loop.clock.now()) + 3 * QUARTER).time()
        each_day = RepeatingPlan(tuple(Weekday), leaves, energy_wh=1_000.0)
        repeating = EvseSettings(mode=ChargeMode.CHEAPEST, repeating=(each_day,))
        await loop.site.set_settings(key(), repeating)
        loop.site.set_outlook(Outlook(prices(loop, 0.40, 0.10, *[0.40] * 100)))
        await loop.run(LOOK_S + 15, step_s=1.0)
        first = loop.evse().wanted.departure
        assert first is not None and first.time() == leaves
        planned = loop.evse().planned
        assert planned is not None and planned.departure == first
        assert planned.starts_at == quarter(loop.clock.now()) + QUARTER
        await loop.run((first - loop.clock.now()).total_seconds() + 5, step_s=5.0)
        assert (loop.evse().session_energy_wh or 0.0) >= 980.0
        assert loop.evse().wanted.departure == first + timedelta(days=1)
        loop.plug(plugged=False)
        await loop.run(30, step_s=1.0)
        assert loop.site.settings(key()) == repeating
        assert await load_settings(loop.ledger, "CP1") == {key(): repeating}


async def test_a_departure_of_a_calendar_is_planned_for_moves_with_it_and_is_not_kept_with_what_users_set(
    tmp_path: Path,
) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, 0.40, 0.40, 0.20, 0.40, 0.10, *[0.40] * 20)))
        await loop.site.set_mode(key(), ChargeMode.CHEAPEST)
        now = quarter(loop.clock.now())
        early, late = (DatedPlan(now + number * QUARTER, energy_wh=1_000.0) for number in (4, 6))
        loop.site.set_dated(key(), (early,))
        await loop.run(LOOK_S + 15, step_s=1.0)
        planned = loop.evse().planned
        assert planned is not None
        assert (planned.departure, planned.starts_at) == (early.leaves, now + 2 * QUARTER)
        loop.site.set_dated(key(), (late,))
        await loop.run(LOOK_S + 15, step_s=1.0)
        planned = loop.evse().planned
        assert planned is not None
        assert (planned.departure, planned.starts_at) == (late.leaves, now + 4 * QUARTER)
        await loop.run((late.leaves - loop.clock.now()).total_seconds() + 5, step_s=5.0)
        assert (loop.evse().session_energy_wh or 0.0) >= 980.0
        assert loop.evse().wanted.departure is None
        assert await load_settings(loop.ledger, "CP1") == {key(): EvseSettings(mode=ChargeMode.CHEAPEST)}


async def test_a_departure_gone_by_is_still_told_with_what_is_charged_now_and_was_missing(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.40] * 8)))
        await plans(loop, energy_wh=9_000.0, departure=loop.clock.now() + timedelta(minutes=2))
        early = loop.evse().planned
        assert early is not None and early.missing_wh > 6_000.0
        await loop.run(180, step_s=1.0)
        late = loop.evse().planned
        assert late is not None and late.starts_at is not None
        assert late.energy_wh == pytest.approx(late.missing_wh)
        assert 7_500.0 < late.missing_wh < 9_000.0


async def test_a_target_that_cannot_be_reached_is_told_at_once_and_served_as_well_as_it_can_be(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        heard: list[SiteEvent] = []
        loop.site.subscribe_events(heard.append)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        departure = loop.clock.now() + timedelta(hours=1)
        await plans(loop, energy_wh=30_000.0, departure=departure)  # nobody knows a price
        await loop.run(120, step_s=1.0)
        (told,) = [event for event in heard if event.type is SiteEventType.TARGET_UNREACHABLE]
        assert (told.key, told.details["departure"]) == (key(), departure.isoformat())
        assert float(told.details["missing_kwh"]) == pytest.approx(30.0 - 11.04, abs=0.5)
        reason = loop.evse().setpoint.reason
        assert reason.code in {ReasonCode.PLAN_DEADLINE, ReasonCode.RAISING}
        assert loop.drawn_a() > 6
        missing_wh = loop.evse().missing_wh
        assert missing_wh is not None and missing_wh > 18_000.0
        await loop.site.set_settings(key(), EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=3_000.0))
        await loop.run(10, step_s=1.0)
        assert loop.evse().missing_wh is None


async def test_the_greenest_hours_are_taken_whatever_they_cost(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        cheap_now = prices(loop, 0.10, 0.40, 0.40, 0.40)
        await loop.site.set_settings(key(), EvseSettings(mode=ChargeMode.GREENEST, target_energy_wh=2_000.0))
        loop.site.set_outlook(Outlook(cheap_now))
        await loop.run(UNDECIDED_S, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.NO_CO2
        clean_then = PriceSeries(quarter(loop.clock.now()), QUARTER, (0.30, 0.05, 0.30, 0.30))
        loop.site.set_outlook(Outlook(cheap_now, carbon=clean_then))
        await loop.run(LOOK_S + 15, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_WAITING_GREEN
        planned = loop.evse().planned
        clean = quarter(loop.clock.now()) + QUARTER
        assert planned is not None and planned.starts_at == clean
        assert planned.cost == pytest.approx(0.40 * 2.0, abs=0.02)
        assert loop.site.plan is not None and loop.site.plan.cars.keys() == {"CP1/1"}
        await loop.run((clean - loop.clock.now()).total_seconds() + 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_GREEN
        assert loop.drawn_a() > 6


async def test_a_green_plan_is_made_without_prices_and_tells_no_cost(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(carbon=PriceSeries(quarter(loop.clock.now()), QUARTER, (0.05, 0.30))))
        wished = EvseSettings(mode=ChargeMode.GREENEST, target_energy_wh=2_000.0, price_limit=0.0)
        await loop.site.set_settings(key(), wished)  # a limit of money does not count in this mode
        await loop.run(LOOK_S + 15, step_s=1.0)
        planned = loop.evse().planned
        assert planned is not None and planned.cost is None and planned.energy_wh > 1_000
        assert loop.drawn_a() > 6


async def test_a_car_is_warmed_right_before_it_leaves_also_once_it_has_its_target(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.10] * 8)))
        departure = quarter(loop.clock.now()) + 4 * QUARTER
        wished = EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=4_000.0, departure=departure, late_min=15.0)
        await loop.site.set_settings(key(), wished)
        await loop.run((departure - loop.clock.now()).total_seconds() - 20 * 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_KEEPING
        early_wh = loop.evse().session_energy_wh or 0.0
        assert early_wh == pytest.approx(4_000.0 - 0.95 * 2_760.0, rel=0.1)
        await loop.run((departure - loop.clock.now()).total_seconds() - 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_LATE
        assert loop.drawn_a() > 6
        await loop.run(120, step_s=2.0)
        assert loop.evse().session_energy_wh == pytest.approx(4_000.0, rel=0.1)
        assert loop.evse().setpoint.reason.code is ReasonCode.TARGET_REACHED


async def test_what_is_begun_is_charged_without_a_break_and_not_for_some_sun(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars={"CP1": Car()}) as loop:
        loop.house(200.0)
        loop.sun(8_000.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, 0.40, 0.30, 0.10, 0.40, 0.10, 0.40, 0.40)))
        await loop.site.set_settings(
            key(), EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=7_000.0, continuous=True)
        )
        begin = quarter(loop.clock.now()) + 2 * QUARTER
        await loop.run((begin - loop.clock.now()).total_seconds() - 10, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_WAITING
        assert loop.evse().session_energy_wh in {None, 0.0}
        await loop.run(20 * 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.PLAN_BUYING
        planned = loop.evse().planned
        assert planned is not None and len(planned.blocks) == 1  # through the dear quarter
        await loop.run(30 * 60, step_s=2.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.TARGET_REACHED


async def test_a_changed_limit_of_the_site_makes_a_new_plan_at_once(tmp_path: Path) -> None:
    cars = {"CP1": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        loop.site.set_outlook(Outlook(prices(loop, *[0.40] * 8, 0.10, 0.10, *[0.40] * 8)))
        await plans(loop, energy_wh=5_000.0)
        before = loop.site.plan
        assert before is not None and max(before.cars["CP1/1"].power_w) > 5_000.0
        loop.site.update_config(replace(SITE, power_w=3_000.0))
        await loop.run(5, step_s=1.0)
        after = loop.site.plan
        assert after is not None and 1_000.0 < max(after.cars["CP1/1"].power_w) <= 3_000.0

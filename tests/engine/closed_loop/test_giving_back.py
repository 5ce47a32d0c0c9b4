"""A car that can gives energy back by plan: to the house, no further, and only what it may."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CarConfig, CircuitConfig, EvseSettings, Giving, SiteConfig
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.grid.signal import SignalUnit
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from custom_components.smart_charging.engine.outlook import Outlook
from simulator.ocpp2.options import StationOptions2, Version
from simulator.plant.car import Car, CarModel
from simulator.plant.house import House
from simulator.simulated_site import Premises

from .loop import ClosedLoop, closed_loop, key
from .pricing import QUARTER, prices, quarter
from .surroundings import CHARGER, SITE, STREET, busy_house, limit_feed_in, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

CAR = replace(CHARGER, car=CarConfig(capacity_wh=60_000.0))
TWO_WAY = StationOptions2("CP1", "", Version.V21, two_way=True, reports_soc=True, sample_s=10, max_a=16.0)
WISHED = EvseSettings(mode=ChargeMode.CHEAPEST, target_soc_percent=70.0, giving=Giving.HOME, keep_soc_percent=40.0)
DEAR = (0.60,) * 8
CHEAP = (0.10,) * 24


@asynccontextmanager
async def home(
    path: Path,
    soc: float = 0.7,
    model: CarModel | None = None,
    car_wh: float = 60_000.0,
    site: SiteConfig = SITE,
    house: House | None = None,
) -> AsyncGenerator[ClosedLoop]:
    """Run a home with a car that can give, plugged in, and a house that takes 3 kW."""
    cars = {"CP1": Car(model or CarModel(discharge_a=16.0), state_of_charge=soc)}
    charger = replace(CHARGER, car=CarConfig(capacity_wh=car_wh))
    async with closed_loop(
        path, site=site, chargers=[charger], stations=[TWO_WAY], cars=cars, premises=Premises(house=house or House())
    ) as loop:
        if house is None:
            loop.house(1_000.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        yield loop


async def lead(loop: ClosedLoop, *by_quarter: float, wished: EvseSettings = WISHED, house_w: float = 3_000.0) -> None:
    """Let the car follow a plan with these prices from now on."""
    start = quarter(loop.clock.now())
    watts = (house_w,) * len(by_quarter)
    forecast = Forecast(start, watts, watts, watts, watts)
    loop.site.set_outlook(Outlook(prices(loop, *by_quarter), base_load=forecast))
    await loop.site.set_settings(key(), wished)
    await loop.run(30, step_s=1.0)


def given_w(loop: ClosedLoop) -> float:
    return -loop.outlet().power_w


async def test_a_car_gives_the_house_what_it_takes_while_that_is_dear(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(120, step_s=1.0)
        evse = loop.evse()
        assert evse.setpoint.reason.code is ReasonCode.PLAN_GIVING
        assert given_w(loop) == pytest.approx(2_900, abs=120)
        planned = evse.planned
        assert planned is not None and planned.given_wh > 4_000
        loop.measure_anew()
        await loop.run(300, step_s=1.0)
        assert loop.exported_kwh == 0
        loop.house(300.0)
        await loop.run(30, step_s=1.0)
        assert given_w(loop) == pytest.approx(800, abs=120)
        assert loop.exported_kwh < 0.02


async def test_what_was_given_is_counted_apart_and_the_session_costs_only_what_was_drawn(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(900, step_s=2.0)
        evse, outlet = loop.evse(), loop.outlet()
        assert outlet.exported_wh > 400
        assert evse.session_given_wh == pytest.approx(outlet.exported_wh, abs=25)
        assert evse.session_energy_wh == pytest.approx(outlet.energy_wh, abs=25)
        assert evse.session_origin is not None
        assert evse.session_origin.cost >= 0
        assert evse.state.measurement is not None and evse.state.measurement.power_w is not None
        assert evse.state.measurement.power_w == pytest.approx(-2_900, abs=150)


async def test_a_car_stops_at_the_charge_that_is_to_be_kept(tmp_path: Path) -> None:
    model = CarModel(discharge_a=16.0, capacity_wh=10_000.0)
    async with home(tmp_path, soc=0.45, model=model, car_wh=10_000.0) as loop:
        wished = replace(WISHED, target_soc_percent=45.0)
        await lead(loop, *DEAR, *CHEAP, wished=wished)
        await loop.run(1_200, step_s=2.0)
        car = loop.outlet().car
        assert car is not None and 0.385 <= car.state_of_charge <= 0.41
        assert given_w(loop) == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.GIVING_FLOOR
        assert loop.evse().setpoint.reason.params["kept_percent"] == 40.0


async def test_nothing_is_given_that_was_not_allowed(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        await lead(loop, *DEAR, *CHEAP, wished=replace(WISHED, giving=Giving.OFF))
        await loop.run(200, step_s=1.0)
        assert loop.outlet().exported_wh == 0
        planned = loop.evse().planned
        assert planned is None or planned.given_wh == 0


async def test_a_car_that_does_not_give_what_it_took_is_let_alone_for_a_time(tmp_path: Path) -> None:
    model = CarModel(discharge_a=16.0, least_charge=0.95)  # takes each set-point, and gives nothing at this charge
    async with home(tmp_path, model=model) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(90, step_s=1.0)
        assert loop.evse().state.set_point is not None
        await loop.run(120, step_s=1.0)
        assert loop.evse().setpoint.reason.code is ReasonCode.GIVING_FAILED
        assert loop.evse().state.set_point is None
        assert loop.drawn_a() == 0


async def test_without_a_meter_nothing_is_given(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(120, step_s=1.0)
        assert given_w(loop) > 2_000
        loop.shell.meters_online = False
        await loop.run(60, step_s=1.0)
        assert given_w(loop) <= 0
        assert loop.evse().state.set_point is None


async def test_a_car_that_vanishes_overloads_nothing(tmp_path: Path) -> None:
    second = replace(STREET, car=CarConfig(capacity_wh=60_000.0))
    cars = {"CP1": Car(CarModel(discharge_a=16.0), state_of_charge=0.7), "CP2": Car()}
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CAR, second], stations=[TWO_WAY, station("CP2")], cars=cars
    ) as loop:
        loop.house(3_000.0)  # 13 A of the 25 A on each phase
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await loop.site.set_mode(key("CP2"), ChargeMode.FAST)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(120, step_s=1.0)
        await lead(loop, *DEAR, *CHEAP, house_w=9_000.0)
        await loop.run(240, step_s=1.0)
        assert given_w(loop) > 8_000
        assert loop.drawn_a("CP2") > 8  # beside the house, as if the other gave nothing
        loop.measure_anew()
        loop.plug(plugged=False)
        await loop.run(60)
        assert loop.seconds_over_fuse == 0
        assert loop.drawn_a("CP2") > 8


async def test_what_the_grid_pays_more_for_than_it_costs_is_sold_where_that_is_allowed(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        start, slots = quarter(loop.clock.now()), len(DEAR) + len(CHEAP)
        paid = PriceSeries(start, QUARTER, (*DEAR, *CHEAP), (0.50,) * 4 + (0.02,) * (slots - 4))
        await lead(loop, *DEAR, *CHEAP, wished=replace(WISHED, giving=Giving.GRID))
        loop.site.set_outlook(Outlook(paid))
        await loop.run(240, step_s=1.0)
        assert given_w(loop) == pytest.approx(11_040, rel=0.02)
        assert loop.exported_kwh > 0
        assert loop.seconds_over_fuse == 0
        await loop.site.set_settings(key(), WISHED)
        await loop.run(60, step_s=1.0)
        loop.measure_anew()
        await loop.run(60, step_s=1.0)
        assert loop.exported_kwh == 0


async def test_no_more_is_sold_than_may_flow_out(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        start, slots = quarter(loop.clock.now()), len(DEAR) + len(CHEAP)
        paid = PriceSeries(start, QUARTER, (*DEAR, *CHEAP), (0.50,) * 4 + (0.02,) * (slots - 4))
        await lead(loop, *DEAR, *CHEAP, wished=replace(WISHED, giving=Giving.GRID))
        loop.site.set_outlook(Outlook(paid))
        limit_feed_in(loop, 2_000.0, SignalUnit.WATT)
        for _ in range(240):
            await loop.run(1.0, step_s=1.0)
            assert -loop.simulated.plant.grid.total_w <= 2_050.0
        assert given_w(loop) == pytest.approx(5_000, abs=250)
        loop.house(300.0)
        await loop.run(20, step_s=1.0)
        for _ in range(60):
            await loop.run(1.0, step_s=1.0)
            assert -loop.simulated.plant.grid.total_w <= 2_050.0
        limit_feed_in(loop, 0.0, SignalUnit.WATT)
        await loop.run(20, step_s=1.0)
        loop.measure_anew()
        await loop.run(60, step_s=1.0)
        assert loop.exported_kwh < 0.002


async def test_the_departure_finds_what_was_asked_for(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        departure = quarter(loop.clock.now()) + timedelta(hours=2)
        await lead(loop, *DEAR[:4], *CHEAP, wished=replace(WISHED, departure=departure))
        await loop.run((departure - loop.clock.now()).total_seconds() - 60, step_s=2.0)
        outlet = loop.outlet()
        assert outlet.exported_wh > 1_000
        assert outlet.car is not None and outlet.car.state_of_charge >= 0.695


async def test_what_somebody_orders_goes_before_the_plan(tmp_path: Path) -> None:
    async with home(tmp_path) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(120, step_s=1.0)
        ordered = asyncio.create_task(loop.site.set_setpoint(key(), -1_000.0, 300.0))
        await loop.run(60, step_s=1.0)
        await ordered
        assert given_w(loop) == pytest.approx(1_000, abs=50)
        assert loop.evse().setpoint.reason.code is not ReasonCode.PLAN_GIVING
        await loop.run(360, step_s=2.0)
        assert given_w(loop) == pytest.approx(2_900, abs=150)


async def test_what_is_sold_overloads_no_fuse(tmp_path: Path) -> None:
    async with home(tmp_path, site=replace(SITE, fuse_a=13.0)) as loop:
        loop.house(100.0)
        start, slots = quarter(loop.clock.now()), len(DEAR) + len(CHEAP)
        paid = PriceSeries(start, QUARTER, (*DEAR, *CHEAP), (0.50,) * 4 + (0.02,) * (slots - 4))
        await lead(loop, *DEAR, *CHEAP, wished=replace(WISHED, giving=Giving.GRID))
        loop.site.set_outlook(Outlook(paid))
        loop.measure_anew()
        await loop.run(240, step_s=1.0)
        assert given_w(loop) == pytest.approx(0.97 * (12 * 690 + 300), rel=0.02)
        assert min(loop.simulated.plant.grid.current_a) >= -13.0
        loop.sun(3_000.0)
        await loop.run(60, step_s=1.0)
        assert min(loop.simulated.plant.grid.current_a) >= -13.0
        assert given_w(loop) > 4_000


async def sold_by_two(path: Path, site: SiteConfig, circuit_id: str) -> AsyncGenerator[ClosedLoop]:
    """Yield the loop at each second while two cars of one circuit give all that they may to the grid."""
    first = replace(CAR, circuit_id=circuit_id)
    chargers = [first, replace(first, station_id="CP2", name="Street")]
    cars = {name: Car(CarModel(discharge_a=16.0), state_of_charge=0.7) for name in ("CP1", "CP2")}
    stations = [TWO_WAY, replace(TWO_WAY, station_id="CP2")]
    async with closed_loop(path, site=site, chargers=chargers, stations=stations, cars=cars) as loop:
        loop.house(100.0)
        await warm_up(loop, ("CP1", "CP2"))
        start, slots = quarter(loop.clock.now()), len(DEAR) + len(CHEAP)
        paid = PriceSeries(start, QUARTER, (*DEAR, *CHEAP), (0.50,) * 4 + (0.02,) * (slots - 4))
        for name in ("CP1", "CP2"):
            await loop.site.set_settings(key(name), replace(WISHED, giving=Giving.GRID))
        loop.site.set_outlook(Outlook(paid))
        for _ in range(240):
            await loop.run(1, step_s=1.0)
            yield loop


async def test_two_cars_share_what_a_fuse_without_a_meter_bears(tmp_path: Path) -> None:
    shed = CircuitConfig("shed", "Shed", fuse_a=16.0)
    given_a = [
        -loop.drawn_a("CP1") - loop.drawn_a("CP2")
        async for loop in sold_by_two(tmp_path, replace(SITE, fuse_a=63.0, circuits=(shed,)), "shed")
    ]
    assert max(given_a) <= 16.0
    assert given_a[-1] > 13.0


async def test_two_cars_that_begin_at_once_share_what_the_connection_bears(tmp_path: Path) -> None:
    flows_a = [min(loop.simulated.plant.grid.current_a) async for loop in sold_by_two(tmp_path, SITE, ROOT_CIRCUIT)]
    assert min(flows_a) >= -25.0
    assert max(flows_a[-50:]) < -20.0  # neither ends what the other gives


async def test_little_of_it_flows_out_of_a_house_whose_load_jumps_each_minute(tmp_path: Path) -> None:
    async with home(tmp_path, house=busy_house()) as loop:
        await lead(loop, *DEAR, *CHEAP)
        await loop.run(120, step_s=1.0)
        loop.measure_anew()
        before_wh = loop.outlet().exported_wh
        await loop.run(900, step_s=1.0)
        given_kwh = (loop.outlet().exported_wh - before_wh) / 1_000
        assert given_kwh > 0.7 * (given_kwh + loop.imported_kwh)
        assert loop.exported_kwh < 0.06 * given_kwh

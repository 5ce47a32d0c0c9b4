"""A car that can gives energy back by plan: to the house, no further, and only what it may."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CarConfig, EvseSettings, Giving, SiteConfig
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from custom_components.smart_charging.engine.outlook import Outlook
from simulator.ocpp2.options import StationOptions2, Version
from simulator.plant.car import Car, CarModel

from .loop import ClosedLoop, closed_loop, key
from .pricing import QUARTER, prices, quarter
from .surroundings import CHARGER, SITE, STREET, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

CAR = replace(CHARGER, car=CarConfig(capacity_wh=60_000.0))
TWO_WAY = StationOptions2("CP1", "", Version.V21, two_way=True, reports_soc=True, sample_s=10, max_a=16.0)
WISHED = EvseSettings(
    mode=ChargeMode.CHEAPEST, target_soc_percent=70.0, giving=Giving.HOME, keep_soc_percent=40.0
)
DEAR = (0.60,) * 8
CHEAP = (0.10,) * 24


@asynccontextmanager
async def home(
    path: Path, soc: float = 0.7, site: SiteConfig = SITE, model: CarModel | None = None
) -> AsyncGenerator[ClosedLoop]:
    """Run a home with a car that can give, plugged in, and a house that takes 3 kW."""
    cars = {"CP1": Car(model or CarModel(discharge_a=16.0), state_of_charge=soc)}
    async with closed_loop(path, site=site, chargers=[CAR], stations=[TWO_WAY], cars=cars) as loop:
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

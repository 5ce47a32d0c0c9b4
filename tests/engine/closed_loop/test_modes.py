"""Each mode beside a household that never rests, with a meter that tells 5 s late."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import QUICK_SOLAR, SolarConfig
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from simulator.simulated_site import Premises

from .loop import closed_loop, key
from .surroundings import CHARGER, LATE_METER, SITE, busy_house, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")


def home() -> Premises:
    return Premises(house=busy_house())


async def test_off_draws_nothing_however_much_the_sun_gives(tmp_path: Path) -> None:
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], premises=home(), entities=LATE_METER
    ) as loop:
        loop.sun(9_000.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        await loop.run(120, step_s=1.0)
        assert loop.outlet().energy_wh == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.MODE_OFF
        assert loop.measures.movements[key()].highest_a == 0


@pytest.mark.parametrize("solar", [SolarConfig(), QUICK_SOLAR], ids=["tuned", "quick"])
async def test_solar_takes_what_is_left_over_and_little_from_the_grid(tmp_path: Path, solar: SolarConfig) -> None:
    site = replace(SITE, solar=solar)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=home(), entities=LATE_METER
    ) as loop:
        loop.sun(9_500.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        loop.measure_anew()
        await loop.run(420, step_s=1.0)
        charged_kwh = loop.outlet().energy_wh / 1000
        assert charged_kwh > 0.7 * (charged_kwh + loop.exported_kwh)
        assert loop.imported_kwh <= 0.1 * charged_kwh
        assert loop.measures.turns_per_minute(key()) <= 2.0
        assert loop.measures.movements[key()].on_off <= 1
        assert loop.seconds_over_fuse == 0


@pytest.mark.parametrize(("solar", "restarted"), [(SolarConfig(), False), (QUICK_SOLAR, True)], ids=["tuned", "quick"])
async def test_a_long_cloud_stops_the_quick_filter_and_a_short_one_neither(
    tmp_path: Path, solar: SolarConfig, restarted: bool
) -> None:
    site = replace(SITE, solar=solar)
    async with closed_loop(tmp_path, site=site, chargers=[CHARGER], stations=[station()], entities=LATE_METER) as loop:
        loop.house(200.0)
        loop.sun(8_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(120, step_s=1.0)
        loop.measure_anew()
        loop.sun(1_500.0)
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        loop.sun(8_000.0)
        await loop.run(120, step_s=1.0)
        assert loop.measures.movements[key()].on_off == 0
        assert loop.drawn_a() > 8.0
        loop.sun(1_500.0)
        await loop.run(240, step_s=1.0)
        loop.sun(8_000.0)
        await loop.run(60, step_s=1.0)
        assert loop.measures.movements[key()].on_off == (1 if restarted else 0)
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a() >= 6.0
        assert loop.measures.movements[key()].on_off == (2 if restarted else 0)


async def test_solar_with_minimum_never_stops_and_follows_the_sun_upwards(tmp_path: Path) -> None:
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], premises=home(), entities=LATE_METER
    ) as loop:
        loop.sun(0.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR_MIN)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        assert loop.evse().setpoint.reason.code is ReasonCode.SURPLUS_MINIMUM
        loop.measure_anew()
        await loop.run(120, step_s=1.0)
        loop.sun(10_000.0)
        await loop.run(300, step_s=1.0)
        movement = loop.measures.movements[key()]
        assert movement.on_off == 0
        assert movement.highest_a > 10.0
        assert loop.measures.turns_per_minute(key()) <= 2.0
        assert loop.seconds_over_fuse == 0


async def test_fast_takes_what_the_fuse_leaves_beside_a_restless_house(tmp_path: Path) -> None:
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], premises=home(), entities=LATE_METER
    ) as loop:
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        loop.measure_anew()
        before_wh = loop.outlet().energy_wh
        await loop.run(420, step_s=1.0)
        assert loop.measures.longest_over_s <= 11  # 5 s until the meter tells, and this loop looks each second
        assert loop.seconds_over_fuse <= 40
        assert loop.measures.turns_per_minute(key()) <= 2.0
        assert loop.outlet().energy_wh - before_wh > 0.7 * 16 * 690 * 420 / 3600

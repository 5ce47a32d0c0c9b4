"""A station that ends its transaction at a limit of 0 is paused and goes on, led by a whole site."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import QUICK_SOLAR
from custom_components.smart_charging.engine.model import ChargeMode
from simulator.ocpp.quirks import Quirks

from .loop import closed_loop, key
from .surroundings import CHARGER, LATE_METER, SITE, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.mark.parametrize(("vendor", "goes_on"), [("EN+", True), ("Unheard of", False)])
async def test_a_cloud_pauses_such_a_station_and_the_sun_brings_it_back(
    tmp_path: Path, vendor: str, goes_on: bool
) -> None:
    ends_at_zero = replace(station(), vendor=vendor, quirks=Quirks(ends_transaction_below_minimum=True))
    site = replace(SITE, solar=QUICK_SOLAR)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[ends_at_zero], entities=LATE_METER
    ) as loop:
        loop.house(200.0)
        loop.sun(8_000.0)
        await warm_up(loop)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await loop.run(120, step_s=1.0)
        assert loop.drawn_a() > 6.0
        loop.sun(0.0)
        await loop.run(300, step_s=1.0)
        assert loop.drawn_a() == 0
        before = loop.outlet().energy_wh
        loop.sun(8_000.0)
        await loop.run(300, step_s=1.0)
        assert (loop.drawn_a() > 8.0) is goes_on
        assert (loop.outlet().energy_wh > before) is goes_on
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await loop.run(30, step_s=1.0)
        assert loop.drawn_a() == 0
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await loop.run(90, step_s=1.0)
        assert (loop.drawn_a() > 15.0) is goes_on
        assert loop.seconds_over_fuse == 0

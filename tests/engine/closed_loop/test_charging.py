"""A car charges as its mode says, and the fuse holds, whatever the house does."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.state import Obedience
from custom_components.smart_charging.engine.model import ChargeMode, EvseStatus, MeterQuality, ReasonCode
from simulator.ocpp.options import StationOptions
from simulator.ocpp.quirks import Quirks

from .loop import closed_loop, key

SITE = SiteConfig("site", "Home", fuse_a=25.0, meter_interval_s=5.0)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)
pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_a_car_charges_from_the_sun_without_import(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        loop.house(300.0)
        loop.sun(8_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await loop.run(40)
        loop.plug()
        await loop.run(240)
        evse = loop.evse()
        assert evse.state.status is EvseStatus.CHARGING
        assert evse.setpoint.reason.code is ReasonCode.SURPLUS
        assert loop.drawn_a() == pytest.approx(7_100 / 690, abs=1.0)
        assert loop.imported_kwh <= 0.02
        assert evse.session_energy_wh is not None
        assert evse.session_energy_wh > 200


async def test_a_jump_of_the_house_is_cut_within_seconds(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug()
        await loop.run(120)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        loop.house(3_000.0)
        await loop.run(60)
        assert loop.seconds_over_fuse <= 10
        assert max(loop.simulated.plant.grid.current_a) <= 24.5
        assert loop.evse().setpoint.reason.code is ReasonCode.LIMIT_FUSE


async def test_two_chargers_share_what_the_fuse_leaves(tmp_path: Path) -> None:
    chargers = [CHARGER, StationConfig("CP2", "Street", allow_without_password=True)]
    async with closed_loop(tmp_path, site=SITE, chargers=chargers) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug("CP1")
        loop.plug("CP2")
        await loop.run(150)
        assert loop.drawn_a("CP1") == pytest.approx(11.0, abs=0.8)
        assert loop.drawn_a("CP2") == pytest.approx(11.0, abs=0.8)
        assert loop.seconds_over_fuse == 0


async def test_a_lost_meter_brings_the_car_to_its_safe_current(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug()
        await loop.run(120)
        loop.shell.meters_online = False
        await loop.run(75)
        assert loop.site.view.grid_quality is MeterQuality.LOST
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        loop.shell.meters_online = True
        await loop.run(90)
        assert loop.drawn_a() > 12.0


async def test_a_car_without_a_leader_falls_to_its_safe_current_and_comes_back(tmp_path: Path) -> None:
    site = replace(SITE, lease=LeaseTimes(hold_s=40, renew_s=15))
    async with closed_loop(tmp_path, site=site, chargers=[CHARGER]) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug()
        await loop.run(120)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        loop.simulated.diallers["CP1"].disconnect()
        await loop.run(site.lease.hold_s + 10)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        loop.simulated.diallers["CP1"].reconnect()
        await loop.run(120)
        assert loop.drawn_a() > 12.0


@pytest.mark.parametrize(
    ("quirks", "obedience"),
    [
        (Quirks(ignores_profiles=True), Obedience.IGNORES),
        (Quirks(rejects_absolute=True, rejects_relative=True), Obedience.REJECTS),
    ],
)
async def test_a_station_that_follows_no_limit_is_seen_and_booked(
    tmp_path: Path, quirks: Quirks, obedience: Obedience
) -> None:
    chargers = [CHARGER, StationConfig("CP2", "Street", allow_without_password=True)]
    stations = [
        StationOptions("CP1", "", sample_s=10, max_a=16.0, quirks=quirks),
        StationOptions("CP2", "", sample_s=10),
    ]
    async with closed_loop(tmp_path, site=SITE, chargers=chargers, stations=stations) as loop:
        loop.house(460.0)
        await loop.run(30)
        await loop.site.set_max_current(key("CP1"), 6.0)
        loop.plug("CP1")
        await loop.run(100)
        assert loop.drawn_a("CP1") == pytest.approx(16.0, abs=0.2)
        assert loop.evse("CP1").state.obedience is obedience
        loop.plug("CP2")
        await loop.run(100)
        assert loop.drawn_a("CP2") <= 6.1
        assert loop.seconds_over_fuse == 0


async def test_the_sessions_energy_is_the_stations_register(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        loop.house(460.0)
        await loop.run(30)
        outlet = loop.simulated.stations["CP1"].connectors[1].outlet
        before_wh = outlet.energy_wh
        loop.plug()
        await loop.run(200)
        loop.plug(plugged=False)
        await loop.run(20)
        (session,) = await loop.ledger.sessions()
        assert session.plugged_out_at is not None
        assert session.energy_wh == pytest.approx(outlet.energy_wh - before_wh, abs=1.0)

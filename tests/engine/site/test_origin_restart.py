"""Where a session's energy came from over a restart, and over a crash: no energy is lost, and none is guessed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey
from custom_components.smart_charging.engine.origin_tracking import SAVE_EVERY_S
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import MeterReading
from simulator.ocpp.options import StationOptions
from simulator.plant.car import Car
from simulator.simulated_site import SimulatedSite
from tests.manual_clock import ManualClock

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = EvseKey("CP1", 1)
SITE = SiteConfig("site", "Home", fuse_a=35.0, meter_interval_s=5.0)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)
SETTLE_S = 0.01  # real time for frames and commits between two moments of the clock
SAMPLE_S = 10
SUN_W = 5_000.0


class Home:
    """A sunny place whose site comes and goes while its car charges."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        self.port = port
        self.clock = ManualClock()
        self.simulated = SimulatedSite(
            [StationOptions("CP1", f"ws://127.0.0.1:{port}", sample_s=SAMPLE_S, retry_longest_s=5.0)],
            cars={("CP1", 1): Car()},
            clock=self.clock,
        )

    @property
    def drawn_wh(self) -> float:
        return self.simulated.stations["CP1"].connectors[1].outlet.energy_wh

    async def run(self, seconds: float, site: Site | None = None) -> None:
        for _ in range(round(seconds)):
            await self.clock.advance(1.0, settle=SETTLE_S)
            if site is not None:
                plant = self.simulated.plant
                site.set_pv_power("roof", plant.photovoltaics.power_w, self.clock.now())
                site.set_grid_reading(MeterReading(self.clock.now(), power_w=plant.grid.total_w))

    @asynccontextmanager
    async def site(self, *, crashes: bool = False) -> AsyncGenerator[tuple[Site, SiteLedger]]:
        ledger = await Ledger.open(self.path / "ledger.db")
        records = ledger.site("site")
        csms = CentralSystem(
            clock=self.clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=LeaseTimes()
        )
        site = Site(SITE, csms=csms, ledger=records, clock=self.clock)
        await site.start()
        await site.add_charger(CHARGER)
        await site.listen("127.0.0.1", self.port)
        yield site, records
        if crashes:  # nothing is written any more
            records.save_origins = AsyncMock()  # type: ignore[method-assign]
        stopping = asyncio.create_task(site.stop())
        while not stopping.done():  # stopping waits on the clock, which only moves here
            await self.run(1)
        await ledger.close()


@pytest.mark.parametrize("crashes", [False, True])
async def test_what_was_seen_before_and_after_stays_and_only_the_time_between_is_unknown(
    tmp_path: Path, unused_tcp_port: int, crashes: bool
) -> None:
    home = Home(tmp_path, unused_tcp_port)
    async with home.simulated as simulated:
        simulated.plant.house.hold((0.0, 0.0, 0.0))
        simulated.plant.photovoltaics.hold(SUN_W)
        async with home.site(crashes=crashes) as (site, _):
            await site.set_mode(KEY, ChargeMode.FAST)
            await home.run(20, site)
            simulated.stations["CP1"].plug(plugged=True)
            await home.run(150, site)
            left_at_wh = home.drawn_wh
        await home.run(60)
        async with home.site() as (site, ledger):
            back_at_wh = home.drawn_wh
            await home.run(100, site)
            simulated.stations["CP1"].plug(plugged=False)
            await home.run(20, site)
            (session,) = await ledger.sessions()
    origin = session.origin
    assert origin is not None
    assert session.plugged_out_at is not None
    assert session.energy_wh == pytest.approx(home.drawn_wh, abs=2.0)
    unknown_wh = session.energy_wh - origin.known_wh
    away_wh = back_at_wh - left_at_wh
    unseen_s = 2 * SAMPLE_S + 15 + (SAVE_EVERY_S if crashes else 0.0)  # readings due, dialling in, the last save
    assert away_wh - 20 <= unknown_wh <= away_wh + 11_000.0 * unseen_s / 3600
    # What the car draws beyond the panels comes from the grid; it begins slowly, in the sun alone.
    assert origin.grid_wh > 0.2 * origin.solar_wh > 0
    assert origin.solar_wh <= SUN_W * 340 / 3600

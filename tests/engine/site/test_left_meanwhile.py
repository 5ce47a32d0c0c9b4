"""What was wished for a car is dropped although nobody was there to see it leave."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import EvseSettings, LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey
from custom_components.smart_charging.engine.site import Site
from simulator.ocpp.commands import COMMANDS
from simulator.ocpp.options import StationOptions
from simulator.ocpp.station import SimulatedStation
from simulator.ocpp.transaction import StopReason
from simulator.plant.car import Car
from simulator.simulated_site import SimulatedSite
from tests.manual_clock import ManualClock

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = EvseKey("CP1", 1)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True, mode_after_unplug=ChargeMode.SOLAR)
LATE_S = 150  # after that what a station tells of a transaction comes from its queue
SETTLE_S = 0.003  # real time for frames and commits between two moments of the clock


@dataclass
class Place:
    """A station that lives on while its site is stopped and started."""

    path: Path
    port: int
    clock: ManualClock

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            await self.clock.advance(1.0, settle=SETTLE_S)

    @asynccontextmanager
    async def station(self) -> AsyncGenerator[SimulatedStation]:
        """Let a station dial that port."""
        options = StationOptions("CP1", f"ws://127.0.0.1:{self.port}", sample_s=10, retry_longest_s=5.0)
        async with SimulatedSite([options], cars={("CP1", 1): Car()}, clock=self.clock) as simulated:
            yield simulated.stations["CP1"]

    @asynccontextmanager
    async def site(self) -> AsyncGenerator[tuple[Site, SiteLedger]]:
        """Run the site, always on the same port."""
        ledger = await Ledger.open(self.path / "ledger.db")
        records = ledger.site("site")
        csms = CentralSystem(
            clock=self.clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=LeaseTimes()
        )
        site = Site(SiteConfig("site", "Home", fuse_a=25.0), csms=csms, ledger=records, clock=self.clock)
        await site.start()
        await site.add_charger(CHARGER)
        await site.listen("127.0.0.1", self.port)
        try:
            yield site, records
        finally:
            stopping = asyncio.create_task(site.stop())
            while not stopping.done():  # stopping waits on the clock, which only moves here
                await self.run(1)
            await ledger.close()


@pytest.fixture
def place(tmp_path: Path, unused_tcp_port: int) -> Place:
    return Place(tmp_path, unused_tcp_port, ManualClock())


def wishes(place: Place) -> EvseSettings:
    until = place.clock.now() + timedelta(hours=1)
    return EvseSettings(target_energy_wh=20_000.0, boost_until=until, priority=2)


@pytest.mark.parametrize("answers_triggers", [True, False])
@pytest.mark.parametrize("reboots", [True, False])
async def test_a_car_that_left_while_the_site_was_down_leaves_no_wishes_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch, reboots: bool, answers_triggers: bool
) -> None:
    if not answers_triggers:  # its status comes once, before the end of the transaction
        monkeypatch.delitem(COMMANDS, "TriggerMessage")
    async with place.station() as simulated:
        async with place.site() as (site, _):
            await place.run(10)
            simulated.plug(plugged=True)
            await place.run(20)
            await site.set_settings(KEY, wishes(place))
        simulated.plug(plugged=False)
        if reboots:
            simulated.reset(StopReason.POWER_LOSS)
        await place.run(LATE_S)
        async with place.site() as (site, ledger):
            assert site.settings(KEY).boost_until is not None
            await place.run(45)
            assert site.settings(KEY) == EvseSettings(mode=ChargeMode.SOLAR, priority=2)
            assert await ledger.open_session(KEY) is None


async def test_a_car_that_stayed_keeps_its_wishes_over_a_restart(place: Place) -> None:
    async with place.station() as simulated:
        async with place.site() as (site, _):
            await place.run(10)
            simulated.plug(plugged=True)
            await place.run(20)
            wished = wishes(place)
            await site.set_settings(KEY, wished)
        await place.run(LATE_S)
        async with place.site() as (site, _):
            await place.run(45)
            assert site.settings(KEY) == wished


async def test_wishes_for_a_car_that_is_yet_to_come_survive_a_restart(place: Place) -> None:
    async with place.station():
        async with place.site() as (site, _):
            await place.run(10)
            wished = wishes(place)
            await site.set_settings(KEY, wished)
        async with place.site() as (site, _):
            await place.run(45)
            assert site.settings(KEY) == wished

"""How full a car is says nothing of the next one at the same charger."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.site import Site
from tests.engine.csms_stations.raw_station import RawStation
from tests.manual_clock import ManualClock

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = EvseKey("CP1", 1)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)


class Garage:
    """A site with one station that sends what a test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[RawStation]:
        ledger = await Ledger.open(self.path / "ledger.db")
        records = ledger.site("site")
        csms = CentralSystem(
            clock=self.clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=LeaseTimes()
        )
        self.site = Site(SiteConfig("site", "Home", fuse_a=25.0), csms=csms, ledger=records, clock=self.clock)
        await self.site.start()
        await self.site.add_charger(CHARGER)
        station = RawStation()
        await station.connect(await self.site.listen("127.0.0.1", 0))
        await station.boot()
        try:
            yield station
        finally:
            await station.close()
            await self.site.stop()
            await ledger.close()

    def now(self, seconds: float = 0.0) -> str:
        return (self.clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def settle(self) -> float | None:
        """Let what came in be handled; return the state of charge that is shown then."""
        await self.clock.advance(2.0, settle=0.005)
        return self.site.view.chargers["CP1"].evses[1].soc_percent

    async def status(self, station: RawStation, status: str) -> float | None:
        await station.status(status, timestamp=self.now())
        return await self.settle()

    async def plug_in(self, station: RawStation, soc: str | None = None) -> int:
        """Plug in a car and begin its transaction; return the number of that."""
        await self.status(station, "Preparing")
        transaction = int((await station.start(self.now()))["transactionId"])
        await self.status(station, "Charging")
        if soc is not None:
            await self.tell(station, transaction, soc)
        return transaction

    async def tell(self, station: RawStation, transaction: int | None, soc: str) -> float | None:
        await station.meter(self.now(), {"SoC": soc}, transaction)
        return await self.settle()


@pytest.fixture
def garage(tmp_path: Path) -> Garage:
    return Garage(tmp_path)


async def test_the_charge_that_a_car_told_leaves_with_it(garage: Garage) -> None:
    async with garage.open() as station:
        first = await garage.plug_in(station, "80")
        assert await garage.settle() == 80
        await station.stop(first, garage.now())
        assert await garage.status(station, "Finishing") == 80  # it is still there
        assert await garage.status(station, "Available") is None
        assert await garage.tell(station, None, "80") is None  # some repeat what they heard last
        await garage.plug_in(station)
        assert await garage.settle() is None
        garage.site.set_vehicle_soc(KEY, 20.0)
        await garage.clock.advance(10.0, settle=0.005)  # a view is made anew at the next decision
        assert await garage.settle() == 20


async def test_a_car_that_stays_keeps_its_charge_from_one_transaction_to_the_next(garage: Garage) -> None:
    async with garage.open() as station:
        first = await garage.plug_in(station, "80")
        await station.stop(first, garage.now())
        await garage.status(station, "Finishing")
        await station.start(garage.now(), meter=2000)
        assert await garage.status(station, "Charging") == 80


@pytest.mark.parametrize("told_after", [True, False])
async def test_what_comes_after_a_car_left_with_its_transaction_open_is_not_the_next_ones(
    garage: Garage, told_after: bool
) -> None:
    async with garage.open() as station:
        first = await garage.plug_in(station, "80")
        await garage.status(station, "Available")
        if told_after:
            await garage.tell(station, first, "81")
        await station.stop(first, garage.now())
        assert await garage.settle() is None
        second = await garage.plug_in(station)
        assert await garage.settle() is None
        assert await garage.tell(station, second, "30") == 30


async def test_a_station_that_never_tells_of_plugs_tells_of_its_transactions(garage: Garage) -> None:
    async with garage.open() as station:
        await garage.status(station, "Available")
        first = int((await station.start(garage.now()))["transactionId"])
        assert await garage.tell(station, first, "80") == 80
        await station.stop(first, garage.now())
        second = int((await station.start(garage.now(), meter=2000))["transactionId"])
        assert await garage.settle() is None
        assert await garage.tell(station, second, "30") == 30


async def test_a_restart_keeps_the_charge_of_a_car_that_stayed(garage: Garage) -> None:
    async with garage.open() as station:
        first = await garage.plug_in(station, "80")
    async with garage.open() as station:
        assert await garage.status(station, "Charging") == 80
        await station.stop(first, garage.now())
        assert await garage.status(station, "Available") is None


async def test_a_car_that_left_while_nobody_looked_takes_its_charge_along(garage: Garage) -> None:
    async with garage.open() as station:
        first = await garage.plug_in(station, "80")
    async with garage.open() as station:
        await garage.status(station, "Available")
        await station.stop(first, garage.now())
        await garage.settle()
        await garage.plug_in(station)
        assert await garage.settle() is None

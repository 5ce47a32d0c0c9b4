"""What a car gives back overloads no fuse, flows nowhere it may not, and needs a meter that says so."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CircuitConfig, LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import EvseState
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, Phases
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import MeterReading
from simulator.ocpp2.options import StationOptions2, Version
from simulator.plant.car import Car, CarModel
from simulator.simulated_site import SimulatedSite
from tests.engine.csms_stations.conftest import SETTINGS
from tests.manual_clock import ManualClock

KEY = EvseKey("CP1", 1)
W_PER_A = 690.0
HOUSE = SiteConfig("site", "Home", fuse_a=25.0, has_meter=True)


@dataclass
class Home:
    """A site with a car that can give, whose meters say what a test wants."""

    site: Site
    clock: ManualClock
    simulated: SimulatedSite
    grid: MeterReading | None = None
    circuit: MeterReading | None = None

    @property
    def evse(self) -> EvseState:
        return self.site.station("CP1").state.evses[1]

    @property
    def flow_a(self) -> float:
        return self.simulated.stations2["CP1"].evses[1].outlet.current_a[0]

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            for reading, take in ((self.grid, None), (self.circuit, "shed")):
                if reading is None:
                    continue
                now = replace(reading, at=self.clock.now())
                if take is None:
                    self.site.set_grid_reading(now)
                else:
                    self.site.set_circuit_reading(take, now)
            await self.clock.advance(1.0, settle=0.001)

    async def until(self, condition: Callable[[], bool], within_s: float = 120.0) -> None:
        for _ in range(int(within_s)):
            if condition():
                return
            await self.pass_time(1)
        assert condition()

    async def order(self, power_w: float) -> None:
        task = asyncio.create_task(self.site.set_setpoint(KEY, power_w, 3600.0))
        await self.until(task.done)
        await task


@asynccontextmanager
async def home(path: Path, config: SiteConfig, circuit_id: str = "") -> AsyncGenerator[Home]:
    clock = ManualClock()
    ledger = await Ledger.open(path / "ledger.db")
    records = ledger.site("site")
    csms = CentralSystem(
        clock=clock,
        transactions=records,
        memory=records,
        authorizer=AcceptEveryone(),
        lease=LeaseTimes(),
        settings=SETTINGS,
    )
    site = Site(config, csms=csms, ledger=records, clock=clock)
    await site.start()
    port = await site.listen("127.0.0.1", 0)
    station = StationConfig("CP1", "Garage", allow_without_password=True, max_current_a=16.0)
    await site.add_charger(replace(station, circuit_id=circuit_id) if circuit_id else station)
    await site.set_mode(KEY, ChargeMode.FAST)
    options = StationOptions2("CP1", f"ws://127.0.0.1:{port}", Version.V21, two_way=True, max_a=16.0)
    simulated = SimulatedSite([options], cars={("CP1", 1): Car(CarModel(discharge_a=16.0))}, clock=clock)
    try:
        async with simulated:
            it = Home(site, clock, simulated, MeterReading(clock.now(), current_a=Phases.each(1.0)))
            if circuit_id:
                it.circuit = MeterReading(clock.now(), current_a=Phases.each(1.0))
            await it.until(lambda: site.station("CP1").state.connected)
            simulated.stations2["CP1"].plug(True)
            await it.until(lambda: it.evse.charging_needs is not None and it.evse.applied is not None)
            await it.until(lambda: it.flow_a > 6.0)
            yield it
    finally:
        await site.stop()
        await ledger.close()
        await asyncio.sleep(0)


async def test_a_car_gives_to_the_house_until_the_connection_is_full(tmp_path: Path, socket_enabled: None) -> None:
    async with home(tmp_path, HOUSE) as it:
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(20.0))
        await it.order(-10 * W_PER_A)
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(-20.0))
        await it.until(lambda: it.flow_a == pytest.approx(-10.0, abs=0.1))
        it.grid = MeterReading(it.clock.now(), current_a=Phases(-20.0, -25.5, -20.0))
        await it.until(lambda: it.evse.set_point is None, within_s=3)
        await it.until(lambda: it.flow_a > 0)


async def test_more_than_the_fuse_has_room_for_is_refused(tmp_path: Path, socket_enabled: None) -> None:
    async with home(tmp_path, HOUSE) as it:
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(-4.0))  # while the car takes some 16 A
        await it.pass_time(30)
        with pytest.raises(CommandError, match="can be given back at most now") as error:
            await it.site.set_setpoint(KEY, -10 * W_PER_A, 600.0)
        assert error.value.code is CommandErrorCode.INVALID
        assert it.evse.set_point is None


async def test_a_meter_without_directions_may_stand_for_giving(tmp_path: Path, socket_enabled: None) -> None:
    async with home(tmp_path, HOUSE) as it:
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(20.0), power_w=-13_800.0)
        await it.pass_time(30)
        with pytest.raises(CommandError, match="at most now"):
            await it.site.set_setpoint(KEY, -8 * W_PER_A, 600.0)


async def test_without_a_live_meter_nothing_is_given(tmp_path: Path, socket_enabled: None) -> None:
    async with home(tmp_path, HOUSE) as it:
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(20.0))
        await it.order(-5 * W_PER_A)
        it.grid = None
        await it.until(lambda: it.evse.set_point is None, within_s=300)
        with pytest.raises(CommandError, match="live grid meter"):
            await it.site.set_setpoint(KEY, -100.0, 600.0)


async def test_where_nothing_may_flow_out_a_car_gives_what_the_house_takes(
    tmp_path: Path, socket_enabled: None
) -> None:
    config = replace(HOUSE, solar=replace(HOUSE.solar, zero_export=True))
    async with home(tmp_path, config) as it:
        it.grid = MeterReading(it.clock.now(), power_w=8_000.0)
        await it.pass_time(15)
        with pytest.raises(CommandError, match="at most now"):
            await it.site.set_setpoint(KEY, -10 * W_PER_A, 600.0)
        it.grid = MeterReading(it.clock.now(), power_w=16_000.0)
        await it.pass_time(2)
        await it.order(-1_000.0)
        it.grid = MeterReading(it.clock.now(), power_w=-100.0)
        await it.pass_time(5)
        assert it.evse.set_point is not None
        it.grid = MeterReading(it.clock.now(), power_w=-500.0)
        await it.until(lambda: it.evse.set_point is None, within_s=3)


@pytest.mark.parametrize("metered", [True, False])
async def test_a_circuit_on_the_way_counts_too(tmp_path: Path, metered: bool, socket_enabled: None) -> None:
    shed = CircuitConfig("shed", "Shed", fuse_a=16.0, has_meter=metered)
    async with home(tmp_path, replace(HOUSE, circuits=(shed,)), "shed") as it:
        it.grid = MeterReading(it.clock.now(), current_a=Phases.each(20.0))
        it.circuit = MeterReading(it.clock.now(), current_a=Phases.each(12.0)) if metered else None
        await it.pass_time(30)
        await it.order(-5 * W_PER_A)
        if not metered:
            return
        it.circuit = MeterReading(it.clock.now(), current_a=Phases.each(-17.0))
        await it.until(lambda: it.evse.set_point is None, within_s=3)

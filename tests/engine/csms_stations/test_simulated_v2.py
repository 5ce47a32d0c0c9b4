"""Simulated stations of OCPP 2.0.1 and 2.1, which share no code with the central system, are led from boot to bill."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.state import EvseState, Obedience, StationState, StepStatus
from custom_components.smart_charging.engine.model import EvseStatus
from simulator.ocpp2.evse import Evse
from simulator.ocpp2.options import StationOptions2, Version
from simulator.ocpp2.quirks import Quirks2
from simulator.ocpp2.station import SimulatedStation2
from simulator.plant.car import Car, CarModel
from simulator.plant.grid import GridSupply
from simulator.simulated_site import Premises, SimulatedSite
from tests.engine.csms_stations.conftest import SETTINGS
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.manual_clock import ManualClock

LEASE = LeaseTimes(hold_s=40.0, renew_s=15.0)
CONFIG = StationConfig("CP1", "Garage", allow_without_password=True, max_current_a=16.0)
VERSIONS = pytest.mark.parametrize("version", list(Version), ids=lambda version: version.value)


@dataclass
class Pair2:
    """A central system and one simulated station on one clock."""

    csms: CentralSystem
    site: SimulatedSite
    clock: ManualClock
    store: MemoryStore

    @property
    def station(self) -> SimulatedStation2:
        return self.site.stations2["CP1"]

    @property
    def outlet_a(self) -> float:
        return max(self.real.outlet.current_a)

    @property
    def real(self) -> Evse:
        return self.station.evses[1]

    @property
    def state(self) -> StationState:
        return self.csms.stations["CP1"].state

    @property
    def evse(self) -> EvseState:
        return self.state.evses[1]

    @property
    def set_up(self) -> bool:
        steps = self.state.setup
        return steps != () and all(step.status is not StepStatus.PENDING for step in steps)

    def limit(self, current_a: float, safe_a: float = 6.0, phases: int | None = None) -> None:
        self.csms.stations["CP1"].set_limit(1, current_a, safe_a, phases)

    async def until(self, condition: Callable[[], bool], within_s: float) -> None:
        for _ in range(int(within_s * 4)):
            if condition():
                return
            await self.clock.advance(0.25, settle=0.001)
        assert condition()

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds, settle=0.001)

    async def charge(self, limit_a: float = 16.0) -> None:
        """Set the station up, plug a car in and let it charge at a limit."""
        await self.until(lambda: self.set_up, 60)
        self.limit(limit_a)
        self.station.plug(True)
        await self.until(lambda: self.outlet_a == pytest.approx(limit_a, abs=0.1), 120)


@asynccontextmanager
async def pair(version: Version, car: CarModel = CarModel(), **options: Any) -> AsyncGenerator[Pair2]:
    clock, store = ManualClock(), MemoryStore()
    csms = CentralSystem(
        clock=clock, transactions=store, memory=store, authorizer=store, lease=LEASE, settings=SETTINGS
    )
    port = await csms.start("127.0.0.1", 0)
    await csms.add_station(CONFIG)
    options = {"max_a": 16.0, **options}
    station = StationOptions2(station_id="CP1", url=f"ws://127.0.0.1:{port}", version=version, **options)
    site = SimulatedSite(
        [station],
        cars={("CP1", 1): Car(car)},
        premises=Premises(supply=GridSupply(impedance_ohm=0.0)),
        clock=clock,
    )
    async with site:
        try:
            yield Pair2(csms, site, clock, store)
        finally:
            await csms.stop()
            await asyncio.sleep(0)


@VERSIONS
async def test_it_is_set_up_without_a_failing_step(version: Version, socket_enabled: None) -> None:
    async with pair(version, evses=2) as it:
        await it.until(lambda: it.set_up, 60)
        assert {step.name: step.status for step in it.state.setup if step.status is StepStatus.FAILED} == {}
        assert it.state.protocol == version.value
        assert it.state.capabilities.connectors == 2
        assert set(it.state.evses) == {1, 2}
        assert it.state.deviations == {}
        assert it.evse.status is EvseStatus.AVAILABLE


@VERSIONS
async def test_it_follows_each_limit_and_its_energy_is_what_its_meter_says(
    version: Version, socket_enabled: None
) -> None:
    async with pair(version) as it:
        await it.charge(16.0)
        for limit_a in (8.0, 12.5, 6.0):
            it.limit(limit_a)
            await it.until(lambda at=limit_a: it.outlet_a == pytest.approx(at, abs=0.1), 60)  # type: ignore[misc]
        it.limit(0.0)
        await it.until(lambda: it.outlet_a == 0.0, 30)
        await it.until(lambda: it.evse.status is EvseStatus.SUSPENDED_EVSE, 30)
        it.limit(10.0)
        await it.until(lambda: it.outlet_a == pytest.approx(10.0, abs=0.1), 90)
        await it.until(lambda: it.evse.obedience is Obedience.OBEYS, 90)
        await it.pass_time(600)
        it.station.plug(False)
        await it.until(lambda: it.evse.transaction is None and it.evse.status is EvseStatus.AVAILABLE, 30)
        (kept,) = it.store.transactions.values()
        assert kept.stopped_at is not None
        assert kept.meter_stop_wh is not None
        assert kept.meter_start_wh is not None
        assert it.real.outlet.energy_wh > 1000.0
        assert kept.meter_stop_wh - kept.meter_start_wh == pytest.approx(it.real.outlet.energy_wh, abs=2)
        assert it.state.deviations == {}


@VERSIONS
async def test_it_falls_to_the_safe_current_by_itself(version: Version, socket_enabled: None) -> None:
    async with pair(version) as it:
        await it.charge(16.0)
        it.site.diallers2["CP1"].disconnect()
        await it.until(lambda: it.outlet_a == pytest.approx(6.0, abs=0.1), 60)
        it.site.diallers2["CP1"].reconnect()
        await it.until(lambda: it.outlet_a == pytest.approx(16.0, abs=0.1), 90)


@VERSIONS
async def test_a_reboot_in_mid_session_ends_with_the_limit_written_again(
    version: Version, socket_enabled: None
) -> None:
    async with pair(version, quirks=Quirks2(loses_profiles_on_reboot=True)) as it:
        await it.charge(10.0)
        it.station.reboot()
        await it.until(lambda: not it.state.connected, 30)
        await it.until(lambda: it.state.connected and it.set_up, 120)
        await it.until(lambda: it.outlet_a == pytest.approx(10.0, abs=0.1), 180)


@VERSIONS
async def test_what_happened_offline_is_kept_with_its_own_times(version: Version, socket_enabled: None) -> None:
    async with pair(version) as it:
        await it.until(lambda: it.set_up, 60)
        it.site.diallers2["CP1"].disconnect()
        await it.until(lambda: not it.state.connected, 30)
        begun = it.clock.now()
        it.station.plug(True)
        await it.pass_time(600)
        it.station.plug(False)
        await it.pass_time(600)
        it.site.diallers2["CP1"].reconnect()
        await it.until(lambda: any(tx.stopped_at for tx in it.store.transactions.values()), 120)
        (kept,) = it.store.transactions.values()
        assert abs((kept.started_at - begun).total_seconds()) < 30
        assert kept.stopped_at is not None
        assert 500 < (kept.stopped_at - kept.started_at).total_seconds() < 700


async def test_a_station_that_accepts_and_does_not_obey_is_seen(socket_enabled: None) -> None:
    async with pair(Version.V201, quirks=Quirks2(ignores_profiles=True)) as it:
        await it.until(lambda: it.set_up, 60)
        it.limit(8.0)
        it.station.plug(True)
        await it.until(lambda: it.evse.obedience is Obedience.IGNORES, 180)


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks2(seq_no_always_zero=True),
        Quirks2(started_twice=True),
        Quirks2(ended_without_started=True),
        Quirks2(no_id_token=True),
        Quirks2(never_offline=True),
        Quirks2(energy_multiplier=3),
        Quirks2(extra_key_in_profile_report=True),
        Quirks2(boots_on_reconnect=True),
    ],
    ids=lambda quirks: next(name for name in quirks.__slots__ if getattr(quirks, name) != getattr(Quirks2(), name)),
)
async def test_a_station_with_a_habit_of_its_own_is_led_and_billed(quirks: Quirks2, socket_enabled: None) -> None:
    async with pair(Version.V201, quirks=quirks) as it:
        await it.charge(10.0)
        await it.pass_time(300)
        it.station.plug(False)
        await it.until(lambda: any(tx.stopped_at for tx in it.store.transactions.values()), 60)
        (kept,) = it.store.transactions.values()
        assert kept.meter_stop_wh is not None
        charged_wh = kept.meter_stop_wh - (kept.meter_start_wh or 0)
        assert charged_wh == pytest.approx(10.0 * 690 * 300 / 3600, rel=0.25) or quirks.ended_without_started


async def test_it_is_brought_to_one_phase_and_back(socket_enabled: None) -> None:
    async with pair(Version.V201, switches_phases=True, switch_pause_s=5.0) as it:
        await it.charge(8.0)
        it.limit(12.0, phases=1)
        await it.until(lambda: it.real.outlet.current_a == pytest.approx((12.0, 0.0, 0.0), abs=0.1), 120)
        it.limit(8.0, phases=3)
        await it.until(lambda: it.real.outlet.current_a == pytest.approx((8.0, 8.0, 8.0), abs=0.1), 120)


async def test_a_local_limit_is_known_to_the_central_system(socket_enabled: None) -> None:
    async with pair(Version.V201) as it:
        await it.charge(16.0)
        it.station.set_local_limit(9.0)
        await it.until(lambda: it.state.limited_elsewhere_a == {0: pytest.approx(9.0)}, 30)
        it.station.set_local_limit(None)
        await it.until(lambda: it.state.limited_elsewhere_a == {}, 30)

"""A central system on a real socket whose clock a test moves by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem, CsmsSettings
from custom_components.smart_charging.engine.csms.certificates import CertificateSigner
from custom_components.smart_charging.engine.csms.server import ServerSettings
from custom_components.smart_charging.engine.csms.state import EvseState, StationEvent, StationEventType, UnknownStation
from custom_components.smart_charging.engine.csms.station import Station
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import RawStation
from tests.manual_clock import ManualClock

SETTINGS = CsmsSettings(server=ServerSettings(ping_interval_s=1e9, messages_per_s=1e6, message_burst=10**6))


@dataclass
class Bench:
    """The central system under test with what surrounds it."""

    csms: CentralSystem
    clock: ManualClock
    store: MemoryStore
    port: int = 0
    events: list[StationEvent] = field(default_factory=list)
    unknown: list[UnknownStation] = field(default_factory=list)
    clients: list[RawStation] = field(default_factory=list)

    def now(self, seconds: float = 0.0) -> str:
        """Return the time so many seconds from now as a station writes it."""
        return (self.clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def dial(self, station_id: str = "CP1", *, password: str | None = None) -> RawStation:
        """Connect a station."""
        client = RawStation(station_id)
        self.clients.append(client)
        await client.connect(self.port, password=password)
        return client

    async def ready(self, client: RawStation | None = None) -> RawStation:
        """Connect and boot a station, and wait for the end of its set-up."""
        client = client or await self.dial()
        await client.boot()
        await self.until(lambda: client.sent("TriggerMessage")[-1:] == [METER_TRIGGER])
        await self.until(lambda: all(step.status != "pending" for step in self.station.state.setup))
        return client

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, without the clock moving."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, letting data in sockets arrive after each timer."""
        await self.clock.advance(seconds, settle=0.003)

    @property
    def station(self) -> Station:
        return self.csms.stations["CP1"]

    @property
    def evse(self) -> EvseState:
        return self.station.state.evses[1]

    def told(self, kind: StationEventType) -> list[StationEvent]:
        return [event for event in self.events if event.type is kind]


METER_TRIGGER = {"requestedMessage": "MeterValues", "connectorId": 1}
CONFIG = StationConfig("CP1", "Garage", allow_without_password=True, max_current_a=16.0)


def make_bench(
    store: MemoryStore, clock: ManualClock, lease: LeaseTimes, signer: CertificateSigner | None = None
) -> Bench:
    csms = CentralSystem(
        clock=clock, transactions=store, memory=store, authorizer=store, lease=lease, settings=SETTINGS, signer=signer
    )
    bench = Bench(csms, clock, store)
    csms.subscribe(bench.events.append)
    csms.subscribe_unknown(bench.unknown.append)
    return bench


@pytest.fixture
async def empty_bench(socket_enabled: None) -> AsyncGenerator[Bench]:
    """A listening central system without stations."""
    bench = make_bench(MemoryStore(), ManualClock(), LeaseTimes())
    bench.port = await bench.csms.start("127.0.0.1", 0)
    yield bench
    for client in bench.clients:
        await client.close()
    await bench.csms.stop()


@pytest.fixture
async def bench(empty_bench: Bench) -> Bench:
    """A listening central system with the station CP1."""
    await empty_bench.csms.add_station(CONFIG)
    return empty_bench

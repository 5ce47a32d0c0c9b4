"""A station with two central systems: ours, whose clock a test moves, and an independent one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import ipaddress
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.connection import Connection, MessageHandler
from custom_components.smart_charging.engine.csms.relay.hook import RelayAuthorizer, RelayTap
from custom_components.smart_charging.engine.csms.relay.limits import RelayEvent
from custom_components.smart_charging.engine.csms.relay.link import open_http
from custom_components.smart_charging.engine.csms.relay.session import RelaySession, RelaySurroundings
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from custom_components.smart_charging.engine.model import StoreError
from custom_components.smart_charging.engine.relay_config import RelayConfig, RelayPolicy, Secret
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import RawStation
from tests.manual_clock import ManualClock

from .second_system import SecondSystem

PASSWORD = b"correct horse\xff battery"


class MemoryRelayStore:
    """Lines in memory; fulfils `RelayStore`."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.appends = 0
        self.replaces = 0
        self.broken = False
        self.hold: asyncio.Event | None = None

    async def read(self) -> list[bytes]:
        if self.broken:
            raise StoreError("broken")
        return list(self.lines)

    async def append(self, lines: Sequence[bytes]) -> None:
        await self._work()
        self.appends += 1
        self.lines += lines

    async def replace(self, lines: Sequence[bytes]) -> None:
        await self._work()
        self.replaces += 1
        self.lines = list(lines)

    async def _work(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.broken:
            raise StoreError("broken")


class RelayedCentralSystem(CentralSystem):
    """Our central system with sessions put in by a test, which keeps their stores."""

    lent: dict[str, RelaySession]

    async def connected(self, connection: Connection) -> MessageHandler:
        handler = await super().connected(connection)
        relay = self.lent.get(connection.info.station_id)
        if relay is None:
            return handler
        relay.set_online(True)
        return RelayTap(handler, relay)

    async def disconnected(self, connection: Connection) -> None:
        await super().disconnected(connection)
        relay = self.lent.get(connection.info.station_id)
        if relay is not None and self.stations[connection.info.station_id].connection is None:
            relay.set_online(False)


@dataclass
class RelayBench(Bench):
    """A bench with a second central system and a relay to it."""

    second: SecondSystem = field(default_factory=SecondSystem)
    kept: MemoryRelayStore = field(default_factory=MemoryRelayStore)
    heard: list[RelayEvent] = field(default_factory=list)
    http: aiohttp.ClientSession | None = None
    relays: dict[str, RelaySession] = field(default_factory=dict)

    @property
    def relay(self) -> RelaySession:
        return self.relays["CP1"]

    async def relay_to(self, **changes: Any) -> RelaySession:
        """Begin to relay the station."""
        config = RelayConfig(
            **{
                "url": self.second.url,
                "password": Secret(PASSWORD),
                "policy": RelayPolicy.ALL_BUT_LIMITS,
                "allow_unencrypted": True,
                **changes,
            }
        )
        assert self.http is not None
        around = RelaySurroundings(self.clock, self.http, self.heard.append, jitter=lambda: 0.0)
        station = self.csms.stations["CP1"]._core
        relay = RelaySession("CP1", config, station, self.kept, schemas_of("ocpp1.6"), around)
        self.relays["CP1"] = relay
        await relay.start()
        return relay

    async def station_and_relay(self, **changes: Any) -> RawStation:
        """Connect and set up the station, and wait until the second central system knows it."""
        await self.relay_to(**changes)
        station = await self.ready()
        await self.until(lambda: self.relay.state.accepted)
        await self.drained()
        return station

    async def drained(self) -> None:
        await self.until(lambda: self.relay.state.waiting == 0)


type RelayTo = Callable[..., Awaitable[RelaySession]]


@pytest.fixture
async def bench(socket_enabled: None) -> AsyncGenerator[RelayBench]:
    store, clock = MemoryStore(), ManualClock()
    relays: dict[str, RelaySession] = {}
    csms = RelayedCentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=RelayAuthorizer(store, relays),
        lease=LeaseTimes(),
        settings=SETTINGS,
    )
    csms.lent = relays
    bench = RelayBench(csms, clock, store, relays=relays)
    csms.subscribe(bench.events.append)
    bench.port = await csms.start("127.0.0.1", 0)
    await csms.add_station(CONFIG)
    await bench.second.start()
    bench.http = open_http()
    yield bench
    for client in bench.clients:
        await client.close()
    await csms.stop()
    for relay in relays.values():
        await relay.stop()
    await bench.second.stop()
    await bench.http.close()
    assert bench.second.errors == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path

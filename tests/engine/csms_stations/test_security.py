"""A station's password is changed, its certificate signed, and what it proved once is asked of it for good."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
import ssl

import aiohttp
from aiohttp import web
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, SecurityProfile, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.certificates import SigningRefused, SigningRequest
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.tls import server_context
from custom_components.smart_charging.engine.csms.turned_away import MAX_STRANGERS, Obstacle
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import RawStation
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.manual_clock import ManualClock

PASSWORD = "old-password-16b"
HASHED = hash_password(PASSWORD)
LEASE = LeaseTimes(hold_s=120.0, renew_s=40.0)


@dataclass
class Signer:
    """An authority that signs what is no refusal."""

    refuses: bool = False
    asked: list[SigningRequest] = field(default_factory=list)
    results: list[tuple[str, bool]] = field(default_factory=list)

    async def sign(self, request: SigningRequest) -> str:
        self.asked.append(request)
        if self.refuses:
            raise SigningRefused("not now")
        return f"chain for {request.csr}"

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        self.results.append((station_id, accepted))


@pytest.fixture
async def signing(socket_enabled: None) -> AsyncGenerator[tuple[Bench, Signer]]:
    clock, store, signer = ManualClock(), MemoryStore(), Signer()
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LEASE,
        settings=SETTINGS,
        signer=signer,
    )
    bench = Bench(csms, clock, store)
    bench.port = await csms.start("127.0.0.1", 0)
    await csms.add_station(CONFIG)
    yield bench, signer
    for client in bench.clients:
        await client.close()
    await csms.stop()


STATIONS = pytest.mark.parametrize("kind", [RawStation, RawStation2], ids=["1.6", "2.0.1"])


async def dial(bench: Bench, kind: type[RawStation], password: str | None = None) -> RawStation:
    client = kind("CP1")
    bench.clients.append(client)
    await client.connect(bench.port, password=password)
    await bench.until(lambda: bench.station.state.connected)
    return client


@STATIONS
async def test_a_request_is_signed_and_the_certificate_follows_the_answer(
    signing: tuple[Bench, Signer], kind: type[RawStation]
) -> None:
    bench, signer = signing
    client = await dial(bench, kind)
    assert await client.ask("SignCertificate", {"csr": "mine"}) == {"status": "Accepted"}
    await bench.until(lambda: signer.results == [("CP1", True)])
    (signed,) = client.sent("CertificateSigned")
    assert signed["certificateChain"] == "chain for mine"
    assert signer.asked == [SigningRequest("CP1", "mine")]


@STATIONS
async def test_a_certificate_that_the_station_will_not_have_is_reported_as_such(
    signing: tuple[Bench, Signer], kind: type[RawStation]
) -> None:
    bench, signer = signing
    client = await dial(bench, kind)
    client.answers["CertificateSigned"] = {"status": "Rejected"}
    await client.ask("SignCertificate", {"csr": "mine"})
    await bench.until(lambda: signer.results == [("CP1", False)])


@STATIONS
async def test_what_is_not_signed_is_rejected_and_nothing_follows(
    signing: tuple[Bench, Signer], kind: type[RawStation]
) -> None:
    bench, signer = signing
    signer.refuses = True
    client = await dial(bench, kind)
    assert await client.ask("SignCertificate", {"csr": "mine"}) == {"status": "Rejected"}
    await client.ask("Heartbeat")
    assert client.sent("CertificateSigned") == []


@STATIONS
async def test_a_station_is_made_to_ask_for_a_certificate(
    signing: tuple[Bench, Signer], kind: type[RawStation]
) -> None:
    bench, _ = signing
    client = await dial(bench, kind)
    await bench.station.access.renew_certificate()
    if kind is RawStation:
        assert client.sent("ExtendedTriggerMessage") == [{"requestedMessage": "SignChargePointCertificate"}]
    else:
        assert {"requestedMessage": "SignChargingStationCertificate"} in client.sent("TriggerMessage")


async def test_without_an_authority_nobody_is_made_to_ask(bench: Bench) -> None:
    await bench.dial()
    with pytest.raises(CommandError) as refusal:
        await bench.station.access.renew_certificate()
    assert refusal.value.code is CommandErrorCode.NOT_SUPPORTED


@pytest.mark.parametrize(("kind", "setting"), [(RawStation, "ChangeConfiguration"), (RawStation2, "SetVariables")])
async def test_a_random_password_replaces_the_old_one(empty_bench: Bench, kind: type[RawStation], setting: str) -> None:
    bench = empty_bench
    config = StationConfig("CP1", "Garage", password_hash=HASHED)
    await bench.csms.add_station(config)
    with pytest.raises(CommandError, match="not_connected"):
        await bench.station.access.rotate_password()
    client = await dial(bench, kind, PASSWORD)
    hashed = await bench.station.access.rotate_password()
    told = client.sent(setting)[-1]
    new = told["value"] if kind is RawStation else told["setVariableData"][0]["attributeValue"]
    assert len(new) == 40
    await bench.csms.update_station(replace(config, password_hash=hashed))
    assert set(bench.station.access.password_hashes) == {hashed, HASHED}
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await dial(bench, kind, new)
    assert bench.station.access.password_hashes == (hashed,)


async def test_a_change_that_was_under_way_before_an_update_of_the_software_goes_on(empty_bench: Bench) -> None:
    bench = empty_bench
    bench.store.learnt["CP1"] = {"previous_password": HASHED, "next_password": hash_password("told-password-16")}
    config = StationConfig("CP1", "Garage", password_hash=hash_password("new-password-16b"))
    await bench.csms.add_station(config)
    assert len(bench.station.access.password_hashes) == 3
    await dial(bench, RawStation, PASSWORD)
    assert len(bench.station.access.password_hashes) == 3
    bench.clients.append(client := RawStation("CP1"))
    await client.connect(bench.port, password="new-password-16b")
    await bench.until(lambda: bench.station.access.password_hashes == (config.password_hash,))
    assert "previous_password" not in bench.store.learnt["CP1"]


@dataclass
class TwoDoors:
    """A central system with a port of its own that speaks TLS, and a web server beside it that does not."""

    bench: Bench
    plain_port: int
    trust: ssl.SSLContext

    async def enters(self, *, secured: bool) -> bool:
        url = f"https://127.0.0.1:{self.bench.port}" if secured else f"http://127.0.0.1:{self.plain_port}"
        headers = {"Authorization": aiohttp.encode_basic_auth("CP1", PASSWORD)}
        async with aiohttp.ClientSession() as session:
            try:
                socket = await session.ws_connect(
                    f"{url}/CP1", protocols=("ocpp1.6",), headers=headers, ssl=self.trust if secured else True
                )
            except aiohttp.WSServerHandshakeError:
                return False
            await self.bench.until(lambda: self.bench.station.state.connected)
            await socket.close()
            await self.bench.until(lambda: not self.bench.station.state.connected)
            return True


@pytest.fixture
async def doors(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[TwoDoors]:
    now = datetime.now(UTC)
    authority = CertificateAuthority.create(tmp_path / "authority", "Home", now)
    context = server_context(authority.issue_server(["127.0.0.1"], now))
    clock, store = ManualClock(now), MemoryStore()
    csms = CentralSystem(
        clock=clock, transactions=store, memory=store, authorizer=store, lease=LEASE, settings=SETTINGS
    )
    bench = Bench(csms, clock, store)
    bench.port = await csms.start("127.0.0.1", 0, context)
    beside = web.ServerRunner(web.Server(csms.handle))
    await beside.setup()
    site = web.TCPSite(beside, "127.0.0.1", 0)
    await site.start()
    plain_port = beside.addresses[0][1]
    yield TwoDoors(bench, plain_port, ssl.create_default_context(cadata=authority.root_pem))
    await csms.stop()
    await beside.cleanup()


WANTS_TLS = StationConfig("CP1", "Garage", password_hash=HASHED, security_profile=SecurityProfile.TLS_BASIC)
ANY_LINE = replace(WANTS_TLS, security_profile=SecurityProfile.BASIC)


async def test_a_station_that_spoke_tls_is_refused_without_until_the_user_asks_for_less(doors: TwoDoors) -> None:
    csms = doors.bench.csms
    await csms.add_station(ANY_LINE)
    assert await doors.enters(secured=False)
    assert await doors.enters(secured=True)
    assert not await doors.enters(secured=False)
    await csms.update_station(WANTS_TLS)
    assert not await doors.enters(secured=False)
    await csms.update_station(ANY_LINE)
    assert await doors.enters(secured=False)


async def test_a_standing_socket_that_proved_less_ends_when_more_is_asked_for(doors: TwoDoors) -> None:
    bench, headers = doors.bench, {"Authorization": aiohttp.encode_basic_auth("CP1", PASSWORD)}
    await bench.csms.add_station(ANY_LINE)
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{doors.plain_port}/CP1"
        async with session.ws_connect(url, protocols=("ocpp1.6",), headers=headers) as socket:
            await bench.until(lambda: bench.station.state.connected)
            await bench.csms.update_station(replace(ANY_LINE, name="Carport"))
            assert bench.station.connection is not None
            await bench.csms.update_station(WANTS_TLS)
            async with asyncio.timeout(5):
                while not socket.closed:
                    await socket.receive()
            assert socket.close_code == 1008
            await bench.until(lambda: not bench.station.state.connected)
    assert await doors.enters(secured=True)


async def test_a_standing_socket_that_proved_enough_stays_when_more_is_asked_for(doors: TwoDoors) -> None:
    bench, headers = doors.bench, {"Authorization": aiohttp.encode_basic_auth("CP1", PASSWORD)}
    await bench.csms.add_station(ANY_LINE)
    async with aiohttp.ClientSession() as session:
        url = f"https://127.0.0.1:{bench.port}/CP1"
        async with session.ws_connect(url, protocols=("ocpp1.6",), headers=headers, ssl=doors.trust):
            await bench.until(lambda: bench.station.state.connected)
            connection = bench.station.connection
            await bench.csms.update_station(WANTS_TLS)
            assert bench.station.connection is connection is not None
            assert not connection.closed


async def test_what_a_station_proved_outlives_a_restart_and_other_changes_of_it(doors: TwoDoors) -> None:
    bench = doors.bench
    await bench.csms.add_station(ANY_LINE)
    assert await doors.enters(secured=True)
    await bench.csms.update_station(replace(ANY_LINE, name="Carport"))
    assert not await doors.enters(secured=False)
    await bench.csms.stations["CP1"].forget_learnt()
    assert not await doors.enters(secured=False)
    assert bench.store.learnt["CP1"]["seen_profile"] == 2
    again = CentralSystem(
        clock=bench.clock,
        transactions=bench.store,
        memory=bench.store,
        authorizer=bench.store,
        lease=LEASE,
        settings=SETTINGS,
    )
    await again.add_station(ANY_LINE)
    assert again.admit("CP1", "127.0.0.1").security_profile is SecurityProfile.TLS_BASIC
    # The user turned TLS off for the whole site.
    await again.start("127.0.0.1", 0)
    assert again.admit("CP1", "127.0.0.1").security_profile is SecurityProfile.BASIC
    await again.stop()


async def test_a_station_that_is_removed_and_added_again_begins_anew(doors: TwoDoors) -> None:
    csms = doors.bench.csms
    await csms.add_station(ANY_LINE)
    assert await doors.enters(secured=True)
    await csms.remove_station("CP1")
    await csms.add_station(ANY_LINE)
    assert await doors.enters(secured=False)


async def test_a_station_that_may_do_without_a_password_again_is_let_in(doors: TwoDoors) -> None:
    csms = doors.bench.csms
    await csms.add_station(ANY_LINE)
    assert await doors.enters(secured=True)
    await csms.update_station(replace(ANY_LINE, password_hash=None, allow_without_password=True))
    assert csms.admit("CP1", "127.0.0.1").security_profile is SecurityProfile.NONE
    assert await doors.enters(secured=False)


async def dial_in_the_clear(port: int, station_id: str) -> None:
    """Ask for a WebSocket without TLS, whatever the port speaks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{station_id} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n".encode())
    with suppress(ConnectionError):
        await reader.read()
    writer.close()


async def test_who_dials_a_tls_port_in_the_clear_leaves_a_trace_until_it_enters(
    doors: TwoDoors, caplog: pytest.LogCaptureFixture
) -> None:
    bench = doors.bench
    await bench.csms.add_station(ANY_LINE)
    for station_id in ("CP1", "CP1", "<script>", "STRANGER"):
        await dial_in_the_clear(bench.port, station_id)
    await bench.until(lambda: len(bench.csms.turned_away.stations) == 2)
    assert bench.csms.turned_away.stations == {"CP1": Obstacle.NO_TLS, "STRANGER": Obstacle.NO_TLS}
    assert caplog.text.count("CP1 can't connect: it dials without TLS") == 1
    assert await doors.enters(secured=True)
    assert bench.csms.turned_away.stations == {"STRANGER": Obstacle.NO_TLS}
    await bench.pass_time(3601)
    assert bench.csms.turned_away.stations == {}


async def test_strangers_in_the_clear_are_a_bounded_number_and_never_crowd_out_who_is_known(doors: TwoDoors) -> None:
    bench = doors.bench
    await bench.csms.add_station(ANY_LINE)
    for number in range(MAX_STRANGERS + 3):
        await dial_in_the_clear(bench.port, f"X{number}")
    await dial_in_the_clear(bench.port, "CP1")
    await bench.until(lambda: "CP1" in bench.csms.turned_away.stations)
    assert len(bench.csms.turned_away.stations) == MAX_STRANGERS + 1


async def test_who_needs_tls_and_comes_in_the_clear_through_the_web_server_leaves_a_trace(doors: TwoDoors) -> None:
    await doors.bench.csms.add_station(WANTS_TLS)
    assert not await doors.enters(secured=False)
    assert doors.bench.csms.turned_away.stations == {"CP1": Obstacle.NO_TLS}


async def test_what_a_station_offers_is_known_and_a_pin_that_it_lacks_leaves_a_trace(doors: TwoDoors) -> None:
    bench = doors.bench
    assert bench.csms.turned_away.offered("CP1") == frozenset()
    await bench.csms.add_station(ANY_LINE)
    assert await doors.enters(secured=True)
    assert bench.csms.turned_away.offered("CP1") == {"ocpp1.6"}
    await bench.csms.update_station(replace(ANY_LINE, protocol="ocpp2.0.1"))
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": aiohttp.encode_basic_auth("CP1", PASSWORD)}
        url = f"https://127.0.0.1:{bench.port}/CP1"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
            await session.ws_connect(url, protocols=("ocpp1.6J", "x"), headers=headers, ssl=doors.trust)
    assert bench.csms.turned_away.stations == {"CP1": Obstacle.NO_VERSION}
    assert bench.csms.turned_away.offered("CP1") == {"ocpp1.6"}

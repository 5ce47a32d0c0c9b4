"""Logs come to us and firmware goes to stations: bytes over real HTTP, to and from peers that share no code with us."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
import hashlib
from pathlib import Path
import ssl
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.files import FileSettings
from custom_components.smart_charging.engine.csms.firmware_check import FirmwareCheckError, FirmwareFault
from custom_components.smart_charging.engine.csms.maintenance import FirmwareRequest, LogKind, LogRequest
from custom_components.smart_charging.engine.csms.state import StationEvent, StationEventType
from custom_components.smart_charging.engine.csms.station import Station
from custom_components.smart_charging.engine.csms.station_files import Firmware, StationFiles
from custom_components.smart_charging.engine.csms.transfer_progress import FirmwarePhase, UploadPhase
from simulator.ocpp.options import StationOptions
from simulator.ocpp2.options import StationOptions2, Version
from simulator.simulated_site import SimulatedSite
from tests.manual_clock import START, ManualClock
from tests.simulator.authority import Authority

from .conftest import CONFIG, SETTINGS
from .memory_store import MemoryStore
from .raw_station import RawStation
from .raw_station_2 import RawStation2

FIRMWARE = bytes(range(256)) * 3000
PEERS = pytest.mark.parametrize("version", ["1.6", *Version])


@dataclass
class Post:
    """A central system with a place for files, on a clock of the test's."""

    csms: CentralSystem
    clock: ManualClock
    port: int
    directory: Path
    session: aiohttp.ClientSession
    events: list[StationEvent] = field(default_factory=list)
    site: SimulatedSite | None = None

    @property
    def station(self) -> Station:
        return self.csms.stations["CP1"]

    @property
    def files(self) -> StationFiles:
        return self.station.operations.files

    @property
    def peer(self) -> Any:
        """The simulated station, of either version."""
        assert self.site is not None
        return {**self.site.stations, **self.site.stations2}["CP1"]

    @property
    def stored(self) -> list[Path]:
        return sorted(self.directory.glob("*.bin"))

    def told(self, kind: StationEventType) -> list[dict[str, Any]]:
        return [dict(event.details) for event in self.events if event.type is kind]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until the condition holds, but none while bytes are under way."""
        async with asyncio.timeout(30):
            while not condition():
                assert self.csms.files is not None
                moving = any(ticket.running for ticket in self.csms.files.desk._tickets.values())
                await self.clock.advance(0.0 if moving else 0.1, settle=0.003)

    async def status(self, method: str, url: str, **more: Any) -> int:
        async with self.session.request(method, url, **more) as response:
            await response.read()
            return response.status

    async def raw(self, client: RawStation) -> None:
        """Connect a station that a test speaks for."""
        await client.connect(self.port)
        await client.boot()
        await self.until(lambda: self.station.state.setup != () and self.settled)

    @property
    def settled(self) -> bool:
        return all(step.status != "pending" for step in self.station.state.setup)


@asynccontextmanager
async def post(directory: Path, tls: ssl.SSLContext | None = None, **settings: Any) -> AsyncGenerator[Post]:
    clock, store = ManualClock(), MemoryStore()
    files = FileSettings(directory / "received", **settings)
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=replace(SETTINGS, files=files),
    )
    port = await csms.start("127.0.0.1", 0, tls)
    await csms.add_station(CONFIG)
    async with aiohttp.ClientSession() as session:
        made = Post(csms, clock, port, files.directory, session)
        csms.subscribe(made.events.append)
        try:
            yield made
        finally:
            await csms.stop()


@asynccontextmanager
async def with_peer(directory: Path, version: str, firmware_root_pem: str = "") -> AsyncGenerator[Post]:
    async with post(directory) as made:
        url = f"ws://127.0.0.1:{made.port}"
        options: StationOptions | StationOptions2
        if version == "1.6":
            options = StationOptions("CP1", url, firmware_root_pem=firmware_root_pem)
        else:
            options = StationOptions2(
                station_id="CP1", url=url, version=Version(version), firmware_root_pem=firmware_root_pem
            )
        made.site = SimulatedSite([options], cars={}, clock=made.clock)
        async with made.site:
            await made.until(lambda: made.station.state.setup != () and made.settled)
            yield made


@pytest.fixture(autouse=True)
def sockets(socket_enabled: None) -> None:
    """Let the tests listen on 127.0.0.1."""


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    file = tmp_path / "2.0.0.bin"
    file.write_bytes(FIRMWARE)
    return file


def request(made: Post, **more: Any) -> FirmwareRequest:
    return FirmwareRequest("", made.clock.now(), **more)


def signed_by(maker: Authority, content: bytes = FIRMWARE) -> dict[str, str]:
    certificate, key_pem = maker.issue("Signer")
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()
    return {"signature": signature, "signing_certificate": certificate}


@PEERS
async def test_a_log_arrives_byte_for_byte_and_its_file_is_told(version: str, tmp_path: Path) -> None:
    async with with_peer(tmp_path, version) as made:
        made.peer.upkeep.journal.append("something happened")
        started = await made.files.get_log(LogRequest("", LogKind.SECURITY))
        await made.until(lambda: made.station.state.upload.phase is UploadPhase.UPLOADED)
        (file,) = made.stored
        content = file.read_bytes()
        assert content.splitlines()[1:] == [b"something happened"]
        (told,) = made.told(StationEventType.FILE_RECEIVED)
        assert told == {
            "transfer": started.transfer_id,
            "kind": "log",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "file": file.name,
        }
        assert made.station.state.upload.request_id == started.upload.request_id


@PEERS
async def test_diagnostics_arrive(version: str, tmp_path: Path) -> None:
    async with with_peer(tmp_path, version) as made:
        started = await made.files.get_diagnostics(LogRequest(""))
        assert started.upload.filename
        await made.until(lambda: made.station.state.upload.finished)
        assert b"of CP1" in made.stored[0].read_bytes()


@PEERS
async def test_a_station_installs_exactly_the_bytes_of_the_file(version: str, tmp_path: Path, firmware: Path) -> None:
    async with with_peer(tmp_path, version) as made:
        started = await made.files.update_firmware(request(made), Firmware(firmware))
        assert (started.size, started.sha256) == (len(FIRMWARE), hashlib.sha256(FIRMWARE).hexdigest())
        await made.until(lambda: made.station.state.firmware.phase is FirmwarePhase.INSTALLED)
        await made.until(lambda: made.station.state.firmware_version == "2.0.0")
        assert made.peer.upkeep.flashed == FIRMWARE
        await made.until(lambda: made.station.state.firmware_status == "Installed")
        (told,) = made.told(StationEventType.FIRMWARE_INSTALLED)
        assert told["version"] == "2.0.0"
        assert made.files.delivered_percent is None  # the link has ended


@PEERS
async def test_a_station_checks_the_signature_itself(version: str, tmp_path: Path, firmware: Path) -> None:
    maker = Authority("Maker", START)
    async with with_peer(tmp_path, version, maker.pem) as made:
        roots = x509.load_pem_x509_certificates(maker.pem.encode())
        await made.files.update_firmware(request(made, **signed_by(maker)), Firmware(firmware, roots))
        await made.until(lambda: made.station.state.firmware.phase is FirmwarePhase.INSTALLED)
        statuses = [event.station.firmware_status for event in made.events if event.type is StationEventType.FIRMWARE]
        assert "SignatureVerified" in statuses
        assert made.peer.upkeep.flashed == FIRMWARE


@PEERS
async def test_a_signature_that_does_not_fit_is_never_offered(version: str, tmp_path: Path, firmware: Path) -> None:
    maker = Authority("Maker", START)
    async with with_peer(tmp_path, version, maker.pem) as made:
        roots = x509.load_pem_x509_certificates(maker.pem.encode())
        for signed, trusted, fault in (
            (signed_by(maker, b"other"), roots, FirmwareFault.MISMATCH),
            (signed_by(maker, b"other"), None, FirmwareFault.MISMATCH),
            (signed_by(Authority("Stranger", START)), roots, FirmwareFault.UNTRUSTED),
        ):
            with pytest.raises(FirmwareCheckError) as refused:
                await made.files.update_firmware(request(made, **signed), Firmware(firmware, trusted))
            assert refused.value.fault is fault
        assert made.station.state.firmware_status is None
        assert made.files.delivered_percent is None


@PEERS
async def test_a_strangers_certificate_is_refused_by_the_station_where_we_have_no_root(
    version: str, tmp_path: Path, firmware: Path
) -> None:
    async with with_peer(tmp_path, version, Authority("Maker", START).pem) as made:
        stranger = signed_by(Authority("Stranger", START))
        with pytest.raises(CommandError) as refused:
            await made.files.update_firmware(request(made, **stranger), Firmware(firmware))
        assert refused.value.code is CommandErrorCode.REJECTED
        assert made.station.state.firmware.phase is FirmwarePhase.IDLE
        assert made.files.delivered_percent is None


@PEERS
async def test_a_failed_download_is_told(version: str, tmp_path: Path, firmware: Path) -> None:
    async with with_peer(tmp_path, version) as made:
        later = FirmwareRequest("", made.clock.now().replace(minute=1))
        await made.files.update_firmware(later, Firmware(firmware))
        firmware.write_bytes(b"something else")
        await made.until(lambda: made.station.state.firmware.failed)
        (told,) = made.told(StationEventType.FIRMWARE_FAILED)
        assert told["reason"] == "DownloadFailed"
        assert made.peer.upkeep.flashed is None


async def test_a_link_opens_once_and_only_for_its_purpose(tmp_path: Path) -> None:
    async with post(tmp_path) as made:
        client = RawStation2()
        await made.raw(client)
        try:
            await made.files.get_log(LogRequest(""))
            url = client.sent("GetLog")[0]["log"]["remoteLocation"]
            head, _, token = url.rpartition("/")
            assert url.startswith(f"http://127.0.0.1:{made.port}/transfer/CP1/")
            assert await made.status("GET", url) == 404
            assert await made.status("DELETE", url, data=b"x") == 404
            for wrong in (f"{head}/{token[::-1]}", f"{head}/x", head.replace("CP1", "CP2") + f"/{token}"):
                assert await made.status("PUT", wrong, data=b"x") == 404
            assert made.stored == []
            assert await made.status("PUT", f"{url}/name.log", data=b"kept") == 200
            assert await made.status("PUT", url, data=b"again") == 404
            assert [file.read_bytes() for file in made.stored] == [b"kept"]
        finally:
            await client.close()


async def test_too_large_an_upload_is_cut_off_and_nothing_of_it_stays(tmp_path: Path) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield bytes(1000)

    async with post(tmp_path, max_upload_bytes=50_000) as made:
        client = RawStation2()
        await made.raw(client)
        try:
            await made.files.get_log(LogRequest(""))
            url = client.sent("GetLog")[0]["log"]["remoteLocation"]
            try:
                status = await made.status("PUT", url, data=endless())
            except aiohttp.ClientError:
                status = 413  # the connection was cut before the answer was read
            assert status == 413
            await made.until(lambda: list(made.directory.iterdir()) == [])
            assert await made.status("PUT", url, data=b"x") == 404
        finally:
            await client.close()


async def test_who_guesses_links_is_held_off(tmp_path: Path) -> None:
    async with post(tmp_path) as made:
        wrong = f"http://127.0.0.1:{made.port}/transfer/CP1/{'A' * 43}"
        assert 429 in [await made.status("GET", wrong) for _ in range(200)]


async def test_a_path_that_looks_like_a_link_still_lets_a_station_in(tmp_path: Path) -> None:
    async with (
        post(tmp_path) as made,
        made.session.ws_connect(f"http://127.0.0.1:{made.port}/transfer/CP1", protocols=("ocpp1.6",)),
    ):
        await made.until(lambda: made.station.state.connected)


async def test_a_refusal_ends_the_link_and_an_answer_that_is_missing_does_not(tmp_path: Path) -> None:
    async with post(tmp_path) as made:
        client = RawStation2()
        await made.raw(client)
        try:
            client.answers["GetLog"] = {"status": "Rejected"}
            with pytest.raises(CommandError) as refused:
                await made.files.get_log(LogRequest(""))
            assert refused.value.code is CommandErrorCode.REJECTED
            url = client.sent("GetLog")[0]["log"]["remoteLocation"]
            assert await made.status("PUT", url, data=b"x") == 404
            client.answers["GetLog"] = lambda _: None
            asking = asyncio.create_task(made.files.get_log(LogRequest("")))
            await made.until(asking.done)
            with pytest.raises(CommandError):
                await asking
            url = client.sent("GetLog")[1]["log"]["remoteLocation"]
            assert await made.status("PUT", url, data=b"late") == 200
        finally:
            await client.close()


async def test_progress_follows_its_own_request_only(tmp_path: Path, firmware: Path) -> None:
    async with post(tmp_path) as made:
        client = RawStation2()
        await made.raw(client)
        try:
            started = await made.files.update_firmware(request(made), Firmware(firmware))
            url = client.sent("UpdateFirmware")[0]["firmware"]["location"]
            await client.ask("FirmwareStatusNotification", {"status": "DownloadFailed", "requestId": 1})
            assert await made.status("GET", url, headers={"Range": "bytes=0-383999"}) == 206
            ours = {"requestId": started.request_id}
            await client.ask("FirmwareStatusNotification", {"status": "Downloading", **ours})
            assert made.station.state.firmware.percent == pytest.approx(50.0)
            await client.ask("FirmwareStatusNotification", {"status": "Downloaded", **ours})
            assert await made.status("GET", url) == 404
            await client.ask("FirmwareStatusNotification", {"status": "Installing", **ours})
            await client.ask("BootNotification", boot("3.1"))
            assert made.station.state.firmware.phase is FirmwarePhase.INSTALLED
            assert made.told(StationEventType.FIRMWARE_INSTALLED)[0]["version"] == "3.1"
            await client.ask("FirmwareStatusNotification", {"status": "Installed", **ours})
            assert len(made.told(StationEventType.FIRMWARE_INSTALLED)) == 1
        finally:
            await client.close()


def boot(version: str) -> dict[str, Any]:
    station = {"vendorName": "Acme", "model": "Two", "firmwareVersion": version}
    return {"reason": "FirmwareUpdate", "chargingStation": station}


async def test_an_upload_that_failed_is_told_once(tmp_path: Path) -> None:
    async with post(tmp_path) as made:
        client = RawStation()
        await made.raw(client)
        try:
            client.answers["GetDiagnostics"] = {"fileName": "d.zip"}
            await made.files.get_diagnostics(LogRequest(""))
            for _ in range(2):
                await client.ask("DiagnosticsStatusNotification", {"status": "UploadFailed"})
            assert made.told(StationEventType.UPLOAD_FAILED) == [{"reason": "UploadFailed"}]
        finally:
            await client.close()


async def test_what_can_not_be_offered_is_refused(tmp_path: Path, firmware: Path) -> None:
    async with post(tmp_path, max_firmware_bytes=1000) as made:
        with pytest.raises(CommandError) as away:
            await made.files.update_firmware(request(made), Firmware(firmware))
        assert away.value.code is CommandErrorCode.NOT_CONNECTED
        client = RawStation()
        await made.raw(client)
        try:
            for file in (firmware, tmp_path / "missing.bin", tmp_path):
                with pytest.raises(FirmwareCheckError) as refused:
                    await made.files.update_firmware(request(made), Firmware(file))
                assert refused.value.fault is FirmwareFault.FILE
            with pytest.raises(CommandError) as half:
                await made.files.update_firmware(request(made, signature="c2ln"), Firmware(firmware))
            assert half.value.code is CommandErrorCode.INVALID
            assert client.sent("UpdateFirmware") == []
        finally:
            await client.close()


async def test_without_a_directory_that_can_be_written_nothing_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "received").write_text("in the way")
    async with post(tmp_path) as made:
        client = RawStation()
        await made.raw(client)
        try:
            with pytest.raises(CommandError) as refused:
                await made.files.get_diagnostics(LogRequest(""))
            assert refused.value.code is CommandErrorCode.FAILED
        finally:
            await client.close()


async def test_an_address_of_the_owners_choice_goes_before_the_one_dialled(tmp_path: Path) -> None:
    async with post(tmp_path, address="https://home.test/x") as made:
        client = RawStation()
        await made.raw(client)
        try:
            await made.files.get_diagnostics(LogRequest(""))
            assert client.sent("GetDiagnostics")[0]["location"].startswith("https://home.test/x/transfer/CP1/")
        finally:
            await client.close()


async def test_a_station_that_names_no_host_gets_no_link(tmp_path: Path) -> None:
    async with (
        post(tmp_path) as made,
        made.session.ws_connect(
            f"http://127.0.0.1:{made.port}/CP1", protocols=("ocpp1.6",), headers={"Host": "evil host/"}
        ),
    ):
        await made.until(lambda: made.station.state.connected)
        with pytest.raises(CommandError) as refused:
            await made.files.get_diagnostics(LogRequest(""))
        assert refused.value.code is CommandErrorCode.FAILED


async def test_over_tls_the_link_is_https(tmp_path: Path) -> None:
    authority = Authority("Site", datetime.now(UTC))
    trusting = ssl.create_default_context(cadata=authority.pem)
    async with post(tmp_path, tls=authority.server_context(tmp_path)) as made:
        url = f"https://127.0.0.1:{made.port}"
        async with made.session.ws_connect(f"{url}/CP1", protocols=("ocpp1.6",), ssl=trusting) as socket:
            await made.until(lambda: made.station.state.connected)
            asking = asyncio.create_task(made.files.get_diagnostics(LogRequest("")))
            location = (await asked(socket, "GetDiagnostics"))["location"]
            assert location.startswith(f"{url}/transfer/CP1/")
            assert await made.status("PUT", location, data=b"kept", ssl=trusting) == 200
            assert made.stored[0].read_bytes() == b"kept"
            await asking


async def asked(socket: aiohttp.ClientWebSocketResponse, action: str) -> dict[str, Any]:
    """Answer a call with nothing and return what it said."""
    while True:
        kind, number, name, payload = (await socket.receive_json())[:4]
        await socket.send_json([3, number, {}])
        if (kind, name) == (2, action):
            return dict(payload)


async def test_a_removed_station_takes_its_links_along(tmp_path: Path) -> None:
    async with post(tmp_path) as made:
        client = RawStation2()
        await made.raw(client)
        try:
            await made.files.get_log(LogRequest(""))
            url = client.sent("GetLog")[0]["log"]["remoteLocation"]
            await made.csms.remove_station("CP1")
            assert await made.status("PUT", url, data=b"x") == 404
        finally:
            await client.close()


async def test_closing_the_port_ends_an_upload_and_nothing_of_it_stays(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes]:
        yield b"half"
        begun.set()
        await asyncio.sleep(60)

    async with post(tmp_path) as made:
        client = RawStation2()
        await made.raw(client)
        await made.files.get_log(LogRequest(""))
        url = client.sent("GetLog")[0]["log"]["remoteLocation"]
        uploading = asyncio.create_task(made.status("PUT", url, data=slow()))
        await begun.wait()
        async with asyncio.timeout(5):
            while not list(made.directory.iterdir()):
                await asyncio.sleep(0.001)
        stopping = asyncio.create_task(made.csms.stop())
        await client.close()
        await stopping
        uploading.cancel()
        await asyncio.wait([uploading])
        assert list(made.directory.iterdir()) == []


async def test_a_central_system_without_a_place_for_files_offers_none(tmp_path: Path) -> None:
    clock, store = ManualClock(), MemoryStore()
    csms = CentralSystem(
        clock=clock, transactions=store, memory=store, authorizer=store, lease=LeaseTimes(), settings=SETTINGS
    )
    await csms.add_station(CONFIG)
    try:
        files = csms.stations["CP1"].operations.files
        assert files.delivered_percent is None
        with pytest.raises(CommandError) as refused:
            await files.get_log(LogRequest(""))
        assert refused.value.code is CommandErrorCode.NOT_SUPPORTED
    finally:
        await csms.stop()

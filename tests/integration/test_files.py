"""Logs and firmware through Home Assistant: its actions, its port and its web server, with simulated stations."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.csms.maintenance import LogRequest
from simulator.ocpp.options import StationOptions
from simulator.ocpp2.options import StationOptions2, Version
from simulator.simulated_site import SimulatedSite
from tests.engine.csms_stations.raw_station import RawStation
from tests.manual_clock import ManualClock
from tests.simulator.authority import Authority

from .builders import charger
from .operating import ask, device_id, do, is_set_up, operated, station
from .site_setup import set_up

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

FIRMWARE = bytes(range(256)) * 1000
UPDATE = "update.charger_cp_1_firmware"
NOTICE = "event.charger_cp_1_notice"
WAYS = pytest.mark.parametrize(
    ("version", "way"), [("1.6", "port"), ("2.0.1", "port"), ("1.6", "web"), ("2.0.1", "web")]
)


@dataclass
class Peer:
    """A simulated station at a running Home Assistant."""

    hass: HomeAssistant
    entry: MockConfigEntry
    site: SimulatedSite
    clock: ManualClock

    @property
    def upkeep(self) -> Any:
        return {**self.site.stations, **self.site.stations2}["CP-1"].upkeep

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the station's time pass until the condition holds."""
        async with asyncio.timeout(30):
            while not condition():
                await self.clock.advance(0.1, settle=0.005)

    async def meanwhile[T](self, work: Any) -> T:
        """Let the station's time pass until the work is done."""
        task = asyncio.create_task(work)
        await self.until(task.done)
        return await task


@asynccontextmanager
async def peer(hass: HomeAssistant, port: int, url: str, version: str, root_pem: str = "") -> AsyncIterator[Peer]:
    clock = ManualClock(dt_util.utcnow())
    options: StationOptions | StationOptions2
    if version == "1.6":
        options = StationOptions("CP-1", url, firmware_root_pem=root_pem)
    else:
        options = StationOptions2(station_id="CP-1", url=url, version=Version("ocpp2.0.1"), firmware_root_pem=root_pem)
    entry = await set_up(hass, port, charger("CP-1"), options={"web_server": True})
    site = SimulatedSite([options], cars={}, clock=clock)
    async with site:
        made = Peer(hass, entry, site, clock)
        await made.until(lambda: is_set_up(station(hass)))
        entry.runtime_data.coordinator.async_publish_now()
        await hass.async_block_till_done()
        yield made


@pytest.fixture
async def web(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Any:
    """Run Home Assistant's web server and return an administrator's client of it."""
    assert await async_setup_component(hass, "http", {"http": {}})
    assert await async_setup_component(hass, "websocket_api", {})
    assert await async_setup_component(hass, DOMAIN, {})
    return await hass_client()


def dialled(way: str, port: int, web: Any) -> str:
    if way == "port":
        return f"ws://127.0.0.1:{port}"
    return f"ws://127.0.0.1:{web.port}/api/smart_charging/ocpp"


@pytest.fixture
def firmware(hass: HomeAssistant, tmp_path: Path) -> str:
    """Return a file in a directory that Home Assistant may hand out."""
    directory = tmp_path / "shared"
    directory.mkdir()
    hass.config.allowlist_external_dirs.add(str(directory))
    file = directory / "2.0.0.bin"
    file.write_bytes(FIRMWARE)
    return str(file)


def state(hass: HomeAssistant, entity_id: str) -> Any:
    found = hass.states.get(entity_id)
    assert found is not None, entity_id
    return found


@WAYS
async def test_a_log_arrives_and_the_answer_names_its_file(
    version: str, way: str, hass: HomeAssistant, free_port: int, web: Any
) -> None:
    async with peer(hass, free_port, dialled(way, free_port, web), version) as made:
        made.upkeep.journal.append("something happened")
        answer: dict[str, Any] = await made.meanwhile(ask(hass, "get_log", wait=30))
        content = Path(answer["path"]).read_bytes()
        assert content.splitlines()[1:] == [b"something happened"]
        assert answer["size"] == len(content)
        await hass.async_block_till_done()
        told = state(hass, NOTICE).attributes
        assert (told["event_type"], told["file"]) == ("file_received", answer["file"])
        assert told["transfer"] == answer["transfer"]
        assert "CP-1" not in told["file"]  # the id is for administrators


@WAYS
async def test_a_file_is_installed_byte_for_byte(
    version: str, way: str, hass: HomeAssistant, free_port: int, web: Any, firmware: str
) -> None:
    async with peer(hass, free_port, dialled(way, free_port, web), version) as made:
        answer = await made.meanwhile(ask(hass, "update_firmware", file=firmware))
        assert answer["size"] == len(FIRMWARE)
        await made.until(lambda: made.upkeep.flashed is not None)
        assert made.upkeep.flashed == FIRMWARE
        await made.until(lambda: station(hass).state.firmware_version == "2.0.0")
        await made.until(lambda: state(hass, NOTICE).attributes.get("event_type") == "firmware_installed")


async def test_the_update_entity_offers_and_installs_what_its_owner_made_known(
    hass: HomeAssistant, free_port: int, web: Any, firmware: str
) -> None:
    maker = Authority("Maker", dt_util.utcnow())
    async with peer(hass, free_port, dialled("port", free_port, web), "1.6", maker.pem) as made:
        assert (state(hass, UPDATE).state, state(hass, UPDATE).attributes["latest_version"]) == ("off", "1.0.0")
        with pytest.raises(HomeAssistantError):
            await install(hass)
        with pytest.raises(ServiceValidationError) as refused:
            await do(hass, "offer_firmware", file=firmware, version="2", signature="a", signing_certificate="b")
        assert (refused.value.translation_key, state(hass, UPDATE).state) == ("firmware_signature", "off")
        signed = signed_by(maker) | {"root_certificate": maker.pem}
        await do(hass, "offer_firmware", file=firmware, version="2.0", **signed)
        assert (state(hass, UPDATE).state, state(hass, UPDATE).attributes["latest_version"]) == ("on", "2.0")
        await made.meanwhile(install(hass))
        await made.until(lambda: made.upkeep.flashed == FIRMWARE)
        await made.until(lambda: state(hass, UPDATE).attributes["installed_version"] == "2.0.0")
        # The charger calls it otherwise than its owner did, and still it is what was offered.
        await made.until(lambda: state(hass, UPDATE).state == "off")
        assert made.entry.runtime_data.offers.get("sub_CP-1") is None


def signed_by(maker: Authority, content: bytes = FIRMWARE) -> dict[str, str]:
    certificate, key_pem = maker.issue("Signer")
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()
    return {"signature": signature, "signing_certificate": certificate}


async def install(hass: HomeAssistant) -> None:
    await hass.services.async_call("update", "install", {"entity_id": UPDATE}, blocking=True)


@pytest.fixture
async def client(hass: HomeAssistant, free_port: int, web: Any) -> AsyncIterator[RawStation]:
    """Run a site with a charger of OCPP 1.6 that a test speaks for."""
    async with operated(hass, free_port, RawStation("CP-1")) as raw:
        raw.answers["GetDiagnostics"] = {"fileName": "d.zip"}
        raw.answers["UpdateFirmware"] = {}
        yield raw


async def upload(web: Any, client: RawStation, content: bytes = b"a log") -> None:
    """Ask for diagnostics and bring them as the charger does."""
    url = client.sent("GetDiagnostics")[-1]["location"]
    async with web.session.put(url, data=content) as response:
        assert response.status == 200


async def refused(work: Any) -> str | None:
    with pytest.raises(HomeAssistantError) as error:
        await work
    return error.value.translation_key


async def test_who_does_not_wait_is_told_of_the_file_by_the_event(
    hass: HomeAssistant, client: RawStation, web: Any
) -> None:
    answer = await ask(hass, "get_diagnostics")
    assert (answer["filename"], answer["file"]) == ("d.zip", None)
    await upload(web, client)
    await hass.async_block_till_done()
    assert state(hass, NOTICE).attributes["transfer"] == answer["transfer"]


async def test_who_waits_hears_of_a_failure(hass: HomeAssistant, client: RawStation) -> None:
    asking = asyncio.create_task(ask(hass, "get_diagnostics", wait=30))
    async with asyncio.timeout(5):
        while not client.sent("GetDiagnostics"):
            await asyncio.sleep(0.001)
    await client.ask("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert await refused(asking) == "upload_failed"


async def test_only_administrators_download_files_over_links_that_end(
    hass: HomeAssistant,
    client: RawStation,
    web: Any,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_read_only_access_token: str,
) -> None:
    await ask(hass, "get_diagnostics")
    await upload(web, client)
    socket = await hass_ws_client()
    request = {"domain": DOMAIN, "service": "list_files", "service_data": {"device_id": device_id(hass)}}
    await socket.send_json_auto_id({"type": "call_service", **request, "return_response": True})
    (file,) = (await socket.receive_json())["result"]["response"]["files"]
    assert (file["kind"], file["size"]) == ("diagnostics", 5)
    assert Path(file["path"]).read_bytes() == b"a log"
    stranger = await hass_client_no_auth()
    opened = await stranger.get(file["url"])
    assert (opened.status, await opened.read()) == (200, b"a log")
    assert "attachment" in opened.headers["Content-Disposition"]
    bare = file["url"].partition("?")[0]
    assert (await stranger.get(bare)).status == 401
    reader = {"Authorization": f"Bearer {hass_read_only_access_token}"}
    assert (await stranger.get(bare, headers=reader)).status == 401
    assert (await web.get(bare)).status == 200
    for wrong in (f"{bare}x", bare.replace("site1", "site2"), bare.replace("_diagnostics_", "_log_")):
        assert (await web.get(wrong)).status == 404


async def test_an_automation_gets_paths_and_no_links(
    hass: HomeAssistant, client: RawStation, web: Any, hass_admin_user: User
) -> None:
    await ask(hass, "get_diagnostics")
    await upload(web, client)
    (file,) = (await ask(hass, "list_files"))["files"]
    assert "url" not in file
    context = Context(user_id=hass_admin_user.id)
    data = {"device_id": device_id(hass)}
    answer = await hass.services.async_call(
        DOMAIN, "list_files", data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    assert "url" in answer["files"][0]  # type: ignore[index,call-overload,operator] - JSON


async def test_a_path_outside_of_what_may_be_handed_out_is_refused(
    hass: HomeAssistant, client: RawStation, firmware: str
) -> None:
    secrets = hass.config.path("secrets.yaml")
    for action, more in (("update_firmware", {}), ("offer_firmware", {"version": "2"})):
        with pytest.raises(ServiceValidationError) as error:
            await do(hass, action, file=secrets, **more)
        assert error.value.translation_key == "path_not_allowed"
    assert client.sent("UpdateFirmware") == []


async def test_what_can_not_be_installed_is_refused_in_words(
    hass: HomeAssistant, client: RawStation, firmware: str
) -> None:
    now = dt_util.utcnow()
    maker = Authority("Maker", now)
    signed = signed_by(maker)
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "url_or_file"),
        ({"file": firmware, "url": "https://files.test/x"}, "url_or_file"),
        ({"file": firmware + "x"}, "firmware_file"),
        ({"file": firmware, **signed_by(maker, b"x")}, "firmware_mismatch"),
        ({"file": firmware, **signed, "signature": "?"}, "firmware_signature"),
        ({"file": firmware, **signed, "signing_certificate": "PEM"}, "firmware_certificate"),
        ({"file": firmware, **signed, "root_certificate": "PEM"}, "root_unreadable"),
        ({"file": firmware, **signed, "root_certificate": Authority("Other", now).pem}, "firmware_untrusted"),
    ]
    for data, key in cases:
        assert await refused(do(hass, "update_firmware", **data)) == key
    assert client.sent("UpdateFirmware") == client.sent("SignedUpdateFirmware") == []


async def test_an_install_that_is_refused_leaves_the_offer(
    hass: HomeAssistant, client: RawStation, firmware: str
) -> None:
    await do(hass, "offer_firmware", file=firmware, version="2.0")
    client.answers["UpdateFirmware"] = ("InternalError", "busy")
    assert await refused(install(hass)) == "command_failed"
    assert state(hass, UPDATE).state == "on"
    await client.close()
    async with asyncio.timeout(5):
        while station(hass).state.connected:
            await asyncio.sleep(0.001)
    assert await refused(install(hass)) == "command_not_connected"
    await do(hass, "withdraw_firmware")
    assert state(hass, UPDATE).state == "off"


async def test_offers_outlive_a_restart_and_end_with_their_site(
    hass: HomeAssistant, free_port: int, firmware: str, hass_storage: dict[str, Any]
) -> None:
    await set_up(hass, free_port, charger("CP-1"))
    await do(hass, "offer_firmware", file=firmware, version="2.0")
    await hass.config_entries.async_reload("site1")
    await hass.async_block_till_done()
    entry = hass.config_entries.async_get_entry("site1")
    assert entry is not None
    assert entry.runtime_data.offers.get("sub_CP-1").version == "2.0"
    directory = Path(hass.config.path("smart_charging_files", "site1"))
    assert directory.is_dir()
    key = "smart_charging.site1.firmware"
    assert key in hass_storage
    await hass.config_entries.async_remove("site1")
    await hass.async_block_till_done()
    assert key not in hass_storage
    assert not directory.exists()


async def test_a_failed_update_leaves_the_offer(hass: HomeAssistant, client: RawStation, firmware: str) -> None:
    await do(hass, "offer_firmware", file=firmware, version="2.0")
    await install(hass)
    await client.ask("FirmwareStatusNotification", {"status": "DownloadFailed"})
    await hass.async_block_till_done()
    assert state(hass, UPDATE).state == "on"
    assert state(hass, NOTICE).attributes["event_type"] == "firmware_failed"
    # An update from elsewhere is none of the offer.
    await do(hass, "update_firmware", url="https://files.test/x")
    await client.ask("FirmwareStatusNotification", {"status": "Installed"})
    await hass.async_block_till_done()
    assert state(hass, UPDATE).state == "on"


async def test_behind_a_proxy_the_link_is_where_the_charger_dialled(
    hass: HomeAssistant, free_port: int, hass_client_no_auth: ClientSessionGenerator
) -> None:
    config = {"http": {"use_x_forwarded_for": True, "trusted_proxies": ["127.0.0.1"]}}
    assert await async_setup_component(hass, "http", config)
    assert await async_setup_component(hass, DOMAIN, {})
    proxy = await hass_client_no_auth()
    entry = await set_up(hass, free_port, charger("CP-1"), options={"web_server": True})
    path = "/api/smart_charging/ocpp"
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "home.test"}
    async with (
        asyncio.timeout(30),
        proxy.ws_connect(f"{path}/CP-1", protocols=["ocpp1.6"], headers=headers) as socket,
    ):
        while not station(hass).state.connected:
            await asyncio.sleep(0.01)
        for address, expected in (
            (None, f"https://home.test{path}"),
            ("http://10.0.0.1:8000/x", "http://10.0.0.1:8000/x"),
        ):
            options = {"web_server": True} | ({} if address is None else {"files_address": address})
            hass.config_entries.async_update_entry(entry, options=options)
            await hass.async_block_till_done()
            asking = asyncio.create_task(station(hass).operations.files.get_diagnostics(LogRequest("")))
            while (frame := await socket.receive_json())[2] != "GetDiagnostics":
                await socket.send_json([3, frame[1], {}])
            await socket.send_json([3, frame[1], {}])
            await asking
            location = frame[3]["location"]
            assert location.startswith(f"{expected}/transfer/CP-1/")
        link = f"{path}/transfer/{location.partition('/transfer/')[2]}"
        async with proxy.put(link, data=b"kept", headers=headers) as response:
            assert response.status == 200
        async with proxy.post(link, data=b"again", headers=headers) as response:
            assert response.status == 404
        async with proxy.head(link, headers=headers) as response:
            assert response.status == 404
    hass.config_entries.async_update_entry(entry, options={})
    await hass.async_block_till_done()
    async with proxy.put(link, data=b"x", headers=headers) as response:
        assert response.status == 404

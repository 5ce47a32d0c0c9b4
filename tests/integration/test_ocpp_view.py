"""Chargers that come in through Home Assistant's own web server."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientWebSocketResponse, WSServerHandshakeError
from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.config import SecurityProfile

from .builders import PASSWORD, charger_with_password
from .site_setup import set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

PATH = "/api/smart_charging/ocpp/"
WEB_SERVER = {"web_server": True}


@pytest.fixture
async def web(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> Any:
    """Return a client of Home Assistant's web server that nobody knows."""
    assert await async_setup_component(hass, "http", {"http": {}})
    assert await async_setup_component(hass, DOMAIN, {})
    return await hass_client_no_auth()


@pytest.fixture
async def web_behind_proxy(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> Any:
    """Return a client that Home Assistant takes for a proxy it trusts."""
    config = {"http": {"use_x_forwarded_for": True, "trusted_proxies": ["127.0.0.1"]}}
    assert await async_setup_component(hass, "http", config)
    assert await async_setup_component(hass, DOMAIN, {})
    return await hass_client_no_auth()


@asynccontextmanager
async def dial(
    web: TestClient[Any, Any], station_id: str, password: str | None = None, **headers: str
) -> AsyncIterator[ClientWebSocketResponse]:
    """Connect a station; raises WSServerHandshakeError where it is refused."""
    if password is not None:
        headers["Authorization"] = "Basic " + b64encode(f"{station_id}:{password}".encode()).decode()
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    async with web.ws_connect(PATH + station_id, protocols=["ocpp1.6"], headers=spelled) as socket:
        yield socket


async def refusal(web: TestClient[Any, Any], station_id: str, password: str | None = None, **headers: str) -> int:
    """Return the status with which a station is refused."""
    with pytest.raises(WSServerHandshakeError) as refused:
        async with dial(web, station_id, password, **headers):
            pass
    return refused.value.status


async def boot(socket: ClientWebSocketResponse) -> str:
    """Announce a station and return what it is told."""
    await socket.send_json([2, "boot", "BootNotification", {"chargePointVendor": "Volta", "chargePointModel": "W"}])
    while (frame := await socket.receive_json())[:2] != [3, "boot"]:
        pass
    return str(frame[2]["status"])


async def test_a_charger_logs_in_with_its_own_password(hass: HomeAssistant, free_port: int, web: Any) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    async with dial(web, "CP-1", PASSWORD) as socket:
        assert await boot(socket) == "Accepted"
        station = entry.runtime_data.csms.stations["CP-1"]
        assert station.connection is not None
        assert station.connection.info.security_profile is SecurityProfile.BASIC


@pytest.mark.parametrize("password", [None, "wrong password!!"])
async def test_a_charger_without_its_password_is_refused(
    password: str | None, hass: HomeAssistant, free_port: int, web: Any
) -> None:
    await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    assert await refusal(web, "CP-1", password) == 401


async def test_a_browser_is_refused(hass: HomeAssistant, free_port: int, web: Any) -> None:
    await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    assert await refusal(web, "CP-1", PASSWORD, Origin="http://evil.example") == 403


@pytest.mark.parametrize("station_id", ["CP:1", "%20", "x" * 49, "CP%2500"])
async def test_an_unfit_id_is_refused(station_id: str, hass: HomeAssistant, free_port: int, web: Any) -> None:
    await set_up(hass, free_port, options=WEB_SERVER)
    assert await refusal(web, station_id) in {400, 404}


async def test_it_is_off_unless_chosen_and_can_be_chosen_and_taken_back(
    hass: HomeAssistant, free_port: int, web: Any
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"))
    assert await refusal(web, "CP-1", PASSWORD) == 404
    hass.config_entries.async_update_entry(entry, options=WEB_SERVER)
    await hass.async_block_till_done()
    async with dial(web, "CP-1", PASSWORD) as socket:
        assert await boot(socket) == "Accepted"
        hass.config_entries.async_update_entry(entry, options={})
        await hass.async_block_till_done()
        assert await refusal(web, "CP-1", PASSWORD) == 404
        assert await boot(socket) == "Accepted"


async def test_a_stranger_waits_to_be_confirmed(hass: HomeAssistant, free_port: int, web: Any) -> None:
    entry = await set_up(hass, free_port, options=WEB_SERVER)
    async with dial(web, "NEW") as socket:
        assert await boot(socket) == "Pending"
        assert list(entry.runtime_data.csms.pending) == ["NEW"]


async def test_of_two_sites_the_one_that_knows_the_charger_serves_it(
    hass: HomeAssistant, free_port: int, web: Any, unused_tcp_port_factory: Any
) -> None:
    await set_up(hass, free_port, options=WEB_SERVER)
    other = await set_up(
        hass,
        unused_tcp_port_factory(),
        charger_with_password("CP-1"),
        options=WEB_SERVER,
        title="Work",
        entry_id="site2",
    )
    async with dial(web, "CP-1", PASSWORD) as socket:
        assert await boot(socket) == "Accepted"
        assert other.runtime_data.csms.stations["CP-1"].connection is not None


async def test_a_charger_may_change_between_the_port_and_the_web_server(
    hass: HomeAssistant, free_port: int, web: Any
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    async with virtual_station(free_port, "CP-1", PASSWORD) as station:
        assert await station.boot() == "Accepted"
        async with dial(web, "CP-1", PASSWORD) as socket:
            assert await boot(socket) == "Accepted"
            connection = entry.runtime_data.csms.stations["CP-1"].connection
            assert connection is not None and not connection.closed


async def test_unloading_the_site_ends_the_socket(hass: HomeAssistant, free_port: int, web: Any) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    async with dial(web, "CP-1", PASSWORD) as socket:
        assert await boot(socket) == "Accepted"
        unloading = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
        async with asyncio.timeout(5):
            while not socket.closed:
                await socket.receive()
        assert socket.close_code == 1001
        assert await unloading
        assert await refusal(web, "CP-1", PASSWORD) == 404


async def test_a_charger_that_is_gone_is_seen_to_be(hass: HomeAssistant, free_port: int, web: Any) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    async with dial(web, "CP-1", PASSWORD) as socket:
        assert await boot(socket) == "Accepted"
        station = entry.runtime_data.csms.stations["CP-1"]
        assert station.state.connected
        socket._response.close()
    async with asyncio.timeout(5):
        while station.state.connected:
            await asyncio.sleep(0.01)


async def test_a_trusted_proxy_tells_who_dials_and_that_it_was_over_tls(
    hass: HomeAssistant, free_port: int, web_behind_proxy: Any
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    forwarded = {"X_Forwarded_For": "192.0.2.7", "X_Forwarded_Proto": "https"}
    async with dial(web_behind_proxy, "CP-1", PASSWORD, **forwarded) as socket:
        assert await boot(socket) == "Accepted"
        connection = entry.runtime_data.csms.stations["CP-1"].connection
        assert connection is not None
        assert connection.info.address == "192.0.2.7"
        assert connection.info.security_profile is SecurityProfile.TLS_BASIC


async def test_who_is_no_trusted_proxy_cannot_name_another_address(
    hass: HomeAssistant, free_port: int, web: Any
) -> None:
    await set_up(hass, free_port, charger_with_password("CP-1"), options=WEB_SERVER)
    assert await refusal(web, "CP-1", PASSWORD, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https") == 400

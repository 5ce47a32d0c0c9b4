"""A station that chooses how it dials: its line, its login, the versions it offers; and whom a site signs for."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field
import ssl

import aiohttp
import pytest

from custom_components.smart_charging.engine.clock import Clock
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.certificate_requests import RequestRefused, read_request
from custom_components.smart_charging.engine.csms.certificates import SigningRefused, SigningRequest
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import RawStation

from .charging import say


class SecureStation(RawStation):
    """A station at one socket, over TLS where it has a context."""

    async def dial(
        self,
        port: int,
        *,
        password: bytes | None = None,
        context: ssl.SSLContext | None = None,
        offers: tuple[str, ...] = ("ocpp1.6",),
    ) -> None:
        """Connect; raises aiohttp.ClientError where refused."""
        login = b64encode(b"CP1:" + (password or b"")).decode()
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            f"{'http' if context is None else 'https'}://127.0.0.1:{port}/CP1",
            protocols=offers,
            headers={} if password is None else {"Authorization": f"Basic {login}"},
            ssl=True if context is None else context,
        )
        self._reader = asyncio.create_task(self._read(self._socket))

    @property
    def line(self) -> ssl.SSLObject:
        """Return the TLS that the socket runs over."""
        assert self._socket is not None
        line = self._socket.get_extra_info("ssl_object")
        assert isinstance(line, ssl.SSLObject)
        return line

    @property
    def spoken(self) -> str | None:
        """Return the version that the central system chose."""
        assert self._socket is not None
        return self._socket.protocol


async def enter(
    bench: Bench,
    *,
    password: bytes | None = None,
    context: ssl.SSLContext | None = None,
    port: int | None = None,
    offers: tuple[str, ...] = ("ocpp1.6",),
) -> SecureStation:
    """Connect a station; raises aiohttp.ClientError where refused."""
    client = SecureStation()
    bench.clients.append(client)
    await client.dial(bench.port if port is None else port, password=password, context=context, offers=offers)
    await bench.until(lambda: bench.station.state.connected)
    return client


async def refusal(bench: Bench, **how: object) -> int:
    """Return the HTTP status with which a login is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await enter(bench, **how)
    assert not bench.station.state.connected
    return refused.value.status


async def leave(bench: Bench, client: RawStation) -> None:
    """Hang up, and wait until that is known."""
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)


async def boot_and_tell(bench: Bench, client: RawStation) -> None:
    """Boot and tell all statuses, which is accepted."""
    assert (await client.boot())["status"] == "Accepted"
    for connector in (0, 1):
        assert await say(bench, client, "Available", connector) == {}
    assert bench.station.state.status is bench.evse.status is EvseStatus.AVAILABLE


@dataclass
class SiteSigner:
    """Signs with a site's authority for the station CP1, and keeps what became of it."""

    authority: CertificateAuthority
    owner: CertificateOwner
    clock: Clock
    told: list[bool] = field(default_factory=list)

    async def sign(self, request: SigningRequest) -> str:
        try:
            wanted = read_request(request.csr, self.owner)
        except RequestRefused as error:
            raise SigningRefused(str(error)) from error
        return self.authority.sign_station(request.station_id, wanted, self.clock.now())

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        self.told.append(accepted)

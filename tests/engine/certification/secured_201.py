"""A central system of a site with its own authority, and stations of OCPP 2.0.1 that dial it with and without TLS."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
import ssl

import aiohttp
from aiohttp import web

from custom_components.smart_charging.engine.config import LeaseTimes, SecurityProfile, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.certificate_authority import CertificateAuthority
from custom_components.smart_charging.engine.csms.certificate_requests import read_request
from custom_components.smart_charging.engine.csms.certificates import SigningRequest
from custom_components.smart_charging.engine.csms.client_certificates import CertificateOwner
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.tls import ClientTrust, server_context
from tests.engine.csms_stations.conftest import SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_transport.certificates import Issuer
from tests.manual_clock import ManualClock

from .session_201 import connector_is

HOST, SERIAL = "127.0.0.1", "SN-77"
PASSWORD = "old-password-16b"
HASHED = hash_password(PASSWORD)


class Dialler(RawStation2):
    """A station that dials a URL, with TLS where it has a context for it."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.context = context
        self.variables["OCPPCommCtrlr", "NetworkConfigurationPriority"] = "0"

    async def dial(self, port: int, *, password: str | None = None, username: str = "CP1") -> None:
        """Connect; raises aiohttp's errors where refused."""
        headers = {} if password is None else {"Authorization": aiohttp.encode_basic_auth(username, password)}
        scheme = "http" if self.context is None else "https"
        session = self._session = aiohttp.ClientSession()
        self._socket = await session.ws_connect(
            f"{scheme}://{HOST}:{port}/CP1", protocols=(self.protocol,), headers=headers, ssl=self.context or True
        )
        self._begin_reading()

    @property
    def line(self) -> ssl.SSLObject:
        """Return the TLS line."""
        assert self._socket is not None
        line = self._socket.get_extra_info("ssl_object")
        assert isinstance(line, ssl.SSLObject)
        return line


@dataclass
class Signer:
    """Signs what stations ask for with the site's authority; fulfils `CertificateSigner`."""

    authority: CertificateAuthority
    asked: list[SigningRequest] = field(default_factory=list)
    results: list[bool] = field(default_factory=list)

    async def sign(self, request: SigningRequest) -> str:
        self.asked.append(request)
        wanted = read_request(request.csr, CertificateOwner(frozenset({request.station_id})))
        return self.authority.sign_station(request.station_id, wanted, datetime.now(UTC))

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        self.results.append(accepted)


@dataclass
class Site:
    """A listening central system with one port of its own, and one of a web server beside it that has no TLS."""

    bench: Bench
    authority: CertificateAuthority
    issuer: Issuer
    signer: Signer
    beside: web.ServerRunner
    plain_port: int

    def trust(self) -> ssl.SSLContext:
        """Return what a station needs to know our port."""
        return ssl.create_default_context(cadata=self.authority.root_pem)

    async def enter(self, context: ssl.SSLContext | None = None, *, password: str | None = None) -> Dialler:
        """Let a station in that proves this, and boot it; raises aiohttp's errors where it is refused."""
        client = await self.dial(context, password=password)
        assert (await client.boot())["status"] == "Accepted"
        await connector_is(self.bench, client, "Available")
        return client

    async def dial(
        self, context: ssl.SSLContext | None = None, *, password: str | None = None, username: str = "CP1"
    ) -> Dialler:
        """Connect a station, without TLS to the port that has none."""
        client = Dialler(context)
        self.bench.clients.append(client)
        port = self.plain_port if context is None else self.bench.port
        await client.dial(port, password=password, username=username)
        await self.bench.until(lambda: self.bench.station.state.connected)
        return client

    async def refusal(
        self, context: ssl.SSLContext | None = None, *, password: str | None = None, username: str = "CP1"
    ) -> int:
        """Return the HTTP status with which a station is refused, 101 where it is let in."""
        try:
            await self.dial(context, password=password, username=username)
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        return 101

    async def leave(self, client: Dialler) -> None:
        """Hang up."""
        assert client.broken == []
        await client.close()
        await self.bench.until(lambda: not self.bench.station.state.connected)

    async def close(self) -> None:
        for client in self.bench.clients:
            await client.close()
        await self.bench.csms.stop()
        await self.beside.cleanup()


def make_authority(folder: Path) -> CertificateAuthority:
    """Return an authority that has issued certificates for the port, one for each kind of key."""
    authority = CertificateAuthority.create(folder / "authority", "Home", datetime.now(UTC))
    authority.issue_server([HOST], datetime.now(UTC))
    return authority


async def open_site(authority: CertificateAuthority, folder: Path, profile: SecurityProfile) -> Site:
    """Return a site that asks its station CP1 for this much; it believes a second authority's certificates too."""
    issuer = Issuer(folder, "Stations")
    believed = folder / "believed.pem"
    believed.write_bytes(authority.root_pem.encode() + issuer.file.read_bytes())
    clock, store, signer = ManualClock(datetime.now(UTC)), MemoryStore(), Signer(authority)
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=SETTINGS,
        signer=signer,
    )
    bench = Bench(csms, clock, store)
    csms.subscribe(bench.events.append)
    context = server_context(authority.identities, ClientTrust(believed), legacy_static_rsa=True)
    bench.port = await csms.start(HOST, 0, context)
    config = StationConfig("CP1", "Garage", HASHED, serial_number=SERIAL, security_profile=profile)
    await csms.add_station(config)
    beside = web.ServerRunner(web.Server(csms.handle))
    await beside.setup()
    await web.TCPSite(beside, HOST, 0).start()
    return Site(bench, authority, issuer, signer, beside, beside.addresses[0][1])

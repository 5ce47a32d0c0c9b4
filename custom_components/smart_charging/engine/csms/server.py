"""The port that stations dial: who may enter, under which protocol, and which socket serves a station."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import logging
from math import ceil
import ssl
from typing import Final, Protocol

from aiohttp import hdrs, web

from ..clock import Clock
from ..config import SecurityProfile
from .client_certificates import CertificateRefused, ClientCertificate, peer_certificate
from .connection import GOING_AWAY, Connection, ConnectionInfo, ConnectionLimits, ConnectionListener, Socket
from .entrance import Access, Admission, Entrance, Refused, Visitor
from .files import Files
from .handshake import address_of, negotiate, station_id_of
from .limits import ConnectionCount, HandshakeLimiter
from .rpc import OCPP16, OCPP21, OCPP201
from .schemas import Schemas, schemas_of
from .security import read_credentials
from .tls import ServerContext
from .transfer_server import transfer_tail
from .turned_away import Obstacle, TurnedAway

__all__ = ["Access", "Admission", "ConnectionSink", "OcppServer", "ServerSettings"]

_LOGGER = logging.getLogger(__name__)

PROTOCOL_ERROR: Final = 1002  # RFC 6455 section 7.4.1, for this and the next
POLICY_VIOLATION: Final = 1008
_SHUTDOWN_S: Final = 1.0


class ConnectionSink(ConnectionListener, Protocol):
    """What stands above the port and knows the stations."""

    def admit(self, station_id: str, address: str) -> Access:
        """Return what this id needs to enter; called for each well-formed handshake, changes nothing."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits of the port; times in seconds."""

    protocols: tuple[str, ...] = (OCPP21, OCPP201, OCPP16)  # newest first
    accept_without_protocol: bool = True  # taken for OCPP 1.6
    ping_interval_s: float = 30.0
    pong_timeout_s: float = 15.0
    takeover_timeout_s: float = 5.0
    handshake_timeout_s: float = 10.0
    close_timeout_s: float = 1.0
    max_message_bytes: int = 256 * 1024
    messages_per_s: float = 20.0
    message_burst: int = 100
    failed_handshakes_per_s: float = 8.0
    max_connections: int = 1500
    max_connections_per_address: int = 1250


type _Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _CappedServer(web.Server):
    """aiohttp's low-level server, which lets no more TCP connections in than the caps say."""

    def __init__(self, handler: _Handler, settings: ServerSettings, count: ConnectionCount) -> None:
        # The keep-alive time is also what a peer gets to complete its handshake.
        super().__init__(handler, access_log=None, keepalive_timeout=settings.handshake_timeout_s, lingering_time=0)
        self._count = count
        self._counted: dict[web.RequestHandler, str] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if self._count.add(address):
            self._counted[handler] = address
        else:
            transport.abort()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if (address := self._counted.pop(handler, None)) is not None:
            self._count.remove(address)


class OcppServer:
    """The WebSocket server of the central system."""

    def __init__(
        self,
        sink: ConnectionSink,
        clock: Clock,
        settings: ServerSettings = ServerSettings(),
        files: Files | None = None,
    ) -> None:
        """Prepare a server that isn't listening yet; it also serves the links of `files`."""
        self._sink = sink
        self._files = files
        self._clock = clock
        self._settings = settings
        self._schemas: dict[str, Schemas] = {}
        self._handshakes = HandshakeLimiter(clock, settings.failed_handshakes_per_s)
        self._entrance = Entrance(clock, self._handshakes)
        self._count = ConnectionCount(settings.max_connections, settings.max_connections_per_address)
        self._serving: dict[str, Connection] = {}  # the newest of each station
        self._open: set[Connection] = set()
        self._probed: set[str] = set()
        self.turned_away = TurnedAway(clock)
        self._entering: set[asyncio.Task[object]] = set()
        self._foreign: set[asyncio.Task[web.StreamResponse]] = set()
        self._http: _CappedServer | None = None
        self._listener: asyncio.Server | None = None
        self._unfollow: Callable[[], None] | None = None

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen and return the bound port; OSError when it is taken.

        A `ServerContext` may be given other certificates and revocations while the port is open.
        """
        loop = asyncio.get_running_loop()
        for protocol in self._settings.protocols:
            self._schemas[protocol] = await loop.run_in_executor(None, schemas_of, protocol)
        self._http = _CappedServer(self._handle_dialled, self._settings, self._count)
        secured = ssl_context is not None
        self._listener = await loop.create_server(
            self._http,
            host,
            port,
            ssl=ssl_context,
            ssl_handshake_timeout=self._settings.handshake_timeout_s if secured else None,
            ssl_shutdown_timeout=self._settings.close_timeout_s if secured else None,
        )
        if isinstance(ssl_context, ServerContext):
            self._take_revocations(ssl_context)
            self._unfollow = ssl_context.follow(lambda: self._take_revocations(ssl_context))
            ssl_context.on_plain_request = self._note_plain
        return int(self._listener.sockets[0].getsockname()[1])

    def _take_revocations(self, context: ServerContext) -> None:
        """Let in by these revocations from now on, and end the sockets of those that they name."""
        self._entrance.revocations = context.revocations
        for connection in set(self._open):
            certificate = connection.info.certificate
            if certificate is not None and certificate in context.revocations:
                connection.end(POLICY_VIOLATION, "the certificate was revoked")

    def _note_plain(self, raw_target: str) -> None:
        """Take note of a request in the clear on a port that speaks TLS, which gets no answer."""
        if (station_id := station_id_of(raw_target)) is not None:
            known = self._sink.admit(station_id, "").admission is Admission.KNOWN
            self.turned_away.refused(station_id, Obstacle.NO_TLS, known=known)

    async def stop(self) -> None:
        """Close the port and all sockets (1001, going away) and leave nothing running."""
        if self._listener is None or self._http is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        if self._unfollow is not None:
            self._unfollow()
        entering = set(self._entering)
        for task in entering:
            task.cancel()
        await asyncio.gather(*entering, return_exceptions=True)
        await asyncio.gather(*(connection.stop() for connection in set(self._open)))
        await self._http.shutdown(_SHUTDOWN_S)
        listener.abort_clients()
        await listener.wait_closed()

    async def handle(self, request: web.BaseRequest, mount: str = "") -> web.StreamResponse:
        """Serve a handshake or a transfer that came in through another HTTP server, which must know who the peer is.

        `request.remote`, `request.secure` and `request.host` are believed, `mount` is the path where that server
        has us. Whatever certificate it may have asked for is none of a station. Such a socket counts like those
        of the port, and ends with it.
        """
        # That server may cancel who serves a peer that is gone; leave has to be taken of the station all the same.
        task = asyncio.create_task(self._handle_foreign(request, mount))
        self._foreign.add(task)
        task.add_done_callback(self._foreign.discard)
        return await asyncio.shield(task)

    async def _handle_foreign(self, request: web.BaseRequest, mount: str) -> web.StreamResponse:
        address = request.remote or ""
        if not self._count.add(address):
            return _refusal(Refused(503, "too many connections"))
        try:
            return await self._handle(request, None, mount)
        finally:
            self._count.remove(address)

    async def _handle_dialled(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve a handshake on the port itself."""
        line = None if request.transport is None else request.transport.get_extra_info("ssl_object")
        try:
            certificate = None if line is None else peer_certificate(line)
        except CertificateRefused as error:
            return _refusal(Refused(403, error.fault.value))
        return await self._handle(request, certificate)

    async def _handle(
        self, request: web.BaseRequest, certificate: ClientCertificate | None, mount: str = ""
    ) -> web.StreamResponse:
        address = request.remote or ""
        task: asyncio.Task[object] | None = asyncio.current_task()
        if self._listener is None or task is None:
            return _refusal(Refused(503, "closing"))
        self._entering.add(task)
        try:
            if (transferred := await self._transfer(request, mount)) is not None:
                return transferred
            connection = await self._enter(request, address, certificate, mount)
        except Refused as refused:
            in_time = self._handshakes.count(address)
            _LOGGER.debug("Refused a handshake from %s: %s", address, refused.text)
            return _refusal(refused if in_time else Refused(429, "too many failed handshakes"))
        finally:
            self._entering.discard(task)
        if isinstance(connection, Connection):
            await self._serve(connection, request)
            return connection.socket
        return connection

    async def _transfer(self, request: web.BaseRequest, mount: str) -> web.StreamResponse | None:
        """Serve a link of ours, whose token is all that opens it; None where this is about something else."""
        tail = transfer_tail(request.raw_path.removeprefix(mount))
        if self._files is None or tail is None or hdrs.UPGRADE in request.headers:
            return None
        response = await self._files.handle(request, tail)
        if response.status == 404:
            raise Refused(404, "no such link")
        return response

    async def _enter(
        self, request: web.BaseRequest, address: str, certificate: ClientCertificate | None, mount: str
    ) -> Connection | web.StreamResponse:
        """Take a handshake through all checks to an open socket; raises Refused."""
        if hdrs.ORIGIN in request.headers:
            # Stations send none; a browser always does, whatever page it was lured from.
            raise Refused(403, "no browsers")
        station_id = station_id_of(request.raw_path)
        if station_id is None:
            raise Refused(404, "no station id in the path")
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise Refused(426, "this port speaks OCPP over WebSocket")
        access = self._sink.admit(station_id, address)
        if access.admission is Admission.REFUSED:
            raise Refused(404, "unknown station")
        credentials = read_credentials(request.headers.get(hdrs.AUTHORIZATION))
        if access.security_profile >= SecurityProfile.TLS_BASIC and not request.secure:
            self.turned_away.refused(station_id, Obstacle.NO_TLS, known=True)
        proof = await self._entrance.prove(
            Visitor(station_id, address, request.secure, credentials, certificate), access
        )
        if access.admission is Admission.PENDING and not self._handshakes.count(address):
            return _refusal(Refused(429, "too many handshakes of unknown stations"))
        try:
            protocol, spelled = self._choose_protocol(request, station_id, access)
        except Refused:
            self._note_incompatible(station_id, access)
            raise
        info = ConnectionInfo(
            station_id,
            protocol,
            address,
            bool(credentials and credentials.password),
            proof.matched_hash,
            certificate,
            proof.security_profile,
            address_of(request.scheme, request.headers.get(hdrs.HOST) and request.host, mount),
        )
        await self._make_room(info)
        return await self._open_socket(request, info, access, spelled)

    def _choose_protocol(self, request: web.BaseRequest, station_id: str, access: Access) -> tuple[str, str | None]:
        """Return the version to speak and how to name it in the answer, an empty one for a station that names none.

        Raises Refused for a station that names others only: OCPP-J 1.6 section 3.2 would have the handshake completed
        and the socket closed then, certification wants no socket at all, and stations take either.
        """
        spoken = [name for name in self._settings.protocols if access.protocol in {None, name}]
        spoken.sort(key=lambda name: name != access.prefers)
        offered = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        if access.admission is Admission.KNOWN:
            self.turned_away.offers(station_id, offered)
        if not any(header.strip() for header in offered):
            usable = self._settings.accept_without_protocol and OCPP16 in spoken
            return (OCPP16, None) if usable else ("", None)
        if chosen := negotiate(offered, spoken):
            return chosen
        raise Refused(400, "no common sub-protocol")

    def _note_incompatible(self, station_id: str, access: Access) -> None:
        """Tell which station of ours can't connect; it dials again and again."""
        if access.admission is Admission.KNOWN:
            self.turned_away.refused(station_id, Obstacle.NO_VERSION, known=True)

    async def _make_room(self, newcomer: ConnectionInfo) -> None:
        """See to it that the newcomer may take its station's place; raises Refused.

        One that proved a password may at once. Any other, who could be anybody, may only where the
        connection that stands doesn't answer any more.
        """
        station_id = newcomer.station_id
        while not newcomer.authenticated and (standing := self._serving.get(station_id)) and not standing.closed:
            if station_id in self._probed:
                raise Refused(409, "the station is connected")
            self._probed.add(station_id)
            try:
                if await standing.alive(self._settings.takeover_timeout_s):
                    raise Refused(409, "the station is connected")
            finally:
                self._probed.discard(station_id)
            standing.end(GOING_AWAY, "no pong")

    async def _open_socket(
        self, request: web.BaseRequest, info: ConnectionInfo, access: Access, spelled: str | None
    ) -> Connection | web.StreamResponse:
        socket: Socket = web.WebSocketResponse(
            timeout=self._settings.close_timeout_s,
            autoping=False,
            compress=False,
            protocols=() if spelled is None else (spelled,),
            max_msg_size=self._settings.max_message_bytes,
            decode_text=False,
        )
        try:
            await socket.prepare(request)
        except web.HTTPException as error:
            raise Refused(error.status, "no proper WebSocket handshake") from None
        standing = self._serving.get(info.station_id)
        if not info.protocol:
            # OCPP-J 1.6 section 3.2: complete the handshake without a sub-protocol, then close.
            self._note_incompatible(info.station_id, access)
            await socket.close(code=PROTOCOL_ERROR, message=b"no common sub-protocol")
            return socket
        self.turned_away.entered(info.station_id)
        if standing and not standing.closed and not info.authenticated:
            await socket.close(code=POLICY_VIOLATION, message=b"the station is connected")
            return socket
        settings = self._settings
        connection = Connection(
            socket,
            info,
            self._sink,
            clock=self._clock,
            schemas=self._schemas[info.protocol],
            limits=ConnectionLimits(
                settings.ping_interval_s if access.ping else None,
                settings.pong_timeout_s,
                settings.close_timeout_s,
                settings.messages_per_s,
                settings.message_burst,
            ),
            turn=standing.turn if standing else asyncio.Lock(),
        )
        self._serving[info.station_id] = connection
        self._open.add(connection)
        if standing:
            standing.end(GOING_AWAY, "replaced by a newer connection")
        return connection

    async def _serve(self, connection: Connection, request: web.BaseRequest) -> None:
        try:
            await connection.run()
        finally:
            self._open.discard(connection)
            if self._serving.get(connection.info.station_id) is connection:
                del self._serving[connection.info.station_id]
            transport = request.transport
            if transport is not None and transport.get_write_buffer_size():
                transport.abort()  # a peer that takes no data would keep the socket for minutes


def _refusal(refused: Refused) -> web.Response:
    response = web.Response(status=refused.status, text=refused.text)
    if refused.status == 401:
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="OCPP"'
    elif refused.status in {429, 503}:
        response.headers[hdrs.RETRY_AFTER] = str(ceil(refused.retry_after_s))
    elif refused.status == 426:
        response.headers[hdrs.UPGRADE] = "websocket"
    response.force_close()
    return response

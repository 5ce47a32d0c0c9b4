"""The front door of the OCPP central system: which stations there are, and which socket serves them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging
from pathlib import Path
import ssl
from types import MappingProxyType
from typing import Literal

from aiohttp import web

from ..clock import Clock
from ..config import LeaseTimes, StationConfig
from ..model import StoreError
from ..young_generation import YOUNG_GENERATION
from .certificates import CertificateSigner
from .connection import Connection, MessageHandler, NotConnected
from .core import Surroundings
from .entrance import access_of
from .files import Files, FileSettings
from .pending import PendingStation
from .relay.hook import RelayAuthorizer
from .relay.relays import Relays
from .server import Access, Admission, OcppServer, ServerSettings
from .state import StationEvent, UnknownStation
from .station import Station
from .store import Authorizer, StationMemory, TransactionStore
from .transfers import Received
from .turned_away import TurnedAway

_LOGGER = logging.getLogger(__name__)
_REMOVED = 1008  # RFC 6455 section 7.4.1: policy violation
_TRY_AGAIN = 1013  # IANA's WebSocket close codes: try again later


@dataclass(frozen=True, slots=True)
class CsmsSettings:
    """Limits of the central system; times in seconds.

    What waits for second central systems is kept in `relay_directory`; they are verified with `relay_tls`.
    Without `files` stations can't bring or fetch any.
    """

    server: ServerSettings = ServerSettings()  # noqa: RUF009 - frozen
    max_pending: int = 64
    announce_after_s: float = 10.0  # an unknown station that sends no BootNotification is shown then
    relay_directory: Path | None = None
    relay_tls: ssl.SSLContext | Literal[True] = True
    files: FileSettings | None = None


class CentralSystem:
    """All stations of a site and the port they dial."""

    def __init__(
        self,
        *,
        clock: Clock,
        transactions: TransactionStore,
        memory: StationMemory,
        authorizer: Authorizer,
        lease: LeaseTimes,
        settings: CsmsSettings = CsmsSettings(),
        signer: CertificateSigner | None = None,
    ) -> None:
        """Prepare a central system without stations; it listens from `start` on."""
        self._clock = clock
        self.relays = Relays(clock, settings.relay_directory, settings.relay_tls)
        authorizer = RelayAuthorizer(authorizer, self.relays.by_station)
        self.files = None if settings.files is None else Files(clock, settings.files, self._received)
        self._around = Surroundings(clock, transactions, memory, authorizer, lease, signer, self.files)
        self._settings = settings
        self._server = OcppServer(self, clock, settings.server, self.files)
        self._stations: dict[str, Station] = {}
        self._pending: dict[str, PendingStation] = {}
        self._listeners: list[Callable[[StationEvent], None]] = []
        self._unknown_listeners: list[Callable[[UnknownStation], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def stations(self) -> Mapping[str, Station]:
        """Return the configured stations by id."""
        return MappingProxyType(self._stations)

    @property
    def pending(self) -> Mapping[str, UnknownStation]:
        """Return the connected stations that nobody configured, by id."""
        return {station_id: pending.unknown for station_id, pending in self._pending.items()}

    @property
    def turned_away(self) -> TurnedAway:
        """Return who dials and can't enter, and what stations offered."""
        return self._server.turned_away

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen and return the bound port; OSError when it is taken.

        Without TLS nothing more is asked of stations for what they proved when there was some.
        """
        if self.files is not None:
            await self.files.prepare()
        if ssl_context is None:
            for station in self._stations.values():
                await station.access.forget_security_profile()
        return await self._server.start(host, port, ssl_context)

    async def handle(self, request: web.BaseRequest, mount: str = "") -> web.StreamResponse:
        """Serve a handshake or a transfer that came in through another HTTP server, while the port is open.

        `mount` is the path at which that server has us, without a slash at its end.
        """
        return await self._server.handle(request, mount)

    async def stop(self) -> None:
        """Close all sockets and end all work; what stations hold stays as it is."""
        YOUNG_GENERATION.hold(self, 0)
        await self._server.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for station in self._stations.values():
            await station.stop()
        await self.relays.stop()

    async def add_station(self, config: StationConfig) -> None:
        """Take a station in; one that waits for it is served from now on on its live socket. Raises StoreError."""
        if config.station_id in self._stations:
            raise ValueError(f"station {config.station_id} exists")
        if config.relay is not None:
            self.relays.directory_for(config.relay)
        station = Station(config, self._around, self._publish)
        await station.start()
        await self.relays.configure(station)
        self._stations[config.station_id] = station
        YOUNG_GENERATION.hold(self, len(self._stations))
        pending = self._pending.pop(config.station_id, None)
        if pending is not None and not pending.connection.closed:
            await self._adopt(station, pending)

    async def _adopt(self, station: Station, pending: PendingStation) -> None:
        """Serve a station that waited; where that fails, it dials again and is known then."""
        try:
            await station.attach(pending.connection, pending.boot)
        except StoreError:
            _LOGGER.warning("Station %s must dial again", station.config.station_id)
            await pending.connection.close(_TRY_AGAIN, "try again")
            return
        pending.adopted_by = await self.relays.adopted(station, pending.connection, pending.boot)

    async def update_station(self, config: StationConfig) -> None:
        """Change a station's configuration; it keeps its socket. KeyError for an unknown one."""
        station = self._stations[config.station_id]
        await station.update(config)
        await self.relays.configure(station)

    async def remove_station(self, station_id: str) -> None:
        """Take our profiles back if the station can be reached, then close its socket and forget it."""
        station = self._stations.pop(station_id)
        YOUNG_GENERATION.hold(self, len(self._stations))
        await station.take_back_profiles()
        await station.access.forget_security_profile()
        if self.files is not None:
            self.files.desk.withdraw(station_id)
        if station.connection is not None:
            await station.connection.close(_REMOVED, "removed")
        await station.stop()
        await self.relays.remove(station_id)

    def subscribe(self, listener: Callable[[StationEvent], None]) -> Callable[[], None]:
        """Call the listener with each event of a station; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_unknown(self, listener: Callable[[UnknownStation], None]) -> Callable[[], None]:
        """Call the listener once for each unknown station, when its vendor is known or 10 s passed."""
        self._unknown_listeners.append(listener)
        return lambda: self._unknown_listeners.remove(listener)

    def admit(self, station_id: str, address: str) -> Access:
        """Return what this station needs to enter."""
        station = self._stations.get(station_id)
        if station is None:
            return Access(Admission.REFUSED if self._crowded(station_id) else Admission.PENDING)
        others = (other.config for other in self._stations.values())
        return access_of(
            station.config, station.access.password_hashes, others, station.quirks, station.access.seen_profile
        )

    def _crowded(self, station_id: str) -> bool:
        """Return whether there is no more room for this unknown station."""
        return len(self._pending) >= self._settings.max_pending and station_id not in self._pending

    async def connected(self, connection: Connection) -> MessageHandler:
        """Take a new socket of a station, known or not. Raises StoreError, and NotConnected where it is refused."""
        station_id = connection.info.station_id
        station = self._stations.get(station_id)
        if station is not None:
            await station.attach(connection)
            return await self.relays.connected(station, connection)
        if self._crowded(station_id):  # others came in since this one was let in
            connection.end(_TRY_AGAIN, "too many unknown stations")
            raise NotConnected
        pending = PendingStation(connection, self._clock, self._announce)
        self._pending[station_id] = pending
        task = asyncio.create_task(self._announce_later(pending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return pending

    async def disconnected(self, connection: Connection) -> None:
        """Take note of a socket's end; that of a replaced one changes nothing."""
        station_id = connection.info.station_id
        pending = self._pending.get(station_id)
        if pending is not None and pending.connection is connection:
            del self._pending[station_id]
        station = self._stations.get(station_id)
        if station is not None:
            station.detach(connection)
            self.relays.disconnected(station)

    async def _announce_later(self, pending: PendingStation) -> None:
        await self._clock.sleep(self._settings.announce_after_s)
        self._announce(pending)

    def _announce(self, pending: PendingStation) -> None:
        unknown = pending.unknown
        if pending.announced or self._pending.get(unknown.station_id) is not pending:
            return
        pending.announced = True
        for listener in tuple(self._unknown_listeners):
            _call_safely(listener, unknown)

    def _received(self, received: Received) -> None:
        station = self._stations.get(received.station_id)
        if station is not None:
            station.received(received)

    def _publish(self, event: StationEvent) -> None:
        for listener in tuple(self._listeners):
            _call_safely(listener, event)


def _call_safely[T](listener: Callable[[T], None], value: T) -> None:
    """Call a listener; an error of it must not keep a station from its answer."""
    try:
        listener(value)
    except Exception:
        _LOGGER.exception("A listener failed")

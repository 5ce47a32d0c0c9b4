"""The second central systems of all stations: begun, replaced and ended as the stations' configuration says."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
import logging
from pathlib import Path
import ssl
from types import MappingProxyType
from typing import Final, Literal

import aiohttp

from ...clock import Clock
from ...model import Json
from ...relay_config import RelayConfig
from ..commands import CommandError
from ..connection import Connection, MessageHandler
from ..station import Station
from .hook import RelayTap
from .limits import RelayEvent
from .link import open_http
from .session import RelaySurroundings
from .state import RelayState
from .station_relay import StationRelay

_LOGGER = logging.getLogger(__name__)
# A station that only came back after a short break sends no BootNotification by itself; our own set-up asks
# for one within 20 s where it wants one.
BOOT_WAIT_S: Final = 30.0


class Relays:
    """Knows the relay of each station that has one."""

    def __init__(self, clock: Clock, directory: Path | None, tls: ssl.SSLContext | Literal[True]) -> None:
        """Begin without any; `directory` is where they keep what waits, and comes into being with the first of them."""
        self._clock = clock
        self._directory = directory
        self._tls: ssl.SSLContext | Literal[True] = tls
        self._http: aiohttp.ClientSession | None = None
        self._relays: dict[str, StationRelay] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listeners: list[Callable[[RelayEvent], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def by_station(self) -> Mapping[str, StationRelay]:
        """Return the relays by station id, as they are at any time."""
        return MappingProxyType(self._relays)

    def state(self, station_id: str) -> RelayState | None:
        """Return how a station's relay stands, None where it has none."""
        relay = self._relays.get(station_id)
        return None if relay is None else relay.state

    def subscribe(self, listener: Callable[[RelayEvent], None]) -> Callable[[], None]:
        """Call the listener with each limit and refusal; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def directory_for(self, config: RelayConfig) -> Path:
        """Return where what waits for this central system is kept; ValueError where no directory was named."""
        if self._directory is None:
            raise ValueError(f"a relay to {config.shown} needs a directory")
        return self._directory

    async def configure(self, station: Station) -> None:
        """Begin, replace or end a station's relay; ValueError for one where no directory was named.

        What waits for a central system at another address, or under another name, is not for the new one.
        """
        station_id, config = station.config.station_id, station.config.relay
        async with self._locks[station_id]:
            known = self._relays.get(station_id)
            if config is None or (known is not None and config == known.config):
                if config is None:
                    await self._remove(station_id)
                return
            directory = self.directory_for(config)
            if known is not None and _place(config, station_id) != _place(known.config, station_id):
                await self._remove(station_id)
            elif known is not None:
                await known.stop()
            if self._http is None:
                self._http = open_http()
            around = RelaySurroundings(self._clock, self._http, self._publish, self._tls)
            relay = StationRelay(station, config, directory, around)
            await relay.start()
            self._relays[station_id] = relay
            connection = station.connection
            if connection is not None:
                await relay.speak(connection.protocol)
                self._online(station, relay, 0.0)

    async def connected(self, station: Station, connection: Connection) -> MessageHandler:
        """Return what answers the station on this socket: its handler, with copies for the relay it has at a time."""
        station_id = station.config.station_id
        async with self._locks[station_id]:
            relay = self._relays.get(station_id)
            if relay is not None:
                await relay.speak(connection.protocol)
                self._online(station, relay, BOOT_WAIT_S)
        return RelayTap(station.handler, _InForce(self, station_id))

    async def adopted(self, station: Station, connection: Connection, boot: dict[str, Json]) -> MessageHandler:
        """Do as `connected` does for a station that introduced itself before it was known."""
        handler = await self.connected(station, connection)
        if boot:
            await self.take(station.config.station_id, "BootNotification", boot, {})
        return handler

    def disconnected(self, station: Station) -> None:
        """Take note of the end of a station's socket; that of a replaced one changes nothing."""
        relay = self._relays.get(station.config.station_id)
        if relay is not None and station.connection is None:
            relay.set_online(False)

    async def take(self, station_id: str, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
        """Copy a message to the relay; one that is being replaced is waited for, so that nothing is missed."""
        if station_id not in self._relays and not self._locks[station_id].locked():
            return
        async with self._locks[station_id]:
            relay = self._relays.get(station_id)
            if relay is not None:
                await relay.take(action, payload, answer)

    async def remove(self, station_id: str) -> None:
        """End a station's relay and forget what waits."""
        async with self._locks[station_id]:
            await self._remove(station_id)
        del self._locks[station_id]

    async def stop(self) -> None:
        """Close all sockets and keep what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(relay.stop() for relay in self._relays.values()))
        self._relays.clear()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _remove(self, station_id: str) -> None:
        relay = self._relays.pop(station_id, None)
        if relay is not None:
            await relay.remove()

    def _online(self, station: Station, relay: StationRelay, wait_s: float) -> None:
        """Show the station to them, and see to it that they learn who it is."""
        if station.connection is None:  # it left meanwhile
            return
        relay.set_online(True)
        if not relay.knows_boot:
            task = asyncio.create_task(self._introduce(station, relay, wait_s), name="relay introduction")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _introduce(self, station: Station, relay: StationRelay, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        if self._relays.get(station.config.station_id) is relay and not relay.knows_boot:
            with suppress(CommandError):
                await station.trigger("BootNotification")

    def _publish(self, event: RelayEvent) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # an error of one listener must not keep it from the others
                _LOGGER.exception("A listener failed")


def _place(config: RelayConfig, station_id: str) -> str:
    return config.address_of(config.identity or station_id)


class _InForce:
    """Stands for whatever relay a station has; fulfils `TakesCopies`."""

    def __init__(self, relays: Relays, station_id: str) -> None:
        self._relays = relays
        self._station_id = station_id

    async def take(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
        """Hand a copy on."""
        await self._relays.take(self._station_id, action, payload, answer)

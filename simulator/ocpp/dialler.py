"""Keeps a station connected: dials, boots, sends what waits, and can be made to misbehave."""

import asyncio
import base64
from contextlib import suppress
import logging
import re

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWebSocketResponse, ClientWSTimeout, hdrs

from .commands import obey
from .json import FormatError, Payload, integer, text
from .link import Answer, CallFailed, Link, LinkLost
from .outbox import Outgoing
from .station import SimulatedStation

_LOGGER = logging.getLogger(__name__)
RETRY_BOOT_S = 10.0
DIAL_TIMEOUT_S = 30.0


def credentials(user: str, password: str) -> str:
    """Return an HTTP Basic header; a key of 32 to 40 hex digits stands for its bytes (security whitepaper)."""
    secret = bytes.fromhex(password) if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){16,20}", password) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


class Dialler:
    """The connection of one station over all its links."""

    def __init__(self, station: SimulatedStation) -> None:
        """Connect this station once `run` is started."""
        self.station = station
        self.allowed = True
        self.connections = 0
        self._link: Link | None = None
        self._abandon = asyncio.Event()
        self._abandoned: list[ClientWebSocketResponse] = []
        self._dial_at = 0.0
        self._change = asyncio.Event()

    def disconnect(self) -> None:
        """Close the connection and stay away until `reconnect`."""
        self.allowed = False
        self._abandon.set()

    def reconnect(self) -> None:
        """Dial at once; a connection that still stands is left open, unused."""
        self.allowed = True
        self._dial_at = 0.0
        self._abandon.set()
        self._change.set()

    def hang(self) -> None:
        """Keep the socket open, but neither read nor answer nor send."""
        if self._link is not None:
            self._link.hang()

    def tick(self) -> None:
        """Let time pass."""
        self._change.set()
        if not self.station.powered:
            self._abandon.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        options = self.station.options
        delay = options.retry_first_s
        async with ClientSession(timeout=ClientTimeout(total=None, sock_connect=10)) as session:
            errands = asyncio.create_task(self._run_errands(session))
            try:
                while True:
                    await self._until_due()
                    try:
                        async with self.station.clock.timeout(DIAL_TIMEOUT_S):
                            socket = await self._dial(session)
                    except (ClientError, OSError, TimeoutError) as error:
                        _LOGGER.debug("%s: no connection: %s", options.station_id, error)
                        self._dial_at = self.station.clock.monotonic() + delay
                        delay = min(delay * 2, options.retry_longest_s)
                        continue
                    delay = options.retry_first_s
                    self._dial_at = self.station.clock.monotonic() + delay
                    await self._serve(socket)
            finally:
                errands.cancel()
                await asyncio.gather(errands, return_exceptions=True)
                for socket in self._abandoned:
                    await socket.close()

    async def _run_errands(self, session: ClientSession) -> None:
        async with asyncio.TaskGroup() as running:
            while True:
                errand = await self.station.errands.get()
                running.create_task(errand(session))

    async def _until_due(self) -> None:
        while not (self.allowed and self.station.powered and self.station.clock.monotonic() >= self._dial_at):
            self._change.clear()
            await self._change.wait()

    async def _dial(self, session: ClientSession) -> ClientWebSocketResponse:
        options = self.station.options
        headers = {}
        if self.station.password:
            headers[hdrs.AUTHORIZATION] = credentials(options.station_id, self.station.password)
        url = f"{options.url.rstrip('/')}/{options.station_id}"
        return await session.ws_connect(
            url,
            protocols=options.subprotocols,
            headers=headers,
            autoping=False,
            max_msg_size=1 << 20,
            timeout=ClientWSTimeout(ws_close=1.0),
        )

    async def _serve(self, socket: ClientWebSocketResponse) -> None:
        """Use one connection until it ends or is given up."""
        station = self.station
        link = Link(socket, station.clock, self._handle, station.options.message_timeout_s)
        self._link = link
        self._abandon.clear()
        self.connections += 1
        station.online = True
        if not station.quirks.no_boot_on_reconnect:
            station.booted = False
            station.boot_at = 0.0
        elif station.booted:
            station.accepted(0)
        tasks = [asyncio.create_task(c) for c in (link.run(), self._talk(link), self._abandon.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(LinkLost, ConnectionError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._link = None
            station.online = False
            station.outbox.drop_passing()
            await self._leave(socket)

    async def _leave(self, socket: ClientWebSocketResponse) -> None:
        if self._abandon.is_set() and self.allowed and self.station.powered:
            self._abandoned.append(socket)
            return
        with suppress(ConnectionError, TimeoutError):
            await socket.close()

    async def _handle(self, action: str, payload: Payload) -> Answer:
        if self.station.quirks.answer_delay_s:
            await self.station.clock.sleep(self.station.quirks.answer_delay_s)
        return obey(self.station, action, payload)

    async def _talk(self, link: Link) -> None:
        """Send what waits, as far as the station is accepted."""
        station = self.station
        if station.quirks.never_boots and not station.booted:
            station.accepted(0)
        while True:
            monotonic = station.clock.monotonic()
            if not station.powered:
                return
            if not station.booted and monotonic >= station.boot_at:
                await self._boot(link)
                continue
            due = station.outbox.next(monotonic, triggered_only=not station.booted)
            if due is None:
                station.wake.clear()
                await station.wake.wait()
                continue
            await self._deliver(link, due[0])

    async def _boot(self, link: Link) -> None:
        station = self.station
        wait_s = RETRY_BOOT_S
        try:
            answer = await link.call("BootNotification", station.boot_notification())
            interval_s = integer(answer, "interval")
            if text(answer, "status") == "Accepted":
                station.accepted(interval_s)
                return
            wait_s = interval_s or wait_s
        except (CallFailed, TimeoutError, FormatError) as error:
            _LOGGER.warning("%s: boot not accepted: %s", station.options.station_id, error)
        station.boot_at = station.clock.monotonic() + wait_s

    async def _deliver(self, link: Link, message: Outgoing) -> None:
        station = self.station
        payload = message.write()
        try:
            answer = await link.call(message.action, payload, lambda frame: station.spoil(message.action, frame))
            message.answered(answer)
        except (CallFailed, TimeoutError, FormatError) as error:
            _LOGGER.info("%s: %s failed: %s", station.options.station_id, message.action, error)
            attempts = station.configuration.integer("TransactionMessageAttempts")
            interval_s = station.configuration.integer("TransactionMessageRetryInterval")
            station.outbox.refused(message, station.clock.monotonic(), attempts, interval_s)
        else:
            station.outbox.done(message)

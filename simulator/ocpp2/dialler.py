"""Keeps an OCPP 2.x station connected: dials by its network profiles, boots, sends what waits, can be made to hang."""

import asyncio
from contextlib import suppress
import logging

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWebSocketResponse, ClientWSTimeout, hdrs

from simulator.ocpp.json import FormatError, Payload, integer, text
from simulator.ocpp.link import Answer, CallFailed, CommandError, Link, LinkLost
from simulator.ocpp.outbox import Outgoing

from .commands import obey
from .factory_model import TRIALS
from .station import SimulatedStation2
from .tls import credentials, tls_context

_LOGGER = logging.getLogger(__name__)
RETRY_BOOT_S = 10.0
DIAL_TIMEOUT_S = 30.0


class Dialler2:
    """The connection of one station over all its links."""

    def __init__(self, station: SimulatedStation2) -> None:
        """Connect this station once `run` is started."""
        self.station = station
        self.allowed = True
        self.connections = 0
        self.slot = 1
        """The network profile that is tried or in use; 0 before the first try after a restart."""
        self._failures = 0
        self._link: Link | None = None
        self._abandon = asyncio.Event()
        self._abandoned: list[ClientWebSocketResponse] = []
        self._dial_at = 0.0
        self._change = asyncio.Event()

    def disconnect(self) -> None:
        """Cut the network: close the connection and stay away until `reconnect`."""
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
            self.slot = 0  # after a restart the preferred profile is tried first
            self._abandon.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        delay = self.station.options.retry_first_s
        async with ClientSession(timeout=ClientTimeout(total=None, sock_connect=10)) as session:
            errands = asyncio.create_task(self._run_errands(session))
            try:
                while True:
                    await self._until_due()
                    socket = await self._try(session)
                    if socket is None:
                        self._dial_at = self.station.clock.monotonic() + delay
                        delay = min(delay * 2, self.station.options.retry_longest_s)
                        continue
                    delay = self.station.options.retry_first_s
                    self._dial_at = self.station.clock.monotonic() + delay
                    await self._serve(socket)
            finally:
                errands.cancel()
                await asyncio.gather(errands, return_exceptions=True)
                for each in self._abandoned:
                    await each.close()

    async def _run_errands(self, session: ClientSession) -> None:
        async with asyncio.TaskGroup() as running:
            while True:
                errand = await self.station.errands.get()
                running.create_task(errand(session))

    async def _until_due(self) -> None:
        while not (self.allowed and self.station.powered and self.station.clock.monotonic() >= self._dial_at):
            self._change.clear()
            await self._change.wait()

    async def _try(self, session: ClientSession) -> ClientWebSocketResponse | None:
        """Dial once; after enough failures the next network profile is due."""
        network = self.station.network
        order = network.order()
        if self.slot not in order:
            self.slot, self._failures = order[0], 0
        try:
            async with self.station.clock.timeout(DIAL_TIMEOUT_S):
                socket = await self._dial(session, self.slot)
        except (ClientError, OSError, TimeoutError) as error:
            _LOGGER.debug("%s: no connection: %s", self.station.options.station_id, error)
            self._failures += 1
            if self._failures >= network.attempts():
                self.slot, self._failures = order[(order.index(self.slot) + 1) % len(order)], 0
            return None
        self._failures = 0
        network.connected(self.slot)
        return socket

    async def _dial(self, session: ClientSession, slot: int) -> ClientWebSocketResponse:
        station = self.station
        options, profile = station.options, station.network.slots[slot]
        headers = {}
        identity = profile.identity or options.station_id
        password = profile.password or station.password
        if password and profile.security_profile in {1, 2}:
            headers[hdrs.AUTHORIZATION] = credentials(identity, password)
        context = None
        if profile.url.startswith("wss://"):
            own = profile.security_profile == 3
            store = station.certificates
            context = tls_context(store.trusted_pem(), store.certificate_pem if own else "", store.key_pem)
        return await session.ws_connect(
            f"{profile.url.rstrip('/')}/{identity}",
            protocols=(options.version, *options.also_offers),
            headers=headers,
            autoping=False,
            max_msg_size=1 << 20,
            timeout=ClientWSTimeout(ws_close=1.0),
            ssl=context or True,
        )

    async def _serve(self, socket: ClientWebSocketResponse) -> None:
        """Use one connection until it ends or is given up."""
        station = self.station
        options = station.options
        link = Link(socket, station.clock, self._handle, options.message_timeout_s, "FormatViolation")
        self._link = link
        self._abandon.clear()
        self.connections += 1
        if socket.protocol != options.version:
            await socket.close()
            return
        was_booted = station.booted and not station.quirks.boots_on_reconnect
        station.link_changed(connected=True)
        if was_booted:
            station.accepted(0, reconnected=True)
        else:
            station.boot_status, station.boot_at = "", 0.0
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
            station.link_changed(connected=False)
            station.outbox.drop_passing()
            await self._leave(socket)

    async def _leave(self, socket: ClientWebSocketResponse) -> None:
        if self._abandon.is_set() and self.allowed and self.station.powered:
            self._abandoned.append(socket)
            return
        with suppress(ConnectionError, TimeoutError):
            await socket.close()

    async def _handle(self, action: str, payload: Payload) -> Answer:
        station = self.station
        if station.quirks.answer_delay_s:
            await station.clock.sleep(station.quirks.answer_delay_s)
        if station.boot_status == "Rejected":
            raise CommandError("SecurityError", "not accepted")
        return obey(station, action, payload)

    async def _talk(self, link: Link) -> None:
        """Send what waits, as far as the station is accepted."""
        station = self.station
        while True:
            monotonic = station.clock.monotonic()
            if not station.powered:
                return
            if not station.booted and monotonic >= station.boot_at:
                await self._boot(link)
                continue
            due = None
            if station.boot_status != "Rejected":
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
            status = text(answer, "status")
            if status == "Accepted":
                station.accepted(interval_s)
                return
            station.boot_status = status
            wait_s = interval_s or wait_s
        except (CallFailed, TimeoutError, FormatError) as error:
            _LOGGER.warning("%s: boot not accepted: %s", station.options.station_id, error)
        station.boot_at = station.clock.monotonic() + wait_s

    async def _deliver(self, link: Link, message: Outgoing) -> None:
        station = self.station
        payload = message.write()
        if not message.confirmed:
            await link.send(message.action, payload)
            station.outbox.done(message)
            return
        try:
            message.answered(await link.call(message.action, payload))
        except (CallFailed, TimeoutError, FormatError) as error:
            _LOGGER.info("%s: %s failed: %s", station.options.station_id, message.action, error)
            comm, model = "OCPPCommCtrlr", station.model
            attempts = model.integer(comm, "MessageAttempts", TRIALS)
            interval_s = model.integer(comm, "MessageAttemptInterval", TRIALS)
            station.outbox.refused(message, station.clock.monotonic(), attempts, interval_s)
        else:
            station.outbox.done(message)

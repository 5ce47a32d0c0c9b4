"""One station as its second central system sees it: dials, copies, carries out, and never holds up the station."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
import logging
import random
import re
import ssl
from typing import Final, Literal
from uuid import uuid4

import aiohttp

from ...clock import Clock
from ...model import Json
from ...relay_config import RelayConfig
from .. import payloads
from ..rpc import OCPP16, Call
from ..schemas import Schemas
from .backlog import Backlog, RelayMessage
from .commands import RelayedStation, TheirCommands
from .keeper import BacklogKeeper
from .limits import RelayEvent, TransactionRefused
from .link import DialError, LinkDown, RelayLink, TheyRefused, dial
from .messages import MessageKind, Unmapped, for_them, kind_of, station_transaction, transaction_of
from .state import RelayState
from .store import RelayStore

_LOGGER = logging.getLogger(__name__)
HEARTBEAT_S: Final = 300.0
_MIN_HEARTBEAT_S: Final = 10.0
_MAX_HEARTBEAT_S: Final = 24 * 3600.0
# How often a transaction message is tried that they answer with an error: one that says that the message is wrong,
# and any other, which may pass. The pauses double, so that the latter is about half an hour.
_ATTEMPTS: Final = 3
_PATIENT_ATTEMPTS: Final = 10
_WRONG_MESSAGE: Final = re.compile("Violation|NotSupported|NotImplemented|ProtocolError")
_BUSY_COMMANDS: Final = 8
_STOP_S: Final = 5.0
_ASK_AGAIN_S: Final = 60.0  # after they didn't answer who may charge


@dataclass(frozen=True, slots=True)
class RelaySurroundings:
    """What all relays of a site are lent.

    `http` is from `link.open_http`. `tls` True verifies with the system's roots. `jitter` returns 0 to 1, so that
    not all stations dial at one moment. `on_event` is told of limits and refusals.
    """

    clock: Clock
    http: aiohttp.ClientSession
    on_event: Callable[[RelayEvent], None]
    tls: ssl.SSLContext | Literal[True] = True
    jitter: Callable[[], float] = random.random


class RelaySession:
    """A station's place at its second central system."""

    def __init__(
        self,
        station_id: str,
        config: RelayConfig,
        station: RelayedStation,
        store: RelayStore,
        schemas: Schemas,
        around: RelaySurroundings,
    ) -> None:
        """Prepare a session that neither dials nor copies before `start`.

        `schemas` are those of the version that the station speaks, which is spoken to them too.
        """
        self._station_id = station_id
        self._identity = config.identity or station_id
        self._config = config
        self._schemas = schemas
        self._around = around
        self._clock = around.clock
        self._backlog = Backlog(config.backlog_bytes)
        self._keeper = BacklogKeeper(self._backlog, store, around.clock, station_id)
        self._commands = TheirCommands(
            station_id, station, schemas, self._backlog, config.policy, around.clock, self._tell
        )
        self._online = False
        self._wake = asyncio.Event()
        self._statuses: dict[int, Mapping[str, Json]] = {}
        self._heartbeat_s = HEARTBEAT_S
        self._attempts = 0
        self._ask_after_s = float("-inf")
        self._link: RelayLink | None = None
        self._accepted = False
        self._since: datetime | None = None
        self._error: str | None = None
        self._turned_away = False
        self._garbage = 0
        self._dialling: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def state(self) -> RelayState:
        """Return how the relay stands."""
        backlog, counts = self._backlog, self._commands.counts
        return RelayState(
            self._config.shown,
            self._link is not None,
            self._accepted,
            self._since,
            self._error,
            len(backlog),
            backlog.size,
            backlog.thinned,
            len(backlog.aside),
            backlog.refused,
            backlog.lost,
            self._garbage + (0 if self._link is None else self._link.garbage),
            counts.carried_out,
            counts.refused,
            self._keeper.kept,
            self._turned_away,
        )

    @property
    def knows_boot(self) -> bool:
        """Return whether the station introduced itself, so that they can be told who it is."""
        return self._backlog.boot is not None

    async def start(self) -> None:
        """Read what was kept and begin; where that can't be read the relay begins anew, with a warning."""
        await self._keeper.restore()
        self._commands.restore()
        name = self._station_id
        self._keeping = asyncio.create_task(self._keeper.run(), name=f"{name} relay backlog")
        self._dialling = asyncio.create_task(self._keep_dialling(), name=f"{name} relay")

    async def stop(self) -> None:
        """Close the socket and keep what waits, as far as the disk takes it within some seconds."""
        if self._dialling is None or self._keeping is None:
            return
        self._dialling.cancel()
        await asyncio.wait([self._dialling])
        self._keeper.close()
        with suppress(TimeoutError):
            async with self._clock.timeout(_STOP_S):
                await asyncio.wait([self._keeping])
        self._keeping.cancel()

    def set_online(self, online: bool) -> None:
        """Say whether the station is connected: they see it come and go, once they have all it said."""
        self._online = online
        self._wake.set()

    async def take(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
        """Copy a message of the station, with the answer that it is about to get from us.

        Returns at once, but for transaction messages: those are on the disk before the station is told that it may
        forget them. Never raises, and never waits for the second central system.
        """
        kind = kind_of(action, payload, self._commands.requests)
        if kind is MessageKind.BOOT:
            self._backlog.booted(payload)
            self._statuses.clear()
        elif kind is MessageKind.TELEMETRY:
            if action == "StatusNotification":
                self._note_status(payload)
            self._queue(action, payload, answer, lasting=False)
        elif kind is MessageKind.TRANSACTION:
            self._queue(action, payload, answer, lasting=True)
            await self._keeper.saved()
        elif kind is MessageKind.LIVE and self._accepted and not self._config.authorisation:
            self._queue(action, payload, answer, lasting=False)
        self._wake.set()

    def _note_status(self, payload: Mapping[str, Json]) -> None:
        connector = payloads.integer(payload, "connectorId") or 0
        if 0 <= connector <= payloads.MAX_CONNECTORS:
            self._statuses[connector] = payload

    def _queue(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json], *, lasting: bool) -> None:
        transaction_id = transaction_of(self._schemas.protocol, action, payload, answer)
        lost = self._backlog.lost
        self._backlog.add(action, payload, lasting=lasting, transaction_id=transaction_id)
        if lost == 0 and self._backlog.lost:
            _LOGGER.error("There is no more room for messages of %s to its second central system", self._station_id)

    async def authorise(self, id_token: str) -> Mapping[str, Json] | None:
        """Ask them who may charge; None where they don't say in time, or it is not theirs to say.

        The mapping is an IdTagInfo (1.6) or an IdTokenInfo (2.x), unchecked. After a silence they are not
        asked again for a minute.
        """
        link, now_s = self._link, self._clock.monotonic()
        if not self._config.authorisation or link is None or not self._accepted or now_s < self._ask_after_s:
            return None
        is_16 = self._schemas.protocol == OCPP16
        token: Json = id_token if is_16 else {"idToken": id_token, "type": "ISO14443"}
        name, told = ("idTag", "idTagInfo") if is_16 else ("idToken", "idTokenInfo")
        try:
            async with self._clock.timeout(self._config.authorise_timeout_s):
                answer = await link.call(str(uuid4()), "Authorize", {name: token}, self._config.answer_timeout_s)
        except TimeoutError:
            self._ask_after_s = now_s + _ASK_AGAIN_S
            return None
        except LinkDown, TheyRefused:
            return None
        info = answer.get(told)
        return info if isinstance(info, dict) else None

    def _tell(self, event: RelayEvent) -> None:
        try:
            self._around.on_event(event)
        except Exception:  # a listener's error is not the station's or theirs
            _LOGGER.exception("A listener of the relay of %s failed", self._station_id)

    # Being connected.

    @property
    def _wanted(self) -> bool:
        return self._online or len(self._backlog) > 0

    async def _keep_dialling(self) -> None:
        failures = 0
        while True:
            while not self._wanted:
                self._wake.clear()
                await self._wake.wait()
            sound = False
            try:
                sound = await self._connect()
            except DialError as error:
                self._turned_away = error.turned_away
                self._fail(str(error))
            except Exception:  # of theirs or ours: the station goes on, and so does the relay
                _LOGGER.exception("The relay of %s failed", self._station_id)
                self._fail("internal error")
            failures = 0 if sound else min(failures + 1, 16)
            config = self._config
            pause_s = min(config.retry_min_s * 2 ** max(0, failures - 1), config.retry_max_s)
            await self._clock.sleep(pause_s * (1.0 + 0.2 * self._around.jitter()))

    def _fail(self, error: str) -> None:
        if error != self._error:
            _LOGGER.info("The second central system of %s at %s: %s", self._station_id, self._config.shown, error)
        self._error = error

    async def _connect(self) -> bool:
        """Be connected until that ends; return whether they answered anything."""
        socket = await dial(
            self._around.http, self._config, self._identity, self._schemas.protocol, self._clock, self._around.tls
        )
        commands: asyncio.Queue[Call] = asyncio.Queue(_BUSY_COMMANDS)

        def take(call: Call) -> bool:
            with suppress(asyncio.QueueFull):
                commands.put_nowait(call)
                return True
            return False

        link = RelayLink(socket, self._config, self._schemas.protocol, self._clock, take, self._station_id)
        self._link, self._since, self._error = link, self._clock.now(), None
        work = [
            asyncio.create_task(link.run()),
            asyncio.create_task(self._feed(link)),
            asyncio.create_task(self._obey(link, commands)),
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._link, self._accepted = None, False
            link.end()
            for task in work[1:]:
                task.cancel()
            results = await asyncio.gather(*work, return_exceptions=True)
            self._garbage += link.garbage
            self._backlog.forget_live()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, LinkDown):
                raise result
        return link.answered

    async def _obey(self, link: RelayLink, commands: asyncio.Queue[Call]) -> None:
        while True:
            call = await commands.get()
            frame = await self._commands.answer(call)
            if self._backlog.urgent:
                self._keeper.save_soon()
            await link.send(frame)

    # What they are told.

    async def _feed(self, link: RelayLink) -> None:
        """Tell them all there is, in order, and return once the station is gone and they know everything."""
        while True:
            self._wake.clear()
            if self._backlog.boot is not None and not self._backlog.boot_told:
                self._accepted = await self._tell_boot(link, self._backlog.boot)
            else:
                self._accepted = True
                message = self._backlog.head
                if message is not None:
                    await self._forward(link, message)
                elif not self._online:
                    return
                else:
                    await self._idle(link)

    async def _tell_boot(self, link: RelayLink, boot: Mapping[str, Json]) -> bool:
        """Introduce the station, and wait as long as they say where they don't take it in yet (1.6 section 4.2)."""
        try:
            answer = await link.call(str(uuid4()), "BootNotification", boot, self._config.answer_timeout_s)
        except TheyRefused as refused:
            self._fail(f"BootNotification refused with {refused.code}")
            answer = {}
        interval = payloads.integer(answer, "interval") or 0
        interval_s = min(max(float(interval), _MIN_HEARTBEAT_S), _MAX_HEARTBEAT_S) if interval > 0 else HEARTBEAT_S
        self._turned_away = answer.get("status") not in {"Accepted", "Pending"}
        if answer.get("status") != "Accepted":
            await self._clock.sleep(min(interval_s, self._config.retry_max_s))
            return False
        self._heartbeat_s = interval_s
        if self._backlog.boot is boot:
            self._backlog.boot_accepted()
            waiting = self._backlog.waiting_statuses
            for connector, status in sorted(self._statuses.items()):
                if connector not in waiting:
                    self._queue("StatusNotification", status, {}, lasting=False)
        return True

    async def _forward(self, link: RelayLink, message: RelayMessage) -> None:
        theirs = self._backlog.theirs(message.transaction_id)
        payload = for_them(self._schemas.protocol, message.action, message.payload, theirs)
        if isinstance(payload, Unmapped):
            self._backlog.put_aside(message)
            return
        try:
            answer = await link.call(message.message_id, message.action, payload, self._config.answer_timeout_s)
        except TheyRefused as refused:
            await self._refused(message, refused)
            return
        number = payloads.integer(answer, "transactionId") if message.action == "StartTransaction" else None
        if message.action == "StartTransaction" and number is None:
            await self._refused(message, TheyRefused("no transactionId"))
            return
        self._attempts = 0
        self._backlog.done(message, number)
        if message.lasting:
            self._keeper.save_soon()
            self._note_authorisation(message, answer)

    async def _refused(self, message: RelayMessage, refused: TheyRefused) -> None:
        """Try a transaction message again after a while; what they refuse for good must not hold up the rest."""
        self._attempts += 1
        attempts = _ATTEMPTS if _WRONG_MESSAGE.search(refused.code) else _PATIENT_ATTEMPTS
        if message.lasting and self._attempts < attempts:
            if self._attempts == 1:
                # They may have forgotten the station, and want it to introduce itself first.
                self._backlog.boot_told = False
            pause_s = self._config.retry_min_s * 2 ** (self._attempts - 1)
            await self._clock.sleep(min(pause_s, self._config.retry_max_s))
            return
        self._attempts = 0
        if message.lasting:
            _LOGGER.warning(
                "The second central system of %s refuses a %s: %s", self._station_id, message.action, refused.code
            )
        self._backlog.put_aside(message)
        self._keeper.save_soon()

    def _note_authorisation(self, message: RelayMessage, answer: Mapping[str, Json]) -> None:
        """Tell that they don't authorise what runs, where it is theirs to say."""
        info = answer.get("idTagInfo", answer.get("idTokenInfo"))
        status = payloads.text(info, "status") if isinstance(info, dict) else None
        ours = message.transaction_id or station_transaction(message.payload)
        starts = message.action == "StartTransaction" or message.payload.get("eventType") == "Started"
        if self._config.authorisation and starts and ours and status not in {None, "Accepted", "ConcurrentTx"}:
            self._tell(TransactionRefused(self._station_id, ours, str(status)))

    async def _idle(self, link: RelayLink) -> None:
        try:
            async with self._clock.timeout(self._heartbeat_s):
                await self._wake.wait()
        except TimeoutError:
            with suppress(TheyRefused):
                await link.call(str(uuid4()), "Heartbeat", {}, self._config.answer_timeout_s)

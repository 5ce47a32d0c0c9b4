"""What all parts of one station share: its configuration, snapshot, socket, clock offset and learnt facts."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import logging
import math
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from ..clock import Clock
from ..config import LeaseTimes, StationConfig
from ..model import EvseMeasurement, EvseStatus, Json, StoreError, Transaction
from ..quick_replace import replacer
from .certificates import CertificateSigner
from .commands import CommandError, CommandErrorCode, Commands
from .connection import CallFailed, CallTimeout, Connection, NotConnected
from .files import Files
from .learnt import Learnt
from .profiles import Wiring
from .quirks import Quirks, quirks_for
from .reconciliation import Pace
from .state import (
    AppliedLimit,
    Capabilities,
    ChargingNeeds,
    Detail,
    EvseState,
    Obedience,
    ProfileForm,
    Reservation,
    SetPoint,
    SetupStep,
    StationEvent,
    StationEventType,
    StationState,
)
from .store import Authorizer, StationMemory, TransactionStore
from .timestamps import ClockOffset
from .transfer_progress import FirmwareProgress, UploadProgress
from .v16_commands import V16Commands

_LOGGER = logging.getLogger(__name__)
_MAX_DEVIATION_KINDS = 100
_station_replaced = replacer(StationState)
_evse_replaced = replacer(EvseState)
CALL_TIMEOUT_S = 30.0

type EventListener = Callable[[StationEvent], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the central system lends to each station."""

    clock: Clock
    transactions: TransactionStore
    memory: StationMemory
    authorizer: Authorizer
    lease: LeaseTimes
    signer: CertificateSigner | None = None
    files: Files | None = None


class StationChanges(TypedDict, total=False):
    """Fields of the station's snapshot that may be replaced."""

    connected: bool
    connected_since: datetime | None
    last_seen: datetime | None
    protocol: str | None
    booted_at: datetime | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    firmware_status: str | None
    diagnostics_status: str | None
    status: EvseStatus | None
    clock_offset_s: float
    capabilities: Capabilities
    setup: tuple[SetupStep, ...]
    deviations: Mapping[str, int]
    dropped_values: int
    limited_elsewhere_a: Mapping[int, float]
    limited_by_grid: Mapping[int, str]
    quirks: tuple[str, ...]
    reservations: Mapping[int, Reservation]
    firmware_request_id: int | None
    log_request_id: int | None
    published_firmware_status: str | None
    firmware: FirmwareProgress
    firmware_told_at: datetime | None
    upload: UploadProgress


class EvseChanges(TypedDict, total=False):
    """Fields of an EVSE's snapshot that may be replaced."""

    status: EvseStatus | None
    error_code: str | None
    vendor_error_code: str | None
    info: str | None
    operative: bool
    measurement: EvseMeasurement | None
    measured_at: datetime | None
    transaction: Transaction | None
    applied: AppliedLimit | None
    obedience: Obedience
    charging_needs: ChargingNeeds | None
    priority_charging: bool
    refused: bool
    set_point: SetPoint | None


class StationCore:
    """The shared middle of a station; its parts change the snapshot only through it."""

    def __init__(self, config: StationConfig, around: Surroundings, listener: EventListener) -> None:
        """Begin disconnected, knowing nothing but the configuration."""
        self.config = config
        self.around = around
        self.clock = around.clock
        self.offset = ClockOffset()
        self.learnt = Learnt()
        self.quirks = Quirks()
        self.start_tag: str | None = None  # the only one that a remote start may name here; a secret
        self.connection: Connection | None = None
        self.commands: Commands = V16Commands(self)  # of the version spoken last
        self._evses: Mapping[int, EvseState] = {1: EvseState(1)}
        self._state = StationState(config.station_id, evses=self._evses)
        self._changes: dict[str, object] = {}  # that the snapshot does not have yet
        self._listener = listener
        self._tasks: set[asyncio.Task[None]] = set()
        self._speaking = asyncio.Lock()
        self._spoken_at = -math.inf

    @property
    def state(self) -> StationState:
        """Return the station's snapshot; one message changes it several times, it is made once it is looked at."""
        if self._changes:
            self._state = _station_replaced(self._state, self._changes)
            self._changes = {}
        return self._state

    @property
    def capabilities(self) -> Capabilities:
        """Return what the station was seen to be able to do, without making the snapshot for that."""
        return self.state.capabilities if "capabilities" in self._changes else self._state.capabilities

    @property
    def wiring(self) -> Wiring:
        """Return how the station is wired and what currents it may be told."""
        config, quirks = self.config, self.quirks
        return Wiring(
            config.phases,
            config.min_current_a,
            config.max_current_a,
            step_a=quirks.current_step_a,
            allowed_a=quirks.currents_a,
        )

    @property
    def pace(self) -> Pace:
        """Return how often this station is spoken to."""
        pace = Pace.of(self.around.lease, writes_flash=self.config.writes_flash)
        return replace(pace, raise_s=max(pace.raise_s, self.quirks.raise_pause_s))

    def pace_of(self, form: ProfileForm | None) -> Pace:
        """Return how often a limit of this form is written; one that is only moved wears no flash memory."""
        if form is not ProfileForm.DYNAMIC:
            return self.pace
        moved = Pace.of(self.around.lease, writes_flash=False)
        return replace(moved, raise_s=max(moved.raise_s, self.quirks.raise_pause_s))

    @property
    def profile_capabilities(self) -> Capabilities:
        """Return what profiles may rely on: what the station says of itself, where that is to be trusted."""
        return self.quirks.narrowed(self.state.capabilities)

    @property
    def single_evse(self) -> bool:
        """Return True where the station has one connector, as far as is known."""
        return (self.state.capabilities.connectors or 1) <= 1 and len(self.state.evses) == 1

    def change(self, **changes: Unpack[StationChanges]) -> None:
        """Replace fields of the snapshot without telling anybody yet."""
        self._changes.update(changes)

    def recognise(self) -> None:
        """Look up what is known of this kind of station, by what it announced now or before."""
        told, known = self.state, self.learnt
        who = (known.vendor, known.model, told.firmware_version or known.firmware)
        if told.vendor is not None or told.model is not None:
            who = (told.vendor, told.model, told.firmware_version)
        self.quirks = quirks_for(*who, told.protocol)
        if self.quirks.names != told.quirks:
            self.change(quirks=self.quirks.names)
        if self.quirks.no_websocket_ping and self.connection is not None:
            self.connection.spare_pings()

    def evse(self, evse_id: int) -> EvseState:
        """Return an EVSE's snapshot, an empty one if it was never heard of."""
        return self._evses.get(evse_id) or EvseState(evse_id)

    def change_evse(self, evse_id: int, **changes: Unpack[EvseChanges]) -> None:
        """Replace fields of an EVSE's snapshot, which comes into being by that."""
        evse = _evse_replaced(self.evse(evse_id), changes)
        self._evses = {**self._evses, evse_id: evse}
        self._changes["evses"] = self._evses

    def emit(
        self,
        kind: StationEventType,
        evse_id: int | None = None,
        *,
        at: datetime | None = None,
        transaction: Transaction | None = None,
        id_token: str | None = None,
        live: bool = True,
        details: Mapping[str, Detail] = MappingProxyType({}),
    ) -> None:
        """Tell that something happened, with the snapshot as it is now."""
        moment = self.clock.now() if at is None else at
        self._listener(StationEvent(kind, self.state, moment, evse_id, transaction, id_token, live, details))

    def note_deviation(self, kind: str) -> None:
        """Count a tolerated deviation; each kind is logged once."""
        counts = dict(self.state.deviations)
        if kind not in counts:
            if len(counts) >= _MAX_DEVIATION_KINDS:
                return
            _LOGGER.info("%s deviates from OCPP: %s", self.config.station_id, kind)
        counts[kind] = counts.get(kind, 0) + 1
        self.change(deviations=counts)

    def drop_values(self, count: int) -> None:
        """Count readings that could not be read."""
        if count:
            self.change(dropped_values=self.state.dropped_values + count)

    async def call(
        self, action: str, payload: Mapping[str, Json], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> dict[str, Json]:
        """Ask the station; raises CommandError."""
        connection = self.connection
        if connection is None:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, action)
        try:
            if self.quirks.call_pause_s:
                return await self._call_at_leisure(connection, action, payload, timeout_s)
            return await connection.call(action, payload, timeout_s=timeout_s)
        except NotConnected as error:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, action) from error
        except CallTimeout as error:
            raise CommandError(CommandErrorCode.TIMEOUT, action) from error
        except CallFailed as error:
            unsupported = error.code in {"NotSupported", "NotImplemented"}
            code = CommandErrorCode.NOT_SUPPORTED if unsupported else CommandErrorCode.FAILED
            raise CommandError(code, f"{action}: {error}") from error
        except ValueError as error:
            raise CommandError(CommandErrorCode.INVALID, str(error)) from error

    async def _call_at_leisure(
        self, connection: Connection, action: str, payload: Mapping[str, Json], timeout_s: float
    ) -> dict[str, Json]:
        """Ask a station that stumbles over calls in close succession."""
        async with self._speaking:
            if (rest_s := self._spoken_at + self.quirks.call_pause_s - self.clock.monotonic()) > 0:
                await self.clock.sleep(rest_s)
            try:
                return await connection.call(action, payload, timeout_s=timeout_s)
            finally:
                self._spoken_at = self.clock.monotonic()

    async def load_learnt(self) -> None:
        """Read what was learnt before; a memory that fails costs only the learning."""
        try:
            raw = await self.around.memory.load(self.config.station_id)
        except StoreError:
            _LOGGER.warning("What was learnt about %s can't be read", self.config.station_id)
            return
        self.learnt = Learnt.from_json(raw)
        self.change(capabilities=self.learnt.shown())
        for evse_id, power_w in self.learnt.gives_w.items():
            self.change_evse(evse_id, charging_needs=ChargingNeeds(self.clock.now(), max_discharge_w=power_w))
        self.recognise()

    async def learn(self, learnt: Learnt) -> None:
        """Keep learnt facts, also over a restart."""
        if learnt == self.learnt:
            return
        self.learnt = learnt
        try:
            await self.around.memory.save(self.config.station_id, learnt.to_json())
        except StoreError:
            _LOGGER.warning("What was learnt about %s can't be kept", self.config.station_id)

    async def take_needs(self, evse_id: int, needs: ChargingNeeds | None) -> None:
        """Take what the car at an EVSE asks for, None where there is none; that it can give back outlives a restart."""
        self.change_evse(evse_id, charging_needs=needs)
        gives_w = {key: power_w for key, power_w in self.learnt.gives_w.items() if key != evse_id}
        if needs is not None and needs.max_discharge_w is not None:
            gives_w[evse_id] = needs.max_discharge_w
        await self.learn(replace(self.learnt, gives_w=gives_w))

    def ordered_inoperative(self, evse_id: int) -> bool:
        """Return whether an EVSE was switched off, be it only scheduled at the station."""
        return not self.learnt.inoperative.isdisjoint({0, evse_id})

    async def learn_phase_switching(self, evse_id: int, *, follows: bool) -> None:
        """Keep whether the station uses the number of phases it is told."""
        if self.state.capabilities.switches_phases is follows:
            return
        self.change(capabilities=replace(self.state.capabilities, switches_phases=follows))
        known = replace(self.learnt.capabilities, switches_phases=follows)
        await self.learn(replace(self.learnt, capabilities=known))
        self.emit(StationEventType.CHANGED, evse_id)

    async def learn_profile(self, profile_id: int) -> None:
        """Keep that a charging profile of this id was installed, so that it can be taken back."""
        await self.learn(replace(self.learnt, profile_ids=self.learnt.profile_ids | {profile_id}))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run work beside the reader; an error in it is logged and ends only that work."""
        task = asyncio.create_task(self._guard(work, name), name=f"{self.config.station_id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Work that is cancelled before it began is never entered, and would be missed by nobody.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            _LOGGER.exception("%s of %s failed", name, self.config.station_id)

    async def cancel_tasks(self) -> None:
        """End all work of this station and wait for it."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

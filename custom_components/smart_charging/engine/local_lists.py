"""Keeps the stations' local lists like the registry of tags, so that they decide alike while they can't ask."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
import logging
import math
from typing import Final

from .clock import Clock
from .csms.central_system import CentralSystem
from .csms.commands import CommandError, CommandErrorCode
from .csms.local_list import LocalListEntry
from .csms.rpc import OCPP16
from .csms.state import StationEvent, StationEventType, StepStatus
from .csms.station import Station
from .id_token import MAX_TOKEN_LENGTH, ListState, ListStatus, LocalList, TokenType
from .ledger import SiteLedger
from .model import AuthorizationStatus, Json, StoreError
from .registry_authorizer import RegistryAuthorizer

_LOGGER = logging.getLogger(__name__)

SPACING_S = 30.0  # stations keep their lists in flash memory
RETRY_S = 60.0  # after a failure, then twice as long each time
LONGEST_RETRY_S = 3600.0
LOOK_S = 300.0  # what a token is worth also changes with time
_UNREADY_S = 5.0
_MEMORY = "local_lists"
_LENGTH_16 = 20  # OCPP 1.6 section 7.28
_KINDS: Final[Mapping[TokenType, str]] = {
    TokenType.RFID: "ISO14443",
    TokenType.APP: "Central",
    TokenType.REMOTE: "Central",
    TokenType.VEHICLE: "MacAddress",
}
# What a station says of itself where it can keep a list: the feature profile of 1.6, the component of OCPP 2.
_FEATURES: Final = ("LocalAuthListManagement", "LocalAuthListCtrlr")
_SWITCHES: Final = ("LocalAuthListEnabled", "LocalAuthListCtrlr.Enabled")


@dataclass(frozen=True, slots=True)
class _Kept:
    """The version that a station took last, and that of the registry's list which it stands for."""

    version: int
    registry: int


class LocalLists:
    """The lists of all stations of a site; without a registry there are none."""

    def __init__(
        self,
        access: RegistryAuthorizer | None,
        csms: CentralSystem,
        clock: Clock,
        ledger: SiteLedger,
        changed: Callable[[], None],
    ) -> None:
        """Begin at `start`; `changed` is called when a state did."""
        self._access = access
        self._csms = csms
        self._clock = clock
        self._ledger = ledger
        self._changed = changed
        self._kept: dict[str, _Kept] = {}
        self._stations: dict[str, _StationList] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unsubscribe: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Follow the registry and the stations; raises StoreError."""
        if self._access is None:
            return
        self._kept = _read_kept((await self._ledger.load_memory()).get(_MEMORY))
        self._unsubscribe = [
            self._csms.subscribe(self._heard),
            self._access.subscribe_changes(self._look_at_all),
        ]
        self._tasks[""] = asyncio.create_task(self._look_now_and_then(), name="local lists")

    async def stop(self) -> None:
        """Follow them no longer."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        tasks = [*self._tasks.values()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def state(self, station_id: str) -> ListState | None:
        """Return how a station's list stands, None where it is none of ours."""
        followed = self._stations.get(station_id)
        return None if followed is None or not followed.ours else followed.state

    async def forget(self, station_id: str) -> None:
        """Forget a station that is gone for good; raises StoreError."""
        self._stations.pop(station_id, None)
        task = self._tasks.pop(station_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if station_id in self._kept:
            await self.keep(station_id, None)

    def kept(self, station_id: str) -> _Kept | None:
        """Return what a station took last."""
        return self._kept.get(station_id)

    async def keep(self, station_id: str, kept: _Kept | None) -> None:
        """Keep what a station took, also over a restart; raises StoreError."""
        others = {key: value for key, value in self._kept.items() if key != station_id}
        self._kept = others if kept is None else {**others, station_id: kept}
        values: dict[str, Json] = {key: [one.version, one.registry] for key, one in self._kept.items()}
        await self._ledger.save_memory(_MEMORY, values)

    def _heard(self, event: StationEvent) -> None:
        if event.type in {StationEventType.CONNECTED, StationEventType.BOOTED}:
            self._follow(event.station.station_id)

    def _follow(self, station_id: str) -> None:
        """Look at a station's list anew: it may have another one, and may support them by now."""
        access = self._access
        if access is None or not self._unsubscribe:
            return
        if station_id not in self._stations:
            followed = self._stations[station_id] = _StationList(
                station_id, self, access, self._csms, self._clock, self._changed
            )
            self._tasks[station_id] = asyncio.create_task(followed.run(), name=f"local list of {station_id}")
        self._stations[station_id].look(anew=True)

    def _look_at_all(self) -> None:
        for followed in self._stations.values():
            followed.look()

    async def _look_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            self._look_at_all()


class _StationList:
    """One station's list."""

    def __init__(
        self,
        station_id: str,
        lists: LocalLists,
        access: RegistryAuthorizer,
        csms: CentralSystem,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        """Begin not knowing what the station holds."""
        self._station_id = station_id
        self._lists = lists
        self._access = access
        self._csms = csms
        self._clock = clock
        self._changed = changed
        self._wake = asyncio.Event()
        self._sent: tuple[LocalListEntry, ...] | None = None
        self._checked: int | None = None
        self._not_before = -math.inf
        self._retry_s = RETRY_S
        self._failing = False
        self._refused = False
        self._shortened = False
        self.state = ListState()

    @property
    def ours(self) -> bool:
        """Return whether we keep this list, or have one there to take back."""
        return self._access.policy.keeps_local_lists or self._lists.kept(self._station_id) is not None

    def look(self, *, anew: bool = False) -> None:
        """Look whether something is due; `anew` after a connection or a boot, when nothing is taken for granted."""
        if anew:
            self._checked = None
            self._refused = False
            self._retry_s = RETRY_S
            # The set-up begins right after this, and tells anew what the station can do.
            self._not_before = max(self._not_before, self._clock.monotonic() + _UNREADY_S)
            self._show(status=ListStatus.WAITING)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                delay = await self._step()
            except Exception:
                # A list that nobody keeps any more would be seen by nobody.
                _LOGGER.exception("Keeping the local list of %s failed", self._station_id)
                delay = LONGEST_RETRY_S
            with suppress(TimeoutError):
                async with self._clock.timeout(delay):
                    await self._wake.wait()

    async def _step(self) -> float:
        """Do what is due; return the seconds until more may be."""
        station = self._csms.stations.get(self._station_id)
        if station is None or not station.state.connected or not self.ours:
            return LOOK_S
        if not _is_set_up(station):
            return _UNREADY_S
        if (rest := self._not_before - self._clock.monotonic()) > 0:
            return rest
        if self._refused or not _may_keep(station):
            self._show(status=ListStatus.UNSUPPORTED)
            return LOOK_S
        try:
            await self._bring_up_to_date(station)
        except CommandError as error:
            return self._failed(error)
        except StoreError as error:
            return self._failed_for_now(str(error))
        self._failing, self._retry_s = False, RETRY_S
        return LOOK_S

    async def _bring_up_to_date(self, station: Station) -> None:
        """Send what the station's list lacks; raises CommandError and StoreError."""
        wanted, kept = await self._wanted(station), self._lists.kept(self._station_id)
        if self._checked == wanted.version:
            return
        local_list = station.operations.local_list
        at = await local_list.version()
        if kept is not None and (kept.version, kept.registry) == (at, wanted.version):
            self._checked = wanted.version
            status = ListStatus.SHORTENED if self._shortened else ListStatus.UP_TO_DATE
            self._show(status=status, version=at)
            return
        whole = self._fitting(_entries(wanted), (await local_list.limits()).most)
        known = self._sent if kept is not None and kept.version == at else None
        changes = None if known is None else _differences(known, whole)
        self._not_before = self._clock.monotonic() + SPACING_S
        self._sent = None
        if changes is not None and len(changes) < len(whole):
            version = await local_list.bring_up_to_date(changes, whole, at + 1) if changes else at
        else:
            version = await local_list.replace(whole, at + 1)
        keeps = self._access.policy.keeps_local_lists
        self._sent, self._checked = whole, wanted.version
        status = ListStatus.SHORTENED if self._shortened else ListStatus.UP_TO_DATE
        self._show(status=status, version=version, entries=len(whole))
        await self._lists.keep(self._station_id, _Kept(version, wanted.version) if keeps else None)

    async def _wanted(self, station: Station) -> LocalList:
        """Return what the station should know; nothing where lists are not kept any more. Raises StoreError."""
        if not self._access.policy.keeps_local_lists:
            return LocalList(0, ())
        longest = _LENGTH_16 if station.state.protocol == OCPP16 else MAX_TOKEN_LENGTH
        return await self._access.local_list(self._clock.now(), longest, self._station_id)

    def _fitting(self, entries: tuple[LocalListEntry, ...], most: int | None) -> tuple[LocalListEntry, ...]:
        """Return what the station has room for: those who may charge come first."""
        too_many = most is not None and len(entries) > most
        if too_many and not self._shortened:
            _LOGGER.warning("%s has room for %s of %s tags in its local list", self._station_id, most, len(entries))
        self._shortened = too_many
        if not too_many:
            return entries
        return tuple(sorted(entries, key=lambda entry: entry.status is not AuthorizationStatus.ACCEPTED)[:most])

    def _failed(self, error: CommandError) -> float:
        """Take note of what the station did not do; return when to try again."""
        if error.code is CommandErrorCode.NOT_SUPPORTED:
            self._refused = True
            self._show(status=ListStatus.UNSUPPORTED)
            return LOOK_S
        if error.code is CommandErrorCode.NOT_CONNECTED:
            return LOOK_S
        return self._failed_for_now(error.code.value)  # its text may hold tags

    def _failed_for_now(self, why: str) -> float:
        if not self._failing:
            _LOGGER.warning("The local list of %s could not be brought up to date: %s", self._station_id, why)
        self._failing = True
        self._show(status=ListStatus.FAILED)
        retry_s = self._retry_s
        self._retry_s = min(2 * retry_s, LONGEST_RETRY_S)
        self._not_before = self._clock.monotonic() + retry_s
        return retry_s

    def _show(self, *, status: ListStatus, version: int | None = None, entries: int | None = None) -> None:
        state = replace(
            self.state,
            status=status,
            version=self.state.version if version is None else version,
            entries=self.state.entries if entries is None else entries,
        )
        if state != self.state:
            self.state = state
            self._changed()


def _is_set_up(station: Station) -> bool:
    """Return whether what the station can do was read, and its limits come first."""
    steps = station.state.setup
    return steps != () and all(step.status is not StepStatus.PENDING for step in steps)


def _may_keep(station: Station) -> bool:
    """Return False for a station that tells its features without this one, or has it switched off."""
    features = station.state.capabilities.feature_profiles
    told = {feature.strip().casefold() for feature in features}
    switched_off = any(station.operations.variables.flag(name) is False for name in _SWITCHES)
    return not switched_off and (not told or any(feature.casefold() in told for feature in _FEATURES))


def _entries(wanted: LocalList) -> tuple[LocalListEntry, ...]:
    return tuple(
        LocalListEntry(entry.value, entry.status, entry.expires_at, entry.parent_value, _KINDS[entry.type])
        for entry in wanted.entries
    )


def _differences(before: Sequence[LocalListEntry], after: Sequence[LocalListEntry]) -> tuple[LocalListEntry, ...]:
    """Return the changes that make one list the other; an entry without a status is taken off."""
    old, new = ({(entry.id_token.casefold(), entry.kind): entry for entry in one} for one in (before, after))
    gone = [replace(entry, status=None, expires_at=None, group=None) for key, entry in old.items() if key not in new]
    return (*gone, *(entry for key, entry in new.items() if old.get(key) != entry))


def _read_kept(raw: Json) -> dict[str, _Kept]:
    """Read what `keep` wrote; what does not fit is sent again."""
    kept = {}
    for station_id, value in raw.items() if isinstance(raw, dict) else ():
        match value:
            case [int() as version, int() as registry]:
                kept[station_id] = _Kept(version, registry)
    return kept

"""The local authorisation list of a station: who may charge while the central system is out of reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..model import AuthorizationStatus, Json
from .commands import Caller, CommandError, CommandErrorCode, Commands, accepted_status, wire_size
from .inventory import Inventory
from .timestamps import format_time

MAX_ENTRIES = 10_000
_AT_ONCE = 50  # where the station names no number


@dataclass(frozen=True, slots=True)
class LocalListEntry:
    """A tag and what a station is to make of it; without a status a change takes the tag off the list.

    `kind` is OCPP 2's type of the tag, which 1.6 does not have.
    """

    id_token: str
    status: AuthorizationStatus | None = AuthorizationStatus.ACCEPTED
    expires_at: datetime | None = None
    group: str | None = None
    kind: str = "ISO14443"


class ListMessages(Protocol):
    """How one version writes a list."""

    at_once_names: tuple[str, ...]  # settings that bound the entries of one message
    bytes_names: tuple[str, ...]  # settings that bound the bytes of one message
    most_names: tuple[str, ...]  # settings that bound the whole list
    entries_name: str | None  # the setting that counts the entries, whose maximum bounds the whole list

    def payload(self, entries: Sequence[LocalListEntry], version: int, *, full: bool) -> dict[str, Json]:
        """Return a SendLocalList."""


class V16ListMessages:
    """Fulfils `ListMessages` (section 5.15; configuration keys of section 9.2)."""

    at_once_names: tuple[str, ...] = ("SendLocalListMaxLength",)
    bytes_names: tuple[str, ...] = ()
    most_names: tuple[str, ...] = ("LocalAuthListMaxLength",)
    entries_name: str | None = None

    def payload(self, entries: Sequence[LocalListEntry], version: int, *, full: bool) -> dict[str, Json]:
        """Return a SendLocalList."""
        rows: list[Json] = []
        for entry in entries:
            row: dict[str, Json] = {"idTag": entry.id_token}
            if entry.status is not None:
                row["idTagInfo"] = _info(entry, "expiryDate", {"parentIdTag": entry.group})
            rows.append(row)
        return {"listVersion": version, "updateType": _kind(full=full), "localAuthorizationList": rows}


class V2ListMessages:
    """Fulfils `ListMessages` (D01)."""

    at_once_names: tuple[str, ...] = ("LocalAuthListCtrlr.ItemsPerMessage",)
    bytes_names: tuple[str, ...] = ("LocalAuthListCtrlr.BytesPerMessage",)
    most_names: tuple[str, ...] = ()
    entries_name: str | None = "LocalAuthListCtrlr.Entries"

    def payload(self, entries: Sequence[LocalListEntry], version: int, *, full: bool) -> dict[str, Json]:
        """Return a SendLocalList; an empty full one has no list, which the schema wants at least one entry in."""
        rows: list[Json] = []
        for entry in entries:
            row: dict[str, Json] = {"idToken": {"idToken": entry.id_token, "type": entry.kind}}
            if entry.status is not None:
                group: Json = None if entry.group is None else {"idToken": entry.group, "type": "Central"}
                row["idTokenInfo"] = _info(entry, "cacheExpiryDateTime", {"groupIdToken": group})
            rows.append(row)
        listed: dict[str, Json] = {"localAuthorizationList": rows} if rows else {}
        return {"versionNumber": version, "updateType": _kind(full=full), **listed}


@dataclass(frozen=True, slots=True)
class ListLimits:
    """How many entries and bytes fit in one message, and how many entries in the list; None where that is not told."""

    at_once: int
    bytes_at_once: int | None
    most: int | None


class LocalList:
    """The list of one station."""

    def __init__(self, caller: Caller, commands: Commands, messages: ListMessages, inventory: Inventory) -> None:
        """Ask through this caller; limits are read by the commands, or were when the inventory was made."""
        self._caller = caller
        self._commands = commands
        self._messages = messages
        self._inventory = inventory

    async def version(self) -> int:
        """Return the version of the station's list, 0 without one; raises CommandError (NOT_SUPPORTED by 1.6's -1)."""
        answer = await self._caller.call("GetLocalListVersion", {})
        version = answer.get("listVersion", answer.get("versionNumber"))
        if not isinstance(version, int) or isinstance(version, bool):
            raise CommandError(CommandErrorCode.FAILED, "GetLocalListVersion: no version")
        if version < 0:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "the station keeps no local list")
        return version

    async def replace(self, entries: Sequence[LocalListEntry], version: int) -> int:
        """Make these entries the whole list and return its version; raises CommandError.

        A list that does not fit in one message follows as changes, each with a version of its own: the first
        is `version`, the last is returned.
        """
        _refuse_twice(entries)
        limits = await self.limits()
        if limits.most is not None and len(entries) > limits.most:
            raise CommandError(CommandErrorCode.INVALID, f"the station keeps {limits.most} entries at most")
        if any(entry.status is None for entry in entries):
            raise CommandError(CommandErrorCode.INVALID, "an entry of a whole list has a status")
        if not entries:
            _refuse_no_version(version)
            await self._send(self._messages.payload((), version, full=True))
            return version
        return await self._send_all(entries, version, limits, full=True)

    async def change(self, changes: Sequence[LocalListEntry], version: int) -> int:
        """Change the list and return its version, as `replace`; raises CommandError, REJECTED for a VersionMismatch."""
        _refuse_twice(changes)
        return await self._send_all(changes, version, await self.limits(), full=False) if changes else version

    async def bring_up_to_date(
        self, changes: Sequence[LocalListEntry], whole: Sequence[LocalListEntry], version: int
    ) -> int:
        """Send the changes, or the whole list where the station has another one than thought; raises CommandError."""
        try:
            return await self.change(changes, version)
        except CommandError as error:
            if error.code is not CommandErrorCode.REJECTED:
                raise
        return await self.replace(whole, max(version, await self.version() + 1))

    async def _send_all(
        self, entries: Sequence[LocalListEntry], version: int, limits: ListLimits, *, full: bool
    ) -> int:
        """Send entries in as many messages as it takes; of a whole list only the first is a full one."""
        _refuse_no_version(version)
        messages = [*self._messages_of(entries, version, limits, full=full)]
        for payload in messages:
            await self._send(payload)
        return version + len(messages) - 1

    def _messages_of(
        self, entries: Sequence[LocalListEntry], version: int, limits: ListLimits, *, full: bool
    ) -> Iterator[dict[str, Json]]:
        """Return the messages, each as long as the station takes, one entry at least."""
        rest = entries
        while rest:
            count = min(limits.at_once, len(rest))
            payload = self._messages.payload(rest[:count], version, full=full)
            while count > 1 and limits.bytes_at_once is not None and wire_size(payload) > limits.bytes_at_once:
                count //= 2
                payload = self._messages.payload(rest[:count], version, full=full)
            yield payload
            rest, version, full = rest[count:], version + 1, False

    async def _send(self, payload: Mapping[str, Json]) -> None:
        accepted_status("SendLocalList", await self._caller.call("SendLocalList", payload))

    async def limits(self) -> ListLimits:
        """Return what fits in a message and in the list; raises CommandError where the station can't be reached."""
        messages = self._messages
        entries = None if messages.entries_name is None else self._inventory.maximum(messages.entries_name)
        try:
            read = await self._commands.get_configuration(
                (*messages.at_once_names, *messages.bytes_names, *messages.most_names)
            )
        except CommandError as error:
            if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                raise
            return ListLimits(_AT_ONCE, None, entries)
        at_once, in_bytes, most = (
            [number for name in names if (number := read.integer(name))]
            for names in (messages.at_once_names, messages.bytes_names, messages.most_names)
        )
        return ListLimits(min(at_once, default=_AT_ONCE), min(in_bytes, default=None), min(most, default=entries))


def _refuse_no_version(version: int) -> None:
    """Raise CommandError for a version that stands for no list (D01.FR.18; section 5.10 of 1.6)."""
    if version < 1:
        raise CommandError(CommandErrorCode.INVALID, "versions of a list begin with 1")


def _refuse_twice(entries: Sequence[LocalListEntry]) -> None:
    """Raise CommandError for a tag that is listed twice (D01.FR.06)."""
    tags = {(entry.id_token.casefold(), entry.kind) for entry in entries}
    if len(tags) < len(entries):
        raise CommandError(CommandErrorCode.INVALID, "a tag is listed twice")


def _kind(*, full: bool) -> str:
    return "Full" if full else "Differential"


def _info(entry: LocalListEntry, expiry: str, group: dict[str, Json]) -> dict[str, Json]:
    info: dict[str, Json] = {"status": None if entry.status is None else entry.status.value}
    if entry.expires_at is not None:
        info[expiry] = format_time(entry.expires_at)
    return info | {name: value for name, value in group.items() if value is not None}

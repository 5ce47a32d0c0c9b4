"""The local authorisation list of a station: who may charge while the central system is out of reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Protocol

from ..model import AuthorizationStatus, Json
from .commands import Caller, CommandError, CommandErrorCode, Commands, accepted_status
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
    most_names: tuple[str, ...]  # settings that bound the whole list

    def payload(self, entries: Sequence[LocalListEntry], version: int, *, full: bool) -> dict[str, Json]:
        """Return a SendLocalList."""


class V16ListMessages:
    """Fulfils `ListMessages` (section 5.15; configuration keys of section 9.2)."""

    at_once_names: tuple[str, ...] = ("SendLocalListMaxLength",)
    most_names: tuple[str, ...] = ("LocalAuthListMaxLength",)

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
    most_names: tuple[str, ...] = ()  # a limit of the variable `Entries`, which only the station itself looks at

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


class LocalList:
    """The list of one station."""

    def __init__(self, caller: Caller, commands: Commands, messages: ListMessages) -> None:
        """Ask through this caller; limits are read by the commands."""
        self._caller = caller
        self._commands = commands
        self._messages = messages

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
        at_once, most = await self._limits()
        if most is not None and len(entries) > most:
            raise CommandError(CommandErrorCode.INVALID, f"the station keeps {most} entries at most")
        if any(entry.status is None for entry in entries):
            raise CommandError(CommandErrorCode.INVALID, "an entry of a whole list has a status")
        await self._send(entries[:at_once], version, full=True)
        rest = entries[at_once:]
        return await self._send_changes(rest, version + 1, at_once) if rest else version

    async def change(self, changes: Sequence[LocalListEntry], version: int) -> int:
        """Change the list and return its version, as `replace`; raises CommandError, REJECTED for a VersionMismatch."""
        _refuse_twice(changes)
        at_once, _ = await self._limits()
        return await self._send_changes(changes, version, at_once) if changes else version

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

    async def _send_changes(self, entries: Sequence[LocalListEntry], version: int, at_once: int) -> int:
        last = version
        for last, some in enumerate(batched(entries, at_once, strict=False), start=version):
            await self._send(some, last, full=False)
        return last

    async def _send(self, entries: Sequence[LocalListEntry], version: int, *, full: bool) -> None:
        if version < 1:  # D01.FR.18; section 5.10 of 1.6: 0 stands for no list
            raise CommandError(CommandErrorCode.INVALID, "versions of a list begin with 1")
        answer = await self._caller.call("SendLocalList", self._messages.payload(entries, version, full=full))
        accepted_status("SendLocalList", answer)

    async def _limits(self) -> tuple[int, int | None]:
        """Return how many entries fit in a message and in the list, None where the station does not say."""
        names = (*self._messages.at_once_names, *self._messages.most_names)
        try:
            read = await self._commands.get_configuration(names)
        except CommandError as error:
            if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                raise
            return _AT_ONCE, None
        at_once = [number for name in self._messages.at_once_names if (number := read.integer(name))]
        most = [number for name in self._messages.most_names if (number := read.integer(name))]
        return min(at_once, default=_AT_ONCE), min(most, default=None)


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

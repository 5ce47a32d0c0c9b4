"""Who may upload or download what: links with one-shot tokens, each for one station and one purpose."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import hashlib
from pathlib import Path
import re
import secrets
from typing import Final
from urllib.parse import quote, unquote

from ..clock import Clock
from .transfer_files import digest_of

TRANSFER_PREFIX: Final = "transfer/"
_TOKEN_BYTES: Final = 32
_ID_LENGTH: Final = 12
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")


class TransferKind(StrEnum):
    """What is carried over."""

    DIAGNOSTICS = "diagnostics"  # OCPP 1.6 section 5.9 GetDiagnostics
    LOG = "log"  # GetLog of the 1.6 security extension and of 2.x
    FIRMWARE = "firmware"


class Direction(StrEnum):
    """Which way, seen from the station."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Limits of transfers; times in seconds, sizes in bytes.

    A peer that moves less than `min_bytes_per_s` on average after the first `grace_s`, or nothing for
    `idle_s`, is cut off. `attempts` is how often a broken upload may be tried again within the link's life.
    """

    upload_life_s: float = 3600.0
    download_life_s: float = 24 * 3600.0
    idle_s: float = 30.0
    grace_s: float = 60.0
    min_bytes_per_s: float = 512.0
    attempts: int = 5
    max_running: int = 16
    max_running_per_link: int = 3  # a dead connection may linger while its station asks anew
    max_links_per_station: int = 8


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that arrived whole."""

    station_id: str
    kind: TransferKind
    path: Path
    size: int
    sha256: str
    at: datetime
    transfer_id: str = ""


@dataclass(frozen=True, slots=True)
class DownloadOffer:
    """A file that a station may fetch; `link` is to be put behind the address of the server."""

    link: str = field(repr=False)
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """What is behind a download link, as it was when its digest was taken."""

    path: Path
    size: int
    modified_ns: int
    sha256: str


@dataclass(slots=True)
class Ticket:
    """An open link. Made and ended by the desk; the server counts what runs over it."""

    station_id: str
    kind: TransferKind
    direction: Direction
    max_bytes: int
    expires_at_s: float
    file: OfferedFile | None = None
    transfer_id: str = ""
    running: int = 0
    attempts: int = 0
    delivered_bytes: int = 0


class TransferDesk:
    """Hands out links and knows which of them still hold.

    Only digests of tokens are kept: comparing them tells nobody by its time how much of a guess was right.
    """

    def __init__(
        self, clock: Clock, settings: TransferSettings, on_received: Callable[[Received], None] | None = None
    ) -> None:
        """Begin without links; `on_received` is told of each upload that arrived whole."""
        self._clock = clock
        self._settings = settings
        self._on_received = on_received
        self._tickets: dict[bytes, Ticket] = {}

    def expect_upload(self, station_id: str, kind: TransferKind, max_bytes: int, life_s: float | None = None) -> str:
        """Return the link that this station may upload one file of at most `max_bytes` to.

        The station may add a file name behind a slash; it is not looked at. ValueError for no bytes at all.
        """
        if max_bytes <= 0:
            raise ValueError("an upload has at least one byte")
        life = self._settings.upload_life_s if life_s is None else life_s
        expires_at_s = self._clock.monotonic() + life
        return self._issue(Ticket(station_id, kind, Direction.UPLOAD, max_bytes, expires_at_s))

    async def offer_download(
        self,
        station_id: str,
        file: Path,
        kind: TransferKind = TransferKind.FIRMWARE,
        life_s: float | None = None,
    ) -> DownloadOffer:
        """Return a link under which this station may fetch the file, in pieces and again, until it is withdrawn.

        The link ends with the file's name, which some stations judge firmware by. OSError for a file that can't
        be read.
        """
        status = await asyncio.to_thread(file.stat)
        sha256 = await asyncio.to_thread(digest_of, file)
        offered = OfferedFile(file, status.st_size, status.st_mtime_ns, sha256)
        life = self._settings.download_life_s if life_s is None else life_s
        ticket = Ticket(
            station_id, kind, Direction.DOWNLOAD, offered.size, self._clock.monotonic() + life, file=offered
        )
        link = f"{self._issue(ticket)}/{_NAME.sub('_', file.name)}"
        return DownloadOffer(link, offered.size, sha256)

    def withdraw(self, station_id: str, direction: Direction | None = None) -> None:
        """End the links of a station, as when it told that it has downloaded all; what runs comes to its end."""
        for digest, ticket in tuple(self._tickets.items()):
            if ticket.station_id == station_id and direction in {None, ticket.direction}:
                del self._tickets[digest]

    def revoke(self, link: str) -> None:
        """End one link; nothing where it has ended by itself."""
        self._tickets.pop(_digest(link.removeprefix(TRANSFER_PREFIX).split("/")[1]), None)

    def delivered_percent(self, station_id: str) -> float | None:
        """Return how much of the newest download the station was sent, None where it has none."""
        offered = [ticket for ticket in self._live() if ticket.station_id == station_id and ticket.file is not None]
        if not offered or not offered[-1].max_bytes:
            return None
        return round(100.0 * offered[-1].delivered_bytes / offered[-1].max_bytes, 1)

    def find(self, tail: str, direction: Direction) -> Ticket | None:
        """Return what is behind a link's part after the prefix; None for all that is not open for this."""
        parts = tail.split("/")
        if len(parts) < 2 or not _TOKEN.fullmatch(parts[1]):
            return None
        ticket = self._tickets.get(_digest(parts[1]))
        if ticket is None or ticket.direction is not direction or unquote(parts[0]) != ticket.station_id:
            return None
        if self._clock.monotonic() >= ticket.expires_at_s:
            return None
        allowed = 1 if direction is Direction.UPLOAD else self._settings.max_running_per_link
        return None if ticket.running >= allowed else ticket

    @property
    def busy(self) -> bool:
        """Return True while no more transfers may run."""
        return sum(ticket.running for ticket in self._tickets.values()) >= self._settings.max_running

    def use_up(self, ticket: Ticket) -> None:
        """End a link that has done its work."""
        for digest in [digest for digest, known in self._tickets.items() if known is ticket]:
            del self._tickets[digest]

    def broke(self, ticket: Ticket) -> None:
        """Take note of an upload that broke off: its station may try again, but not for ever."""
        ticket.attempts += 1
        if ticket.attempts >= self._settings.attempts:
            self.use_up(ticket)

    def received(self, ticket: Ticket, path: Path, size: int, sha256: str) -> None:
        """Take note of a file that arrived whole."""
        self.use_up(ticket)
        if self._on_received is not None:
            at, transfer_id = self._clock.now(), ticket.transfer_id
            self._on_received(Received(ticket.station_id, ticket.kind, path, size, sha256, at, transfer_id))

    def _live(self) -> list[Ticket]:
        now = self._clock.monotonic()
        return [ticket for ticket in self._tickets.values() if now < ticket.expires_at_s]

    def _issue(self, ticket: Ticket) -> str:
        live = self._live()
        self._tickets = {digest: known for digest, known in self._tickets.items() if known in live or known.running}
        own = [known for known in live if known.station_id == ticket.station_id]
        for oldest in own[: max(0, len(own) + 1 - self._settings.max_links_per_station)]:
            self.use_up(oldest)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._tickets[_digest(token)] = ticket
        ticket.transfer_id = _transfer_id(token)
        return f"{TRANSFER_PREFIX}{quote(ticket.station_id, safe='')}/{token}"


def transfer_id_of(link: str) -> str:
    """Return what a link of ours is named by: it can be shown, since it opens nothing."""
    return _transfer_id(link.removeprefix(TRANSFER_PREFIX).split("/")[1])


def _transfer_id(token: str) -> str:
    return _digest(token).hex()[:_ID_LENGTH]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

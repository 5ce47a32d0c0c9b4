"""The directory that stations' uploads go to: names of our own, whole files only, the oldest make room."""

from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import os
from pathlib import Path
import re
import secrets
from typing import Final

from .timestamps import format_time

_OURS: Final = re.compile(r"(\d{8}T\d{9}Z)_([0-9a-f]{8})_([a-z]+)_[0-9a-f]{8}\.bin")
_MOMENT: Final = "%Y%m%dT%H%M%S%fZ"
_HALF: Final = re.compile(r"\.[0-9a-f]{32}\.part")
_PRIVATE: Final = 0o600  # a log may name drivers


class IncomingFile:
    """A file that is being received; nobody sees it before `finish`. All methods do file I/O."""

    def __init__(self, directory: Path) -> None:
        """Open a file under a name that nobody can guess; OSError where that fails."""
        self._directory = directory
        self._path = directory / f".{secrets.token_hex(16)}.part"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        self._file = os.fdopen(self._descriptor, "wb")
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the digest of what was written, as hexadecimal text."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append; OSError on a full disk."""
        self._file.write(data)
        self._digest.update(data)

    def finish(self, name: str) -> Path:
        """Put the file, whole and on the disk, in its place; OSError where that fails."""
        self._file.flush()
        os.fsync(self._descriptor)
        self._file.close()
        return self._path.rename(self._directory / name)

    def discard(self) -> None:
        """Leave nothing behind; does nothing after `finish`."""
        self._file.close()
        self._path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A received file, its size in bytes and when it came."""

    path: Path
    kind: str
    at: datetime
    size: int


def is_stored_name(name: str) -> bool:
    """Return whether a name is one that we give to received files."""
    return _OURS.fullmatch(name) is not None


class TransferShelf:
    """The received files; all methods do file I/O, so none is for the event loop."""

    def __init__(self, directory: Path, max_files: int, max_total_bytes: int) -> None:
        """Keep at most so many files with so many bytes in all; files of others are left alone."""
        self._directory = directory
        self._max_files = max_files
        self._max_total_bytes = max_total_bytes

    def prepare(self) -> None:
        """Make the directory and remove what an interrupted run left half received; OSError where it can't."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in self._directory.iterdir():
            if _HALF.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def open(self) -> IncomingFile:
        """Begin to receive a file; OSError where that fails."""
        return IncomingFile(self._directory)

    def put(self, incoming: IncomingFile, station_id: str, kind: str, at: datetime) -> Path:
        """Take a received file in and delete the oldest ones for it where there are too many; OSError."""
        moment = re.sub(r"[-:.]", "", format_time(at))
        name = f"{moment}_{_mark_of(station_id)}_{kind}_{secrets.token_hex(4)}.bin"
        path = incoming.finish(name)
        self._make_room(path)
        return path

    def files(self) -> list[Path]:
        """Return what was received, oldest first."""
        return sorted(path for path in self._directory.iterdir() if _OURS.fullmatch(path.name))

    def stored(self, station_id: str) -> list[StoredFile]:
        """Return what was received of a station, oldest first; OSError where the directory can't be read."""
        own = _mark_of(station_id)
        found = ((path, _OURS.fullmatch(path.name)) for path in self.files())
        return [
            StoredFile(path, match[3], datetime.strptime(match[1], _MOMENT).replace(tzinfo=UTC), path.stat().st_size)
            for path, match in found
            if match is not None and match[2] == own
        ]

    def _make_room(self, newest: Path) -> None:
        older = [path for path in self.files() if path != newest]
        sizes = {path: path.stat().st_size for path in older}
        total = sum(sizes.values()) + newest.stat().st_size
        while older and (len(older) + 1 > self._max_files or total > self._max_total_bytes):
            oldest = older.pop(0)
            total -= sizes[oldest]
            oldest.unlink(missing_ok=True)


def _mark_of(station_id: str) -> str:
    """Return what stands for a station in names of files: these are shown to more people than its id is."""
    return hashlib.sha256(station_id.encode()).hexdigest()[:8]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text; OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""What a relay needs kept over restarts, as a protocol; and files of JSON lines that fulfil it."""

import asyncio
from collections.abc import Sequence
import hashlib
import os
from pathlib import Path
import re
from typing import Final, Protocol

from ...model import StoreError

MAX_FILE_BYTES: Final = 64 * 1024 * 1024  # larger than any backlog that may be configured; more is not read
_UNFIT: Final = re.compile(r"[^A-Za-z0-9-]")
_PRIVATE: Final = 0o600  # messages hold id tags


class RelayStore(Protocol):
    """Keeps one station's lines in order; each call returns once they are durable, or raises `StoreError`."""

    async def read(self) -> list[bytes]:
        """Return all lines kept; one that was cut off by a crash may be missing or broken."""

    async def append(self, lines: Sequence[bytes]) -> None:
        """Add lines; where it fails, some of them may have been kept."""

    async def replace(self, lines: Sequence[bytes]) -> None:
        """Keep these lines instead of all others, or the others where it fails."""


class RelayFile:
    """A station's lines in a file of its own."""

    def __init__(self, directory: Path, station_id: str) -> None:
        """Name the file after the station; nothing is read or written yet."""
        digest = hashlib.sha256(station_id.encode()).hexdigest()[:8]  # ids may differ in nothing but odd characters
        self._path = directory / f"relay_{_UNFIT.sub('_', station_id)}_{digest}.jsonl"

    async def read(self) -> list[bytes]:
        """Return all lines kept."""
        return await asyncio.to_thread(self._read)

    async def append(self, lines: Sequence[bytes]) -> None:
        """Add lines."""
        await asyncio.to_thread(self._append, b"".join(line + b"\n" for line in lines))

    async def replace(self, lines: Sequence[bytes]) -> None:
        """Keep these lines instead of all others."""
        await asyncio.to_thread(self._replace, b"".join(line + b"\n" for line in lines))

    async def exists(self) -> bool:
        """Return whether anything was kept."""
        return await asyncio.to_thread(self._path.exists)

    async def remove(self) -> None:
        """Delete the file, as when the station has no second central system any more."""
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _read(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_FILE_BYTES).split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError("a relay's backlog can't be read") from error

    def _append(self, data: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise StoreError("a relay's backlog can't be kept") from error

    def _replace(self, data: bytes) -> None:
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            new.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise StoreError("a relay's backlog can't be kept") from error

"""Files that hold keys: written whole or not at all, and readable by their owner only."""

import contextlib
import os
from pathlib import Path
import tempfile
from typing import Final

DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def make_private_directory(directory: Path) -> None:
    """Make a directory that only its owner may enter; one that is there is narrowed to that."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(DIRECTORY_MODE)


def write_private_file(file: Path, content: bytes) -> None:
    """Put a file in the place of another at one stroke, with mode 0600; OSError where that fails.

    It is on the disk before it is seen, so that a power cut leaves the old one or the new one.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # makes it with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(file.parent)


def _sync_directory(directory: Path) -> None:
    """Bring the rename itself to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

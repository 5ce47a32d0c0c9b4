"""A copy of an SQLite ledger for backups: consistent, whole in one file, with its key beside it."""

import contextlib
import os
from pathlib import Path
import shutil
import sqlite3

import sqlalchemy as sa

from ..model import StoreError
from .integrity import BESIDE, connected
from .vault import KEY_SUFFIX

_PART = ".part"


def copy_ledger(engine: sa.Engine, key_path: Path, target: Path) -> None:
    """Copy the database and its key while others read and write; blocks.

    A copy that is there already is replaced once the new one is whole. Raises StoreError, and leaves no part of one.
    """
    source = Path(str(engine.url.database).removeprefix("file:"))
    target_key = target.with_suffix(KEY_SUFFIX)
    if target_key == target or {target.resolve(), target_key.resolve()} & {source.resolve(), key_path.resolve()}:
        raise StoreError("The ledger can't be copied onto itself")
    parts = {target: Path(f"{target}{_PART}"), target_key: Path(f"{target_key}{_PART}")}
    try:
        for part in parts.values():
            _make_empty(part)
        _copy_database(engine, parts[target])
        shutil.copyfile(key_path, parts[target_key])
        for place, part in parts.items():
            _flush(part)
            part.replace(place)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The ledger can't be copied: {error}") from error
    finally:
        for part in parts.values():
            for ending in ("", *BESIDE):
                Path(f"{part}{ending}").unlink(missing_ok=True)


def _copy_database(engine: sa.Engine, target: Path) -> None:
    with connected(engine) as connection, contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        connection.backup(copy)  # all pages in one step, of one moment
        copy.execute("PRAGMA journal_mode=DELETE")  # a database in WAL mode would be more than one file
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the file is damaged: {found}")


def _make_empty(path: Path) -> None:
    """Make a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

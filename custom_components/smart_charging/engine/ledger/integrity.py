"""Whether an SQLite ledger's file is sound, and setting a damaged one aside."""

from collections.abc import Iterator
import contextlib
from pathlib import Path
import sqlite3
import time

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .errors import LedgerDamaged

QUICK_CHECK_S = 5.0  # a file that takes longer is looked at as far as that reaches
FINDINGS_AT_MOST = 100
BESIDE = ("-wal", "-shm", "-journal")  # SQLite's own files beside a database

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOOKED_AT_EVERY = 10_000  # steps of SQLite's machine
_SOUND = "ok"


def is_damage(error: Exception) -> bool:
    """Return whether an error tells that the file is damaged or no database."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


@contextlib.contextmanager
def connected(engine: sa.Engine) -> Iterator[sqlite3.Connection]:
    """Give a new connection to the file: one of the pool's may still have in mind what the file is not any more."""
    arguments, options = engine.dialect.create_connect_args(engine.url)
    connection = engine.dialect.connect(*arguments, **options)
    assert isinstance(connection, sqlite3.Connection)
    try:
        yield connection
    finally:
        connection.close()


def check_quickly(engine: sa.Engine) -> None:
    """Look at the file for a few seconds at most; LedgerDamaged for one that is damaged."""
    until = time.monotonic() + QUICK_CHECK_S
    with connected(engine) as connection:
        connection.set_progress_handler(lambda: time.monotonic() >= until, _LOOKED_AT_EVERY)
        try:
            found = _findings(connection, "quick_check", 1)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return
    if found:
        raise LedgerDamaged(f"The ledger can't be opened: its file is damaged: {found[0]}")


def findings(engine: sa.Engine) -> tuple[str, ...]:
    """Return all that is wrong with the file, at most a hundred things, none for a sound one; takes its time."""
    try:
        with connected(engine) as connection:
            broken = _findings(connection, "integrity_check", FINDINGS_AT_MOST)
            dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(FINDINGS_AT_MOST)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return (str(error),)
    return (*broken, *(f"row {row} of {table} refers to none of {parent}" for table, row, parent, _ in dangling))


def set_aside(path: Path) -> Path:
    """Rename a database with what lies beside it and return its new name; nothing else is ever replaced."""
    number = 1
    while any(Path(f"{path}.damaged{number}{ending}").exists() for ending in ("", *BESIDE)):
        number += 1
    aside = Path(f"{path}.damaged{number}")
    # The database last: left without it, these would be taken for those of the next one.
    for ending in (*BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    return aside


def _findings(connection: sqlite3.Connection, check: str, at_most: int) -> tuple[str, ...]:
    told = tuple(str(row[0]) for row in connection.execute(f"PRAGMA {check}({at_most})"))
    return () if told == (_SOUND,) else told

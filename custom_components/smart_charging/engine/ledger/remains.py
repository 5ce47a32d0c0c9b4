"""What was deleted and still stands in the unused parts of SQLite's file, until that is rewritten.

That there is some is noted in the same commit, so that a file that could not be rewritten at once is at the next start.
"""

import logging
import sqlite3
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from . import tables
from .book import Book
from .objects import HOST, save_site_memory

REWRITE: Final = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
_NOTE = "remains"  # the name under which the host's memory keeps that there is some
_M = tables.site_memory.c

_LOGGER = logging.getLogger(__name__)


def leave_remains(book: Book) -> None:
    """Note that the file has to be rewritten after this batch."""
    save_site_memory(book, HOST, _NOTE, value=True)
    book.remains = True


def has_remains(connection: sa.Connection) -> bool:
    """Return whether the file has to be rewritten."""
    note = sa.select(_M.value).where(_M.site_id == HOST, _M.name == _NOTE)
    return connection.execute(note).first() is not None


def forget_deleted(engine: sa.Engine) -> None:
    """Rewrite SQLite's file; other databases clear by themselves what no row needs."""
    if engine.dialect.name == "sqlite" and not _rewrite(engine):
        return
    try:
        with engine.begin() as connection:
            connection.execute(sa.delete(tables.site_memory).where(_M.site_id == HOST, _M.name == _NOTE))
    except SQLAlchemyError as error:
        _LOGGER.warning("The ledger's file will be rewritten at the next start once more: %s", error)


def _rewrite(engine: sa.Engine) -> bool:
    """Return whether nothing is left that was deleted."""
    pooled = engine.raw_connection()
    try:
        cursor = pooled.cursor()
        for statement in REWRITE:
            cursor.execute(statement)
        # A reader may keep the log of changes from being emptied.
        kept = (cursor.fetchone() or (0,))[0]
    except sqlite3.Error as error:
        # All rows are kept; a disk that is nearly full must not keep the site from charging.
        _LOGGER.warning("Remains of tags or names that were removed may be in the ledger's file: %s", error)
        return False
    finally:
        pooled.close()
    if kept:
        _LOGGER.warning("Remains of tags or names that were removed may be in the ledger's file: it is being read")
    return not kept

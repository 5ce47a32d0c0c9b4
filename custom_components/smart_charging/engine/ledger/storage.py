"""Opening the database: connections, their settings, and bringing the schema up to date."""

from pathlib import Path
import sqlite3
import threading

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from .encoding import dump_json

BUSY_TIMEOUT_MS = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
_WRITES = "ledger_writes"

# alembic's context is one for the whole process.
_migrating = threading.Lock()


class LedgerError(Exception):
    """The ledger could not be opened."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer version of this integration; nothing was changed."""


def open_storage(url_or_path: Path | str) -> sa.Engine:
    """Return an engine on the database, its schema up to date; blocks, so call it in a thread.

    Raises LedgerTooNew for a schema of a later version, and LedgerError for a database that can't
    be read or written or is none of ours.
    """
    engine = _create_engine(url_or_path)
    try:
        _refuse_foreign(engine)
        _migrate(engine)
    except LedgerError:
        engine.dispose()
        raise
    except Exception as error:
        # A file that is none of ours fails in many ways; none of them may leave the engine open.
        engine.dispose()
        raise LedgerError(f"The ledger can't be opened: {error}") from error
    return engine


def for_writing(engine: sa.Engine) -> sa.Engine:
    """Return the same engine for transactions that write: they take SQLite's write lock at once."""
    return engine.execution_options(**{_WRITES: True})


def _create_engine(url_or_path: Path | str) -> sa.Engine:
    text = str(url_or_path)
    try:
        url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
        engine = sa.create_engine(url, json_serializer=dump_json, hide_parameters=True, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError) as error:
        raise LedgerError(f"The ledger's address can't be used: {error}") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Make commits durable and transactions ours to begin."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    # NORMAL would lose acknowledged commits of a WAL database at a power cut.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_foreign(engine: sa.Engine) -> None:
    """Refuse a database that a later version or another program wrote, before anything is touched."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
        tables = sa.inspect(connection).get_table_names()
    if unknown := sorted(set(heads) - known):
        raise LedgerTooNew(
            f"The ledger was written by a newer version of Smart Charging (schema {', '.join(unknown)}). "
            "Install that version again, or restore a backup made before the update."
        )
    if tables and not heads:
        raise LedgerError("The database holds tables but is not a ledger of Smart Charging")


def _use_wal(engine: sa.Engine) -> None:
    """Let readers go on while a batch is written; SQLite allows this only outside a transaction."""
    pooled = engine.raw_connection()
    try:
        pooled.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        pooled.close()


def _migrate(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with _migrating, for_writing(engine).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        # Shows now, not with the first transaction, that the database can't be written.
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

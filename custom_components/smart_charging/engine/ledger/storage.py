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

from . import id_tokens, integrity, postgresql, tables
from .encoding import dump_json
from .errors import LedgerDamaged, LedgerError, LedgerTooNew
from .objects import HOST
from .remains import forget_deleted, has_remains
from .vault import KEY_SUFFIX, Vault, open_vault, set_key_aside, vault_of, with_vault

BUSY_TIMEOUT_MS = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
_WRITES = "ledger_writes"
_KEY_PATH = "ledger_key_path"
_KEY_CHECK = "key_check"  # the name under which the host's memory keeps which key is in use
_PLAIN_TAGS_UNTIL = "0002"  # the last schema with tags in the clear

# alembic's context is one for the whole process.
_migrating = threading.Lock()


def open_storage(url_or_path: Path | str, key_path: Path | None = None) -> sa.Engine:
    """Return an engine on the database, its schema up to date; blocks, so call it in a thread.

    The key of the id tokens is in the file `key_path`, by default beside an SQLite database, with its name and the
    ending `.key`. Raises LedgerTooNew for a schema of a later version, LedgerKeyError for a key that is missing or
    another ledger's, LedgerDamaged for a file that is damaged, and LedgerError for a database that can't be read or
    written or is none of ours. PostgreSQL's address is `postgresql://user:password@host/database`.
    """
    return _open(url_or_path, key_path, new_key=False)


def start_with_new_key(url_or_path: Path | str, key_path: Path | None = None) -> None:
    """Give up all encrypted id tokens, for their key is lost, and begin with a new one; blocks.

    Records and labels stay; the registry's tokens have to be presented or entered anew. The old key's file is kept
    under another name. Raises as `open_storage` does.
    """
    _open(url_or_path, key_path, new_key=True).dispose()


def start_with_new_ledger(url_or_path: Path | str, key_path: Path | None = None) -> Path:
    """Set a damaged file aside and begin a new ledger in its place, with the same key; blocks.

    Returns where the old file is now: it may be mended, and what is in it is nowhere else. Raises LedgerError for a
    file that is sound, which is left alone, and as `open_storage` does.
    """
    engine = _create_engine(url_or_path)
    try:
        if engine.dialect.name != "sqlite":
            raise LedgerError("Only a ledger in a file can be set aside")
        path = _file(engine.url)
        sound = not path.exists() or not integrity.findings(engine)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise LedgerError(f"The ledger can't be opened: {error}") from error
    finally:
        engine.dispose()
    if sound:
        raise LedgerError("The ledger's file is not damaged; it was left as it is")
    try:
        aside = integrity.set_aside(path)
    except OSError as error:
        raise LedgerError(f"The damaged ledger can't be set aside: {error}") from error
    _open(url_or_path, key_path, new_key=False).dispose()
    return aside


def _open(url_or_path: Path | str, key_path: Path | None, *, new_key: bool) -> sa.Engine:
    engine = _create_engine(url_or_path)
    try:
        return _opened(engine, key_path, new_key=new_key)
    except LedgerError:
        engine.dispose()
        raise
    except Exception as error:
        # A file that is none of ours fails in many ways; none of them may leave the engine open.
        engine.dispose()
        if integrity.is_damage(error):
            raise LedgerDamaged(f"The ledger can't be opened: its file is damaged: {error}") from error
        told = str(error)
        safe = postgresql.without_password(told, engine.url)
        raise LedgerError(f"The ledger can't be opened: {safe}") from (error if told == safe else None)


def _opened(engine: sa.Engine, key_path: Path | None, *, new_key: bool) -> sa.Engine:
    """Return the engine with its vault, once the database is checked and up to date."""
    if postgresql.is_postgresql(engine):
        postgresql.check_server(engine)
    else:
        integrity.check_quickly(engine)
    # A host that begins with another one must not make a second key, nor change the schema at the same time.
    with postgresql.alone(engine, postgresql.Lock.OPENING):
        heads = _refuse_foreign(engine)
        key_path = key_path or _key_beside(engine.url)
        if new_key:
            set_key_aside(key_path)
        with _migrating:
            engine = with_vault(engine, open_vault(key_path, None if new_key else _key_check(engine)))
            _migrate(engine, new_key=new_key)
    if any(head <= _PLAIN_TAGS_UNTIL for head in heads) or _left_behind(engine):
        forget_deleted(for_writing(engine))
    return engine.execution_options(**{_KEY_PATH: key_path})


def for_writing(engine: sa.Engine) -> sa.Engine:
    """Return the same engine for transactions that write: they take SQLite's write lock at once."""
    return engine.execution_options(**{_WRITES: True})


def key_path_of(engine: sa.Engine) -> Path:
    """Return the key's file of an engine that `open_storage` gave."""
    path: Path = engine.get_execution_options()[_KEY_PATH]
    return path


def _create_engine(url_or_path: Path | str) -> sa.Engine:
    text, options = str(url_or_path), {"json_serializer": dump_json, "hide_parameters": True, "pool_pre_ping": True}
    scheme = text.partition("://")[0] if "://" in text else None
    if scheme in postgresql.SCHEMES:
        return postgresql.create_engine(postgresql.address(text), **options)
    try:
        url = sa.URL.create("sqlite", database=text) if scheme is None else sa.make_url(text)
        if url.drivername != "sqlite":
            raise LedgerError("The ledger's address can't be used: a ledger is kept in a file or in PostgreSQL")
        engine = sa.create_engine(url, **options)
    except SQLAlchemyError, ValueError:
        raise LedgerError("The ledger's address can't be used: it is no URL of a database") from None
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


def _key_beside(url: sa.URL) -> Path:
    """Return the key file of an SQLite database; that of a server has no place of its own."""
    if url.get_backend_name() != "sqlite" or not url.database:
        raise LedgerError("A ledger that is no file needs the path of its key")
    return _file(url).with_suffix(KEY_SUFFIX)


def _file(url: sa.URL) -> Path:
    """Return the file of an SQLite database."""
    return Path((url.database or "").removeprefix("file:"))


def _key_check(engine: sa.Engine) -> str | None:
    """Return what tells which key is in use, None before there was any."""
    table = tables.site_memory
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        mine = sa.select(table.c.value).where(table.c.site_id == HOST, table.c.name == _KEY_CHECK)
        check: str | None = connection.execute(mine).scalar()
        return check


def _keep_key_check(connection: sa.Connection, vault: Vault) -> None:
    table = tables.site_memory
    connection.execute(sa.delete(table).where(table.c.site_id == HOST, table.c.name == _KEY_CHECK))
    connection.execute(sa.insert(table).values(site_id=HOST, name=_KEY_CHECK, value=vault.check))


def _left_behind(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return has_remains(connection)


def _refuse_foreign(engine: sa.Engine) -> tuple[str, ...]:
    """Refuse a database that a later version or another program wrote, before anything is touched.

    Returns the revisions of its schema, none for a new one.
    """
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    with engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
        found = sa.inspect(connection).get_table_names()
    if unknown := sorted(set(heads) - known):
        raise LedgerTooNew(
            f"The ledger was written by a newer version of Smart Charging (schema {', '.join(unknown)}). "
            "Install that version again, or restore a backup made before the update."
        )
    if found and not heads:
        raise LedgerError("The database holds tables but is not a ledger of Smart Charging")
    return heads


def _use_wal(engine: sa.Engine) -> None:
    """Let readers go on while a batch is written; SQLite allows this only outside a transaction."""
    pooled = engine.raw_connection()
    try:
        pooled.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        pooled.close()


def _migrate(engine: sa.Engine, *, new_key: bool) -> None:
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with for_writing(engine).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if new_key:
            id_tokens.give_up_values(connection)
        _keep_key_check(connection, vault_of(connection))
        # Shows now, not with the first transaction, that the database can't be written.
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

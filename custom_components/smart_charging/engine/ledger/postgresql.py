"""What is PostgreSQL's own: its address, its connections' settings, locks among hosts, and whether a commit was kept."""

from collections.abc import Iterator
import contextlib
from enum import IntEnum
import logging
import secrets
import time
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from . import tables
from .errors import LedgerError

SCHEMES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
LEAST_VERSION: Final = 130_000  # the oldest that Debian's and the cloud providers' long-term releases still have
LOCK_TIMEOUT_MS: Final = 10_000
ASKED_FOR_S: Final = 10.0  # how long a server that went away may take until it tells whether a commit was kept
ASKED_EVERY_S: Final = 0.2

_DRIVER = "postgresql+psycopg"
_LOCKS = 0x534D4348  # of this integration, among all advisory locks of a database
_MARK_SITE = ""  # the host's rows in `site_memory`
# libpq's parameters: a server that is gone must be noticed before stations give up waiting for their answers.
_CONNECTING: Final[dict[str, Any]] = {
    "application_name": "smart_charging",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# Whatever the server's defaults are: what is acknowledged is on its disk, and no lock is waited for without end.
_SETTINGS = (
    "SET synchronous_commit TO on",
    f"SET lock_timeout TO {LOCK_TIMEOUT_MS}",
    "SET default_transaction_isolation TO 'read committed'",
)
_COLLIDED = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_TOO_MANY_CONNECTIONS = "53300"

_LOGGER = logging.getLogger(__name__)


class Lock(IntEnum):
    """What one host alone may do at a time."""

    OPENING = 1
    TOKENS = 2


def is_postgresql(bound: sa.Connection | sa.Engine) -> bool:
    """Return whether this module is about this database."""
    return bound.dialect.name == "postgresql"


def address(text: str) -> sa.URL:
    """Return the URL of a server; LedgerError for one that makes no sense, without what stands in it.

    Signs of a password that are not percent-encoded end up in other parts, and those are told by many an error.
    """
    try:
        url = sa.make_url(text)
    except SQLAlchemyError, ValueError:
        raise LedgerError("The ledger's address can't be used: it is no URL of a database") from None
    if any("@" in (part or "") for part in (url.host, url.database)) or "/" in (url.database or ""):
        raise LedgerError(
            "The ledger's address can't be used: special signs in its user or password have to be percent-encoded"
        )
    return url.set(drivername=_DRIVER)


def create_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """Return an engine on a server; nothing is connected yet. Raises LedgerError without the library for it."""
    connecting = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    try:
        engine = sa.create_engine(url, connect_args=connecting, **options)
    except ImportError as error:
        raise LedgerError(f"The ledger's address can't be used: the library psycopg is missing ({error})") from error
    sa.event.listen(engine, "connect", _set_up)
    return engine


def without_password(text: str, url: sa.URL) -> str:
    """Return a text in which the address's password does not stand."""
    others = url.query.get("password", ())
    for secret in (str(url.password or ""), *((others,) if isinstance(others, str) else others)):
        if secret:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return text


def check_server(engine: sa.Engine) -> None:
    """Refuse a server that can't keep a ledger, and warn of one that loses records with its power; LedgerError."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
            "current_setting('fsync')::bool, pg_is_in_recovery()"
        ).one()
    version, encoding, flushes, standby = found
    if version < LEAST_VERSION:
        raise LedgerError(f"The ledger needs PostgreSQL {LEAST_VERSION // 10_000} or later")
    if encoding != "UTF8":
        raise LedgerError(f"The ledger's database has the encoding {encoding}; create it with UTF8")
    if standby:
        raise LedgerError("The ledger's server is a standby that can't be written; use the address of its primary")
    if not flushes:
        _LOGGER.warning("The ledger's server has fsync off: it loses records when its power is cut")


@contextlib.contextmanager
def alone(engine: sa.Engine, lock: Lock) -> Iterator[None]:
    """Let other hosts wait until the context ends; nothing is held in a database of one host only."""
    if not is_postgresql(engine):
        yield
        return
    with engine.begin() as connection:
        let_others_wait(connection, lock)
        yield


def let_others_wait(connection: sa.Connection, lock: Lock) -> None:
    """Let other hosts wait until this database transaction ends; SQLite has one writer anyway."""
    if is_postgresql(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCKS}, {lock.value})")


def collided(error: Exception) -> bool:
    """Return whether another host's work was in the way, so that the same may succeed when it is done again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _COLLIDED


def unreachable(error: Exception) -> bool:
    """Return whether the server is gone, so that nothing else will succeed either for now."""
    if not isinstance(error, DBAPIError) or not hasattr(error.orig, "sqlstate"):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (state is None and isinstance(error, OperationalError)):
        return True
    return state is not None and (state.startswith(("08", "57P")) or state == _TOO_MANY_CONNECTIONS)


class CommitMarks:
    """Tells after a lost connection whether the commit under way was kept.

    Each batch of a writer leaves its number in a row that is the writer's own. While the server is still at the batch
    that row is locked, so that nobody can read it too early.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Take the engine of the writer; its thread alone may call."""
        self._engine = engine
        self._name = f"writer {secrets.token_hex(8)}"
        self._number = 0
        self._there = False
        table = tables.site_memory.c
        self._mine = sa.and_(table.site_id == _MARK_SITE, table.name == self._name)

    def prepare(self) -> None:
        """See that there is a row, before the first batch; SQLAlchemyError where that fails."""
        if self._there:
            return
        new = insert(tables.site_memory).values(site_id=_MARK_SITE, name=self._name, value=self._number)
        with self._engine.begin() as connection:
            connection.execute(new.on_conflict_do_nothing())
        self._there = True

    def leave(self, connection: sa.Connection) -> None:
        """Leave the number of a batch, as the last of its work."""
        self._number += 1
        connection.execute(sa.update(tables.site_memory).where(self._mine).values(value=self._number))

    def kept(self) -> bool:
        """Return whether the last batch was kept, as soon as the server is back; False where it does not tell in time."""
        last = sa.select(tables.site_memory.c.value).where(self._mine).with_for_update()
        until = time.monotonic() + ASKED_FOR_S
        while True:
            try:
                with self._engine.begin() as connection:
                    return bool(connection.execute(last).scalar() == self._number)
            except DBAPIError as error:
                if not unreachable(error) or time.monotonic() >= until:
                    _LOGGER.warning("The ledger's server does not tell whether records were kept: %s", error.orig)
                    return False
            time.sleep(ASKED_EVERY_S)

    def remove(self) -> None:
        """Take the row away; where the server is gone it stays."""
        if self._there:
            with contextlib.suppress(SQLAlchemyError), self._engine.begin() as connection:
                connection.execute(sa.delete(tables.site_memory).where(self._mine))


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Make commits durable; outside a transaction, for a rollback would take the settings back."""
    session: Any = connection
    session.autocommit = True
    with session.cursor() as cursor:
        for setting in _SETTINGS:
            cursor.execute(setting)
    session.autocommit = False

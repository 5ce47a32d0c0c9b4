"""A ledger on a PostgreSQL server: durable, several hosts on one, and a server that goes away and comes back."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from pathlib import Path
import shutil
import threading

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg import sql
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from benchmarks.postgres_server import PostgresServer
from custom_components.smart_charging.engine.id_token import TokenDetails, TokenExists
from custom_components.smart_charging.engine.ledger import (
    Ledger,
    LedgerError,
    LedgerKeyError,
    LedgerTooNew,
    postgresql,
    start_with_new_key,
    start_with_new_ledger,
    storage,
    tables,
)
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import EVSE, after, register, started, stopped
from .proof_builders import demanded

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006")

_TRANSACTION = (
    "INSERT INTO transactions (id, site_id, station_id, evse_row, session_row, transaction_id, token_key, "
    "started_at, meter_start_wh, received_at, energy_wh, energy_count, lost, TOLD) "
    "VALUES (1, 'home', 'CP1', 1, 1, '77', 'tag1', 1000, 5, 1000, 42.5, '{}', false, 'TAG1')"
)
_TRANSACTION_TOLD = {
    plain: _TRANSACTION.replace("TOLD", "id_token" if plain else "token_id") for plain in (True, False)
}


def setting(ledger: Ledger, name: str) -> object:
    with ledger._engine.connect() as connection:
        return connection.exec_driver_sql(f"SHOW {name}").scalar()


def marks(connection: sa.Connection) -> list[str]:
    named = sa.select(tables.site_memory.c.name).where(tables.site_memory.c.name.startswith("writer "))
    return list(connection.execute(named).scalars())


async def test_what_is_acknowledged_is_on_the_servers_disk_whatever_its_default_is(
    url: str, key_path: Path, postgres: PostgresServer
) -> None:
    assert postgres.execute(sql.SQL("SHOW synchronous_commit")) == [("off",)]
    ledger = await Ledger.open(url, key_path)
    assert setting(ledger, "synchronous_commit") == "on"
    assert setting(ledger, "lock_timeout") == "10s"
    with ledger._engine.connect() as connection:
        connection.rollback()
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    await ledger.close()


async def test_migrations_lead_to_the_tables_in_use(url: str, key_path: Path) -> None:
    ledger = await Ledger.open(url, key_path)
    assert (
        await ledger.read(lambda connection: compare_metadata(MigrationContext.configure(connection), tables.metadata))
        == []
    )
    await ledger.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_earlier_version_is_brought_up_to_date(empty_url: str, key_path: Path, version: str) -> None:
    def make() -> None:
        engine = storage._create_engine(empty_url)
        vault = storage.open_vault(key_path, None)
        with storage.for_writing(storage.with_vault(engine, vault)).begin() as connection:
            config = storage._config()
            config.attributes["connection"] = connection
            command.upgrade(config, version)
            connection.exec_driver_sql("INSERT INTO evses VALUES (1, 'home', 'CP1', 1, '{\"mode\": \"solar\"}', 250.0)")
            connection.exec_driver_sql(
                "INSERT INTO sessions (id, site_id, evse_row, plugged, plugged_in_at, heard_at) "
                "VALUES (1, 'home', 1, true, 1000, 1000)"
            )
            connection.exec_driver_sql(_TRANSACTION_TOLD[version < "0003"])
        engine.dispose()

    await asyncio.to_thread(make)
    ledger = await Ledger.open(empty_url, key_path)
    site = ledger.site("home")
    (session,) = await site.sessions()
    (kept,) = session.transactions
    assert (kept.transaction_id, kept.energy_wh, kept.offline) == ("77", 42.5, False)
    assert kept.id_token == ("TAG1" if version < "0003" else "")
    assert await site.load_settings("CP1") == {1: {"mode": "solar"}}
    assert await site.lifetime_energy_wh(EVSE) == 292.5
    assert await site.grid_proof.append(demanded(0)) == 1
    await ledger.close()


async def test_a_newer_ledger_and_another_programs_database_are_refused(
    empty_url: str, key_path: Path, postgres: PostgresServer
) -> None:
    name = empty_url.rpartition("/")[2]
    postgres.execute(sql.SQL("CREATE TABLE states (id INTEGER)"), name)
    with pytest.raises(LedgerError, match="not a ledger"):
        await Ledger.open(empty_url, key_path)
    postgres.execute(sql.SQL("DROP TABLE states"), name)
    await (await Ledger.open(empty_url, key_path)).close()
    postgres.execute(sql.SQL("UPDATE alembic_version SET version_num = '9999'"), name)
    with pytest.raises(LedgerTooNew, match="9999"):
        await Ledger.open(empty_url, key_path)


async def test_hosts_that_begin_at_the_same_time_make_one_ledger(empty_url: str, key_path: Path) -> None:
    ledgers = await asyncio.gather(*(Ledger.open(empty_url, key_path) for _ in range(3)))
    for number, ledger in enumerate(ledgers):
        await ledger.site(f"site{number}").plug_in(EVSE, after(0))
        await ledger.close()


async def test_a_host_without_the_others_key_is_refused_and_may_begin_with_a_new_one(
    url: str, key_path: Path, tmp_path: Path
) -> None:
    first = await Ledger.open(url, key_path)
    with pytest.raises(LedgerKeyError, match="missing"):
        await Ledger.open(url, tmp_path / "second.key")
    assert not (tmp_path / "second.key").exists()
    await first.site("home").tokens.add("SECRET01", TokenDetails("Anna"), after(0))
    await first.close()
    await asyncio.to_thread(start_with_new_key, url, tmp_path / "second.key")
    second = await Ledger.open(url, tmp_path / "second.key")
    assert [token.tail for token in await second.site("home").tokens.all()] == [""]
    await second.close()


async def test_two_hosts_share_tokens_and_leave_each_others_records_alone(
    url: str, key_path: Path, tmp_path: Path
) -> None:
    shutil.copyfile((await opened_and_closed(url, key_path)), tmp_path / "second.key")
    hosts = [await Ledger.open(url, key_path), await Ledger.open(url, tmp_path / "second.key")]
    sites = [host.site(name) for host, name in zip(hosts, ("home", "office"), strict=True)]

    async def work(number: int) -> None:
        site = sites[number]
        for turn in range(15):
            begun = await site.start_transaction(started(turn * 100, meter_wh=1000 + turn))
            value = register(turn * 100 + 10, 1000 + turn + 7 + number)
            await site.record_meter_values("CP1", 1, begun.transaction_id, (value,), after(turn * 100 + 10))
            await site.stop_transaction(stopped(begun.transaction_id, turn * 100 + 20, 1000 + turn + 7 + number))
            await site.grid_proof.append(demanded(turn))
            await hosts[number].prune_grid_proof(after(turn) - timedelta(seconds=5))

    await asyncio.gather(work(0), work(1))
    for number, site in enumerate(sites):
        sessions = await site.sessions()
        assert [session.energy_wh for session in sessions] == [7 + number] * 15
        assert await site.lifetime_energy_wh(EVSE) == 15 * (7 + number)
        assert len(await site.meter_values(EVSE)) == 15
        verdict = await site.grid_proof.verify(after(100))
        assert (verdict.intact, verdict.head_sequence) == (True, 15)
        assert verdict.anchor_sequence > 0
    shared = await sites[0].tokens.add("SECRET01", TokenDetails("Anna"), after(0), everywhere=True)
    assert await sites[1].tokens.find("secret01") == shared
    with pytest.raises(TokenExists):
        await sites[1].tokens.add("SECRET01", TokenDetails("Ben"), after(0))
    await sites[1].tokens.change(shared.token_id, lambda details: TokenDetails(details.label, blocked=True))
    changed = await sites[0].tokens.find("SECRET01")
    assert changed is not None
    assert changed.details.blocked
    begun = await sites[0].start_transaction(started(5000, token="SECRET01"))
    assert [use.here for use in await sites[1].tokens.uses("CP1", "SECRET01")] == [False]
    assert begun.token_id == shared.token_id
    for host in hosts:
        await host.close()


async def opened_and_closed(url: str, key_path: Path) -> Path:
    await (await Ledger.open(url, key_path)).close()
    return key_path


async def test_the_same_token_registered_by_two_hosts_at_once_is_kept_once(url: str, key_path: Path) -> None:
    hosts = [await Ledger.open(url, key_path) for _ in range(2)]
    added = await asyncio.gather(
        *(
            host.site(f"site{number}").tokens.add(f"SECRET{turn}", TokenDetails(), after(0), everywhere=True)
            for turn in range(8)
            for number, host in enumerate(hosts)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, TokenExists) for one in added) == 8
    assert len(await hosts[0].site("any").tokens.all()) == 8
    for host in hosts:
        await host.close()


async def test_work_that_another_host_was_in_the_way_of_is_done_again(url: str, key_path: Path) -> None:
    """Two hosts lock two rows each in the other's order: the server ends one of them."""
    hosts = [await Ledger.open(url, key_path) for _ in range(2)]
    tokens = [
        (await hosts[0].site("home").tokens.add(f"SECRET{n}", TokenDetails(), after(0), everywhere=True)).token_id
        for n in range(2)
    ]
    both_have_one = threading.Barrier(2)
    runs = [0, 0]

    def lock(number: int) -> Callable[[object], None]:
        def work(book: object) -> None:
            runs[number] += 1
            connection = book.connection  # type: ignore[attr-defined]  # a Book
            row = sa.update(tables.id_tokens).where(tables.id_tokens.c.token_id == sa.bindparam("wanted"))
            connection.execute(row.values(last_used_at=after(number)), {"wanted": tokens[number]})
            if runs[number] == 1:
                both_have_one.wait(timeout=30)
            connection.execute(row.values(last_used_at=after(number)), {"wanted": tokens[1 - number]})

        return work

    await asyncio.gather(*(host.write(lock(number)) for number, host in enumerate(hosts)))
    assert sorted(runs) == [1, 2]
    for host in hosts:
        await host.close()


async def test_a_server_that_restarts_is_used_again_and_a_call_that_failed_kept_nothing(
    url: str, key_path: Path, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await Ledger.open(url, key_path)
    site = ledger.site("home")
    kept = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1010),), after(10))
    await asyncio.to_thread(postgres.stop, at_once=True)
    failed = await asyncio.gather(
        *(site.start_transaction(started(20 + n, key=EvseKey("CP2", 1))) for n in range(50)),
        site.record_meter_values("CP1", 1, kept.transaction_id, (register(20, 1020),), after(20)),
        return_exceptions=True,
    )
    assert all(isinstance(one, StoreError) for one in failed)
    with pytest.raises(StoreError, match="can't be read"):
        await site.sessions()
    assert postgres.password not in caplog.text + "".join(map(str, failed))
    postgres.start()
    assert await site.open_transactions("CP2") == ()
    again = await site.record_meter_values("CP1", 1, None, (register(20, 1020),), after(20))
    assert again is not None
    assert (again.transaction_id, again.energy_wh) == (kept.transaction_id, 20)
    assert len(await site.meter_values(EVSE)) == 2
    await ledger.close()


def lose_answer(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> None:
    """Cut the connection once, in the moment of the next commit, before or after the server has done it."""
    dialect = ledger._engine.dialect
    commit = dialect.do_commit
    cut: list[bool] = []

    def cutting(connection: sa.engine.interfaces.DBAPIConnection) -> None:
        if cut:
            commit(connection)
            return
        cut.append(True)
        if committed:
            commit(connection)
        connection.driver_connection.close()  # type: ignore[attr-defined]  # psycopg's
        commit(connection)

    monkeypatch.setattr(dialect, "do_commit", cutting)


@pytest.mark.parametrize("committed", [True, False])
async def test_an_answer_that_was_lost_on_the_way_is_asked_for(
    url: str, key_path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    ledger = await Ledger.open(url, key_path)
    site = ledger.site("home")
    kept = await site.start_transaction(started())
    lose_answer(ledger, monkeypatch, committed=committed)
    asked = site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1010),), after(10))
    if committed:
        told = await asked
        assert told is not None
        assert told.energy_wh == 10
    else:
        with pytest.raises(StoreError):
            await asked
    assert len(await site.meter_values(EVSE)) == committed
    later = await site.record_meter_values("CP1", 1, None, (register(20, 1020),), after(20))
    assert later is not None
    assert later.energy_wh == 20
    await ledger.close()


async def test_a_server_that_does_not_come_back_in_time_counts_as_having_kept_nothing(
    url: str, key_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await Ledger.open(url, key_path)
    site = ledger.site("home")
    await site.plug_in(EVSE, after(0))
    monkeypatch.setattr(postgresql, "ASKED_FOR_S", 0.05)
    monkeypatch.setattr(postgresql, "ASKED_EVERY_S", 0.01)
    marked = ledger._writer._marks
    assert marked is not None

    def gone(_self: sa.Engine) -> None:
        raise OperationalError("SELECT", {}, refused)

    refused = Exception("no route to host")
    refused.sqlstate = None  # type: ignore[attr-defined]  # as psycopg's errors have one
    with monkeypatch.context() as away:
        away.setattr(type(marked._engine), "begin", gone)
        assert not marked.kept()
    assert "does not tell whether records were kept: no route to host" in caplog.text
    await ledger.close()


async def test_a_writer_leaves_nothing_behind_when_it_is_closed(url: str, key_path: Path) -> None:
    ledger = await Ledger.open(url, key_path)
    await ledger.site("home").plug_in(EVSE, after(0))
    assert len(await ledger.read(marks)) == 1
    await ledger.close()
    again = await Ledger.open(url, key_path)
    assert await again.read(marks) == []
    await again.close()


@pytest.mark.parametrize(
    ("state", "invalidated", "gone", "again"),
    [
        (None, False, True, False),
        ("57P01", True, True, False),
        ("57P03", False, True, False),
        ("08006", False, True, False),
        ("53300", False, True, False),
        ("53100", False, False, False),
        ("57014", False, False, False),
        ("40P01", False, False, True),
        ("40001", False, False, True),
    ],
)
def test_errors_tell_whether_the_server_is_gone_or_the_work_may_be_done_again(
    state: str | None, invalidated: bool, gone: bool, again: bool
) -> None:
    cause = Exception("no")
    cause.sqlstate = state  # type: ignore[attr-defined]  # as psycopg's errors have one
    error = OperationalError("SELECT 1", {}, cause, connection_invalidated=invalidated)
    assert (postgresql.unreachable(error), postgresql.collided(error)) == (gone, again)
    assert not postgresql.unreachable(DBAPIError("SELECT 1", {}, Exception("of SQLite")))
    assert not postgresql.collided(ValueError("none of a database"))


def test_every_way_to_write_a_servers_address_is_taken() -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        engine = storage._create_engine(
            f"{scheme}://anna:s3cr%40t@db.local:5433/cars?sslmode=require&connect_timeout=2"
        )
        assert (engine.url.drivername, engine.url.password) == ("postgresql+psycopg", "s3cr@t")
        assert "s3cr" not in repr(engine)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://anna:s3@cret@db/cars",
        "postgresql://db/cars/s3cret",
        "postgresql://anna:s3cret@db:port/cars",
        "postgresql+asyncpg://anna:s3cret@db/cars",
        "mysql://anna:s3cret@db/cars",
    ],
)
async def test_an_address_that_can_not_be_used_is_refused_without_saying_what_stands_in_it(
    address: str, key_path: Path
) -> None:
    with pytest.raises(LedgerError, match="can't be used") as refused:
        await Ledger.open(address, key_path)
    assert "cret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not key_path.exists()


async def test_a_wrong_password_is_told_without_the_password(
    url: str, key_path: Path, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(LedgerError, match="password authentication failed") as refused:
        await Ledger.open(url.replace("p%40ss", "wr%40ng"), key_path)
    for text in (str(refused.value), caplog.text):
        assert "wr@ng" not in text
        assert "wr%40ng" not in text
    assert not key_path.exists()


def test_a_password_that_an_error_tells_is_taken_out_of_it() -> None:
    url = postgresql.address("postgresql://anna:s3cr%40t@db/cars?password=other&password=third")
    told = postgresql.without_password("s3cr@t, s3cr%40t, other, third, anna", url)
    assert told == "***, ***, ***, ***, anna"
    assert postgresql.without_password("as it is", postgresql.address("postgresql://db/cars")) == "as it is"


async def test_without_its_library_a_server_is_refused_and_the_library_named(
    monkeypatch: pytest.MonkeyPatch, key_path: Path
) -> None:
    def missing(*_arguments: object, **_options: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(sa, "create_engine", missing)
    with pytest.raises(LedgerError, match="library psycopg is missing"):
        await Ledger.open("postgresql://db/cars", key_path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((120_022, "UTF8", True, False), "PostgreSQL 13 or later"),
        ((150_000, "SQL_ASCII", True, False), "encoding SQL_ASCII"),
        ((150_000, "UTF8", True, True), "standby"),
    ],
)
def test_a_server_that_can_not_keep_a_ledger_is_refused(row: tuple[object, ...], reason: str) -> None:
    with pytest.raises(LedgerError, match=reason):
        postgresql.check_server(answering(row))


def test_a_server_that_does_not_flush_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    postgresql.check_server(answering((150_000, "UTF8", False, False)))
    assert "fsync off" in caplog.text


def answering(row: tuple[object, ...]) -> sa.Engine:
    """Return an engine whose server says this of itself."""
    engine = sa.create_engine("sqlite://")
    values = ", ".join(f"'{cell}'" if isinstance(cell, str) else str(int(cell)) for cell in row)  # type: ignore[call-overload]

    def instead(*told: object) -> tuple[str, object]:
        return f"SELECT {values}", told[3]

    sa.event.listen(engine, "before_cursor_execute", instead, retval=True)
    return engine


async def test_a_server_is_no_file_to_copy_or_to_set_aside(url: str, key_path: Path, tmp_path: Path) -> None:
    ledger = await Ledger.open(url, key_path)
    with pytest.raises(StoreError, match="no file"):
        await ledger.copy_to(tmp_path / "copy.db")
    with pytest.raises(StoreError, match="no file"):
        await ledger.check_integrity()
    await ledger.close()
    with pytest.raises(LedgerError, match="in a file"):
        await asyncio.to_thread(start_with_new_ledger, url, key_path)
    with pytest.raises(LedgerError, match="path of its key"):
        await Ledger.open(url)

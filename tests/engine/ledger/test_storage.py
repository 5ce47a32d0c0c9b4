"""Opening a ledger: new, old, newer, broken, and none of ours."""

import asyncio
import logging
from pathlib import Path
import shutil
import sqlite3
import threading

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
import pytest

from custom_components.smart_charging.engine.ledger import (
    Ledger,
    LedgerError,
    LedgerTooNew,
    ledger as front_door,
    storage,
    tables,
)

from .builders import EVSE, after, started


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


async def test_migrations_lead_to_the_tables_in_use(ledger: Ledger) -> None:
    differences = await ledger.read(
        lambda connection: compare_metadata(MigrationContext.configure(connection), tables.metadata)
    )
    assert differences == []


async def test_every_table_tells_its_site() -> None:
    assert all("site_id" in table.c for table in tables.metadata.sorted_tables)


async def test_commits_are_flushed_to_the_disk_and_readers_are_not_blocked(ledger: Ledger) -> None:
    def pragma(name: str) -> object:
        with ledger._engine.connect() as connection:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert pragma("synchronous") == 2
    assert pragma("journal_mode") == "wal"
    assert pragma("foreign_keys") == 1
    assert pragma("busy_timeout") == storage.BUSY_TIMEOUT_MS


async def test_opening_runs_in_another_thread_and_leaves_logging_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    opening = storage.open_storage

    def watched(where: Path | str, key_path: Path | None = None) -> object:
        threads.append(threading.current_thread())
        return opening(where, key_path)

    monkeypatch.setattr(front_door, "open_storage", watched)
    handlers, level = list(logging.root.handlers), logging.root.level
    ledger = await Ledger.open(path)
    await ledger.close()
    assert threads
    assert threads[0] is not threading.main_thread()
    assert (logging.root.handlers, logging.root.level) == (handlers, level)


async def test_a_ledger_opens_by_path_text_or_url(tmp_path: Path) -> None:
    for address in (tmp_path / "a.db", str(tmp_path / "b.db"), f"sqlite:///{tmp_path / 'c.db'}"):
        await (await Ledger.open(address)).close()
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", "a.key", "b.db", "b.key", "c.db", "c.key"}


async def test_a_path_with_signs_of_a_template_opens(tmp_path: Path) -> None:
    path = tmp_path / "50% ?#&.db"
    await (await Ledger.open(path)).close()
    assert path.exists()


async def test_a_newer_ledger_is_refused_and_left_as_it_is(path: Path) -> None:
    ledger = await Ledger.open(path)
    await ledger.site("home").start_transaction(started())
    await ledger.close()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew, match=r"newer version.*9999"):
        await Ledger.open(path)
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_as_it_is(path: Path) -> None:
    execute(path, "CREATE TABLE states (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger"):
        await Ledger.open(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"no database at all " * 200)
    with pytest.raises(LedgerError, match="can't be opened"):
        await Ledger.open(path)
    assert path.read_bytes() == b"no database at all " * 200


@pytest.mark.parametrize("where", ["missing/folder/x.db", "."])
async def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(LedgerError, match="can't be opened"):
        await Ledger.open(tmp_path / where)


async def test_a_database_that_can_only_be_read_is_refused(path: Path) -> None:
    await (await Ledger.open(path)).close()
    with pytest.raises(LedgerError, match=r"can't be opened.*readonly"):
        await Ledger.open(f"sqlite:///file:{path}?mode=ro&uri=true")


@pytest.mark.parametrize("address", ["nonsense://x", "postgresql+nodriver://host/db", "://"])
async def test_an_address_that_makes_no_sense_is_refused(address: str) -> None:
    with pytest.raises(LedgerError, match="can't be used"):
        await Ledger.open(address)


def with_a_later_migration(folder: Path, body: str) -> Path:
    """Return a copy of the migrations with one more, as a later version of the integration has it."""
    copied = shutil.copytree(storage._MIGRATIONS, folder / "migrations")
    (copied / "versions" / "v0009_later.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        'revision = "0009"\ndown_revision = "0008"\nbranch_labels = None\ndepends_on = None\n'
        f"def upgrade():\n    {body}\n"
    )
    return copied


async def test_an_update_keeps_the_records_and_its_downgrade_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await Ledger.open(path)
    kept = await ledger.site("home").start_transaction(started())
    await ledger.close()
    later = with_a_later_migration(tmp_path, 'op.add_column("transactions", sa.Column("label", sa.String(20)))')
    with monkeypatch.context() as updated:
        updated.setattr(storage, "_MIGRATIONS", later)
        ledger = await Ledger.open(path)
        assert await ledger.site("home").open_transactions("CP1") == (kept,)
        await ledger.close()
    with pytest.raises(LedgerTooNew, match="0009"):
        await Ledger.open(path)


@pytest.mark.parametrize("failure", ['op.drop_table("no_such_table")', 'raise RuntimeError("half way")'])
async def test_a_migration_that_fails_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    ledger = await Ledger.open(path)
    kept = await ledger.site("home").start_transaction(started())
    await ledger.close()
    later = with_a_later_migration(tmp_path, f'op.drop_table("orphan_stops")\n    {failure}')
    with monkeypatch.context() as updated:
        updated.setattr(storage, "_MIGRATIONS", later)
        with pytest.raises(LedgerError, match="can't be opened"):
            await Ledger.open(path)
    ledger = await Ledger.open(path)
    assert await ledger.site("home").open_transactions("CP1") == (kept,)
    assert (
        await ledger.read(lambda connection: compare_metadata(MigrationContext.configure(connection), tables.metadata))
        == []
    )
    await ledger.close()


async def test_two_ledgers_can_be_opened_at_the_same_time(tmp_path: Path) -> None:
    ledgers = await asyncio.gather(*(Ledger.open(tmp_path / f"{n}.db") for n in range(4)))
    for ledger in ledgers:
        await ledger.site("home").plug_in(EVSE, after(0))
        await ledger.close()

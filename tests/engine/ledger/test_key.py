"""Id tokens at rest: encrypted, with a key that is made once, and never silently replaced."""

import asyncio
from dataclasses import replace
import os
from pathlib import Path
import sqlite3
import stat

from alembic import command
import pytest

from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import (
    Ledger,
    LedgerError,
    LedgerKeyError,
    SiteLedger,
    remains,
    start_with_new_key,
    storage,
    tables,
    vault as key_file,
)
from custom_components.smart_charging.engine.ledger.vault import Vault
from custom_components.smart_charging.engine.model import StopOutcome, StoreError, Transaction

from .builders import after, started, stopped

SECRET = "04A2B3C4D5E6F7"
OTHER = "04FFEEDDCCBBAA"


def key_of(path: Path) -> Path:
    return path.with_suffix(".key")


def on_disk(path: Path) -> bytes:
    """Return all bytes of a ledger's files, its write-ahead log included."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())


def tells(files: bytes, value: str) -> bool:
    """Return whether a value stands in these bytes in the clear, in any case."""
    return value.casefold().encode() in files.lower()


async def filled(path: Path) -> Transaction:
    """Keep a token, its transaction, and an end that belongs to none; leave the ledger closed."""
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await site.tokens.add(SECRET, TokenDetails("Anna", group="Family"), after(0))
    kept = await site.start_transaction(started(token=SECRET))
    await site.stop_transaction(replace(stopped("77", 60, 1200), id_token=OTHER))
    await ledger.close()
    return kept


async def test_no_value_stands_in_the_files(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await site.tokens.add(SECRET, TokenDetails("Anna"), after(0))
    kept = await site.start_transaction(started(token=SECRET))
    await site.stop_transaction(replace(stopped(kept.transaction_id, 60, 1200), id_token=OTHER))
    await site.stop_transaction(replace(stopped("77", 60, 1200), id_token=OTHER))
    files = on_disk(path)
    assert b"Anna" in files
    assert not tells(files, SECRET)
    assert not tells(files, OTHER)
    await ledger.close()
    files = on_disk(path)
    assert b"Anna" in files
    assert not tells(files, SECRET)
    assert not tells(files, OTHER)


async def test_the_key_is_made_once_and_for_its_owner_only(path: Path) -> None:
    await filled(path)
    key = key_of(path)
    made = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(made.decode())) == 32
    ledger = await Ledger.open(path)
    assert [token.tail for token in await ledger.site("home").tokens.all()] == [SECRET[-4:]]
    await ledger.close()
    assert key.read_bytes() == made
    assert sorted(file.name for file in path.parent.iterdir()) == ["smart_charging.db", "smart_charging.key"]


async def test_the_key_is_no_more_open_than_it_was_after_a_backup_lost_its_mode(path: Path) -> None:
    await filled(path)
    key_of(path).chmod(0o644)
    await (await Ledger.open(path)).close()
    assert stat.S_IMODE(key_of(path).stat().st_mode) == 0o600


async def test_a_key_that_nothing_was_encrypted_with_yet_is_taken(path: Path) -> None:
    key_of(path).write_text("ab" * 32)
    await (await Ledger.open(path)).close()
    assert key_of(path).read_text() == "ab" * 32


@pytest.mark.parametrize("wrong", [None, b"cd" * 32, b"cd" * 31, b"", b"no key", b"\xff\xfe" * 32])
async def test_a_lost_or_wrong_key_is_told_and_nothing_is_changed(path: Path, wrong: bytes | None) -> None:
    kept = await filled(path)
    key, right, database = key_of(path), key_of(path).read_bytes(), path.read_bytes()
    key.unlink()
    if wrong is not None:
        key.write_bytes(wrong)
    for _ in range(2):
        with pytest.raises(LedgerKeyError, match=r"smart_charging\.key"):
            await Ledger.open(path)
    assert (key.read_bytes() if key.exists() else None) == wrong
    assert path.read_bytes() == database
    key.write_bytes(right)
    ledger = await Ledger.open(path)
    assert await ledger.site("home").open_transactions("CP1") == (kept,)
    await ledger.close()


async def test_who_lost_the_key_may_begin_anew_with_labels_and_records(path: Path) -> None:
    kept = await filled(path)
    old = key_of(path).read_bytes()
    key_of(path).write_bytes(b"cd" * 32)
    await asyncio.to_thread(start_with_new_key, path)
    assert key_of(path).read_bytes() not in {old, b"cd" * 32}
    assert path.with_name("smart_charging.key.old1").read_bytes() == b"cd" * 32
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    (token,) = await site.tokens.all()
    assert (token.details, token.tail) == (TokenDetails("Anna", group="Family"), "")
    assert await site.tokens.find(SECRET) is None
    assert await site.open_transactions("CP1") == (replace(kept, id_token=""),)
    outcome, _ = await site.stop_transaction(stopped(kept.transaction_id, 60, 1200))
    assert outcome is StopOutcome.STOPPED
    again = await site.tokens.add(SECRET, TokenDetails("Anna again"), after(100))
    assert await site.tokens.find(SECRET) == again
    await ledger.close()
    key_of(path).unlink()
    await asyncio.to_thread(start_with_new_key, path)
    await (await Ledger.open(path)).close()


async def test_a_second_old_key_does_not_replace_the_first(path: Path) -> None:
    await filled(path)
    for _ in range(2):
        await asyncio.to_thread(start_with_new_key, path)
    assert {file.name for file in path.parent.iterdir()} >= {"smart_charging.key.old1", "smart_charging.key.old2"}


async def test_a_ledger_that_is_no_file_wants_to_be_told_where_its_key_is(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="path of its key"):
        await Ledger.open("sqlite://")
    ledger = await Ledger.open(tmp_path / "a.db", tmp_path / "elsewhere.key")
    await ledger.close()
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", "elsewhere.key"}


async def test_a_key_is_made_where_files_cannot_be_linked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    await filled(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["smart_charging.db", "smart_charging.key"]
    assert stat.S_IMODE(key_of(path).stat().st_mode) == 0o600


async def test_a_key_that_appears_meanwhile_is_not_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        self.write_text("ab" * 32)
        linked(self, target)

    monkeypatch.setattr(Path, "hardlink_to", late)
    with pytest.raises(LedgerError):
        await Ledger.open(path)
    assert key_of(path).read_text() == "ab" * 32
    await (await Ledger.open(path)).close()


async def test_a_key_that_cannot_be_flushed_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(LedgerError, match="no space left"):
            await Ledger.open(path)
    assert [file.name for file in path.parent.iterdir() if "key" in file.name] == []


async def test_a_value_that_was_tampered_with_is_not_taken_for_one(ledger: Ledger, site: SiteLedger) -> None:
    kept = await site.start_transaction(started(token=SECRET))

    with storage.for_writing(ledger._engine).begin() as connection:
        connection.execute(tables.transactions.update().values(token_sealed=b"\0" * 40))
    with pytest.raises(StoreError, match="can't be decrypted"):
        await site.open_transactions(kept.station_id)


def test_the_same_value_looks_different_each_time_and_is_found_in_any_case() -> None:
    one, other = Vault(b"1" * 32), Vault(b"2" * 32)
    assert one.seal(SECRET) != one.seal(SECRET)
    assert one.unseal(one.seal(SECRET)) == SECRET
    assert one.lookup(SECRET) == one.lookup(SECRET.lower()) != other.lookup(SECRET)
    assert one.group_value("Family") == one.group_value("family") != other.group_value("Family")
    assert len(one.group_value("Family")) == 20
    assert len({one.check, one.lookup(""), one.group_value("")}) == 3


def old_ledger(path: Path) -> None:
    """Make a ledger of the schema before tokens were encrypted, with tags in its rows and in its unused parts."""
    engine = storage._create_engine(path)
    storage._use_wal(engine)
    with storage.for_writing(engine).begin() as connection:
        config = storage._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO evses VALUES (1, 'home', 'CP1', 1, '{}', 0.0)")
    connection.execute("INSERT INTO sessions VALUES (1, 'home', 1, 1, 1000, NULL, 1000)")
    insert = "INSERT INTO transactions VALUES (" + "?, " * 18 + "?)"
    for number in range(1, 1201):
        begun = (number, "home", "CP1", 1, 1, str(number), SECRET, SECRET.lower(), number, 1000, number, 0.0, "[]")
        connection.execute(insert, (*begun, number, None, None, OTHER, number, False))
    connection.execute("DELETE FROM transactions WHERE id > 1100")
    connection.execute(
        "INSERT INTO orphan_stops (site_id, station_id, transaction_id, stopped_at, id_token, received_at, readings) "
        "VALUES ('home', 'CP1', '9', 5, ?, 5, '[]'), ('home', 'CP1', '10', 5, NULL, 5, '[]')",
        (OTHER,),
    )
    connection.commit()
    connection.close()


async def test_tags_of_an_older_ledger_are_encrypted_and_nothing_is_left_of_them(path: Path) -> None:
    await asyncio.to_thread(old_ledger, path)
    assert tells(on_disk(path), SECRET)
    ledger = await Ledger.open(path)
    files = on_disk(path)
    assert not tells(files, SECRET)
    assert not tells(files, OTHER)
    (session,) = await ledger.site("home").sessions()
    assert {transaction.id_token for transaction in session.transactions} == {SECRET}
    assert len(session.transactions) == 1100

    def rows(connection: storage.sa.Connection) -> list[tuple[str, str | None]]:
        unseal = key_file.vault_of(connection).unseal
        ended = storage.sa.select(tables.transactions.c.token_key, tables.transactions.c.stop_token_sealed).limit(1)
        stops = storage.sa.select(tables.orphan_stops.c.transaction_id, tables.orphan_stops.c.token_sealed)
        return [
            (name, sealed and unseal(sealed))
            for name, sealed in (*connection.execute(ended), *connection.execute(stops))
        ]

    assert await ledger.read(rows) == [(ledger.vault.lookup(SECRET), OTHER), ("9", OTHER), ("10", None)]
    await ledger.close()


async def test_a_file_that_cannot_be_rewritten_keeps_nobody_from_charging(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(old_ledger, path)
    monkeypatch.setattr(remains, "REWRITE", ("VACUUM INTO '/nowhere/at/all'",))
    ledger = await Ledger.open(path)
    assert "Remains of tags" in caplog.text
    assert SECRET not in caplog.text
    assert len((await ledger.site("home").sessions())[0].transactions) == 1100
    await ledger.close()

"""A ledger's file that is damaged, checked, set aside, or copied."""

import asyncio
from pathlib import Path
import sqlite3
import stat

import pytest

from custom_components.smart_charging.engine.ledger import (
    Ledger,
    LedgerDamaged,
    LedgerError,
    copying,
    integrity,
    start_with_new_ledger,
)
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import EVSE, after, register, started

NO_DATABASE = b"no database at all " * 200


async def filled(path: Path, stations: int = 40) -> None:
    """Make a ledger with some pages of records, all in its one file."""
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    for number in range(stations):
        key = EvseKey(f"CP{number}", 1)
        kept = await site.start_transaction(started(key=key))
        values = tuple(register(n, 1000 + n) for n in range(60))
        await site.record_meter_values(key.station_id, 1, kept.transaction_id, values, after(60))
    await site.meter_values(EVSE)
    await ledger.close()


def spoil(path: Path) -> None:
    """Write nonsense over half of the file's pages, but not over the first ones."""
    data = bytearray(path.read_bytes())
    quarter = len(data) // 4 // 4096 * 4096
    data[quarter : 3 * quarter] = b"\xa5" * (2 * quarter)
    path.write_bytes(bytes(data))


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


async def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path) -> None:
    await filled(path)
    spoil(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(LedgerDamaged, match="damaged"):
            await Ledger.open(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_cut_off_or_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(NO_DATABASE)
    with pytest.raises(LedgerDamaged, match="not a database"):
        await Ledger.open(path)
    path.unlink()
    await filled(path)
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(LedgerDamaged):
        await Ledger.open(path)


async def test_a_file_too_large_for_the_time_is_looked_at_as_far_as_that_reaches(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(path)
    monkeypatch.setattr(integrity, "QUICK_CHECK_S", 0.0)
    monkeypatch.setattr(integrity, "_LOOKED_AT_EVERY", 1)
    ledger = await Ledger.open(path)
    assert len(await ledger.site("home").sessions()) == 40
    assert await ledger.check_integrity() == ()
    await ledger.close()


async def test_what_else_goes_wrong_while_looking_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_arguments: object) -> tuple[str, ...]:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    ledger = await Ledger.open(path)
    monkeypatch.setattr(integrity, "_findings", failing)
    with pytest.raises(StoreError, match="disk I/O error"):
        await ledger.check_integrity()
    await ledger.close()
    with pytest.raises(LedgerError, match="disk I/O error") as refused:
        await Ledger.open(path)
    assert not isinstance(refused.value, LedgerDamaged)


async def test_the_whole_check_finds_damage_that_came_while_the_ledger_was_open(path: Path) -> None:
    await filled(path)
    ledger = await Ledger.open(path)
    assert await ledger.check_integrity() == ()
    spoil(path)
    found = await ledger.check_integrity()
    assert found
    assert len(found) <= 2 * integrity.FINDINGS_AT_MOST
    await ledger.close()


async def test_the_whole_check_finds_rows_that_refer_to_none(ledger: Ledger, path: Path) -> None:
    await ledger.site("home").start_transaction(started())
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM sessions")
    connection.commit()
    connection.close()
    assert await ledger.check_integrity() == ("row 1 of transactions refers to none of sessions",)


async def test_who_confirms_it_begins_a_new_ledger_and_keeps_the_damaged_one(path: Path) -> None:
    await filled(path)
    key = path.with_suffix(".key").read_bytes()
    for number in (1, 2):
        spoil(path) if number == 1 else path.write_bytes(NO_DATABASE)
        damaged = path.read_bytes()
        aside = await asyncio.to_thread(start_with_new_ledger, path)
        assert aside == path.with_name(f"{path.name}.damaged{number}")
        assert aside.read_bytes() == damaged
        ledger = await Ledger.open(path)
        assert await ledger.site("home").sessions() == ()
        await ledger.site("home").plug_in(EVSE, after(0))
        await ledger.close()
    assert path.with_suffix(".key").read_bytes() == key
    assert {f"{path.name}.damaged1", f"{path.name}.damaged2"} <= names(path)


def test_what_lies_beside_a_damaged_file_goes_with_it_and_replaces_nothing(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).write_text(name)
    path.with_name(f"{path.name}.damaged1-wal").write_text("of an earlier one")
    assert integrity.set_aside(path) == path.with_name(f"{path.name}.damaged2")
    assert names(path) == {f"{path.name}.damaged1-wal", *(f"{path.name}.damaged2{end}" for end in ("", "-wal", "-shm"))}
    assert path.with_name(f"{path.name}.damaged2-wal").read_text() == f"{path.name}-wal"


async def test_a_sound_ledger_is_never_set_aside(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(LedgerError, match="not damaged"):
            await asyncio.to_thread(start_with_new_ledger, path)
        await filled(path, 1)
    assert names(path) == {path.name, path.with_suffix(".key").name}
    ledger = await Ledger.open(path)
    assert len(await ledger.site("home").sessions()) == 1
    await ledger.close()


async def test_a_damaged_file_that_can_not_be_renamed_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(NO_DATABASE)

    def refused(_self: Path, _target: Path) -> Path:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(LedgerError, match="read-only file system"):
        await asyncio.to_thread(start_with_new_ledger, path)
    assert path.read_bytes() == NO_DATABASE


async def test_a_place_that_can_not_be_read_is_not_taken_for_damaged(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="can't be opened"):
        await asyncio.to_thread(start_with_new_ledger, tmp_path)
    assert tmp_path.is_dir()


async def test_a_copy_is_whole_while_records_go_on_to_come(path: Path, tmp_path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    kept = await site.start_transaction(started())
    going = True

    async def record() -> int:
        number = 0
        while going:
            number += 1
            value = (register(number, 1000 + number),)
            await site.record_meter_values("CP1", 1, kept.transaction_id, value, after(number))
        return number

    recording = asyncio.create_task(record())
    target = tmp_path / "backup" / "copy.db"
    target.parent.mkdir()
    for _ in range(2):
        await site.record_meter_values("CP2", 1, None, (register(1, 1),), after(1))
        before = (await site.open_transactions("CP1"))[0].energy_wh
        await ledger.copy_to(target)
    going = False
    last = await recording
    await ledger.close()
    assert {file.name for file in target.parent.iterdir()} == {"copy.db", "copy.key"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in target.parent.iterdir()} == {0o600}
    copy = await Ledger.open(target)
    (copied,) = await copy.site("home").open_transactions("CP1")
    assert before <= copied.energy_wh <= last
    assert copied.id_token == "TAG1"
    readings = await copy.site("home").meter_values(EVSE)
    assert [value.time for value in readings] == [after(n) for n in range(1, len(readings) + 1)]
    assert len(readings) == copied.energy_wh
    assert len(await copy.site("home").meter_values(EvseKey("CP2", 1))) == 2
    await copy.close()


@pytest.mark.parametrize("target", ["smart_charging.db", "smart_charging.key", "./smart_charging.other"])
async def test_a_ledger_is_not_copied_onto_itself(ledger: Ledger, path: Path, target: str) -> None:
    await ledger.site("home").plug_in(EVSE, after(0))
    with pytest.raises(StoreError, match="onto itself"):
        await ledger.copy_to(path.parent / target)
    assert len(await ledger.site("home").sessions()) == 1


async def test_a_copy_that_fails_leaves_the_one_before_and_no_parts(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "backup" / "copy.db"
    with pytest.raises(StoreError, match="can't be copied"):
        await ledger.copy_to(target)
    target.parent.mkdir()
    await ledger.copy_to(target)
    before = target.read_bytes()

    def full(_path: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(copying, "_flush", full)
    with pytest.raises(StoreError, match="no space left"):
        await ledger.copy_to(target)
    assert target.read_bytes() == before
    assert {file.name for file in target.parent.iterdir()} == {"copy.db", "copy.key"}


async def test_a_damaged_ledger_makes_no_copy(path: Path, tmp_path: Path) -> None:
    await filled(path)
    ledger = await Ledger.open(path)
    spoil(path)
    with pytest.raises(StoreError, match="damaged|malformed"):
        await ledger.copy_to(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    await ledger.close()


async def test_a_closed_ledger_is_neither_copied_nor_checked(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.close()
    with pytest.raises(StoreError, match="closed"):
        await ledger.copy_to(tmp_path / "copy.db")
    with pytest.raises(StoreError, match="closed"):
        await ledger.check_integrity()

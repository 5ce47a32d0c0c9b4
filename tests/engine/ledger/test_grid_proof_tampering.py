"""Whatever is changed, taken out, put in or moved in a proof log by another program is seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import assume, given, settings, strategies as st
import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import (
    BreakReason,
    ChainBreak,
    ChainVerdict,
    proof_check,
    proof_log,
    tables,
)
from custom_components.smart_charging.engine.ledger.book import Book
from custom_components.smart_charging.engine.ledger.proof_check import ChainCheck
from custom_components.smart_charging.engine.ledger.proof_content import follow_up_row, record_row

from .builders import after
from .proof_builders import demanded, device_demand, hash_of, measured

ROWS = 12
PAGE = 5
COLUMNS = ("site_id", "sequence", "time", "kind", "refers_to", "content", "previous", "hash")
CELLS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=70)
    | st.binary(max_size=10)
    | st.floats(allow_nan=False)
    | st.none()
    | st.sampled_from(["limit_started", "follow_up", "0" * 64, 0, 1, ROWS + 1, "other"])
)

type Cell = Any


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_log, "PAGE_ROWS", PAGE)
    monkeypatch.setattr(proof_check, "_MOVED_BY_AT_MOST", 2 * ROWS)


def write_log(connection: sa.Connection, site_id: str) -> None:
    book = Book()
    book.open(connection)
    number = 0
    for n in range(ROWS // 3):
        number = proof_log.append(book, record_row(site_id, demanded(n * 100)))
        proof_log.append(book, record_row(site_id, device_demand(n * 100 + 5)))
        proof_log.append_follow_up(book, follow_up_row(site_id, measured(number, 10, n * 100 + 10)), 10)


@cache
def database() -> sa.Engine:
    """Return a database in memory that holds the logs of two sites."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        tables.grid_proof.create(connection)
        tables.grid_proof_heads.create(connection)
        for site_id in ("home", "office"):
            write_log(connection, site_id)
    return engine


@contextmanager
def a_log() -> Iterator[sa.Connection]:
    """Give the database with two logs; nothing that is done to it lasts."""
    with database().connect() as connection:
        yield connection
        connection.rollback()


def verified(connection: sa.Connection, site_id: str = "home") -> ChainVerdict:
    check = ChainCheck(after(0))
    verdict = None
    while verdict is None:
        verdict = check.take(proof_log.checked_page(connection, site_id, check.after))
    return verdict


def cell(connection: sa.Connection, column: str, sequence: int) -> Cell:
    found = connection.exec_driver_sql("SELECT * FROM grid_proof WHERE site_id = 'home' AND sequence = ?", (sequence,))
    return found.mappings().one()[column]


def put(connection: sa.Connection, column: str, sequence: int, value: Cell) -> None:
    column_is = tables.grid_proof.c
    where = sa.and_(column_is.site_id == "home", column_is.sequence == sequence)
    changed = sa.update(tables.grid_proof).where(where).values({column: sa.literal(value, sa.types.NullType())})
    connection.execute(changed)


def renumber(connection: sa.Connection, old: int, new: int) -> None:
    put(connection, "sequence", old, new)


def forge(connection: sa.Connection, sequence: int, previous: str, seconds: float) -> str:
    """Put a row there whose hash is right, and return that."""
    row = {"site_id": "home", "sequence": sequence, "kind": "limit_released", "refers_to": None, "previous": previous}
    at = after(seconds)
    row |= {"time": (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), "content": '{"forged":1}'}
    row["hash"] = hash_of(row, iso_time=at.isoformat(timespec="microseconds"))
    connection.execute(sa.insert(tables.grid_proof).values(row))
    return str(row["hash"])


def delete(connection: sa.Connection, sequence: int) -> None:
    connection.exec_driver_sql("DELETE FROM grid_proof WHERE site_id = 'home' AND sequence = ?", (sequence,))


def test_logs_nobody_touched_are_intact() -> None:
    with a_log() as connection:
        for site_id in ("home", "office"):
            verdict = verified(connection, site_id)
            assert (verdict.intact, verdict.rows, verdict.head_sequence) == (True, ROWS, ROWS)


@settings(max_examples=400)
@given(st.sampled_from(COLUMNS), st.integers(1, ROWS), CELLS)
def test_any_change_of_any_cell_is_seen(column: str, sequence: int, value: Cell) -> None:
    with a_log() as connection:
        before = verified(connection)
        old = cell(connection, column, sequence)
        try:
            put(connection, column, sequence, value)
            new = None if column in {"site_id", "sequence"} else cell(connection, column, sequence)
        except sa.exc.IntegrityError:
            assume(False)  # hypothesis names it so
        assume((value if column in {"site_id", "sequence"} else new) != old)
        verdict = verified(connection)
        assert not verdict.intact
        assert verdict.rows <= before.rows
        assert column in {"sequence", "site_id"} or verdict.rows == sequence - 1


@given(st.integers(1, ROWS), st.data())
def test_any_change_of_a_single_sign_of_a_content_is_seen(sequence: int, data: st.DataObject) -> None:
    """Also one that means the same, as a space does."""
    with a_log() as connection:
        content = cell(connection, "content", sequence)
        place = data.draw(st.integers(0, len(content)))
        sign = data.draw(st.characters(codec="utf-8") | st.just(" "))
        replaced = data.draw(st.integers(0, 1))
        changed = content[:place] + sign + content[place + replaced :]
        assume(changed != content)
        put(connection, "content", sequence, changed)
        assert verified(connection).broken == ChainBreak(BreakReason.CHANGED, sequence)


@given(st.sets(st.integers(1, ROWS), min_size=1))
def test_any_rows_that_are_missing_are_seen(gone: set[int]) -> None:
    with a_log() as connection:
        for sequence in gone:
            delete(connection, sequence)
        to_the_end = set(range(min(gone), ROWS + 1)) == gone
        reason = BreakReason.TRUNCATED if to_the_end else BreakReason.MISSING
        verdict = verified(connection)
        assert (verdict.broken, verdict.rows) == (ChainBreak(reason, min(gone)), min(gone) - 1)
        assert verified(connection, "office").intact


@given(st.integers(1, ROWS - 1))
def test_a_row_that_is_missing_is_seen_also_where_the_later_ones_were_numbered_anew(gone: int) -> None:
    with a_log() as connection:
        delete(connection, gone)
        for sequence in range(gone + 1, ROWS + 1):
            renumber(connection, sequence, sequence - 1)
        assert verified(connection).broken == ChainBreak(BreakReason.REORDERED, gone, gone + 1)


@given(st.integers(1, ROWS))
def test_a_forged_row_is_seen_also_with_its_own_hash_right_and_the_later_ones_numbered_anew(place: int) -> None:
    with a_log() as connection:
        previous = cell(connection, "previous", place)
        for sequence in range(ROWS, place - 1, -1):
            renumber(connection, sequence, sequence + 1)
        forge(connection, place, previous, 0)
        assert verified(connection).broken == ChainBreak(BreakReason.REORDERED, place + 1, place)


@given(st.integers(1, ROWS))
def test_a_row_exchanged_for_one_with_its_own_hash_right_is_seen(place: int) -> None:
    with a_log() as connection:
        previous = cell(connection, "previous", place)
        delete(connection, place)
        forge(connection, place, previous, 0)
        assert verified(connection).broken == ChainBreak(BreakReason.REPLACED, min(place + 1, ROWS))


@given(st.integers(1, 5))
def test_rows_put_at_the_end_are_seen(count: int) -> None:
    with a_log() as connection:
        previous = str(cell(connection, "hash", ROWS))
        for number in range(count):
            previous = forge(connection, ROWS + 1 + number, previous, 5000)
        assert verified(connection).broken == ChainBreak(BreakReason.INSERTED, ROWS + 1)
        book = Book()
        book.open(connection)
        assert proof_log.append(book, record_row("home", demanded(6000))) == ROWS + count + 1
        assert verified(connection).broken == ChainBreak(BreakReason.REPLACED, ROWS + count + 1)


@given(st.permutations(range(1, ROWS + 1)))
def test_rows_in_any_other_order_are_seen(order: list[int]) -> None:
    moved = [place for place, number in enumerate(order, 1) if place != number]
    assume(moved)
    with a_log() as connection:
        for sequence in range(1, ROWS + 1):
            renumber(connection, sequence, sequence + 1000)
        for place, number in enumerate(order, 1):
            renumber(connection, number + 1000, place)
        assert verified(connection).broken == ChainBreak(BreakReason.REORDERED, moved[0], order[moved[0] - 1])


@given(st.integers(1, ROWS), st.integers(1, ROWS), st.sets(st.sampled_from(["time", "kind", "refers_to", "content"])))
def test_rows_that_swapped_what_they_say_are_seen(one: int, other: int, columns: set[str]) -> None:
    with a_log() as connection:
        swapped = [name for name in columns if cell(connection, name, one) != cell(connection, name, other)]
        assume(swapped)
        for name in swapped:
            kept = cell(connection, name, one)
            put(connection, name, one, cell(connection, name, other))
            put(connection, name, other, kept)
        assert verified(connection).broken == ChainBreak(BreakReason.CHANGED, min(one, other))


@given(st.integers(1, ROWS))
def test_a_row_of_another_site_is_none_of_this_one(sequence: int) -> None:
    with a_log() as connection:
        delete(connection, sequence)
        connection.exec_driver_sql(
            "UPDATE grid_proof SET site_id = 'home' WHERE site_id = 'office' AND sequence = ?", (sequence,)
        )
        assert verified(connection).broken == ChainBreak(BreakReason.CHANGED, sequence)
        assert not verified(connection, "office").intact


HEADS = [
    ("sequence = 11", BreakReason.INSERTED, ROWS),
    ("sequence = 13", BreakReason.TRUNCATED, ROWS + 1),
    ("sequence = 'x'", BreakReason.ENDS_LOST, 1),
    ("sequence = -1", BreakReason.ENDS_LOST, 1),
    ("hash = anchor_hash", BreakReason.REPLACED, ROWS),
    ("hash = x'00'", BreakReason.REPLACED, ROWS),
    ("anchor_sequence = 1", BreakReason.INSERTED, 1),
    ("anchor_sequence = 12", BreakReason.INSERTED, 1),
    ("anchor_hash = hash", BreakReason.REPLACED, 1),
    ("site_id = 'other'", BreakReason.ENDS_LOST, 1),
]


@pytest.mark.parametrize(("change", "reason", "sequence"), HEADS)
def test_any_change_of_what_says_where_the_log_ends_is_seen(change: str, reason: BreakReason, sequence: int) -> None:
    with a_log() as connection:
        connection.exec_driver_sql(f"UPDATE grid_proof_heads SET {change} WHERE site_id = 'home'")  # noqa: S608 # ours
        assert verified(connection).broken == ChainBreak(reason, sequence)


def test_a_log_whose_end_was_lost_goes_on_and_shows_it_for_good() -> None:
    with a_log() as connection:
        connection.exec_driver_sql("DELETE FROM grid_proof WHERE site_id = 'home' AND sequence > 10")
        connection.exec_driver_sql("DELETE FROM grid_proof_heads WHERE site_id = 'home'")
        assert verified(connection).broken == ChainBreak(BreakReason.ENDS_LOST, 1)
        book = Book()
        book.open(connection)
        assert proof_log.append(book, record_row("home", demanded(6000))) == 12
        assert proof_log.append(book, record_row("home", demanded(6001))) == 13
        assert verified(connection).broken == ChainBreak(BreakReason.MISSING, 11)


def test_a_chain_that_was_made_anew_with_its_end_is_not_seen_but_its_head_is_another() -> None:
    """What nothing inside the database can show: that is what the head hash outside of it is for."""
    with a_log() as connection:
        honest = verified(connection)
        connection.exec_driver_sql("DELETE FROM grid_proof WHERE site_id = 'home' AND sequence > 11")
        last = forge(connection, 12, str(cell(connection, "hash", 11)), 0)
        connection.exec_driver_sql("UPDATE grid_proof_heads SET hash = ? WHERE site_id = 'home'", (last,))
        rewritten = verified(connection)
        assert rewritten.intact
        assert rewritten.head_hash != honest.head_hash

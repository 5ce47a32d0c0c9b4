"""Many rows in one statement of SQLite.

Its driver lets go of the interpreter at every row that it steps through, and must get it back from a busy event
loop each time: a batch takes several times as long row by row as it does at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain

import sqlalchemy as sa

from ..model import Json
from .encoding import dump_json

_SIZES = (128, 32, 8, 1)  # rows of a statement: few sizes, so that it is prepared once

type Count = tuple[int, float, dict[str, Json]]


def is_sqlite(connection: sa.Connection) -> bool:
    """Return whether the statements of this module are for this database."""
    return connection.dialect.name == "sqlite"


def keep_counts(connection: sa.Connection, counts: Iterable[Count]) -> None:
    """Bring rows of `transactions` up to date: row, energy in Wh, and what is needed to go on counting."""
    rows: Sequence[tuple[object, ...]] = [(row, energy_wh, dump_json(count)) for row, energy_wh, count in counts]
    for some in _portions(rows):
        connection.exec_driver_sql(_update(len(some)), tuple(chain.from_iterable(some)))


def _portions(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    begin = 0
    for size in _SIZES:
        while len(rows) - begin >= size:
            yield rows[begin : begin + size]
            begin += size


@cache
def _update(count: int) -> str:
    rows = ",".join(["(?,?,?)"] * count)
    return (
        "UPDATE transactions SET energy_wh = new.column2, energy_count = new.column3 "  # noqa: S608 - counts only
        f"FROM (VALUES {rows}) AS new WHERE transactions.id = new.column1"
    )

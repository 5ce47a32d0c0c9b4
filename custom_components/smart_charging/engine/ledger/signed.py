"""Keeping readings with the meter's signature, as received: each once, and no more than anybody needs."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from ..model import MeterValue, SignedValue
from . import tables
from .book import Book, Entry
from .vault import vault_of

# The law asks for those of the begin and the end; a station may sign each sample.
MOST_OF_A_TRANSACTION = 200
MOST_OF_ITS_ENDS = 50
_ENDS = frozenset({"Transaction.Begin", "Transaction.End"})

_V = tables.signed_values.c


def keep(book: Book, entry: Entry, values: Sequence[MeterValue], received_at: datetime) -> None:
    """Keep what of these readings of a transaction was signed; what is kept already, or too much, is passed over."""
    for value in values:
        for signed in value.signed:
            if _wanted(book, entry.row, value.time, signed):
                _insert(book, entry, value.time, signed, received_at)


def _wanted(book: Book, transaction_row: int, time: datetime, signed: SignedValue) -> bool:
    at_an_end = signed.context in _ENDS
    mine = _V.transaction_row == transaction_row
    alike = mine & (_V.context.in_(_ENDS) if at_an_end else _V.context.not_in(_ENDS))
    count = book.connection.execute(sa.select(sa.func.count()).select_from(tables.signed_values).where(alike)).scalar()
    if (count or 0) >= (MOST_OF_ITS_ENDS if at_an_end else MOST_OF_A_TRANSACTION):
        return False
    same_moment = sa.select(_V.sealed).where(mine, _V.time == sa.bindparam("at", type_=_V.time.type))
    vault = vault_of(book.connection)
    known = book.connection.execute(same_moment, {"at": time}).scalars()
    return all(vault.unseal(sealed) != signed.data for sealed in known)


def _insert(book: Book, entry: Entry, time: datetime, signed: SignedValue, received_at: datetime) -> None:
    book.insert(
        tables.signed_values,
        site_id=entry.evse.site_id,
        transaction_row=entry.row,
        time=time,
        received_at=received_at,
        context=signed.context[:32],
        method=signed.method,
        encoding=signed.encoding,
        sealed=vault_of(book.connection).seal(signed.data),
        public_key=signed.public_key,
    )

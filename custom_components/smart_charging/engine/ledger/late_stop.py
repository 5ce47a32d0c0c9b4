"""Readings that were taken for a transaction's because nobody knew yet that it had ended.

A station that was away tells at once what its meter reads, and its queue only then: until the end in that queue
comes, the register of a later car looks like that of the transaction that still runs as far as anybody knows.
"""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from ..energy_count import JITTER_WH, advance, begin, outlet_register_wh
from . import tables
from .book import Book, Entry
from .encoding import decode_values

_M = tables.meter_values.c


def give_back_later_readings(book: Book, entry: Entry, stopped_at: datetime, meter_stop_wh: float | None) -> None:
    """Take readings after its end out of a transaction and count the others again, where its closing register asks for it.

    Only a closing register below the last reading does: a station's clock may go back and its meter can't.
    """
    last = entry.count.last
    if last is None or meter_stop_wh is None or last.at <= stopped_at:
        return
    if meter_stop_wh >= last.register_wh - JITTER_WH:
        return
    book.file_readings()
    mine = _M.transaction_row == entry.row
    late = sa.update(tables.meter_values).where(mine, _M.time > sa.bindparam("end", type_=_M.time.type))
    book.connection.execute(late.values(transaction_row=None), {"end": stopped_at})
    begun = entry.transaction
    count = begin(begun.meter_start_wh, begun.started_at)
    for row in book.connection.execute(sa.select(_M.time, _M.readings).where(mine).order_by(_M.id)):
        register_wh = outlet_register_wh(decode_values(row.readings))
        if register_wh is not None:
            count = advance(count, register_wh, row.time)
    entry.count = count
    entry.transaction = replace(begun, energy_wh=count.energy_wh)

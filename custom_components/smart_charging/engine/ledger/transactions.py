"""Writing transactions: their start, their readings, their end, each once and to the right one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
import secrets
from typing import Any

import sqlalchemy as sa

from ..energy_count import begin, begin_earlier, settle
from ..model import EvseKey, MeterValue, StopOutcome, Transaction, TransactionStart, TransactionStop
from . import id_tokens, sessions, signed, tables
from .book import Book, Entry, EvseEntry
from .encoding import UtcTime, encode_count, encode_meter_values, encode_register
from .late_stop import give_back_later_readings
from .vault import vault_of

LOST = "Lost"  # the stop reason of a transaction whose stop never came; no station sends it
_LARGEST_ID = 2**31 - 1  # some 1.6 stations keep the id in a signed 32-bit number

_T = tables.transactions.c
_O = tables.orphan_stops.c


def start(book: Book, site_id: str, announced: TransactionStart) -> Transaction:
    """Keep a new transaction, or return the one kept for the same announcement.

    A station's own id may be known already from what it told out of order: then the earlier begin counts.
    """
    evse, vault = book.evse(site_id, EvseKey(announced.station_id, announced.evse_id)), vault_of(book.connection)
    token_key = vault.lookup(announced.id_token)
    repeated = _announced_before(book, evse, announced, token_key)
    if repeated is not None:
        return repeated
    announced = _told_apart(book, evse, announced)
    transaction = Transaction(
        transaction_id=announced.transaction_id or _new_id(book),
        station_id=announced.station_id,
        evse_id=announced.evse_id,
        id_token=announced.id_token,
        started_at=announced.started_at,
        meter_start_wh=announced.meter_start_wh,
        session_id=sessions.for_transaction(book, evse, announced),
        offline=not announced.live,
        **id_tokens.owner(book.connection, site_id, token_key),
    )
    count = begin(announced.meter_start_wh, announced.started_at)
    row = book.insert(
        tables.transactions,
        site_id=site_id,
        station_id=announced.station_id,
        evse_row=evse.row,
        session_row=transaction.session_id,
        transaction_id=transaction.transaction_id,
        token_key=token_key,
        token_sealed=vault.seal(announced.id_token),
        token_id=transaction.token_id,
        driver_id=transaction.driver_id,
        vehicle_id=transaction.vehicle_id,
        started_at=announced.started_at,
        meter_start_wh=encode_register(announced.meter_start_wh),
        received_at=announced.received_at,
        energy_wh=0.0,
        energy_count=encode_count(count),
        lost=False,
        offline=transaction.offline,
    )
    book.add(Entry(row, evse, transaction.session_id, transaction, count))
    return transaction


def record(
    book: Book,
    site_id: str,
    key: EvseKey,
    transaction_id: str | None,
    values: Sequence[MeterValue],
    received_at: datetime,
) -> Transaction | None:
    """Keep readings, each with the transaction of that id or else of its time; return the last such."""
    evse = book.evse(site_id, key)
    named = None if transaction_id is None else book.find(site_id, key.station_id, transaction_id)
    bound = named
    for value in values:
        entry = named or book.covering(evse, value.time)
        _keep_value(book, evse, entry, value, received_at)
        bound = entry or bound
    return None if bound is None else bound.transaction


def stop(book: Book, site_id: str, announced: TransactionStop) -> tuple[StopOutcome, Transaction | None]:
    """Keep the end of a transaction; one given up as lost gets its real end."""
    entry = book.find(site_id, announced.station_id, announced.transaction_id)
    if entry is None:
        _keep_orphan(book, site_id, announced)
        return StopOutcome.UNKNOWN, None
    if entry.ended and not entry.lost:
        return StopOutcome.REPEATED, entry.transaction
    for value in announced.values:
        _keep_value(book, entry.evse, entry, value, announced.received_at)
    if entry.lost:
        book.count(entry, announced.values)
    else:
        give_back_later_readings(book, entry, announced.stopped_at, announced.meter_stop_wh)
    begun = entry.transaction
    energy_wh = entry.count.energy_wh
    if announced.meter_stop_wh is not None:
        energy_wh = settle(
            entry.count, begun.meter_start_wh, begun.started_at, announced.meter_stop_wh, announced.stopped_at
        )
    ended = replace(
        begun,
        energy_wh=energy_wh,
        stopped_at=announced.stopped_at,
        meter_stop_wh=announced.meter_stop_wh,
        stop_reason=announced.reason,
        offline=begun.offline or not announced.live,
    )
    end = {
        "stop_token_sealed": _sealed(book, announced.id_token),
        "stop_received_at": announced.received_at,
        "lost": False,
        "offline": ended.offline,
    }
    _end(book, entry, ended, announced.stopped_at, **end)
    return StopOutcome.STOPPED, ended


def identify(book: Book, site_id: str, station_id: str, transaction_id: str, id_token: str) -> Transaction | None:
    """Keep the token of a transaction that began without one; one that has a token keeps it."""
    entry = book.find(site_id, station_id, transaction_id)
    if entry is None or entry.transaction.id_token:
        return None if entry is None else entry.transaction
    vault = vault_of(book.connection)
    token_key = vault.lookup(id_token)
    found = id_tokens.owner(book.connection, site_id, token_key)
    if entry.transaction.driver_id is not None:
        # It was assigned to somebody meanwhile.
        found |= {"driver_id": entry.transaction.driver_id, "vehicle_id": entry.transaction.vehicle_id}
    entry.transaction = replace(entry.transaction, id_token=id_token, **found)
    book.connection.execute(
        sa.update(tables.transactions)
        .where(_T.id == entry.row)
        .values(token_key=token_key, token_sealed=vault.seal(id_token), **found)
    )
    _price_if_ended(book, entry)
    return entry.transaction


def assign(
    book: Book, site_id: str, station_id: str, transaction_id: str, driver_id: str | None, vehicle_id: str | None
) -> Transaction | None:
    """Keep whose a transaction is, whatever token it began with; None if the station has no such transaction."""
    entry = book.find(site_id, station_id, transaction_id)
    if entry is None:
        return None
    entry.transaction = replace(entry.transaction, driver_id=driver_id, vehicle_id=vehicle_id)
    book.connection.execute(
        sa.update(tables.transactions).where(_T.id == entry.row).values(driver_id=driver_id, vehicle_id=vehicle_id)
    )
    _price_if_ended(book, entry)
    return entry.transaction


def close_lost(book: Book, site_id: str, station_id: str, transaction_id: str, at: datetime) -> Transaction | None:
    """End an open transaction at its last known energy; one that ended is returned as it is."""
    entry = book.find(site_id, station_id, transaction_id)
    if entry is None or entry.ended:
        return None if entry is None else entry.transaction
    stopped_at = max(at, entry.transaction.started_at)
    ended = replace(entry.transaction, energy_wh=entry.count.energy_wh, stopped_at=stopped_at, stop_reason=LOST)
    _end(book, entry, ended, stopped_at, lost=True)
    return ended


def _keep_value(book: Book, evse: EvseEntry, entry: Entry | None, value: MeterValue, received_at: datetime) -> None:
    """Keep what was measured at one moment; what the meter signed only with a transaction that it tells of."""
    if value.values or not value.signed:
        book.keep_reading(evse, entry, value, received_at)
    if value.signed and entry is not None:
        signed.keep(book, entry, (value,), received_at)


def _end(book: Book, entry: Entry, ended: Transaction, stopped_at: datetime, **columns: Any) -> None:
    """Write an end, and add the energy to what the EVSE's ended transactions delivered."""
    added_wh = ended.energy_wh - (_energy_of_row(book, entry) if entry.lost else 0.0)
    book.end(entry, stopped_at)
    book.connection.execute(
        sa.update(tables.transactions).where(_T.id == entry.row),
        {
            "energy_wh": ended.energy_wh,
            "energy_count": encode_count(entry.count),
            "stopped_at": stopped_at,
            "meter_stop_wh": ended.meter_stop_wh,
            "stop_reason": ended.stop_reason,
            **columns,
        },
    )
    _add_to_ended(book, entry, added_wh)
    sessions.transaction_ended(book, entry.session_row, stopped_at)
    book.price_anew(entry.evse.site_id, entry.session_row)


def _energy_of_row(book: Book, entry: Entry) -> float:
    return float(book.connection.execute(sa.select(_T.energy_wh).where(_T.id == entry.row)).scalar_one())


def _told_apart(book: Book, evse: EvseEntry, announced: TransactionStart) -> TransactionStart:
    """Return an announcement under the station's own id at a time at which no other transaction began here.

    The clock of a station may stand still; without its id an announcement at the same time is a repetition.
    """
    taken = sa.select(_T.id).where(_T.evse_row == evse.row, _T.started_at == sa.bindparam("at", type_=UtcTime()))
    while announced.transaction_id and book.connection.execute(taken, {"at": announced.started_at}).first():
        announced = replace(announced, started_at=announced.started_at + timedelta(microseconds=1))
    return announced


def _announced_before(book: Book, evse: EvseEntry, announced: TransactionStart, token_key: str) -> Transaction | None:
    """Return the transaction that this announcement repeats: by the station's id, or by its content in 1.6."""
    if announced.transaction_id is not None:
        entry = book.find(evse.site_id, evse.key.station_id, announced.transaction_id)
        return None if entry is None else _begun_earlier(book, entry, announced)
    known = book.connection.execute(
        sa.select(_T.transaction_id).where(
            _T.evse_row == evse.row,
            _T.started_at == announced.started_at,
            _T.token_key == token_key,
            _T.meter_start_wh == encode_register(announced.meter_start_wh),
        )
    ).scalar()
    entry = None if known is None else book.find(evse.site_id, evse.key.station_id, known)
    return None if entry is None else entry.transaction


def _begun_earlier(book: Book, entry: Entry, announced: TransactionStart) -> Transaction:
    """Return a known transaction, from now on with the begin that is announced where that is the earlier one."""
    known = entry.transaction
    if announced.started_at >= known.started_at:
        return known
    begun = _told_apart(book, entry.evse, announced)
    gained_wh = 0.0
    if begun.meter_start_wh is not None:
        entry.count, gained_wh = begin_earlier(
            entry.count, known.meter_start_wh, known.started_at, begun.meter_start_wh, begun.started_at
        )
    entry.transaction = replace(
        known,
        started_at=begun.started_at,
        meter_start_wh=known.meter_start_wh if begun.meter_start_wh is None else begun.meter_start_wh,
        energy_wh=known.energy_wh + gained_wh,
        offline=known.offline or not begun.live,
    )
    book.flush()
    book.connection.execute(
        sa.update(tables.transactions).where(_T.id == entry.row),
        {
            "started_at": entry.transaction.started_at,
            "meter_start_wh": encode_register(entry.transaction.meter_start_wh),
            "energy_wh": entry.transaction.energy_wh,
            "energy_count": encode_count(entry.count),
            "offline": entry.transaction.offline,
        },
    )
    if entry.ended:
        _add_to_ended(book, entry, gained_wh)
    _price_if_ended(book, entry)
    sessions.begin_no_later(book, entry.session_row, begun.started_at)
    return entry.transaction


def _add_to_ended(book: Book, entry: Entry, added_wh: float) -> None:
    """Add energy to what the EVSE's ended transactions delivered."""
    evses = tables.evses
    book.connection.execute(
        sa.update(evses).where(evses.c.id == entry.evse.row).values(ended_energy_wh=evses.c.ended_energy_wh + added_wh)
    )


def _price_if_ended(book: Book, entry: Entry) -> None:
    """Have the records of a transaction's session made again; those of a running one are made when it ends."""
    if entry.ended:
        book.price_anew(entry.evse.site_id, entry.session_row)


def _sealed(book: Book, id_token: str | None) -> bytes | None:
    return None if id_token is None else vault_of(book.connection).seal(id_token)


def _new_id(book: Book) -> str:
    """Return a random id that no transaction has: a station's guess hits nobody's."""
    while True:
        drawn = str(secrets.randbelow(_LARGEST_ID) + 1)
        if book.connection.execute(sa.select(_T.id).where(_T.transaction_id == drawn)).first() is None:
            return drawn


def _keep_orphan(book: Book, site_id: str, announced: TransactionStop) -> None:
    """Keep the end of an unknown transaction, a repeated one only once."""
    same = sa.select(_O.id).where(
        _O.site_id == site_id,
        _O.station_id == announced.station_id,
        _O.transaction_id == announced.transaction_id,
        _O.stopped_at == announced.stopped_at,
    )
    if book.connection.execute(same).first() is not None:
        return
    book.insert(
        tables.orphan_stops,
        site_id=site_id,
        station_id=announced.station_id,
        transaction_id=announced.transaction_id,
        stopped_at=announced.stopped_at,
        meter_stop_wh=announced.meter_stop_wh,
        stop_reason=announced.reason,
        token_sealed=_sealed(book, announced.id_token),
        received_at=announced.received_at,
        readings=encode_meter_values(announced.values),
    )

"""From plug-in to plug-out: joins what stations report with the sessions the ledger keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
import hashlib
import hmac
import logging

from .csms.state import StationEvent, StationEventType
from .ledger import SiteLedger
from .model import EvseKey, EvseStatus, Session, StoreError, Transaction
from .view import SiteEvent, SiteEventType

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvseRecord:
    """The newest session of an EVSE and all energy it ever delivered, in Wh."""

    session: Session | None = None
    lifetime_wh: float | None = None
    lifetime_base_wh: float = 0.0  # without the transaction that is followed
    transaction_id: str | None = None  # the one that is followed
    transaction_session_id: int | None = None

    @property
    def session_wh(self) -> float | None:
        """Return what the session that goes on has delivered, None where none is known."""
        return None if self.session is None or self.session.plugged_out_at is not None else self.session.energy_wh


_UNKNOWN = EvseRecord()


class SessionTracker:
    """Takes station events in order, one at a time, so that the ledger sees them as they happened."""

    def __init__(
        self,
        site_id: str,
        ledger: SiteLedger,
        announce: Callable[[SiteEvent], None],
        finish: Callable[[Session], Awaitable[Session]] | None = None,
    ) -> None:
        """Announce session events through `announce`, after the ledger has them; `finish` completes one that ended."""
        self._site_id = site_id
        self._ledger = ledger
        self._announce = announce
        self._finish = finish
        self._records: dict[EvseKey, EvseRecord] = {}
        self._counted: dict[EvseKey, Transaction] = {}  # newest of those followed, not yet in the records
        self._leaving: dict[EvseKey, datetime] = {}
        self._events: asyncio.Queue[StationEvent] = asyncio.Queue()
        self._waiting = 0  # the one in work included

    def record(self, key: EvseKey) -> EvseRecord:
        """Return what is known of an EVSE's sessions."""
        if (transaction := self._counted.pop(key, None)) is not None:
            self._records[key] = with_energy(self._records[key], transaction)
        return self._records.get(key, _UNKNOWN)

    def _keep(self, key: EvseKey, record: EvseRecord) -> None:
        self._counted.pop(key, None)
        self._records[key] = record

    async def load(self, key: EvseKey) -> None:
        """Read an EVSE's open session and lifetime energy from the ledger."""
        session = await self._ledger.open_session(key)
        lifetime_wh = await self._ledger.lifetime_energy_wh(key)
        self._keep(key, EvseRecord(session, lifetime_wh, lifetime_wh))

    def forget(self, station_id: str) -> None:
        """Drop what is known of a removed station; the ledger keeps its records."""
        for key in [key for key in self._records if key.station_id == station_id]:
            del self._records[key]
            self._counted.pop(key, None)

    def take(self, event: StationEvent) -> None:
        """Queue an event; of a station as a whole only presented tags matter.

        A reading of the transaction that is followed needs no ledger: it is taken in at once where nothing waits.
        """
        if not self._waiting and event.evse_id and event.type is StationEventType.MEASURED and event.live:
            key, transaction = EvseKey(event.station.station_id, event.evse_id), event.transaction
            followed = self._records.get(key, _UNKNOWN).transaction_id
            if transaction is not None and followed == transaction.transaction_id:
                self._counted[key] = transaction
                return
        if event.evse_id or event.type is StationEventType.TAG_PRESENTED:
            self._waiting += 1
            self._events.put_nowait(event)

    async def settled(self) -> None:
        """Wait until everything taken so far is handled."""
        await self._events.join()

    async def run(self, changed: Callable[[], None]) -> None:
        """Handle events until cancelled; one that cannot be handled is logged and passed over."""
        while True:
            event = await self._events.get()
            try:
                await self._handle(event)
            except StoreError as err:
                _LOGGER.error("A session event could not be kept: %s", err)
            except Exception:
                _LOGGER.exception("A session event of %s failed", event.station.station_id)
            finally:
                self._waiting -= 1
                self._events.task_done()
            changed()

    async def _handle(self, event: StationEvent) -> None:
        key = EvseKey(event.station.station_id, event.evse_id or 0)
        if event.type is StationEventType.TAG_PRESENTED:
            label, token_id = await self._named(event.id_token)
            self._announce(SiteEvent(SiteEventType.TAG_PRESENTED, key, event.at, tag_label=label, token_id=token_id))
            return
        if key not in self._records:
            await self.load(key)
        match event.type:
            case StationEventType.STATUS if event.live:
                await self._status(key, event)
            case StationEventType.MEASURED | StationEventType.TRANSACTION_STARTED if event.live:
                if event.transaction is not None:
                    await self._progress(key, event.transaction)
            case StationEventType.TRANSACTION_ENDED:
                await self._transaction_ended(key, event)
            case _:
                return

    async def _status(self, key: EvseKey, event: StationEvent) -> None:
        state = event.station.evses.get(key.evse_id)
        if state is None or state.status is None:
            return
        if state.status.plugged:
            if key in self._leaving:
                await self._plug_out(key, self._leaving.pop(key))
            await self._plug_in(key, event.at)
        elif state.status in {EvseStatus.AVAILABLE, EvseStatus.RESERVED}:
            if state.transaction is not None:
                self._leaving[key] = event.at
            else:
                await self._plug_out(key, event.at)

    async def _plug_in(self, key: EvseKey, at: datetime) -> None:
        known = self.record(key).session
        session = await self._ledger.plug_in(key, at)
        self._keep(key, replace(self.record(key), session=session))
        if known is None or known.session_id != session.session_id:
            self._keep(key, replace(self.record(key), transaction_id=None))
            self._announce(SiteEvent(SiteEventType.SESSION_STARTED, key, at, session=session))

    async def _plug_out(self, key: EvseKey, at: datetime) -> None:
        session = await self._ledger.plug_out(key, at) or await self._ended_by_its_transaction(key)
        if session is None:
            return
        if self._finish is not None:
            session = await self._finish(session)
        lifetime_wh = await self._ledger.lifetime_energy_wh(key)
        self._keep(key, EvseRecord(session, lifetime_wh, lifetime_wh))
        last = session.transactions[-1] if session.transactions else None
        label, token_id = await self._named(None if last is None else last.id_token)
        ended = SiteEventType.SESSION_ENDED
        self._announce(SiteEvent(ended, key, at, session, last, tag_label=label, token_id=token_id))

    async def _ended_by_its_transaction(self, key: EvseKey) -> Session | None:
        """Return the session that was followed and is over in the ledger: no status ever told of its plug."""
        known = self.record(key).session
        if known is None or known.plugged_out_at is not None:
            return None
        kept = await self._ledger.sessions(start=known.plugged_in_at, key=key)
        return next((one for one in kept if one.session_id == known.session_id), None)

    async def _progress(self, key: EvseKey, transaction: Transaction) -> None:
        if self.record(key).transaction_id != transaction.transaction_id:
            await self._follow(key, transaction)
        self._counted[key] = transaction

    async def _follow(self, key: EvseKey, transaction: Transaction) -> None:
        """Take up a transaction that runs now, in the session that goes on."""
        session = await self._ledger.open_session(key)
        if session is not None and session.session_id != transaction.session_id:
            session = await self._ledger.take_into_session(key, transaction.transaction_id)
        others_wh = await self._ledger.lifetime_energy_wh(key, without=transaction.transaction_id)
        record = replace(
            self.record(key),
            session=session or self.record(key).session,
            transaction_id=transaction.transaction_id,
            transaction_session_id=transaction.session_id if session is None else session.session_id,
            lifetime_base_wh=others_wh,
        )
        self._keep(key, record)

    async def _transaction_ended(self, key: EvseKey, event: StationEvent) -> None:
        lifetime_wh = await self._ledger.lifetime_energy_wh(key)
        record = replace(self.record(key), lifetime_wh=lifetime_wh, lifetime_base_wh=lifetime_wh, transaction_id=None)
        if event.transaction and record.session and record.session.session_id == event.transaction.session_id:
            record = replace(record, session=with_transaction(record.session, event.transaction))
        self._keep(key, record)
        state = event.station.evses.get(key.evse_id)
        # Also an end from the queue is what a session whose plug is free waits for; that of an older one is not.
        if key in self._leaving and (state is None or state.transaction is None):
            await self._plug_out(key, self._leaving.pop(key))

    async def _named(self, id_token: str | None) -> tuple[str | None, str | None]:
        """Return label and id that the registry has for a tag; a stranger's label is its fingerprint."""
        if not id_token:
            return None, None
        token = await self._ledger.tokens.find(id_token)
        if token is None:
            return fingerprint(self._site_id, id_token), None
        return token.details.label or fingerprint(self._site_id, id_token), token.token_id


def with_energy(record: EvseRecord, transaction: Transaction) -> EvseRecord:
    """Return the record with the energy of the transaction that is followed."""
    session = record.session
    if session is not None and session.session_id == record.transaction_session_id:
        session = with_transaction(session, transaction)
    lifetime_wh = max(record.lifetime_wh or 0.0, record.lifetime_base_wh + transaction.energy_wh)
    return replace(record, session=session, lifetime_wh=lifetime_wh)


def with_transaction(session: Session, transaction: Transaction) -> Session:
    """Return the session with this transaction added or brought up to date, and its energy."""
    others = tuple(one for one in session.transactions if one.transaction_id != transaction.transaction_id)
    transactions = tuple(sorted((*others, transaction), key=lambda one: one.started_at))
    return replace(session, transactions=transactions, energy_wh=sum(one.energy_wh for one in transactions))


def fingerprint(site_id: str, id_token: str) -> str:
    """Return a short keyed fingerprint by which a tag can be told from others without its value."""
    digest = hmac.new(site_id.encode(), id_token.casefold().encode(), hashlib.sha256).hexdigest()
    return f"#{digest[:6]}"

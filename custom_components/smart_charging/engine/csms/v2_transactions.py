"""TransactionEvent of OCPP 2 as starts, readings and ends: complete or not, in order or not, once or twice."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..model import Json, Measurand, MeterValue, Transaction, TransactionStart, TransactionStop
from . import payloads
from .core import StationCore
from .meter_values import ParsedMeterValues, parse_meter_values
from .reception import TRANSACTION_LIVE_S, Reception
from .rpc import ErrorCode, RpcError
from .store import AuthorizationResult
from .timestamps import parse_time
from .transactions import TransactionBook

_MAX_ID = 36  # OCPP 2.0.1 part 2 TransactionType
_ENDED_LOCALLY = "Local"  # the one reason that may be left out (E06, E07)
_REMEMBERED = 64  # events by which repetitions are told, and transactions whose EVSE is remembered


@dataclass(frozen=True, slots=True)
class Event:
    """One TransactionEvent, as far as it could be read; `token` is None where it carries none.

    `offline` is what the station says of it, `live` what that and its time tell.
    """

    kind: str
    transaction_id: str
    evse_id: int
    at: datetime
    live: bool
    offline: bool
    sequence: int | None
    token: str | None
    reason: str | None
    charging_state: str | None
    readings: ParsedMeterValues

    @property
    def register_wh(self) -> float | None:
        """Return the first energy register that the event tells, in Wh."""
        return next((register for value in self.readings.values if (register := _register(value)) is not None), None)

    @property
    def last_register_wh(self) -> float | None:
        """Return the last energy register that the event tells, in Wh."""
        found = [register for value in self.readings.values if (register := _register(value)) is not None]
        return found[-1] if found else None


class TransactionEvents:
    """Keeps what one station tells of its transactions."""

    def __init__(self, core: StationCore, book: TransactionBook, reception: Reception) -> None:
        """Begin knowing only what the book knows."""
        self._core = core
        self._book = book
        self._reception = reception
        self._evses: dict[str, int] = {}
        self._sequences: dict[str, int] = {}
        self._seen: deque[tuple[str, str, int | None, datetime]] = deque(maxlen=_REMEMBERED)

    def read(self, payload: Mapping[str, Json]) -> Event:
        """Read an event; raises RpcError for one that names no transaction."""
        info = payload.get("transactionInfo")
        known = info if isinstance(info, dict) else {}
        transaction_id = payloads.text(known, "transactionId")
        if transaction_id is None or len(transaction_id) > _MAX_ID:
            raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "the transaction has no usable id")
        now = self._core.clock.now()
        time = parse_time(payload.get("timestamp"))
        at = now if time is None else time.at
        offline = payload.get("offline") is True
        if time is not None and not offline:
            self._reception.observe_clock(time)
        return Event(
            kind=payloads.text(payload, "eventType") or "Updated",
            transaction_id=transaction_id,
            evse_id=self._evse_of(payload, transaction_id),
            at=at,
            live=not offline and self._reception.is_live(at, TRANSACTION_LIVE_S),
            offline=offline,
            sequence=payloads.integer(payload, "seqNo"),
            token=id_token(payload),
            reason=payloads.text(known, "stoppedReason"),
            charging_state=payloads.text(known, "chargingState"),
            readings=parse_meter_values(payload.get("meterValue"), at),
        )

    async def take(self, event: Event) -> AuthorizationResult | None:
        """Keep an event; return what is to be told of its token. Raises StoreError."""
        begins = event.kind == "Started" or (event.kind != "Ended" and self._book.may_begin(event.transaction_id))
        authorization = await self._authorize(event, begins=begins) if event.token else None
        if self._is_repeated(event):
            self._core.note_deviation("TransactionEvent repeated")
            return authorization
        if event.token and authorization is not None and event.live and begins:
            self._reception.present(event.token, event.evse_id, event.at)
            self._reception.answered(authorization, event.evse_id)
        self._count(event)
        if event.kind == "Ended":
            await self._end(event)
        else:
            await self._go_on(event)
        self._seen.append(_identity(event))
        return authorization

    async def _authorize(self, event: Event, *, begins: bool) -> AuthorizationResult:
        """Ask about an event's token, for its EVSE where it is the one that the transaction is to be for."""
        return await self._reception.authorize(event.token or "", event.evse_id if begins else None, live=event.live)

    async def _go_on(self, event: Event) -> None:
        """Keep a start, or readings of what goes on; an update of an unknown transaction begins it."""
        known = self._book.evse_of(event.transaction_id) is not None
        if event.kind == "Started" or not known:
            begun = await self._begin(event)
            if event.kind != "Started" and begun.stopped_at is None:
                self._core.note_deviation("TransactionEvent of a transaction that never started")
            known = known or begun.id_token != event.token
        if event.token and known:
            await self._identify(event.transaction_id, event.token)
        await self._reception.take_readings(event.evse_id, event.transaction_id, event.readings, queued=event.offline)

    async def _identify(self, transaction_id: str, token: str) -> None:
        """Keep the token of a transaction that may have begun without one."""
        store = self._core.around.transactions
        transaction = await store.identify_transaction(self._core.config.station_id, transaction_id, token)
        if transaction is not None:
            self._book.known_better(transaction)

    async def _begin(self, event: Event, *, runs: bool = True) -> Transaction:
        """Keep a begin; one that does not run any more takes no other's place at the EVSE."""
        now, register = self._core.clock.now(), event.register_wh
        begun_at = min([event.at, *(value.time for value in event.readings.values)])
        start = TransactionStart(
            self._core.config.station_id,
            event.evse_id,
            event.token or "",
            begun_at,
            None if register is None else round(register),
            received_at=now,
            live=event.live,
            transaction_id=event.transaction_id,
        )
        begun = await self._book.start(start, live=event.live and runs)
        if register is None and begun.stopped_at is None:  # else what was queued comes after the end (E14)
            self._core.note_deviation("transaction begins without a register")
        return begun

    async def _end(self, event: Event) -> None:
        """Keep an end; one whose start was lost begins with what the end tells."""
        core = self._core
        if self._book.evse_of(event.transaction_id) is None:
            started = await self._begin(event, runs=False)
            if started.stopped_at is None:
                core.note_deviation("TransactionEvent ends a transaction that never started")
        core.drop_values(event.readings.dropped)
        last = event.last_register_wh
        stop = TransactionStop(
            core.config.station_id,
            event.transaction_id,
            event.at,
            None if last is None else round(last),
            event.reason or _ENDED_LOCALLY,
            event.token,
            received_at=core.clock.now(),
            values=event.readings.values,
            live=event.live,
        )
        await self._book.stop(stop, live=event.live)
        if event.live:
            await self._reception.show_readings(event.evse_id, event.readings.values, event.readings.values)
        self._sequences.pop(event.transaction_id, None)

    def _evse_of(self, payload: Mapping[str, Json], transaction_id: str) -> int:
        """Return where a transaction runs; later events need not say it again (E02.FR.05)."""
        evse = payload.get("evse")
        told = payloads.integer(evse, "id") if isinstance(evse, dict) else None
        evse_id = told or self._book.evse_of(transaction_id) or self._evses.get(transaction_id) or 1
        if not 0 < evse_id <= payloads.MAX_CONNECTORS:
            raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such EVSE")
        self._evses[transaction_id] = evse_id
        while len(self._evses) > _REMEMBERED:
            del self._evses[next(iter(self._evses))]
        return evse_id

    def _is_repeated(self, event: Event) -> bool:
        """Return whether this very event was kept before: a station repeats what it got no answer for."""
        return _identity(event) in self._seen

    def _count(self, event: Event) -> None:
        """Count gaps: what is missing may come later, from the queue."""
        last = self._sequences.get(event.transaction_id)
        if event.sequence is None:
            return
        if last is not None and event.sequence > last + 1:
            self._core.note_deviation("TransactionEvent seqNo has a gap")
        self._sequences[event.transaction_id] = max(event.sequence, last or 0)
        while len(self._sequences) > _REMEMBERED:
            del self._sequences[next(iter(self._sequences))]


def id_token(payload: Mapping[str, Json]) -> str | None:
    """Return the token that a message carries, "" for one that authorises nobody (NoAuthorization), None for none."""
    token = payload.get("idToken")
    return (payloads.text(token, "idToken") or "") if isinstance(token, dict) else None


def _identity(event: Event) -> tuple[str, str, int | None, datetime]:
    return event.transaction_id, event.kind, event.sequence, event.at


def _register(value: MeterValue) -> float | None:
    """Return the import register of one moment: the total, else the sum of the phases."""
    told = [one for one in value.values if one.measurand is Measurand.ENERGY_IMPORT_REGISTER and one.of_the_outlet]
    at_outlet = [one for one in told if one.location == "Outlet"] or told
    found = {sample.phase: sample.value for sample in at_outlet}
    if not found:
        return None
    return found[None] if None in found else sum(found.values())

"""Thin OCPP 1.6 adapter: what a station tells becomes records, state and events, durable before the reply."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from ..model import AuthorizationStatus, EvseStatus, Json, MeterValue, StoreError, TransactionStart, TransactionStop
from . import payloads
from .capabilities import measured_phases
from .core import StationCore
from .measurement import MeasurementReader
from .meter_values import parse_meter_values
from .rpc import ErrorCode, RpcError
from .state import StationEventType
from .store import AuthorizationResult
from .timestamps import StationTime, format_time, parse_time
from .transactions import TransactionBook

HEARTBEAT_S = 60  # some stations close a link that was idle for two minutes
LIVE_S = 60.0  # older than this on its own clock, a message comes from the offline queue
TRANSACTION_LIVE_S = 120.0  # a start may be repeated for a while before it gets through
CLOCK_NOT_SET = datetime(2020, 1, 1, tzinfo=UTC)  # what a clock that was never set shows lies before
_STATION_STATUS = frozenset({EvseStatus.AVAILABLE, EvseStatus.UNAVAILABLE, EvseStatus.FAULTED})
_STATUS_ASKED_S = 15.0  # within which a station answers a trigger
_TAG_REPEAT_S = 120.0  # the tag of an Authorize comes again in the StartTransaction it allowed

type _Payload = Mapping[str, Json]
type _Answer = dict[str, Json]


class Reactions(Protocol):
    """What the station does upon messages, beside what is recorded; none of it may wait."""

    def booted(self) -> None:
        """Set the station up anew."""

    def heard(self) -> None:
        """Note that the station talks of other things than its boot."""

    def measured(self, evse_id: int) -> None:
        """Compare the newest live measurement with the limit."""

    def measured_late(self, evse_id: int, values: Sequence[MeterValue]) -> None:
        """Learn from readings that a station kept while it was out of reach."""


class V16Handler:
    """Answers one station's messages; fulfils `MessageHandler`."""

    def __init__(self, core: StationCore, book: TransactionBook, reactions: Reactions) -> None:
        """Take the station's parts and what is to be done upon a message."""
        self._core = core
        self._book = book
        self._reactions = reactions
        self._readers: dict[int, MeasurementReader] = {}
        self._measured_times: dict[int, datetime] = {}
        self._status_times: dict[int, datetime] = {}
        self._status_asked_until = float("-inf")
        self._tag: tuple[str, float] = ("", float("-inf"))
        self._answers: Mapping[str, Callable[[_Payload], Awaitable[_Answer]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": self._data_transfer,
            "DiagnosticsStatusNotification": self._diagnostics_status,
            "FirmwareStatusNotification": self._firmware_status,
            "Heartbeat": self._heartbeat,
            "LogStatusNotification": self._acknowledge,
            "MeterValues": self._meter_values,
            "SecurityEventNotification": self._acknowledge,
            "SignCertificate": self._sign_certificate,
            "SignedFirmwareStatusNotification": self._firmware_status,
            "StartTransaction": self._start_transaction,
            "StatusNotification": self._status,
            "StopTransaction": self._stop_transaction,
        }

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> _Answer:
        """Answer a message; raises RpcError for what can't be answered."""
        for deviation in deviations:
            self._core.note_deviation(deviation)
        self._core.change(last_seen=self._core.clock.now())
        if action != "BootNotification":
            self._reactions.heard()
        answer = self._answers.get(action)
        if answer is None:
            raise RpcError(ErrorCode.NOT_SUPPORTED, "not a message to a central system")
        try:
            return await answer(payload)
        except StoreError as error:
            # The station keeps the message and tries again.
            raise RpcError(ErrorCode.INTERNAL_ERROR, "could not be kept") from error

    def note_deviation(self, kind: str) -> None:
        """Count an oddity outside of a message."""
        self._core.note_deviation(kind)

    def rewire(self) -> None:
        """Read measurements anew after the configuration changed."""
        self._readers.clear()

    def expect_status(self) -> None:
        """Take statuses of the next seconds for the present ones, whatever time they name."""
        self._status_asked_until = self._core.clock.monotonic() + _STATUS_ASKED_S

    def take_boot(self, payload: _Payload) -> None:
        """Take over what a BootNotification tells of the station."""
        self._core.change(
            vendor=payloads.text(payload, "chargePointVendor"),
            model=payloads.text(payload, "chargePointModel"),
            serial_number=payloads.text(payload, "chargePointSerialNumber")
            or payloads.text(payload, "chargeBoxSerialNumber"),
            firmware_version=payloads.text(payload, "firmwareVersion"),
        )

    async def _boot(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        self.take_boot(payload)
        self._core.offset.reset()  # the station sets its clock by our answer
        self._measured_times.clear()
        self._status_times.clear()
        self._core.change(booted_at=now, clock_offset_s=0.0)
        self._core.emit(StationEventType.BOOTED)
        self._reactions.booted()
        return {"status": "Accepted", "currentTime": format_time(now), "interval": HEARTBEAT_S}

    async def _heartbeat(self, _payload: _Payload) -> _Answer:
        return {"currentTime": format_time(self._core.clock.now())}

    async def _acknowledge(self, _payload: _Payload) -> _Answer:
        return {}

    async def _sign_certificate(self, _payload: _Payload) -> _Answer:
        return {"status": "Rejected"}

    async def _data_transfer(self, _payload: _Payload) -> _Answer:
        return {"status": "UnknownVendorId"}

    async def _firmware_status(self, payload: _Payload) -> _Answer:
        self._core.change(firmware_status=payloads.text(payload, "status"))
        self._core.emit(StationEventType.FIRMWARE)
        return {}

    async def _diagnostics_status(self, payload: _Payload) -> _Answer:
        self._core.change(diagnostics_status=payloads.text(payload, "status"))
        self._core.emit(StationEventType.CHANGED)
        return {}

    async def _authorize(self, payload: _Payload) -> _Answer:
        id_token = payloads.text(payload, "idTag") or ""
        self._present(id_token, None, None)
        return {"idTagInfo": _tag_info(await self._ask_authorizer(id_token))}

    async def _ask_authorizer(self, id_token: str) -> AuthorizationResult:
        around = self._core.around
        return await around.authorizer.authorize(self._core.config.station_id, id_token, self._core.clock.now())

    def _present(self, id_token: str, evse_id: int | None, at: datetime | None) -> None:
        now = self._core.clock.monotonic()
        shown, shown_at = self._tag
        self._tag = (id_token.lower(), now)
        if evse_id is None or shown != id_token.lower() or now - shown_at > _TAG_REPEAT_S:
            self._core.emit(StationEventType.TAG_PRESENTED, evse_id, at=at, id_token=id_token)

    def expect_tag(self, id_token: str) -> None:
        """Note that we asked for a start with this tag: nobody will have presented it."""
        self._tag = (id_token.lower(), self._core.clock.monotonic())

    async def _status(self, payload: _Payload) -> _Answer:
        status = payloads.status(payload)
        connector = payloads.connector_id(payload)
        time = parse_time(payload.get("timestamp"))
        if time is not None:
            self._observe_clock(time)
        if status is None:
            self._core.note_deviation("StatusNotification: unknown status")
            return {}
        if connector == 0 and status not in _STATION_STATUS and self._core.single_evse:
            connector = 1  # some single-socket stations report everything for connector 0
        if not self._status_is_present(connector, time):
            return {}
        if connector == 0:
            self._core.change(status=status)
        else:
            self._core.change_evse(
                connector,
                status=status,
                operative=status is not EvseStatus.UNAVAILABLE and not self._core.ordered_inoperative(connector),
                error_code=payloads.text(payload, "errorCode"),
                vendor_error_code=payloads.text(payload, "vendorErrorCode"),
                info=payloads.text(payload, "info"),
            )
            self._book.status_changed(connector, status)
        self._core.emit(StationEventType.STATUS, connector or None)
        return {}

    def _status_is_present(self, connector: int, time: StationTime | None) -> bool:
        """Tell a present status from a replayed one; some stations date it from the last change."""
        if time is None:
            return True
        known = self._core.state.status if connector == 0 else self._core.evse(connector).status
        newest = self._newest(self._status_times, connector)
        wanted = known is None or self._core.clock.monotonic() < self._status_asked_until
        if not self._is_live(time.at, LIVE_S) and not (wanted and (newest is None or time.at >= newest)):
            return False
        if newest is None or time.at >= newest:
            self._status_times[connector] = time.at
        return True

    def _newest(self, times: Mapping[int, datetime], evse_id: int) -> datetime | None:
        """Return the newest time seen, unless the station's clock was put back since."""
        newest = times.get(evse_id)
        put_back = newest is not None and self._is_live(newest, -LIVE_S)
        return None if put_back else newest

    def _observe_clock(self, time: StationTime) -> None:
        offset = self._core.offset
        offset.observe(time, self._core.clock.now(), self._core.clock.monotonic())
        if self._core.state.clock_offset_s != offset.total_s:
            self._core.change(clock_offset_s=offset.total_s)

    def _is_live(self, at: datetime, limit_s: float) -> bool:
        """Return whether a message tells of the present; a clock that was never set can't say otherwise."""
        if at < CLOCK_NOT_SET:
            return True
        age = self._core.clock.now() - self._core.offset.to_ours(at)
        return age.total_seconds() <= limit_s

    async def _start_transaction(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        evse_id = payloads.connector_id(payload) or 1
        id_token = payloads.text(payload, "idTag") or ""
        time = parse_time(payload.get("timestamp"))
        started_at = now if time is None else time.at
        meter_start = payloads.integer(payload, "meterStart")
        if meter_start is None or meter_start < 0:
            meter_start = self._last_register(evse_id)
        live = self._is_live(started_at, TRANSACTION_LIVE_S)
        authorization = await self._ask_authorizer(id_token)
        start = TransactionStart(
            self._core.config.station_id, evse_id, id_token, started_at, meter_start, received_at=now, live=live
        )
        if live:
            self._present(id_token, evse_id, started_at)
        transaction = await self._book.start(start, live=live)
        return {"transactionId": int(transaction.transaction_id), "idTagInfo": _tag_info(authorization)}

    def _last_register(self, evse_id: int) -> int:
        """Return the last register known, for a start that names none: 0 would invent energy."""
        measurement = self._core.evse(evse_id).measurement
        if measurement is None or measurement.energy_wh is None:
            raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "meterStart can't be read")
        self._core.drop_values(1)
        return round(measurement.energy_wh)

    async def _stop_transaction(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        time = parse_time(payload.get("timestamp"))
        stopped_at = now if time is None else time.at
        parsed = parse_meter_values(payload.get("transactionData"), now)
        self._core.drop_values(parsed.dropped)
        id_token = payloads.text(payload, "idTag")
        stop = TransactionStop(
            self._core.config.station_id,
            payloads.transaction_id(payload) or str(payloads.integer(payload, "transactionId") or 0),
            stopped_at,
            payloads.integer(payload, "meterStop"),
            payloads.text(payload, "reason"),
            id_token,
            received_at=now,
            values=parsed.values,
        )
        authorization = await self._ask_authorizer(id_token) if id_token else None
        await self._book.stop(stop, live=self._is_live(stopped_at, TRANSACTION_LIVE_S))
        return {} if authorization is None else {"idTagInfo": _tag_info(authorization)}

    async def _meter_values(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        transaction_id = payloads.transaction_id(payload)
        evse_id = self._measured_evse(payloads.connector_id(payload), transaction_id)
        parsed = parse_meter_values(payload.get("meterValue"), now)
        self._core.drop_values(parsed.dropped)
        for time in parsed.times[-1:]:
            self._observe_clock(time)
        if not parsed.values:
            return {}
        store = self._core.around.transactions
        transaction = await store.record_meter_values(
            self._core.config.station_id, evse_id, transaction_id, parsed.values, now
        )
        live = [value for value in parsed.values if self._is_live(value.time, LIVE_S)]
        self._book.measured(transaction, live=bool(live))
        if live:
            self._book.note_unknown(evse_id, transaction_id if transaction is None else None)
        if evse_id > 0:
            self._measure(evse_id, live, now)
            await self._learn_phases(measured_phases(parsed.values))
            late = [value for value in parsed.values if value not in live]
            if late:
                self._reactions.measured_late(evse_id, late)
        self._core.emit(
            StationEventType.MEASURED,
            evse_id or None,
            at=parsed.values[-1].time,
            transaction=transaction,
            live=bool(live),
        )
        return {}

    async def _learn_phases(self, count: int | None) -> None:
        """Keep the most phases that were ever told apart, or that the configuration names."""
        core = self._core
        known = core.state.capabilities.phases
        if count is not None and (known is None or count > known):
            core.change(capabilities=replace(core.state.capabilities, phases=count))
            await core.learn(replace(core.learnt, capabilities=replace(core.learnt.capabilities, phases=count)))

    def _measured_evse(self, connector: int, transaction_id: str | None) -> int:
        """Return the EVSE that readings belong to; those of connector 0 are the station's own meter."""
        if connector > 0:
            return connector
        evse_id = self._book.evse_of(transaction_id)
        if evse_id is not None:
            return evse_id
        return 1 if self._core.single_evse and 1 not in self._measured_times else 0

    def _measure(self, evse_id: int, values: list[MeterValue], now: datetime) -> None:
        """Bring the live quantities up to date; an older reading never moves them back."""
        config = self._core.config
        reader = self._readers.setdefault(evse_id, MeasurementReader(config.phases, config.max_current_a))
        evse = self._core.evse(evse_id)
        measurement, phases_told = evse.measurement, None if evse.applied is None else evse.applied.phases
        for value in sorted(values, key=lambda value: value.time):
            newest = self._newest(self._measured_times, evse_id)
            if newest is None or value.time >= newest:
                self._measured_times[evse_id] = value.time
                measurement = reader.merge(measurement, value, phases_told)
                self._core.change_evse(evse_id, measurement=measurement, measured_at=now)
        if values:
            self._reactions.measured(evse_id)


def _tag_info(result: AuthorizationResult) -> Json:
    info: dict[str, Json] = {"status": result.status.value}
    if result.parent_id_token is not None:
        info["parentIdTag"] = result.parent_id_token
    if result.expires_at is not None and result.status is AuthorizationStatus.ACCEPTED:
        info["expiryDate"] = format_time(result.expires_at)
    return info

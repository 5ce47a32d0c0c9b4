"""Thin OCPP 1.6 adapter: what a station tells becomes records, state and events, durable before the reply."""

from collections.abc import Awaitable, Callable, Mapping

from ..model import AuthorizationStatus, EvseStatus, Json, StoreError, TransactionStart, TransactionStop
from . import payloads
from .core import StationCore
from .meter_values import parse_meter_values
from .operations import Operations
from .reception import TRANSACTION_LIVE_S, Reception
from .rpc import ErrorCode, RpcError
from .signing import Signing
from .state import StationEventType
from .store import AuthorizationResult
from .timestamps import format_time, parse_time
from .transactions import TransactionBook

_STATION_STATUS = frozenset({EvseStatus.AVAILABLE, EvseStatus.UNAVAILABLE, EvseStatus.FAULTED})

type _Payload = Mapping[str, Json]
type _Answer = dict[str, Json]


class V16Handler:
    """Answers one station's messages; fulfils `MessageHandler`."""

    def __init__(self, core: StationCore, book: TransactionBook, reception: Reception, operations: Operations) -> None:
        """Take the station's parts."""
        self._reservations = operations.reservations
        self._files = operations.files
        self._core = core
        self._book = book
        self._reception = reception
        self._answers: Mapping[str, Callable[[_Payload], Awaitable[_Answer]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": self._data_transfer,
            "DiagnosticsStatusNotification": self._diagnostics_status,
            "FirmwareStatusNotification": self._firmware_status,
            "Heartbeat": self._heartbeat,
            "LogStatusNotification": self._diagnostics_status,
            "MeterValues": self._meter_values,
            "SecurityEventNotification": self._security_event,
            "SignCertificate": Signing(core, operations.certificates).answer,
            "SignedFirmwareStatusNotification": self._firmware_status,
            "StartTransaction": self._start_transaction,
            "StatusNotification": self._status,
            "StopTransaction": self._stop_transaction,
        }

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> _Answer:
        """Answer a message; raises RpcError for what can't be answered."""
        self._reception.heard(action, deviations)
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

    def take_boot(self, payload: _Payload) -> None:
        """Take over what a BootNotification tells of the station."""
        version_before = self._core.state.firmware_version
        self._core.change(
            vendor=payloads.text(payload, "chargePointVendor"),
            model=payloads.text(payload, "chargePointModel"),
            serial_number=payloads.text(payload, "chargePointSerialNumber")
            or payloads.text(payload, "chargeBoxSerialNumber"),
            firmware_version=payloads.text(payload, "firmwareVersion"),
        )
        self._core.recognise()
        self._files.booted(version_before)

    async def _boot(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        self.take_boot(payload)
        self._reception.booted()
        return {"status": "Accepted", "currentTime": format_time(now), "interval": self._core.quirks.heartbeat_s}

    async def _heartbeat(self, _payload: _Payload) -> _Answer:
        return {"currentTime": format_time(self._core.clock.now())}

    async def _security_event(self, payload: _Payload) -> _Answer:
        self._reception.security_event(payload)
        return {}

    async def _data_transfer(self, _payload: _Payload) -> _Answer:
        return {"status": "UnknownVendorId"}

    async def _firmware_status(self, payload: _Payload) -> _Answer:
        self._files.told_firmware(payload)
        return {}

    async def _diagnostics_status(self, payload: _Payload) -> _Answer:
        self._files.told_upload(payload)
        return {}

    async def _authorize(self, payload: _Payload) -> _Answer:
        id_token = payloads.text(payload, "idTag") or ""
        self._reception.present(id_token, None, None)
        authorization = await self._reception.authorize(id_token)
        self._reception.answered(authorization)
        return {"idTagInfo": _tag_info(authorization)}

    async def _status(self, payload: _Payload) -> _Answer:
        status = payloads.status(payload)
        connector = payloads.connector_id(payload)
        time = parse_time(payload.get("timestamp"))
        if time is not None:
            self._reception.observe_clock(time)
        if status is None:
            self._core.note_deviation("StatusNotification: unknown status")
            return {}
        if connector == 0 and status not in _STATION_STATUS and self._core.single_evse:
            connector = 1  # some single-socket stations report everything for connector 0
        if not self._reception.status_is_present(connector, time):
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

    async def _start_transaction(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        evse_id = payloads.connector_id(payload) or 1
        id_token = payloads.text(payload, "idTag") or ""
        time = parse_time(payload.get("timestamp"))
        started_at = now if time is None else time.at
        meter_start = payloads.integer(payload, "meterStart")
        if meter_start is None or meter_start < 0:
            self._core.drop_values(1)
            meter_start = self._last_register(evse_id)
        live = self._reception.is_live(started_at, TRANSACTION_LIVE_S)
        authorization = await self._reception.authorize(id_token, evse_id, live=live)
        start = TransactionStart(
            self._core.config.station_id, evse_id, id_token, started_at, meter_start, received_at=now, live=live
        )
        if live:
            self._reception.present(id_token, evse_id, started_at)
            self._reception.answered(authorization, evse_id)
        transaction = await self._book.start(start, live=live)
        self._reservations.used(payloads.integer(payload, "reservationId"))
        return {"transactionId": int(transaction.transaction_id), "idTagInfo": _tag_info(authorization)}

    def _last_register(self, evse_id: int) -> int | None:
        """Return the last register known, for a start that names none: 0 would invent energy."""
        measurement = self._core.evse(evse_id).measurement
        return None if measurement is None or measurement.energy_wh is None else round(measurement.energy_wh)

    async def _stop_transaction(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        time = parse_time(payload.get("timestamp"))
        stopped_at = now if time is None else time.at
        parsed = parse_meter_values(payload.get("transactionData"), now)
        self._core.drop_values(parsed.dropped)
        id_token = payloads.text(payload, "idTag")
        live = self._reception.is_live(stopped_at, TRANSACTION_LIVE_S)
        stop = TransactionStop(
            self._core.config.station_id,
            payloads.transaction_id(payload) or str(payloads.integer(payload, "transactionId") or 0),
            stopped_at,
            payloads.integer(payload, "meterStop"),
            payloads.text(payload, "reason") or "Local",  # the only one that may be left out (section 6.49)
            id_token,
            received_at=now,
            values=parsed.values,
            live=live,
        )
        authorization = await self._reception.end_transaction(stop, live=live)
        return {} if authorization is None else {"idTagInfo": _tag_info(authorization)}

    async def _meter_values(self, payload: _Payload) -> _Answer:
        transaction_id = payloads.transaction_id(payload)
        evse_id = self._measured_evse(payloads.connector_id(payload), transaction_id)
        parsed = parse_meter_values(payload.get("meterValue"), self._core.clock.now())
        await self._reception.take_readings(evse_id, transaction_id, parsed)
        return {}

    def _measured_evse(self, connector: int, transaction_id: str | None) -> int:
        """Return the EVSE that readings belong to; those of connector 0 are the station's own meter."""
        if connector > 0:
            return connector
        evse_id = self._book.evse_of(transaction_id)
        if evse_id is not None:
            return evse_id
        return 1 if self._core.single_evse and self._reception.is_first_measured(1) else 0


def _tag_info(result: AuthorizationResult) -> Json:
    info: dict[str, Json] = {"status": result.status.value}
    if result.parent_id_token is not None:
        info["parentIdTag"] = result.parent_id_token
    if result.expires_at is not None and result.status is AuthorizationStatus.ACCEPTED:
        info["expiryDate"] = format_time(result.expires_at)
    return info

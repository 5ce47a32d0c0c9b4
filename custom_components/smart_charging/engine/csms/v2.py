"""Thin adapter for OCPP 2.0.1 and 2.1: what a station tells becomes records, state and events, durable before the reply."""

from collections.abc import Awaitable, Callable, Mapping

from ..driver import AccessRefusal
from ..model import AuthorizationStatus, EvseStatus, Json, StoreError
from . import payloads
from .core import StationCore
from .meter_values import parse_meter_values
from .operations import Operations
from .reception import Reception
from .rpc import ErrorCode, RpcError
from .signing import Signing
from .state import StationEventType
from .store import AuthorizationResult
from .timestamps import format_time, parse_time
from .transactions import TransactionBook
from .v2_notifications import V2Notifications
from .v2_reports import Reports
from .v2_status import EvseStatuses
from .v2_transactions import TransactionEvents, id_token
from .v2_unplaced import UnplacedStarts

type _Payload = Mapping[str, Json]
type _Answer = dict[str, Json]

# What is taken note of by its action alone: nothing here depends on it.
_ACKNOWLEDGED = (
    "BatterySwap",
    "ClosePeriodicEventStream",
    "NotifyPeriodicEventStream",
    "NotifySettlement",
    "NotifyWebPaymentStarted",
)
# What we offer no service for, with the answer that says so.
_REFUSED: Mapping[str, _Answer] = {
    "DataTransfer": {"status": "UnknownVendorId"},
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "OpenPeriodicEventStream": {"status": "Rejected"},
}

# Why a driver may not charge, in the words of AuthorizationStatusEnumType (2.0.1 part 2 section 3.4).
_REFUSALS: Mapping[AccessRefusal, str] = {
    AccessRefusal.INACTIVE: "Blocked",
    AccessRefusal.STATION: "NotAtThisLocation",
    AccessRefusal.HOURS: "NotAtThisTime",
    AccessRefusal.ALLOWANCE: "NoCredit",
}


class V2Handler:
    """Answers one station's messages; fulfils `StationHandler`."""

    def __init__(
        self, core: StationCore, book: TransactionBook, reception: Reception, reports: Reports, operations: Operations
    ) -> None:
        """Take the station's parts."""
        self._core = core
        self._book = book
        self._reception = reception
        self._reservations = operations.reservations
        self._files = operations.files
        self._notifications = V2Notifications(core, book, reception, reports, operations.reservations)
        self._events = TransactionEvents(core, book, reception)
        self._unplaced = UnplacedStarts(core, book)
        self._statuses = EvseStatuses()
        self._answers: Mapping[str, Callable[[_Payload], Awaitable[_Answer]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "ClearedChargingLimit": self._cleared_charging_limit,
            "FirmwareStatusNotification": self._firmware_status,
            "Heartbeat": self._heartbeat,
            "LogStatusNotification": self._log_status,
            "MeterValues": self._meter_values,
            "NotifyChargingLimit": self._charging_limit,
            "NotifyEvent": self._notify_event,
            "PullDynamicScheduleUpdate": self._schedule_update,
            "SecurityEventNotification": self._security_event,
            "SignCertificate": Signing(core, operations.certificates).answer,
            "StatusNotification": self._status,
            "TransactionEvent": self._transaction_event,
            "VatNumberValidation": self._vat_number,
            **self._notifications.answers,
        }

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> _Answer:
        """Answer a message; raises RpcError for what can't be answered."""
        self._reception.heard(action, deviations)
        if action in _ACKNOWLEDGED:
            return {}
        if action in _REFUSED:
            return dict(_REFUSED[action])
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
        station = payload.get("chargingStation")
        told = station if isinstance(station, dict) else {}
        version_before = self._core.state.firmware_version
        self._core.change(
            vendor=payloads.text(told, "vendorName"),
            model=payloads.text(told, "model"),
            serial_number=payloads.text(told, "serialNumber"),
            firmware_version=payloads.text(told, "firmwareVersion"),
        )
        self._core.recognise()
        self._files.booted(version_before)

    async def _boot(self, payload: _Payload) -> _Answer:
        now = self._core.clock.now()
        self.take_boot(payload)
        self._statuses.forget()
        self._book.booted()
        self._reception.booted()
        return {"status": "Accepted", "currentTime": format_time(now), "interval": self._core.quirks.heartbeat_s}

    async def _heartbeat(self, _payload: _Payload) -> _Answer:
        return {"currentTime": format_time(self._core.clock.now())}

    async def _authorize(self, payload: _Payload) -> _Answer:
        token = id_token(payload) or ""
        self._reception.present(token, None, None)
        authorization = await self._reception.authorize(token)
        self._reception.answered(authorization)
        return {"idTokenInfo": _token_info(authorization)}

    async def _firmware_status(self, payload: _Payload) -> _Answer:
        self._files.told_firmware(payload)
        return {}

    async def _log_status(self, payload: _Payload) -> _Answer:
        self._files.told_upload(payload)
        return {}

    async def _security_event(self, payload: _Payload) -> _Answer:
        self._reception.security_event(payload)
        return {}

    async def _charging_limit(self, payload: _Payload) -> _Answer:
        """Note a limit that somebody else set at the station (K12, K13)."""
        schedules = payload.get("chargingSchedule")
        schedule = schedules[0] if isinstance(schedules, list) and schedules else None
        evse_id = payloads.integer(payload, "evseId") or 0
        if isinstance(schedule, dict) and 0 <= evse_id <= payloads.MAX_CONNECTORS:
            self._reception.limited_elsewhere(evse_id, schedule, _by_grid(payload.get("chargingLimit")))
        return {}

    async def _cleared_charging_limit(self, payload: _Payload) -> _Answer:
        self._reception.limited_elsewhere(payloads.integer(payload, "evseId") or 0, None)
        return {}

    async def _status(self, payload: _Payload) -> _Answer:
        time = parse_time(payload.get("timestamp"))
        if time is not None:
            self._reception.observe_clock(time)
        evse_id, connector_id = payloads.integer(payload, "evseId"), payloads.integer(payload, "connectorId")
        status = payloads.text(payload, "connectorStatus")
        if not self._reception.status_is_present(evse_id or 0, time):
            return {}
        if evse_id == 0:  # of no socket: some tell the station's state as 1.6 had it
            self._core.change(status=payloads.status({"status": status}))
            self._core.emit(StationEventType.STATUS)
            return {}
        await self._connector_is(evse_id, connector_id, status)
        return {}

    async def _notify_event(self, payload: _Payload) -> _Answer:
        """Take the states of connectors, which OCPP 2.1 tells this way, and tell of alerts of the device model."""
        data = payload.get("eventData")
        for entry in data if isinstance(data, list) else []:
            if not isinstance(entry, dict):
                continue
            component, variable = entry.get("component"), entry.get("variable")
            if not isinstance(component, dict) or not isinstance(variable, dict):
                continue
            evse = component.get("evse")
            about_connector = (component.get("name"), variable.get("name")) == ("Connector", "AvailabilityState")
            time = parse_time(entry.get("timestamp"))
            if about_connector and isinstance(evse, dict):
                evse_id = payloads.integer(evse, "id")
                if self._reception.status_is_present(evse_id or 0, time):
                    status = payloads.text(entry, "actualValue")
                    await self._connector_is(evse_id, payloads.integer(evse, "connectorId"), status)
            else:
                self._notifications.alert(entry)
        return {}

    async def _connector_is(self, evse_id: int | None, connector_id: int | None, status: str | None) -> None:
        if evse_id is None or not 0 < evse_id <= payloads.MAX_CONNECTORS:
            raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such EVSE")
        shown = self._statuses.connector_is(evse_id, connector_id or 1, status)
        if shown is None:
            self._core.note_deviation("StatusNotification: unknown status")
            return
        await self._show_status(evse_id, shown)

    async def _show_status(self, evse_id: int, status: EvseStatus) -> None:
        core = self._core
        operative = status is not EvseStatus.UNAVAILABLE and not core.ordered_inoperative(evse_id)
        core.change_evse(evse_id, status=status, operative=operative, error_code=None)
        if status is EvseStatus.AVAILABLE:  # the car left, and its wishes with it
            core.change_evse(evse_id, charging_needs=None, priority_charging=False)
        self._book.status_changed(evse_id, status)
        core.emit(StationEventType.STATUS, evse_id)
        if status is EvseStatus.AVAILABLE:
            await core.take_needs(evse_id, None)

    async def _transaction_event(self, payload: _Payload) -> _Answer:
        if self._unplaced.hold(payload):
            token = id_token(payload)
            return {} if not token else {"idTokenInfo": _token_info(await self._reception.authorize(token))}
        if start := self._unplaced.start_of(payload):
            await self._take_event(start)
            self._unplaced.kept(start)
        return await self._take_event(payload)

    async def _take_event(self, payload: _Payload) -> _Answer:
        event = self._events.read(payload)
        authorization = await self._events.take(event)
        self._reservations.used(payloads.integer(payload, "reservationId"))
        if event.live:
            if event.charging_state is not None:
                self._book.waits_for_car(event.transaction_id, waits=event.charging_state.lower() == "idle")
            shown = self._statuses.transaction_is(event.evse_id, event.charging_state, ended=event.kind == "Ended")
            if shown is not None and shown is not self._core.evse(event.evse_id).status:
                await self._show_status(event.evse_id, shown)
        return {} if authorization is None else {"idTokenInfo": _token_info(authorization)}

    async def _schedule_update(self, payload: _Payload) -> _Answer:
        """Tell the present values of a dynamic profile of ours (2.1 K28)."""
        numbers = self._reception.live_numbers(payloads.integer(payload, "chargingProfileId") or 0)
        return {"status": "Rejected"} if numbers is None else {"status": "Accepted", "scheduleUpdate": numbers}

    async def _vat_number(self, payload: _Payload) -> _Answer:
        """Refuse a number that nobody here can look up."""
        return {"status": "Rejected", "vatNumber": payloads.text(payload, "vatNumber") or ""}

    async def _meter_values(self, payload: _Payload) -> _Answer:
        evse_id = payloads.integer(payload, "evseId") or 0
        if not 0 <= evse_id <= payloads.MAX_CONNECTORS:
            raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such EVSE")
        parsed = parse_meter_values(payload.get("meterValue"), self._core.clock.now())
        await self._reception.take_readings(evse_id, None, parsed)
        return {}


def _token_info(result: AuthorizationResult) -> Json:
    refusal = None if result.status is AuthorizationStatus.ACCEPTED else result.refusal
    info: dict[str, Json] = {"status": result.status.value if refusal is None else _REFUSALS[refusal]}
    if result.parent_id_token is not None:
        info["groupIdToken"] = {"idToken": result.parent_id_token, "type": "Central"}
    if result.expires_at is not None and result.status is AuthorizationStatus.ACCEPTED:
        info["cacheExpiryDateTime"] = format_time(result.expires_at)
    return info


def _by_grid(limit: Json) -> str | None:
    """Return in words that the grid operator set a limit, None where it was somebody else.

    That is a system operator ("SO"), or whoever says that it is critical for the grid (ChargingLimitType of 2.0.1 part 2); a limit
    on what is made locally (2.1) is none on what is drawn.
    """
    if not isinstance(limit, dict) or limit.get("isLocalGeneration") is True:
        return None
    source, critical = payloads.text(limit, "chargingLimitSource") or "", limit.get("isGridCritical") is True
    if source != "SO" and not critical:
        return None
    return f"NotifyChargingLimit {source}{' grid critical' if critical else ''}"

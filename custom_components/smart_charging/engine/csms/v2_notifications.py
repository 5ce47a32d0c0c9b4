"""What stations of OCPP 2 tell beside charging: pages of reports, alerts, needs of cars, the end of reservations."""

from collections.abc import Awaitable, Callable, Mapping
import math
from typing import Final

from ..model import Json
from . import payloads
from .core import StationCore
from .der_controls import reported_controls
from .installed_profiles import reported_profiles
from .reception import Reception
from .redaction import names_secret
from .reservations import Reservations
from .rpc import ErrorCode, RpcError
from .state import ChargingNeeds, StationEventType
from .timestamps import format_time, parse_time
from .transactions import TransactionBook
from .v2_reports import Reports
from .v2_settings import read_setting

type _Payload = Mapping[str, Json]
type _Answer = dict[str, Json]

# Reports in pages, and the field that holds the items.
_PAGES: Final = {
    "NotifyDisplayMessages": "messageInfo",
    "NotifyMonitoringReport": "monitor",
    "NotifyReport": "reportData",
}
_FULL_PERCENT: Final = 100.0
_STATES: Final = frozenset({"AvailabilityState"})  # told again and again; the status is shown already


class V2Notifications:
    """Serves these messages of one station."""

    def __init__(
        self,
        core: StationCore,
        book: TransactionBook,
        reception: Reception,
        reports: Reports,
        reservations: Reservations,
    ) -> None:
        """Take the station's parts."""
        self._core = core
        self._book = book
        self._reception = reception
        self._reports = reports
        self._reservations = reservations

    @property
    def answers(self) -> Mapping[str, Callable[[_Payload], Awaitable[_Answer]]]:
        """Return who answers which message."""
        return {
            **{action: self._page_of(field) for action, field in _PAGES.items()},
            "GetCertificateChainStatus": self._chain_status,
            "NotifyCustomerInformation": self._customer_information,
            "NotifyDERAlarm": self._der_alarm,
            "NotifyDERStartStop": self._der_control,
            "NotifyEVChargingNeeds": self._charging_needs,
            "NotifyPriorityCharging": self._priority_charging,
            "PublishFirmwareStatusNotification": self._published_firmware,
            "ReportChargingProfiles": self._profiles,
            "ReportDERControl": self._der_report,
            "ReservationStatusUpdate": self._reservation,
        }

    def alert(self, entry: _Payload) -> None:
        """Tell of an event of the device model (N07, N08); the states of connectors are told elsewhere."""
        setting = read_setting(entry)
        if setting is None:
            self._core.note_deviation("NotifyEvent: unreadable variable")
            return
        if setting.variable in _STATES:
            return
        time = parse_time(entry.get("timestamp"))
        cleared = entry.get("cleared")
        self._reception.notices.tell(
            StationEventType.ALERT,
            {
                "variable": setting.name,
                "value": None if names_secret(setting.name) else payloads.text(entry, "actualValue"),
                "trigger": payloads.text(entry, "trigger"),
                "kind": payloads.text(entry, "eventNotificationType"),
                "cleared": cleared if isinstance(cleared, bool) else None,
                "severity": payloads.integer(entry, "severity"),
                "monitor_id": payloads.integer(entry, "variableMonitoringId"),
                "code": payloads.text(entry, "techCode"),
                "info": payloads.text(entry, "techInfo"),
            },
            setting.evse_id,
            None if time is None else self._core.offset.to_ours(time.at),
        )

    def _page_of(self, field: str) -> Callable[[_Payload], Awaitable[_Answer]]:
        async def take(payload: _Payload) -> _Answer:
            items = payload.get(field)
            self._take(payload, items if isinstance(items, list) else [])
            return {}

        return take

    async def _customer_information(self, payload: _Payload) -> _Answer:
        self._take(payload, [payload.get("data")])
        return {}

    async def _profiles(self, payload: _Payload) -> _Answer:
        self._take(payload, reported_profiles(payload))
        return {}

    async def _der_report(self, payload: _Payload) -> _Answer:
        self._take(payload, reported_controls(payload))
        return {}

    def _take(self, payload: _Payload, items: list[Json]) -> None:
        request_id = payloads.integer(payload, "requestId")
        if not self._reports.take(request_id, items, more_follow=payload.get("tbc") is True):
            self._core.note_deviation("report that nobody asked for")

    async def _chain_status(self, payload: _Payload) -> _Answer:
        """Tell that nothing is known of any certificate asked about: we are no OCSP client (M06)."""
        asked = payload.get("certificateStatusRequests")
        now = format_time(self._core.clock.now())
        told: list[Json] = [
            {
                "certificateHashData": one.get("certificateHashData"),
                "source": one.get("source"),
                "status": "Failed",
                "nextUpdate": now,
            }
            for one in (asked if isinstance(asked, list) else [])
            if isinstance(one, dict)
        ]
        if not told:
            raise RpcError(ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "no certificate is asked about")
        return {"certificateStatus": told}

    async def _reservation(self, payload: _Payload) -> _Answer:
        number = payloads.integer(payload, "reservationId")
        if number is not None:
            self._reservations.end(number, (payloads.text(payload, "reservationUpdateStatus") or "removed").lower())
        return {}

    async def _charging_needs(self, payload: _Payload) -> _Answer:
        """Keep what the car asks for; it is promised limits only where there are some to be written (K15)."""
        evse_id = payloads.integer(payload, "evseId") or 0
        needs = payload.get("chargingNeeds")
        if not 0 < evse_id <= payloads.MAX_CONNECTORS or not isinstance(needs, dict):
            return {"status": "Rejected"}
        await self._core.take_needs(evse_id, self._needs(needs))
        self._core.emit(StationEventType.CHANGED, evse_id)
        promised = self._reception.schedule_wanted(evse_id)
        return {"status": "Accepted" if promised else "Rejected"}

    def _needs(self, raw: _Payload) -> ChargingNeeds:
        ac, dc, both_ways = (
            part if isinstance(part := raw.get(name), dict) else {}
            for name in ("acChargingParameters", "dcChargingParameters", "v2xChargingParameters")
        )
        departure = parse_time(raw.get("departureTime"))
        energies = (ac.get("energyAmount"), dc.get("energyAmount"), both_ways.get("evTargetEnergyRequest"))
        currents = (ac.get("evMaxCurrent"), dc.get("evMaxCurrent"))
        return ChargingNeeds(
            self._core.clock.now(),
            payloads.text(raw, "requestedEnergyTransfer"),
            None if departure is None else self._core.offset.to_ours(departure.at),
            _first(energies),
            _first(currents),
            _percent(dc.get("stateOfCharge")),
            _first((both_ways.get("maxChargePower"),)),
            _most_discharge(both_ways),
        )

    async def _priority_charging(self, payload: _Payload) -> _Answer:
        evse_id = self._book.evse_of(payloads.text(payload, "transactionId"))
        activated = payload.get("activated") is True
        if evse_id is not None:
            self._core.change_evse(evse_id, priority_charging=activated)
        self._reception.notices.tell(StationEventType.PRIORITY_CHARGING, {"activated": activated}, evse_id)
        return {}

    async def _published_firmware(self, payload: _Payload) -> _Answer:
        self._core.change(published_firmware_status=payloads.text(payload, "status"))
        self._core.emit(StationEventType.CHANGED)
        return {}

    async def _der_alarm(self, payload: _Payload) -> _Answer:
        self._reception.notices.tell(
            StationEventType.DER_ALARM,
            {
                "control": payloads.text(payload, "controlType"),
                "fault": payloads.text(payload, "gridEventFault"),
                "ended": payload.get("alarmEnded") is True,
                "info": payloads.text(payload, "extraInfo"),
            },
        )
        return {}

    async def _der_control(self, payload: _Payload) -> _Answer:
        details = {"control_id": payloads.text(payload, "controlId"), "started": payload.get("started") is True}
        self._reception.notices.tell(StationEventType.DER_CONTROL, details)
        return {}


def _most_discharge(both_ways: Mapping[str, Json]) -> float | None:
    """Return how much a car can give in W, which some write as a negative power; None for one that can't."""
    told = both_ways.get("maxDischargePower")
    number = abs(float(told)) if isinstance(told, int | float) and not isinstance(told, bool) else 0.0
    return number if 0 < number < math.inf else None


def _percent(value: Json) -> float | None:
    """Return a state of charge, None for what is none."""
    percent = _first((value,))
    return None if percent is None or percent > _FULL_PERCENT else percent


def _first(values: tuple[Json, ...]) -> float | None:
    """Return the first that is a number, never a negative one."""
    numbers = (float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool))
    return next((number for number in numbers if number >= 0), None)

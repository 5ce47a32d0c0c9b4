"""What a station does on the central system's commands (OCPP 1.6 ed. 2 section 5)."""

from collections.abc import Callable
from functools import partial
import math

from simulator.plant.phases import NOMINAL_VOLTAGE

from .configuration import Change
from .connector import Connector, Permission, Status
from .json import Json, Payload, integer, mapping, optional_integer, optional_text, text
from .link import Answer, CommandError, NoAnswer
from .maintenance_commands import get_diagnostics, get_log, signed_update_firmware, update_firmware
from .meter import timestamp
from .profiles import Purpose, Unit, read_profile
from .station import SimulatedStation
from .transaction import StopReason

SCHEDULE_LONGEST_S = 7 * 86_400


def obey(station: SimulatedStation, action: str, payload: Payload) -> Answer:
    """Carry out a command; CommandError or FormatError when it can not be answered properly."""
    command = COMMANDS.get(action)
    if command is None:
        raise CommandError("NotSupported" if action in UNSUPPORTED else "NotImplemented", action)
    return command(station, payload)


def _status(status: str, after: Callable[[], None] | None = None) -> Answer:
    return Answer({"status": status}, after)


def _own_connector(station: SimulatedStation, connector_id: int) -> int:
    """Return the station's own number of a connector; single-socket stations may call it 0."""
    return 1 if station.quirks.everything_on_connector_zero and connector_id == 0 else connector_id


# Configuration


def _get_configuration(station: SimulatedStation, payload: Payload) -> Answer:
    if station.quirks.no_configuration:
        raise CommandError("NotImplemented", "GetConfiguration")
    asked = payload.get("key")
    names = [str(name) for name in asked] if isinstance(asked, list) else []
    if station.quirks.reboots_when_asked_measurands and "MeterValuesSampledData" in names:
        station.reset(StopReason.POWER_LOSS, after_s=0.0)
        raise NoAnswer
    if len(names) > station.configuration.integer("GetConfigurationMaxKeys"):
        raise CommandError("OccurenceConstraintViolation", "too many keys")
    known: list[Json] = []
    unknown: list[Json] = []
    for name in names or list(station.configuration.keys):
        found = station.configuration.get(name)
        if found is None:
            unknown.append(name)
            continue
        entry: Payload = {"key": found[0], "readonly": found[1].readonly}
        if not found[1].secret:
            entry["value"] = found[1].value
        known.append(entry)
    return Answer({"configurationKey": known, "unknownKey": unknown})


def _change_configuration(station: SimulatedStation, payload: Payload) -> Answer:
    name, value = text(payload, "key"), text(payload, "value")
    change = station.configuration.change(name, value)
    if change is Change.ACCEPTED and name.lower() == "authorizationkey":
        station.password = value
    return _status(change)


# Transactions


def _remote_start(station: SimulatedStation, payload: Payload) -> Answer:
    id_tag = text(payload, "idTag")
    asked = optional_integer(payload, "connectorId")
    candidates = list(station.connectors.values())
    if asked is not None:
        candidates = [c for c in candidates if c.connector_id == _own_connector(station, asked)]
    connector = next((c for c in candidates if c.free), None)
    if connector is None:
        return _status("Rejected")
    profile = read_profile(mapping(payload, "chargingProfile")) if "chargingProfile" in payload else None
    if profile is not None:
        refusal = station.profiles.refusal(connector.connector_id, profile, None, remote_start=True)
        if profile.purpose is not Purpose.TX or refusal is not None:
            return _status("Rejected")

    def start() -> None:
        if station.configuration.flag("AuthorizeRemoteTxRequests"):
            station.authorize(id_tag, connector, profile)
            return
        now = station.clock.monotonic()
        until = now + station.configuration.integer("ConnectionTimeOut")
        connector.permit(Permission(id_tag, until, profile), now)
        station.wake.set()

    return _status("Accepted", start)


def _remote_stop(station: SimulatedStation, payload: Payload) -> Answer:
    number = integer(payload, "transactionId")
    running = (c for c in station.connectors.values() if c.transaction is not None and c.transaction.number == number)
    connector = next(running, None)
    if connector is None:
        return _status("Rejected")
    return _status("Accepted", partial(_stop, station, connector, StopReason.REMOTE))


def _stop(station: SimulatedStation, connector: Connector, reason: StopReason) -> None:
    connector.stop(reason)
    connector.tick(station.clock.monotonic())
    station.wake.set()


def _unlock(station: SimulatedStation, payload: Payload) -> Answer:
    connector = station.connectors.get(_own_connector(station, integer(payload, "connectorId")))
    if connector is None:
        return _status("NotSupported")
    return _status("Unlocked", lambda: _stop(station, connector, StopReason.UNLOCK))


# Operation


def _change_availability(station: SimulatedStation, payload: Payload) -> Answer:
    connector_id = integer(payload, "connectorId")
    operative = text(payload, "type") == "Operative"
    if station.quirks.rejects_change_availability or not 0 <= connector_id <= len(station.connectors):
        return _status("Rejected")
    chosen = [c for c in station.connectors.values() if connector_id in {0, c.connector_id}]
    waiting = [c for c in chosen if c.transaction is not None and not operative]

    def apply() -> None:
        for connector in chosen:
            connector.scheduled_inoperative = connector in waiting
            connector.operative = operative or connector in waiting
            connector.tick(station.clock.monotonic())
            if connector.status is Status.PREPARING:
                station.vend(connector)
        if connector_id == 0:
            station.send_status(0)
        station.wake.set()

    return _status("Scheduled" if waiting else "Accepted", apply)


def _reset(station: SimulatedStation, payload: Payload) -> Answer:
    soft = text(payload, "type") == "Soft"
    reason = StopReason.SOFT_RESET if soft else StopReason.HARD_RESET
    return _status("Accepted", lambda: station.reset(reason, after_s=1.0 if soft else 0.2))


def _clear_cache(station: SimulatedStation, payload: Payload) -> Answer:
    del payload
    return _status("Accepted" if station.configuration.flag("AuthorizationCacheEnabled") else "Rejected")


def _data_transfer(station: SimulatedStation, payload: Payload) -> Answer:
    if text(payload, "vendorId") != station.options.vendor:
        return _status("UnknownVendorId")
    data = optional_text(payload, "data")
    return Answer({"status": "Accepted", **({"data": data} if data is not None else {})})


def _trigger(station: SimulatedStation, payload: Payload) -> Answer:
    requested = text(payload, "requestedMessage")
    connector_id = optional_integer(payload, "connectorId")
    if connector_id is not None and not 0 <= connector_id <= len(station.connectors):
        return _status("Rejected")
    chosen = [_own_connector(station, connector_id)] if connector_id is not None else list(station.connectors)

    def boot() -> None:
        if station.booted or station.quirks.never_boots:
            station.send_plain("BootNotification", station.boot_notification(), triggered=True)
        else:
            station.boot_at = 0.0  # the boot that waits its turn is due now, and its answer counts

    def statuses() -> None:
        for number in chosen if connector_id is not None else [0, *chosen]:
            station.send_status(number, triggered=True)

    def values() -> None:
        for number in chosen if connector_id else station.connectors:
            station.send_values(number, "Trigger", station.connectors[number].transaction)

    actions: dict[str, Callable[[], None]] = {
        "BootNotification": boot,
        "StatusNotification": statuses,
        "MeterValues": values,
        "Heartbeat": lambda: station.send_plain("Heartbeat", {}, triggered=True),
        "FirmwareStatusNotification": lambda: _idle(station, "FirmwareStatusNotification"),
        "DiagnosticsStatusNotification": lambda: _idle(station, "DiagnosticsStatusNotification"),
    }
    if requested not in actions:
        return _status("NotImplemented")

    def after() -> None:
        actions[requested]()
        station.wake.set()

    return _status("Accepted", after)


def _idle(station: SimulatedStation, action: str) -> None:
    station.send_plain(action, {"status": "Idle"}, triggered=True)


# Smart charging


def _set_profile(station: SimulatedStation, payload: Payload) -> Answer:
    connector_id = integer(payload, "connectorId")
    profile = read_profile(mapping(payload, "csChargingProfiles"))
    if profile.purpose is not Purpose.CHARGE_POINT_MAX:
        connector_id = _own_connector(station, connector_id)
    connector = station.connectors.get(connector_id)
    running = connector.transaction.running() if connector and connector.transaction else None
    refused = station.profiles.refusal(connector_id, profile, running) is not None
    if station.quirks.rejects_while_available and connector is not None and not connector.outlet.plugged:
        refused = True
    if refused:
        return _status("Rejected")
    station.profiles.install(connector_id, profile)
    return _status("Accepted")


def _clear_profile(station: SimulatedStation, payload: Payload) -> Answer:
    purpose = optional_text(payload, "chargingProfilePurpose")
    cleared = station.profiles.clear(
        profile_id=optional_integer(payload, "id"),
        connector_id=optional_integer(payload, "connectorId"),
        purpose=Purpose(purpose) if purpose in list(Purpose) else None,
        stack_level=optional_integer(payload, "stackLevel"),
    )
    return _status("Accepted" if cleared else "Unknown")


def _composite_schedule(station: SimulatedStation, payload: Payload) -> Answer:
    told = integer(payload, "connectorId")
    connector_id = _own_connector(station, told)
    duration_s = min(integer(payload, "duration"), SCHEDULE_LONGEST_S)
    unit = optional_text(payload, "chargingRateUnit")
    default = Unit.WATT if station.quirks.watts_only else Unit.AMPERE
    if not 0 <= connector_id <= len(station.connectors) or unit not in {None, *Unit}:
        return _status("Rejected")
    connector = station.connectors.get(connector_id)
    running = connector.transaction.running() if connector and connector.transaction else None
    now = station.station_time()
    watts = (unit or default) == Unit.WATT
    periods: list[Json] = []
    for start_s, limit in station.profiles.composite(connector_id, now, duration_s, running):
        value = limit.current_a * NOMINAL_VOLTAGE * limit.phases if watts else limit.current_a
        periods.append(
            {"startPeriod": start_s, "limit": math.floor(value * 10 + 1e-6) / 10, "numberPhases": limit.phases}
        )
    start = timestamp(now, station.quirks)
    return Answer(
        {
            "status": "Accepted",
            "connectorId": told,
            "scheduleStart": start,
            "chargingSchedule": {
                "duration": duration_s,
                "startSchedule": start,
                "chargingRateUnit": unit or default,
                "chargingSchedulePeriod": periods,
            },
        }
    )


def _send_local_list(station: SimulatedStation, payload: Payload) -> Answer:
    if not station.local_list.most:
        raise CommandError("NotSupported", "SendLocalList")
    return _status(station.local_list.send(payload))


def _local_list_version(station: SimulatedStation, payload: Payload) -> Answer:
    del payload
    if not station.local_list.most:
        raise CommandError("NotSupported", "GetLocalListVersion")
    return Answer({"listVersion": station.local_list.version})


COMMANDS: dict[str, Callable[[SimulatedStation, Payload], Answer]] = {
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": _clear_profile,
    "DataTransfer": _data_transfer,
    "GetCompositeSchedule": _composite_schedule,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": get_diagnostics,
    "GetLog": get_log,
    "GetLocalListVersion": _local_list_version,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_profile,
    "SignedUpdateFirmware": signed_update_firmware,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UpdateFirmware": update_firmware,
}

UNSUPPORTED = frozenset({"CancelReservation", "ReserveNow"})

"""Commands about a station's operation: availability, unlocking, triggers, displays (OCPP 2.0.1 part 2 F, G, O, P)."""

from collections.abc import Callable
from functools import partial

from simulator.ocpp.json import Json, Payload, integer, mapping, text
from simulator.ocpp.link import Answer

from .answers import Command, place, refused, status
from .evse import Connector2, Evse
from .options import Version
from .station import SimulatedStation2
from .transaction import Trigger


def _change_availability(station: SimulatedStation2, payload: Payload) -> Answer:
    operative = text(payload, "operationalStatus") == "Operative"
    chosen = place(station, payload)
    if chosen is None:
        return refused("UnknownEvse")
    evses, connectors = chosen
    named = mapping(payload, "evse") if "evse" in payload else None
    running = [evse for evse in evses if evse.transaction is not None]
    if named is not None and "connectorId" in named:
        running = [evse for evse in running if evse.plugged_id == connectors[0].connector_id]

    def act() -> None:
        if named is None:
            station.operative = operative
        elif "connectorId" in named:
            connectors[0].operative = operative
        else:
            evses[0].operative = operative
        for evse in evses:
            evse.tick(station.clock.monotonic())
            station.vend(evse)
        station.wake.set()

    return status("Scheduled" if running and not operative else "Accepted", act)


def _unlock(station: SimulatedStation2, payload: Payload) -> Answer:
    evse = station.evses.get(integer(payload, "evseId"))
    connector_id = integer(payload, "connectorId")
    if evse is None or connector_id not in evse.connectors:
        return status("UnknownConnector")
    if evse.authorization is not None and evse.plugged_id == connector_id:
        return status("OngoingAuthorizedTransaction")
    return status("UnlockFailed" if evse.connectors[connector_id].fault is not None else "Unlocked")


def _data_transfer(station: SimulatedStation2, payload: Payload) -> Answer:
    if text(payload, "vendorId") != station.options.vendor:
        return status("UnknownVendorId")
    return Answer({"status": "Accepted", **({"data": payload["data"]} if "data" in payload else {})})


def _trigger(station: SimulatedStation2, payload: Payload) -> Answer:
    requested = text(payload, "requestedMessage")
    chosen = place(station, payload)
    if chosen is None:
        return refused("UnknownEvse")
    evses, connectors = chosen
    actions: dict[str, Callable[[], None]] = {
        "BootNotification": partial(_boot, station),
        "Heartbeat": lambda: station.send("Heartbeat", {}, asked=True),
        "StatusNotification": partial(_statuses, station, evses, connectors),
        "MeterValues": partial(_meter_values, station, evses),
        "TransactionEvent": partial(_transaction_events, station, evses),
        "FirmwareStatusNotification": lambda: station.send(
            "FirmwareStatusNotification", station.upkeep.firmware_status, asked=True
        ),
        "LogStatusNotification": lambda: station.send("LogStatusNotification", station.upkeep.log_status, asked=True),
        "SignChargingStationCertificate": partial(sign_certificate, station),
    }
    if requested not in actions:
        return status("NotImplemented")
    if requested == "BootNotification" and station.booted and station.options.version is Version.V201:
        # An accepted station has nothing to be asked for again (F06.FR.17).
        return refused("UnsupportedRequest")
    if requested == "TransactionEvent" and not any(evse.transaction for evse in evses):
        return refused("TxNotFound")

    def after() -> None:
        actions[requested]()
        station.wake.set()

    return status("Accepted", after)


def _boot(station: SimulatedStation2) -> None:
    if station.booted:
        station.send("BootNotification", station.boot_notification("Triggered"), asked=True)
    else:
        station.boot_reason = "Triggered"
        station.boot_at = 0.0  # the boot that waits its turn is due now, and its answer counts


def _statuses(station: SimulatedStation2, evses: list[Evse], connectors: list[Connector2]) -> None:
    for evse in evses:
        for connector in evse.connectors.values():
            if connector in connectors:
                station.send_status(evse, connector, asked=True)


def _meter_values(station: SimulatedStation2, evses: list[Evse]) -> None:
    for evse in evses:
        values = station.sampler.values(evse, "Trigger", station.station_time())
        if values:
            station.send("MeterValues", {"evseId": evse.evse_id, "meterValue": values}, asked=True)


def _transaction_events(station: SimulatedStation2, evses: list[Evse]) -> None:
    for evse in evses:
        values = station.sampler.values(evse, "Trigger", station.station_time())
        station.events.updated(evse, Trigger.TRIGGER, values)


def sign_certificate(station: SimulatedStation2) -> None:
    """Ask for a certificate of the station's own."""
    asked: Payload = {"csr": station.certificates.request(), "certificateType": "ChargingStationCertificate"}
    station.send("SignCertificate", asked, asked=True)


def _set_display(station: SimulatedStation2, payload: Payload) -> Answer:
    running = {evse.transaction.transaction_id for evse in station.evses.values() if evse.transaction is not None}
    return status(station.display.set(mapping(payload, "message"), running))


def _get_display(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id = integer(payload, "requestId")
    found: list[Json] = station.display.matching(payload)
    if not found:
        return status("Unknown")
    report: Payload = {"requestId": request_id, "messageInfo": found, "tbc": False}
    return status("Accepted", lambda: station.send("NotifyDisplayMessages", report))


def _clear_display(station: SimulatedStation2, payload: Payload) -> Answer:
    return status(station.display.clear(integer(payload, "id")))


COMMANDS: dict[str, Command] = {
    "ChangeAvailability": _change_availability,
    "ClearDisplayMessage": _clear_display,
    "DataTransfer": _data_transfer,
    "GetDisplayMessages": _get_display,
    "SetDisplayMessage": _set_display,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
}

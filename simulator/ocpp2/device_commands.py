"""Commands about the device model, the connection and restarts (OCPP 2.0.1 part 2 B)."""

from functools import partial

from simulator.ocpp.json import Json, Payload, integer, mapping, optional_integer, optional_text, text
from simulator.ocpp.link import Answer, CommandError
from simulator.ocpp.options import Interruption

from .answers import Command, objects, optional_list, refused, status
from .device_model import Component, Mutability, Outcome, Variable, VariableName, read_component, read_variable
from .evse import Evse
from .meter import timestamp
from .monitoring import read_wanted
from .options import Version
from .station import SimulatedStation2
from .transaction import StoppedReason, Trigger

RESET_EVSE_S = 2.0


def _get_variables(station: SimulatedStation2, payload: Payload) -> Answer:
    asked = objects(payload, "getVariableData")
    if len(asked) > station.model.integer("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"):
        raise CommandError("OccurrenceConstraintViolation", "too many variables")
    station.model.put("ClockCtrlr", "DateTime", timestamp(station.station_time()))
    results: list[Json] = []
    for entry in asked:
        component, name = read_component(mapping(entry, "component")), read_variable(mapping(entry, "variable"))
        attribute = optional_text(entry, "attributeType") or "Actual"
        outcome = station.model.read(component, name, attribute)
        result = _result(component, name, attribute, outcome)
        if outcome.value is not None:
            result["attributeValue"] = outcome.value
        results.append(result)
    return Answer({"getVariableResult": results})


def _set_variables(station: SimulatedStation2, payload: Payload) -> Answer:
    asked = objects(payload, "setVariableData")
    if len(asked) > station.model.integer("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables"):
        raise CommandError("OccurrenceConstraintViolation", "too many variables")
    results: list[Json] = []
    for entry in asked:
        component, name = read_component(mapping(entry, "component")), read_variable(mapping(entry, "variable"))
        attribute = optional_text(entry, "attributeType") or "Actual"
        outcome = _set(station, component, name, attribute, text(entry, "attributeValue"))
        results.append(_result(component, name, attribute, outcome))
    return Answer({"setVariableResult": results})


def _set(station: SimulatedStation2, component: Component, name: VariableName, attribute: str, value: str) -> Outcome:
    if name.name == "NetworkConfigurationPriority":
        refusal = station.network.refuses_order(value)
        if refusal is not None:
            return Outcome("Rejected", reason=refusal)
    outcome = station.model.write(component, name, attribute, value)
    if outcome.status == "Accepted" and name.name == "BasicAuthPassword":
        station.password = value
    return outcome


def _result(component: Component, name: VariableName, attribute: str, outcome: Outcome) -> Payload:
    result: Payload = {
        "component": component.payload(),
        "variable": name.payload(),
        "attributeType": attribute,
        "attributeStatus": outcome.status,
    }
    if outcome.reason is not None:
        result["attributeStatusInfo"] = {"reasonCode": outcome.reason}
    return result


def _get_base_report(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id, base = integer(payload, "requestId"), text(payload, "reportBase")

    def wanted(component: Component, name: VariableName, variable: Variable) -> bool:
        match base:
            case "ConfigurationInventory":
                return variable.mutability is not Mutability.READ_ONLY
            case "SummaryInventory":
                return name.name in {"Available", "AvailabilityState", "Problem"} and "Ctrlr" not in component.name
            case _:
                return True

    if base not in {"ConfigurationInventory", "FullInventory", "SummaryInventory"}:
        return status("NotSupported")
    rows = station.model.report(wanted)
    return status("Accepted", partial(_report, station, "NotifyReport", "reportData", request_id, rows))


def _get_report(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id = integer(payload, "requestId")
    named = read_wanted(payload)
    criteria = optional_list(payload, "componentCriteria")

    def wanted(component: Component, name: VariableName, variable: Variable) -> bool:
        fits = not named or any(component.fits(c) and _same_variable(v, name) for c, v in named)
        return fits and (criteria is None or any(_meets(station, component, str(each)) for each in criteria))

    rows = station.model.report(wanted)
    if not rows:
        return status("EmptyResultSet")
    return status("Accepted", partial(_report, station, "NotifyReport", "reportData", request_id, rows))


def _same_variable(wanted: VariableName | None, name: VariableName) -> bool:
    if wanted is None:
        return True
    return wanted.name.lower() == name.name.lower() and wanted.instance in (None, name.instance)


def _meets(station: SimulatedStation2, component: Component, criterion: str) -> bool:
    """Tell whether a component is Active, Available, Enabled or has a Problem; one that does not say counts as well."""
    found = station.model.find(component, VariableName(criterion))
    if isinstance(found, str):
        return criterion != "Problem"
    return found.value.lower() == "true"


def _report(station: SimulatedStation2, action: str, key: str, request_id: int, rows: list[Json]) -> None:
    """Send rows in pages, numbered, each but the last to be continued."""
    size = station.options.items_per_report
    pages = [rows[at : at + size] for at in range(0, len(rows), size)]
    for n, page in enumerate(pages):
        payload: Payload = {
            "requestId": request_id,
            "generatedAt": timestamp(station.station_time()),
            "seqNo": n,
            "tbc": n + 1 < len(pages),
            key: page,
        }
        station.send(action, payload, asked=True)
    station.wake.set()


def _get_monitoring_report(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id = integer(payload, "requestId")
    rows = station.monitoring.report(optional_list(payload, "monitoringCriteria"), read_wanted(payload))
    if station.options.version is Version.V21:
        rows = [_with_notification_type(row) for row in rows]
    if not rows:
        return status("EmptyResultSet")
    return status("Accepted", partial(_report, station, "NotifyMonitoringReport", "monitor", request_id, rows))


def _with_notification_type(row: Json) -> Json:
    """Return a MonitoringDataType as 2.1 wants it."""
    if not isinstance(row, dict):
        return row
    monitors = [{**each, "eventNotificationType": "CustomMonitor"} for each in objects(row, "variableMonitoring")]
    return {**row, "variableMonitoring": list[Json](monitors)}


def _set_network_profile(station: SimulatedStation2, payload: Payload) -> Answer:
    refusal = station.network.set(payload, may_use_tls=bool(station.certificates.trusted_pem()))
    return status("Accepted") if refusal is None else refused(refusal)


def _reset(station: SimulatedStation2, payload: Payload) -> Answer:
    kind = text(payload, "type")
    evse_id = optional_integer(payload, "evseId")
    resumes = kind == "ImmediateAndResume"
    if kind not in {"Immediate", "OnIdle", "ImmediateAndResume"} or (
        resumes and station.options.version is not Version.V21
    ):
        return refused("InvalidValue")
    if evse_id is not None and evse_id not in station.evses:
        return refused("UnknownEvse")
    evses = list(station.evses.values()) if evse_id is None else [station.evses[evse_id]]
    waits = kind == "OnIdle" and not _idle(evses)
    keep = resumes or (station.options.reboot_transaction is Interruption.RESUMES and kind != "Immediate")

    def act() -> None:
        if evse_id is not None:
            _reset_evse(station, station.evses[evse_id])
            return
        reason = "ScheduledReset" if kind == "OnIdle" else "RemoteReset"
        station.restart(reason, StoppedReason.IMMEDIATE_RESET, Trigger.RESET_COMMAND, keep=keep)

    condition = partial(_idle, evses) if waits else _at_once
    return status("Scheduled" if waits else "Accepted", lambda: station.when_idle(condition, act))


def _at_once() -> bool:
    return True


def _idle(evses: list[Evse]) -> bool:
    return all(evse.transaction is None for evse in evses)


def _reset_evse(station: SimulatedStation2, evse: Evse) -> None:
    evse.end(Trigger.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET)
    monotonic = station.clock.monotonic()
    evse.resetting_until = monotonic + RESET_EVSE_S
    evse.tick(monotonic)


def _set_monitoring(station: SimulatedStation2, payload: Payload) -> Answer:
    results: list[Json] = [station.monitoring.set(each) for each in objects(payload, "setMonitoringData")]
    return Answer({"setMonitoringResult": results}, station.wake.set)


def _clear_monitoring(station: SimulatedStation2, payload: Payload) -> Answer:
    ids = optional_list(payload, "id") or []
    results: list[Json] = [
        {"id": each, "status": station.monitoring.clear(each)} for each in ids if isinstance(each, int)
    ]
    return Answer({"clearMonitoringResult": results}, station.wake.set)


def _set_monitoring_base(station: SimulatedStation2, payload: Payload) -> Answer:
    if text(payload, "monitoringBase") != "All":
        for monitor_id in list(station.monitoring.monitors):
            station.monitoring.clear(monitor_id)
    return status("Accepted")


def _set_monitoring_level(station: SimulatedStation2, payload: Payload) -> Answer:
    severity = integer(payload, "severity")
    if not 0 <= severity <= 9:
        return refused("ValueOutOfRange")
    station.monitoring.level = severity
    return status("Accepted")


def _adjust_stream(station: SimulatedStation2, payload: Payload) -> Answer:
    found = station.monitoring.adjust(integer(payload, "id"), mapping(payload, "params"))
    return status("Accepted") if found else refused("NotFound")


def _get_streams(station: SimulatedStation2, payload: Payload) -> Answer:
    del payload
    streams = station.monitoring.streams()
    return Answer({"constantStreamData": streams} if streams else {})


COMMANDS: dict[str, Command] = {
    "ClearVariableMonitoring": _clear_monitoring,
    "GetBaseReport": _get_base_report,
    "GetMonitoringReport": _get_monitoring_report,
    "GetReport": _get_report,
    "GetVariables": _get_variables,
    "Reset": _reset,
    "SetMonitoringBase": _set_monitoring_base,
    "SetMonitoringLevel": _set_monitoring_level,
    "SetNetworkProfile": _set_network_profile,
    "SetVariableMonitoring": _set_monitoring,
    "SetVariables": _set_variables,
}

COMMANDS_21: dict[str, Command] = {
    "AdjustPeriodicEventStream": _adjust_stream,
    "GetPeriodicEventStream": _get_streams,
}

"""Watches variables and tells events: hard-wired ones, monitors that were set, and 2.1's streams (part 2 N)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.ocpp.json import FormatError, Json, Payload, integer, mapping, number, optional_integer, text
from simulator.ocpp.meter import next_aligned
from simulator.ocpp.outbox import Outgoing

from .device_model import Component, Variable, VariableName, read_component, read_variable
from .meter import timestamp
from .options import Version

if TYPE_CHECKING:
    from .station import SimulatedStation2

type Told = Callable[[], None]

KINDS = frozenset({"UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"})
PERIODIC = frozenset({"Periodic", "PeriodicClockAligned"})
CRITERIA = {
    "ThresholdMonitoring": frozenset({"UpperThreshold", "LowerThreshold"}),
    "DeltaMonitoring": frozenset({"Delta"}),
    "PeriodicMonitoring": PERIODIC,
}


@dataclass(slots=True)
class Stream:
    """A 2.1 stream of a periodic monitor's values, sent together."""

    interval_s: int
    values: int
    waiting: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(slots=True)
class Monitor:
    """One custom monitor; `value` is a threshold, a change, or seconds."""

    monitor_id: int
    component: Component
    name: VariableName
    kind: str
    value: float
    severity: int
    last: str
    alerting: bool = False
    due: datetime | None = None
    stream: Stream | None = None

    def next_due(self, now: datetime) -> datetime:
        """Return when a periodic monitor reports next."""
        if self.kind == "PeriodicClockAligned":
            return next_aligned(now, max(1, int(self.value)))
        return now + timedelta(seconds=max(1.0, self.value))


class Monitoring:
    """All monitors of one station."""

    def __init__(self, station: SimulatedStation2) -> None:
        """Watch this station's device model."""
        self._station = station
        self.monitors: dict[int, Monitor] = {}
        self.level = 9
        """Events of a higher severity number are not told."""
        self._event_id = 0

    def notify(
        self, component: Component, variable: str, value: str, *, info: str | None = None, told: Told | None = None
    ) -> None:
        """Tell a hard-wired event, if anybody listens; `told` hears of the answer."""
        if self._station.online:
            extra: Payload = {"techInfo": info} if info else {}
            event = self._event(component, VariableName(variable), value, "Delta", "HardWiredNotification")
            self._send([{**event, **extra}], told)

    def set(self, data: Payload) -> Payload:
        """Set one monitor and return its SetMonitoringResult."""
        component, name = read_component(mapping(data, "component")), read_variable(mapping(data, "variable"))
        kind, severity = text(data, "type"), integer(data, "severity")
        result: Payload = {
            "component": component.payload(),
            "variable": name.payload(),
            "type": kind,
            "severity": severity,
        }
        variable = self._station.model.find(component, name)
        if isinstance(variable, str):
            return {**result, "status": variable}
        asked = optional_integer(data, "id")
        refusal = self._refusal(asked, component, name, data, variable)
        if refusal is not None:
            return {**result, "status": refusal}
        monitor_id = asked if asked is not None else max(self.monitors, default=0) + 1
        stream = mapping(data, "periodicEventStream") if "periodicEventStream" in data else None
        monitor = Monitor(monitor_id, component, name, kind, number(data, "value"), severity, variable.value)
        if kind in PERIODIC:
            monitor.due = monitor.next_due(self._station.station_time())
        if stream is not None:
            monitor.stream = Stream(optional_integer(stream, "interval") or 0, optional_integer(stream, "values") or 1)
            self._open(monitor)
        self.monitors[monitor_id] = monitor
        return {**result, "status": "Accepted", "id": monitor_id}

    def clear(self, monitor_id: int) -> str:
        """Remove a monitor and return the status."""
        monitor = self.monitors.pop(monitor_id, None)
        if monitor is not None and monitor.stream is not None:
            self._station.send("ClosePeriodicEventStream", {"id": monitor_id})
        return "NotFound" if monitor is None else "Accepted"

    def adjust(self, stream_id: int, params: Payload) -> bool:
        """Change a stream's rhythm; False where there is no such stream."""
        monitor = self.monitors.get(stream_id)
        if monitor is None or monitor.stream is None:
            return False
        monitor.stream.interval_s = optional_integer(params, "interval") or monitor.stream.interval_s
        monitor.stream.values = optional_integer(params, "values") or monitor.stream.values
        return True

    def streams(self) -> list[Json]:
        """Return ConstantStreamDataType objects."""
        return [_constant(each) for each in self.monitors.values() if each.stream is not None]

    def report(self, criteria: list[Json] | None, wanted: list[tuple[Component, VariableName | None]]) -> list[Json]:
        """Return MonitoringDataType objects of the monitors that fit."""
        kinds = None if criteria is None else frozenset[str]().union(*(CRITERIA.get(str(c), ()) for c in criteria))
        return [
            _reported(each)
            for each in self.monitors.values()
            if (kinds is None or each.kind in kinds)
            and (not wanted or any(each.component.fits(c) and v in (None, each.name) for c, v in wanted))
        ]

    def tick(self, monotonic: float) -> None:
        """Compare and report what is due."""
        del monotonic
        station = self._station
        for evse in station.evses.values():
            station.model.put(Component("EVSE", evse_id=evse.evse_id), "Power", f"{evse.outlet.power_w:.1f}")
        if not station.model.flag("MonitoringCtrlr", "Enabled"):
            return
        now = station.station_time()
        events: list[Json] = [event for each in self.monitors.values() for event in self._watch(each, now)]
        if events and station.online:
            self._send(events)

    def _watch(self, monitor: Monitor, now: datetime) -> list[Payload]:
        variable = self._station.model.find(monitor.component, monitor.name)
        if isinstance(variable, str) or monitor.severity > self.level:
            return []
        value = variable.value
        if monitor.due is not None:
            if now < monitor.due:
                return []
            monitor.due = monitor.next_due(now)
            if monitor.stream is not None:
                self._stream(monitor, monitor.stream, now, value)
                return []
            return [self._of_monitor(monitor, value, "Periodic")]
        if monitor.kind == "Delta":
            if value == monitor.last or abs(_number(value) - _number(monitor.last)) < monitor.value:
                return []
            monitor.last = value
            return [self._of_monitor(monitor, value, "Delta")]
        above = _number(value) > monitor.value
        crossed = above if monitor.kind == "UpperThreshold" else _number(value) < monitor.value
        if crossed == monitor.alerting:
            return []
        monitor.alerting = crossed
        return [{**self._of_monitor(monitor, value, "Alerting"), "cleared": not crossed}]

    def _stream(self, monitor: Monitor, stream: Stream, now: datetime, value: str) -> None:
        stream.waiting.append((now, value))
        old = (now - stream.waiting[0][0]).total_seconds() >= stream.interval_s > 0
        if len(stream.waiting) < stream.values and not old:
            return
        base = stream.waiting[0][0]
        data: list[Json] = [{"t": (at - base).total_seconds(), "v": each} for at, each in stream.waiting]
        payload: Payload = {"id": monitor.monitor_id, "pending": 0, "basetime": timestamp(base), "data": data}
        stream.waiting = []
        sent = Outgoing("NotifyPeriodicEventStream", lambda: payload, confirmed=False)
        self._station.outbox.add(sent, keep=False)

    def _open(self, monitor: Monitor) -> None:
        self._station.send("OpenPeriodicEventStream", {"constantStreamData": _constant(monitor)})

    def _refusal(
        self, asked: int | None, component: Component, name: VariableName, data: Payload, variable: Variable
    ) -> str | None:
        kind = text(data, "type")
        if kind not in KINDS or not variable.monitored:
            return "UnsupportedMonitorType"
        if asked is not None:
            old = self.monitors.get(asked)
            return None if old is not None and (old.component, old.name) == (component, name) else "Rejected"
        same = (component, name, kind, integer(data, "severity"))
        known = [(m.component, m.name, m.kind, m.severity) for m in self.monitors.values()]
        if same in known:
            return "Duplicate"
        newer = self._station.options.version is Version.V21 and kind in PERIODIC
        return "Rejected" if "periodicEventStream" in data and not newer else None

    def _of_monitor(self, monitor: Monitor, value: str, trigger: str) -> Payload:
        event = self._event(monitor.component, monitor.name, value, trigger, "CustomMonitor")
        return {**event, "variableMonitoringId": monitor.monitor_id}

    def _event(self, component: Component, name: VariableName, value: str, trigger: str, kind: str) -> Payload:
        self._event_id += 1
        return {
            "eventId": self._event_id,
            "timestamp": timestamp(self._station.station_time()),
            "trigger": trigger,
            "actualValue": value,
            "component": component.payload(),
            "variable": name.payload(),
            "eventNotificationType": kind,
        }

    def _send(self, events: list[Json], told: Told | None = None) -> None:
        generated = timestamp(self._station.station_time())
        payload: Payload = {"generatedAt": generated, "seqNo": 0, "tbc": False, "eventData": events}
        self._station.send("NotifyEvent", payload, told=told)


def _constant(monitor: Monitor) -> Payload:
    stream = monitor.stream or Stream(0, 1)
    params: Payload = {"interval": stream.interval_s, "values": stream.values}
    return {"id": monitor.monitor_id, "params": params, "variableMonitoringId": monitor.monitor_id}


def _reported(monitor: Monitor) -> Payload:
    about: Payload = {
        "id": monitor.monitor_id,
        "transaction": False,
        "value": monitor.value,
        "type": monitor.kind,
        "severity": monitor.severity,
    }
    return {"component": monitor.component.payload(), "variable": monitor.name.payload(), "variableMonitoring": [about]}


def _number(value: str) -> float:
    """Return a value as a number; what is none counts by its truth, so that a change of it is one of 1."""
    try:
        return float(value)
    except ValueError:
        return 1.0 if value.lower() == "true" else 0.0


def read_wanted(payload: Payload) -> list[tuple[Component, VariableName | None]]:
    """Read the componentVariable list of a report request; empty where there is none."""
    entries = payload.get("componentVariable", [])
    if not isinstance(entries, list):
        raise FormatError("componentVariable must be a list")
    wanted: list[tuple[Component, VariableName | None]] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise FormatError("componentVariable holds objects")
        variable = read_variable(mapping(entry, "variable")) if "variable" in entry else None
        wanted.append((read_component(mapping(entry, "component")), variable))
    return wanted

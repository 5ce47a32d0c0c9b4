"""Monitors of a station's device model, which raise alerts, in OCPP 2 (N02 to N06)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..model import Json
from . import payloads
from .commands import Caller, CommandError, CommandErrorCode, ask
from .v2_reports import Reports
from .v2_settings import parse_name, read_setting


class MonitorType(StrEnum):
    """When a monitor raises an alert; the words are OCPP's."""

    UPPER_THRESHOLD = "UpperThreshold"
    LOWER_THRESHOLD = "LowerThreshold"
    DELTA = "Delta"
    PERIODIC = "Periodic"
    PERIODIC_CLOCK_ALIGNED = "PeriodicClockAligned"


class MonitoringBase(StrEnum):
    """Which of the monitors that a station came with are on; the words are OCPP's."""

    ALL = "All"
    FACTORY_DEFAULT = "FactoryDefault"
    HARD_WIRED_ONLY = "HardWiredOnly"


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor of one variable; `value` is in the variable's unit, for periodic ones in seconds.

    `severity` goes from 0, danger, to 9, debugging. `monitor_id` replaces the monitor of this number.
    """

    variable: str
    type: MonitorType
    value: float
    severity: int = 8
    transaction: bool = False
    monitor_id: int | None = None


@dataclass(frozen=True, slots=True)
class MonitorResult:
    """What a station made of a monitor: OCPP's word, and the number it got where that was accepted."""

    variable: str
    status: str
    monitor_id: int | None = None


class Monitoring:
    """The monitors of one station."""

    def __init__(self, caller: Caller, reports: Reports) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports

    async def set_base(self, base: MonitoringBase) -> None:
        """Turn the station's own monitors on or off, and drop those that were set (N03); raises CommandError."""
        await ask(self._caller, "SetMonitoringBase", {"monitoringBase": base.value}, ("Accepted", "EmptyResultSet"))

    async def set_level(self, severity: int) -> None:
        """Be told of alerts of this severity and graver ones only (N05); raises CommandError."""
        await ask(self._caller, "SetMonitoringLevel", {"severity": severity})

    async def set(self, monitors: Sequence[Monitor]) -> tuple[MonitorResult, ...]:
        """Set monitors and return what became of each (N04); raises CommandError."""
        data: list[Json] = [_to_json(monitor) for monitor in monitors]
        answer = await self._caller.call("SetVariableMonitoring", {"setMonitoringData": data})
        results = answer.get("setMonitoringResult")
        return tuple(
            MonitorResult(
                "" if (setting := read_setting(one)) is None else setting.name,
                payloads.text(one, "status") or "",
                payloads.integer(one, "id"),
            )
            for one in (results if isinstance(results, list) else [])
            if isinstance(one, dict)
        )

    async def clear(self, ids: Sequence[int]) -> dict[int, str]:
        """Take monitors away and return OCPP's word for what became of each (N06); raises CommandError."""
        answer = await self._caller.call("ClearVariableMonitoring", {"id": list(ids)})
        results = answer.get("clearMonitoringResult")
        return {
            number: payloads.text(one, "status") or ""
            for one in (results if isinstance(results, list) else [])
            if isinstance(one, dict) and (number := payloads.integer(one, "id")) is not None
        }

    async def report(self, variables: Sequence[str] = ()) -> tuple[Monitor, ...]:
        """Return the monitors that are set, of all variables without any named (N02); raises CommandError."""

        async def request(request_id: int) -> bool:
            payload: dict[str, Json] = {"requestId": request_id}
            if variables:
                payload["componentVariable"] = [_place(name) for name in variables]
            return await ask(self._caller, "GetMonitoringReport", payload, ("Accepted", "EmptyResultSet")) == "Accepted"

        pages = await self._reports.gather(request)
        return tuple(monitor for one in pages if isinstance(one, dict) for monitor in _from_json(one))


def _place(name: str) -> dict[str, Json]:
    setting = parse_name(name)
    if setting is None:
        raise CommandError(CommandErrorCode.INVALID, f"{name[:100]} is not Component.Variable")
    return setting.to_json()


def _to_json(monitor: Monitor) -> dict[str, Json]:
    made: dict[str, Json] = {
        "value": monitor.value,
        "type": monitor.type.value,
        "severity": monitor.severity,
        "transaction": monitor.transaction,
        **_place(monitor.variable),
    }
    if monitor.monitor_id is not None:
        made["id"] = monitor.monitor_id
    return made


def _from_json(entry: Mapping[str, Json]) -> list[Monitor]:
    """Read a MonitoringDataType; monitors of a kind that we do not know are passed over."""
    setting, told = read_setting(entry), entry.get("variableMonitoring")
    monitors: list[Monitor] = []
    for raw in told if isinstance(told, list) and setting is not None else []:
        kind = payloads.text(raw, "type") if isinstance(raw, dict) else None
        if setting is None or not isinstance(raw, dict) or kind is None or kind not in MonitorType:
            continue
        value, severity = raw.get("value"), payloads.integer(raw, "severity")
        monitors.append(
            Monitor(
                setting.name,
                MonitorType(kind),
                float(value) if isinstance(value, int | float) else 0.0,
                0 if severity is None else severity,
                raw.get("transaction") is True,
                payloads.integer(raw, "id"),
            )
        )
    return monitors

"""Administrators' actions for a station of OCPP 2: what it watches by itself, and where it dials to."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .engine.csms.monitoring import Monitor, MonitoringBase, MonitorType
from .engine.csms.network_profiles import NetworkProfile
from .engine.csms.operations import supported
from .service_stations import MAX_ITEMS, NUMBER, NUMBERS, STATION, TEXT, TEXTS, StationAction, StationTarget, named

ATTR_ACTIVATE: Final = "activate"
ATTR_BASE: Final = "base"
ATTR_CLEAR: Final = "clear"
ATTR_INTERFACE: Final = "interface"
ATTR_LEVEL: Final = "level"
ATTR_MONITORS: Final = "monitors"
ATTR_RESTART: Final = "restart"
ATTR_SECURITY_PROFILE: Final = "security_profile"
ATTR_SLOT: Final = "slot"
ATTR_TIMEOUT: Final = "timeout"
ATTR_URL: Final = "url"
ATTR_VARIABLES: Final = "variables"

_SEVERITY: Final = probatio.All(NUMBER, probatio.Range(max=9))
_MONITOR: Final = probatio.Schema(
    {
        probatio.Required("variable"): TEXT,
        probatio.Required("type"): named(MonitorType),
        probatio.Required("value"): probatio.Coerce(float),
        probatio.Optional("severity", default=8): _SEVERITY,
        probatio.Optional("transaction", default=False): cv.boolean,
        probatio.Optional("monitor_id"): NUMBER,
    }
)


async def _set_variable_monitoring(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Choose the station's own monitors, then drop some, then set some, then choose which alerts are told."""
    monitoring, data = supported(target.operations.monitoring), call.data
    if not {ATTR_BASE, ATTR_CLEAR, ATTR_LEVEL, ATTR_MONITORS} & data.keys():
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="nothing_to_monitor")
    answer: dict[str, JsonValueType] = {}
    if ATTR_BASE in data:
        await monitoring.set_base(data[ATTR_BASE])
    if data.get(ATTR_CLEAR):
        cleared = await monitoring.clear(data[ATTR_CLEAR])
        answer["cleared"] = [{"monitor_id": number, "status": status} for number, status in cleared.items()]
    if data.get(ATTR_MONITORS):
        results = await monitoring.set([Monitor(**raw) for raw in data[ATTR_MONITORS]])
        answer[ATTR_MONITORS] = [
            {"variable": one.variable, "status": one.status, "monitor_id": one.monitor_id} for one in results
        ]
    if ATTR_LEVEL in data:
        await monitoring.set_level(data[ATTR_LEVEL])
    return answer


async def _get_monitoring_report(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return the monitors that are set."""
    monitors = await supported(target.operations.monitoring).report(call.data[ATTR_VARIABLES])
    shown: list[JsonValueType] = [
        {
            "monitor_id": one.monitor_id,
            "variable": one.variable,
            "type": one.type.name.lower(),
            "value": one.value,
            "severity": one.severity,
            "transaction": one.transaction,
        }
        for one in monitors
    ]
    return {ATTR_MONITORS: shown}


async def _set_network_profile(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Write where the station may dial to, and on request let it do so from its next start on, or now."""
    network, data = supported(target.operations.network), call.data
    profile = NetworkProfile(
        data[ATTR_URL], data[ATTR_SECURITY_PROFILE], data[ATTR_INTERFACE], message_timeout_s=data[ATTR_TIMEOUT]
    )
    await network.write(data[ATTR_SLOT], profile)
    if data[ATTR_ACTIVATE] or data[ATTR_RESTART]:
        await network.prefer(data[ATTR_SLOT])
    if data[ATTR_RESTART]:
        await target.station.reset(hard=False)
    return None


ACTIONS: Final[Mapping[str, StationAction]] = {
    "set_variable_monitoring": StationAction(
        _set_variable_monitoring,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_BASE): named(MonitoringBase),
                probatio.Optional(ATTR_LEVEL): _SEVERITY,
                probatio.Optional(ATTR_CLEAR): NUMBERS,
                probatio.Optional(ATTR_MONITORS): probatio.All(
                    probatio.EnsureList(), probatio.Length(max=MAX_ITEMS), [_MONITOR]
                ),
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "get_monitoring_report": StationAction(
        _get_monitoring_report, probatio.Schema({**STATION, probatio.Optional(ATTR_VARIABLES, default=list): TEXTS})
    ),
    "set_network_profile": StationAction(
        _set_network_profile,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_SLOT): NUMBER,
                probatio.Required(ATTR_URL): probatio.All(TEXT, probatio.Match(r"^wss?://[^\s@]+$")),
                probatio.Required(ATTR_SECURITY_PROFILE): probatio.All(NUMBER, probatio.Range(max=3)),
                probatio.Optional(ATTR_INTERFACE, default="Wired0"): TEXT,
                probatio.Optional(ATTR_TIMEOUT, default=30): NUMBER,
                probatio.Optional(ATTR_ACTIVATE, default=False): cv.boolean,
                probatio.Optional(ATTR_RESTART, default=False): cv.boolean,
            }
        ),
        SupportsResponse.NONE,
    ),
}

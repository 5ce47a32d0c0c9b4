"""What a second central system may make a station do, as a table; everything not in it is refused."""

from collections.abc import Mapping
import re
from typing import Final

from ...model import Json
from ...relay_config import RelayPolicy
from ..schemas import Schemas

# Asks, and changes nothing.
_READS: Final = frozenset(
    {
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
    }
)
_USES: Final = frozenset(
    {
        "CancelReservation",
        "GetBaseReport",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "SendLocalList",
        "TriggerMessage",
        "UnlockConnector",
    }
)
_RUNS: Final = frozenset(
    {
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DataTransfer",
        "ExtendedTriggerMessage",
        "GetDiagnostics",
        "GetDisplayMessages",
        "GetLog",
        "GetMonitoringReport",
        "Reset",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetVariableMonitoring",
        "SetVariables",
        "SignedUpdateFirmware",
        "UpdateFirmware",
    }
)
# Never sent on: they become an input of the site.
LIMITS: Final = frozenset({"SetChargingProfile", "ClearChargingProfile"})

# Who holds these takes the station from us: they are ours under every policy.
_OUR_SETTINGS: Final = re.compile(
    r"password|authorizationkey|securityprofile|networkconfiguration|networkprofile|url|uri\b|endpoint|backend"
    r"|centralsystem|ocppcentral|csms|server|host\b|identity|chargeboxid|websocketping",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"password|authorizationkey|secret|credential|\bpin\b|\bkey\b", re.IGNORECASE)
# No station sends what it sends on request of a trigger for what is between it and us.
_PRIVATE_TRIGGERS: Final = re.compile(r"certificate", re.IGNORECASE)

# Answers that say no without a status `Rejected` (OCPP 1.6 sections 7.33, 7.41, 7.48).
_SAYS_NO: Final = {
    "UnlockConnector": ("NotSupported", "UnlockFailed"),
    "SendLocalList": ("NotSupported", "Failed"),
    "ClearChargingProfile": ("Unknown",),
}


def allowed(policy: RelayPolicy, action: str, payload: Mapping[str, Json]) -> bool:
    """Return whether a command of theirs may reach the station."""
    if action in _READS:
        return True
    if action in _USES and policy is not RelayPolicy.READ_ONLY:
        trigger = payload.get("requestedMessage")
        return not (isinstance(trigger, str) and _PRIVATE_TRIGGERS.search(trigger))
    if action in _RUNS and policy is RelayPolicy.ALL_BUT_LIMITS:
        return not any(_OUR_SETTINGS.search(name) for name in _settings_named(payload))
    return False


def _settings_named(payload: Mapping[str, Json]) -> list[str]:
    """Return the names of settings that a command writes, and of messages it triggers."""
    names = [payload.get("key"), payload.get("requestedMessage")]
    data = payload.get("setVariableData")
    for each in data if isinstance(data, list) else []:
        for part in ("component", "variable"):
            described = each.get(part) if isinstance(each, dict) else None
            names.append(described.get("name") if isinstance(described, dict) else None)
    texts = [name for name in names if isinstance(name, str)]
    # Certificates decide whom a station trusts, as much as a password does.
    return ["password" if "certificate" in text.lower() else text for text in texts]


def refusal(schemas: Schemas, action: str) -> dict[str, Json] | None:
    """Return the answer that says no to an action, None where only a CALLERROR can."""
    for status in _SAYS_NO.get(action, ("Rejected",)):
        answer: dict[str, Json] = {"status": status}
        if not schemas.response_violations(action, answer):
            return answer
    return None


def without_secrets(action: str, answer: Mapping[str, Json]) -> dict[str, Json]:
    """Return a station's answer without the values of secrets that it should not have told."""
    name, told = (
        ("configurationKey", "value") if action == "GetConfiguration" else ("getVariableResult", "attributeValue")
    )
    entries = answer.get(name)
    if not isinstance(entries, list):
        return dict(answer)
    cleaned: list[Json] = []
    for entry in entries:
        if isinstance(entry, dict) and _SECRET.search(_name_of(entry)):
            entry = {part: value for part, value in entry.items() if part != told}
        cleaned.append(entry)
    return {**answer, name: cleaned}


def _name_of(entry: Mapping[str, Json]) -> str:
    variable = entry.get("variable")
    return f"{entry.get('key')} {variable.get('name') if isinstance(variable, dict) else ''}"

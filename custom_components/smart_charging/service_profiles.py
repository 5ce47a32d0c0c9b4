"""The administrators' action that reads which charging profiles a station holds, in OCPP 2."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse
import probatio

from .engine.csms.installed_profiles import ProfileCriteria
from .engine.csms.operations import supported
from .service_stations import EVSE, NUMBER, NUMBERS, TEXT, TEXTS, StationAction, StationTarget
from .service_targets import ATTR_EVSE

ATTR_PROFILE_IDS: Final = "profile_ids"
ATTR_PURPOSE: Final = "purpose"
ATTR_SOURCES: Final = "sources"
ATTR_STACK_LEVEL: Final = "stack_level"

ALL_SOURCES: Final = ("EMS", "Other", "SO", "CSO")  # OCPP 2.0.1 part 2 ChargingLimitSourceEnumType


async def _get_charging_profiles(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return the profiles that the criteria fit, those of everybody without any."""
    data = call.data
    named = [data[name] for name in (ATTR_PROFILE_IDS, ATTR_PURPOSE, ATTR_STACK_LEVEL, ATTR_SOURCES) if name in data]
    criteria = ProfileCriteria(
        target.evse_ids[0] if target.chosen else None,
        tuple(data.get(ATTR_PROFILE_IDS, ())),
        data.get(ATTR_PURPOSE),
        data.get(ATTR_STACK_LEVEL),
        tuple(data.get(ATTR_SOURCES, () if named else ALL_SOURCES)),
    )
    found = await supported(target.operations.profiles).read(criteria)
    return {"profiles": [{ATTR_EVSE: one.evse_id, "source": one.source, "profile": one.profile} for one in found]}


ACTIONS: Final[Mapping[str, StationAction]] = {
    "get_charging_profiles": StationAction(
        _get_charging_profiles,
        probatio.Schema(
            {
                **EVSE,
                probatio.Optional(ATTR_PROFILE_IDS): NUMBERS,
                probatio.Optional(ATTR_PURPOSE): TEXT,
                probatio.Optional(ATTR_STACK_LEVEL): NUMBER,
                probatio.Optional(ATTR_SOURCES): TEXTS,
            }
        ),
    ),
}

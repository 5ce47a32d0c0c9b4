"""Administrators' actions for a station's local list of tags, which holds while nobody can be asked."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio

from .engine.csms.local_list import MAX_ENTRIES, LocalListEntry
from .engine.model import AuthorizationStatus
from .service_stations import NUMBER, STATION, STATION_SCHEMA, TEXT, StationAction, StationTarget, named
from .service_times import utc

ATTR_ENTRIES: Final = "entries"
ATTR_EXPIRES: Final = "expires"
ATTR_GROUP: Final = "group"
ATTR_STATUS: Final = "status"
ATTR_TAG: Final = "tag"
ATTR_TYPE: Final = "type"
ATTR_UPDATE: Final = "update"
ATTR_VERSION: Final = "version"

FULL: Final = "full"
DIFFERENTIAL: Final = "differential"
REMOVED: Final = "removed"

_STATUS: Final = probatio.Any(REMOVED, named(AuthorizationStatus))
_ENTRY: Final = probatio.Schema(
    {
        probatio.Required(ATTR_TAG): TEXT,
        probatio.Optional(ATTR_STATUS, default=AuthorizationStatus.ACCEPTED.name): _STATUS,
        probatio.Optional(ATTR_EXPIRES): cv.datetime,
        probatio.Optional(ATTR_GROUP): TEXT,
        probatio.Optional(ATTR_TYPE, default="ISO14443"): TEXT,
    }
)


async def _send_local_list(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Replace or change the list, by default with the version after the station's."""
    local_list = target.operations.local_list
    version = call.data.get(ATTR_VERSION)
    if version is None:
        version = await local_list.version() + 1
    entries = [_entry(target, raw) for raw in call.data[ATTR_ENTRIES]]
    send = local_list.replace if call.data[ATTR_UPDATE] == FULL else local_list.change
    return {ATTR_VERSION: await send(entries, version)}


async def _get_local_list_version(target: StationTarget, _call: ServiceCall) -> ServiceResponse:
    """Return the version of the station's list, 0 without one."""
    return {ATTR_VERSION: await target.operations.local_list.version()}


def _entry(target: StationTarget, entry: Mapping[str, Any]) -> LocalListEntry:
    """Return an entry of which the fields were checked."""
    status = None if entry[ATTR_STATUS] == REMOVED else entry[ATTR_STATUS]
    # Named as in the answer to a presented tag: stations compare the two.
    group = entry.get(ATTR_GROUP) and target.tokens.group_value(entry[ATTR_GROUP])
    return LocalListEntry(entry[ATTR_TAG], status, utc(entry.get(ATTR_EXPIRES)), group, entry[ATTR_TYPE])


ACTIONS: Final[Mapping[str, StationAction]] = {
    "send_local_list": StationAction(
        _send_local_list,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_ENTRIES): probatio.All(
                    probatio.EnsureList(), probatio.Length(max=MAX_ENTRIES), [_ENTRY]
                ),
                probatio.Optional(ATTR_UPDATE, default=FULL): probatio.In([FULL, DIFFERENTIAL]),
                probatio.Optional(ATTR_VERSION): probatio.All(NUMBER, probatio.Range(min=1)),
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "get_local_list_version": StationAction(_get_local_list_version, STATION_SCHEMA),
}

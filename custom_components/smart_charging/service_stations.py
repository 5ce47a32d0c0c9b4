"""What the administrators' actions for one charging station share: who is meant, and how a refusal is told."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_get_device_and_config_entry, async_register_admin_service
import probatio

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.csms.operations import Operations
from .engine.csms.station import Station
from .engine.ledger import SiteTokens
from .engine.site import Site
from .errors import translated_errors
from .service_targets import ATTR_EVSE, EVSE_NUMBER, evses_of, whole_number

ATTR_CONNECTOR: Final = "connector"

MAX_TEXT: Final = 512
MAX_ITEMS: Final = 500

TEXT: Final = probatio.All(cv.string, probatio.Length(min=1, max=MAX_TEXT))
TEXTS: Final = probatio.All(probatio.EnsureList(), probatio.Length(max=MAX_ITEMS), [TEXT])
NUMBER: Final = probatio.All(whole_number, probatio.Range(min=0, max=2**31 - 1))
NUMBERS: Final = probatio.All(probatio.EnsureList(), probatio.Length(max=MAX_ITEMS), [NUMBER])
STATION: Final[Mapping[object, object]] = {probatio.Required(ATTR_DEVICE_ID): cv.string}
EVSE: Final[Mapping[object, object]] = {**STATION, probatio.Optional(ATTR_EVSE): EVSE_NUMBER}
CONNECTOR: Final[Mapping[object, object]] = {**EVSE, probatio.Optional(ATTR_CONNECTOR): EVSE_NUMBER}
STATION_SCHEMA: Final = probatio.Schema({**STATION})


@dataclass(frozen=True, slots=True)
class StationTarget:
    """The station that an action is for, its site and the tags that it knows, and the EVSE where one is chosen."""

    entry: SmartChargingConfigEntry
    subentry: ConfigSubentry
    site: Site
    station: Station
    evse_ids: tuple[int, ...]
    chosen: bool
    tokens: SiteTokens

    @property
    def operations(self) -> Operations:
        """Return what may be asked of the station."""
        return self.station.operations

    @property
    def evse_or_station(self) -> int:
        """Return the EVSE that was chosen, 0 for the station as a whole."""
        return self.evse_ids[0] if self.chosen else 0

    @property
    def evse_id(self) -> int:
        """Return the EVSE that is meant; ServiceValidationError where there are several to choose from."""
        if len(self.evse_ids) > 1:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="evse_required",
                translation_placeholders={"charger": self.subentry.title},
            )
        return self.evse_ids[0]


@dataclass(frozen=True, slots=True)
class StationAction:
    """An action: what it does, what it takes, and whether it answers."""

    run: Callable[[StationTarget, ServiceCall], Awaitable[ServiceResponse]]
    schema: probatio.Schema
    answers: SupportsResponse = SupportsResponse.ONLY


@callback
def async_register_actions(hass: HomeAssistant, actions: Mapping[str, StationAction]) -> None:
    """Register actions that only administrators may call."""
    for name, action in actions.items():
        async_register_admin_service(hass, DOMAIN, name, _for_station(action), action.schema, action.answers)


def named[E: Enum](kind: type[E]) -> Callable[[object], E]:
    """Return a check for the names of an enumeration in lower case."""

    def check(value: object) -> E:
        name = value.upper() if isinstance(value, str) else ""
        if name not in kind.__members__:
            raise probatio.Invalid("expected one of " + ", ".join(kind.__members__).lower())
        return kind[name]

    return check


def _for_station(action: StationAction) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    async def handle(call: ServiceCall) -> ServiceResponse:
        """Ask the station and put its refusal into words."""
        target = _target(call)
        with translated_errors(target.subentry.title):
            answer = await action.run(target, call)
        return answer if call.return_response else None

    return handle


def _target(call: ServiceCall) -> StationTarget:
    """Return who is meant by the device, and by the EVSE's number where one is given."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, call.data[ATTR_DEVICE_ID])
    keys = evses_of(call, entry, device)
    subentry = entry.subentries[str(device.config_subentry_id)]
    chosen = ATTR_EVSE in call.data or isinstance(device, dr.ChildDeviceEntry)
    site = entry.runtime_data.site
    station = site.station(keys[0].station_id)
    evse_ids = tuple(key.evse_id for key in keys)
    return StationTarget(entry, subentry, site, station, evse_ids, chosen, entry.runtime_data.ledger.tokens)

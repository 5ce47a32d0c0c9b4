"""Which EVSEs an action is for: devices of chargers and EVSEs, and an EVSE's number where a charger has several."""

from dataclasses import dataclass
from typing import Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_get_device_and_config_entry
import probatio

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey

ATTR_EVSE: Final = "evse"


def real_number(value: object) -> float:
    """Return a number; Invalid for anything else, such as true and false, which count as 1 and 0 otherwise."""
    if isinstance(value, bool):
        raise probatio.Invalid("expected a number, not true or false")
    number: float = probatio.Coerce(float)(value)
    return number


def whole_number(value: object) -> int:
    """Return a number without a fraction as an integer; Invalid for anything else."""
    number = real_number(value)
    if not number.is_integer():
        raise probatio.Invalid("expected a whole number")
    return int(number)


EVSE_NUMBER: Final = probatio.All(whole_number, probatio.Range(min=1))
EVSE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): probatio.All(probatio.EnsureList(), probatio.Length(min=1), [cv.string]),
        probatio.Optional(ATTR_EVSE): EVSE_NUMBER,
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """An EVSE that an action is for."""

    entry: SmartChargingConfigEntry
    subentry: ConfigSubentry
    key: EvseKey


def evse_target(call: ServiceCall, device_id: str) -> Target:
    """Return the one EVSE that is meant by a device, and by the EVSE's number where that has several."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    keys = evses_of(call, entry, device)
    if len(keys) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="evse_required",
            translation_placeholders={"charger": device_name(device)},
        )
    return Target(entry, entry.subentries[str(device.config_subentry_id)], keys[0])


def device_name(device: dr.AnyDeviceEntry) -> str:
    """Return what a user calls a device."""
    return device.name_by_user or device.name or device.id


def evses_of(call: ServiceCall, entry: SmartChargingConfigEntry, device: dr.AnyDeviceEntry) -> tuple[EvseKey, ...]:
    """Return the EVSEs of a charger's or an EVSE's device, at least one; the field `evse` chooses among them."""
    name = device_name(device)
    subentry = entry.subentries.get(device.config_subentry_id or "")
    charger = entry.runtime_data.site.view.chargers.get(str(subentry.unique_id)) if subentry else None
    if subentry is None or charger is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_a_charger", translation_placeholders={"device": name}
        )
    wanted = call.data.get(ATTR_EVSE)
    keys = tuple(
        evse.key
        for evse in charger.evses.values()
        if wanted in {None, evse.key.evse_id}
        and (
            not isinstance(device, dr.ChildDeviceEntry)
            or (DOMAIN, f"{subentry.subentry_id}_{evse.key.evse_id}") in device.identifiers
        )
    )
    if not keys:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_such_evse",
            translation_placeholders={"charger": name, "evse": str(wanted)},
        )
    return keys

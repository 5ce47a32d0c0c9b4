"""Actions: charging started, stopped and limited from automations, and sessions read from the ledger."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_get_config_entry, async_get_device_and_config_entry
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .const import CONF_MAX_CURRENT_A, DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.model import MIN_CURRENT_A, ChargeMode, EvseKey, Session
from .errors import translated_errors
from .sessions import recorded_session

SERVICE_START_CHARGING: Final = "start_charging"
SERVICE_STOP_CHARGING: Final = "stop_charging"
SERVICE_SET_MODE: Final = "set_mode"
SERVICE_SET_LIMIT: Final = "set_limit"
SERVICE_GET_SESSIONS: Final = "get_sessions"

ATTR_EVSE: Final = "evse"
ATTR_TAG: Final = "tag"
ATTR_MODE: Final = "mode"
ATTR_CURRENT: Final = "current"
ATTR_START: Final = "start"
ATTR_END: Final = "end"

MAX_TAG_LENGTH: Final = 20  # OCPP 1.6 section 7.28 IdToken


def _whole_number(value: object) -> int:
    """Return a number without a fraction as an integer; Invalid for anything else."""
    number: float = probatio.Coerce(float)(value)
    if isinstance(value, bool) or not number.is_integer():
        raise probatio.Invalid("expected a whole number")
    return int(number)


_EVSE: Final = probatio.All(_whole_number, probatio.Range(min=1))
EVSE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): probatio.All(probatio.EnsureList(), probatio.Length(min=1), [cv.string]),
        probatio.Optional(ATTR_EVSE): _EVSE,
    }
)
START_SCHEMA: Final = EVSE_SCHEMA.extend(
    {probatio.Optional(ATTR_TAG): probatio.All(cv.string, probatio.Length(min=1, max=MAX_TAG_LENGTH))}
)
MODE_SCHEMA: Final = EVSE_SCHEMA.extend({probatio.Required(ATTR_MODE): probatio.Coerce(ChargeMode)})
LIMIT_SCHEMA: Final = EVSE_SCHEMA.extend({probatio.Required(ATTR_CURRENT): probatio.Coerce(float)})
SESSIONS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_EVSE): _EVSE,
        probatio.Optional(ATTR_START): cv.datetime,
        probatio.Optional(ATTR_END): cv.datetime,
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """An EVSE that an action is for."""

    entry: SmartChargingConfigEntry
    subentry: ConfigSubentry
    key: EvseKey


type EvseAction = Callable[[Target, ServiceCall], Awaitable[None]]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action, schema in (
        (SERVICE_START_CHARGING, _start_charging, START_SCHEMA),
        (SERVICE_STOP_CHARGING, _stop_charging, EVSE_SCHEMA),
        (SERVICE_SET_MODE, _set_mode, MODE_SCHEMA),
        (SERVICE_SET_LIMIT, _set_limit, LIMIT_SCHEMA),
    ):
        hass.services.async_register(DOMAIN, name, _for_each_evse(action), schema)
    hass.services.async_register(
        DOMAIN, SERVICE_GET_SESSIONS, _get_sessions, SESSIONS_SCHEMA, supports_response=SupportsResponse.ONLY
    )


def _for_each_evse(action: EvseAction) -> Callable[[ServiceCall], Coroutine[Any, Any, None]]:
    """Return a handler that does the action for every device named, once all of them are known to be right."""

    async def handle(call: ServiceCall) -> None:
        """Act on each EVSE and show the result at once."""
        targets = [_target(call, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
        for target in targets:
            with translated_errors(target.subentry.title):
                await action(target, call)
            target.entry.runtime_data.coordinator.async_publish_now()

    return handle


async def _start_charging(target: Target, call: ServiceCall) -> None:
    """Ask the station for a transaction."""
    await target.entry.runtime_data.site.start_charging(target.key, call.data.get(ATTR_TAG))


async def _stop_charging(target: Target, _call: ServiceCall) -> None:
    """Ask the station to end its transaction."""
    await target.entry.runtime_data.site.stop_charging(target.key)


async def _set_mode(target: Target, call: ServiceCall) -> None:
    """Change the mode."""
    await target.entry.runtime_data.site.set_mode(target.key, call.data[ATTR_MODE])


async def _set_limit(target: Target, call: ServiceCall) -> None:
    """Change the user's limit, which the charger's rating bounds."""
    current_a, rated_a = call.data[ATTR_CURRENT], float(target.subentry.data[CONF_MAX_CURRENT_A])
    if not MIN_CURRENT_A <= current_a <= rated_a:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="limit_out_of_range",
            translation_placeholders={
                "charger": target.subentry.title,
                "current": f"{current_a:g}",
                "minimum": f"{MIN_CURRENT_A:g}",
                "maximum": f"{rated_a:g}",
            },
        )
    await target.entry.runtime_data.site.set_max_current(target.key, current_a)


async def _get_sessions(call: ServiceCall) -> ServiceResponse:
    """Return the sessions of a site, a charger or an EVSE, oldest first."""
    entry, keys = _session_filter(call)
    start, end = _utc(call.data.get(ATTR_START)), _utc(call.data.get(ATTR_END))
    if start is not None and end is not None and end <= start:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="end_before_start")
    found: list[Session] = []
    with translated_errors(entry.title):
        for key in keys:
            found += await entry.runtime_data.ledger.sessions(start=start, end=end, key=key)
    now = dt_util.utcnow()
    if start is not None and start > now:
        # A session that goes on reaches up to now, not into the future.
        found = [session for session in found if session.plugged_out_at is not None]
    names = {charger.unique_id: charger.title for charger in entry.subentries.values()}
    sessions: list[JsonValueType] = [
        {
            "charger": names.get(session.station_id, session.station_id),
            **recorded_session(session, entry.entry_id, now),
        }
        for session in sorted(found, key=lambda each: each.plugged_in_at)
    ]
    return {"sessions": sessions}


def _session_filter(call: ServiceCall) -> tuple[SmartChargingConfigEntry, tuple[EvseKey | None, ...]]:
    """Return the site asked about and its EVSEs, None for all there ever were."""
    entry_id = call.data.get(ATTR_CONFIG_ENTRY_ID)
    if (device_id := call.data.get(ATTR_DEVICE_ID)) is None:
        _refuse_evse(call)
        return async_get_config_entry(call.hass, DOMAIN, entry_id), (None,)
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    if entry_id not in {None, entry.entry_id}:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="charger_of_another_site",
            translation_placeholders={
                "charger": device.name_by_user or device.name or device_id,
                "site": async_get_config_entry(call.hass, DOMAIN, entry_id).title,
            },
        )
    if device.config_subentry_id is None:
        _refuse_evse(call)
        return entry, (None,)
    return entry, _evses(call, entry, device)


def _refuse_evse(call: ServiceCall) -> None:
    """Raise where an EVSE was chosen without the charger that it is one of."""
    if ATTR_EVSE in call.data:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="evse_without_charger")


def _target(call: ServiceCall, device_id: str) -> Target:
    """Return the one EVSE that is meant by a device, and by the EVSE's number where that has several."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    keys = _evses(call, entry, device)
    if len(keys) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="evse_required",
            translation_placeholders={"charger": device.name_by_user or device.name or device_id},
        )
    return Target(entry, entry.subentries[str(device.config_subentry_id)], keys[0])


def _evses(call: ServiceCall, entry: SmartChargingConfigEntry, device: dr.AnyDeviceEntry) -> tuple[EvseKey, ...]:
    """Return the EVSEs of a charger's or an EVSE's device, at least one; the field `evse` chooses among them."""
    name = device.name_by_user or device.name or device.id
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


def _utc(local: datetime | None) -> datetime | None:
    """Return a time that a user gave, without a zone meant as local, in UTC."""
    if local is None:
        return None
    try:
        return dt_util.as_utc(local)
    except (OverflowError, ValueError) as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="time_out_of_range",
            translation_placeholders={"time": local.isoformat()},
        ) from err

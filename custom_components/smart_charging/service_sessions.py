"""The action that reads sessions from the ledger."""

from dataclasses import replace
from functools import partial
from typing import Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_config_entry, async_get_device_and_config_entry
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey, Session
from .errors import translated_errors
from .service_targets import ATTR_EVSE, EVSE_NUMBER, device_name, evses_of
from .service_times import utc
from .sessions import recorded_session

ATTR_START: Final = "start"
ATTR_END: Final = "end"

SESSIONS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_EVSE): EVSE_NUMBER,
        probatio.Optional(ATTR_START): cv.datetime,
        probatio.Optional(ATTR_END): cv.datetime,
    }
)


async def get_sessions(call: ServiceCall) -> ServiceResponse:
    """Return the sessions of a site, a charger or an EVSE, oldest first."""
    entry, keys = _session_filter(call)
    start, end = utc(call.data.get(ATTR_START)), utc(call.data.get(ATTR_END))
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
        for session in sorted(map(partial(_up_to_now, entry), found), key=lambda each: each.plugged_in_at)
    ]
    return {"sessions": sessions}


def _up_to_now(entry: SmartChargingConfigEntry, session: Session) -> Session:
    """Return a session with where its energy came from up to now: the ledger may have it as of a minute ago."""
    return replace(session, origin=entry.runtime_data.site.origin(session))


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
                "charger": device_name(device),
                "site": async_get_config_entry(call.hass, DOMAIN, entry_id).title,
            },
        )
    if device.config_subentry_id is None:
        _refuse_evse(call)
        return entry, (None,)
    return entry, evses_of(call, entry, device)


def _refuse_evse(call: ServiceCall) -> None:
    """Raise where an EVSE was chosen without the charger that it is one of."""
    if ATTR_EVSE in call.data:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="evse_without_charger")

"""The actions that ask for the grid operator's limits and take that back, as automations hear of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .coordinator import SmartChargingConfigEntry
from .engine.grid.signal import RAW_LENGTH, GridSignal, SignalKind, SignalScope, SignalUnit
from .engine.grid.source import MOST_SIGNALS, SignalAdded, SignalsCleared, SourceEvent
from .engine.grid_control import ACTION, SIMULATION
from .service_grid_places import (
    ATTR_SCOPE,
    SITE_SCOPES,
    GridPlace,
    check_amount,
    effective_limit,
    grid_place,
    grid_refusal,
    grid_scope,
)
from .service_limits import ATTR_CURRENT, ATTR_DURATION, ATTR_POWER, ATTR_UNTIL
from .service_targets import EVSE_SCHEMA, real_number
from .service_times import LONGEST, time_span, utc

ATTR_FROM: Final = "from"
ATTR_KIND: Final = "kind"
ATTR_LEVEL: Final = "level"
ATTR_PERCENT: Final = "percent"
ATTR_RAW: Final = "raw"

SITE_SCOPE: Final = probatio.All(probatio.Coerce(SignalScope), probatio.In(SITE_SCOPES))
SET_GRID_LIMIT_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Optional(ATTR_KIND, default=SignalKind.IMPORT_LIMIT): probatio.Coerce(SignalKind),
        probatio.Optional(ATTR_SCOPE): SITE_SCOPE,
        probatio.Optional(ATTR_POWER): real_number,
        probatio.Optional(ATTR_CURRENT): real_number,
        probatio.Optional(ATTR_PERCENT): real_number,
        probatio.Optional(ATTR_LEVEL): real_number,
        probatio.Optional(ATTR_FROM): cv.datetime,
        probatio.Optional(ATTR_UNTIL): cv.datetime,
        probatio.Optional(ATTR_DURATION): time_span,
        probatio.Optional(ATTR_RAW, default=""): cv.string,
    }
)
CLEAR_GRID_LIMIT_SCHEMA: Final = EVSE_SCHEMA.extend(
    {
        probatio.Optional(ATTR_KIND): probatio.Coerce(SignalKind),
        probatio.Optional(ATTR_SCOPE): SITE_SCOPE,
    }
)

# What may be said of how much, with its unit.
_AMOUNTS: Final = {
    ATTR_POWER: SignalUnit.WATT,
    ATTR_CURRENT: SignalUnit.AMPERE,
    ATTR_PERCENT: SignalUnit.PERCENT,
    ATTR_LEVEL: SignalUnit.LEVEL,
}

type _Told = Sequence[tuple[GridPlace, Sequence[SourceEvent]]]


async def set_grid_limit(call: ServiceCall) -> ServiceResponse:
    """Let a limit hold at each place, once all of them are known to be right, and return what holds there then."""
    places = [grid_place(call, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
    return _tell([(place, [_added(call, place)]) for place in places])


async def clear_grid_limit(call: ServiceCall) -> ServiceResponse:
    """Take back what actions asked for at each place, and a simulation at a site; return what holds there then."""
    places = [grid_place(call, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
    return _tell([(place, _cleared(call, place)) for place in places])


def _tell(told: _Told) -> ServiceResponse:
    """Tell each site at once all that is for it."""
    entries: dict[str, SmartChargingConfigEntry] = {}
    events: dict[str, list[SourceEvent]] = {}
    for place, some in told:
        entries[place.entry.entry_id] = place.entry
        events.setdefault(place.entry.entry_id, []).extend(some)
    for entry_id, entry in entries.items():
        entry.runtime_data.site.grid.take(*events[entry_id])
        entry.runtime_data.coordinator.async_publish_now()
    sites: list[JsonValueType] = [effective_limit(entry) for entry in entries.values()]
    return {"sites": sites}


def _added(call: ServiceCall, place: GridPlace) -> SignalAdded:
    """Return the limit that is asked for; raises ServiceValidationError for one that can't be."""
    now, kind = place.grid.clock.now(), call.data[ATTR_KIND]
    value, unit = _amount(call, kind)
    scope = grid_scope(call, kind, place)
    _check_percent(place, kind, value, unit)
    begin, end = _times(call, now)
    raw: str = call.data[ATTR_RAW]
    if len(raw) > RAW_LENGTH:
        raise grid_refusal("grid_raw_too_long", maximum=str(RAW_LENGTH))
    if begin is not None or end is not None:
        _check_room(place)
    signal = GridSignal(
        source_id=ACTION,
        kind=kind,
        received_at=now,
        value=value,
        unit=unit,
        scope=scope,
        evse=place.evse,
        valid_from=begin,
        valid_until=end,
        raw=raw,
    )
    return SignalAdded(ACTION, now, signal)


def _cleared(call: ServiceCall, place: GridPlace) -> list[SourceEvent]:
    """Return what takes back what was asked for at a place; the chargers of a site are places of their own."""
    now, kind, chosen = place.grid.clock.now(), call.data.get(ATTR_KIND), call.data.get(ATTR_SCOPE)
    if place.evse is not None:
        if chosen is not None:
            raise grid_refusal("grid_scope_of_charger", charger=place.name)
        return [SignalsCleared(ACTION, now, kind, evse=place.evse)]
    scopes = SITE_SCOPES if chosen is None else (chosen,)
    return [SignalsCleared(source, now, kind, scope) for source in (ACTION, SIMULATION) for scope in scopes]


def _amount(call: ServiceCall, kind: SignalKind) -> tuple[float | None, SignalUnit]:
    """Return how much is asked for, and in what."""
    given = [name for name in _AMOUNTS if name in call.data]
    if kind is SignalKind.BLOCK:
        if given:
            raise grid_refusal("grid_block_with_value")
        return None, SignalUnit.WATT
    if kind is SignalKind.PRICE_LEVEL:
        if given != [ATTR_LEVEL]:
            raise grid_refusal("grid_level_needed")
    elif len(given) != 1 or given == [ATTR_LEVEL]:
        raise grid_refusal("grid_value_needed")
    unit = _AMOUNTS[given[0]]
    value: float = call.data[given[0]]
    check_amount(value, unit)
    return value, unit


def _check_percent(place: GridPlace, kind: SignalKind, value: float | None, unit: SignalUnit) -> None:
    """Raise ServiceValidationError for a part of something that is not known; nothing of any PV power is 0 W."""
    if unit is not SignalUnit.PERCENT:
        return
    if place.evse is not None:
        raise grid_refusal("grid_percent_of_charger", charger=place.name)
    if kind is SignalKind.EXPORT_LIMIT and value and place.grid.config.connection.installed_pv_w <= 0:
        raise grid_refusal("grid_percent_of_unknown_pv", site=place.name)


def _times(call: ServiceCall, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when the limit begins, None for now, and when it ends, None for until it is taken back."""
    begin, until = utc(call.data.get(ATTR_FROM)), utc(call.data.get(ATTR_UNTIL))
    duration: timedelta | None = call.data.get(ATTR_DURATION)
    if until is not None and duration is not None:
        raise grid_refusal("grid_two_ends")
    latest = now + LONGEST
    if begin is not None and begin <= now:
        begin = None
    if (begin is not None and begin > latest) or (duration is not None and duration > LONGEST):
        raise grid_refusal("grid_time_far")
    if duration is not None:
        until = (begin or now) + duration
    if until is not None and until <= now:
        raise grid_refusal("limit_already_over")
    if until is not None and begin is not None and until <= begin:
        raise grid_refusal("end_before_start")
    if until is not None and until > latest:
        raise grid_refusal("grid_time_far")
    return begin, until


def _check_room(place: GridPlace) -> None:
    """Raise ServiceValidationError where actions have announced as much as can be kept."""
    announced = sum(one.source_id == ACTION for one in place.grid.view.windows)
    if announced >= MOST_SIGNALS:
        raise grid_refusal("grid_too_many", site=place.entry.title, maximum=str(MOST_SIGNALS))

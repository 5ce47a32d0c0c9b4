"""What the actions for the grid operator's limits are for, and how they tell what holds there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.service import async_get_device_and_config_entry
from homeassistant.util.json import JsonValueType

from .const import DOMAIN, SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.grid.announcement import AnnouncedWindow
from .engine.grid.grid_room import Held
from .engine.grid.merge import GridConnection
from .engine.grid.signal import HIGHEST, OF_THE_SITE, SignalKind, SignalScope, SignalUnit
from .engine.grid_control import GridControl
from .engine.model import EvseKey
from .errors import check_finite
from .grid_names import source_name
from .service_targets import ATTR_EVSE, device_name, evse_target

ATTR_SCOPE: Final = "scope"

SITE_SCOPES: Final = (SignalScope.CONTROLLABLE, SignalScope.SITE)


@dataclass(frozen=True, slots=True)
class GridPlace:
    """What the grid operator may limit: an EVSE, or the site where there is none."""

    entry: SmartChargingConfigEntry
    name: str
    evse: EvseKey | None = None

    @property
    def grid(self) -> GridControl:
        """Return what holds its limits."""
        return self.entry.runtime_data.site.grid


def grid_refusal(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the error for something that can't be asked for."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )


def grid_place(call: ServiceCall, device_id: str) -> GridPlace:
    """Return what a device stands for; raises ServiceValidationError where the grid operator limits no such thing."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    subentry = entry.subentries.get(device.config_subentry_id or "")
    if subentry is not None and subentry.subentry_type != SUBENTRY_CHARGER:
        raise grid_refusal("not_a_grid_place", device=device_name(device))
    if subentry is not None:
        return GridPlace(entry, subentry.title, evse_target(call, device_id).key)
    if ATTR_EVSE in call.data:
        raise grid_refusal("evse_without_charger")
    return GridPlace(entry, entry.title)


def grid_site(call: ServiceCall) -> SmartChargingConfigEntry:
    """Return the site whose device is meant; raises ServiceValidationError for a device of a part of it."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, call.data[ATTR_DEVICE_ID])
    if device.config_subentry_id is not None:
        raise grid_refusal("not_a_site", device=device_name(device))
    return entry


def grid_scope(call: ServiceCall, kind: SignalKind, place: GridPlace) -> SignalScope:
    """Return what a limit of a kind is for at a place; raises ServiceValidationError for what does not fit together."""
    chosen: SignalScope | None = call.data.get(ATTR_SCOPE)
    if kind in OF_THE_SITE:
        if place.evse is not None or chosen is SignalScope.CONTROLLABLE:
            raise grid_refusal("grid_kind_of_site")
        return SignalScope.SITE
    if place.evse is None:
        return chosen or SignalScope.CONTROLLABLE
    if chosen is not None:
        raise grid_refusal("grid_scope_of_charger", charger=place.name)
    return SignalScope.DEVICE


def check_amount(value: float, unit: SignalUnit) -> None:
    """Raise ServiceValidationError for what is no number from 0 to the highest that can be meant."""
    check_finite(value)
    highest = HIGHEST[unit]
    if not 0 <= value <= highest:
        raise grid_refusal("grid_value_out_of_range", value=f"{value:g}", maximum=f"{highest:.0f}", unit=unit.value)


def shown_evse(entry: SmartChargingConfigEntry, evse: EvseKey | None) -> dict[str, JsonValueType]:
    """Return a charger's name and the number of its EVSE; the station's id only where it has no name any more."""
    if evse is None:
        return {"charger": None, "evse": None}
    charger = entry.runtime_data.site.view.chargers.get(evse.station_id)
    return {"charger": evse.station_id if charger is None else charger.name, "evse": evse.evse_id}


def effective_limit(entry: SmartChargingConfigEntry) -> dict[str, JsonValueType]:
    """Return what holds at a site now: the tightest limit on import, all others, and what is announced.

    Powers are W over all phases. While the site only observes, nobody is told any of it.
    """
    site = entry.runtime_data.site
    view, minimum, connection = site.grid.view, site.grid.minimum, site.grid.config.connection
    now, export, level = site.grid.clock.now(), view.export, view.price_level
    limits: list[JsonValueType] = [_held(entry, one, connection) for one in view.held]
    announced: list[JsonValueType] = [_window(entry, one) for one in view.windows if one.begins_at > now]
    return {
        "site": entry.title,
        "observe_only": site.observe_only,
        "active": view.active,
        "returning": view.returning,
        "limit_w": _whole(view.limit_w),
        "demanded_w": _whole(view.demanded_w),
        "source": None if view.source_id is None else source_name(entry, view.source_id),
        "reason": None if view.why is None else view.why.value,
        "kind": None if view.kind is None else view.kind.value,
        "scope": None if view.scope is None else view.scope.value,
        **shown_evse(entry, view.evse),
        "binding": view.binding,
        "since": iso(view.since),
        "until": iso(view.until),
        "minimum_w": None if minimum is None else _whole(minimum.minimum_w),
        "export": None
        if export is None
        else {
            "limit_w": None if export.of_unknown else _whole(export.limit_w),
            "source": source_name(entry, export.source_id),
            "binding": export.binding,
            "until": iso(export.until),
        },
        "price_level": None
        if level is None
        else {"level": level.level, "source": source_name(entry, level.source_id), "until": iso(level.until)},
        "limits": limits,
        "announced": announced,
    }


def iso(time: datetime | None) -> str | None:
    """Return a time as text."""
    return None if time is None else time.isoformat()


def _held(entry: SmartChargingConfigEntry, held: Held, connection: GridConnection) -> dict[str, JsonValueType]:
    demand = held.demand
    return {
        "direction": demand.target.direction.value,
        "kind": demand.kind.value,
        "scope": demand.target.scope.value,
        **shown_evse(entry, demand.target.evse),
        "limit_w": _whole(held.value_w(connection)),
        "value": round(held.value, 2),
        "unit": demand.target.unit.value,
        "returning": not held.asked,
        "source": source_name(entry, demand.source_id),
        "reason": demand.why.value,
        "binding": demand.binding,
        "until": iso(demand.until),
        "others": [source_name(entry, one) for one in demand.others],
    }


def _window(entry: SmartChargingConfigEntry, window: AnnouncedWindow) -> dict[str, JsonValueType]:
    return {
        "kind": window.kind.value,
        "scope": window.scope.value,
        **shown_evse(entry, window.evse),
        "value": window.value,
        "unit": window.unit.value,
        "source": source_name(entry, window.source_id),
        "binding": window.binding,
        "from": iso(window.begins_at),
        "until": iso(window.ends_at),
    }


def _whole(power_w: float | None) -> int | None:
    return None if power_w is None else round(power_w)

"""What a grid operator demands of a site, as tests need it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.engine.grid.announcement import AnnouncedWindow
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import (
    InputKind,
    SignalAdded,
    SignalsCleared,
    SourceConfig,
    SourceEvent,
)
from custom_components.smart_charging.engine.grid_control import ACTION
from custom_components.smart_charging.engine.grid_setup import grid_config
from custom_components.smart_charging.engine.model import EvseKey

from .site_double import AT

RELAY = SourceConfig(source_id="relay", input=InputKind.CONTACT, debounce_s=0.0)
HOUR = timedelta(hours=1)


def source_subentry(source_id: str = "relay", title: str = "Grid relay", **data: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a source of grid signals; its id is the source's."""
    return ConfigSubentryDataWithId(
        data=data, subentry_id=source_id, subentry_type="grid_signal", title=title, unique_id=None
    )


def window(**changes: Any) -> AnnouncedWindow:
    """Return a limit of 4.2 kW that the relay announced from 13:00 to 14:00."""
    values: dict[str, Any] = {
        "source_id": "relay",
        "kind": SignalKind.IMPORT_LIMIT,
        "scope": SignalScope.CONTROLLABLE,
        "evse": None,
        "value": 4_200.0,
        "unit": SignalUnit.WATT,
        "binding": True,
        "begins_at": AT + HOUR,
        "ends_at": AT + 2 * HOUR,
    }
    return AnnouncedWindow(**(values | changes))


def configure(
    entry: MockConfigEntry, *sources: SourceConfig, events: Sequence[SourceEvent] = (), **changes: Any
) -> None:
    """Have the running site know these sources, with what they tell, as well as what needs no set-up."""
    site = entry.runtime_data.site
    stations = [one.config for one in entry.runtime_data.csms.stations.values()]
    site.grid.configure(grid_config(site.config, stations, sources, **changes), *events)


def signal(now: datetime, value: float | None = 7_560.0, **changes: Any) -> SignalAdded:
    """Return a limit that an action asks for."""
    kind = SignalKind.BLOCK if value is None else SignalKind.IMPORT_LIMIT
    fields: dict[str, Any] = {
        "source_id": ACTION,
        "kind": kind,
        "received_at": now,
        "value": value,
        "scope": SignalScope.CONTROLLABLE,
    }
    return SignalAdded(ACTION, now, GridSignal(**(fields | changes)))


def demand(entry: MockConfigEntry, value: float | None = 7_560.0, **changes: Any) -> None:
    """Have an action ask for a limit now."""
    grid = entry.runtime_data.site.grid
    grid.take(signal(grid.clock.now(), value, **changes))


def demand_of(entry: MockConfigEntry, evse: EvseKey, value: float) -> None:
    """Have an action ask for a limit of one EVSE now."""
    demand(entry, value, scope=SignalScope.DEVICE, evse=evse)


def withdraw(entry: MockConfigEntry) -> None:
    """Have the action ask for nothing any more."""
    grid = entry.runtime_data.site.grid
    grid.take(SignalsCleared(ACTION, grid.clock.now()))


async def published(hass: HomeAssistant) -> None:
    """Let the publishing interval pass."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()


def attributes(hass: HomeAssistant, entity_id: str) -> dict[str, Any]:
    """Return an entity's attributes."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return dict(state.attributes)


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state

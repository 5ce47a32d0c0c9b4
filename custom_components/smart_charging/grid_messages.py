"""What messages of all ways have in common: whose they are, what they may name, and how the site is told."""

from typing import Final

from homeassistant.core import callback

from .const import CONF_STATION_ID, SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.grid.json_messages import MessageRefusal, MessageSource, RefusedMessage, read_message
from .engine.model import EvseKey
from .grid_entity_inputs import Tell
from .grid_settings import source_config

MESSAGES_PER_S: Final = 10.0  # of one source, and as many at once


@callback
def take_message(
    entry: SmartChargingConfigEntry, source_id: str, body: bytes, tell: Tell, *, retained: bool | None = None
) -> RefusedMessage | None:
    """Let what a message says hold at once; returns why it says nothing, None where it was taken.

    `retained` is whether a broker kept it, None where none could.
    """
    grid = entry.runtime_data.site.grid
    knows_pv = grid.config.connection.installed_pv_w > 0
    source = MessageSource(source_config(entry, entry.subentries[source_id]), _chargers(entry), knows_pv)
    events = read_message(body, source, grid.clock.now(), retained=retained)
    if isinstance(events, RefusedMessage):
        return events
    tell(*events)
    decision = grid.decision
    refused = () if decision is None else decision.refused
    # Of what was read there is one thing that the site may refuse: to announce more than it keeps.
    return RefusedMessage(MessageRefusal.TOO_MANY) if any(one.event in events for one in refused) else None


@callback
def _chargers(entry: SmartChargingConfigEntry) -> dict[str, EvseKey]:
    """Return the chargers by their names and ids; an id that is another's name is the id."""
    chargers = entry.get_subentries_of_type(SUBENTRY_CHARGER)
    keys = {one.subentry_id: EvseKey(one.data[CONF_STATION_ID], 1) for one in chargers}
    named = {one.title: keys[one.subentry_id] for one in chargers}
    return named | {key.station_id: key for key in keys.values()}

"""Unknown stations that dial in, offered to the user as discovered chargers."""

from collections.abc import Callable
from typing import Final, TypedDict

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigEntry, ConfigFlowContext
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import discovery_flow

from .const import DOMAIN
from .engine.csms.state import UnknownStation

# Enough for every vendor and model name seen; what a station sends may be up to 256 KiB.
_LONGEST_TEXT: Final = 40


class DiscoveredStation(TypedDict):
    """What a discovery flow starts with."""

    entry_id: str
    station_id: str
    vendor: str
    model: str


def plain_text(text: str | None) -> str:
    """Return a stranger's text without anything that Markdown, HTML or a terminal would act on.

    The texts are shown inside code spans, which a backtick would end.
    """
    kept = "".join(char if char.isalnum() or char in " .-_+/()" else " " for char in (text or "")[: 4 * _LONGEST_TEXT])
    return " ".join(kept.split())[:_LONGEST_TEXT]


def discovery_id(entry_id: str, station_id: str) -> str:
    """Return the unique id of the flow that offers this station to this site."""
    return f"{entry_id}/{station_id}"


def station_label(station: DiscoveredStation) -> str:
    """Return the best short name for a station: vendor and model where told, else its id."""
    return " ".join(filter(None, (station["vendor"], station["model"]))) or plain_text(station["station_id"])


def station_title(station: DiscoveredStation) -> str:
    """Return a name that also tells stations of the same kind apart."""
    label, station_id = station_label(station), plain_text(station["station_id"])
    return label if label == station_id else f"{label} ({station_id})"


@callback
def async_discoverer(hass: HomeAssistant, entry: ConfigEntry) -> Callable[[UnknownStation], None]:
    """Return a listener that offers each unknown station once."""

    @callback
    def async_offer(station: UnknownStation) -> None:
        """Start a flow for the station; one that is offered or ignored already is not offered again."""
        discovery_flow.async_create_flow(
            hass,
            DOMAIN,
            context=ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
            data=DiscoveredStation(
                entry_id=entry.entry_id,
                station_id=station.station_id,
                vendor=plain_text(station.vendor),
                model=plain_text(station.model),
            ),
        )

    return async_offer


@callback
def async_withdraw(hass: HomeAssistant, entry_id: str, station_id: str | None = None) -> None:
    """Take back the offer of one station, or of all stations of a site."""
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        unique_id = flow["context"].get("unique_id") or ""
        wanted = (
            unique_id.startswith(discovery_id(entry_id, ""))
            if station_id is None
            else unique_id == discovery_id(entry_id, station_id)
        )
        if wanted:
            hass.config_entries.flow.async_abort(flow["flow_id"])

"""Whether a charger offers the version of OCPP that it is pinned to, as far as it was seen."""

from collections.abc import Mapping

from homeassistant.core import callback

from .const import CONF_PROTOCOL, CONF_STATION_ID
from .engine.csms.turned_away import TurnedAway
from .settings import ANY_PROTOCOL, PROTOCOLS


@callback
def versions_apart(turned_away: TurnedAway, data: Mapping[str, str]) -> dict[str, str] | None:
    """Return, as placeholders of a text, the version that a charger's data pins it to and those that it offers instead.

    None where these agree, none is pinned, or it was never seen.
    """
    pinned = PROTOCOLS.get(data.get(CONF_PROTOCOL, ANY_PROTOCOL))
    offered = turned_away.offered(data[CONF_STATION_ID])
    if pinned is None or not offered or pinned in offered:
        return None
    named = ", ".join(sorted(version.removeprefix("ocpp") for version in offered))
    return {"pinned": pinned.removeprefix("ocpp"), "offered": named}

"""OCPP through Home Assistant's own web server, for chargers that reach it and not the site's port."""

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import HomeAssistantView

from .const import CONF_WEB_SERVER, DOMAIN
from .coordinator import SmartChargingConfigEntry


class OcppView(HomeAssistantView):
    """Hands handshakes to the site that knows the station, or else to the first that lets strangers wait.

    It is there from the start, since a web server that runs takes no new ones; a site without the option isn't
    found. Who may enter is for the site to say, as on its own port: a station's password counts, no user's.
    """

    url = "/api/smart_charging/ocpp/{station_id}"
    name = "api:smart_charging:ocpp"
    requires_auth = False

    def __init__(self, hass: HomeAssistant) -> None:
        """Remember whose sites these are."""
        self._hass = hass

    async def get(self, request: web.Request, station_id: str) -> web.StreamResponse:
        """Serve a station until its socket ends."""
        entries: list[SmartChargingConfigEntry] = [
            entry
            for entry in self._hass.config_entries.async_loaded_entries(DOMAIN)
            if entry.options.get(CONF_WEB_SERVER)
        ]
        if not entries:
            return web.Response(status=404)
        knows = (entry for entry in entries if station_id in entry.runtime_data.csms.stations)
        return await next(knows, entries[0]).runtime_data.csms.handle(request)

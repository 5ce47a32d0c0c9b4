"""OCPP through Home Assistant's own web server, for chargers that reach it and not the site's port."""

from typing import Final

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import HomeAssistantView

from .const import CONF_WEB_SERVER, DOMAIN
from .coordinator import SmartChargingConfigEntry

MOUNT: Final = "/api/smart_charging/ocpp"


class SiteView(HomeAssistantView):
    """Hands requests to the site that knows the station, or else to the first that lets strangers wait.

    It is there from the start, since a web server that runs takes no new ones; a site without the option isn't
    found. Who may enter is for the site to say, as on its own port: no user's password counts.
    """

    requires_auth = False

    def __init__(self, hass: HomeAssistant) -> None:
        """Remember whose sites these are."""
        self._hass = hass

    async def serve(self, request: web.Request, station_id: str) -> web.StreamResponse:
        """Let the site answer."""
        entries: list[SmartChargingConfigEntry] = [
            entry
            for entry in self._hass.config_entries.async_loaded_entries(DOMAIN)
            if entry.options.get(CONF_WEB_SERVER)
        ]
        if not entries:
            return web.Response(status=404)
        knows = (entry for entry in entries if station_id in entry.runtime_data.csms.stations)
        return await next(knows, entries[0]).runtime_data.csms.handle(request, MOUNT)


class OcppView(SiteView):
    """Where stations dial in."""

    url = f"{MOUNT}/{{station_id}}"
    name = "api:smart_charging:ocpp"

    async def get(self, request: web.Request, station_id: str) -> web.StreamResponse:
        """Serve a station until its socket ends."""
        return await self.serve(request, station_id)


class TransferView(SiteView):
    """Where stations that dialled in here bring and fetch files, over links that open one file once."""

    url = f"{MOUNT}/transfer/{{station_id}}/{{tail:.*}}"
    name = "api:smart_charging:ocpp:transfer"

    async def get(self, request: web.Request, station_id: str, tail: str) -> web.StreamResponse:
        """Let a station fetch a file, or ask for its size (HEAD)."""
        return await self.serve(request, station_id)

    head = get

    async def put(self, request: web.Request, station_id: str, tail: str) -> web.StreamResponse:
        """Take a station's file."""
        return await self.serve(request, station_id)

    post = put

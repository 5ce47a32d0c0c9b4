"""Where files of chargers are kept, and the page from which administrators download them."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
import re
import shutil
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers.http import HomeAssistantView

from .const import CONF_FILES_ADDRESS, DOMAIN, FILES_DIRECTORY
from .coordinator import SmartChargingConfigEntry
from .engine.csms.files import Files, FileSettings
from .engine.csms.transfer_files import is_stored_name

_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_MAX_ADDRESS: Final = 300  # OCPP 2.0.1 section 1.27: an address has 512 characters, of which a link takes 150
LINK_LIFE: Final = timedelta(hours=1)


def files_directory(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where a site keeps what its chargers upload; two sites may have chargers of one id."""
    return Path(hass.config.path(FILES_DIRECTORY)) / entry_id


def file_settings(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> FileSettings:
    """Return how a site's files are kept and reached."""
    return FileSettings(files_directory(hass, entry.entry_id), files_address(entry))


def site_files(entry: SmartChargingConfigEntry) -> Files:
    """Return the files of a running site."""
    files = entry.runtime_data.csms.files
    assert files is not None  # every site is set up with some
    return files


def is_files_address(address: str | None) -> bool:
    """Return whether links can be put behind this; none is one, too."""
    return not address or (len(address) <= _MAX_ADDRESS and _ADDRESS.fullmatch(address) is not None)


def files_address(entry: SmartChargingConfigEntry) -> str | None:
    """Return where chargers reach our links by the user's choice, None for where they dialled."""
    address: str | None = entry.options.get(CONF_FILES_ADDRESS)
    return address.rstrip("/") if address else None


async def async_remove_files(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what the chargers of a removed site uploaded."""
    directory: Final = files_directory(hass, entry_id)
    await hass.async_add_executor_job(lambda: shutil.rmtree(directory, ignore_errors=True))


def signed_link(hass: HomeAssistant, entry_id: str, name: str) -> str:
    """Return a link that opens a stored file for an hour, for the administrator who asks for it."""
    path = FilesView.url.replace("{entry_id}", entry_id).replace("{name}", quote(name))
    return async_sign_path(hass, path, LINK_LIFE)


class FilesView(HomeAssistantView):
    """Hands stored files to administrators: a log may name who charges."""

    url = "/api/smart_charging/files/{entry_id}/{name}"
    name = "api:smart_charging:files"

    def __init__(self, hass: HomeAssistant) -> None:
        """Remember whose sites these are."""
        self._hass = hass

    async def get(self, request: web.Request, entry_id: str, name: str) -> web.StreamResponse:
        """Send one file."""
        if not request[KEY_HASS_USER].is_admin:
            raise Unauthorized
        entry: SmartChargingConfigEntry | None = self._hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.domain != DOMAIN:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        path = files_directory(self._hass, entry_id) / name
        if not is_stored_name(name) or not await self._hass.async_add_executor_job(path.is_file):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(path, headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'})

"""A charger's second central system as the user configured it, in the engine's words."""

from collections.abc import Mapping
from pathlib import Path
import shutil
from typing import Any, Final

from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant

from .const import CONF_ALLOW_UNENCRYPTED, CONF_AUTHORISATION, CONF_POLICY, RELAY_DIRECTORY
from .engine.relay_config import RelayConfig, RelayPolicy, Secret


def relay_config(data: Mapping[str, Any] | None) -> RelayConfig | None:
    """Return the second central system of this part of a charger's data, None for none; ValueError for an unfit one."""
    if not data:
        return None
    password: str | None = data.get(CONF_PASSWORD)
    return RelayConfig(
        url=data[CONF_URL],
        password=None if password is None else Secret(password),
        identity=data.get(CONF_USERNAME),
        policy=RelayPolicy(data[CONF_POLICY]),
        authorisation=data[CONF_AUTHORISATION],
        allow_unencrypted=data[CONF_ALLOW_UNENCRYPTED],
    )


def relay_directory(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where a site keeps what waits for second central systems; two sites may have chargers of one id."""
    return Path(hass.config.path(RELAY_DIRECTORY)) / entry_id


async def async_remove_relay_files(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what waits for the second central systems of a removed site."""
    directory: Final = relay_directory(hass, entry_id)
    await hass.async_add_executor_job(lambda: shutil.rmtree(directory, ignore_errors=True))

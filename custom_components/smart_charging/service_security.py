"""Actions for administrators: a charger's password and certificate are replaced by new ones."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_device_and_config_entry, async_register_admin_service
import probatio

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .errors import translated_errors
from .service_targets import evses_of

SERVICE_ROTATE_PASSWORD: Final = "rotate_password"
SERVICE_RENEW_CERTIFICATE: Final = "renew_certificate"

CHARGERS_SCHEMA: Final = probatio.Schema(
    {probatio.Required(ATTR_DEVICE_ID): probatio.All(probatio.EnsureList(), probatio.Length(min=1), [cv.string])}
)

type _ChargerAction = Callable[[SmartChargingConfigEntry, ConfigSubentry], Awaitable[None]]


@callback
def async_setup_security_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action in ((SERVICE_ROTATE_PASSWORD, _rotate_password), (SERVICE_RENEW_CERTIFICATE, _renew_certificate)):
        async_register_admin_service(hass, DOMAIN, name, _for_each_charger(action), CHARGERS_SCHEMA)


def _for_each_charger(action: _ChargerAction) -> Callable[[ServiceCall], Coroutine[Any, Any, None]]:
    """Return a handler that does the action for every charger named, once all of them are known to be right."""

    async def handle(call: ServiceCall) -> None:
        """Act on each charger."""
        chargers = [_charger(call, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
        for entry, subentry in chargers:
            with translated_errors(subentry.title):
                await action(entry, subentry)

    return handle


def _charger(call: ServiceCall, device_id: str) -> tuple[SmartChargingConfigEntry, ConfigSubentry]:
    """Return the charger that is meant by its device or by that of one of its EVSEs."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
    evses_of(call, entry, device)
    return entry, entry.subentries[str(device.config_subentry_id)]


async def _rotate_password(entry: SmartChargingConfigEntry, subentry: ConfigSubentry) -> None:
    """Have the charger log in with a password that nobody else knows."""
    await entry.runtime_data.changes.async_rotate_password(subentry)


async def _renew_certificate(entry: SmartChargingConfigEntry, subentry: ConfigSubentry) -> None:
    """Make the charger ask for a certificate."""
    await entry.runtime_data.site.station(str(subentry.unique_id)).access.renew_certificate()

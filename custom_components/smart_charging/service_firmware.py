"""Administrators' actions for what is kept here: firmware that is offered to a charger, files that came of one."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .engine.csms.firmware_check import check_signed_firmware
from .engine.csms.transfer_files import StoredFile
from .firmware_offers import FirmwareOffer, async_allowed_file, roots_of
from .service_stations import STATION, STATION_SCHEMA, TEXT, StationAction, StationTarget
from .stored_files import signed_link, site_files

ATTR_CERTIFICATE: Final = "signing_certificate"
ATTR_FILE: Final = "file"
ATTR_ROOT: Final = "root_certificate"
ATTR_SIGNATURE: Final = "signature"
ATTR_VERSION: Final = "version"

_MAX_SIGNATURE: Final = 800
_MAX_CERTIFICATE: Final = 5500
_MAX_VERSION: Final = 50  # OCPP 1.6 section 6.3 BootNotification.req: firmwareVersion
_PEM: Final = probatio.All(cv.string, probatio.Length(max=_MAX_CERTIFICATE))

SIGNED: Final[Mapping[object, object]] = {
    probatio.Optional(ATTR_SIGNATURE): probatio.All(cv.string, probatio.Length(max=_MAX_SIGNATURE)),
    probatio.Optional(ATTR_CERTIFICATE): _PEM,
    probatio.Optional(ATTR_ROOT): _PEM,
}


async def _offer_firmware(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Let a charger's update entity offer a file."""
    data = call.data
    file, roots = await async_allowed_file(call.hass, data[ATTR_FILE]), roots_of(data.get(ATTR_ROOT))
    signature, certificate = data.get(ATTR_SIGNATURE, ""), data.get(ATTR_CERTIFICATE, "")
    if signature or certificate:  # what a charger would have to refuse is not offered
        await call.hass.async_add_executor_job(
            check_signed_firmware, file, signature, certificate, roots, dt_util.utcnow()
        )
    offer = FirmwareOffer(
        data[ATTR_VERSION], data[ATTR_FILE], data.get(ATTR_SIGNATURE), data.get(ATTR_CERTIFICATE), data.get(ATTR_ROOT)
    )
    await target.entry.runtime_data.offers.async_set(target.subentry.subentry_id, offer)
    return None


async def _withdraw_firmware(target: StationTarget, _call: ServiceCall) -> ServiceResponse:
    """Offer a charger nothing any more."""
    await target.entry.runtime_data.offers.async_set(target.subentry.subentry_id, None)
    return None


async def _list_files(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return what a charger uploaded, newest first."""
    shelf = site_files(target.entry).shelf
    stored = await call.hass.async_add_executor_job(shelf.stored, target.station.config.station_id)

    def shown(file: StoredFile) -> JsonValueType:
        told: dict[str, JsonValueType] = {
            "file": file.path.name,
            "kind": file.kind,
            "received_at": file.at.isoformat(),
            "size": file.size,
            "path": str(file.path),
        }
        if call.context.user_id is not None:  # a link is for who asks, and nobody does where an automation runs
            told["url"] = signed_link(call.hass, target.entry.entry_id, file.path.name)
        return told

    return {"files": [shown(file) for file in reversed(stored)]}


ACTIONS: Final[Mapping[str, StationAction]] = {
    "offer_firmware": StationAction(
        _offer_firmware,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_FILE): TEXT,
                probatio.Required(ATTR_VERSION): probatio.All(TEXT, probatio.Length(max=_MAX_VERSION)),
                **SIGNED,
            }
        ),
        SupportsResponse.NONE,
    ),
    "withdraw_firmware": StationAction(_withdraw_firmware, STATION_SCHEMA, SupportsResponse.NONE),
    "list_files": StationAction(_list_files, STATION_SCHEMA),
}

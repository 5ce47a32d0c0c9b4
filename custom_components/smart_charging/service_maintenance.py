"""Administrators' actions for logs and firmware: over links of ours, or to and from addresses that they give."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .engine.csms.maintenance import FirmwareRequest, LogKind, LogRequest, Retries
from .engine.csms.station_files import Firmware, StartedUpload
from .engine.view import SiteEvent, SiteEventType
from .firmware_offers import async_allowed_file, roots_of
from .service_firmware import ATTR_CERTIFICATE, ATTR_FILE, ATTR_ROOT, ATTR_SIGNATURE, SIGNED
from .service_stations import NUMBER, STATION, TEXT, StationAction, StationTarget, named
from .service_times import utc
from .stored_files import files_directory

ATTR_INSTALL_AT: Final = "install_at"
ATTR_LATEST: Final = "latest"
ATTR_LOG: Final = "log"
ATTR_OLDEST: Final = "oldest"
ATTR_RETRIEVE_AT: Final = "retrieve_at"
ATTR_RETRIES: Final = "retries"
ATTR_RETRY_INTERVAL: Final = "retry_interval"
ATTR_URL: Final = "url"
ATTR_WAIT: Final = "wait"

_MAX_WAIT_S: Final = 3600
_ENDS: Final = frozenset({SiteEventType.FILE_RECEIVED, SiteEventType.UPLOAD_FAILED})
_ADDRESS: Final = probatio.All(TEXT, probatio.Match(r"^(https?|ftps?|sftp)://\S+$"))
_TRANSFER: Final[Mapping[object, object]] = {
    **STATION,
    probatio.Optional(ATTR_URL): _ADDRESS,
    probatio.Optional(ATTR_RETRIES): probatio.All(NUMBER, probatio.Range(max=100)),
    probatio.Optional(ATTR_RETRY_INTERVAL): probatio.All(NUMBER, probatio.Range(max=86_400)),
}
_UPLOAD: Final[Mapping[object, object]] = {
    **_TRANSFER,
    probatio.Optional(ATTR_OLDEST): cv.datetime,
    probatio.Optional(ATTR_LATEST): cv.datetime,
    probatio.Optional(ATTR_WAIT, default=0): probatio.All(
        probatio.Coerce(float), probatio.Range(min=0, max=_MAX_WAIT_S)
    ),
}

type _Start = Callable[[LogRequest], Awaitable[StartedUpload]]


async def _get_log(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have a log uploaded."""
    return await _upload(target, call, call.data[ATTR_LOG], target.operations.files.get_log)


async def _get_diagnostics(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have diagnostics uploaded."""
    return await _upload(target, call, LogKind.DIAGNOSTICS, target.operations.files.get_diagnostics)


async def _update_firmware(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have firmware fetched and installed."""
    data = call.data
    if (ATTR_URL in data) == (ATTR_FILE in data):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="url_or_file")
    firmware = None
    if ATTR_FILE in data:
        firmware = Firmware(await async_allowed_file(call.hass, data[ATTR_FILE]), roots_of(data.get(ATTR_ROOT)))
    request = FirmwareRequest(
        data.get(ATTR_URL, ""),
        utc(data.get(ATTR_RETRIEVE_AT)) or dt_util.utcnow(),
        utc(data.get(ATTR_INSTALL_AT)),
        data.get(ATTR_SIGNATURE),
        data.get(ATTR_CERTIFICATE),
        _retries(call),
    )
    started = await target.operations.files.update_firmware(request, firmware)
    if firmware is None:
        return {"request_id": started.request_id}
    return {
        "request_id": started.request_id,
        "transfer": started.transfer_id,
        "size": started.size,
        "sha256": started.sha256,
    }


async def _upload(target: StationTarget, call: ServiceCall, kind: LogKind, start: _Start) -> ServiceResponse:
    """Have something uploaded and, where it comes to us and that is asked for, wait until it is here."""
    data = call.data
    request = LogRequest(
        data.get(ATTR_URL, ""), kind, utc(data.get(ATTR_OLDEST)), utc(data.get(ATTR_LATEST)), _retries(call)
    )
    ended: asyncio.Queue[SiteEvent] = asyncio.Queue()

    def heard(event: SiteEvent) -> None:
        if event.key.station_id == target.station.config.station_id and event.type in _ENDS:
            ended.put_nowait(event)

    unsubscribe = target.entry.runtime_data.site.subscribe_events(heard)
    try:
        started = await start(request)
        answer: dict[str, JsonValueType] = {
            "request_id": started.upload.request_id,
            "filename": started.upload.filename,
        }
        if started.transfer_id is None:
            return answer
        stored = await _stored(target, ended, started, data[ATTR_WAIT])
    finally:
        unsubscribe()
    return {**answer, "transfer": started.transfer_id, **stored}


async def _stored(
    target: StationTarget, ended: asyncio.Queue[SiteEvent], started: StartedUpload, wait_s: float
) -> dict[str, JsonValueType]:
    """Return what arrived; None for its name where nothing did in time. HomeAssistantError where it won't."""
    try:
        async with asyncio.timeout(wait_s):
            while (event := await ended.get()).details.get("transfer") != started.transfer_id:
                if event.type is SiteEventType.UPLOAD_FAILED:
                    raise HomeAssistantError(
                        translation_domain=DOMAIN,
                        translation_key="upload_failed",
                        translation_placeholders={
                            "charger": target.subentry.title,
                            "reason": str(event.details.get("reason")),
                        },
                    )
    except TimeoutError:
        return {"file": None}
    name = str(event.details["file"])
    path = files_directory(target.entry.runtime_data.coordinator.hass, target.entry.entry_id) / name
    told = {key: event.details[key] for key in ("size", "sha256")}
    return {"file": name, "path": str(path), **told}


def _retries(call: ServiceCall) -> Retries:
    return Retries(call.data.get(ATTR_RETRIES), call.data.get(ATTR_RETRY_INTERVAL))


ACTIONS: Final[Mapping[str, StationAction]] = {
    "get_log": StationAction(
        _get_log,
        probatio.Schema(
            {**_UPLOAD, probatio.Optional(ATTR_LOG, default=LogKind.DIAGNOSTICS.name): named(LogKind)},
        ),
        SupportsResponse.OPTIONAL,
    ),
    "get_diagnostics": StationAction(_get_diagnostics, probatio.Schema({**_UPLOAD}), SupportsResponse.OPTIONAL),
    "update_firmware": StationAction(
        _update_firmware,
        probatio.Schema(
            {
                **_TRANSFER,
                **SIGNED,
                probatio.Optional(ATTR_FILE): TEXT,
                probatio.Optional(ATTR_RETRIEVE_AT): cv.datetime,
                probatio.Optional(ATTR_INSTALL_AT): cv.datetime,
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
}

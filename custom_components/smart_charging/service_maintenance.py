"""Administrators' actions for logs and firmware, to and from addresses that they give."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .engine.csms.maintenance import FirmwareRequest, LogKind, LogRequest, LogUpload, Retries
from .service_stations import NUMBER, STATION, TEXT, StationAction, StationTarget, named
from .service_times import utc

ATTR_CERTIFICATE: Final = "signing_certificate"
ATTR_INSTALL_AT: Final = "install_at"
ATTR_LATEST: Final = "latest"
ATTR_LOG: Final = "log"
ATTR_OLDEST: Final = "oldest"
ATTR_RETRIEVE_AT: Final = "retrieve_at"
ATTR_RETRIES: Final = "retries"
ATTR_RETRY_INTERVAL: Final = "retry_interval"
ATTR_SIGNATURE: Final = "signature"
ATTR_URL: Final = "url"

_MAX_SIGNATURE: Final = 800
_MAX_CERTIFICATE: Final = 5500
_ADDRESS: Final = probatio.All(TEXT, probatio.Match(r"^(https?|ftps?|sftp)://\S+$"))
_TRANSFER: Final[Mapping[object, object]] = {
    **STATION,
    probatio.Required(ATTR_URL): _ADDRESS,
    probatio.Optional(ATTR_RETRIES): probatio.All(NUMBER, probatio.Range(max=100)),
    probatio.Optional(ATTR_RETRY_INTERVAL): probatio.All(NUMBER, probatio.Range(max=86_400)),
}
_UPLOAD: Final[Mapping[object, object]] = {
    **_TRANSFER,
    probatio.Optional(ATTR_OLDEST): cv.datetime,
    probatio.Optional(ATTR_LATEST): cv.datetime,
}


async def _get_log(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have a log uploaded."""
    return _shown(await target.operations.maintenance.get_log(_log_request(call, call.data[ATTR_LOG])))


async def _get_diagnostics(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have diagnostics uploaded."""
    return _shown(await target.operations.maintenance.get_diagnostics(_log_request(call, LogKind.DIAGNOSTICS)))


async def _update_firmware(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have firmware fetched and installed."""
    data = call.data
    request = FirmwareRequest(
        data[ATTR_URL],
        utc(data.get(ATTR_RETRIEVE_AT)) or dt_util.utcnow(),
        utc(data.get(ATTR_INSTALL_AT)),
        data.get(ATTR_SIGNATURE),
        data.get(ATTR_CERTIFICATE),
        _retries(call),
    )
    return {"request_id": await target.operations.maintenance.update_firmware(request)}


def _log_request(call: ServiceCall, kind: LogKind) -> LogRequest:
    data = call.data
    return LogRequest(data[ATTR_URL], kind, utc(data.get(ATTR_OLDEST)), utc(data.get(ATTR_LATEST)), _retries(call))


def _retries(call: ServiceCall) -> Retries:
    return Retries(call.data.get(ATTR_RETRIES), call.data.get(ATTR_RETRY_INTERVAL))


def _shown(upload: LogUpload) -> ServiceResponse:
    return {"request_id": upload.request_id, "filename": upload.filename}


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
                probatio.Optional(ATTR_RETRIEVE_AT): cv.datetime,
                probatio.Optional(ATTR_INSTALL_AT): cv.datetime,
                probatio.Optional(ATTR_SIGNATURE): probatio.All(cv.string, probatio.Length(max=_MAX_SIGNATURE)),
                probatio.Optional(ATTR_CERTIFICATE): probatio.All(cv.string, probatio.Length(max=_MAX_CERTIFICATE)),
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
}

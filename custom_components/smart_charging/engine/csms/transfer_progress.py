"""How far a firmware update or an upload is, out of what stations of all versions tell: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ..model import Json
from . import payloads

_MAX_COUNT: Final = 1_000_000


class FirmwarePhase(StrEnum):
    """Where a firmware update stands."""

    IDLE = "idle"
    SCHEDULED = "scheduled"
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    DOWNLOADED = "downloaded"
    VERIFIED = "verified"
    INSTALL_SCHEDULED = "install_scheduled"
    INSTALLING = "installing"
    REBOOTING = "rebooting"
    INSTALLED = "installed"
    FAILED = "failed"


class UploadPhase(StrEnum):
    """Where an upload of diagnostics or logs stands."""

    IDLE = "idle"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FirmwareProgress:
    """A firmware update as the station tells it.

    `percent` is of the present phase, None where nobody can know it. `finished` is also set where the station
    says that it is idle without ever having named a result; then neither `failed` nor `INSTALLED` is. `reason`
    is the station's own word for a failure. `request_id` (security extension and 2.x) binds the messages to one
    request; `unknown` counts statuses nobody has specified, `foreign` those of other requests.
    """

    phase: FirmwarePhase = FirmwarePhase.IDLE
    percent: float | None = None
    finished: bool = False
    failed: bool = False
    reason: str | None = None
    request_id: int | None = None
    unknown: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """An upload as the station tells it; fields as of `FirmwareProgress`."""

    phase: UploadPhase = UploadPhase.IDLE
    percent: float | None = None
    finished: bool = False
    failed: bool = False
    reason: str | None = None
    request_id: int | None = None
    unknown: int = 0
    foreign: int = 0


# OCPP 1.6 section 7.25, its security extension, and 2.1 part 2 section 3.35: one list contains the others.
_FIRMWARE: Final = {
    "Idle": FirmwarePhase.IDLE,
    "DownloadScheduled": FirmwarePhase.SCHEDULED,
    "Downloading": FirmwarePhase.DOWNLOADING,
    "DownloadPaused": FirmwarePhase.PAUSED,
    "Downloaded": FirmwarePhase.DOWNLOADED,
    "SignatureVerified": FirmwarePhase.VERIFIED,
    "InstallScheduled": FirmwarePhase.INSTALL_SCHEDULED,
    "Installing": FirmwarePhase.INSTALLING,
    "InstallRebooting": FirmwarePhase.REBOOTING,
    "Installed": FirmwarePhase.INSTALLED,
    "DownloadFailed": FirmwarePhase.FAILED,
    "InstallationFailed": FirmwarePhase.FAILED,
    "InstallVerificationFailed": FirmwarePhase.FAILED,
    "InvalidSignature": FirmwarePhase.FAILED,
}
# OCPP 1.6 section 7.24 and the UploadLogStatus of the security extension and of 2.x.
_UPLOAD: Final = {
    "Idle": UploadPhase.IDLE,
    "Uploading": UploadPhase.UPLOADING,
    "Uploaded": UploadPhase.UPLOADED,
    "UploadFailed": UploadPhase.FAILED,
    "UploadFailure": UploadPhase.FAILED,
    "BadMessage": UploadPhase.FAILED,
    "NotSupportedOperation": UploadPhase.FAILED,
    "PermissionDenied": UploadPhase.FAILED,
    "AcceptedCanceled": UploadPhase.FAILED,
}
_FIRMWARE_BY_NAME: Final = {name.lower(): phase for name, phase in _FIRMWARE.items()}
_UPLOAD_BY_NAME: Final = {name.lower(): phase for name, phase in _UPLOAD.items()}


def firmware_progress(
    before: FirmwareProgress, payload: Mapping[str, Json], delivered_percent: float | None = None
) -> FirmwareProgress:
    """Return the progress after a FirmwareStatusNotification or a SignedFirmwareStatusNotification.

    `delivered_percent` is what we know of the download ourselves.
    """
    phase = _FIRMWARE_BY_NAME.get(_status(payload))
    if _is_foreign(before.request_id, payload):
        return replace(before, foreign=min(before.foreign + 1, _MAX_COUNT))
    if phase is None:
        return replace(before, unknown=min(before.unknown + 1, _MAX_COUNT))
    if phase is FirmwarePhase.IDLE:
        # The answer to a trigger after the end: what was reported stands.
        return before if before.finished else replace(before, phase=phase, percent=None, finished=_began(before))
    failed = phase is FirmwarePhase.FAILED
    percent = delivered_percent if phase in {FirmwarePhase.DOWNLOADING, FirmwarePhase.PAUSED} else None
    return replace(
        before,
        phase=phase,
        percent=100.0 if phase in {FirmwarePhase.DOWNLOADED, FirmwarePhase.INSTALLED} else percent,
        finished=failed or phase is FirmwarePhase.INSTALLED,
        failed=failed,
        reason=_reason(payload) if failed else None,
        request_id=_request_id(payload, before.request_id),
    )


def upload_progress(
    before: UploadProgress, payload: Mapping[str, Json], received_percent: float | None = None
) -> UploadProgress:
    """Return the progress after a DiagnosticsStatusNotification or a LogStatusNotification."""
    phase = _UPLOAD_BY_NAME.get(_status(payload))
    if _is_foreign(before.request_id, payload):
        return replace(before, foreign=min(before.foreign + 1, _MAX_COUNT))
    if phase is None:
        return replace(before, unknown=min(before.unknown + 1, _MAX_COUNT))
    if phase is UploadPhase.IDLE:
        return before if before.finished else replace(before, phase=phase, percent=None, finished=_began(before))
    failed = phase is UploadPhase.FAILED
    return replace(
        before,
        phase=phase,
        percent=100.0 if phase is UploadPhase.UPLOADED else received_percent if not failed else None,
        finished=failed or phase is UploadPhase.UPLOADED,
        failed=failed,
        reason=_reason(payload) if failed else None,
        request_id=_request_id(payload, before.request_id),
    )


def _status(payload: Mapping[str, Json]) -> str:
    return (payloads.text(payload, "status") or "").lower()


def _began(before: FirmwareProgress | UploadProgress) -> bool:
    return before.phase not in {FirmwarePhase.IDLE, UploadPhase.IDLE}


def _request_id(payload: Mapping[str, Json], before: int | None) -> int | None:
    told = payloads.integer(payload, "requestId")
    return before if told is None else told


def _is_foreign(expected: int | None, payload: Mapping[str, Json]) -> bool:
    """Return whether a message names another request than the one that is followed."""
    told = payloads.integer(payload, "requestId")
    return expected is not None and told is not None and told != expected


def _reason(payload: Mapping[str, Json]) -> str | None:
    """Return the station's status, with what a 2.x station adds to it."""
    status = payloads.text(payload, "status")
    info = payload.get("statusInfo")
    details = [payloads.text(info, name) for name in ("reasonCode", "additionalInfo")] if isinstance(info, dict) else []
    told = [text for text in (status, *details) if text]
    return ": ".join(told)[: payloads.MAX_TEXT] or None

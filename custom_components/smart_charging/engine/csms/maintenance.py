"""Logs and firmware of a station, sent to and fetched from addresses that are given."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import secrets
from typing import Protocol

from ..model import Json
from . import payloads
from .commands import Caller, CommandError, CommandErrorCode, accepted_status, ask
from .timestamps import format_time

_LARGEST_ID = 2**31 - 1
# AcceptedCanceled: a request of before was given up for this one.
_TAKEN = ("Accepted", "AcceptedCanceled")


class LogKind(StrEnum):
    """Which log of a station."""

    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"


_LOG_TYPES = {LogKind.DIAGNOSTICS: "DiagnosticsLog", LogKind.SECURITY: "SecurityLog"}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a station tries a transfer again and how long it waits between; None leaves it to the station."""

    count: int | None = None
    interval_s: int | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the fields of a message."""
        fields = {"retries": self.count, "retryInterval": self.interval_s}
        return {name: number for name, number in fields.items() if number is not None}


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Where a log is to be uploaded to, empty for a link of ours, and of which time."""

    url: str
    kind: LogKind = LogKind.DIAGNOSTICS
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: Retries = Retries()


@dataclass(frozen=True, slots=True)
class LogUpload:
    """An upload that a station agreed to; `request_id` is what it names it by, None in OCPP 1.6's GetDiagnostics."""

    request_id: int | None
    filename: str | None


@dataclass(frozen=True, slots=True)
class FirmwareRequest:
    """Where firmware is to be fetched from, empty for a link of ours, and when; signature and certificate (PEM) go together."""

    url: str
    retrieve_at: datetime
    install_at: datetime | None = None
    signature: str | None = None
    signing_certificate: str | None = None
    retries: Retries = Retries()

    @property
    def signed(self) -> bool:
        """Return whether the maker signed it; CommandError where half of that is missing."""
        if (self.signature is None) != (self.signing_certificate is None):
            raise CommandError(CommandErrorCode.INVALID, "signature and certificate go together")
        return self.signature is not None

    def to_json(self) -> dict[str, Json]:
        """Return FirmwareType, the same in OCPP 2 and the security extension of 1.6."""
        firmware: dict[str, Json] = {"location": self.url, "retrieveDateTime": format_time(self.retrieve_at)}
        if self.install_at is not None:
            firmware["installDateTime"] = format_time(self.install_at)
        if self.signed:
            firmware |= {"signature": self.signature, "signingCertificate": self.signing_certificate}
        return firmware


class Maintenance(Protocol):
    """Logs and firmware in one version; each raises CommandError."""

    async def get_log(self, request: LogRequest) -> LogUpload:
        """Have a log uploaded."""

    async def get_diagnostics(self, request: LogRequest) -> LogUpload:
        """Have diagnostics uploaded in the way that every station of the version knows."""

    async def update_firmware(self, request: FirmwareRequest) -> int | None:
        """Have firmware fetched and installed; returns the request's id, None for OCPP 1.6 without a signature."""


class V16Maintenance:
    """Fulfils `Maintenance`."""

    def __init__(self, caller: Caller) -> None:
        """Ask through this caller."""
        self._caller = caller

    async def get_log(self, request: LogRequest) -> LogUpload:
        """Have a log uploaded (security whitepaper, GetLog)."""
        return await _get_log(self._caller, request)

    async def get_diagnostics(self, request: LogRequest) -> LogUpload:
        """Have diagnostics uploaded (section 5.9); a station that has none names no file."""
        payload: dict[str, Json] = {"location": request.url, **request.retries.to_json()}
        if request.oldest is not None:
            payload["startTime"] = format_time(request.oldest)
        if request.latest is not None:
            payload["stopTime"] = format_time(request.latest)
        answer = await self._caller.call("GetDiagnostics", payload)
        return LogUpload(None, payloads.text(answer, "fileName"))

    async def update_firmware(self, request: FirmwareRequest) -> int | None:
        """Have firmware fetched (section 5.19), by SignedUpdateFirmware where the maker signed it."""
        if request.signed:
            return await _update_firmware(self._caller, "SignedUpdateFirmware", request)
        payload: dict[str, Json] = {"location": request.url, "retrieveDate": format_time(request.retrieve_at)}
        await self._caller.call("UpdateFirmware", {**payload, **request.retries.to_json()})
        return None


class V2Maintenance:
    """Fulfils `Maintenance`."""

    def __init__(self, caller: Caller) -> None:
        """Ask through this caller."""
        self._caller = caller

    async def get_log(self, request: LogRequest) -> LogUpload:
        """Have a log uploaded (N01)."""
        return await _get_log(self._caller, request)

    async def get_diagnostics(self, request: LogRequest) -> LogUpload:
        """Have diagnostics uploaded (N01)."""
        return await _get_log(self._caller, request)

    async def update_firmware(self, request: FirmwareRequest) -> int | None:
        """Have firmware fetched and installed (L01, L02)."""
        return await _update_firmware(self._caller, "UpdateFirmware", request)


async def _get_log(caller: Caller, request: LogRequest) -> LogUpload:
    log: dict[str, Json] = {"remoteLocation": request.url}
    if request.oldest is not None:
        log["oldestTimestamp"] = format_time(request.oldest)
    if request.latest is not None:
        log["latestTimestamp"] = format_time(request.latest)
    number = secrets.randbelow(_LARGEST_ID) + 1
    payload: dict[str, Json] = {"log": log, "logType": _LOG_TYPES[request.kind], "requestId": number}
    answer = await caller.call("GetLog", {**payload, **request.retries.to_json()})
    accepted_status("GetLog", answer, _TAKEN)
    return LogUpload(number, payloads.text(answer, "filename"))


async def _update_firmware(caller: Caller, action: str, request: FirmwareRequest) -> int:
    number = secrets.randbelow(_LARGEST_ID) + 1
    payload: dict[str, Json] = {"requestId": number, "firmware": request.to_json()}
    await ask(caller, action, {**payload, **request.retries.to_json()}, _TAKEN)
    return number

"""Logs and firmware of one station: over links of ours or to and from elsewhere, and how far they are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography import x509

from ..model import Json
from . import payloads
from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .files import Files
from .firmware_check import FirmwareCheckError, FirmwareFault, check_signed_firmware
from .maintenance import FirmwareRequest, LogRequest, LogUpload, Maintenance
from .notices import Notices
from .state import StationEventType
from .transfer_progress import FirmwarePhase, FirmwareProgress, UploadProgress, firmware_progress, upload_progress
from .transfers import Direction, TransferKind, transfer_id_of

# While it is in one of these a station may still want to read the file.
_WANTS_FILE: Final = frozenset(
    {FirmwarePhase.IDLE, FirmwarePhase.SCHEDULED, FirmwarePhase.DOWNLOADING, FirmwarePhase.PAUSED}
)


@dataclass(frozen=True, slots=True)
class Firmware:
    """A file to be installed; `roots` are the maker's, without them the station alone judges who signed it."""

    file: Path
    roots: Sequence[x509.Certificate] | None = None


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """An upload that a station agreed to; `transfer_id` names our link, None where it goes elsewhere."""

    upload: LogUpload
    transfer_id: str | None = None


@dataclass(frozen=True, slots=True)
class StartedUpdate:
    """An update that a station agreed to; the rest is of our own link, None where the file comes from elsewhere."""

    request_id: int | None
    transfer_id: str | None = None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    url: str = field(repr=False)
    path: str = field(repr=False)
    size: int | None = None
    sha256: str | None = None


class StationFiles:
    """What is asked of a station about files, and what it tells of that."""

    def __init__(self, core: StationCore, maintenance: Maintenance, notices: Notices) -> None:
        """Ask in the words of the station's version."""
        self._core = core
        self._maintenance = maintenance
        self._notices = notices

    @property
    def delivered_percent(self) -> float | None:
        """Return how much of an offered firmware the station has been sent, None where none is offered."""
        files = self._core.around.files
        return None if files is None else files.desk.delivered_percent(self._core.config.station_id)

    async def get_log(self, request: LogRequest) -> StartedUpload:
        """Have a log uploaded, to us where the request names no address; raises CommandError."""
        return await self._receive(request, TransferKind.LOG, self._maintenance.get_log)

    async def get_diagnostics(self, request: LogRequest) -> StartedUpload:
        """Have diagnostics uploaded, to us where the request names no address; raises CommandError."""
        return await self._receive(request, TransferKind.DIAGNOSTICS, self._maintenance.get_diagnostics)

    async def update_firmware(self, request: FirmwareRequest, firmware: Firmware | None = None) -> StartedUpdate:
        """Have firmware installed, from our file where there is one, else from the address of the request.

        A signed file of ours is checked before. Raises CommandError and FirmwareCheckError; nothing is offered then.
        """
        link = None if firmware is None else await self._offer(request, firmware)
        if link is not None:
            request = replace(request, url=link.url)
        before = self._core.state.firmware
        self._core.change(firmware=FirmwareProgress(), firmware_told_at=self._core.clock.now())
        try:
            request_id = await self._maintenance.update_firmware(request)
        except CommandError as error:
            self._core.change(firmware=before)
            self._give_up(link, error)
            raise
        if request_id is not None and self._core.state.firmware.request_id != request_id:
            self._core.change(firmware=FirmwareProgress(request_id=request_id))
        self._core.emit(StationEventType.FIRMWARE)
        if link is None:
            return StartedUpdate(request_id)
        return StartedUpdate(request_id, transfer_id_of(link.path), link.size, link.sha256)

    def told_firmware(self, payload: Mapping[str, Json]) -> None:
        """Take what a station tells of an update (FirmwareStatusNotification, SignedFirmwareStatusNotification)."""
        before = self._core.state.firmware
        after = firmware_progress(before, payload, self.delivered_percent)
        self._core.change(
            firmware_status=payloads.text(payload, "status"),
            firmware_request_id=payloads.integer(payload, "requestId"),
            firmware=after,
            firmware_told_at=self._core.clock.now(),
        )
        if (after.unknown, after.foreign) == (before.unknown, before.foreign):
            self._follow_firmware(before, after)
        self._core.emit(StationEventType.FIRMWARE)

    def told_upload(self, payload: Mapping[str, Json]) -> None:
        """Take what a station tells of an upload (DiagnosticsStatusNotification, LogStatusNotification)."""
        before = self._core.state.upload
        after = upload_progress(before, payload)
        self._core.change(
            diagnostics_status=payloads.text(payload, "status"),
            log_request_id=payloads.integer(payload, "requestId"),
            upload=after,
        )
        if after.failed and not before.failed:
            self._notices.tell(StationEventType.UPLOAD_FAILED, {"reason": after.reason, "request_id": after.request_id})
        self._core.emit(StationEventType.CHANGED)

    def booted(self, version_before: str | None) -> None:
        """See that other firmware runs than before an update that no word has ended: some stations tell no end."""
        progress, version = self._core.state.firmware, self._core.state.firmware_version
        if progress.phase in _WANTS_FILE or progress.finished or version in {None, version_before}:
            return
        after = replace(progress, phase=FirmwarePhase.INSTALLED, percent=100.0, finished=True)
        self._core.change(firmware=after)
        self._follow_firmware(progress, after)

    async def _receive(
        self, request: LogRequest, kind: TransferKind, ask: Callable[[LogRequest], Awaitable[LogUpload]]
    ) -> StartedUpload:
        link = None if request.url else self._expect(kind)
        if link is not None:
            request = replace(request, url=link.url)
        before = self._core.state.upload
        self._core.change(upload=UploadProgress())
        try:
            upload = await ask(request)
        except CommandError as error:
            self._core.change(upload=before)
            self._give_up(link, error)
            raise
        if upload.request_id is not None and self._core.state.upload.request_id != upload.request_id:
            self._core.change(upload=UploadProgress(request_id=upload.request_id))
        return StartedUpload(upload, None if link is None else transfer_id_of(link.path))

    def _expect(self, kind: TransferKind) -> _Link:
        files, address = self._reachable()
        if not files.ready:
            raise CommandError(CommandErrorCode.FAILED, "the directory for files can't be written")
        path = files.desk.expect_upload(self._core.config.station_id, kind, files.settings.max_upload_bytes)
        return _Link(f"{address}/{path}", path)

    async def _offer(self, request: FirmwareRequest, firmware: Firmware) -> _Link:
        """Offer a file, looked at only after its digest was taken: what is changed later is not served."""
        files, address = self._reachable()
        signed = request.signed
        try:
            offer = await files.desk.offer_download(self._core.config.station_id, firmware.file)
        except OSError as error:
            raise FirmwareCheckError(FirmwareFault.FILE, error.strerror or "") from error
        try:
            _check_size(offer.size, files.settings.max_firmware_bytes)
            if signed:
                await self._check_signature(request, firmware)
        except FirmwareCheckError:
            files.desk.revoke(offer.link)
            raise
        return _Link(f"{address}/{offer.link}", offer.link, offer.size, offer.sha256)

    async def _check_signature(self, request: FirmwareRequest, firmware: Firmware) -> None:
        signature, certificate = request.signature or "", request.signing_certificate or ""
        now = self._core.clock.now()
        await asyncio.to_thread(check_signed_firmware, firmware.file, signature, certificate, firmware.roots, now)

    def _reachable(self) -> tuple[Files, str]:
        """Return the files, and under which address this station reaches them; raises CommandError."""
        files, connection = self._core.around.files, self._core.connection
        if files is None:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "no place for files")
        if connection is None:
            raise CommandError(CommandErrorCode.NOT_CONNECTED, "files")
        address = files.address or connection.info.reached_at
        if address is None:
            raise CommandError(CommandErrorCode.FAILED, "the charger did not tell under which address it reaches us")
        return files, address

    def _give_up(self, link: _Link | None, error: CommandError) -> None:
        """End a link that nobody will use; a station that gave no answer may still mean to."""
        files = self._core.around.files
        if link is not None and files is not None and error.code is not CommandErrorCode.TIMEOUT:
            files.desk.revoke(link.path)

    def _follow_firmware(self, before: FirmwareProgress, after: FirmwareProgress) -> None:
        files = self._core.around.files
        if files is not None and (after.finished or after.phase not in _WANTS_FILE):
            files.desk.withdraw(self._core.config.station_id, Direction.DOWNLOAD)
        if not after.finished or before.finished or after.phase is FirmwarePhase.IDLE:
            return
        told = {"request_id": after.request_id, "reason": after.reason}
        if after.failed:
            self._notices.tell(StationEventType.FIRMWARE_FAILED, told)
        else:
            version = self._core.state.firmware_version
            self._notices.tell(StationEventType.FIRMWARE_INSTALLED, {**told, "version": version})


def _check_size(size: int, most: int) -> None:
    if not 0 < size <= most:
        raise FirmwareCheckError(FirmwareFault.FILE, f"{size} bytes")

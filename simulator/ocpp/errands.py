"""What a 1.6 station does over HTTP on the side: sends diagnostics and logs, fetches firmware (sections 5.9, 5.19)."""

from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import ClientSession

from .file_transfer import Errand, Signing, Timing, Transfer, attempt, fetch, send, verified
from .json import Payload
from .meter import timestamp
from .transaction import StopReason

if TYPE_CHECKING:
    from .station import SimulatedStation


class Upkeep:
    """How far a station's uploads and updates are."""

    def __init__(self, station: SimulatedStation) -> None:
        """Begin with nothing to do."""
        self._station = station
        self.journal: list[str] = []
        """What its logs say."""
        self.flashed: bytes | None = None
        """The firmware that was installed last, as it came."""
        self._installed_by: Transfer | None = None

    def log(self, kind: str) -> bytes:
        """Return a log as it is uploaded."""
        station = self._station
        heading = f"{timestamp(station.station_time(), station.quirks)} {kind} of {station.options.station_id}"
        return "\n".join([heading, *self.journal]).encode()

    def upload(self, transfer: Transfer, name: str, content: bytes) -> Errand:
        """Return the errand that sends a file by HTTP PUT and tells how it goes."""

        async def put(session: ClientSession) -> bool:
            await send(session, f"{transfer.url.rstrip('/')}/{name}", content)
            return True

        async def errand(session: ClientSession) -> None:
            self._tell_upload("Uploading", transfer)
            done = await attempt(self._station.clock, transfer, partial(put, session))
            failure = "UploadFailed" if transfer.request_id is None else "UploadFailure"
            self._tell_upload("Uploaded" if done else failure, transfer)

        return errand

    def update(self, transfer: Transfer, signing: Signing | None, timing: Timing) -> Errand:
        """Return the errand that fetches firmware, checks it, and restarts with it, telling how it goes."""

        async def errand(session: ClientSession) -> None:
            await self._wait(timing.fetch, "DownloadScheduled", transfer)
            self._tell_firmware("Downloading", transfer)
            fetched = await attempt(self._station.clock, transfer, partial(fetch, session, transfer.url))
            if fetched is None:
                self._tell_firmware("DownloadFailed", transfer)
                return
            self._tell_firmware("Downloaded", transfer)
            if signing is not None:
                if not verified(signing, fetched):
                    self._tell_firmware("InvalidSignature", transfer)
                    return
                self._tell_firmware("SignatureVerified", transfer)
            await self._wait(timing.install, "InstallScheduled", transfer)
            self._tell_firmware("Installing", transfer)
            self.flashed, self._installed_by = fetched, transfer
            self._station.reset(StopReason.REBOOT, after_s=1.0)

        return errand

    def booted(self) -> None:
        """Tell that new firmware runs, if that was why the station started."""
        if self._installed_by is not None:
            self._tell_firmware("Installed", self._installed_by)
            self._installed_by = None

    @property
    def version(self) -> str:
        """Return the firmware that runs from the next boot on: a file's name without its ending tells it."""
        if self._installed_by is None:
            return self._station.firmware
        return PurePosixPath(urlsplit(self._installed_by.url).path).stem[:50]

    async def _wait(self, moment: datetime | None, status: str, transfer: Transfer) -> None:
        wait_s = 0.0 if moment is None else (moment - self._station.station_time()).total_seconds()
        if wait_s <= 0:
            return
        if transfer.request_id is not None:  # plain 1.6 has no word for it
            self._tell_firmware(status, transfer)
        await self._station.clock.sleep(wait_s)

    def _tell_firmware(self, status: str, transfer: Transfer) -> None:
        signed = transfer.request_id is not None
        action = "SignedFirmwareStatusNotification" if signed else "FirmwareStatusNotification"
        self._tell(action, status, transfer)

    def _tell_upload(self, status: str, transfer: Transfer) -> None:
        named = transfer.request_id is not None
        self._tell("LogStatusNotification" if named else "DiagnosticsStatusNotification", status, transfer)

    def _tell(self, action: str, status: str, transfer: Transfer) -> None:
        told: Payload = {"status": status}
        if transfer.request_id is not None:
            told["requestId"] = transfer.request_id
        self._station.send_plain(action, told)
        self._station.wake.set()

"""What a station does over HTTP on the side: sends its log, fetches firmware (OCPP 2.0.1 part 2 N01, L01)."""

from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import ClientSession

from simulator.ocpp.file_transfer import Errand, Signing, Timing, Transfer, attempt, fetch, send, verified
from simulator.ocpp.json import Payload

from .meter import timestamp
from .transaction import StoppedReason, Trigger

if TYPE_CHECKING:
    from .station import SimulatedStation2


def upload_log(station: SimulatedStation2, transfer: Transfer, name: str, content: bytes) -> Errand:
    """Return the errand that sends a log file by HTTP PUT and tells how it goes."""

    async def put(session: ClientSession) -> bool:
        await send(session, f"{transfer.url.rstrip('/')}/{name}", content)
        return True

    async def errand(session: ClientSession) -> None:
        station.upkeep.tell_log("Uploading", transfer.request_id)
        done = await attempt(station.clock, transfer, partial(put, session))
        station.upkeep.tell_log("Uploaded" if done else "UploadFailure", transfer.request_id)

    return errand


def update_firmware(station: SimulatedStation2, transfer: Transfer, signing: Signing | None, timing: Timing) -> Errand:
    """Return the errand that fetches firmware, checks it, and restarts with it, telling how it goes."""

    async def errand(session: ClientSession) -> None:
        tell = station.upkeep.tell_firmware
        await _wait(station, timing.fetch, "DownloadScheduled", transfer.request_id)
        tell("Downloading", transfer.request_id)
        fetched = await attempt(station.clock, transfer, partial(fetch, session, transfer.url))
        if fetched is None:
            tell("DownloadFailed", transfer.request_id)
            return
        tell("Downloaded", transfer.request_id)
        if signing is not None:
            if not verified(signing, fetched):
                tell("InvalidSignature", transfer.request_id)
                told: Payload = {"type": "InvalidFirmwareSignature", "timestamp": timestamp(station.station_time())}
                station.send("SecurityEventNotification", told)
                return
            tell("SignatureVerified", transfer.request_id)
        await _wait(station, timing.install, "InstallScheduled", transfer.request_id)
        tell("Installing", transfer.request_id)
        station.upkeep.flashed = fetched
        name = PurePosixPath(urlsplit(transfer.url).path).stem
        station.when_idle(_at_once, lambda: _install(station, name, transfer.request_id), after_s=1.0)

    return errand


async def _wait(station: SimulatedStation2, moment: datetime | None, status: str, request_id: int | None) -> None:
    wait_s = 0.0 if moment is None else (moment - station.station_time()).total_seconds()
    if wait_s > 0:
        station.upkeep.tell_firmware(status, request_id)
        await station.clock.sleep(wait_s)


def _install(station: SimulatedStation2, version: str, request_id: int | None) -> None:
    station.restart("FirmwareUpdate", StoppedReason.REBOOT, Trigger.ABNORMAL_CONDITION, keep=False)
    station.model.put("ChargingStation", "FirmwareVersion", version[:50])
    station.upkeep.installed_by = request_id


def _at_once() -> bool:
    return True

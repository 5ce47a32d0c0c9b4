"""What a station does over HTTP on the side: sends its log, fetches firmware (OCPP 2.0.1 part 2 N01, L01)."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from simulator.ocpp.json import Payload

from .certificates import FIRMWARE_ROOT, issued_by
from .meter import timestamp
from .transaction import StoppedReason, Trigger

if TYPE_CHECKING:
    from .station import SimulatedStation2

type Errand = Callable[[ClientSession], Coroutine[None, None, None]]

TRANSFER_TIMEOUT_S = 60.0
MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where something goes to or comes from, and how often that is tried, s apart."""

    request_id: int
    url: str
    retries: int
    interval_s: int


@dataclass(frozen=True, slots=True)
class Signing:
    """A firmware's signature and whose it is."""

    certificate: x509.Certificate
    signature: bytes


def read_signing(certificate_pem: str | None, signature: str | None) -> Signing | None:
    """Read what an UpdateFirmware says of its signature, None where it says nothing; ValueError when unreadable."""
    if certificate_pem is None or signature is None:
        return None
    try:
        return Signing(
            x509.load_pem_x509_certificate(certificate_pem.encode()), base64.b64decode(signature, validate=True)
        )
    except binascii.Error as error:
        raise ValueError("no base64") from error


def believed(station: SimulatedStation2, signing: Signing) -> bool:
    """Tell whether one of the manufacturer's roots signed the certificate, and it is valid now."""
    certificate, now = signing.certificate, station.station_time()
    roots = [root.certificate for root in station.certificates.roots if root.kind == FIRMWARE_ROOT]
    valid = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    return valid and any(issued_by(certificate, root) for root in roots)


def upload_log(station: SimulatedStation2, transfer: Transfer, name: str, content: bytes) -> Errand:
    """Return the errand that sends a log file by HTTP PUT and tells how it goes."""

    async def send(session: ClientSession) -> None:
        async with session.put(f"{transfer.url.rstrip('/')}/{name}", data=content) as response:
            response.raise_for_status()

    async def errand(session: ClientSession) -> None:
        station.upkeep.tell_log("Uploading", transfer.request_id)
        done = await _try(station, transfer, lambda: send(session))
        station.upkeep.tell_log("Uploaded" if done else "UploadFailure", transfer.request_id)

    return errand


@dataclass(frozen=True, slots=True)
class Timing:
    """When firmware is fetched and, where that is told, installed."""

    fetch: datetime
    install: datetime | None = None


def update_firmware(station: SimulatedStation2, transfer: Transfer, signing: Signing | None, timing: Timing) -> Errand:
    """Return the errand that fetches firmware, checks it, and restarts with it, telling how it goes."""
    fetched = bytearray()

    async def fetch(session: ClientSession) -> None:
        fetched.clear()
        async with session.get(transfer.url) as response:
            response.raise_for_status()
            async for chunk in response.content.iter_chunked(1 << 16):
                fetched.extend(chunk)
                if len(fetched) > MOST_BYTES:
                    raise ClientError("too large")

    async def errand(session: ClientSession) -> None:
        tell = station.upkeep.tell_firmware
        await _wait(station, timing.fetch, "DownloadScheduled", transfer.request_id)
        tell("Downloading", transfer.request_id)
        if not await _try(station, transfer, lambda: fetch(session)):
            tell("DownloadFailed", transfer.request_id)
            return
        tell("Downloaded", transfer.request_id)
        if signing is not None:
            if not verified(signing, bytes(fetched)):
                tell("InvalidSignature", transfer.request_id)
                told: Payload = {"type": "InvalidFirmwareSignature", "timestamp": timestamp(station.station_time())}
                station.send("SecurityEventNotification", told)
                return
            tell("SignatureVerified", transfer.request_id)
        await _wait(station, timing.install, "InstallScheduled", transfer.request_id)
        tell("Installing", transfer.request_id)
        name = PurePosixPath(urlsplit(transfer.url).path).stem
        station.when_idle(_at_once, lambda: _install(station, name, transfer.request_id), after_s=1.0)

    return errand


async def _wait(station: SimulatedStation2, moment: datetime | None, status: str, request_id: int) -> None:
    wait_s = 0.0 if moment is None else (moment - station.station_time()).total_seconds()
    if wait_s > 0:
        station.upkeep.tell_firmware(status, request_id)
        await station.clock.sleep(wait_s)


def _install(station: SimulatedStation2, version: str, request_id: int) -> None:
    station.restart("FirmwareUpdate", StoppedReason.REBOOT, Trigger.ABNORMAL_CONDITION, keep=False)
    station.model.put("ChargingStation", "FirmwareVersion", version[:50])
    station.upkeep.installed_by = request_id


def _at_once() -> bool:
    return True


def verified(signing: Signing, content: bytes) -> bool:
    """Tell whether the signature (RSA-PSS or ECDSA, over SHA-256) is the content's."""
    key = signing.certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(signing.signature, content, pss, hashes.SHA256())
            return True
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signing.signature, content, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False


async def _try(station: SimulatedStation2, transfer: Transfer, act: Callable[[], Awaitable[None]]) -> bool:
    for turn in range(transfer.retries + 1):
        if turn:
            await station.clock.sleep(transfer.interval_s)
        try:
            async with station.clock.timeout(TRANSFER_TIMEOUT_S):
                await act()
        except ClientError, OSError, TimeoutError, ValueError:
            continue
        return True
    return False

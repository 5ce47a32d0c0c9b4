"""Files over HTTP as stations of all versions send and fetch them, and the signatures of firmware."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import ClientError, ClientSession
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from simulator.clock import Clock

type Errand = Callable[[ClientSession], Coroutine[None, None, None]]

TRANSFER_TIMEOUT_S = 60.0
MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where something goes to or comes from, and how often that is tried, s apart; plain OCPP 1.6 has no id."""

    request_id: int | None
    url: str
    retries: int
    interval_s: int


@dataclass(frozen=True, slots=True)
class Timing:
    """When firmware is fetched and, where that is told, installed."""

    fetch: datetime
    install: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """A firmware's signature and whose it is."""

    certificate: x509.Certificate
    signature: bytes


def read_signing(certificate_pem: str | None, signature: str | None) -> Signing | None:
    """Read what a request says of its firmware's signature, None where it says nothing; ValueError when unreadable."""
    if certificate_pem is None or signature is None:
        return None
    try:
        return Signing(
            x509.load_pem_x509_certificate(certificate_pem.encode()), base64.b64decode(signature, validate=True)
        )
    except binascii.Error as error:
        raise ValueError("no base64") from error


def believed(signing: Signing, roots: Iterable[x509.Certificate], now: datetime) -> bool:
    """Tell whether one of the manufacturer's roots signed the certificate, and it is valid now."""
    certificate = signing.certificate
    valid = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    return valid and any(issued_by(certificate, root) for root in roots)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the issuer's key signed a certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature, ValueError, TypeError:
        return False
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


async def send(session: ClientSession, url: str, content: bytes) -> None:
    """Upload by PUT; ClientError where that is refused."""
    async with session.put(url, data=content) as response:
        response.raise_for_status()


async def fetch(session: ClientSession, url: str) -> bytes:
    """Download; ClientError where that is refused or there is too much."""
    fetched = bytearray()
    async with session.get(url) as response:
        response.raise_for_status()
        async for chunk in response.content.iter_chunked(1 << 16):
            fetched.extend(chunk)
            if len(fetched) > MOST_BYTES:
                raise ClientError("too large")
    return bytes(fetched)


async def attempt[T](clock: Clock, transfer: Transfer, act: Callable[[], Awaitable[T]]) -> T | None:
    """Do this as often as the request allows; None where it never succeeds."""
    for turn in range(transfer.retries + 1):
        if turn:
            await clock.sleep(transfer.interval_s)
        try:
            async with clock.timeout(TRANSFER_TIMEOUT_S):
                return await act()
        except ClientError, OSError, TimeoutError, ValueError:
            continue
    return None

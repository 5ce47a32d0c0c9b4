"""Requests of stations for a certificate: what is checked before one is signed, and how often one may ask."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ..clock import Clock
from .client_certificates import CertificateOwner, attribute, names_owner
from .tls import STRONG_HASHES, is_strong_key

MAX_REQUEST_CHARACTERS: Final = 5500  # OCPP 2.0.1 part 2 section 1.56 (SignCertificateRequest)
_PER_HOUR: Final = 6
_HOUR_S: Final = 3600.0
_DELIVERY_S: Final = 600.0  # A02: a certificate that the station took in no more than this time is given up


class RequestFault(StrEnum):
    """Why a request is not signed."""

    UNREADABLE = "the request can't be read"
    NOT_ITS_KEY = "the request is not signed with its own key"
    WEAK_KEY = "the key is shorter than RSA 2048 or EC 224 bits, or of another kind"
    WEAK_SIGNATURE = "the request is signed with less than SHA-256"
    OTHER_STATION = "the common name does not name the station"
    OTHER_ORGANIZATION = "the organisation is not the one expected"
    WANTS_AUTHORITY = "the request asks for an authority's certificate"
    KEY_OF_ANOTHER = "another station has a certificate for this key"
    OUTSTANDING = "the certificate asked for before is still on its way"
    TOO_OFTEN = "the station asks too often"


class RequestRefused(Exception):
    """A request is not signed."""

    def __init__(self, fault: RequestFault) -> None:
        """Keep why."""
        super().__init__(fault.value)
        self.fault = fault


type StationKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class StationRequest:
    """What of a request is used; nothing else that it asks for is."""

    common_name: str
    organization: str | None
    key: StationKey


def read_request(pem: str, owner: CertificateOwner) -> StationRequest:
    """Return what a station asks to have signed, all checks passed (A02); raises RequestRefused."""
    if len(pem) > MAX_REQUEST_CHARACTERS:
        raise RequestRefused(RequestFault.UNREADABLE)
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key, algorithm = request.public_key(), request.signature_hash_algorithm
        own = request.is_signature_valid
        subject, extensions = request.subject, request.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise RequestRefused(RequestFault.UNREADABLE) from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not is_strong_key(key):
        raise RequestRefused(RequestFault.WEAK_KEY)
    if algorithm is None or algorithm.name not in STRONG_HASHES:
        raise RequestRefused(RequestFault.WEAK_SIGNATURE)
    if not own:
        raise RequestRefused(RequestFault.NOT_ITS_KEY)
    common_name = attribute(subject, NameOID.COMMON_NAME)
    organization = attribute(subject, NameOID.ORGANIZATION_NAME)
    if common_name is None or not names_owner(common_name, owner):
        raise RequestRefused(RequestFault.OTHER_STATION)
    if owner.organization is not None and organization != owner.organization:
        raise RequestRefused(RequestFault.OTHER_ORGANIZATION)
    if _wants_authority(extensions):
        raise RequestRefused(RequestFault.WANTS_AUTHORITY)
    return StationRequest(common_name, organization, key)


def _wants_authority(extensions: x509.Extensions) -> bool:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return True
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            return True
    return False


class RequestGate:
    """Lets one request of a station through at a time, and only so many in an hour."""

    def __init__(self, clock: Clock, per_hour: int = _PER_HOUR, delivery_s: float = _DELIVERY_S) -> None:
        """Begin with nothing outstanding."""
        self._clock = clock
        self._per_hour = per_hour
        self._delivery_s = delivery_s
        self._asked: dict[str, deque[float]] = {}
        self._outstanding: dict[str, float] = {}

    @contextmanager
    def request(self, station_id: str) -> Iterator[None]:
        """Hold a request while it is worked on; raises RequestRefused.

        It stays outstanding after that, until `delivered` is told or ten minutes passed; one that is refused
        in this block is not, but counts.
        """
        now = self._clock.monotonic()
        if now - self._outstanding.get(station_id, -self._delivery_s) < self._delivery_s:
            raise RequestRefused(RequestFault.OUTSTANDING)
        asked = self._asked.setdefault(station_id, deque())
        while asked and now - asked[0] >= _HOUR_S:
            asked.popleft()
        if len(asked) >= self._per_hour:
            raise RequestRefused(RequestFault.TOO_OFTEN)
        asked.append(now)
        self._outstanding[station_id] = now
        try:
            yield
        except BaseException:
            self.delivered(station_id)
            raise

    def delivered(self, station_id: str) -> None:
        """Take note that the station has its certificate, or won't take it."""
        self._outstanding.pop(station_id, None)

    def forget(self, station_id: str) -> None:
        """Keep nothing of a station that was removed."""
        self._outstanding.pop(station_id, None)
        self._asked.pop(station_id, None)

"""Whom a station's certificate belongs to, and whether it was taken back (OCPP 2.0.1 part 2, A00.FR.401-431)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
import re
import ssl
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_PEM_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class CertificateFault(StrEnum):
    """Why a certificate doesn't let a station in."""

    UNREADABLE = "the certificate can't be read"
    NOT_VALID_NOW = "the certificate is not valid now"
    REVOKED = "the certificate was revoked"
    OTHER_STATION = "the certificate is not this station's"
    OTHER_ORGANIZATION = "the certificate is of another organisation"


class CertificateRefused(Exception):
    """A certificate lets nobody in, or not this station."""

    def __init__(self, fault: CertificateFault) -> None:
        """Keep why."""
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class CertificateOwner:
    """What the subject of a station's certificate must say.

    Its common name contains one of `names`, the station's id and serial number, as a whole word. `others` are
    the names of all other stations: a longer one of these that fits as well owns the certificate, so that a
    certificate is never good for two stations. `organization` is asked for where it is set.
    """

    names: frozenset[str]
    others: frozenset[str] = frozenset()
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A station's certificate whose chain and key TLS has proved; the times are UTC.

    `chain` are those between it and the authority.
    """

    common_name: str
    organization: str | None
    issuer: bytes  # DER of its name
    serial_number: int
    not_before: datetime
    not_after: datetime
    fingerprint: str  # SHA-256 of the certificate, in hexadecimal digits
    chain: tuple[ClientCertificate, ...] = ()

    @classmethod
    def from_der(cls, der: bytes) -> ClientCertificate:
        """Read a certificate; raises CertificateRefused."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            subject, issuer = certificate.subject, certificate.issuer.public_bytes()
            serial_number = certificate.serial_number
        except (ValueError, UnsupportedAlgorithm) as error:
            raise CertificateRefused(CertificateFault.UNREADABLE) from error
        return cls(
            common_name=attribute(subject, NameOID.COMMON_NAME) or "",
            organization=attribute(subject, NameOID.ORGANIZATION_NAME),
            issuer=issuer,
            serial_number=serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        )


class Revocations:
    """The serial numbers that authorities took back, held in memory; a value that is replaced, never changed."""

    def __init__(self, lists: Iterable[x509.CertificateRevocationList] = ()) -> None:
        """Take the entries of these lists, whose signatures were checked."""
        self._revoked = frozenset(
            (crl.issuer.public_bytes(), revoked.serial_number) for crl in lists for revoked in crl
        )

    def __contains__(self, certificate: ClientCertificate) -> bool:
        """Return whether a certificate was revoked, or one that it depends on."""
        return any((each.issuer, each.serial_number) in self._revoked for each in (certificate, *certificate.chain))


def read_revocations(pem: bytes, authorities: Sequence[x509.Certificate]) -> Revocations:
    """Return what the PEM lists revoke; ValueError for one that none of the authorities signed.

    A list that is past its next update still counts: what it revoked stays revoked.
    """
    lists = [x509.load_pem_x509_crl(block) for block in _PEM_CRL.findall(pem)]
    if not lists:
        raise ValueError("there is no certificate revocation list in it")
    for crl in lists:
        if not any(crl.issuer == authority.subject and _signed(crl, authority) for authority in authorities):
            raise ValueError("a certificate revocation list is not signed by a client authority")
    return Revocations(lists)


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) and crl.is_signature_valid(key)


def peer_certificate(connection: ssl.SSLObject | ssl.SSLSocket) -> ClientCertificate | None:
    """Return the certificate that a peer proved to hold, None without one; raises CertificateRefused."""
    der = connection.getpeercert(binary_form=True)
    if der is None:
        return None
    # A session of TLS 1.2 that is resumed by its id keeps what was sent, not what was verified then.
    chain = connection.get_verified_chain() or connection.get_unverified_chain() or ()
    above = tuple(ClientCertificate.from_der(each) for each in chain if each != der)
    return replace(ClientCertificate.from_der(der), chain=above)


def check_certificate(
    certificate: ClientCertificate, owner: CertificateOwner, revocations: Revocations, now: datetime
) -> None:
    """Raise CertificateRefused unless the certificate is the owner's, holds now and was not revoked."""
    if not certificate.not_before <= now <= certificate.not_after:
        raise CertificateRefused(CertificateFault.NOT_VALID_NOW)
    if certificate in revocations:
        raise CertificateRefused(CertificateFault.REVOKED)
    if not names_owner(certificate.common_name, owner):
        raise CertificateRefused(CertificateFault.OTHER_STATION)
    if owner.organization is not None and certificate.organization != owner.organization:
        raise CertificateRefused(CertificateFault.OTHER_ORGANIZATION)


def names_owner(common_name: str, owner: CertificateOwner) -> bool:
    """Return whether a common name names this station and no other one better."""
    fitting = [name for name in owner.names | owner.others if _names(common_name, name)]
    if not fitting:
        return False
    longest = max(map(len, fitting))
    best = {name for name in fitting if len(name) == longest}
    return best <= owner.names - owner.others


def _names(common_name: str, name: str) -> bool:
    """Return whether a name stands in a common name by itself: CP1 is not in CP10."""
    return bool(name) and bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", common_name))


def attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    """Return the only value of an attribute as text, None where there is none, or more than one to choose from."""
    values = name.get_attributes_for_oid(oid)
    if len(values) != 1:
        return None
    value = values[0].value
    return value if isinstance(value, str) else None

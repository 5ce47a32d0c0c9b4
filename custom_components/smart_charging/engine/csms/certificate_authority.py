"""A small authority of a site's own: its root, certificates for the port and for stations, and what it took back.

All of it works on files and computes keys: call it in a thread, one call at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
import ipaddress
import json
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .certificate_files import make_private_directory, write_private_file
from .certificate_requests import RequestFault, RequestRefused, StationKey, StationRequest
from .client_certificates import ClientCertificate
from .tls import ClientTrust, Identity

ROOT_FILE: Final = "root.pem"
CRL_FILE: Final = "revoked.pem"
RECORD_FILE: Final = "issued.json"
SERVER_FILES: Final = ("server-ec.pem", "server-rsa.pem")

# Before 2038, when the clocks of small stations overflow.
_ROOT_DAYS: Final = 3650
_SERVER_DAYS: Final = 365
_STATION_DAYS: Final = 730
_RENEW_DAYS: Final = 60
_CRL_DAYS: Final = 365
_CRL_RENEW_DAYS: Final = 30
# A station whose clock is late must not find a new certificate to be from the future.
_BACKDATED: Final = timedelta(days=1)
_RSA_BITS: Final = 2048
_MAX_NAME: Final = 64  # RFC 5280 appendix A.1, ub-common-name

type _RootKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class AuthorityError(Exception):
    """The authority's files can't be read or written, or it was asked for what it can't do."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A station's certificate as the authority remembers it; `key` is the SHA-256 of its public key."""

    station_id: str
    serial_number: int
    key: str
    not_after: datetime
    revoked_at: datetime | None = None


class CertificateAuthority:
    """A root with its key in a directory, and the record of what it signed."""

    def __init__(
        self, directory: Path, root: x509.Certificate, key: _RootKey, issued: Sequence[Issued] = (), crl_number: int = 0
    ) -> None:
        """Take what `create` or `load` made."""
        self._directory = directory
        self._root = root
        self._key = key
        self._issued = tuple(issued)
        self._crl_number = crl_number

    @classmethod
    def create(cls, directory: Path, name: str, now: datetime, *, rsa_root: bool = False) -> Self:
        """Make an authority with an EC P-256 key, or RSA where stations know nothing else; raises AuthorityError.

        A directory that holds one already is left alone.
        """
        if (directory / ROOT_FILE).exists():
            raise AuthorityError("there is an authority already")
        key: _RootKey = _new_rsa_key() if rsa_root else ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name, None)
        root = (
            _builder(subject, subject, key.public_key(), now, _ROOT_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(directory, root, key)
        try:
            make_private_directory(directory)
            made._save(now)
            # Last: without it there is no authority, and the next attempt begins anew.
            write_private_file(directory / ROOT_FILE, _pem(root) + _key_pem(key))
        except OSError as error:
            raise AuthorityError("the authority's files can't be written") from error
        return made

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read an authority; raises AuthorityError."""
        try:
            pem = (directory / ROOT_FILE).read_bytes()
            root, key = x509.load_pem_x509_certificate(pem), load_pem_private_key(pem, password=None)
            record = json.loads((directory / RECORD_FILE).read_bytes())
            issued = [_issued_from_json(each) for each in record["issued"]]
            crl_number = int(record["crl_number"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            # The reason of a parser might quote what it read.
            raise AuthorityError(f"the authority's files can't be read ({type(error).__name__})") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or not _same(key, root):
            raise AuthorityError("the authority's key and certificate don't belong together")
        return cls(directory, root, key, issued, crl_number)

    @property
    def root_pem(self) -> str:
        """Return the root's certificate, which stations have to trust."""
        return _pem(self._root).decode()

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the root's certificate as pairs of digits, to be compared by eye."""
        return self._root.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def expires(self) -> datetime:
        """Return when the root ends."""
        return self._root.not_valid_after_utc

    @property
    def issued(self) -> tuple[Issued, ...]:
        """Return the stations' certificates that have not run out."""
        return self._issued

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Return the files of the port's certificates, the EC one first."""
        return tuple(Identity(self._directory / name) for name in SERVER_FILES)

    @property
    def client_trust(self) -> ClientTrust:
        """Return the files by which stations' certificates are checked."""
        return ClientTrust(self._directory / ROOT_FILE, self._directory / CRL_FILE)

    def server_due(self, names: Sequence[str], now: datetime) -> bool:
        """Return whether the port's certificates are missing, end soon, or name other hosts than these."""
        try:
            held = [x509.load_pem_x509_certificate(identity.certificate.read_bytes()) for identity in self.identities]
            named = [each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for each in held]
        except OSError, ValueError, x509.ExtensionNotFound:
            return True
        wanted = x509.SubjectAlternativeName(_alternative_names(names))
        return any(
            alternatives != wanted or certificate.issuer != self._root.subject or _ends_soon(certificate, now)
            for certificate, alternatives in zip(held, named, strict=True)
        )

    def issue_server(self, names: Sequence[str], now: datetime) -> tuple[Identity, ...]:
        """Make new keys and certificates, EC and RSA, for a port with these DNS names and addresses.

        The first name is the common name too (A00.FR.307). Returns their files; raises AuthorityError.
        """
        alternatives = _alternative_names(names)
        if not alternatives:
            raise AuthorityError("a server's certificate needs a name")
        keys: tuple[_RootKey, ...] = (ec.generate_private_key(ec.SECP256R1()), _new_rsa_key())
        for identity, key in zip(self.identities, keys, strict=True):
            usage = _key_usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPrivateKey))
            builder = self._leaf_builder(_subject(names[0], None), key.public_key(), now, _SERVER_DAYS)
            certificate = (
                builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
                .add_extension(usage, critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .sign(self._key, hashes.SHA256())
            )
            self._write(identity.certificate, _pem(certificate) + _key_pem(key))
        return self.identities

    def sign_station(self, station_id: str, request: StationRequest, now: datetime) -> str:
        """Return a station's certificate in PEM for what `read_request` let through.

        Older ones of the station stay good until it shows the new one; `revoke` ends them. Raises
        RequestRefused for another station's key, AuthorityError where it can't be recorded.
        """
        digest = _digest(request.key)
        if any(each.key == digest and each.station_id != station_id for each in self._issued):
            raise RequestRefused(RequestFault.KEY_OF_ANOTHER)
        usage = _key_usage(digital_signature=True, key_encipherment=isinstance(request.key, rsa.RSAPublicKey))
        subject = _subject(request.common_name, request.organization)
        certificate = (
            self._leaf_builder(subject, request.key, now, _STATION_DAYS)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        made = Issued(station_id, certificate.serial_number, digest, certificate.not_valid_after_utc)
        self._record((*self._issued, made), now)
        return _pem(certificate).decode()

    def station_due(self, station_id: str, now: datetime) -> bool:
        """Return whether the newest certificate of a station ends soon; False for one that has none."""
        ends = [each.not_after for each in self._issued if each.station_id == station_id and each.revoked_at is None]
        return bool(ends) and max(ends) - now < timedelta(days=_RENEW_DAYS)

    def revoke(self, station_id: str, now: datetime, *, keep: ClientCertificate | None = None) -> None:
        """Take a station's certificates back, all but the one to keep, and write the list anew.

        Raises AuthorityError where that can't be written: then they are as good as before.
        """
        kept = None if keep is None else keep.serial_number
        self._record(
            tuple(
                replace(each, revoked_at=now)
                if each.station_id == station_id and each.revoked_at is None and each.serial_number != kept
                else each
                for each in self._issued
            ),
            now,
        )

    def settle(self, station_id: str, shown: ClientCertificate, now: datetime) -> bool:
        """Revoke a station's older certificates if it shows its newest; return whether there were some."""
        held = [each for each in self._issued if each.station_id == station_id and each.revoked_at is None]
        if len(held) < 2 or held[-1].serial_number != shown.serial_number:
            return False
        self.revoke(station_id, now, keep=shown)
        return True

    def refresh_revocations(self, now: datetime) -> None:
        """Write the list anew and forget what has run out; raises AuthorityError."""
        self._record(self._issued, now)

    def revocations_due(self, now: datetime) -> bool:
        """Return whether the list is missing or a month old."""
        try:
            listed = x509.load_pem_x509_crl((self._directory / CRL_FILE).read_bytes())
        except OSError, ValueError:
            return True
        return now - listed.last_update_utc >= timedelta(days=_CRL_RENEW_DAYS)

    def revocations_pem(self, now: datetime) -> str:
        """Return the list of revoked certificates (RFC 5280 section 5)."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._root.subject)
            .last_update(now)
            .next_update(now + timedelta(days=_CRL_DAYS))
            .add_extension(self._authority_key(), critical=False)
            .add_extension(x509.CRLNumber(self._crl_number), critical=False)
        )
        for each in self._issued:
            if each.revoked_at is not None:
                revoked = x509.RevokedCertificateBuilder(each.serial_number, each.revoked_at).build()
                builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _leaf_builder(self, subject: x509.Name, key: StationKey, now: datetime, days: int) -> x509.CertificateBuilder:
        return (
            _builder(subject, self._root.subject, key, now, days, latest=self.expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(self._authority_key(), critical=False)
        )

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        own = self._root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)

    def _record(self, issued: Iterable[Issued], now: datetime) -> None:
        """Remember these, on the disk first; what ran out is forgotten."""
        before = self._issued, self._crl_number
        self._issued = tuple(each for each in issued if each.not_after > now)
        self._crl_number += 1
        try:
            self._save(now)
        except OSError as error:
            self._issued, self._crl_number = before
            raise AuthorityError("the authority's record can't be written") from error

    def _save(self, now: datetime) -> None:
        record = {"crl_number": self._crl_number, "issued": [_issued_to_json(each) for each in self._issued]}
        write_private_file(self._directory / RECORD_FILE, json.dumps(record, indent=1).encode())
        write_private_file(self._directory / CRL_FILE, self.revocations_pem(now).encode())

    @staticmethod
    def _write(file: Path, content: bytes) -> None:
        try:
            write_private_file(file, content)
        except OSError as error:
            raise AuthorityError("a certificate can't be written") from error


def _builder(
    subject: x509.Name, issuer: x509.Name, key: StationKey, now: datetime, days: int, *, latest: datetime | None = None
) -> x509.CertificateBuilder:
    ends = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(ends if latest is None else min(ends, latest))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(common_name: str, organization: str | None) -> x509.Name:
    named = [] if organization is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
    return x509.Name([*named, x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_MAX_NAME])])


def _alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return DNS names and addresses as such; raises AuthorityError for what is neither."""
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            try:
                alternatives.append(x509.DNSName(name))
            except ValueError as error:
                raise AuthorityError(f"{name} is no host's name") from error
    return alternatives


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,  # what static RSA needs (RFC 5246 section 7.4.2)
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def _ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < timedelta(days=_RENEW_DAYS)


def _digest(key: StationKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _same(key: _RootKey, certificate: x509.Certificate) -> bool:
    return key.public_key() == certificate.public_key()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: _RootKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _issued_to_json(issued: Issued) -> dict[str, str | None]:
    return {
        "station_id": issued.station_id,
        "serial_number": f"{issued.serial_number:x}",
        "key": issued.key,
        "not_after": issued.not_after.isoformat(),
        "revoked_at": None if issued.revoked_at is None else issued.revoked_at.isoformat(),
    }


def _issued_from_json(raw: dict[str, str | None]) -> Issued:
    """Read what was written; raises KeyError, TypeError or ValueError for anything else."""
    revoked_at = raw["revoked_at"]
    return Issued(
        station_id=str(raw["station_id"]),
        serial_number=int(str(raw["serial_number"]), 16),
        key=str(raw["key"]),
        not_after=datetime.fromisoformat(str(raw["not_after"])).astimezone(UTC),
        revoked_at=None if revoked_at is None else datetime.fromisoformat(revoked_at).astimezone(UTC),
    )

"""Certificates of every kind that a port or a station may hold, good and bad, written for a test."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import ipaddress
from pathlib import Path
import ssl
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

type Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# Making RSA keys takes long; these tests are about certificates.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def openssl(*arguments: str | Path) -> str:
    """Run the openssl binary, which shares no code with what is tested; return what it says."""
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def subject(common_name: str, organization: str | None = None) -> x509.Name:
    named = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        named.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(named)


def pem_of(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Issuer:
    """An authority as somebody else would run it; independent of the engine's."""

    directory: Path
    name: str = "Test Root"
    key: Key = field(default_factory=ec_key)

    def __post_init__(self) -> None:
        """Write the root's certificate."""
        self.certificate = self._build(subject(self.name), self.key, authority=True)
        self.file = self.directory / f"{self.name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        common_name: str,
        *,
        key: Key | None = None,
        organization: str | None = None,
        starts: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=1),
        algorithm: hashes.HashAlgorithm | None = None,
        file: str | None = None,
    ) -> Path:
        """Write a certificate for 127.0.0.1 and its key to one file."""
        own = key or ec_key()
        made = self._build(
            subject(common_name, organization), own, starts=starts, ends=ends, algorithm=algorithm or hashes.SHA256()
        )
        path = self.directory / (file or f"{common_name} of {self.name}.pem")
        path.write_bytes(made.public_bytes(Encoding.PEM) + pem_of(own))
        return path

    def certify(self, other: Issuer) -> Path:
        """Write a certificate that makes another authority one under this one."""
        made = self._build(other.certificate.subject, other.key, authority=True)
        path = self.directory / f"{other.name} of {self.name}.pem"
        path.write_bytes(made.public_bytes(Encoding.PEM))
        return path

    def revoke(self, *files: Path, name: str = "crl.pem") -> Path:
        """Write the list of these certificates."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - timedelta(days=2))
            .next_update(now - timedelta(days=1))  # out of date: what it revoked stays revoked
        )
        for file in files:
            serial = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, now).build())
        path = self.directory / name
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def _build(
        self,
        name: x509.Name,
        key: Key,
        *,
        starts: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=1),
        authority: bool = False,
        algorithm: hashes.HashAlgorithm | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder(subject(self.name), name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        )
        if authority:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self.key, algorithm or hashes.SHA256())


def station_context(
    authority: Path | str, *, certificate: Path | None = None, suites: str | None = None, version: str = "any"
) -> ssl.SSLContext:
    """Return a station's side of TLS, trusting an authority (a file, or PEM), perhaps with one version or some suites."""
    trusted = {"cafile": str(authority)} if isinstance(authority, Path) else {"cadata": authority}
    context = ssl.create_default_context(**trusted)
    if version != "any":
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if suites is not None:
        context.set_ciphers(suites)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context

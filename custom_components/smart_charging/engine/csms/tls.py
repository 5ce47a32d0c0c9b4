"""TLS of the port: which certificates it shows, which suites it offers, and how both are replaced while it listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
import re
import ssl
from typing import Final, override

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from .client_certificates import Revocations, read_revocations

# OCPP 2.0.1 part 2, A00.FR.318 and A00.FR.321: suites with forward secrecy, and two without for old stations.
# Level 2 keeps peers to keys of 112 bits of security and to SHA-256 (A00.FR.503-505).
_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_STATIC_RSA_SUITES: Final = "AES128-GCM-SHA256:AES256-GCM-SHA384"
_PLAIN_REQUEST: Final = re.compile(rb"GET (/[\x21-\x7e]{0,400}) HTTP/1\.[01]\r\n")  # RFC 9112 section 3
_SECURITY_LEVEL: Final = "@SECLEVEL=2"
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 224
STRONG_HASHES: Final = frozenset({"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})


class TlsFault(StrEnum):
    """Why a certificate of ours, or an authority for those of stations, can't be used."""

    UNREADABLE = "it can't be read"
    KEY_MISFIT = "certificate and private key don't belong together, or the key is missing or encrypted"
    WEAK_KEY = "its key is shorter than RSA 2048 or EC 224 bits"
    WEAK_SIGNATURE = "it is signed with less than SHA-256"
    SAME_KIND = "there are two certificates with the same kind of key"
    NO_CERTIFICATE = "there is no certificate"
    NO_AUTHORITY = "it is not the certificate of an authority"
    REVOCATIONS = "its revocation list can't be read, or is signed by somebody else"


class TlsError(Exception):
    """A file of certificates can't be used; the text names the file and the reason."""

    def __init__(self, fault: TlsFault, file: Path | None = None) -> None:
        """Keep why."""
        super().__init__(fault.value if file is None else f"{file}: {fault.value}")
        self.fault = fault
        self.file = file


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files of a certificate with its chain, leaf first, and of its private key: the same file where it is None."""

    certificate: Path
    private_key: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files to read."""
        return (self.certificate,) if self.private_key is None else (self.certificate, self.private_key)


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """PEM files of the authorities whose certificates stations may show, and of what these revoked."""

    authorities: Path
    revocations: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files to read."""
        return (self.authorities,) if self.revocations is None else (self.authorities, self.revocations)


class _PortSide(ssl.SSLObject):
    """Our side of a connection, which recognises a request in the clear: it would end without a trace."""

    incoming: ssl.MemoryBIO | None = None
    on_plain_request: Callable[[str], None] | None = None

    @override
    def do_handshake(self) -> None:
        """Go on with the handshake, after a look at the first bytes."""
        if self.incoming is not None and self.incoming.pending:
            incoming, self.incoming = self.incoming, None
            first = incoming.read()
            incoming.write(first)
            request = _PLAIN_REQUEST.match(first)
            if request is not None and self.on_plain_request is not None:
                self.on_plain_request(request[1].decode("ascii"))
        super().do_handshake()


class ServerContext(ssl.SSLContext):
    """A TLS context for a listener that hands each new connection to the newest context it was given.

    A listener of asyncio keeps the context it began with. Each new connection asks it for `wrap_bio`; those that
    stand keep what they were made with, so nothing is dropped by a change.
    """

    _newest: ssl.SSLContext
    _revocations: Revocations
    _followers: list[Callable[[], None]]
    on_plain_request: Callable[[str], None] | None
    """Called with the target of a request that comes without TLS; it is read without trust."""

    @classmethod
    def around(cls, context: ssl.SSLContext, revocations: Revocations | None = None) -> ServerContext:
        """Return a context that stands for this one until `use` replaces it."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made._newest, made._revocations, made._followers = context, revocations or Revocations(), []
        made.on_plain_request = None
        return made

    @property
    def revocations(self) -> Revocations:
        """Return what is revoked now."""
        return self._revocations

    def use(self, other: ServerContext) -> None:
        """Use what another one holds for connections from now on."""
        self._newest, self._revocations = other._newest, other._revocations
        for follower in tuple(self._followers):
            follower()

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each `use`; returns how to stop that."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection with the newest context."""
        side = self._newest.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(side, _PortSide):
            side.incoming, side.on_plain_request = incoming, self.on_plain_request
        return side


def server_context(
    identities: Sequence[Identity], client_ca: ClientTrust | None = None, legacy_static_rsa: bool = False
) -> ServerContext:
    """Return the context of a port that shows these certificates, one for each kind of key; raises TlsError.

    With `client_ca` stations are asked for a certificate; one without is served all the same, one with a
    certificate of somebody else is not. `legacy_static_rsa` adds the suites without forward secrecy.
    Reads files, so it belongs in a thread.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _PortSide
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session brings back a certificate whose chain nobody verifies again. Python can't switch off resumption
    # by session id, which TLS 1.2 has: `peer_certificate` takes that into account.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    suites = [_SUITES, _STATIC_RSA_SUITES] if legacy_static_rsa else [_SUITES]
    context.set_ciphers(":".join((*suites, _SECURITY_LEVEL)))
    if not identities:
        raise TlsError(TlsFault.NO_CERTIFICATE)
    kinds = [_load_identity(context, identity) for identity in identities]
    if len(set(kinds)) < len(kinds):
        raise TlsError(TlsFault.SAME_KIND, identities[-1].certificate)
    return ServerContext.around(context, None if client_ca is None else _trust(context, client_ca))


def _load_identity(context: ssl.SSLContext, identity: Identity) -> type:
    """Give a certificate to the context and return the kind of its key."""
    chain = read_certificates(identity.certificate)
    for position, certificate in enumerate(chain):
        check_strength(certificate, identity.certificate, leaf=position == 0)
    try:
        # Without a password OpenSSL would ask for it on the terminal and block.
        context.load_cert_chain(identity.certificate, identity.private_key, password="")
    except FileNotFoundError as error:
        raise TlsError(TlsFault.UNREADABLE, identity.private_key) from error
    except (OSError, ValueError) as error:
        raise TlsError(TlsFault.KEY_MISFIT, identity.private_key or identity.certificate) from error
    return rsa.RSAPublicKey if isinstance(chain[0].public_key(), rsa.RSAPublicKey) else ec.EllipticCurvePublicKey


def _trust(context: ssl.SSLContext, client_ca: ClientTrust) -> Revocations:
    """Make the context ask for certificates of these authorities; return what they revoked."""
    authorities = read_certificates(client_ca.authorities)
    for authority in authorities:
        check_strength(authority, client_ca.authorities)
        if not is_authority(authority):
            raise TlsError(TlsFault.NO_AUTHORITY, client_ca.authorities)
    context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in authorities))
    context.verify_mode = ssl.CERT_OPTIONAL
    if client_ca.revocations is None:
        return Revocations()
    try:
        return read_revocations(client_ca.revocations.read_bytes(), authorities)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise TlsError(TlsFault.REVOCATIONS, client_ca.revocations) from error


def read_certificates(file: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, at least one; raises TlsError."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise TlsError(TlsFault.UNREADABLE, file) from error


def check_strength(certificate: x509.Certificate, file: Path | None = None, *, leaf: bool = False) -> None:
    """Raise TlsError for a key or a signature that stations have to refuse (A00.FR.503-505)."""
    try:
        key, algorithm = certificate.public_key(), certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsError(TlsFault.UNREADABLE, file) from error
    if not is_strong_key(key):
        raise TlsError(TlsFault.WEAK_KEY, file)
    # Nobody checks the signature that a root puts under itself.
    signature_counts = leaf or certificate.issuer != certificate.subject
    if signature_counts and (algorithm is None or algorithm.name not in STRONG_HASHES):
        raise TlsError(TlsFault.WEAK_SIGNATURE, file)


def is_strong_key(key: object) -> bool:
    """Return whether a public key is RSA or EC and long enough."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound, ValueError:
        return False

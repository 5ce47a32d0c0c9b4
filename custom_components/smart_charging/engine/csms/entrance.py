"""What a station must prove before it gets a socket: password, TLS, certificate; and how guessing is held off."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..clock import Clock
from ..config import SecurityProfile, StationConfig
from .client_certificates import CertificateOwner, CertificateRefused, ClientCertificate, Revocations, check_certificate
from .limits import HandshakeLimiter
from .login_backoff import LoginBackoff
from .quirks import Quirks
from .security import Credentials, PasswordCheck, least_profile


class Admission(StrEnum):
    """What is known of a station that dials in."""

    KNOWN = "known"
    PENDING = "pending"  # unknown, let in to be confirmed
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Access:
    """What a station id needs to enter.

    Any one of `password_hashes` opens (two while a password is being changed); none means that no
    password is asked. `protocol` pins the station to one version, `prefers` is one to speak rather than newer ones. `ping` off is for stations that
    close the socket on a WebSocket ping; their silence is then nobody's but the caller's to notice.
    `security_profile` is the least that opens. `owner` is what a certificate must say, by default the id;
    a certificate that fits opens without a password, one that doesn't opens nothing.
    """

    admission: Admission
    password_hashes: tuple[str, ...] = ()
    protocol: str | None = None
    prefers: str | None = None
    ping: bool = True
    security_profile: SecurityProfile = SecurityProfile.NONE
    owner: CertificateOwner | None = None


def configured_profile(config: StationConfig, *, has_password: bool) -> SecurityProfile:
    """Return the least that opens by the user's choice, which may be nothing at all."""
    least = config.security_profile
    if least is SecurityProfile.BASIC and config.allow_without_password and not has_password:
        return SecurityProfile.NONE
    return least


def owner_of(config: StationConfig, others: Iterable[StationConfig]) -> CertificateOwner:
    """Return what a station's certificate must say, which must not be another one's as well."""
    return CertificateOwner(
        names=_names(config),
        others=frozenset(name for other in others if other is not config for name in _names(other)),
        organization=config.organization,
    )


def access_of(
    config: StationConfig,
    hashes: tuple[str, ...],
    others: Iterable[StationConfig],
    quirks: Quirks,
    seen: SecurityProfile | None = None,
) -> Access:
    """Return what a configured station needs to enter: never less than it was seen to prove before."""
    least = least_profile(configured_profile(config, has_password=bool(hashes)), seen)
    if SecurityProfile.NONE < least < SecurityProfile.TLS_CERTIFICATE and not hashes:
        return Access(Admission.REFUSED)
    return Access(
        Admission.KNOWN,
        hashes,
        protocol=config.protocol,
        prefers=quirks.prefers_protocol,
        ping=config.websocket_ping and not quirks.no_websocket_ping,
        security_profile=least,
        owner=owner_of(config, others),
    )


def _names(config: StationConfig) -> frozenset[str]:
    return frozenset(name for name in (config.station_id, config.serial_number) if name)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks to enter, over what, and with what in hand."""

    station_id: str
    address: str
    secured: bool
    credentials: Credentials | None = None
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a visitor proved."""

    security_profile: SecurityProfile
    matched_hash: str | None = None


class Refused(Exception):
    """A handshake is answered with an HTTP status; the text is for who reads a station's log."""

    def __init__(self, status: int, text: str, retry_after_s: float = 1.0) -> None:
        """Keep the answer."""
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_after_s = retry_after_s


class Entrance:
    """Asks each visitor for what its station needs, and remembers who guessed."""

    def __init__(self, clock: Clock, handshakes: HandshakeLimiter) -> None:
        """Begin with nothing remembered; nothing is revoked."""
        self.revocations = Revocations()
        self._clock = clock
        self._handshakes = handshakes
        self._passwords = PasswordCheck()
        self._backoff = LoginBackoff(clock)

    async def prove(self, visitor: Visitor, access: Access) -> Proof:
        """Return what the visitor proved, enough for its station; raises Refused."""
        if visitor.certificate is not None:
            self._check_certificate(visitor.certificate, visitor.station_id, access)
            return Proof(SecurityProfile.TLS_CERTIFICATE)
        # Before the password: one sent over an open line mustn't be told right or wrong where TLS is due.
        if access.security_profile >= SecurityProfile.TLS_CERTIFICATE:
            raise Refused(403, "this station needs a certificate")
        if access.security_profile >= SecurityProfile.TLS_BASIC and not visitor.secured:
            raise Refused(403, "this station needs TLS")
        if not access.password_hashes:
            if access.security_profile > SecurityProfile.NONE:
                raise Refused(401, "this station needs a password")
            return Proof(SecurityProfile.NONE)
        matched = await self._matching_hash(visitor, access.password_hashes)
        return Proof(SecurityProfile.TLS_BASIC if visitor.secured else SecurityProfile.BASIC, matched)

    def _check_certificate(self, certificate: ClientCertificate, station_id: str, access: Access) -> None:
        owner = access.owner or CertificateOwner(frozenset({station_id}))
        try:
            check_certificate(certificate, owner, self.revocations, self._clock.now())
        except CertificateRefused as error:
            raise Refused(403, error.fault.value) from None

    async def _matching_hash(self, visitor: Visitor, hashes: tuple[str, ...]) -> str:
        credentials, station_id, address = visitor.credentials, visitor.station_id, visitor.address
        if credentials is None or credentials.username != station_id:
            raise Refused(401, "user name or password is wrong")
        if wait_s := self._backoff.begin(station_id, address):
            raise Refused(429, "too many failed logins", wait_s)
        suspect = self._handshakes.exhausted(address)
        matched = await self._passwords.matching(station_id, hashes, credentials.password, suspect=suspect)
        if matched is None:
            self._backoff.failed(address)
            raise Refused(401, "user name or password is wrong")
        self._backoff.succeeded(station_id, address)
        return matched

"""The certificates of a site's port: files of the user's, or made by an authority that all sites of this host share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

from homeassistant.components.network import async_get_adapters
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .engine.clock import SystemClock
from .engine.csms.certificate_authority import ROOT_FILE, AuthorityError, CertificateAuthority
from .engine.csms.certificate_watch import CertificateWatch
from .engine.csms.tls import ClientTrust, Identity, ServerContext, TlsError, TlsFault, server_context
from .listening import CertificateSource, ListenSettings

AUTHORITY_DIRECTORY: Final = "smart_charging_authority"  # in the configuration directory
_AUTHORITY_NAME: Final = "Smart Charging"
_REASONS: Final = {
    TlsFault.WEAK_KEY: "certificate_weak",
    TlsFault.WEAK_SIGNATURE: "certificate_weak",
    TlsFault.SAME_KIND: "certificates_same_kind",
    TlsFault.NO_AUTHORITY: "client_ca_invalid",
    TlsFault.REVOCATIONS: "client_ca_invalid",
}


class CertificateError(HomeAssistantError):
    """Certificates can't be used; `reason` is the key of a form's error."""

    def __init__(self, error: TlsError | AuthorityError) -> None:
        """Keep why."""
        super().__init__(str(error))
        self.reason = "authority_failed"
        if isinstance(error, TlsError):
            self.reason = _REASONS.get(error.fault, "certificate_invalid")


@dataclass(slots=True)
class _HostAuthority:
    """The authority once it is known, and who may work with it: threads, one at a time."""

    directory: Path
    lock: Lock = field(default_factory=Lock)
    authority: CertificateAuthority | None = None

    def get(self, create: bool) -> CertificateAuthority | None:
        """Return the authority, made where it shall be; None without one. Raises AuthorityError."""
        with self.lock:
            if self.authority is None and (self.directory / ROOT_FILE).exists():
                self.authority = CertificateAuthority.load(self.directory)
            elif self.authority is None and create:
                self.authority = CertificateAuthority.create(self.directory, _AUTHORITY_NAME, dt_util.utcnow())
            return self.authority


_HOST_AUTHORITY: HassKey[_HostAuthority] = HassKey(f"{DOMAIN}_authority")


def _shared(hass: HomeAssistant) -> _HostAuthority:
    return hass.data.setdefault(_HOST_AUTHORITY, _HostAuthority(Path(hass.config.path(AUTHORITY_DIRECTORY))))


async def async_authority(hass: HomeAssistant, *, create: bool = False) -> CertificateAuthority | None:
    """Return the authority of this host, None where there is none; raises CertificateError."""
    try:
        return await hass.async_add_executor_job(_shared(hass).get, create)
    except AuthorityError as error:
        raise CertificateError(error) from error


async def async_with_authority[T](hass: HomeAssistant, work: Callable[[CertificateAuthority], T]) -> T:
    """Return what comes of work with this host's authority, which is done in a thread, one at a time.

    Raises what the work does, and AuthorityError where there is no authority or it can't be read.
    """
    shared = _shared(hass)

    def work_alone() -> T:
        authority = shared.get(create=False)
        if authority is None:
            raise AuthorityError("there is no certificate authority")
        with shared.lock:
            return work(authority)

    return await hass.async_add_executor_job(work_alone)


async def async_host_names(hass: HomeAssistant, settings: ListenSettings) -> list[str]:
    """Return the names and addresses under which chargers may dial this host, names first."""
    hosts = [urlsplit(url).hostname for url in (hass.config.internal_url, hass.config.external_url) if url]
    addresses = [settings.host]
    for adapter in await async_get_adapters(hass):
        if adapter["enabled"]:
            addresses += [address["address"] for address in (*adapter["ipv4"], *adapter["ipv6"])]
    addresses = [address for address in addresses if not ip_address(address.partition("%")[0]).is_unspecified]
    found = [*(host for host in hosts if host), *(address.partition("%")[0] for address in addresses)]
    return sorted(dict.fromkeys(found), key=_is_address)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class PortCertificates:
    """Loads the certificates of one port, renews those we made, and follows their files."""

    def __init__(
        self, settings: ListenSettings, authority: CertificateAuthority | None, lock: Lock, names: Sequence[str]
    ) -> None:
        """Prepare; `open` loads for the first time. Without an authority the settings name files."""
        self._settings = settings
        self._authority = authority
        self._lock = lock
        self._names = names

    def open(self) -> ServerContext:
        """Return the context for the port; blocks, raises TlsError or AuthorityError."""
        self._renew(dt_util.utcnow())
        return self._load()

    def watch(self, context: ServerContext) -> CertificateWatch:
        """Return what keeps the context up to date."""
        return CertificateWatch(context, self._load, self._files(), SystemClock(), renew=self._renew)

    def _identities(self) -> tuple[Identity, ...]:
        if self._authority is not None:
            return self._authority.identities
        settings = self._settings
        pairs = (
            (settings.certificate, settings.private_key),
            (settings.second_certificate, settings.second_private_key),
        )
        return tuple(Identity(Path(chain), Path(key)) for chain, key in pairs if chain and key)

    def _trust(self) -> ClientTrust | None:
        if self._settings.client_ca is not None:
            crl = self._settings.client_crl
            return ClientTrust(Path(self._settings.client_ca), None if crl is None else Path(crl))
        # Chargers that have no certificate of ours yet needn't be asked for one that they can't have.
        if self._authority is not None and self._authority.issued:
            return self._authority.client_trust
        return None

    def _files(self) -> list[Path]:
        files = [file for identity in self._identities() for file in identity.files]
        if self._settings.client_ca is not None:
            trust = self._trust()
            files += () if trust is None else trust.files
        elif self._authority is not None:
            files += self._authority.client_trust.files
        return files

    def _load(self) -> ServerContext:
        with self._lock:
            return server_context(self._identities(), self._trust(), self._settings.legacy_rsa)

    def _renew(self, now: datetime) -> None:
        if self._authority is None:
            return
        with self._lock:
            if self._authority.server_due(self._names, now):
                self._authority.issue_server(self._names, now)
            if self._authority.revocations_due(now):
                self._authority.refresh_revocations(now)


async def async_port_certificates(hass: HomeAssistant, settings: ListenSettings) -> PortCertificates | None:
    """Return the certificates of a port, None for one without TLS; raises CertificateError."""
    if not settings.secured:
        return None
    created = settings.source is CertificateSource.CREATED
    authority = await async_authority(hass, create=True) if created else None
    names = await async_host_names(hass, settings) if created else []
    return PortCertificates(settings, authority, _shared(hass).lock, names)


async def async_open(hass: HomeAssistant, certificates: PortCertificates) -> ServerContext:
    """Load certificates; raises CertificateError."""
    try:
        return await hass.async_add_executor_job(certificates.open)
    except (TlsError, AuthorityError) as error:
        raise CertificateError(error) from error


async def async_try_certificates(hass: HomeAssistant, settings: ListenSettings) -> None:
    """Load what a port would show, for a test; raises CertificateError."""
    certificates = await async_port_certificates(hass, settings)
    if certificates is not None:
        await async_open(hass, certificates)

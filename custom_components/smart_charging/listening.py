"""Where the site's own server listens: address, port and certificates, tried before they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import errno
from ipaddress import IPv6Address, ip_address
import socket

from homeassistant.components.network import async_get_source_ip
from homeassistant.core import HomeAssistant

from .const import (
    CONF_BIND_ADDRESS,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_SOURCE,
    CONF_CLIENT_CA,
    CONF_CLIENT_CRL,
    CONF_LEGACY_RSA,
    CONF_PORT,
    CONF_PRIVATE_KEY,
    CONF_SECOND_CERTIFICATE,
    CONF_SECOND_PRIVATE_KEY,
)


class CertificateSource(StrEnum):
    """Where the certificates of the port come from."""

    NONE = "none"
    FILES = "files"
    CREATED = "created"  # by the integration's own authority


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """One listening socket; with a source of certificates it speaks TLS."""

    host: str
    port: int
    source: CertificateSource = CertificateSource.NONE
    certificate: str | None = None
    private_key: str | None = None
    second_certificate: str | None = None
    second_private_key: str | None = None
    client_ca: str | None = None
    client_crl: str | None = None
    legacy_rsa: bool = False

    @classmethod
    def from_data(cls, data: Mapping[str, str | int | None]) -> ListenSettings:
        """Return what an entry's data says."""

        def path(key: str) -> str | None:
            value = data.get(key)
            return str(value) if value else None

        # Who chose files before there was anything else to choose has no source.
        assumed = CertificateSource.FILES if path(CONF_CERTIFICATE) else CertificateSource.NONE
        return cls(
            host=str(data[CONF_BIND_ADDRESS]),
            port=int(data[CONF_PORT] or 0),
            source=CertificateSource(path(CONF_CERTIFICATE_SOURCE) or assumed),
            certificate=path(CONF_CERTIFICATE),
            private_key=path(CONF_PRIVATE_KEY),
            second_certificate=path(CONF_SECOND_CERTIFICATE),
            second_private_key=path(CONF_SECOND_PRIVATE_KEY),
            client_ca=path(CONF_CLIENT_CA),
            client_crl=path(CONF_CLIENT_CRL),
            legacy_rsa=bool(data.get(CONF_LEGACY_RSA)),
        )

    @property
    def secured(self) -> bool:
        """Return whether the port speaks TLS."""
        return self.source is not CertificateSource.NONE


def bind_error(settings: ListenSettings) -> str | None:
    """Bind the port for a moment; return the key of what is wrong, None where it is free."""
    family = socket.AF_INET6 if ip_address(settings.host).version == 6 else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            return "port_in_use"
        if err.errno == errno.EADDRNOTAVAIL:
            return "address_not_here"
        return "cannot_bind"
    return None


def is_address(text: str) -> bool:
    """Return True for an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def async_charger_url(hass: HomeAssistant, settings: ListenSettings) -> str:
    """Return the URL that a charger in the local network dials, without its own id."""
    address = ip_address(settings.host)
    if address.is_unspecified:
        address = ip_address(await async_get_source_ip(hass))
    scheme = "wss" if settings.secured else "ws"
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return f"{scheme}://{host}:{settings.port}"

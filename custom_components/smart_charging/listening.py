"""Where the site's own server listens: address, port and certificate, tried before they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
import errno
from ipaddress import IPv6Address, ip_address
import socket
import ssl

from homeassistant.components.network import async_get_source_ip
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import CONF_BIND_ADDRESS, CONF_CERTIFICATE, CONF_PORT, CONF_PRIVATE_KEY


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """One listening socket; with a certificate it speaks TLS."""

    host: str
    port: int
    certificate: str | None = None
    private_key: str | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, str | int | None]) -> ListenSettings:
        """Return what an entry's data says."""
        certificate, private_key = data.get(CONF_CERTIFICATE), data.get(CONF_PRIVATE_KEY)
        return cls(
            host=str(data[CONF_BIND_ADDRESS]),
            port=int(data[CONF_PORT] or 0),
            certificate=str(certificate) if certificate else None,
            private_key=str(private_key) if private_key else None,
        )


class CertificateError(HomeAssistantError):
    """The certificate or its private key can't be used."""


async def async_ssl_context(hass: HomeAssistant, settings: ListenSettings) -> ssl.SSLContext | None:
    """Return the TLS context, None without a certificate; CertificateError where it can't be loaded."""
    if settings.certificate is None:
        return None
    return await hass.async_add_executor_job(_load_certificate, settings.certificate, settings.private_key)


def _load_certificate(certificate: str, private_key: str | None) -> ssl.SSLContext:
    """Read the certificate chain and its key from files; an encrypted key is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password OpenSSL would ask for it on the terminal and block.
        context.load_cert_chain(certificate, private_key, password="")
    except (OSError, ValueError) as err:
        raise CertificateError(str(err)) from err
    return context


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
    scheme = "ws" if settings.certificate is None else "wss"
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return f"{scheme}://{host}:{settings.port}"

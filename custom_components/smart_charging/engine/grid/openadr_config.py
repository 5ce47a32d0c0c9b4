"""How an OpenADR 3 server (VTN) is reached and who we are to it, checked before anything is sent."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .openadr_values import TEXT_LENGTH, Addressee, OpenAdrVersion

# What must be installed before a VEN is run; imported nowhere before that.
REQUIREMENTS_WHEN_CHOSEN: Final = ("openadr3-client[mqtt]==2.4.2",)
SHORTEST_POLL: Final = timedelta(seconds=10)
LONGEST_POLL: Final = timedelta(hours=1)
# Names that no public resolver answers for: RFC 6762 (mDNS) and RFC 8375 (home networks).
_LOCAL_NAMES: Final = (".local", ".home.arpa", ".localhost")


class ConfigProblem(StrEnum):
    """What is wrong with a setting; the shell has a text for each."""

    URL = "url"  # of the server: not one, or with user, query or fragment
    URL_NOT_HTTPS = "url_not_https"
    TOKEN_URL = "token_url"
    TOKEN_URL_NOT_HTTPS = "token_url_not_https"
    CREDENTIALS = "credentials"  # client id or secret empty or too long
    VEN_NAME = "ven_name"
    RESOURCE_NAME = "resource_name"
    POLL_INTERVAL = "poll_interval"
    LOST_AFTER = "lost_after"  # so soon that a server would be lost between two polls


class ConfigError(ValueError):
    """A setting that can't be used."""

    def __init__(self, problem: ConfigProblem) -> None:
        """Keep which."""
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """A login by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4).

    Without a token URL a 3.1 server is asked for it (`/auth/server`), and a 3.0.1 server's own `/auth/token` is used.
    """

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenConfig:
    """All that a VEN is set up with. ConfigError for a setting that can't be used.

    `allow_http` lets a server on this host or in a private network go without TLS, others never. `register` makes the
    VEN and its resources known to the server where they are not. `lost_after` is how long nothing may be heard before
    the server counts as lost. `program_name` limits us to programmes of that name.
    """

    vtn_url: str
    addressee: Addressee
    version: OpenAdrVersion = OpenAdrVersion.V3_1
    login: ClientCredentials | None = None
    program_name: str | None = None
    poll_interval: timedelta = timedelta(seconds=60)
    lost_after: timedelta = timedelta(minutes=15)
    report_interval: timedelta = timedelta(minutes=15)
    allow_http: bool = False
    ca_file: Path | None = None
    register: bool = True
    notifications: bool = True

    def __post_init__(self) -> None:
        """Refuse what can't work or is not safe."""
        check_url(self.vtn_url, self.allow_http, ConfigProblem.URL, ConfigProblem.URL_NOT_HTTPS)
        if not _is_name(self.addressee.ven_name):
            raise ConfigError(ConfigProblem.VEN_NAME)
        if not all(_is_name(name) for name in self.addressee.resources):
            raise ConfigError(ConfigProblem.RESOURCE_NAME)
        if not SHORTEST_POLL <= self.poll_interval <= LONGEST_POLL or self.report_interval < timedelta(minutes=1):
            raise ConfigError(ConfigProblem.POLL_INTERVAL)
        if self.lost_after < 2 * self.poll_interval:
            raise ConfigError(ConfigProblem.LOST_AFTER)
        if self.login is not None:
            if not (0 < len(self.login.client_id) <= 4096 and 0 < len(self.login.client_secret) <= 4096):
                raise ConfigError(ConfigProblem.CREDENTIALS)
            if self.login.token_url is not None:
                self.check_token_url(self.login.token_url)

    @property
    def base_url(self) -> str:
        """Return the server's URL without a slash at its end."""
        return self.vtn_url.rstrip("/")

    def check_token_url(self, url: str) -> None:
        """Raise ConfigError for a URL that a client secret must not be sent to."""
        check_url(url, self.allow_http, ConfigProblem.TOKEN_URL, ConfigProblem.TOKEN_URL_NOT_HTTPS)


def check_url(url: str, allow_http: bool, malformed: ConfigProblem, unsafe: ConfigProblem) -> None:
    """Raise ConfigError for what is no URL, would carry a secret in itself, or is without TLS where that is not allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for one that is none
    except ValueError as error:
        raise ConfigError(malformed) from error
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ConfigError(malformed)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(malformed)
    if parts.scheme == "http" and not (allow_http and is_private(host)):
        raise ConfigError(unsafe)


def is_private(host: str) -> bool:
    """Return whether a host is this one or in a private network, by its address or name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL_NAMES)
    return address.is_loopback or address.is_private or address.is_link_local


def _is_name(name: str) -> bool:
    return 0 < len(name) <= TEXT_LENGTH and name.isprintable()

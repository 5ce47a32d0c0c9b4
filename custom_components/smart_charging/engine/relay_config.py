"""Where the second central system is, how to log in there, and what it may do."""

from dataclasses import dataclass, field
from enum import StrEnum
import re
from typing import Final
from urllib.parse import quote, urlsplit

MAX_URL_LENGTH: Final = 512
MIN_BACKLOG_BYTES: Final = 64 * 1024
MAX_BACKLOG_BYTES: Final = 4 * 1024 * 1024
# An identifierString (OCPP 2.0.1 part 2 section 3.1) without the colon, which HTTP Basic can't carry in a user name.
_IDENTITY: Final = re.compile(r"(?!\.+$)[A-Za-z0-9*+=|@._-]{1,48}")


class Secret:
    """A password that shows itself only when asked to: not in a repr, a log, a dump, or `asdict`."""

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        """Keep a password; text stands for its UTF-8 bytes."""
        self._value = value.encode() if isinstance(value, str) else value

    def reveal(self) -> bytes:
        """Return the password."""
        return self._value

    def __repr__(self) -> str:
        """Return a text without the password."""
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same password."""
        return isinstance(other, Secret) and other.reveal() == self._value

    def __hash__(self) -> int:
        """Return a hash for sets."""
        return hash(self._value)


class RelayPolicy(StrEnum):
    """What the second central system may make a station do; limits never reach it under any of them."""

    READ_ONLY = "read_only"  # ask for what the station knows
    START_STOP = "start_stop"  # and start, stop, unlock, trigger, reserve, keep a local list
    ALL_BUT_LIMITS = "all_but_limits"  # and configure, reset, update


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """A station's second central system; times in seconds.

    `url` is the address without the station's id, which is put behind it (OCPP-J 1.6 section 3.1.1); its path may
    be a secret, so only `shown` is for people's eyes. `identity` is what the station is called there, None for the
    same as here; it is also the user name. `authorisation` makes their answer count for who may charge; ours
    is used where none comes within `authorise_timeout_s`. `backlog_bytes` bounds what waits for them in memory and
    on disk; beyond it telemetry is thinned. ValueError for what can't work or would send a password in clear unasked.
    """

    url: str = field(repr=False)
    password: Secret | None = None
    identity: str | None = None
    policy: RelayPolicy = RelayPolicy.READ_ONLY
    authorisation: bool = False
    allow_unencrypted: bool = False
    authorise_timeout_s: float = 5.0
    answer_timeout_s: float = 30.0
    dial_timeout_s: float = 30.0
    ping_interval_s: float = 30.0
    pong_timeout_s: float = 15.0
    retry_min_s: float = 5.0
    retry_max_s: float = 300.0
    backlog_bytes: int = 4 * 1024 * 1024
    max_message_bytes: int = 256 * 1024
    messages_per_s: float = 20.0
    message_burst: int = 100

    def __post_init__(self) -> None:
        """Refuse what can't work; no message repeats the address."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise ValueError("the address of the second central system can't be read") from None
        if parts.scheme not in {"ws", "wss"} or not parts.hostname or len(self.url) > MAX_URL_LENGTH or port == 0:
            raise ValueError("the address of the second central system begins with wss:// or ws:// and a host")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("the address holds a login, a query or a fragment")
        if parts.scheme == "ws" and not self.allow_unencrypted:
            raise ValueError("an unencrypted connection must be allowed explicitly")
        if not MIN_BACKLOG_BYTES <= self.backlog_bytes <= MAX_BACKLOG_BYTES:
            raise ValueError("a backlog has 64 KiB to 4 MiB")
        if self.identity is not None and not _IDENTITY.fullmatch(self.identity):
            raise ValueError("the identity is no OCPP identity")

    @property
    def shown(self) -> str:
        """Return scheme, host and port, for logs and diagnostics."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def address_of(self, identity: str) -> str:
        """Return the address to dial."""
        return f"{self.url.rstrip('/')}/{quote(identity, safe='')}"

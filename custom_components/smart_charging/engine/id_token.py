"""Id tokens and what a site makes of them: values that the rooms share. A token's value is secret and in few of them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .model import AuthorizationStatus

MAX_TOKEN_LENGTH = 36  # OCPP 2.0.1 IdTokenType; OCPP 1.6 section 7.28 allows 20

# What stations present of themselves where they charge for everybody, in small letters without separators: seen in
# settings of vendors (free vend, plug and charge without a contract) and in the words of other systems.
_PLACEHOLDERS = frozenset(
    {
        "anonymous",
        "autostart",
        "default",
        "evcc",
        "freecharge",
        "freecharging",
        "freemode",
        "freevend",
        "freevending",
        "freevendid",
        "guest",
        "idtag",
        "local",
        "noauth",
        "noauthorization",
        "none",
        "null",
        "plugandcharge",
        "plugandchargeidentifier",
        "plugncharge",
        "remote",
        "smartcharging",
        "unknown",
    }
)


def is_placeholder(value: str) -> bool:
    """Return whether a token's value names nobody: what a station presents of itself where it asks for no tag."""
    word = "".join(letter for letter in value.lower() if letter.isalnum())
    return not word.strip("0") or not word.strip("f") or word in _PLACEHOLDERS


def byte_reversed(value: str) -> str | None:
    """Return the UID that a reader of the other byte order makes of this one; None for what is no UID.

    UIDs have 4, 7 or 10 bytes (ISO/IEC 14443-3 section 6.5.4).
    """
    if len(value) not in {8, 14, 20}:
        return None
    try:
        return bytes.fromhex(value)[::-1].hex().upper()
    except ValueError:
        return None


class TokenType(StrEnum):
    """What carries a token's value."""

    RFID = "rfid"
    APP = "app"
    REMOTE = "remote"
    VEHICLE = "vehicle"  # the MAC address of a car


class AccessMode(StrEnum):
    """What a site makes of tokens that it does not know."""

    ACCEPT_ALL = "accept_all"
    KNOWN_ONLY = "known_only"
    LEARN = "learn"  # refused, but remembered for somebody to assign


class LocalListUse(StrEnum):
    """Whether stations get the registry as their local list; by default where only known tokens may charge."""

    AUTOMATIC = "automatic"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may charge at a site; with `groups_share` a token of a group may do so at several EVSEs at once."""

    mode: AccessMode = AccessMode.ACCEPT_ALL
    groups_share: bool = False
    local_lists: LocalListUse = LocalListUse.AUTOMATIC

    @property
    def keeps_local_lists(self) -> bool:
        """Return whether stations are told who may charge while nobody can be asked."""
        if self.local_lists is LocalListUse.AUTOMATIC:
            return self.mode is AccessMode.KNOWN_ONLY
        return self.local_lists is LocalListUse.ALWAYS


@dataclass(frozen=True, slots=True)
class TokenDetails:
    """What people decide about a token; without a label it was seen and is nobody's yet.

    A master pass ends any transaction and begins none. Tokens of a group end each other's transactions. What is charged
    with it is the driver's, with the vehicle if one is named.
    """

    label: str | None = None
    type: TokenType = TokenType.RFID
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    group: str | None = None
    master_pass: bool = False
    blocked: bool = False
    driver_id: str | None = None
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class IdToken:
    """A token of the registry; `token_id` names it and is no secret, `site_id` is None for one of every site.

    `tail` is the end of its value, for those who administer it; empty where the value can't be read any more.
    """

    token_id: str
    details: TokenDetails
    site_id: str | None
    created_at: datetime
    last_used_at: datetime | None = None
    deleted_at: datetime | None = None
    tail: str = field(default="", repr=False)

    @property
    def assigned(self) -> bool:
        """Return whether somebody said whose it is."""
        return self.details.label is not None


@dataclass(frozen=True, slots=True)
class OpenUse:
    """A running transaction as far as it matters to who presents a token now.

    `here` says that it runs at the station where the token is presented.
    """

    evse_id: int
    here: bool
    same_token: bool
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """A token with its value and the value that stands for its group, as stations and relays need them."""

    token: IdToken
    value: str = field(repr=False)
    parent_value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LocalListEntry:
    """What a station is told of one token (OCPP 1.6 section 7.2 AuthorizationData)."""

    value: str = field(repr=False)
    status: AuthorizationStatus
    expires_at: datetime | None = None
    parent_value: str | None = field(default=None, repr=False)
    type: TokenType = TokenType.RFID


@dataclass(frozen=True, slots=True)
class LocalList:
    """All that a station has to know to decide alone; the version grows with each change of the entries."""

    version: int
    entries: tuple[LocalListEntry, ...]


class ListStatus(StrEnum):
    """How a station's list stands to the registry."""

    WAITING = "waiting"
    UP_TO_DATE = "up_to_date"
    SHORTENED = "shortened"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class ListState:
    """What is known of a station's list: its version, None before that was asked, and how many tags we sent."""

    status: ListStatus = ListStatus.WAITING
    version: int | None = None
    entries: int | None = None


class TokenExists(Exception):
    """The registry holds a token of this value already."""


class LabelExists(Exception):
    """The registry holds a token of this label already, in whatever case."""


class TokenUnknown(Exception):
    """The registry holds no token of this id."""

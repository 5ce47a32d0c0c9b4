"""Where demands come from: each source as configured, and what can be told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
import math
from typing import Final

from ..limit import OwnPower
from ..model import EvseKey
from .four_contacts import Contact
from .lpc import LpcConfig
from .release_ramp import RELEASE_S
from .signal import GridSignal, SignalKind, SignalScope, SignalUnit

DEBOUNCE_S: Final = 0.5  # of a contact that bounces; a command is due 2 s after the signal
GRACE_S: Final = 60.0  # an entity may be away for so long, as while its integration is loaded anew
MOST_SIGNALS: Final = 100  # that one message states, or that a source has announced one by one
FEED_IN_FAILSAFE_PERCENT: Final = 60.0  # what a plant that no operator can reach may feed in (section 9 EEG)


class InputKind(StrEnum):
    """How a source speaks."""

    CONTACT = "contact"  # one contact that asks for the same whenever it is closed
    CONTROL_BOX = "control_box"  # the four contacts W4, W3, S2, S1
    NUMBER = "number"  # an entity with a limit
    EEBUS = "eebus"  # LPC or LPP through a bridge: value, duration, active, heartbeat
    MESSAGES = "messages"  # signals as such: actions, webhook, MQTT, OCPP, OpenADR
    STANDING = "standing"  # a limit that always holds, as one that the law sets for a plant; nobody speaks


class LostPolicy(StrEnum):
    """What holds once a source is lost."""

    HOLD = "hold"  # its last word
    FAILSAFE = "failsafe"
    RELEASE = "release"  # nothing


_NAMES_ITS_LIMIT: Final = frozenset({InputKind.CONTACT, InputKind.STANDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """A source and what its signals mean; what a source of messages says of itself has precedence.

    `value` is the limit of a closed contact, or the standing one, in `unit`, None for the legal minimum. A number is
    multiplied by `factor` (1000 for kW) and is no limit from `no_limit_from` on, in `unit`. `contacts` are those of a
    control box that are wired. An entity may be away for `grace_s`; a source that has to speak is lost after `silent_s` without a word. `failsafe` is in `unit`, None for the legal minimum, or for
    what a contact or a block asks for. With `keeps_announced` what was announced goes on beside the fail-safe until it ends
    by itself. `release_s` is how long a return to full power takes. ValueError for what does not fit together.
    """

    source_id: str
    input: InputKind
    kind: SignalKind = SignalKind.IMPORT_LIMIT
    scope: SignalScope = SignalScope.CONTROLLABLE
    evse: EvseKey | None = None
    unit: SignalUnit = SignalUnit.WATT
    value: float | None = None
    factor: float = 1.0
    no_limit_from: float | None = None
    binding: bool = True
    own_power: OwnPower = OwnPower.AFTER_OTHER_LOAD
    inverted: bool = False
    contacts: frozenset[Contact] = frozenset(Contact)
    debounce_s: float = DEBOUNCE_S
    grace_s: float = GRACE_S
    silent_s: float | None = None
    policy: LostPolicy | None = None
    failsafe: float | None = None
    keeps_announced: bool = False
    failsafe_feed_in_percent: float = FEED_IN_FAILSAFE_PERCENT  # of a control box
    release_s: float = RELEASE_S
    lpc: LpcConfig | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if (self.input is InputKind.EEBUS) != (self.lpc is not None):
            raise ValueError("a bridge to EEBus has its fail-safe limit and duration, nothing else has")
        if (self.scope is SignalScope.DEVICE) != (self.evse is not None):
            raise ValueError("a source for a device names its EVSE, no other does")
        for value in (self.value, self.failsafe, self.no_limit_from):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError("a limit is a finite number of at least 0")
        seconds = (self.debounce_s, self.grace_s, self.release_s, self.silent_s or 0.0)
        if not all(math.isfinite(one) and one >= 0 for one in seconds):
            raise ValueError("a time is a finite number of seconds of at least 0")
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise ValueError("a factor is a finite number above 0")
        if self.input in _NAMES_ITS_LIMIT and self.value is None and not self.has_legal_value:
            raise ValueError("a contact or standing limit without a legal minimum names its limit")
        if self.lost_policy is LostPolicy.FAILSAFE and self.failsafe is None and not self._knows_failsafe:
            raise ValueError("the fail-safe of this source has no limit")

    @property
    def lost_policy(self) -> LostPolicy:
        """Return what holds once it is lost: the fail-safe where it binds and nothing else was chosen."""
        if self.policy is not None:
            return self.policy
        return LostPolicy.FAILSAFE if self.binding else LostPolicy.RELEASE

    @property
    def wired(self) -> frozenset[str]:
        """Return the names of the contacts that count: what others were seen to say, or this one as another, is over."""
        match self.input:
            case InputKind.CONTACT:
                return frozenset({""})
            case InputKind.CONTROL_BOX:
                return frozenset(one.value for one in self.contacts)
            case _:
                return frozenset()

    @property
    def has_to_speak(self) -> bool:
        """Return whether it is missed where it says nothing: a standing limit and messages that need not come are not."""
        need_not_come = self.input is InputKind.MESSAGES and self.silent_s is None
        return self.input is not InputKind.STANDING and not need_not_come

    @property
    def has_legal_value(self) -> bool:
        """Return whether law or kind tells what it asks for without a number: a block, or a dimmed device."""
        if self.kind is SignalKind.BLOCK:
            return True
        dimmed = self.kind is SignalKind.IMPORT_LIMIT and self.scope is not SignalScope.SITE
        return dimmed and self.unit is SignalUnit.WATT

    @property
    def _knows_failsafe(self) -> bool:
        told = self.input in _NAMES_ITS_LIMIT and self.value is not None
        return told or self.has_legal_value or self.input in {InputKind.CONTROL_BOX, InputKind.EEBUS}


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """A contact as an entity shows it, before inversion and debounce; `contact` of a control box.

    It is `alone` while another one of its box can't be read: then the box as a whole isn't heard.
    """

    source_id: str
    at: datetime
    closed: bool
    contact: Contact | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class NumberSeen:
    """The number of an entity."""

    source_id: str
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class HeartbeatSeen:
    """A sign of life of an EEBus bridge."""

    source_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LimitStated:
    """A limit of an EEBus bridge, in W; without `duration_told` it can't be read how long it lasts."""

    source_id: str
    at: datetime
    value_w: float
    active: bool = True
    duration: timedelta | None = None
    duration_told: bool = True


@dataclass(frozen=True, slots=True)
class SignalsStated:
    """All that a source demands now and later; what it said before is over. `failsafe` is what holds once it is lost."""

    source_id: str
    at: datetime
    signals: tuple[GridSignal, ...]
    failsafe: tuple[GridSignal, ...] | None = None  # None: as before


@dataclass(frozen=True, slots=True)
class SignalsRemembered:
    """What a source demanded when it was last heard, as is remembered beside the room; it is not heard by that.

    What the room itself knows of a later moment stays; so it does where not all is remembered.
    """

    source_id: str
    at: datetime
    signals: tuple[GridSignal, ...]
    failsafe: tuple[GridSignal, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class SignalAdded:
    """One signal more; it takes the place of one of the same kind, scope, EVSE and begin."""

    source_id: str
    at: datetime
    signal: GridSignal


@dataclass(frozen=True, slots=True)
class SignalsCleared:
    """What a source demanded is over; where given only of this kind, scope or EVSE."""

    source_id: str
    at: datetime
    kind: SignalKind | None = None
    scope: SignalScope | None = None
    evse: EvseKey | None = None

    def covers(self, signal: GridSignal) -> bool:
        """Return whether a signal is over by this."""
        return (
            self.kind in {None, signal.kind} and self.scope in {None, signal.scope} and self.evse in {None, signal.evse}
        )


@dataclass(frozen=True, slots=True)
class BrokerMessage:
    """A message that a broker may keep for whoever comes, with a digest to know it by.

    One that is `retained` was kept until now: when it was said is not known. Any other was said now.
    """

    source_id: str
    at: datetime
    says: SignalsStated | SignalAdded | SignalsCleared
    digest: str
    retained: bool


@dataclass(frozen=True, slots=True)
class SourceHeard:
    """A source is there and has nothing new to say."""

    source_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SourceUnavailable:
    """A source can't be heard, as an entity that is unavailable."""

    source_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SourceReachable:
    """A source can be heard again, as when a broker is back; whether it lives itself is not told."""

    source_id: str
    at: datetime


type SourceEvent = (
    ContactSeen
    | NumberSeen
    | HeartbeatSeen
    | LimitStated
    | SignalsStated
    | SignalsRemembered
    | SignalAdded
    | SignalsCleared
    | BrokerMessage
    | SourceHeard
    | SourceUnavailable
    | SourceReachable
)

# What each kind of input can tell; that it is there or is not, any can.
TELLS: Final[Mapping[InputKind, tuple[type, ...]]] = {
    InputKind.CONTACT: (ContactSeen,),
    InputKind.CONTROL_BOX: (ContactSeen,),
    InputKind.NUMBER: (NumberSeen,),
    InputKind.EEBUS: (HeartbeatSeen, LimitStated),
    InputKind.MESSAGES: (SignalsStated, SignalsRemembered, SignalAdded, SignalsCleared, BrokerMessage),
    InputKind.STANDING: (),
}

"""The ways in which a kind of station is led differently, each with its name and how its value is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ...model import Json
from ..profiles import Purpose
from ..state import Capabilities, ProfileForm, RateUnit

_PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
HEARTBEAT_S = 60  # some stations close a link that was idle for two minutes

# Of these only is told: what any station may do, and what the user has to know.
TOLERATED: Final = "tolerated"
DOCUMENTED: Final = "documented"


@dataclass(frozen=True, slots=True)
class Quirks:
    """What holds for a station beside what it says of itself; `names` are the effects in force, sorted."""

    names: tuple[str, ...] = ()

    # Charging profiles
    highest_stack_level: int | None = None
    rate_unit: RateUnit | None = None  # tried first, whatever the station says
    forms_first: tuple[ProfileForm, ...] = ()
    forms_never: frozenset[ProfileForm] = frozenset()
    purposes_never: frozenset[Purpose] = frozenset()
    current_step_a: float = 0.1
    currents_a: tuple[float, ...] = ()  # all it can do; in between it would round
    no_zero_in_defaults: bool = False  # a 0 that is not bound to a transaction ends those to come
    pauses_by_stop: bool = False  # a limit of 0 ends the transaction, so that is ended and begun anew in good order
    repeats_raise_from_zero: bool = False  # the first limit after 0 has no effect
    raise_pause_s: float = 0.0

    # Measurements
    distrusts_offer: bool = False
    measurands: tuple[str, ...] = ()
    measurands_unread: bool = False  # asking for them by name crashes the station
    meter_interval_s: int = 0  # no shorter one
    meter_poll_s: float | None = None  # it tells nothing by itself

    # The link
    no_websocket_ping: bool = False
    heartbeat_s: int = HEARTBEAT_S
    call_pause_s: float = 0.0  # between two calls to it
    prefers_protocol: str | None = None  # rather than a newer one that it speaks badly
    no_password: bool = False

    # Commands and settings
    settings: tuple[tuple[str, str], ...] = ()
    no_change_availability: bool = False
    start_tag_key: str | None = None  # the setting that holds the only tag a remote start may name
    longest_tag: int | None = None
    reset_from_finishing: bool = False

    def narrowed(self, capabilities: Capabilities) -> Capabilities:
        """Return what profiles may rely on of what a station says it can do."""
        level, told = self.highest_stack_level, capabilities.max_stack_level
        if level is None or (told is not None and told < level):
            level = told
        return replace(
            capabilities,
            max_stack_level=level,
            rate_units=capabilities.rate_units if self.rate_unit is None else frozenset({self.rate_unit}),
            purposes_rejected=capabilities.purposes_rejected | {purpose.value for purpose in self.purposes_never},
        )

    @property
    def never_idle_at_zero(self) -> bool:
        """Return whether nothing but a transaction may be held at 0."""
        return self.no_zero_in_defaults or self.pauses_by_stop


def _flag(raw: Json) -> bool:
    if raw is not True:
        raise ValueError("true is the only value")
    return True


def _integer(raw: Json, lowest: int = 0) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < lowest:
        raise ValueError(f"not a whole number from {lowest} on")
    return raw


def _number(raw: Json) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw <= 0:
        raise ValueError("not a number above 0")
    return float(raw)


def _text(raw: Json) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("not a text")
    return raw


def _list(raw: Json) -> list[Json]:
    if not isinstance(raw, list) or not raw:
        raise ValueError("not a list of something")
    return raw


def _texts(raw: Json) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(raw))


def _currents(raw: Json) -> tuple[float, ...]:
    currents = tuple(_number(item) for item in _list(raw))
    if list(currents) != sorted(set(currents)):
        raise ValueError("currents must rise")
    return currents


def _settings(raw: Json) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, dict) or not raw:
        raise ValueError("not settings by key")
    return tuple((key, _text(value)) for key, value in raw.items())


def _protocol(raw: Json) -> str:
    if raw not in _PROTOCOLS:
        raise ValueError("not a version of OCPP")
    return str(raw)


def _heartbeat(raw: Json) -> int:
    seconds = _integer(raw, 10)
    if seconds > HEARTBEAT_S:
        raise ValueError(f"longer than the {HEARTBEAT_S} s of all stations")
    return seconds


type _Effect = Callable[[Quirks, Json], Quirks]

EFFECTS: Final[Mapping[str, _Effect]] = {
    "highest_stack_level": lambda quirks, raw: replace(quirks, highest_stack_level=_integer(raw)),
    "rate_unit": lambda quirks, raw: replace(quirks, rate_unit=RateUnit(_text(raw))),
    "forms_first": lambda quirks, raw: replace(quirks, forms_first=tuple(map(ProfileForm, _texts(raw)))),
    "forms_never": lambda quirks, raw: replace(quirks, forms_never=frozenset(map(ProfileForm, _texts(raw)))),
    "purposes_never": lambda quirks, raw: replace(quirks, purposes_never=frozenset(map(Purpose, _texts(raw)))),
    "current_step_a": lambda quirks, raw: replace(quirks, current_step_a=_number(raw)),
    "currents_a": lambda quirks, raw: replace(quirks, currents_a=_currents(raw)),
    "no_zero_in_defaults": lambda quirks, raw: replace(quirks, no_zero_in_defaults=_flag(raw)),
    "pauses_by_stop": lambda quirks, raw: replace(quirks, pauses_by_stop=_flag(raw)),
    "repeats_raise_from_zero": lambda quirks, raw: replace(quirks, repeats_raise_from_zero=_flag(raw)),
    "raise_pause_s": lambda quirks, raw: replace(quirks, raise_pause_s=_number(raw)),
    "distrusts_offer": lambda quirks, raw: replace(quirks, distrusts_offer=_flag(raw)),
    "measurands": lambda quirks, raw: replace(quirks, measurands=_texts(raw)),
    "measurands_unread": lambda quirks, raw: replace(quirks, measurands_unread=_flag(raw)),
    "meter_interval_s": lambda quirks, raw: replace(quirks, meter_interval_s=_integer(raw, 1)),
    "meter_poll_s": lambda quirks, raw: replace(quirks, meter_poll_s=_number(raw)),
    "no_websocket_ping": lambda quirks, raw: replace(quirks, no_websocket_ping=_flag(raw)),
    "heartbeat_s": lambda quirks, raw: replace(quirks, heartbeat_s=_heartbeat(raw)),
    "call_pause_s": lambda quirks, raw: replace(quirks, call_pause_s=_number(raw)),
    "prefers_protocol": lambda quirks, raw: replace(quirks, prefers_protocol=_protocol(raw)),
    "no_password": lambda quirks, raw: replace(quirks, no_password=_flag(raw)),
    "settings": lambda quirks, raw: replace(quirks, settings=_settings(raw)),
    "no_change_availability": lambda quirks, raw: replace(quirks, no_change_availability=_flag(raw)),
    "start_tag_key": lambda quirks, raw: replace(quirks, start_tag_key=_text(raw)),
    "longest_tag": lambda quirks, raw: replace(quirks, longest_tag=_integer(raw, 1)),
    "reset_from_finishing": lambda quirks, raw: replace(quirks, reset_from_finishing=_flag(raw)),
}

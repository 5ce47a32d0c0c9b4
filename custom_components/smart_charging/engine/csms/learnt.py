"""What was learnt about a station, as one value that survives restarts in the station memory.

All of it belongs to one firmware version: another version is learnt anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ..config import SecurityProfile
from ..model import Json
from .password_rotation import PasswordRotation
from .profiles import Purpose, Strategy
from .state import Capabilities, ProfileForm, RateUnit, Reservation


@dataclass(frozen=True, slots=True)
class Learnt:
    """Facts about a station with this firmware.

    `preferred` is the rung of the ladder that worked, by whether a transaction ran; `held` tells by
    form whether a lease was seen to run out; `profile_ids` are the profiles we ever installed;
    `inoperative` are the connectors that the user disabled. `passwords` are the hashes that open while one
    is changed, `seen_profile` the most that the station ever proved, `reservations` those that we made and that
    hold. `vendor` and `model` are what it announced last. `gives_w` is what the car at an EVSE told that it can give back, in
    W: cars tell that once, when they are plugged in.
    """

    firmware: str | None = None
    vendor: str | None = None
    model: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    preferred: Mapping[bool, Strategy] = field(default_factory=dict)
    held: Mapping[ProfileForm, bool] = field(default_factory=dict)
    measurands_written: bool = False
    profile_ids: frozenset[int] = frozenset()
    inoperative: frozenset[int] = frozenset()
    passwords: PasswordRotation = PasswordRotation()  # noqa: RUF009 - frozen
    seen_profile: SecurityProfile | None = None
    reservations: tuple[Reservation, ...] = ()
    gives_w: Mapping[int, float] = field(default_factory=dict)

    def for_firmware(self, firmware: str | None) -> Learnt:
        """Return what still holds for this firmware: ids in use, the user's wishes, passwords and what it proved always do."""
        if firmware == self.firmware:
            return self
        if self.firmware is None:
            return replace(self, firmware=firmware)
        return replace(self.unlearnt(), firmware=firmware)

    def unlearnt(self) -> Learnt:
        """Return what was not found out by trying: who the station is, ids in use, the user's wishes, passwords."""
        return Learnt(
            firmware=self.firmware,
            vendor=self.vendor,
            model=self.model,
            profile_ids=self.profile_ids,
            inoperative=self.inoperative,
            passwords=self.passwords,
            seen_profile=self.seen_profile,
            reservations=self.reservations,
            gives_w=self.gives_w,
        )

    def shown(self) -> Capabilities:
        """Return the capabilities with what was learnt of leases."""
        rung = self.preferred.get(True) or self.preferred.get(False)
        holds = self.held.get(rung.form) if rung is not None else None
        form = rung.form if rung is not None else self.capabilities.profile_form
        return replace(self.capabilities, profile_form=form, holds_lease=holds)

    def to_json(self) -> dict[str, Json]:
        """Return a JSON object for the station memory."""
        known = self.capabilities
        return {
            "firmware": self.firmware,
            "vendor": self.vendor,
            "model": self.model,
            "connectors": known.connectors,
            "rate_units": [unit.value for unit in sorted(known.rate_units)],
            "max_stack_level": known.max_stack_level,
            "max_periods": known.max_periods,
            "max_profiles": known.max_profiles,
            "dynamic_profiles": known.dynamic_profiles,
            "two_way": [*sorted(known.two_way)],
            "purposes_rejected": [*sorted(known.purposes_rejected)],
            "measurands": [*sorted(known.measurands)],
            "feature_profiles": [*sorted(known.feature_profiles)],
            "phases": known.phases,
            "phase_switching": known.phase_switching,
            "switches_phases": known.switches_phases,
            "preferred": {str(int(key)): _strategy_to_json(rung) for key, rung in self.preferred.items()},
            "held": {form.value: holds for form, holds in self.held.items()},
            "measurands_written": self.measurands_written,
            "profile_ids": [*sorted(self.profile_ids)],
            "inoperative": [*sorted(self.inoperative)],
            "passwords": self.passwords.to_json(),
            "seen_profile": None if self.seen_profile is None else self.seen_profile.value,
            "reservations": [[one.reservation_id, one.evse_id, one.until.isoformat()] for one in self.reservations],
            "gives_w": {str(evse_id): power_w for evse_id, power_w in self.gives_w.items()},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Json]) -> Learnt:
        """Read what `to_json` wrote; what does not fit is learnt again."""
        return cls(
            firmware=_text(raw.get("firmware")),
            vendor=_text(raw.get("vendor")),
            model=_text(raw.get("model")),
            capabilities=_capabilities(raw),
            preferred=_preferred(raw.get("preferred")),
            held=_held(raw.get("held")),
            measurands_written=raw.get("measurands_written") is True,
            profile_ids=frozenset(_integers(raw.get("profile_ids"))),
            inoperative=frozenset(_integers(raw.get("inoperative"))),
            passwords=_passwords(raw),
            seen_profile=_profile(raw.get("seen_profile")),
            reservations=_reservations(raw.get("reservations")),
            gives_w=_gives(raw.get("gives_w")),
        )


def _passwords(raw: Mapping[str, Json]) -> PasswordRotation:
    kept = raw.get("passwords")
    return PasswordRotation.from_json(kept) if isinstance(kept, dict) else PasswordRotation.from_former(raw)


def _profile(raw: Json) -> SecurityProfile | None:
    number = _integer(raw)
    return next((profile for profile in SecurityProfile if profile == number), None)


def _reservations(raw: Json) -> tuple[Reservation, ...]:
    found = [_reservation(each) for each in raw] if isinstance(raw, list) else []
    return tuple(each for each in found if each is not None)


def _reservation(raw: Json) -> Reservation | None:
    if not isinstance(raw, list) or len(raw) != 3:
        return None
    number, evse_id = _integer(raw[0]), _integer(raw[1])
    try:
        until = datetime.fromisoformat(str(raw[2])).astimezone(UTC)
    except ValueError, OverflowError:
        return None
    return None if number is None or evse_id is None else Reservation(number, evse_id, until)


def _gives(raw: Json) -> dict[int, float]:
    found = raw.items() if isinstance(raw, dict) else ()
    return {
        int(evse_id): float(power_w)
        for evse_id, power_w in found
        if evse_id.isdecimal() and isinstance(power_w, int | float) and power_w > 0
    }


def _capabilities(raw: Mapping[str, Json]) -> Capabilities:
    units = frozenset(unit for unit in RateUnit if unit.value in _texts(raw.get("rate_units")))
    return Capabilities(
        connectors=_integer(raw.get("connectors")),
        rate_units=units or Capabilities().rate_units,
        max_stack_level=_integer(raw.get("max_stack_level")),
        max_periods=_integer(raw.get("max_periods")),
        max_profiles=_integer(raw.get("max_profiles")),
        dynamic_profiles=raw.get("dynamic_profiles") is True,
        two_way=frozenset(_integers(raw.get("two_way"))),
        purposes_rejected=frozenset(_texts(raw.get("purposes_rejected"))),
        measurands=frozenset(_texts(raw.get("measurands"))),
        feature_profiles=frozenset(_texts(raw.get("feature_profiles"))),
        phases=_integer(raw.get("phases")),
        phase_switching=_flag(raw.get("phase_switching")),
        switches_phases=_flag(raw.get("switches_phases")),
    )


def _preferred(raw: Json) -> dict[bool, Strategy]:
    rungs: dict[bool, Strategy] = {}
    for key, value in raw.items() if isinstance(raw, dict) else ():
        strategy = _strategy_from_json(value)
        if strategy is not None and key in {"0", "1"}:
            rungs[key == "1"] = strategy
    return rungs


def _held(raw: Json) -> dict[ProfileForm, bool]:
    held: dict[ProfileForm, bool] = {}
    for form in ProfileForm:
        value = raw.get(form.value) if isinstance(raw, dict) else None
        if isinstance(value, bool):
            held[form] = value
    return held


def _strategy_to_json(strategy: Strategy) -> list[Json]:
    return [strategy.purpose.value, strategy.form.value, strategy.stack_level, strategy.unit.value]


def _strategy_from_json(raw: Json) -> Strategy | None:
    if not isinstance(raw, list) or len(raw) != 4:
        return None
    purpose, form, level, unit = raw
    try:
        return Strategy(Purpose(str(purpose)), ProfileForm(str(form)), int(str(level)), RateUnit(str(unit)))
    except ValueError:
        return None


def _text(raw: Json) -> str | None:
    return raw if isinstance(raw, str) else None


def _flag(raw: Json) -> bool | None:
    return raw if isinstance(raw, bool) else None


def _integer(raw: Json) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _texts(raw: Json) -> tuple[str, ...]:
    return tuple(item for item in raw if isinstance(item, str)) if isinstance(raw, list) else ()


def _integers(raw: Json) -> tuple[int, ...]:
    items = raw if isinstance(raw, list) else []
    return tuple(number for item in items if (number := _integer(item)) is not None)

"""Which charging profiles a station takes (OCPP 2.0.1 part 2 K01, with the reason codes of its appendix)."""

from dataclasses import dataclass
from itertools import pairwise

from .options import StationOptions2, Version
from .profiles import ONLY_21, Kind, Profile, Purpose, Unit


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the station's hardware and configuration allow; A per phase."""

    version: Version
    max_a: float
    station_max_a: float
    phases: int
    evses: int
    max_stack_level: int
    max_profiles: int
    units: frozenset[Unit]
    switches_phases: bool
    two_way: bool
    max_periods: int = 24


def abilities_of(options: StationOptions2) -> Abilities:
    """Return what a station with these options can do."""
    return Abilities(
        version=options.version,
        max_a=options.max_a,
        station_max_a=options.station_max_a or options.max_a * options.evses,
        phases=options.phases,
        evses=options.evses,
        max_stack_level=options.stack_levels,
        max_profiles=options.max_profiles,
        units=frozenset(Unit(unit) for unit in options.rate_units),
        switches_phases=options.switches_phases,
        two_way=options.two_way,
    )


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile, the EVSE it was set for (0 is the whole station), and who set it."""

    evse_id: int
    profile: Profile
    source: str = "CSO"


def refused_place(evse_id: int, profile: Profile, abilities: Abilities) -> str | None:
    """Return the reason code why the profile can not be set there."""
    purpose = profile.purpose
    if not 0 <= evse_id <= abilities.evses:
        return "UnknownEvse"
    if purpose is Purpose.EXTERNAL or (purpose in ONLY_21 and abilities.version is not Version.V21):
        return "InvalidValue"
    if purpose is Purpose.STATION_MAX and evse_id != 0:
        return "InvalidValue"
    if purpose is Purpose.TX and evse_id == 0:
        return "InvalidValue"
    if not 0 <= profile.stack_level <= abilities.max_stack_level:
        return "InvalidStackLevel"
    return None


def refused_transaction(profile: Profile, running_id: str | None) -> str | None:
    """Return the reason code why a TxProfile does not fit the EVSE's transaction."""
    if profile.purpose is not Purpose.TX:
        return None
    if profile.transaction_id is None:
        return "MissingParam"
    return None if profile.transaction_id == running_id else "TxNotFound"


def refused_schedule(profile: Profile, abilities: Abilities) -> str | None:
    """Return the reason code why the schedule makes no sense here."""
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)) or len(starts) > abilities.max_periods:
        return "InvalidSchedule"
    if any(not _sound(period.limit, period.phases) for period in profile.periods):
        return "InvalidSchedule"
    if profile.unit not in abilities.units:
        return "UnsupportedRateUnit"
    if any(period.phase_to_use is not None and period.phases != 1 for period in profile.periods):
        return "InvalidSchedule"
    if any(period.phase_to_use is not None for period in profile.periods) and not abilities.switches_phases:
        return "UnsupportedParam"
    if any(period.taken_back > 0 for period in profile.periods) and not abilities.two_way:
        return "UnsupportedParam"
    return _refused_kind(profile, abilities)


def _refused_kind(profile: Profile, abilities: Abilities) -> str | None:
    match profile.kind:
        case Kind.RECURRING if profile.recurrence is None or profile.start is None:
            return "InvalidSchedule"
        case Kind.ABSOLUTE if profile.start is None:
            return "InvalidSchedule"
        case Kind.RELATIVE if profile.start is not None or profile.purpose is Purpose.STATION_MAX:
            return "InvalidSchedule"
        case Kind.DYNAMIC if abilities.version is not Version.V21 or len(profile.periods) != 1:
            return "InvalidSchedule"
        case _:
            return None


def refused_beside(evse_id: int, profile: Profile, installed: list[Installed], abilities: Abilities) -> str | None:
    """Return the reason code why the profile can not stand beside those installed (K01.FR.06, .39, .52, .53)."""
    others = [old for old in installed if old.profile.profile_id != profile.profile_id]
    if any(_conflict(evse_id, profile, old) for old in others):
        return "DuplicateProfile"
    if any(old.profile.profile_id == profile.profile_id and old.source != "CSO" for old in installed):
        return "InvalidProfile"
    if len(others) == len(installed) and len(installed) >= abilities.max_profiles:
        return "TooManyElements"
    return None


def _conflict(evse_id: int, new: Profile, old: Installed) -> bool:
    if (old.profile.purpose, old.profile.stack_level) != (new.purpose, new.stack_level):
        return False
    if new.purpose is Purpose.TX and old.profile.transaction_id != new.transaction_id:
        return False
    everywhere = new.purpose is Purpose.TX_DEFAULT and 0 in {evse_id, old.evse_id}
    return (old.evse_id == evse_id or everywhere) and new.overlaps(old.profile)


def _sound(limit: float | None, phases: int | None) -> bool:
    return (limit is None or limit >= 0) and phases in {None, 1, 2, 3}

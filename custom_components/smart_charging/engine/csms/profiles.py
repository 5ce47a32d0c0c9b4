"""Builds charging profiles: the persistent safe default and the lease that lies over it.

A lease holds the wanted limit for a while and falls to the safe limit by itself, on the station,
when nobody renews it. A limit of 0 is never written without an end, because some stations keep it
over every later session.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import math

from ..model import NOMINAL_VOLTAGE_V, Json
from .state import ProfileForm, RateUnit
from .timestamps import format_time

BACKDATE_S = 60  # a schedule starts in the past so that small clock errors do not delay it
ZERO_HOLD_S = 86_400  # how long a limit of 0 outlives us, at most
DEFAULT_STACK_LEVEL = 0
_DEFAULT_START = datetime(2000, 1, 1, tzinfo=UTC)  # before any clock a station may come up with after 1970
_IDS_PER_PURPOSE = 30
_STEPS_PER_A = 10  # limits have one decimal (OCPP 1.6 section 7.14)


class Purpose(StrEnum):
    """Purpose of a charging profile (OCPP 1.6 section 7.11)."""

    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    CHARGE_POINT_MAX = "ChargePointMaxProfile"


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way of writing a limit down so that a station may accept and obey it."""

    purpose: Purpose
    form: ProfileForm
    stack_level: int
    unit: RateUnit


@dataclass(frozen=True, slots=True)
class Wiring:
    """What turns amperes per phase into a station's units: phases, and the range a car can use.

    `named` phases are told to the station even where they are what it would assume. `allowed_a` are all
    the currents that it can do, where those are few; otherwise they are steps of `step_a`.
    """

    phases: int
    min_a: float
    max_a: float
    named: bool = False
    step_a: float = 1 / _STEPS_PER_A
    allowed_a: tuple[float, ...] = ()

    def using(self, phases: int | None) -> Wiring:
        """Return the wiring with so many phases in use, all of them for None; more than are wired can't be."""
        return self if phases is None or phases > self.phases else replace(self, phases=phases, named=True)

    def snap(self, current_a: float) -> float:
        """Return the limit that may be sent: rounded down to what the station can do, 0 below the minimum."""
        capped = min(current_a, self.max_a) + 1e-6
        if self.allowed_a:
            stepped = max((amps for amps in self.allowed_a if amps <= capped), default=0.0)
        else:
            stepped = round(math.floor(capped / self.step_a) * self.step_a, 1)
        return stepped if stepped >= self.min_a else 0.0

    def to_unit(self, current_a: float, unit: RateUnit) -> float:
        """Return a limit as written; W counts all phases together (OCPP 1.6 section 7.12)."""
        if unit is RateUnit.A:
            return round(current_a, 1)
        return round(round(current_a * _STEPS_PER_A) * (NOMINAL_VOLTAGE_V / _STEPS_PER_A) * self.phases, 1)

    def to_amperes(self, limit: float, unit: RateUnit) -> float:
        """Return a written limit in A per phase."""
        return limit if unit is RateUnit.A else limit / (NOMINAL_VOLTAGE_V * self.phases)


@dataclass(frozen=True, slots=True)
class Lease:
    """A wanted limit for `hold_s`, then `safe_a`; both as they may be sent.

    `station_now` is the present on the station's clock, `elapsed_s` the age of the transaction.
    """

    evse_id: int
    current_a: float
    safe_a: float
    hold_s: float
    station_now: datetime
    transaction_id: str | None = None
    elapsed_s: float | None = None
    max_periods: int | None = None
    setpoint_w: float | None = None


def ends_below(form: ProfileForm) -> bool:
    """Return whether a lease of this form ends on what lies below it, instead of saying itself what is safe."""
    return form in {ProfileForm.VALID_TO, ProfileForm.DYNAMIC}


def needs_zero_hold(strategy: Strategy, current_a: float, safe_a: float) -> bool:
    """Return whether a lease would end on the persistent default, which is never 0, although 0 is safe."""
    return ends_below(strategy.form) and safe_a == 0 and (current_a > 0 or strategy.form is ProfileForm.DYNAMIC)


def zero_hold_level(strategy: Strategy) -> int | None:
    """Return the stack level right below a lease, None where there is no room above the safe default."""
    lowest = DEFAULT_STACK_LEVEL + 1 if strategy.purpose is Purpose.TX_DEFAULT else 0
    return strategy.stack_level - 1 if strategy.stack_level > lowest else None


def profile_id(purpose: Purpose, evse_id: int, stack_level: int) -> int:
    """Return the one id of a purpose, EVSE and stack level: the same id replaces, a new one would add."""
    index = list(Purpose).index(purpose) + len(Purpose) * max(0, evse_id - 1)
    return 1 + index * _IDS_PER_PURPOSE + min(stack_level, _IDS_PER_PURPOSE - 1)


def lease_ids(evse_id: int, ids: AbstractSet[int]) -> frozenset[int]:
    """Return those of these profiles that may lie over an idle EVSE's safe default; TxProfiles end by themselves."""
    default = profile_id(Purpose.TX_DEFAULT, evse_id, DEFAULT_STACK_LEVEL)
    purposes = (Purpose.TX_DEFAULT, Purpose.CHARGE_POINT_MAX)
    known = {profile_id(purpose, evse_id, level) for purpose in purposes for level in range(_IDS_PER_PURPOSE)}
    return frozenset(ids & known - {default})


def connector(purpose: Purpose, evse_id: int) -> int:
    """Return the connector a profile of this purpose is sent to."""
    return 0 if purpose is Purpose.CHARGE_POINT_MAX else evse_id


def safe_default(evse_id: int, safe_a: float, wiring: Wiring, unit: RateUnit, form: ProfileForm) -> dict[str, Json]:
    """Build the persistent TxDefaultProfile; a safe current of 0 is left to profiles that expire."""
    limit_a = max(safe_a, wiring.min_a)
    relative = form is ProfileForm.RELATIVE_TWO_PERIODS
    strategy = Strategy(Purpose.TX_DEFAULT, form, DEFAULT_STACK_LEVEL, unit)
    start = None if relative else _DEFAULT_START
    return _profile(strategy, evse_id, _schedule([(0, limit_a)], unit, wiring, start))


def lease_profile(strategy: Strategy, lease: Lease, wiring: Wiring) -> dict[str, Json]:
    """Build the profile that holds a limit for a while and the safe one after that."""
    match strategy.form:
        case ProfileForm.DYNAMIC:
            profile = _dynamic(strategy, lease, wiring)
        case ProfileForm.VALID_TO:
            profile = _valid_to(strategy, lease, wiring)
        case _:
            profile = _two_periods(strategy, lease, wiring)
    if lease.setpoint_w is not None:
        _steer(profile, lease.setpoint_w)
    if strategy.purpose is Purpose.TX and lease.transaction_id is not None:
        profile["transactionId"] = lease.transaction_id
    return profile


def zero_hold(strategy: Strategy, lease: Lease, wiring: Wiring) -> dict[str, Json]:
    """Build the profile of 0 A below a lease that ends; it ends by itself too, only later."""
    below = replace(strategy, form=ProfileForm.VALID_TO, stack_level=strategy.stack_level - 1)
    return lease_profile(below, replace(lease, current_a=0.0, safe_a=0.0, setpoint_w=None), wiring)


def setpoint_of(setpoint_w: float, limit_w: float) -> tuple[float, float]:
    """Return the set-point to send, never above the limit, and how far discharging may go; W of all phases."""
    setpoint = round(min(setpoint_w, limit_w), 1)
    return setpoint, min(setpoint, 0.0)


def _steer(profile: dict[str, Json], setpoint_w: float) -> None:
    """Make the limit that holds now a frame for a set-point, which the car follows (OCPP 2.1 Q)."""
    schedule = profile["chargingSchedule"]
    assert isinstance(schedule, dict)
    periods = schedule["chargingSchedulePeriod"]
    assert isinstance(periods, list)
    first = periods[0]
    assert isinstance(first, dict)
    limit = first["limit"]
    assert isinstance(limit, float)
    first["operationMode"] = "CentralSetpoint"
    first["setpoint"], first["dischargeLimit"] = setpoint_of(setpoint_w, limit)


def _two_periods(strategy: Strategy, lease: Lease, wiring: Wiring) -> dict[str, Json]:
    relative = strategy.form is ProfileForm.RELATIVE_TWO_PERIODS
    if relative and lease.elapsed_s is None:
        # Time runs from the start of charging: a higher limit would wait there for whoever comes.
        lease = replace(lease, current_a=min(lease.current_a, lease.safe_a), elapsed_s=0.0)
    passed = int(lease.elapsed_s or 0) if relative else BACKDATE_S
    periods = [(0, lease.current_a)]
    if lease.safe_a != lease.current_a:
        periods.append((passed + int(lease.hold_s), lease.safe_a))
    duration = None
    if lease.safe_a == 0:
        if lease.max_periods is not None and len(periods) >= lease.max_periods:
            duration = passed + ZERO_HOLD_S
        else:
            periods.append((passed + ZERO_HOLD_S, wiring.min_a))
    start = None if relative else lease.station_now - timedelta(seconds=BACKDATE_S)
    profile = _profile(strategy, lease.evse_id, _schedule(periods, strategy.unit, wiring, start, duration))
    if relative and lease.safe_a == 0 and strategy.purpose is Purpose.TX_DEFAULT and strategy.stack_level > 0:
        # Its schedule begins anew with each transaction: without this, each would begin with a day of 0.
        profile["validTo"] = format_time(lease.station_now + timedelta(seconds=ZERO_HOLD_S))
    return profile


def _valid_to(strategy: Strategy, lease: Lease, wiring: Wiring) -> dict[str, Json]:
    """One period over the default of a lower level; `duration` too, as some look only at that."""
    hold_s = ZERO_HOLD_S if lease.current_a == lease.safe_a == 0 else lease.hold_s
    start = lease.station_now - timedelta(seconds=BACKDATE_S)
    duration = BACKDATE_S + int(hold_s)
    schedule = _schedule([(0, lease.current_a)], strategy.unit, wiring, start, duration)
    profile = _profile(strategy, lease.evse_id, schedule)
    profile["validFrom"] = format_time(start)
    profile["validTo"] = format_time(lease.station_now + timedelta(seconds=hold_s))
    return profile


def _dynamic(strategy: Strategy, lease: Lease, wiring: Wiring) -> dict[str, Json]:
    """One period whose values are moved later; it holds for a while after each move, and after the link went (K28)."""
    schedule = _schedule([(0, lease.current_a)], strategy.unit, wiring, None, max(1, int(lease.hold_s)))
    profile = _profile(strategy, lease.evse_id, schedule)
    profile["maxOfflineDuration"] = max(1, int(lease.hold_s))
    profile["invalidAfterOfflineDuration"] = False
    return profile


def _profile(strategy: Strategy, evse_id: int, schedule: dict[str, Json]) -> dict[str, Json]:
    kinds = {ProfileForm.RELATIVE_TWO_PERIODS: "Relative", ProfileForm.DYNAMIC: "Dynamic"}
    return {
        "chargingProfileId": profile_id(strategy.purpose, evse_id, strategy.stack_level),
        "stackLevel": strategy.stack_level,
        "chargingProfilePurpose": strategy.purpose.value,
        "chargingProfileKind": kinds.get(strategy.form, "Absolute"),
        "chargingSchedule": schedule,
    }


def _schedule(
    periods: list[tuple[int, float]],
    unit: RateUnit,
    wiring: Wiring,
    start: datetime | None,
    duration: int | None = None,
) -> dict[str, Json]:
    schedule: dict[str, Json] = {
        "chargingRateUnit": unit.value,
        "chargingSchedulePeriod": [_period(offset, limit, unit, wiring) for offset, limit in periods],
    }
    if start is not None:
        schedule["startSchedule"] = format_time(start)
    if duration is not None:
        schedule["duration"] = duration
    return schedule


def _period(offset_s: int, limit_a: float, unit: RateUnit, wiring: Wiring) -> dict[str, Json]:
    period: dict[str, Json] = {"startPeriod": offset_s, "limit": wiring.to_unit(limit_a, unit)}
    if wiring.named or wiring.phases != 3:  # three is what a missing numberPhases means
        period["numberPhases"] = wiring.phases
    return period

"""What one EVSE may get in its mode, before anybody looks at what is left for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..limit import Limit, LimitSource, LimitUnit
from ..model import PLANNED_MODES, ChargeMode, EvseStatus, MeterQuality, Reason, ReasonCode
from .planning.advice import charges_by_plan, waits_for
from .planning.late_part import in_late_part
from .snapshot import EvseControl, EvseSnapshot
from .waking import TRIES, sleeps_through

CEILING_REASONS = {
    LimitSource.STATION: ReasonCode.LIMIT_STATION,
    LimitSource.CABLE: ReasonCode.LIMIT_CABLE,
    LimitSource.USER: ReasonCode.LIMIT_USER,
    LimitSource.GRID_SIGNAL: ReasonCode.LIMIT_GRID_SIGNAL,
    LimitSource.RELAY: ReasonCode.LIMIT_RELAY,
    LimitSource.CAR: ReasonCode.LIMIT_CAR,
}


_WAITING = PLANNED_MODES | {ChargeMode.SOLAR}  # a car that comes waits, for the sun or by plan


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most A per phase that an EVSE itself may get, and what says so."""

    current_a: float
    source: LimitSource

    def reason(self) -> Reason:
        """Return the reason of an EVSE that got all of it, or whose minimum does not fit below it."""
        code = CEILING_REASONS.get(self.source, ReasonCode.LIMIT_USER)
        return Reason(code, {"limit_a": round(self.current_a, 1)})


@dataclass(frozen=True, slots=True)
class Desire:
    """A range in A per phase; `min_a` 0 means that nothing is to be allocated.

    `rest_a` is the setpoint then. `on_surplus` marks what shares the surplus, `always_on`
    what keeps its minimum without any. `at_once` marks what takes all it can get.
    """

    min_a: float
    max_a: float
    reason: Reason
    rest_a: float = 0.0
    on_surplus: bool = False
    always_on: bool = False
    at_once: bool = False


def ceiling(evse: EvseSnapshot, limits: Iterable[Limit], phases: int, volts: float) -> Ceiling:
    """Return an EVSE's own ceiling; `limits` are the live ones on it, `phases` how many it uses."""
    known = [(evse.station.max_current_a, LimitSource.STATION)]
    if evse.station.cable_current_a is not None:
        known.append((evse.station.cable_current_a, LimitSource.CABLE))
    if evse.settings.max_current_a is not None:
        known.append((evse.settings.max_current_a, LimitSource.USER))
    for limit in limits:
        amperes = limit.value if limit.unit is LimitUnit.AMPERE else limit.value / volts / max(1, phases)
        known.append((amperes, limit.source))
    current_a, source = min(known, key=lambda one: one[0])
    return Ceiling(current_a, source)


def takes_all(evse: EvseSnapshot, now: datetime) -> ReasonCode | None:
    """Return why an EVSE charges as fast as it may, whatever the surplus; None where it does not."""
    settings = evse.settings
    if settings.boost_until is not None and now < settings.boost_until:
        return ReasonCode.BOOST
    short = settings.min_soc_percent is not None and evse.soc_percent is not None
    if short and settings.mode is not ChargeMode.OFF and (evse.soc_percent or 0.0) < (settings.min_soc_percent or 0.0):
        return ReasonCode.MIN_SOC
    if settings.mode in PLANNED_MODES:
        if in_late_part(settings, now):
            return ReasonCode.PLAN_LATE
        if evse.advice is not None and evse.advice.undecided and evse.status is EvseStatus.CHARGING:
            return ReasonCode.NO_PLAN
        return charges_by_plan(evse.advice, now)
    return ReasonCode.FAST if settings.mode is ChargeMode.FAST else None


def desired(evse: EvseSnapshot, control: EvseControl, quality: MeterQuality, limit: Ceiling, now: datetime) -> Desire:
    """Return what the EVSE's mode asks for (control design, section 2); `quality` is its worst meter's."""
    idle = _idle(evse, now) or _paused(evse, control, limit)
    if idle is not None:
        return idle
    minimum_a = evse.station.min_current_a
    if quality is MeterQuality.LOST:
        return _without_meter(evse, control, limit, now)
    if (code := takes_all(evse, now)) is not None:
        told = _told(evse) if evse.settings.mode in PLANNED_MODES else {}
        return Desire(minimum_a, limit.current_a, Reason(code, told), at_once=True)
    if quality is MeterQuality.ABSENT and evse.settings.mode is ChargeMode.SOLAR:
        return Desire(0.0, 0.0, Reason(ReasonCode.METER_ABSENT))
    if evse.settings.mode in PLANNED_MODES:
        return _between(evse, control, quality, limit)
    if quality is MeterQuality.ABSENT:
        return Desire(minimum_a, minimum_a, Reason(ReasonCode.METER_ABSENT))
    if evse.settings.mode is ChargeMode.SOLAR_MIN:
        return Desire(minimum_a, limit.current_a, Reason(ReasonCode.SURPLUS), on_surplus=True, always_on=True)
    running_a = minimum_a if control.solar_running else 0.0
    return Desire(running_a, limit.current_a, Reason(ReasonCode.SURPLUS), on_surplus=True)


def _between(evse: EvseSnapshot, control: EvseControl, quality: MeterQuality, limit: Ceiling) -> Desire:
    """Return the desire of an EVSE that follows a plan and does not buy now: real surplus, where that is measured.

    What is to be charged without a break is not begun for some sun.
    """
    reason = Reason(_waits_for(evse), _told(evse))
    waits_for_all = evse.settings.continuous and evse.advice is not None and evse.advice.room_wh > 0
    if quality is MeterQuality.ABSENT or waits_for_all:
        return Desire(0.0, 0.0, reason)
    running_a = evse.station.min_current_a if control.solar_running else 0.0
    return Desire(running_a, limit.current_a, reason, on_surplus=True)


def _waits_for(evse: EvseSnapshot) -> ReasonCode:
    """Return why a car does not buy: a target charge that can't be counted in energy is another than none."""
    blind = evse.advice is None and evse.settings.target_soc_percent is not None
    return ReasonCode.SOC_UNKNOWN if blind else waits_for(evse.advice)


def _told(evse: EvseSnapshot) -> dict[str, float | str]:
    """Return what is told of a plan: the price now, up to which it would be bought, and what will be missing."""
    advice = evse.advice
    if advice is None:
        return {}
    missing_kwh = advice.missing_wh / 1000 or None
    known = {"price": advice.price, "worth": advice.value, "limit": advice.price_limit, "missing_kwh": missing_kwh}
    if advice.green:
        known = {"co2_kg": advice.price, "worth_co2_kg": advice.value, "missing_kwh": missing_kwh}
    return {name: round(value, 3) for name, value in known.items() if value is not None}


def _idle(evse: EvseSnapshot, now: datetime) -> Desire | None:
    """Return the desire of an EVSE that is not to charge now, None if it may."""
    if not evse.settings.enabled:
        return Desire(0.0, 0.0, Reason(ReasonCode.DISABLED))
    if evse.settings.mode is ChargeMode.OFF and takes_all(evse, now) is None:
        return Desire(0.0, 0.0, Reason(ReasonCode.MODE_OFF))
    if not evse.connected:
        return Desire(0.0, 0.0, Reason(ReasonCode.OFFLINE), rest_a=evse.safe_a)
    if evse.status in {EvseStatus.UNAVAILABLE, EvseStatus.FAULTED}:
        return Desire(0.0, 0.0, Reason(ReasonCode.UNAVAILABLE), rest_a=evse.safe_a)
    if not evse.plugged:
        rest_a = 0.0 if evse.settings.mode in _WAITING else evse.safe_a
        return Desire(0.0, 0.0, Reason(ReasonCode.NO_CAR), rest_a=rest_a)
    # Who asks for a boost wants more than was aimed at, and a car that is warmed takes more.
    return None if takes_all(evse, now) in {ReasonCode.BOOST, ReasonCode.PLAN_LATE} else _finished(evse)


def _finished(evse: EvseSnapshot) -> Desire | None:
    settings = evse.settings
    if settings.target_soc_percent is not None and (evse.soc_percent or 0.0) >= settings.target_soc_percent:
        params: dict[str, float | str] = {"soc_percent": round(evse.soc_percent or 0.0, 1)}
        return Desire(0.0, 0.0, Reason(ReasonCode.TARGET_REACHED, params))
    if settings.target_energy_wh is not None and evse.energy_wh >= settings.target_energy_wh:
        params = {"energy_kwh": round(evse.energy_wh / 1000, 2)}
        return Desire(0.0, 0.0, Reason(ReasonCode.TARGET_REACHED, params))
    return None


def _paused(evse: EvseSnapshot, control: EvseControl, limit: Ceiling) -> Desire | None:
    """Return the desire of an EVSE that has to wait a moment or cannot have its minimum at all."""
    if limit.current_a < evse.station.min_current_a:
        return Desire(0.0, 0.0, limit.reason())
    if sleeps_through(control.waking):
        return Desire(0.0, 0.0, Reason(ReasonCode.WAKING, {"attempt": control.waking.tries, "attempts": TRIES}))
    if _awaits_contactor(evse, control):
        return Desire(0.0, 0.0, Reason(ReasonCode.PHASE_SWITCHING, {"phases": control.phases.wanted or 0}))
    return None


def _awaits_contactor(evse: EvseSnapshot, control: EvseControl) -> bool:
    wanted = control.phases.wanted
    return wanted is not None and evse.switched_phases is not None and evse.switched_phases != wanted


def _without_meter(evse: EvseSnapshot, control: EvseControl, limit: Ceiling, now: datetime) -> Desire:
    """Fall to the safe current; what waits for surplus goes on waiting."""
    reason = Reason(ReasonCode.METER_LOST, {"safe_a": evse.safe_a})
    waits = evse.settings.mode in _WAITING and takes_all(evse, now) is None and not control.solar_running
    safe_a = min(evse.safe_a, limit.current_a)
    if waits or safe_a < evse.station.min_current_a:
        return Desire(0.0, 0.0, reason)
    return Desire(safe_a, safe_a, reason)

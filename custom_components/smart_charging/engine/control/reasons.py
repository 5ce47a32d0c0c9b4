"""Why an EVSE got what it got, as data to be put into words by those who show it."""

from datetime import datetime
import math

from ..limit import ROOT_CIRCUIT, LimitSource
from ..model import EvseStatus, MeterQuality, Reason, ReasonCode
from .circuits import connections
from .desire import Desire
from .pacing import recovery_left_s
from .sharing import FREE, Shared
from .situation import Situation
from .snapshot import BoundBy, EvseControl, EvseSnapshot
from .surplus_charging import Admitted
from .wiring import PHASE_NAMES

_LIMITS = {
    LimitSource.FUSE: ReasonCode.LIMIT_FUSE,
    LimitSource.POWER: ReasonCode.LIMIT_POWER,
    LimitSource.UNBALANCE: ReasonCode.LIMIT_UNBALANCE,
    LimitSource.PEAK: ReasonCode.LIMIT_PEAK,
    LimitSource.GRID_SIGNAL: ReasonCode.LIMIT_GRID_SIGNAL,
    LimitSource.USER: ReasonCode.LIMIT_USER,
}

# Why nobody could charge there, whoever it is.
_CLOSED = frozenset(
    {
        ReasonCode.DISABLED,
        ReasonCode.MODE_OFF,
        ReasonCode.NO_CAR,
        ReasonCode.OFFLINE,
        ReasonCode.TARGET_REACHED,
        ReasonCode.UNAVAILABLE,
    }
)
_BETWEEN = frozenset(
    {
        ReasonCode.PLAN_WAITING,
        ReasonCode.PLAN_WAITING_GREEN,
        ReasonCode.PLAN_KEEPING,
        ReasonCode.NO_CO2,
        ReasonCode.NO_PLAN,
        ReasonCode.NO_TARGET,
        ReasonCode.PRICE_HIGH,
        ReasonCode.SOC_UNKNOWN,
    }
)
_MEASURED = {LimitSource.FUSE, LimitSource.POWER, LimitSource.PEAK, LimitSource.UNBALANCE}


def not_authorised(evse: EvseSnapshot, desire: Desire) -> Reason | None:
    """Return the reason of a car that waits because its driver's tag was refused; None for all others."""
    if not evse.refused or evse.status is EvseStatus.CHARGING or desire.reason.code in _CLOSED:
        return None
    return Reason(ReasonCode.NOT_AUTHORISED)


def explain(basis: Situation, evse: EvseSnapshot, desire: Desire, shared: Shared, admitted: Admitted) -> Reason:
    """Return the reason of a setpoint that is all its EVSE may have now."""
    solar = admitted.reasons.get(evse.key)
    share = shared.shares.get(evse.key)
    if share is None:
        follows_plan = desire.reason.code in _BETWEEN and solar is not None and solar.code is ReasonCode.SURPLUS_LOW
        return solar if desire.on_surplus and solar is not None and not follows_plan else desire.reason
    if share.bound_by == FREE:
        return Reason(ReasonCode.NOT_FOLLOWING)
    bound = shared.bound(evse.key)
    if share.current_a <= 0:
        return _refused(basis, evse, desire, shared)
    if (limited := _limited(basis, evse, bound)) is not None:
        return limited
    if evse.status in {EvseStatus.SUSPENDED_EV, EvseStatus.FINISHING}:
        return Reason(ReasonCode.CAR_NOT_CHARGING)
    if desire.on_surplus:
        return solar or _explain_surplus(evse, desire, shared)
    ceiling = shared.ceilings[evse.key]
    if desire.reason.code is ReasonCode.FAST and ceiling.source not in {LimitSource.STATION, LimitSource.CAR}:
        return ceiling.reason()
    return desire.reason


def _limited(basis: Situation, evse: EvseSnapshot, bound: BoundBy | None) -> Reason | None:
    """Return the reason of a setpoint that a limit holds down, None where none does."""
    if bound is None:
        return None
    if lost_circuit(basis, bound):
        return _meter_lost(basis, evse, bound)
    return Reason(_LIMITS[bound.source], _where(basis, bound)) if bound.source in _LIMITS else None


def _refused(basis: Situation, evse: EvseSnapshot, desire: Desire, shared: Shared) -> Reason:
    """Return why not even the minimum was admitted: others have their turn, or nobody could have it."""
    bound = shared.bound(evse.key)
    where = {} if bound is None else _where(basis, bound)
    below = next((one.evses for one in basis.tree if bound is not None and one.circuit_id == bound.circuit_id), ())
    others = (one for one in below if shared.takes_part(one.key) and one.priority <= evse.priority)
    if any(one.key != evse.key for one in others) and shared.has_room_alone(evse.key, desire.min_a):
        return Reason(ReasonCode.WAITING_TURN, {**where, "needed_a": desire.min_a})
    if bound is not None and lost_circuit(basis, bound):
        return _meter_lost(basis, evse, bound)
    return Reason(ReasonCode.NO_HEADROOM, {"phase": "", **where, "needed_a": desire.min_a})


def lost_circuit(basis: Situation, bound: BoundBy) -> bool:
    """Return whether a limit binds as it does because the meter that would tell what flows there is silent."""
    measured = bound.circuit_id is not None and bound.source in _MEASURED
    return measured and basis.loads[bound.circuit_id or ROOT_CIRCUIT].quality is MeterQuality.LOST


def on_the_way(control: EvseControl, target_a: float, now: datetime) -> Reason:
    """Return the reason of a setpoint below its share: on its way up, or held for a while after a limit cut it."""
    target: dict[str, float | str] = {"target_a": round(target_a, 1)}
    if (left_s := recovery_left_s(control, now)) > 0:
        return Reason(ReasonCode.WAITING_TO_RAISE, {**target, "left_s": math.ceil(left_s)})
    return Reason(ReasonCode.RAISING, target)


def _meter_lost(basis: Situation, evse: EvseSnapshot, bound: BoundBy) -> Reason:
    where = {key: value for key, value in _where(basis, bound).items() if key in {"phase", "circuit"}}
    return Reason(ReasonCode.METER_LOST, {**where, "safe_a": evse.safe_a})


def _where(basis: Situation, bound: BoundBy) -> dict[str, float | str]:
    """Return the phase and the circuit of a limit, and what it is where a number says it."""
    site = basis.snapshot.site
    where: dict[str, float | str] = {}
    if bound.phase is not None:
        where["phase"] = PHASE_NAMES[bound.phase]
    connection = connections(site).get(bound.circuit_id or ROOT_CIRCUIT)
    if connection is not None:
        where["circuit"] = connection.name
        if bound.source is LimitSource.FUSE:
            where["fuse_a"] = connection.fuse_a
        if bound.source is LimitSource.POWER and connection.power_w is not None:
            where["limit_w"] = connection.power_w
    if bound.source is LimitSource.UNBALANCE and site.unbalance_a is not None:
        where["limit_a"] = site.unbalance_a
    return where


def _explain_surplus(evse: EvseSnapshot, desire: Desire, shared: Shared) -> Reason:
    share, bound = shared.shares[evse.key], shared.bound(evse.key)
    if bound is not None and bound.source is LimitSource.SURPLUS:
        at_minimum = desire.always_on and share.current_a <= desire.min_a
        return Reason(ReasonCode.SURPLUS_MINIMUM if at_minimum else ReasonCode.SURPLUS)
    return shared.ceilings[evse.key].reason()

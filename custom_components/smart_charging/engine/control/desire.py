"""What one EVSE may get in its mode, before anybody looks at what is left for it."""

from dataclasses import dataclass

from ..model import ChargeMode, EvseStatus, MeterQuality, Reason, ReasonCode
from .snapshot import EvseControl, EvseSnapshot


@dataclass(frozen=True, slots=True)
class Desire:
    """A range in A per phase; `min_a` 0 means that nothing is to be allocated.

    `rest_a` is the setpoint then. `on_surplus` marks what shares the surplus, `always_on`
    what keeps its minimum without any.
    """

    min_a: float
    max_a: float
    reason: Reason
    rest_a: float = 0.0
    on_surplus: bool = False
    always_on: bool = False


def desired(evse: EvseSnapshot, control: EvseControl, quality: MeterQuality) -> Desire:
    """Return what the EVSE's mode asks for (control design, section 2)."""
    idle = _idle(evse)
    if idle is not None:
        return idle
    ceiling_a = min(evse.station.max_current_a, evse.user_limit_a)
    minimum_a = evse.station.min_current_a
    if ceiling_a < minimum_a:
        return Desire(0.0, 0.0, Reason(ReasonCode.LIMIT_USER, {"limit_a": evse.user_limit_a}))
    if quality is MeterQuality.LOST:
        return _without_meter(evse, control)
    if evse.mode is ChargeMode.FAST:
        return Desire(minimum_a, ceiling_a, Reason(ReasonCode.FAST))
    if quality is MeterQuality.ABSENT and evse.mode is ChargeMode.SOLAR:
        return Desire(0.0, 0.0, Reason(ReasonCode.METER_ABSENT))
    if quality is MeterQuality.ABSENT:
        return Desire(minimum_a, minimum_a, Reason(ReasonCode.METER_ABSENT))
    if evse.mode is ChargeMode.SOLAR_MIN:
        return Desire(minimum_a, ceiling_a, Reason(ReasonCode.SURPLUS), on_surplus=True, always_on=True)
    running_a = minimum_a if control.solar_running else 0.0
    return Desire(running_a, ceiling_a, Reason(ReasonCode.SURPLUS), on_surplus=True)


def _idle(evse: EvseSnapshot) -> Desire | None:
    """Return the desire of an EVSE that is not to charge now, None if it may."""
    if not evse.enabled:
        return Desire(0.0, 0.0, Reason(ReasonCode.DISABLED))
    if evse.mode is ChargeMode.OFF:
        return Desire(0.0, 0.0, Reason(ReasonCode.MODE_OFF))
    if not evse.connected:
        return Desire(0.0, 0.0, Reason(ReasonCode.OFFLINE), rest_a=evse.safe_a)
    if evse.status in {EvseStatus.UNAVAILABLE, EvseStatus.FAULTED}:
        return Desire(0.0, 0.0, Reason(ReasonCode.UNAVAILABLE), rest_a=evse.safe_a)
    if evse.status is None or not evse.status.plugged:
        rest_a = 0.0 if evse.mode is ChargeMode.SOLAR else evse.safe_a
        return Desire(0.0, 0.0, Reason(ReasonCode.NO_CAR), rest_a=rest_a)
    return None


def _without_meter(evse: EvseSnapshot, control: EvseControl) -> Desire:
    """Fall to the safe current; what waits for surplus goes on waiting."""
    reason = Reason(ReasonCode.METER_LOST, {"safe_a": evse.safe_a})
    waits = evse.mode is ChargeMode.SOLAR and not control.solar_running
    if waits or evse.safe_a < evse.station.min_current_a:
        return Desire(0.0, 0.0, reason)
    return Desire(evse.safe_a, evse.safe_a, reason)

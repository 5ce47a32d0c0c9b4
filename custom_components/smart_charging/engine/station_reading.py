"""What a decision needs of a station's state."""

from dataclasses import replace
from datetime import datetime
import math

from .config import EvseSettings, PhaseSwitching, StationConfig
from .control.elapsed import elapsed_s
from .control.snapshot import EvseSnapshot
from .csms.state import AppliedLimit, EvseState, Obedience, StationState
from .limit import Limit, LimitSource, LimitUnit
from .model import NOMINAL_VOLTAGE_V, EvseKey, EvseMeasurement, Phases

MEASUREMENT_VALID_S = 90.0
FOLLOW_S = 7.0  # IEC 61851-1 gives a car 5 s to follow its pilot, the station needs a moment too


def evse_snapshot(
    key: EvseKey,
    config: StationConfig,
    state: StationState,
    settings: EvseSettings,
    safe_a: float,
    now: datetime,
    shown_after_s: float = FOLLOW_S,
) -> EvseSnapshot:
    """Return one EVSE as a decision sees it; what it was told shows on the meters within `shown_after_s`."""
    evse = state.evses.get(key.evse_id, EvseState(key.evse_id))
    fresh = evse.measured_at is not None and elapsed_s(evse.measured_at, now) <= MEASUREMENT_VALID_S
    measurement = evse.measurement if fresh and state.connected else None
    return EvseSnapshot(
        key=key,
        station=_as_it_is_able(config, state),
        settings=settings,
        safe_a=safe_a,
        connected=state.connected,
        status=evse.status,
        measured_a=None if measurement is None else measured_current(measurement, _phases_used(evse, config)),
        commanded_a=commanded_current(evse.applied, now),
        settled=_settled(evse, now) and measurement is not None,
        ramping=_ramping(evse, now, max(FOLLOW_S, shown_after_s)),
        refused=evse.refused,
    )


def limits_elsewhere(config: StationConfig, state: StationState) -> tuple[Limit, ...]:
    """Return what others limit a station's EVSEs to, as it told; a limit on the whole station holds for each."""
    if not state.connected:
        return ()
    station_a = state.limited_elsewhere_a.get(0, math.inf)
    found = ((evse_id, min(station_a, state.limited_elsewhere_a.get(evse_id, math.inf))) for evse_id in state.evses)
    return tuple(
        Limit(
            f"elsewhere/{config.station_id}/{evse_id}",
            LimitSource.STATION,
            limit_a,
            LimitUnit.AMPERE,
            evse=EvseKey(config.station_id, evse_id),
        )
        for evse_id, limit_a in found
        if limit_a < math.inf
    )


def _as_it_is_able(config: StationConfig, state: StationState) -> StationConfig:
    """Return the configuration without what the station was seen not to do."""
    unable = config.phase_switching is PhaseSwitching.OCPP and state.capabilities.switches_phases is False
    return replace(config, phase_switching=PhaseSwitching.NONE) if unable else config


def _phases_used(evse: EvseState, config: StationConfig) -> int:
    """Return how many phases the station accepted to use, else how many it has."""
    told = None if evse.applied is None else evse.applied.phases
    return min(told or config.phases, config.phases)


def measured_current(measurement: EvseMeasurement, phases: int) -> Phases | None:
    """Return the current at the station's terminals, from its power where it measures nothing else."""
    if measurement.current_a is not None:
        return measurement.current_a
    if measurement.power_w is None:
        return None
    return Phases.spread(measurement.power_w / NOMINAL_VOLTAGE_V / phases, tuple(range(phases)))


def commanded_current(applied: AppliedLimit | None, now: datetime) -> float | None:
    """Return the limit that holds at a station now: its lease, or what follows after it."""
    if applied is None:
        return None
    return applied.current_a if now < applied.until else applied.safe_a


def _ramping(evse: EvseState, now: datetime, within_s: float) -> bool:
    """Return whether a station that follows may still be on its way to the limit that it accepted last."""
    if evse.applied is None or evse.obedience in {Obedience.IGNORES, Obedience.REJECTS}:
        return False
    since = evse.applied.until if now >= evse.applied.until else evse.applied.accepted_at  # a lease that ended counts
    return 0 <= (now - since).total_seconds() < within_s


def _settled(evse: EvseState, now: datetime) -> bool:
    """Return whether the newest measurement was taken after the car had time to follow the newest limit."""
    if evse.measured_at is None or evse.applied is None:
        return True
    changed = evse.applied.until if now >= evse.applied.until else evse.applied.accepted_at
    return (evse.measured_at - changed).total_seconds() >= FOLLOW_S

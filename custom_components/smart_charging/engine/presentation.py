"""The site's view, made from its state: what is shown, and nothing that is decided."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .config import SiteConfig
from .control.decision import site_limit
from .control.safe_currents import SafeCurrents
from .control.snapshot import Decision, GridSnapshot
from .csms.state import EvseState
from .csms.station import Station
from .evse_settings import EvseSettings
from .model import EvseKey, MeterQuality, Phases, Reason, ReasonCode, Setpoint
from .session_tracking import EvseRecord
from .view import ChargerView, EvseView, LimitSource, SiteView

_SOURCES = {
    MeterQuality.STALE: LimitSource.METER_STALE,
    MeterQuality.LOST: LimitSource.METER_LOST,
    MeterQuality.ABSENT: LimitSource.METER_ABSENT,
}
_UNDECIDED = Setpoint(0.0, Reason(ReasonCode.OFFLINE))


@dataclass(frozen=True, slots=True)
class SiteMeasurement:
    """What is measured of the site; `quality` is the grid meter's in the words for people."""

    grid: GridSnapshot
    quality: MeterQuality
    pv_power_w: float | None


def present(
    site: SiteConfig,
    now: datetime,
    measured: SiteMeasurement,
    *,
    decision: Decision | None,
    safe: SafeCurrents,
    stations: Mapping[str, Station],
    settings: Callable[[EvseKey], EvseSettings],
    record: Callable[[EvseKey], EvseRecord],
) -> SiteView:
    """Return the view of this moment; grid values are only shown while the meter is trusted."""
    grid = measured.grid
    trusted = grid.quality in {MeterQuality.FRESH, MeterQuality.STALE}
    setpoints = {} if decision is None else decision.setpoints
    return SiteView(
        at=now,
        grid_quality=measured.quality,
        grid_power_w=grid.power_w if trusted else None,
        grid_current_a=grid.current_a if trusted else None,
        pv_power_w=measured.pv_power_w,
        surplus_w=None if decision is None or decision.surplus_w is None else max(0.0, decision.surplus_w),
        headroom_a=None if decision is None else _in_use(site, decision.headroom_a),
        limit_a=site_limit(site).l1,
        limit_source=_SOURCES.get(grid.quality, LimitSource.FUSE),
        chargers={
            station_id: _charger(station, safe, setpoints, settings, record) for station_id, station in stations.items()
        },
        safe_current_missing=tuple(sorted({key.station_id for key in safe.missing})),
    )


def _charger(
    station: Station,
    safe: SafeCurrents,
    setpoints: Mapping[EvseKey, Setpoint],
    settings: Callable[[EvseKey], EvseSettings],
    record: Callable[[EvseKey], EvseRecord],
) -> ChargerView:
    state, config = station.state, station.config
    keys = [EvseKey(state.station_id, evse_id) for evse_id in sorted({1, *state.evses})]
    return ChargerView(
        station=state,
        name=config.name,
        safe_current_a=safe.currents.get(keys[0], 0.0),
        evses={
            key.evse_id: _evse(
                key,
                state.evses.get(key.evse_id, EvseState(key.evse_id)),
                settings(key),
                config.max_current_a,
                setpoints.get(key, _UNDECIDED),
                record(key),
            )
            for key in keys
        },
    )


def _evse(
    key: EvseKey, state: EvseState, settings: EvseSettings, maximum_a: float, setpoint: Setpoint, record: EvseRecord
) -> EvseView:
    session = record.session
    return EvseView(
        key=key,
        state=state,
        mode=settings.mode,
        enabled=settings.enabled,
        max_current_a=maximum_a if settings.max_current_a is None else settings.max_current_a,
        setpoint=setpoint,
        session=session,
        session_energy_wh=None if session is None else session.energy_wh,
        session_started_at=None if session is None else session.plugged_in_at,
        lifetime_energy_wh=record.lifetime_wh,
    )


def _in_use(site: SiteConfig, headroom_a: Phases) -> Phases:
    return Phases(headroom_a.l1) if site.phases == 1 else headroom_a

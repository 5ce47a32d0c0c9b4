"""The site's view, made from its state: what is shown, and nothing that is decided."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .config import BatteryConfig, CircuitConfig, EvseSettings, PvConfig, SiteConfig, StationConfig
from .control import peak
from .control.curtailment import curtailed
from .control.limit_rows import fuse_limit
from .control.safe_currents import SafeCurrents
from .control.snapshot import ControlState, Decision
from .csms.relay.state import RelayState
from .csms.state import EvseState
from .csms.station import Station
from .energy_origin import EnergyOrigin
from .id_token import ListState
from .limit import ALL_FUSE, ROOT_CIRCUIT, LimitSource
from .measurements import SiteMeasurements
from .model import EvseKey, MeterQuality, Phases, Reason, ReasonCode, Session, Setpoint
from .repeating_plans import in_force
from .session_tracking import EvseRecord
from .view import BatteryView, ChargerView, CircuitView, EvseView, PeakView, PlannedCharge, PvView, SiteView

_SOURCES = {
    MeterQuality.STALE: LimitSource.METER_STALE,
    MeterQuality.LOST: LimitSource.METER_LOST,
    MeterQuality.ABSENT: LimitSource.METER_ABSENT,
}
_UNDECIDED = Setpoint(0.0, Reason(ReasonCode.OFFLINE))


@dataclass(frozen=True, slots=True)
class Chargers:
    """What is known of the charging stations: state, safe currents, what was set, who charges, who else is told."""

    stations: Mapping[str, Station]
    safe: SafeCurrents
    settings: Callable[[EvseKey], EvseSettings]
    record: Callable[[EvseKey], EvseRecord]
    relay: Callable[[str], RelayState | None]
    local_list: Callable[[str], ListState | None]
    planned: Callable[[EvseKey, datetime], PlannedCharge | None]
    missing: Callable[[EvseKey], float | None]
    origin: Callable[[Session], EnergyOrigin | None]


def present(
    site: SiteConfig,
    now: datetime,
    measured: SiteMeasurements,
    chargers: Chargers,
    *,
    decision: Decision | None,
    state: ControlState,
    observe_only: bool,
) -> SiteView:
    """Return the view of this moment; grid values are only shown while the meter is trusted."""
    meter = measured.meter(ROOT_CIRCUIT)
    grid = meter.snapshot(site, now)
    trusted = grid.quality in {MeterQuality.FRESH, MeterQuality.STALE}
    root = None if decision is None else decision.circuits.get(ROOT_CIRCUIT)
    return SiteView(
        at=now,
        grid_quality=meter.shown_quality(site, now),
        grid_power_w=grid.power_w if trusted else None,
        grid_current_a=grid.current_a if trusted else None,
        pv_power_w=measured.pv_power(),
        surplus_w=None if decision is None or decision.surplus_w is None else max(0.0, decision.surplus_w),
        headroom_a=None if decision is None else _in_use(site, decision.headroom_a),
        limit_a=fuse_limit(site).l1,
        limit_source=_SOURCES.get(grid.quality, LimitSource.FUSE),
        limit_sources=ALL_FUSE if root is None else root.sources,
        load_a=None if root is None else _in_use(site, root.load_a),
        chargers={
            station_id: _charger(station, chargers, decision, measured, now, site.time_zone)
            for station_id, station in chargers.stations.items()
        },
        circuits={circuit.circuit_id: _circuit(circuit, measured, decision, now) for circuit in site.circuits},
        batteries={battery.battery_id: _battery(battery, site, measured, decision, now) for battery in site.batteries},
        pv={one.pv_id: _pv(one, measured, decision) for one in curtailed(site.pv)},
        peak=_peak(site, state, decision, now),
        limits=measured.limits(now),
        observe_only=observe_only,
        safe_current_missing=tuple(sorted({key.station_id for key in chargers.safe.missing})),
    )


def _circuit(
    circuit: CircuitConfig, measured: SiteMeasurements, decision: Decision | None, now: datetime
) -> CircuitView:
    quality = measured.meter(circuit.circuit_id).shown_quality(circuit, now)
    view = CircuitView(circuit.circuit_id, circuit.name, quality)
    decided = None if decision is None else decision.circuits.get(circuit.circuit_id)
    if decided is None:
        return view
    return replace(
        view,
        load_a=decided.load_a,
        limit_a=decided.limit_a,
        headroom_a=decided.headroom_a,
        sources=decided.sources,
    )


def _battery(
    battery: BatteryConfig, site: SiteConfig, measured: SiteMeasurements, decision: Decision | None, now: datetime
) -> BatteryView:
    command = None if decision is None else decision.batteries.get(battery.battery_id)
    return BatteryView(battery.battery_id, battery.name, measured.batteries(site, now)[battery.battery_id], command)


def _pv(system: PvConfig, measured: SiteMeasurements, decision: Decision | None) -> PvView:
    command = None if decision is None else decision.pv.get(system.pv_id)
    power_w = measured.pv_systems().get(system.pv_id)
    return PvView(system.pv_id, system.name, system.installed_w, power_w, command)


def _charger(
    station: Station,
    chargers: Chargers,
    decision: Decision | None,
    measured: SiteMeasurements,
    now: datetime,
    time_zone: str,
) -> ChargerView:
    state, config = station.state, station.config
    keys = [EvseKey(state.station_id, evse_id) for evse_id in sorted({1, *state.evses})]
    return ChargerView(
        station=state,
        name=config.name,
        safe_current_a=chargers.safe.currents.get(keys[0], 0.0),
        evses={
            key.evse_id: replace(
                _evse(
                    key,
                    state.evses.get(key.evse_id, EvseState(key.evse_id)),
                    chargers.settings(key),
                    config,
                    decision,
                    chargers.record(key),
                    chargers.origin,
                ),
                soc_percent=measured.soc(
                    key,
                    state,
                    chargers.record(key).session,
                    chargers.settings(key),
                    config.car,
                    measured.given.of(key, chargers.record(key).session),
                ),
                gives_back=state.capabilities.gives_back(key.evse_id),
                session_given_wh=_given(measured, key, chargers.record(key).session),
                planned=chargers.planned(key, now),
                missing_wh=chargers.missing(key),
                wanted=in_force(chargers.settings(key), time_zone, now),
            )
            for key in keys
        },
        relay=chargers.relay(state.station_id),
        local_list=chargers.local_list(state.station_id),
    )


def _evse(
    key: EvseKey,
    state: EvseState,
    settings: EvseSettings,
    config: StationConfig,
    decision: Decision | None,
    record: EvseRecord,
    origin: Callable[[Session], EnergyOrigin | None],
) -> EvseView:
    session = record.session
    bound = None if decision is None else decision.bounds.get(key)
    return EvseView(
        key=key,
        state=state,
        mode=settings.mode,
        enabled=settings.enabled,
        max_current_a=config.max_current_a if settings.max_current_a is None else settings.max_current_a,
        setpoint=_UNDECIDED if decision is None else decision.setpoints.get(key, _UNDECIDED),
        settings=settings,
        priority=config.priority if settings.priority is None else settings.priority,
        limit_source=LimitSource.NONE if bound is None else bound.source,
        limit_circuit=None if bound is None else bound.circuit_id,
        phases_in_use=None if decision is None else decision.phases_in_use.get(key),
        session=session,
        session_energy_wh=None if session is None else session.energy_wh,
        session_origin=None if session is None else origin(session),
        session_started_at=None if session is None else session.plugged_in_at,
        lifetime_energy_wh=record.lifetime_wh,
    )


def _given(measured: SiteMeasurements, key: EvseKey, session: Session | None) -> float | None:
    return None if session is None else measured.given.of(key, session)


def _peak(site: SiteConfig, state: ControlState, decision: Decision | None, now: datetime) -> PeakView | None:
    if site.peak is None or decision is None or decision.allowed_peak_w is None:
        return None
    return PeakView(
        mean_w=peak.mean_w(state.peak, site.peak, site.time_zone, now),
        target_w=peak.target_w(state.peak, site.peak, site.time_zone, now),
        allowed_w=decision.allowed_peak_w,
        month_peak_w=peak.month_peak_w(state.peak, site.peak),
    )


def _in_use(site: SiteConfig, headroom_a: Phases) -> Phases:
    return Phases(headroom_a.l1) if site.phases == 1 else headroom_a

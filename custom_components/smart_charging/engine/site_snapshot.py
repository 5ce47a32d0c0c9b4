"""What a decision is made from, taken together at one moment: meters, batteries, limits, and each EVSE."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .config import EvseSettings, SiteConfig
from .control.observation import shown_after_s
from .control.planning.advice import PlanAdvice
from .control.planning.assembly import Wish, wish_of
from .control.snapshot import Decision, EvseControl, EvseSnapshot, Snapshot
from .csms.state import StationEvent
from .csms.station import Station
from .limit import ROOT_CIRCUIT, Limit
from .measurements import SiteMeasurements
from .model import ChargeMode, EvseKey
from .session_tracking import EvseRecord
from .station_reading import evse_snapshot


@dataclass(frozen=True, slots=True)
class EvseSources:
    """Where what is known of EVSEs is found: stations by id, the rest by EVSE; `safe_a` in A per phase."""

    stations: Mapping[str, Station]
    settings: Callable[[EvseKey], EvseSettings]
    record: Callable[[EvseKey], EvseRecord]
    safe_a: Mapping[EvseKey, float]
    controls: Mapping[EvseKey, EvseControl]
    advice: Callable[[Wish, datetime], PlanAdvice]


def take_snapshot(
    config: SiteConfig,
    measured: SiteMeasurements,
    elsewhere: Iterable[Limit],
    keys: Iterable[EvseKey],
    sources: EvseSources,
    now: datetime,
) -> Snapshot:
    """Return the site as it stands; `elsewhere` are the limits that others told stations."""
    shown_s = shown_after_s(config)
    return Snapshot(
        config,
        measured.meter(ROOT_CIRCUIT).snapshot(config, now),
        tuple(_advised(config, _evse(key, measured, sources, now, shown_s), sources, now) for key in keys),
        circuits=measured.meters(config, now),
        batteries=measured.batteries(config, now),
        limits=(*measured.limits(now), *elsewhere),
        pv_w=measured.pv_power(),
    )


def _evse(
    key: EvseKey, measured: SiteMeasurements, sources: EvseSources, now: datetime, shown_s: float
) -> EvseSnapshot:
    station, session = sources.stations[key.station_id], sources.record(key).session
    safe_a = sources.safe_a.get(key, 0.0)
    return replace(
        evse_snapshot(key, station.config, station.state, sources.settings(key), safe_a, now, shown_s),
        energy_wh=0.0 if session is None or session.plugged_out_at is not None else session.energy_wh,
        soc_percent=measured.soc(key, station.state),
        switched_phases=measured.switched_phases(key),
    )


def _advised(config: SiteConfig, evse: EvseSnapshot, sources: EvseSources, now: datetime) -> EvseSnapshot:
    """Return an EVSE with when its car leaves and, where it follows a plan, what that says of it."""
    evse = replace(evse, departure=evse.settings.departure)
    if evse.settings.mode is not ChargeMode.CHEAPEST:
        return evse
    wish = wish_of(config, evse, sources.controls.get(evse.key, EvseControl()))
    return evse if wish is None else replace(evse, advice=sources.advice(wish, now))


def plug_changed(event: StationEvent, decision: Decision | None) -> bool:
    """Return whether a car came or left since the last decision."""
    key = EvseKey(event.station.station_id, event.evse_id or 0)
    evse = event.station.evses.get(key.evse_id)
    plugged = evse is not None and evse.status is not None and evse.status.plugged
    return decision is not None and plugged != (key in decision.phases_in_use)

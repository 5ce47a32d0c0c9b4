"""What a decision is made from, taken together at one moment: meters, batteries, limits, and each EVSE."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from .config import EvseSettings, SiteConfig
from .control.battery import BatterySnapshot
from .control.observation import shown_after_s
from .control.planning.advice import PlanAdvice
from .control.planning.assembly import follows_plan
from .control.planning.battery_advice import BatteryAdvice
from .control.planning.wish import Wish, wish_of
from .control.snapshot import Decision, EvseControl, EvseSnapshot, Snapshot
from .csms.state import StationEvent
from .csms.station import Station
from .limit import ROOT_CIRCUIT, Limit
from .measurements import SiteMeasurements
from .model import PLANNED_MODES, EvseKey
from .repeating_plans import in_force
from .session_tracking import EvseRecord
from .station_reading import evse_snapshot


class GivenRoom(Protocol):
    """Tells what an EVSE may give back now."""

    def __call__(self, key: EvseKey, *, running: bool) -> float:
        """Return the W that may be given in all, with `running` for what is given already."""


@dataclass(frozen=True, slots=True)
class EvseSources:
    """Where what is known of EVSEs is found: stations by id, the rest by EVSE; `safe_a` in A per phase."""

    stations: Mapping[str, Station]
    settings: Callable[[EvseKey], EvseSettings]
    record: Callable[[EvseKey], EvseRecord]
    safe_a: Mapping[EvseKey, float]
    controls: Mapping[EvseKey, EvseControl]
    advice: Callable[[Wish, datetime], PlanAdvice]
    battery_advice: Callable[[str, datetime], BatteryAdvice | None]
    given_room: GivenRoom
    export_limit_w: float | None = None


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
        tuple(
            _advised(config, _evse(key, measured, sources, now, shown_s, config.time_zone), sources, now)
            for key in keys
        ),
        circuits=measured.meters(config, now),
        batteries=_led_batteries(config, measured.batteries(config, now), sources, now),
        limits=(*measured.limits(now), *elsewhere),
        pv_w=measured.pv_power(),
        pv_systems_w=measured.pv_systems(),
        pv_least_w=measured.pv_least(),
        export_limit_w=sources.export_limit_w,
    )


def _evse(
    key: EvseKey, measured: SiteMeasurements, sources: EvseSources, now: datetime, shown_s: float, time_zone: str
) -> EvseSnapshot:
    station, record = sources.stations[key.station_id], sources.record(key)
    session_wh, most_w = record.session_wh, station.most_given_w(key.evse_id)
    settings, safe_a = in_force(sources.settings(key), time_zone, now), sources.safe_a.get(key, 0.0)
    known = station.state.evses.get(key.evse_id)
    point = None if known is None else known.set_point
    return replace(
        evse_snapshot(key, station.config, station.state, settings, safe_a, now, shown_s),
        energy_wh=session_wh or 0.0,
        soc_percent=measured.soc(
            key, station.state, record.session, settings, station.config.car, measured.given.of(key, record.session)
        ),
        switched_phases=measured.switched_phases(key),
        most_given_w=most_w,
        given_room_w=sources.given_room(key, running=False) if most_w > 0 else 0.0,
        kept_room_w=sources.given_room(key, running=True) if most_w > 0 else 0.0,
        ordered_w=None if point is None or point.led else point.power_w,
    )


def _advised(config: SiteConfig, evse: EvseSnapshot, sources: EvseSources, now: datetime) -> EvseSnapshot:
    """Return an EVSE with when its car leaves and, where it follows a plan, what that says of it."""
    evse = replace(evse, departure=evse.settings.departure)
    if evse.settings.mode not in PLANNED_MODES:
        return evse
    wish = wish_of(config, evse, sources.controls.get(evse.key, EvseControl()))
    return evse if wish is None else replace(evse, advice=sources.advice(wish, now))


def _led_batteries(
    config: SiteConfig, measured: Mapping[str, BatterySnapshot], sources: EvseSources, now: datetime
) -> dict[str, BatterySnapshot]:
    """Return the batteries with what the plan says of those that follow one."""
    led = {battery.battery_id for battery in config.batteries if follows_plan(battery)}
    return {
        name: replace(battery, advice=sources.battery_advice(name, now)) if name in led else battery
        for name, battery in measured.items()
    }


def plug_changed(event: StationEvent, decision: Decision | None) -> bool:
    """Return whether a car came or left since the last decision."""
    key = EvseKey(event.station.station_id, event.evse_id or 0)
    evse = event.station.evses.get(key.evse_id)
    plugged = evse is not None and evse.status is not None and evse.status.plugged
    return decision is not None and plugged != (key in decision.phases_in_use)

"""A site's powers at one moment, as far as they are known: what its energy is told apart by."""

from datetime import datetime

from .config import SiteConfig
from .control.elapsed import elapsed_s
from .control.house import TRUSTED
from .control.source_split import SiteFlows
from .csms.state import EvseState, StationState
from .limit import ROOT_CIRCUIT
from .measurements import SiteMeasurements
from .model import NOMINAL_VOLTAGE_V, EvseStatus
from .station_reading import MEASUREMENT_VALID_S

HELD_S = 900.0  # a station may measure this seldom while a car charges; what flows between is taken to be the same


def site_flows(config: SiteConfig, measured: SiteMeasurements, now: datetime) -> SiteFlows:
    """Return what comes from the grid, PV and batteries.

    Without a PV system there is no sun, unless a grid meter may show that something else gives.
    """
    pv_w = measured.whole_pv_power()
    if not measured.has_pv and not config.has_meter:
        pv_w = 0.0
    return SiteFlows(_grid_w(config, measured, now), pv_w, measured.whole_battery_power(config))


def _grid_w(config: SiteConfig, measured: SiteMeasurements, now: datetime) -> float | None:
    meter = measured.meter(ROOT_CIRCUIT).snapshot(config, now)
    if meter.quality not in TRUSTED:
        return None
    if meter.power_w is None and meter.current_a is not None:
        return meter.current_a.total * NOMINAL_VOLTAGE_V
    return meter.power_w


def drawn_power(station: StationState, evse_id: int, now: datetime) -> float | None:
    """Return what an EVSE draws in W, None where nobody can know: its station is away or has been silent for long."""
    evse = station.evses.get(evse_id)
    if not station.connected:
        return None
    if evse is None or evse.measured_at is None:
        return 0.0
    age_s = elapsed_s(evse.measured_at, now)
    if evse.transaction is None:  # then the last reading is of what went on before, unless it charges without one
        draws = evse.status is EvseStatus.CHARGING and age_s <= MEASUREMENT_VALID_S
        return _power_w(evse) if draws else 0.0
    return _power_w(evse) if age_s <= HELD_S else None


def _power_w(evse: EvseState) -> float:
    """Return the newest power; of a station that measures none nothing was seen to flow."""
    measurement = evse.measurement
    return 0.0 if measurement is None else measurement.power_w or 0.0

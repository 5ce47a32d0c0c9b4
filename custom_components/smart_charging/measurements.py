"""What flows now: which of a station's readings still tell it, and what the house alone takes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .engine.control.forecast.base_load import house_alone, total_consumption
from .engine.model import EvseMeasurement, EvseStatus, MeterQuality, Phases
from .engine.view import ChargerView, EvseView, SiteView

# Stations are asked for a reading every 10 s; some know minutes only, and one message may get lost.
MAX_AGE: Final = timedelta(seconds=150)

# Without a transaction the contactor is open in these states, whatever was measured last.
_CONTACTOR_OPEN: Final = frozenset(
    {EvseStatus.AVAILABLE, EvseStatus.PREPARING, EvseStatus.FINISHING, EvseStatus.RESERVED, EvseStatus.UNAVAILABLE}
)


def live_measurement(charger: ChargerView, evse: EvseView, now: datetime) -> EvseMeasurement | None:
    """Return what is known to flow now; None for a station that is away or has fallen silent."""
    if not charger.station.connected:
        return None
    state = evse.state
    fresh = state.measured_at is not None and now - state.measured_at <= MAX_AGE
    measurement = state.measurement if fresh else None
    if state.transaction is None and state.status in _CONTACTOR_OPEN:
        return replace(measurement or EvseMeasurement(time=now), power_w=0.0, current_a=Phases())
    return measurement


def house_power_w(view: SiteView, now: datetime, *, has_pv: bool) -> float | None:
    """Return what the house takes without chargers and batteries in W, None where some part of it is not known."""
    if view.grid_power_w is None or view.grid_quality is not MeterQuality.FRESH or (has_pv and view.pv_power_w is None):
        return None
    batteries = [battery.measured.power_w for battery in view.batteries.values()]
    chargers = [
        _charging_w(charger, evse, now) for charger in view.chargers.values() for evse in charger.evses.values()
    ]
    known_batteries = [power for power in batteries if power is not None]
    known_chargers = [power for power in chargers if power is not None]
    if len(known_batteries) < len(batteries) or len(known_chargers) < len(chargers):
        return None
    total_w = total_consumption(view.grid_power_w, view.pv_power_w or 0.0, sum(known_batteries))
    return house_alone(total_w, sum(known_chargers))


def _charging_w(charger: ChargerView, evse: EvseView, now: datetime) -> float | None:
    """Return what a car draws in W; without a transaction none does, whoever is away."""
    measurement = live_measurement(charger, evse, now)
    if measurement is not None and measurement.power_w is not None:
        return measurement.power_w
    return 0.0 if evse.state.transaction is None else None

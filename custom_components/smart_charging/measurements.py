"""Which of a station's readings still tell what flows now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .engine.model import EvseMeasurement, EvseStatus, Phases
from .engine.view import ChargerView, EvseView

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

"""Limits of the grid operator that chargers are told directly, and tell of (NotifyChargingLimit, OCPP 2.0.1 K12): signals too."""

from collections.abc import Iterator
from datetime import datetime

from .csms.state import StationState
from .grid.signal import RAW_LENGTH, GridSignal, SignalKind, SignalScope, SignalUnit
from .model import EvseKey


def charger_signals(source_id: str, state: StationState, now: datetime) -> Iterator[GridSignal]:
    """Yield what the grid operator limits a station's EVSEs to, as it told; a limit on the whole station holds for each.

    A station that is not connected tells nothing.
    """
    if not state.connected:
        return
    for evse_id in sorted(state.evses):
        told = [key for key in (0, evse_id) if key in state.limited_by_grid]
        if not told:
            continue
        tightest = min(told, key=lambda key: state.limited_elsewhere_a[key])
        yield GridSignal(
            source_id=source_id,
            kind=SignalKind.IMPORT_LIMIT,
            received_at=now,
            value=state.limited_elsewhere_a[tightest],
            unit=SignalUnit.AMPERE,
            scope=SignalScope.DEVICE,
            evse=EvseKey(state.station_id, evse_id),
            raw=state.limited_by_grid[tightest][:RAW_LENGTH],
        )

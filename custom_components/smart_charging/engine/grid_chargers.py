"""What chargers add to the grid operator's demands: limits that they are told directly, EVSEs, and fresh readings as proof."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
import logging

from .csms.central_system import CentralSystem
from .csms.commands import CommandError
from .csms.state import StationState
from .grid.grid_room import GridConfig
from .grid.signal import RAW_LENGTH, GridSignal, SignalKind, SignalScope, SignalUnit
from .grid.source import SignalsCleared
from .model import EvseKey

_LOGGER = logging.getLogger(__name__)


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


def all_evses(csms: CentralSystem, evses: Iterable[EvseKey]) -> tuple[EvseKey, ...]:
    """Return these EVSEs, and all others that their stations showed so far."""
    found = set(evses)
    for station_id in {one.station_id for one in found}:
        station = csms.stations.get(station_id)
        found |= {EvseKey(station_id, evse_id) for evse_id in (() if station is None else station.state.evses)}
    return tuple(sorted(found))


def ended_with_chargers(config: GridConfig, signals: Iterable[GridSignal], now: datetime) -> Iterator[SignalsCleared]:
    """Yield the end of what is for chargers that are gone: nobody could take it back there any more."""
    for source_id, evse in sorted({(one.source_id, one.evse) for one in signals if one.evse is not None}):
        if config.is_gone(evse):
            yield SignalsCleared(source_id, now, evse=evse)


class ToldByChargers:
    """Knows the limits that chargers told of (NotifyChargingLimit, OCPP 2.0.1 K12), by station."""

    def __init__(self, source_id: str, csms: CentralSystem) -> None:
        """Know of none; the signals are this source's."""
        self._source_id = source_id
        self._csms = csms
        self._known: dict[str, tuple[GridSignal, ...]] = {}

    def hear(self, station_id: str, now: datetime) -> tuple[GridSignal, ...] | None:
        """Return all signals where a station's differ from before, else None; one that is gone tells nothing any more."""
        station = self._csms.stations.get(station_id)
        if station_id not in self._known and (station is None or not station.state.limited_by_grid):
            return None
        told = () if station is None else tuple(charger_signals(self._source_id, station.state, now))
        if [_demanded(one) for one in told] == [_demanded(one) for one in self._known.get(station_id, ())]:
            return None
        self._known[station_id] = told
        return tuple(signal for each in self._known.values() for signal in each)


def _demanded(signal: GridSignal) -> tuple[object, ...]:
    return signal.evse, signal.value, signal.raw


class ReadingRequests:
    """Asks EVSEs to measure, and remembers when each was asked last."""

    def __init__(self, csms: CentralSystem) -> None:
        """Have asked nobody."""
        self._csms = csms
        self._asked_at: dict[EvseKey, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def asked_at(self) -> Mapping[EvseKey, datetime]:
        """Return when each was asked last."""
        return self._asked_at

    def ask(self, key: EvseKey, now: datetime) -> None:
        """Have an EVSE's station send what it measures; one that does not is not asked again for the same moment."""
        self._asked_at[key] = now
        task = asyncio.create_task(self._trigger(key), name="reading of a charger")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for no answer any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _trigger(self, key: EvseKey) -> None:
        station = self._csms.stations.get(key.station_id)
        if station is None:
            return
        try:
            await station.trigger("MeterValues", key.evse_id)
        except CommandError as error:
            _LOGGER.debug("%s was asked to measure and did not: %s", key, error)

"""What others than this site decide about its chargers: limits that stations tell, and second central systems."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
import logging

from .clock import Clock
from .csms.central_system import CentralSystem
from .csms.commands import CommandError
from .csms.relay.limits import Bound, LimitSet, ProfileLimit, RelayEvent, TransactionRefused
from .csms.state import EvseState, StationState
from .limit import Limit, LimitSource
from .model import EvseKey
from .station_reading import limits_elsewhere
from .view import SiteEvent, SiteEventType

_LOGGER = logging.getLogger(__name__)

# Purposes of OCPP 1.6 section 7.13 and 2.0.1: those that bound the station, and those that bound a transaction,
# of which the profile of the transaction itself replaces the default.
_STATION_PURPOSES = frozenset(
    {"ChargePointMaxProfile", "ChargingStationMaxProfile", "ChargingStationExternalConstraints"}
)
_OF_TRANSACTION, _OF_ANY_TRANSACTION = "TxProfile", "TxDefaultProfile"


class Elsewhere:
    """Collects the limits of others, and ends what a second central system does not let run."""

    def __init__(
        self, csms: CentralSystem, clock: Clock, *, decide: Callable[[], None], announce: Callable[[SiteEvent], None]
    ) -> None:
        """Begin to listen at `start`; `decide` is called when a limit came."""
        self._csms = csms
        self._clock = clock
        self._decide = decide
        self._announce = announce
        self._unsubscribe: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Follow the second central systems."""
        self._unsubscribe = self._csms.relays.subscribe(self._take)

    async def stop(self) -> None:
        """Follow them no longer."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def limits(self, now: datetime) -> Iterator[Limit]:
        """Return what binds the stations' EVSEs now by the word of others."""
        for station_id, station in self._csms.stations.items():
            yield from limits_elsewhere(station.config, station.state)
            relay = self._csms.relays.by_station.get(station_id)
            if relay is not None:
                yield from relay_limits(station.state, relay.limits, now)

    def _take(self, event: RelayEvent) -> None:
        if isinstance(event, LimitSet):
            self._decide()
        elif isinstance(event, TransactionRefused):
            task = asyncio.create_task(self._end(event), name="refused transaction")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self, event: TransactionRefused) -> None:
        station = self._csms.stations.get(event.station_id)
        if station is None:
            return
        for evse in tuple(station.state.evses.values()):
            running = evse.transaction
            if running is None or running.transaction_id != event.transaction_id:
                continue
            _LOGGER.warning("The second central system of %s refuses a transaction, which is ended", event.station_id)
            key = EvseKey(event.station_id, evse.evse_id)
            self._announce(SiteEvent(SiteEventType.TRANSACTION_REFUSED, key, self._clock.now(), transaction=running))
            try:
                await station.stop_transaction(evse.evse_id)
            except CommandError as error:
                _LOGGER.warning("%s did not end a refused transaction: %s", event.station_id, error)


def relay_limits(state: StationState, limits: Sequence[ProfileLimit], now: datetime) -> Iterator[Limit]:
    """Return what a second central system's profiles bind each EVSE to now.

    Of several with one purpose the highest stack level counts, and of those equal in it the lowest value; a
    transaction's own profile stands in for the default (OCPP 1.6 section 3.13.2). A bound of the station as a
    whole is shared equally by the EVSEs that have a car.
    """
    plugged = sum(evse.status is not None and evse.status.plugged for evse in state.evses.values())
    for evse_id, evse in state.evses.items():
        binding = _binding(evse, limits, now)
        if _OF_TRANSACTION in binding:
            binding.pop(_OF_ANY_TRANSACTION, None)
        for purpose, (limit, bound) in binding.items():
            shared = max(1, plugged) if limit.evse_id == 0 and purpose in _STATION_PURPOSES else 1
            yield Limit(
                f"relay/{state.station_id}/{evse_id}/{purpose}",
                LimitSource.RELAY,
                bound.value / shared,
                bound.unit,
                evse=EvseKey(state.station_id, evse_id),
            )


def _binding(evse: EvseState, limits: Sequence[ProfileLimit], now: datetime) -> dict[str, tuple[ProfileLimit, Bound]]:
    """Return the limit that counts for an EVSE now, by purpose."""
    running = evse.transaction
    binding: dict[str, tuple[ProfileLimit, Bound]] = {}
    for limit in sorted(limits, key=lambda one: one.stack_level):
        bound = limit.bound(now)
        if bound is None or limit.evse_id not in {0, evse.evse_id}:
            continue
        if limit.purpose == _OF_TRANSACTION and (
            running is None or limit.transaction_id not in {None, running.transaction_id}
        ):
            continue
        lower = binding.get(limit.purpose)
        same_level = lower is not None and lower[0].stack_level == limit.stack_level
        if lower is None or not same_level or bound.value < lower[1].value:
            binding[limit.purpose] = (limit, bound)
    return binding

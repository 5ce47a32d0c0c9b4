"""What follows from a presented tag beside the answer to the station: events, and what a master pass ends."""

import asyncio
from collections.abc import Callable
import logging

from .clock import Clock
from .csms.central_system import CentralSystem
from .csms.commands import CommandError
from .id_token import IdToken
from .model import EvseKey
from .registry_authorizer import RegistryAuthorizer
from .view import SiteEvent, SiteEventType

_LOGGER = logging.getLogger(__name__)


class PresentedTags:
    """Follows the registry's authorizer for a site; without one there is nothing to follow."""

    def __init__(
        self,
        access: RegistryAuthorizer | None,
        csms: CentralSystem,
        clock: Clock,
        announce: Callable[[SiteEvent], None],
    ) -> None:
        """Announce through `announce` from now on."""
        self._access = access
        self._csms = csms
        self._clock = clock
        self._announce = announce
        self._tasks: set[asyncio.Task[None]] = set()
        if access is not None:
            access.subscribe_learnt(self._learnt)
            access.subscribe_refused(self._refused)
            access.subscribe_master_pass(self._master_pass)

    def expect_start(self, station_id: str, id_token: str) -> None:
        """Let a station begin with this token, for it is asked to."""
        if self._access is not None:
            self._access.expect_start(station_id, id_token)

    async def stop(self) -> None:
        """End what was begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _learnt(self, station_id: str, token: IdToken) -> None:
        key, label = EvseKey(station_id, 0), token.details.label
        event = SiteEventType.TAG_LEARNT
        self._announce(SiteEvent(event, key, self._clock.now(), tag_label=label, token_id=token.token_id))

    def _refused(self, station_id: str, token: IdToken | None, why: str) -> None:
        label, token_id = (None, None) if token is None else (token.details.label, token.token_id)
        event = SiteEvent(
            SiteEventType.TAG_REFUSED,
            EvseKey(station_id, 0),
            self._clock.now(),
            tag_label=label,
            token_id=token_id,
            details={"reason": why},
        )
        self._announce(event)

    def _master_pass(self, station_id: str, _token: IdToken) -> None:
        """End all that runs at a station, as one that knows master passes does itself (OCPP 2.0.1 C16)."""
        task = asyncio.create_task(self._stop_all(station_id), name="master pass")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop_all(self, station_id: str) -> None:
        station = self._csms.stations.get(station_id)
        if station is None:
            return
        for evse_id in [evse_id for evse_id, evse in station.state.evses.items() if evse.transaction is not None]:
            try:
                await station.stop_transaction(evse_id)
            except CommandError as err:
                _LOGGER.warning("A transaction was not ended by a master pass: %s", err)

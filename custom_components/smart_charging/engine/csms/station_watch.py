"""Looks after a station that says too little: asks for readings that do not come, and ends a socket that is dead."""

from collections.abc import Callable
from contextlib import suppress

from .commands import CommandError
from .core import StationCore

METER_POLL_S = 45.0
SILENCE_S = 300.0  # five heartbeats missed by a station that is not pinged
_SILENCE_LOOK_S = 30.0
_GOING_AWAY = 1001  # RFC 6455 section 7.4.1


class StationWatch:
    """Watches one station in the background."""

    def __init__(self, core: StationCore, is_set_up: Callable[[], bool]) -> None:
        """Take the station's middle, and what tells whether it was set up since it connected."""
        self._core = core
        self._is_set_up = is_set_up

    def start(self) -> None:
        """Begin to watch, as long as the station's other work goes on."""
        self._core.spawn(self._poll_meters(), "meter poll")
        self._core.spawn(self._watch_silence(), "silence watch")

    async def _watch_silence(self) -> None:
        """End the socket of a station that may not be pinged once it says nothing, not even when asked."""
        while True:
            await self._core.clock.sleep(_SILENCE_LOOK_S)
            connection = self._core.connection
            if connection is None or connection.pinged or connection.silent_for_s < SILENCE_S:
                continue
            with suppress(CommandError):  # any answer is a sign of life
                await self._core.commands.trigger("Heartbeat")
            if connection.silent_for_s >= SILENCE_S:
                connection.end(_GOING_AWAY, "silent")

    async def _poll_meters(self) -> None:
        """Ask for readings where a transaction runs and none come by themselves."""
        clock = self._core.clock
        while True:
            poll_s = self._core.quirks.meter_poll_s or METER_POLL_S
            await clock.sleep(poll_s)
            for evse in list(self._core.state.evses.values()):
                overdue = evse.measured_at is None or (clock.now() - evse.measured_at).total_seconds() > poll_s
                if self._core.state.connected and self._is_set_up() and evse.transaction is not None and overdue:
                    with suppress(CommandError):
                        await self._core.commands.trigger("MeterValues", evse.evse_id)

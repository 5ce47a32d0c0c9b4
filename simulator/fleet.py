"""Many light OCPP 1.6 stations at once, to see how a central system bears them; they have no plant behind them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from .clock import Clock
from .fleet_options import Counts, FleetOptions
from .light_station import LightStation
from .ocpp.json import Json, Payload

__all__ = ["Counts", "FleetOptions", "run_fleet"]

_LOOK_S = 0.25


class Fleet:
    """Stations with the counts that they share; `run` lets them live."""

    def __init__(self, options: FleetOptions, clock: Clock) -> None:
        """Bring the stations into being."""
        self._options = options
        self._clock = clock
        self._counts = Counts()
        numbers = count(1)
        self.stations = [LightStation(next(numbers), options, clock, self._counts) for _ in range(options.stations)]

    async def run(self, charging: Callable[[], None] | None = None) -> Payload:
        """Live for the seconds, or until all is told after an outage, and return what the fleet lived through.

        `charging` is called once every station has its transaction.
        """
        options = self._options
        gap_s = min(options.spread_s, options.seconds / 4) / max(1, options.stations)
        async with ClientSession(
            connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None, sock_connect=10)
        ) as session:
            tasks = [asyncio.create_task(each.run(session, n * gap_s)) for n, each in enumerate(self.stations)]
            watching = asyncio.create_task(self._watch(charging))
            with suppress(TimeoutError):
                async with self._clock.timeout(options.seconds):
                    await watching
            report = self._counts.report(options)
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
        return report

    def sent(self) -> Mapping[str, Json]:
        """Return what the central system is to know in the end: the transactions of each station."""
        return {each.station_id: [charge.record() for charge in each.charges] for each in self.stations}

    async def _watch(self, charging: Callable[[], None] | None) -> None:
        options, counts = self._options, self._counts
        if options.settle_s:
            await self._clock.sleep(options.settle_s)
            counts.settle()
        while counts.transactions < options.stations:
            await self._clock.sleep(_LOOK_S)
        if charging is not None:
            charging()
        while not options.outage or len(counts.served) < options.stations:
            await self._clock.sleep(_LOOK_S)


async def run_fleet(options: FleetOptions, clock: Clock) -> Payload:
    """Let a fleet live and return what it lived through."""
    return await Fleet(options, clock).run()

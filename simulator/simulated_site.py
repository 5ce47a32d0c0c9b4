"""A whole simulated site: the plant, its stations on the network, and the beat that moves them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

from .clock import Clock, WallClock
from .ocpp.dialler import Dialler
from .ocpp.options import StationOptions
from .ocpp.station import SimulatedStation
from .plant.battery import Battery
from .plant.car import Car
from .plant.circuit import Circuit
from .plant.grid import GridSupply
from .plant.house import House
from .plant.outlet import Outlet, Wiring
from .plant.phases import ZERO
from .plant.site import Plant
from .plant.sun import FixedSun, Photovoltaics

TICK_S = 0.25

type ConnectorKey = tuple[str, int]
"""A station id and a connector number."""


@dataclass(slots=True)
class Premises:
    """What there is besides stations and cars: by default nothing that draws or yields anything."""

    house: House = field(default_factory=lambda: House(fixed_w=ZERO))
    photovoltaics: Photovoltaics = field(default_factory=lambda: Photovoltaics(FixedSun(0.0)))
    battery: Battery | None = None
    circuits: Sequence[Circuit] = ()
    supply: GridSupply = field(default_factory=GridSupply)


class SimulatedSite:
    """Builds and runs a site; use as an async context manager to have it run.

    `cars` and `wiring` go by (station id, connector number).
    """

    def __init__(
        self,
        stations: Sequence[StationOptions],
        *,
        cars: Mapping[ConnectorKey, Car] | None = None,
        wiring: Mapping[ConnectorKey, Wiring] | None = None,
        premises: Premises | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Build everything at the clock's present time; nothing runs yet. Must be called in an event loop."""
        self.clock: Clock = clock or WallClock()
        self._start = self.clock.now()
        self._begin = self.clock.monotonic()
        self.stations: dict[str, SimulatedStation] = {}
        outlets: list[Outlet] = []
        for options in stations:
            own = [
                Outlet(
                    car=(cars or {}).get((options.station_id, n)),
                    phases=options.phases,
                    energy_wh=options.register_wh,
                    wiring=(wiring or {}).get((options.station_id, n), Wiring()),
                )
                for n in range(1, options.connectors + 1)
            ]
            outlets += own
            self.stations[options.station_id] = SimulatedStation(options, own, self.clock)
        self.diallers = {station_id: Dialler(station) for station_id, station in self.stations.items()}
        around = premises or Premises()
        self.plant = Plant(
            start=self._start,
            house=around.house,
            photovoltaics=around.photovoltaics,
            outlets=outlets,
            battery=around.battery,
            circuits=around.circuits,
            supply=around.supply,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start all stations and the beat."""
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and close the connections."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def broken(self) -> None:
        """Wait until the running site fails, and raise what made it fail."""
        if self._running is not None:
            await asyncio.shield(self._running)

    def advance(self) -> None:
        """Bring plant and stations to the clock's present time."""
        # The plant follows the monotonic time, so that a corrected wall clock makes no energy.
        self.plant.advance(self._start + timedelta(seconds=self.clock.monotonic() - self._begin))
        for station in self.stations.values():
            station.tick()
        for dialler in self.diallers.values():
            dialler.tick()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for dialler in self.diallers.values():
                tasks.create_task(dialler.run())
            tasks.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            self.advance()
            await self.clock.sleep(TICK_S)

"""A whole simulated site: the plant, its stations on the network, and the beat that moves them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from .clock import Clock, WallClock
from .ocpp.dialler import Dialler
from .ocpp.options import StationOptions
from .ocpp.station import SimulatedStation
from .ocpp2.dialler import Dialler2
from .ocpp2.options import StationOptions2
from .ocpp2.station import SimulatedStation2
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
"""A station id and the number of a connector (OCPP 1.6) or an EVSE (2.x)."""


class Ticking(Protocol):
    """What time passes for."""

    def tick(self) -> None:
        """Do what is due."""


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

    `cars` and `wiring` go by (station id, connector number); a 2.x station's EVSE stands for a connector.
    Stations that speak OCPP 2.x are in `stations2` and `diallers2`.
    """

    def __init__(
        self,
        stations: Sequence[StationOptions | StationOptions2],
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
        self.stations2: dict[str, SimulatedStation2] = {}
        outlets: list[Outlet] = []
        for options in stations:
            own = [
                Outlet(
                    car=(cars or {}).get((options.station_id, n)),
                    phases=options.phases,
                    energy_wh=options.register_wh,
                    wiring=(wiring or {}).get((options.station_id, n), Wiring()),
                )
                for n in range(1, _places(options) + 1)
            ]
            outlets += own
            if isinstance(options, StationOptions2):
                self.stations2[options.station_id] = SimulatedStation2(options, own, self.clock)
            else:
                self.stations[options.station_id] = SimulatedStation(options, own, self.clock)
        self.diallers = {station_id: Dialler(station) for station_id, station in self.stations.items()}
        self.diallers2 = {station_id: Dialler2(station) for station_id, station in self.stations2.items()}
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
        ticking: list[Ticking] = [*self.stations.values(), *self.stations2.values()]
        ticking += [*self.diallers.values(), *self.diallers2.values()]
        for each in ticking:
            each.tick()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for dialler in self.diallers.values():
                tasks.create_task(dialler.run())
            for dialler2 in self.diallers2.values():
                tasks.create_task(dialler2.run())
            tasks.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            self.advance()
            await self.clock.sleep(TICK_S)


def _places(options: StationOptions | StationOptions2) -> int:
    return options.evses if isinstance(options, StationOptions2) else options.connectors

"""A simulated site under a manual clock, connected to the small central system."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
import time
from typing import Any

from simulator.ocpp.connector import Connector
from simulator.ocpp.options import StationOptions
from simulator.ocpp.station import SimulatedStation
from simulator.plant.car import Car, CarModel
from simulator.plant.grid import GridSupply
from simulator.plant.outlet import Wiring
from simulator.simulated_site import ConnectorKey, Premises, SimulatedSite
from tests.manual_clock import ManualClock

from .small_central_system import SmallCentralSystem

PATIENCE_S = 20.0


@dataclass
class VirtualSite:
    """Everything a test of stations touches."""

    central: SmallCentralSystem
    clock: ManualClock
    site: SimulatedSite

    @property
    def station(self) -> SimulatedStation:
        return next(iter(self.site.stations.values()))

    @property
    def connector(self) -> Connector:
        return self.station.connectors[1]

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds, settle=0.001)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until the condition holds."""
        patience = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < patience, "it never happened"
            await self.pass_time(0.25)

    async def heard(self, action: str, count: int = 1) -> dict[str, Any]:
        """Let time pass until the central system heard so many calls of this kind; return the latest."""
        await self.until(lambda: len(self.central.of(action)) >= count)
        return self.central.of(action)[-1]

    async def call(self, action: str, **payload: Any) -> dict[str, Any]:
        """Give a command while a little time passes for it."""
        return await self.central.call(action, **payload)


@asynccontextmanager
async def virtual_site(
    car: Car | None = None,
    *,
    premises: Premises | None = None,
    wiring: Mapping[ConnectorKey, Wiring] | None = None,
    **options: Any,
) -> AsyncGenerator[VirtualSite]:
    """Run one station with a car of 16 A on three phases (unless given), booted and idle."""
    central = SmallCentralSystem()
    await central.start()
    clock = ManualClock()
    station = StationOptions(**{"station_id": "SIM-1", "url": central.url, "sample_s": 10, **options})
    site = SimulatedSite(
        [station],
        cars={("SIM-1", n): car or Car(CarModel()) for n in range(1, station.connectors + 1)},
        wiring=wiring,
        premises=premises or Premises(supply=GridSupply(impedance_ohm=0.0)),
        clock=clock,
    )
    async with site:
        virtual = VirtualSite(central, clock, site)
        try:
            yield virtual
        finally:
            await central.stop()

"""A site and its simulated surroundings on one clock: real OCPP frames, a real ledger, no waiting."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from custom_components.smart_charging.engine.config import SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import EvseKey, Phases
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import EvseView, GridReading
from simulator.ocpp.options import StationOptions
from simulator.plant.car import Car
from simulator.simulated_site import SimulatedSite
from tests.manual_clock import ManualClock

SETTLE_S = 0.003  # real time for frames and commits between two moments of the clock
STEP_S = 0.25


class ClosedLoop:
    """Moves the clock, feeds the meter, and watches what the grid really carries."""

    def __init__(self, site: Site, simulated: SimulatedSite, clock: ManualClock, ledger: SiteLedger) -> None:
        self.site = site
        self.simulated = simulated
        self.clock = clock
        self.ledger = ledger
        self.meter_online = True
        self.meter_interval_s = 1.0
        self.seconds_over_fuse = 0.0
        self.import_wh_before = simulated.plant.grid.import_wh

    def evse(self, station_id: str = "CP1", evse_id: int = 1) -> EvseView:
        return self.site.view.chargers[station_id].evses[evse_id]

    def drawn_a(self, station_id: str = "CP1") -> float:
        """Return what the car at a station really draws now, A on its busiest phase."""
        return max(self.simulated.stations[station_id].connectors[1].outlet.current_a)

    def house(self, *phases_w: float) -> None:
        first, second, third = phases_w if len(phases_w) == 3 else phases_w * 3
        self.simulated.plant.house.hold((first, second, third))

    def sun(self, power_w: float) -> None:
        self.simulated.plant.photovoltaics.hold(power_w)

    def plug(self, station_id: str = "CP1", plugged: bool = True) -> None:
        self.simulated.stations[station_id].plug(plugged)

    @property
    def imported_kwh(self) -> float:
        return (self.simulated.plant.grid.import_wh - self.import_wh_before) / 1000

    async def run(self, seconds: float) -> None:
        """Let this much of the clock's time pass."""
        next_reading = self.clock.monotonic()
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            await self.clock.advance(STEP_S)
            await asyncio.sleep(SETTLE_S)
            grid = self.simulated.plant.grid
            if max(grid.current_a) > self.site.config.fuse_a:
                self.seconds_over_fuse += STEP_S
            if self.meter_online and self.clock.monotonic() >= next_reading:
                next_reading = self.clock.monotonic() + self.meter_interval_s
                self.site.set_grid_reading(
                    GridReading(self.clock.now(), power_w=grid.total_w, current_a=Phases(*grid.current_a))
                )


@asynccontextmanager
async def closed_loop(
    path: Path,
    *,
    site: SiteConfig,
    chargers: Sequence[StationConfig],
    stations: Sequence[StationOptions] | None = None,
    cars: dict[str, Car] | None = None,
) -> AsyncGenerator[ClosedLoop]:
    """Run a site with its chargers and a simulated station for each of them."""
    clock = ManualClock()
    ledger = await Ledger.open(path / "ledger.db")
    records = ledger.site(site.site_id)
    csms = CentralSystem(
        clock=clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=site.lease
    )
    running = Site(site, csms=csms, ledger=records, clock=clock)
    await running.start()
    for charger in chargers:
        await running.add_charger(charger)
    port = await running.listen("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{port}"
    built = stations or [StationOptions(charger.station_id, url, sample_s=10) for charger in chargers]
    options = [one if one.url else _with_url(one, url) for one in built]
    driven = {(key, 1): car for key, car in (cars or {one.station_id: Car() for one in options}).items()}
    async with SimulatedSite(options, cars=driven, clock=clock) as simulated:
        loop = ClosedLoop(running, simulated, clock, records)
        try:
            yield loop
        finally:
            # Stopping waits on the clock, which only moves here.
            stopping = asyncio.create_task(running.stop())
            while not stopping.done():
                await clock.advance(1.0, settle=SETTLE_S)
            await stopping
            await ledger.close()


def _with_url(options: StationOptions, url: str) -> StationOptions:
    return replace(options, url=url)


def key(station_id: str = "CP1") -> EvseKey:
    """Return the first EVSE of a station."""
    return EvseKey(station_id, 1)

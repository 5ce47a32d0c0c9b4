"""A site and its simulated surroundings on one clock: real OCPP frames, a real ledger, no waiting."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from custom_components.smart_charging.engine.config import SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.grid.grid_room import GridConfig
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import EvseView
from simulator.ocpp.options import StationOptions
from simulator.ocpp2.options import StationOptions2
from simulator.plant.battery import Battery
from simulator.plant.car import Car
from simulator.plant.outlet import Outlet, Wiring
from simulator.simulated_site import ConnectorKey, Premises, SimulatedSite
from tests.manual_clock import ManualClock

from .measures import Measures
from .shell import Entities, StandInShell

SETTLE_S = 0.003  # real time for frames and commits between two moments of the clock
STEP_S = 0.25


class ClosedLoop:
    """Moves the clock, lets the shell feed the meters, and watches what the grid really carries."""

    def __init__(
        self, site: Site, simulated: SimulatedSite, clock: ManualClock, ledger: SiteLedger, entities: Entities
    ) -> None:
        self.site = site
        self.simulated = simulated
        self.clock = clock
        self.ledger = ledger
        self.shell = StandInShell(site, simulated, clock, entities)
        self.measures = Measures()
        self.import_wh_before = simulated.plant.grid.import_wh
        self.export_wh_before = simulated.plant.grid.export_wh

    def evse(self, station_id: str = "CP1", evse_id: int = 1) -> EvseView:
        return self.site.view.chargers[station_id].evses[evse_id]

    def outlet(self, station_id: str = "CP1") -> Outlet:
        if station_id in self.simulated.stations2:
            return self.simulated.stations2[station_id].evses[1].outlet
        return self.simulated.stations[station_id].connectors[1].outlet

    def drawn_a(self, station_id: str = "CP1") -> float:
        """Return what the car at a station really draws now, A on its busiest phase."""
        return max(self.outlet(station_id).current_a)

    def phase_switches(self, station_id: str = "CP1") -> int:
        """Return how often contactor and station's relay changed the phases."""
        contactor = self.outlet(station_id).wiring.contactor
        relay = self.simulated.stations[station_id].connectors[1].relay
        return relay.switches + (0 if contactor is None else contactor.switches)

    @property
    def battery(self) -> Battery:
        battery = self.simulated.plant.battery
        assert battery is not None
        return battery

    def house(self, *phases_w: float) -> None:
        first, second, third = phases_w if len(phases_w) == 3 else phases_w * 3
        self.simulated.plant.house.hold((first, second, third))

    def circuit_load(self, circuit_id: str, *phases_w: float) -> None:
        """Hold what a circuit carries besides its chargers."""
        first, second, third = phases_w if len(phases_w) == 3 else phases_w * 3
        self.simulated.plant.tree.circuits[circuit_id].load.hold((first, second, third))

    def sun(self, power_w: float) -> None:
        self.simulated.plant.photovoltaics.hold(power_w)

    def plug(self, station_id: str = "CP1", plugged: bool = True) -> None:
        if station_id in self.simulated.stations2:
            self.simulated.stations2[station_id].plug(plugged)
        else:
            self.simulated.stations[station_id].plug(plugged)

    @property
    def seconds_over_fuse(self) -> float:
        """Return how long any fuse was exceeded, that of the grid connection or of a circuit."""
        return self.measures.seconds_over_any

    @property
    def imported_kwh(self) -> float:
        return (self.simulated.plant.grid.import_wh - self.import_wh_before) / 1000

    @property
    def exported_kwh(self) -> float:
        return (self.simulated.plant.grid.export_wh - self.export_wh_before) / 1000

    def measure_anew(self) -> None:
        """Forget what was measured so far, as after a warm-up."""
        self.measures = Measures()
        self.import_wh_before = self.simulated.plant.grid.import_wh
        self.export_wh_before = self.simulated.plant.grid.export_wh

    async def run(self, seconds: float, step_s: float = STEP_S) -> None:
        """Let this much of the clock's time pass; longer steps take less time and see less."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            await self.clock.advance(step_s)
            await asyncio.sleep(SETTLE_S)
            self.shell.tick()
            view = self.site.view
            setpoints = {evse.key: evse.setpoint for each in view.chargers.values() for evse in each.evses.values()}
            self.measures.take(self._loads(), setpoints, step_s)

    def _loads(self) -> dict[str, tuple[Sequence[float], float]]:
        """Return what each fuse really carries, and its rating."""
        plant, config = self.simulated.plant, self.site.config
        circuits = {circuit.circuit_id: circuit.fuse_a for circuit in config.circuits}
        loads: dict[str, tuple[Sequence[float], float]] = {ROOT_CIRCUIT: (plant.grid.current_a, config.fuse_a)}
        for circuit_id, circuit in plant.tree.circuits.items():
            if circuit_id in circuits:
                loads[circuit_id] = (circuit.meter.current_a, circuits[circuit_id])
        return loads


@asynccontextmanager
async def closed_loop(
    path: Path,
    *,
    site: SiteConfig,
    chargers: Sequence[StationConfig],
    stations: Sequence[StationOptions | StationOptions2] | None = None,
    cars: dict[str, Car] | None = None,
    wiring: Mapping[ConnectorKey, Wiring] | None = None,
    premises: Premises | None = None,
    entities: Entities | None = None,
    grid: GridConfig | None = None,
) -> AsyncGenerator[ClosedLoop]:
    """Run a site with its chargers and a simulated station for each of them."""
    clock = ManualClock()
    ledger = await Ledger.open(path / "ledger.db")
    records = ledger.site(site.site_id)
    csms = CentralSystem(
        clock=clock, transactions=records, memory=records, authorizer=AcceptEveryone(), lease=site.lease
    )
    running = Site(site, csms=csms, ledger=records, clock=clock, grid=grid)
    await running.start()
    for charger in chargers:
        await running.add_charger(charger)
    port = await running.listen("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{port}"
    built: Sequence[StationOptions | StationOptions2] = stations or [
        StationOptions(charger.station_id, url, sample_s=10) for charger in chargers
    ]
    options = [one if one.url else replace(one, url=url) for one in built]
    driven = {(key, 1): car for key, car in (cars or {one.station_id: Car() for one in options}).items()}
    async with SimulatedSite(options, cars=driven, wiring=wiring, premises=premises, clock=clock) as simulated:
        loop = ClosedLoop(running, simulated, clock, records, entities or Entities())
        try:
            yield loop
        finally:
            # Stopping waits on the clock, which only moves here.
            stopping = asyncio.create_task(running.stop())
            while not stopping.done():
                await clock.advance(1.0, settle=SETTLE_S)
            await stopping
            await ledger.close()


def key(station_id: str = "CP1") -> EvseKey:
    """Return the first EVSE of a station."""
    return EvseKey(station_id, 1)

"""Everything the demo shows, on one stage: the simulator and a Home Assistant that is set up to see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import time

from .client import HomeClient, open_client
from .dashboard import rest_commands, show_dashboard
from .entities import wait_for_entities
from .garage import set_up_garage, wire_chargers
from .grid_operator import set_up_relay
from .home_assistant import HomeAssistant
from .json import as_object
from .modbus import RELAY_ENTITY, hubs
from .prices import PRICE_ENTITY, price_sensors, read_prices
from .simulated_site import SimulatedSite
from .site import Site, confirm_chargers, follow_sun, set_up_energy_dashboard, set_up_site, shorten_lease

USER = PASSWORD = "demo"
SET_UP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, all on 127.0.0.1."""

    http: int = 8123
    ocpp: int = 9000
    modbus: int = 5020
    control: int = 5021


class Stage:
    """The two processes; `open_stage` starts and ends them."""

    def __init__(self, config: Path, ports: Ports, chargers: int) -> None:
        """Keep everything in this directory."""
        config.mkdir(parents=True, exist_ok=True)
        self.ports = ports
        self.chargers = chargers
        self.home = HomeAssistant(config, ports.http)
        self.simulator = SimulatedSite(
            config / "simulator.log",
            stations=chargers,
            ocpp_port=ports.ocpp,
            modbus_port=ports.modbus,
            control_port=ports.control,
        )

    async def start_home(self) -> None:
        """Start Home Assistant and wait until all of it is set up; TimeoutError where it isn't in time."""
        await self.home.start()
        async with self.client() as client:
            await wait_until_running(client)

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[HomeClient]:
        """Log in as the demo's user."""
        async with open_client(self.home.url, USER, PASSWORD) as client:
            yield client

    async def set_up(self, lease_s: tuple[int, int] | None = None) -> Site:
        """Add the site and its chargers the way a user would; `lease_s` is how long limits hold and when they renew."""
        async with self.client() as client:
            await set_up_energy_dashboard(client)
            entry_id = await set_up_site(client, self.ports.ocpp, self.chargers)
            if lease_s is not None:
                await shorten_lease(client, entry_id, *lease_s)
            # The tuned filter takes its time, and whoever watches has little.
            await follow_sun(client, entry_id, "quick")
            if await client.state(PRICE_ENTITY) is not None:  # a directory of an earlier version has none
                await read_prices(client, entry_id)
            garage_id = await set_up_garage(client, entry_id)
            if await client.state(RELAY_ENTITY) is not None:
                await set_up_relay(client, entry_id)
            chargers = await confirm_chargers(client, entry_id, self.chargers, self.simulator.dial_now)
            site = Site(entry_id, chargers, garage_id)
            stations = self.simulator.stations
            await wire_chargers(client, site, switching=stations[0], in_garage=stations[-1])
            await show_dashboard(client, site, await wait_for_entities(client, site))
        return site


@asynccontextmanager
async def open_stage(config: Path, ports: Ports, chargers: int) -> AsyncGenerator[Stage]:
    """Start the simulator and Home Assistant in this directory; both end with the context."""
    stage = Stage(config, ports, chargers)
    commands = rest_commands(stage.simulator.control_url)
    stage.home.prepare(hubs(ports.modbus, battery=False), commands, template=price_sensors())
    try:
        await stage.simulator.process.start()
        await stage.start_home()
        yield stage
    finally:
        await stage.home.process.stop()
        await stage.simulator.process.stop()


async def wait_until_running(client: HomeClient) -> None:
    """Wait until Home Assistant says that all is set up; TimeoutError where it does not in time."""
    deadline = time.monotonic() + SET_UP_TIMEOUT_S
    while as_object(await client.get("/api/config")).get("state") != "RUNNING":
        if time.monotonic() > deadline:
            raise TimeoutError("Home Assistant did not finish its set-up")
        await asyncio.sleep(0.2)

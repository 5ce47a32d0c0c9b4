"""Command line of script/demo: show a simulated car charging from simulated sun in a real Home Assistant."""

import argparse
import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import datetime, time as clock_time, timedelta
from pathlib import Path
import signal
import sys
import tempfile

from homeassistant.const import RESTART_EXIT_CODE

from .client import HomeClient, RefusedError
from .entities import charger_key, registered_entities
from .home_assistant import NotOursError
from .json import Json
from .prices import LOCAL
from .process import ChildProcess, EndedError
from .site import Charger, Site
from .stage import PASSWORD, USER, Ports, Stage, open_stage

SECONDS_BETWEEN_CARS = 45.0
ENERGY_KWH = 12
LEAVES = clock_time(7)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/demo", description="Watch a simulated car charge from simulated sun.")
    parser.add_argument("--port", type=int, default=8123, help="port of Home Assistant (default 8123)")
    parser.add_argument("--ocpp-port", type=int, default=9000, help="port the chargers dial (default 9000)")
    parser.add_argument("--modbus-port", type=int, default=5020, help="port of the simulated meters (default 5020)")
    parser.add_argument("--control-port", type=int, default=0, help="port of the simulator's levers (default: next)")
    parser.add_argument(
        "--config", type=Path, help="directory to keep Home Assistant in (default: a new one each time)"
    )
    parser.add_argument("--for", dest="seconds", type=float, help="end by itself after so many seconds")
    parser.add_argument("--chargers", type=int, default=2, help="how many chargers, each with a car (default 2)")
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace, config: Path) -> None:
    """Show the demo until it is interrupted or its time is over."""
    ports = Ports(options.port, options.ocpp_port, options.modbus_port, options.control_port or options.modbus_port + 1)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("demo: starting the simulator and Home Assistant", flush=True)
    await _unless(stop, show(config, ports, options.chargers, options.seconds))
    print("demo: ended", flush=True)


async def show(config: Path, ports: Ports, chargers: int, seconds: float | None) -> None:
    """Start everything, set it up, let the cars come, and stay."""
    async with open_stage(config, ports, chargers) as stage:
        print("demo: setting up the site", flush=True)
        site = await stage.set_up()
        async with stage.client() as client:
            await charge_from_sun(client, site)
            if len(site.chargers) > 1:
                await charge_by_plan(client, site.chargers[-1])
        print(f"READY {stage.home.url} ({USER}/{PASSWORD})", flush=True)
        async with asyncio.TaskGroup() as tasks:
            arriving = tasks.create_task(cars_arrive(stage))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _stay(stage)
            arriving.cancel()


async def charge_from_sun(client: HomeClient, site: Site) -> None:
    """Put all chargers into solar mode."""
    entities = await registered_entities(client)
    for charger in site.chargers:
        mode = entities[charger_key(charger, "mode")]
        await client.act("select", "select_option", {"entity_id": mode, "option": "solar"})


async def charge_by_plan(client: HomeClient, charger: Charger) -> None:
    """Let the car that comes to a charger have its energy by seven in the morning, when that costs least."""
    entities = await registered_entities(client)

    async def act(domain: str, action: str, key: str, **data: Json) -> None:
        await client.act(domain, action, {"entity_id": entities[charger_key(charger, key)], **data})

    await act("number", "set_value", "target_energy", value=ENERGY_KWH)
    await act("datetime", "set_value", "departure", datetime=next_departure(datetime.now(LOCAL)).isoformat())
    await act("select", "select_option", "mode", option="cheapest")


def next_departure(now: datetime) -> datetime:
    """Return the next time at which somebody leaves for work."""
    today = datetime.combine(now.date(), LEAVES, now.tzinfo)
    return today if today > now else today + timedelta(days=1)


async def cars_arrive(stage: Stage) -> None:
    """Plug in one car after the other."""
    for station_id in stage.simulator.stations:
        await stage.simulator.tell(station_id, plug=True)
        await asyncio.sleep(SECONDS_BETWEEN_CARS)


async def _stay(stage: Stage) -> None:
    """Stay until a process ends by itself, EndedError then; a restart asked for in the browser is carried out."""
    while True:
        await _first_to_end([stage.home.process, stage.simulator.process])
        stage.simulator.process.check()
        if stage.home.process.exit_code != RESTART_EXIT_CODE:
            stage.home.process.check()
        print("demo: Home Assistant starts again", flush=True)
        await stage.start_home()


async def _first_to_end(processes: Sequence[ChildProcess]) -> None:
    waiting = [asyncio.ensure_future(process.wait()) for process in processes]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Do the work until it is done or the event is set, then let it clean up."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run the command line and return its exit code."""
    options = parse()
    failures: list[BaseException] = []
    try:
        if options.config is not None:
            asyncio.run(run(options, options.config.resolve()))
        else:
            with tempfile.TemporaryDirectory(prefix="smart-charging-demo-", ignore_cleanup_errors=True) as config:
                asyncio.run(run(options, Path(config)))
    except* (RefusedError, EndedError, NotOursError, TimeoutError, OSError, ValueError) as errors:
        failures = _leaves(errors)
        for error in failures:
            print(f"demo: {error}", file=sys.stderr)
    return 1 if failures else 0


def _leaves(errors: BaseExceptionGroup) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    raise SystemExit(main())

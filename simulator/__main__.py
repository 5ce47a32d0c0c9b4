"""Command line: run a simulated site until it is interrupted."""

import argparse
import asyncio
from collections.abc import Sequence
import contextlib
import json
import logging
from pathlib import Path
import signal
import sys

from .clock import WallClock
from .control_api import ControlApi
from .demo import DemoOptions, build_site, cars_arrive
from .fleet import Fleet, FleetOptions
from .modbus.server import ModbusDevices

PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")


def _protocols(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PROTOCOLS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add = parser.add_argument
    add("--stations", type=int, default=2, help="how many charging stations")
    add("--ocpp", default="ws://127.0.0.1:9000", help="where they dial; the station's id is appended")
    add("--modbus-host", default="127.0.0.1", help="address of the Modbus server")
    add("--modbus-port", type=int, default=5020, help="its port")
    add("--control-port", type=int, default=0, help="port of the control interface on 127.0.0.1; 0 is off")
    add("--sun", default="demo", help="demo (noon with clouds), real (this hour's sun), or fixed:W")
    add("--house", default="", help="fixed house load as three comma-separated W; empty is a living household")
    add("--seed", type=int, default=1, help="which household and sky")
    add("--station-prefix", default="SIM", help="stations are called PREFIX-1, PREFIX-2 ...")
    add("--phases", default="3,1", help="phases of the cars, in turn")
    add("--interval", type=int, default=60, help="seconds between meter values, until the central system sets it")
    add("--battery", type=float, default=0.0, metavar="KWH", help="home battery; 0 is none")
    add("--zero-export", action="store_true", help="the inverter makes no more than the site takes")
    add(
        "--circuit", default="", metavar="ID", help="a circuit with a meter of its own, on which the last station hangs"
    )
    add("--contactor", action="store_true", help="a contactor for one phase or three before the last station")
    add("--switch-phases", action="store_true", help="the stations follow numberPhases")
    add("--password", default=None, help="password of all stations")
    add("--plug-after", type=float, default=5.0, help="seconds until the first car comes; negative: none comes")
    add("--plug-every", type=float, default=60.0, help="seconds between the cars")
    add(
        "--protocol",
        type=_protocols,
        default=PROTOCOLS[:1],
        help=f"what the stations speak, in turn: {', '.join(PROTOCOLS)}",
    )
    add("--fleet", type=int, default=0, metavar="N", help="N light OCPP 1.6 stations and nothing else, then a report")
    add("--seconds", type=float, default=60.0, help="how long the fleet lives")
    add("--spread", type=float, default=10.0, help="seconds over which its stations come, at most a quarter of all")
    add("--settle", type=float, default=0.0, help="seconds of which nothing is counted")
    add("--retry", type=float, default=5.0, help="seconds until its stations dial again")
    add("--outage", action="store_true", help="wait until the central system went and is back; queue what happens")
    add("--sent", type=Path, default=None, metavar="FILE", help="write there which transactions the fleet had")
    add("--verbose", action="store_true", help="log more")
    return parser.parse_args(arguments)


async def run(arguments: argparse.Namespace) -> None:
    """Run the site until SIGINT or SIGTERM."""
    clock = WallClock()
    options = DemoOptions(
        url=arguments.ocpp,
        stations=arguments.stations,
        prefix=arguments.station_prefix,
        phases=[int(n) for n in arguments.phases.split(",")],
        sun=arguments.sun,
        seed=arguments.seed,
        sample_s=arguments.interval,
        battery_wh=1000 * arguments.battery,
        zero_export=arguments.zero_export,
        circuit=arguments.circuit,
        contactor=arguments.contactor,
        switches_phases=arguments.switch_phases,
        password=arguments.password,
        protocols=arguments.protocol,
        plug_first_s=arguments.plug_after,
        plug_next_s=arguments.plug_every,
    )
    site = build_site(options, clock)
    if arguments.house:
        l1, l2, l3 = (float(watts) for watts in arguments.house.split(","))
        site.plant.house.hold((l1, l2, l3))
    modbus = ModbusDevices(site.plant, clock)
    control = ControlApi(site, modbus)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        port = await modbus.start(arguments.modbus_host, arguments.modbus_port)
        stack.push_async_callback(modbus.stop)
        print(f"Modbus on {arguments.modbus_host}:{port}", flush=True)
        if arguments.control_port:
            print(f"Control on http://127.0.0.1:{await control.start(arguments.control_port)}", flush=True)
            stack.push_async_callback(control.stop)
        await stack.enter_async_context(site)
        print(f"{', '.join((*site.stations, *site.stations2))} dial {arguments.ocpp}", flush=True)
        if options.plug_first_s >= 0:
            arrivals = asyncio.create_task(cars_arrive(site, options))
            stack.callback(arrivals.cancel)
        waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(site.broken())]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in done:
            task.result()


async def run_stations(arguments: argparse.Namespace) -> None:
    """Run the fleet for its seconds and print what came of it as one line of JSON."""
    options = FleetOptions(
        url=arguments.ocpp,
        stations=arguments.fleet,
        seconds=arguments.seconds,
        prefix=arguments.station_prefix,
        password=arguments.password,
        spread_s=arguments.spread,
        settle_s=arguments.settle,
        retry_s=arguments.retry,
        outage=arguments.outage,
    )
    fleet = Fleet(options, WallClock())
    # Whoever ends the central system on purpose waits for this line.
    report = await fleet.run((lambda: print("all charge", flush=True)) if options.outage else None)
    if arguments.sent is not None:
        await asyncio.to_thread(arguments.sent.write_text, json.dumps(fleet.sent()))
    print(json.dumps(report), flush=True)


def main() -> int:
    """Run the command line and return its exit code."""
    arguments = parse()
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.WARNING)
    try:
        asyncio.run(run_stations(arguments) if arguments.fleet else run(arguments))
    except OSError as error:
        print(f"Can not listen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

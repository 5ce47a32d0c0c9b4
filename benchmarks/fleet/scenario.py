"""The scenario `fleet`: a thousand stations meter every 10 s at a Home Assistant that shows and records it all."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
import json
from pathlib import Path
import sqlite3
import sys
import tempfile
import time

from benchmarks.scenarios import Figures

from .home import PREFIX, home_with_chargers
from .processor import Usage

_STATIONS, _STATIONS_QUICK = 1000, 20
_SECONDS, _SECONDS_QUICK = 180.0, 30.0
_SPREAD_S = 40.0  # over which the stations come
_QUIET_S = 90.0  # until the set-up of the last one is over, and what came with them has settled
_END_S = 60.0


def run(*, quick: bool) -> Figures:
    """Return what the stations waited for their answers, what went wrong, and what Home Assistant took for it."""
    if quick:
        return asyncio.run(measure(_STATIONS_QUICK, _SECONDS_QUICK, spread_s=4.0, quiet_s=15.0))
    return asyncio.run(measure(_STATIONS, _SECONDS, spread_s=_SPREAD_S, quiet_s=_QUIET_S))


def describe(figures: Figures) -> str:
    """Return the figures as a sentence."""
    return (
        f"{figures['stations']:.0f} stations: 99 of 100 meter values answered within {figures['p99_reply_ms']:.1f} ms, "
        f"{figures['drops']:.0f} drops, {figures['messages_per_s']:.0f} messages/s, "
        f"{figures['state_writes_per_s']:.0f} states written/s; Home Assistant takes {figures['cpu_share']:.2f} of a "
        f"core, {figures['loop_share']:.2f} in its event loop; set up in {figures['set_up_s']:.0f} s"
    )


async def measure(stations: int, seconds: float, *, spread_s: float, quiet_s: float) -> Figures:
    """Return the figures of so many stations over so many seconds, once all have come and a while has passed."""
    with tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as folder:
        began = time.monotonic()
        async with home_with_chargers(Path(folder), stations) as (home, port):
            set_up_s = time.monotonic() - began
            settle_s = spread_s + quiet_s
            options = {"--spread": spread_s, "--settle": settle_s, "--seconds": settle_s + seconds}
            fleet = await start_fleet(port, stations, options)
            await asyncio.sleep(settle_s)
            before, from_time = Usage.of(home.process.pid), time.time()
            await asyncio.sleep(seconds - 1.0)
            after, to_time = Usage.of(home.process.pid), time.time()
            told = await report_of(fleet, _END_S)
        all_share, loop_share = before.shares_until(after)
        writes = _state_writes(Path(folder), from_time, to_time)
    return {
        "stations": stations,
        "p99_reply_ms": told["meter_p99_ms"],
        "drops": told["drops"] + told["unanswered"] + told["given_up"] + stations - told["connected"],
        "p50_reply_ms": told["meter_p50_ms"],
        "longest_reply_ms": told["meter_max_ms"],
        "charging": told["transactions"],
        "meter_values": told["meter_values"],
        "errors": told["errors"],
        "messages_per_s": round(told["messages"] / seconds, 1),
        "state_writes_per_s": round(writes / (to_time - from_time), 1),
        "cpu_share": round(all_share, 3),
        "loop_share": round(loop_share, 3),
        "set_up_s": round(set_up_s, 1),
    }


async def start_fleet(port: int, stations: int, options: Mapping[str, float | str | Path], *flags: str) -> Process:
    """Let a fleet dial 127.0.0.1 at this port, in a process of its own."""
    arguments = {"--fleet": stations, "--station-prefix": PREFIX, "--ocpp": f"ws://127.0.0.1:{port}", **options}
    words = (f"{name}={value}" for name, value in arguments.items())
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "simulator", *words, *flags, stdout=PIPE)


async def report_of(fleet: Process, within_s: float) -> Figures:
    """Return the last line that a fleet prints before it ends; RuntimeError or TimeoutError where there is none."""
    assert fleet.stdout is not None
    try:
        async with asyncio.timeout(within_s):
            lines = (await fleet.stdout.read()).splitlines()
            await fleet.wait()
    finally:
        if fleet.returncode is None:
            fleet.kill()
            await fleet.wait()
    if fleet.returncode or not lines:
        raise RuntimeError("the fleet failed")
    return {name: value or 0 for name, value in json.loads(lines[-1]).items()}


def _state_writes(config: Path, from_time: float, to_time: float) -> int:
    """Return how many states the recorder kept of this time."""
    with sqlite3.connect(config / "home-assistant_v2.db") as database:
        query = "SELECT COUNT(*) FROM states WHERE last_updated_ts BETWEEN ? AND ?"
        (count,) = database.execute(query, (from_time, to_time)).fetchone()
    return int(count)

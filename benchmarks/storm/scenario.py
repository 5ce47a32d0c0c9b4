"""The scenario `storm`: a thousand stations with queues return at once; how long until all is told, and if all is."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import sys
import tempfile
import time

from benchmarks.fleet.home import free_port
from benchmarks.fleet.processor import Usage
from benchmarks.fleet.scenario import report_of, start_fleet
from benchmarks.scenarios import Figures
from custom_components.smart_charging.engine.csms.rpc import OCPP16
from custom_components.smart_charging.engine.csms.security import hash_random_password, new_password

from .books import compare

_STATIONS, _STATIONS_QUICK = 1000, 10
_OUTAGE_S, _OUTAGE_S_QUICK = 20.0, 5.0  # a car every three seconds
_SPREAD_S, _SPREAD_S_QUICK = 60.0, 1.0  # before the outage nobody is in a hurry
_RETRY_S = 1.0
_COME_WITHIN_S = 300.0
_SERVED_WITHIN_S = 600.0


def run(*, quick: bool) -> Figures:
    """Return after how many seconds all stations were served, and how many messages were lost or doubled."""
    if quick:
        return asyncio.run(measure(_STATIONS_QUICK, _OUTAGE_S_QUICK, _SPREAD_S_QUICK))
    return asyncio.run(measure(_STATIONS, _OUTAGE_S, _SPREAD_S))


def describe(figures: Figures) -> str:
    """Return the figures as a sentence."""
    return (
        f"{figures['stations']:.0f} stations back at once, all served within {figures['served_s']:.1f} s: "
        f"{figures['transactions']:.0f} transactions with {figures['readings']:.0f} readings, "
        f"{figures['lost']:.0f} lost, {figures['doubled']:.0f} doubled; {figures['cpu_s']:.1f} s of a core"
    )


async def measure(stations: int, outage_s: float, spread_s: float) -> Figures:
    """Let all stations come, kill the central system, start it again over the same ledger, and compare the books."""
    # As a fleet has them whose passwords were rotated.
    port, password = free_port(), new_password(OCPP16)
    password_hash = hash_random_password(password)
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        options: dict[str, float | str | Path] = {
            "--spread": spread_s,
            "--retry": _RETRY_S,
            "--seconds": _COME_WITHIN_S + _SERVED_WITHIN_S,
        }
        async with _central_system(folder, stations, port, password_hash) as first:
            fleet = await start_fleet(
                port, stations, {**options, "--password": password, "--sent": folder / "sent.json"}, "--outage"
            )
            assert fleet.stdout is not None
            async with asyncio.timeout(_COME_WITHIN_S):
                await fleet.stdout.readline()
            first.kill()
        await asyncio.sleep(outage_s)
        began = time.time()
        async with _central_system(folder, stations, port, password_hash) as second:
            open_s = time.time() - began
            before = Usage.of(second.pid)
            told = await report_of(fleet, _SERVED_WITHIN_S)
            after = Usage.of(second.pid)
        books = await compare(folder, json.loads((folder / "sent.json").read_text(encoding="utf-8")))
    return {
        "stations": stations,
        "served_s": round(told["served_at"] - began, 2),
        "lost": books.lost + stations - int(told["served"]),
        "doubled": books.doubled,
        "transactions": books.transactions,
        "readings": books.readings,
        "given_up": told["given_up"],
        "open_s": round(open_s, 2),
        "cpu_s": round(after.all_s - before.all_s, 2),
    }


@asynccontextmanager
async def _central_system(folder: Path, stations: int, port: int, password_hash: str) -> AsyncGenerator[Process]:
    """Run the central system until the context ends; it is there once its port is open."""
    words = (str(folder), str(stations), str(port), password_hash)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.storm.server", *words, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not await process.stdout.readline():
            raise RuntimeError("the central system did not start")
        yield process
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

"""Runs both servers in turn under the same load and compares them."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import os
import statistics
import sys

from .load import LoadStation

CORES = frozenset(os.sched_getaffinity(0))
STATIONS = 200
FEW_STATIONS = 20
OURS = "benchmarks.throughput.our_server"
BARE = "benchmarks.throughput.bare_server"

type Figures = dict[str, float]


async def compare(*, rounds: int, seconds: float) -> Figures:
    """Return messages/s of both (medians of alternating rounds), their ratio, and KiB per idle station."""
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(await messages_per_s(OURS, seconds))
        bare.append(await messages_per_s(BARE, seconds))
    return {
        "messages_per_s": round(statistics.median(ours), 1),
        "bare_ocpp_messages_per_s": round(statistics.median(bare), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 3),
        "kib_per_station": round(await kib_per_station(), 1),
    }


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['ratio']:.2f} times the bare package's rate: {figures['messages_per_s']:.0f} MeterValues/s "
        f"validated, kept durably and shown, beside {figures['bare_ocpp_messages_per_s']:.0f}/s; "
        f"{figures['kib_per_station']:.0f} KiB per idle station"
    )


async def messages_per_s(module: str, seconds: float) -> float:
    """Return how many MeterValues a fresh server answers per second."""
    async with server(module) as (process, port):
        stations = [LoadStation(f"B{number}", port) for number in range(STATIONS)]
        for station in stations:
            await station.connect()
            await station.begin()
        await _metered(stations, 1.0)
        answered = await _metered(stations, seconds)
        for station in stations:
            station.close()
        assert process.returncode is None
        return answered / seconds


async def kib_per_station() -> float:
    """Return the memory of our server per station that is configured, connected, booted and idle.

    What is made once, whatever the number of stations, is in the server that is compared with: it has a few.
    """
    return (await _kib_idle(STATIONS + FEW_STATIONS) - await _kib_idle(FEW_STATIONS)) / STATIONS


async def _kib_idle(count: int) -> int:
    """Return the memory of our server with so many idle stations."""
    async with server(OURS, count) as (process, port):
        stations = [LoadStation(f"B{number}", port) for number in range(count)]
        for station in stations:
            await station.connect()
        await asyncio.sleep(10)
        used = await _rss(process)
        for station in stations:
            station.close()
        return used


async def _metered(stations: list[LoadStation], seconds: float) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    awake = asyncio.create_task(_stay_awake())
    try:
        return sum(await asyncio.gather(*(station.meter(stop) for station in stations)))
    finally:
        awake.cancel()


async def _stay_awake() -> None:
    """Never let this process sleep: to wake it up would take time of the server's, which a network card would not."""
    while True:
        await asyncio.sleep(0)


async def _rss(process: Process) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"rss\n")
    await process.stdin.drain()
    return int(await process.stdout.readline())


@asynccontextmanager
async def server(module: str, stations: int = STATIONS) -> AsyncGenerator[tuple[Process, int]]:
    """Run a module that serves so many stations, on a core that this process keeps off; give its process and its port."""
    command = [sys.executable, "-m", module, str(stations)]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    os.sched_setaffinity(0, {max(CORES)})
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, int(await process.stdout.readline())
    finally:
        os.sched_setaffinity(0, CORES)
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

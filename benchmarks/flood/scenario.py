"""The scenario `flood`: the time that twenty stations wait for their answers, with and without a flood beside them."""

import asyncio
from asyncio.subprocess import PIPE
import statistics
import sys
import time

from benchmarks.scenarios import Figures
from benchmarks.throughput.comparison import server
from benchmarks.throughput.load import LoadStation

_STATIONS = 20
_FRAMES_PER_S = 1000
_PERIOD_S = 0.2  # between two messages of one station
_SECONDS, _SECONDS_QUICK = 10.0, 1.0
_WARM_UP_S = 1.0


def run(*, quick: bool) -> Figures:
    """Return the 99th percentiles in ms with and without the flood, and their ratio."""
    return asyncio.run(_measure(_SECONDS_QUICK if quick else _SECONDS))


def describe(figures: Figures) -> str:
    """Return the figures as a sentence."""
    return (
        f"99 of 100 answers within {figures['p99_ms']:.2f} ms, beside a flood within {figures['p99_ms_attacked']:.2f} ms "
        f"({figures['ratio']:.2f} times as long); {figures['answered_attacked']:.0f} messages answered meanwhile"
    )


async def _measure(seconds: float) -> Figures:
    serving = server("benchmarks.flood.server", _STATIONS + 1)
    async with serving as (process, port):
        stations = [LoadStation(f"B{number}", port) for number in range(_STATIONS)]
        for station in stations:
            await station.connect()
            await station.begin()
        await _paced(stations, _WARM_UP_S)
        quiet = await _paced(stations, seconds)
        # Apart from the stations, whose clock would otherwise stand still while it makes up its frames.
        arguments = (str(port), f"B{_STATIONS}", str(_FRAMES_PER_S), str(seconds))
        flood = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.flood.attacker", *arguments, stdout=PIPE
        )
        assert flood.stdout is not None
        await flood.stdout.readline()
        attacked = await _paced(stations, seconds)
        sent = int(await flood.stdout.readline())
        await flood.wait()
        for station in stations:
            station.close()
        if process.returncode is not None:
            raise RuntimeError("the server is gone")
    before, during = _p99_ms(quiet), _p99_ms(attacked)
    return {
        "p99_ms": round(before, 3),
        "p99_ms_attacked": round(during, 3),
        "ratio": round(during / before, 3),
        "answered": len(quiet),
        "answered_attacked": len(attacked),
        "flood_frames": sent,
    }


async def _paced(stations: list[LoadStation], seconds: float) -> list[float]:
    """Let every station send meter values at its pace; return what each answer took, in seconds."""
    waits = await asyncio.gather(
        *(_meter(station, number * _PERIOD_S / len(stations), seconds) for number, station in enumerate(stations))
    )
    return [wait for row in waits for wait in row]


async def _meter(station: LoadStation, offset_s: float, seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    waits: list[float] = []
    for turn in range(int(seconds / _PERIOD_S)):
        await asyncio.sleep(began + offset_s + turn * _PERIOD_S - loop.time())
        sent = time.perf_counter()
        await station.meter_once()
        waits.append(time.perf_counter() - sent)
    return waits


def _p99_ms(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[98] * 1000

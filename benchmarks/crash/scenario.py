"""The scenario `crash`: the engine is killed at random moments while twenty stations charge; what its ledger lost."""

import asyncio
from collections.abc import Iterator
import contextlib
from enum import StrEnum
from pathlib import Path
import random
import tempfile
import time

from benchmarks.fleet.home import free_port
from benchmarks.postgres_server import postgres_server
from benchmarks.scenarios import Figures

from .books import compare
from .fast_clock import FastClock
from .server import Server, Setting
from .stations import Fleet

KILLS, KILLS_QUICK = 200, 10
_TIMES = 10.0  # how much faster than the machine's time the stations, their cars and the engine live
_ANSWERS = (0, 40)  # to messages about transactions, between two kills
_BEFORE_LISTENING = 0.1  # share of lives that end before a station can dial
_OPENING_S = 0.3
_BETWEEN_ANSWERS_S = 0.02  # so that no kill comes always right after an answer


class Database(StrEnum):
    """Where the ledger is."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def run(*, quick: bool) -> Figures:
    """Return what was lost or doubled in an SQLite ledger."""
    return run_on(Database.SQLITE, KILLS_QUICK if quick else KILLS)


def run_on(database: Database, kills: int, seed: int = 1) -> Figures:
    """Return what was lost or doubled after so many kills; RuntimeError without a PostgreSQL server where it needs one."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name, _address(database, Path(name)) as address:
        return asyncio.run(measure(address, Path(name) / "ledger.key", kills, seed))


def describe(figures: Figures) -> str:
    """Return the figures as a sentence."""
    return (
        f"{figures['kills']:.0f} kills in {figures['seconds']:.0f} s, {figures['sessions']:.0f} sessions with "
        f"{figures['energy_kwh']:.1f} kWh: {figures['lost_sessions']:.0f} lost, {figures['doubled']:.0f} doubled, "
        f"{figures['lost_wh']:.1f} Wh lost; of {figures['readings']:.0f} readings {figures['lost_readings']:.0f} lost, "
        f"{figures['doubled_readings']:.0f} there twice"
    )


async def measure(address: str | Path, key: Path, kills: int, seed: int) -> Figures:
    """Kill the engine so often, let the stations tell the rest, and compare the meters with the ledger."""
    chance, began = random.Random(seed), time.monotonic()
    clock = FastClock(time.time(), _TIMES)
    port = free_port()
    fleet = Fleet(port, clock, seed)
    server = Server(Setting(address, key, port, tuple(fleet.places), clock))
    with server.running():
        await server.until_listening()
        async with fleet.site:
            cars = asyncio.create_task(fleet.live())
            for _ in range(kills):
                await _one_life(server, fleet, chance)
            await server.until_listening()
            cars.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cars
            await fleet.until_all_is_told()
        server.kill()  # what was acknowledged needs no orderly end
    books = await compare(address, key, fleet.places)
    return {
        "kills": kills,
        "lost_wh": round(books.lost_wh, 1),
        "lost_sessions": books.lost_sessions,
        "doubled": books.doubled,
        "sessions": books.sessions,
        "energy_kwh": round(books.energy_wh / 1000, 1),
        "readings": sum(place.outbox.readings.total() for place in fleet.places.values()),
        "lost_readings": books.lost_readings,
        "doubled_readings": books.doubled_readings,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _one_life(server: Server, fleet: Fleet, chance: random.Random) -> None:
    """Kill the engine after some answers, or while it begins, and start it again."""
    if chance.random() < _BEFORE_LISTENING:
        await asyncio.sleep(chance.uniform(0, _OPENING_S))
    else:
        await server.until_listening()
        await fleet.until_acknowledged(chance.randrange(*_ANSWERS))
        await asyncio.sleep(chance.uniform(0, _BETWEEN_ANSWERS_S))
    server.kill()
    server.start()


@contextlib.contextmanager
def _address(database: Database, folder: Path) -> Iterator[str | Path]:
    if database is Database.SQLITE:
        yield folder / "ledger.db"
        return
    with postgres_server() as server:
        yield server.create_database("crash")

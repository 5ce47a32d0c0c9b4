"""The scenario `grid-signal`: how soon 22 kW of charging keep to a grid operator's 7.56 kW, and what flows too much until then.

The whole site in simulated time: room, decision, proof log on disk. Only stations and cars are stand-ins: a command takes
0.2 to 1.5 s to arrive, a car draws what it may 1 to 5 s later, on a line. The signal comes at any moment of the site's cycle.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import cast

from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.grid.source import ContactSeen, InputKind, SourceConfig
from custom_components.smart_charging.engine.grid_setup import grid_config
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, Phases
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.view import MeterReading

from .clock import SimulatedClock
from .plant import VOLTAGE_V, Habits, StandInCsms

SEED = 14
RUNS = 200
QUICK_RUNS = 20
CARS = 2
LIMIT_W = 7_560.0
HOUSE_W = 900.0
STEP_S = 0.05
SETTLED_S = 12.0  # after a signal, longer than any car takes
FULL_W = 21_900.0
PATIENCE_S = 600.0
METER_S = 1.0
SAMPLE_S = 10.0
COMMAND_S = (0.2, 1.5)
REACTION_S = (1.0, 5.0)
_EXACT_W = 1.0  # what is drawn above a limit and is none of its excess: rounding


@dataclass(frozen=True, slots=True)
class Outcome:
    """One signal: seconds until no more than the limit flowed for good, and kW*s above it until then."""

    comply_s: float
    over_kws: float


class GridBench:
    """A site with two cars and a relay, on a clock that is moved here."""

    def __init__(self, site: Site, csms: StandInCsms, clock: SimulatedClock, random: Random) -> None:
        """Take a site that runs."""
        self._site = site
        self._csms = csms
        self._clock = clock
        self._random = random
        self._next_reading = self._next_sample = 0.0

    async def outcome(self) -> Outcome:
        """Wait until all cars draw their most, and some more time, then dim them, and release them again."""
        for station in self._csms.stations.values():
            station.habits = Habits()
        await self._until_full()
        await self._pass(self._random.uniform(0.0, 10.0))
        for station in self._csms.stations.values():
            station.habits = Habits(self._random.uniform(*COMMAND_S), self._random.uniform(*REACTION_S))
        self._click(closed=True)
        comply_s, over_kws = 0.0, 0.0
        for step in range(round(SETTLED_S / STEP_S)):
            excess_w = max(0.0, self._csms.power_w - LIMIT_W)
            over_kws += excess_w / 1000 * STEP_S
            if excess_w > _EXACT_W:
                comply_s = (step + 1) * STEP_S
            await self._pass(STEP_S)
        self._click(closed=False)
        return Outcome(comply_s, over_kws)

    def _click(self, *, closed: bool) -> None:
        self._site.grid.take(ContactSeen("relay", self._clock.now(), closed))

    async def _until_full(self) -> None:
        begun_s = self._clock.monotonic()
        while self._csms.power_w < FULL_W:
            await self._pass(1.0)
            if self._clock.monotonic() - begun_s > PATIENCE_S:
                raise RuntimeError(f"the cars only draw {self._csms.power_w:.0f} W")

    async def _pass(self, seconds: float) -> None:
        """Let time pass in small steps, with readings when they are due."""
        while seconds > 0:
            step_s = min(STEP_S, seconds)
            seconds -= step_s
            await self._clock.advance(step_s)
            self._csms.step(step_s)
            now_s = self._clock.monotonic()
            if now_s >= self._next_reading:
                self._next_reading = now_s + METER_S
                grid_a = (self._csms.power_w + HOUSE_W) / VOLTAGE_V / 3
                self._site.set_grid_reading(MeterReading(self._clock.now(), current_a=Phases.each(grid_a)))
            if now_s >= self._next_sample:
                self._next_sample = now_s + SAMPLE_S
                self._csms.sample()


async def outcomes(path: Path, runs: int, debounce_s: float) -> list[Outcome]:
    """Return what came of so many signals of a relay that is debounced for so long."""
    clock = SimulatedClock()
    csms = StandInCsms(clock)
    config = SiteConfig("bench", "Bench", fuse_a=63.0, meter_interval_s=METER_S)
    chargers = [StationConfig(f"CP{n + 1}", f"Charger {n + 1}") for n in range(CARS)]
    relay = SourceConfig(source_id="relay", input=InputKind.CONTACT, debounce_s=debounce_s, release_s=1.0)
    ledger = await Ledger.open(path / "ledger.db")
    try:
        grid = grid_config(config, chargers, [relay])
        site = Site(config, csms=cast(CentralSystem, csms), ledger=ledger.site(config.site_id), clock=clock, grid=grid)
        site.grid.hear_first(ContactSeen("relay", clock.now(), closed=False))
        await site.start()
        await site.add_chargers(chargers)
        for charger in chargers:
            await site.set_settings(EvseKey(charger.station_id, 1), EvseSettings(ChargeMode.FAST))
        bench = GridBench(site, csms, clock, Random(SEED))
        found = [await bench.outcome() for _ in range(runs)]
        await site.stop()
        return found
    finally:
        await ledger.close()


def run(*, quick: bool) -> dict[str, float]:
    """Return how long it took until the limit was obeyed, and what flowed above it, of many signals."""
    runs = QUICK_RUNS if quick else RUNS
    told, bouncing = (_measured(runs, debounce_s) for debounce_s in (0.0, 0.5))
    times, energies = [one.comply_s for one in told], [one.over_kws for one in told]
    return {
        "p50_s": round(_share(times, 50), 2),
        "p99_s": round(_share(times, 99), 2),
        "p99_kws": round(_share(energies, 99), 1),
        "p50_kws": round(_share(energies, 50), 1),
        "longest_s": round(max(times), 2),
        "p99_s_debounced": round(_share([one.comply_s for one in bouncing], 99), 2),
        "p99_kws_debounced": round(_share([one.over_kws for one in bouncing], 99), 1),
        "runs": runs,
    }


def _measured(runs: int, debounce_s: float) -> list[Outcome]:
    with TemporaryDirectory() as path:
        return asyncio.run(outcomes(Path(path), runs, debounce_s))


def _share(values: list[float], percent: int) -> float:
    """Return what so many percent of the values do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def describe(figures: dict[str, float]) -> str:
    """Return the figures as sentences."""
    return (
        f"22 kW of charging keep to 7.56 kW {figures['p50_s']:.1f} s after the signal in half of {figures['runs']:.0f} "
        f"runs, {figures['p99_s']:.1f} s after it in 99 of 100; {figures['p99_kws']:.0f} kW*s flow above it at most in "
        f"these; with a relay that is debounced for half a second {figures['p99_s_debounced']:.1f} s and "
        f"{figures['p99_kws_debounced']:.0f} kW*s"
    )

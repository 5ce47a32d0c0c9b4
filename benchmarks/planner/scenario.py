"""The scenario `planner`: the time of a plan over 48 h for 3, 50 and 200 cars, and the event loop's lag meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import statistics
import time

from benchmarks.scenarios import Figures
from custom_components.smart_charging.engine.control.planning.highs import plan

from .sites import site

SIZES = (3, 50, 200)
TICK_S = 0.001
LAG_CARS = 50


def run(*, quick: bool) -> Figures:
    """Return the median ms of a plan by number of cars, and the loop's worst lag in ms beside plans."""
    sites, repeats, lag_s, rounds = (2, 2, 1.0, 2) if quick else (7, 5, 4.0, 5)
    figures = {f"ms_{cars}_48h": round(_median_ms(cars, sites, repeats), 2) for cars in SIZES}
    # What else the machine does lags a loop too: the calmest of some rounds is the planner's part.
    figures["loop_lag_ms"] = round(min(_worst_lag_ms(lag_s) for _ in range(rounds)), 2)
    return figures


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return (
        f"48 h planned in {figures['ms_3_48h']:.1f} ms for 3 cars, {figures['ms_50_48h']:.0f} ms for 50 and "
        f"{figures['ms_200_48h']:.0f} ms for 200; the event loop lags {figures['loop_lag_ms']:.1f} ms at most meanwhile"
    )


def _median_ms(cars: int, sites: int, repeats: int) -> float:
    """Return the median over sites of the quickest plan of each, as processor time of this thread."""
    return statistics.median(min(_thread_ms(cars, seed) for _ in range(repeats)) for seed in range(sites))


def _thread_ms(cars: int, seed: int) -> float:
    problem = site(cars, seed)
    begin = time.thread_time_ns()
    plan(problem)
    return (time.thread_time_ns() - begin) / 1e6


def _worst_lag_ms(seconds: float) -> float:
    problems = [site(LAG_CARS, seed) for seed in range(3)]
    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(worst_lag_ms(executor, lambda: [plan(problem) for problem in problems], seconds))


async def worst_lag_ms(executor: ThreadPoolExecutor, work: Callable[[], object], seconds: float) -> float:
    """Return how late the loop's latest wake-up was in ms while a thread works again and again."""
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(executor, work)
    end = loop.time() + seconds
    worst = 0.0
    while (before := loop.time()) < end:
        if working.done():
            working = loop.run_in_executor(executor, work)
        await asyncio.sleep(TICK_S)
        worst = max(worst, loop.time() - before - TICK_S)
    await working
    return worst * 1000

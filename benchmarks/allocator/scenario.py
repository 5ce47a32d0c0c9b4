"""The scenario `allocator`: times for 3, 50 and 500 stations, random instances checked, a sample against HiGHS."""

from random import Random
import statistics
import time

from benchmarks.scenarios import Figures
from custom_components.smart_charging.engine.control.allocator import allocate, fair_shares

from .instances import Instance, panels_of_ten, random_instance
from .oracle import fair_shares_by_programmes

SEED = 20190930
SITES = 15  # different sites of each size, so that one lucky tree does not decide
EXCESS = 1e-6  # of a row, in its unit: what sums of floats may be off
DIFFERENCE_A = 1e-6


def run(*, quick: bool) -> Figures:
    """Return the median ms by number of stations, the instances over a limit and those unlike the oracle."""
    return _figures(3_000, 200, 2) if quick else _figures(100_000, 10_000, 20)


def run_full() -> Figures:
    """Return the same for a million instances."""
    return _figures(1_000_000, 20_000, 20)


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['ms_3']:.3f} ms for 3 stations, {figures['ms_50']:.2f} ms for 50, {figures['ms_500']:.1f} ms for "
        f"500; {figures['violations']:.0f} of {figures['instances']:.0f} instances over a limit, "
        f"{figures['oracle_mismatches']:.0f} of {figures['oracle_instances']:.0f} unlike the linear programmes"
    )


def _figures(instances: int, against_oracle: int, repeats: int) -> Figures:
    figures = {f"ms_{count}": round(_median_ms(count, repeats * (500 // count)), 4) for count in (3, 50, 500)}
    random = Random(SEED)
    figures["violations"] = sum(violates(random_instance(random)) for _ in range(instances))
    figures["oracle_mismatches"] = sum(mismatches(random_instance(random)) for _ in range(against_oracle))
    figures["instances"] = instances
    figures["oracle_instances"] = against_oracle
    return figures


def violates(instance: Instance) -> bool:
    """Return True where a row carries more than it may, or a share is neither 0 nor in its candidate's range."""
    shares = {member: share.current_a for member, share in allocate(instance.candidates, instance.rows).items()}
    for row in instance.rows:
        load = sum(coefficient * shares[member] for member, coefficient in row.coefficients.items())
        if load > max(0.0, row.capacity) + EXCESS:
            return True
    ranges = ((shares[one.member], one.min_a, one.max_a) for one in instance.candidates)
    return not all(share == 0 or low <= share <= high for share, low, high in ranges)


def mismatches(instance: Instance) -> bool:
    """Return True where a fair share is not what the linear programmes say."""
    expected = fair_shares_by_programmes(instance.candidates, instance.rows)
    measured = fair_shares(instance.candidates, instance.rows)
    return any(abs(measured[member] - share) > DIFFERENCE_A for member, share in expected.items())


def _median_ms(stations: int, repeats: int) -> float:
    """Return the median time of an allocation, as processor time: other programmes take none of it."""
    times = []
    for seed in range(SITES):
        instance = panels_of_ten(stations, seed)
        for _ in range(repeats):
            begin = time.thread_time_ns()
            allocate(instance.candidates, instance.rows)
            times.append(time.thread_time_ns() - begin)
    return statistics.median(times) / 1e6

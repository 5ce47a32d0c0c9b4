"""The scenario `vge`: virtual grid expansion beside the joint optimum of cars and battery and a load-first battery.

The workplace's week of 7 October 2019, two limits of the connection, two batteries; departures are known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from benchmarks.workers import spread
from benchmarks.workplace.charging import Stay, outcome
from benchmarks.workplace.network import site
from benchmarks.workplace.optimum import most_wh
from benchmarks.workplace.product import Known, Product, Storage, serve
from benchmarks.workplace.sessions import Period, load
from custom_components.smart_charging.engine.config import EvseSettings, SiteConfig
from custom_components.smart_charging.engine.model import ChargeMode

from .storage import Cell, Led, LoadFirst, expanded_site, reservoir

FIRST, LAST = date(2019, 10, 7), date(2019, 10, 11)
ONLY = date(2019, 10, 9)  # of the quick form
COMBINATIONS = tuple(
    (root_a, capacity_wh, power_w)
    for root_a in (63.0, 100.0)
    for capacity_wh, power_w in ((100_000.0, 50_000.0), (200_000.0, 100_000.0))
)
QUICK = COMBINATIONS[:1]


class Case(Enum):
    """Who leads the battery."""

    OPTIMUM = "optimum"
    EXPANDED = "expanded"
    LOAD_FIRST = "load_first"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one limit and battery in one case; `delivered` is a part of what all cars need."""

    delivered: float
    throughput_wh: float = 0.0
    over_kws: float = 0.0


def run(*, quick: bool) -> dict[str, float]:
    """Return means over the limits and batteries, then the figures of each."""
    days = (ONLY, ONLY) if quick else (FIRST, LAST)
    combinations = QUICK if quick else COMBINATIONS
    tasks = [(days, combination, case) for case in Case for combination in combinations]
    results = spread(_result, tasks)
    by_task = {(combination, case): result for (_, combination, case), result in zip(tasks, results, strict=True)}
    each = {
        f"{root_a:.0f}a_{capacity_wh / 1000:.0f}kwh": {
            case: by_task[(root_a, capacity_wh, power_w), case] for case in Case
        }
        for root_a, capacity_wh, power_w in combinations
    }
    figures: dict[str, float] = {}
    for name, figure in FIGURES.items():
        values = {key: figure(cases) for key, cases in each.items()}
        figures[name] = sum(values.values()) / len(values)
        figures |= {f"{name}_{key}": value for key, value in values.items()}
    return {key: round(value, 4) for key, value in figures.items()}


def describe(figures: dict[str, float]) -> str:
    """Return the figures as sentences."""
    return (
        f"with the battery {figures['share_of_optimum']:.1%} of the joint optimum is delivered, "
        f"{figures['points_over_load_first']:.1f} points more than with a battery that covers load first, "
        f"with {figures['throughput_ratio']:.0%} of its throughput; "
        f"{figures['over_limit_kws']:.1f} kW*s above the limit of the connection"
    )


def served(period: Period, configured: SiteConfig, storage: Storage) -> tuple[float, float]:
    """Return the delivered part of the energy and the kW*s above the limit of the connection.

    Users told when they leave, and the priorities are set so that first comes who leaves first.
    """

    def known(stay: Stay) -> Known:
        leaves = period.begin + timedelta(seconds=stay.session.departure_s)
        return Known(EvseSettings(ChargeMode.FAST, priority=-stay.session.departure), leaves)

    product = Product(configured, period.begin, storage, known)
    return outcome(serve(period, product)).delivered, product.over_kws


def _result(task: tuple[tuple[date, date], tuple[float, float, float], Case]) -> Result:
    (first, last), (root_a, capacity_wh, power_w), case = task
    period, size = load(first, last), reservoir(capacity_wh, power_w)
    cell = Cell(size, size.begin_wh)
    if case is Case.OPTIMUM:
        return Result(most_wh(period, root_a, size) / period.energy_wh)
    if case is Case.EXPANDED:
        delivered, over_kws = served(period, expanded_site(root_a, size), Led(cell))
    else:
        delivered, over_kws = served(period, site(root_a), LoadFirst(cell, root_a))
    return Result(delivered, cell.throughput_wh, over_kws)


FIGURES: dict[str, Callable[[Mapping[Case, Result]], float]] = {
    "share_of_optimum": lambda cases: cases[Case.EXPANDED].delivered / cases[Case.OPTIMUM].delivered,
    "points_over_load_first": lambda cases: 100 * (cases[Case.EXPANDED].delivered - cases[Case.LOAD_FIRST].delivered),
    "throughput_ratio": lambda cases: cases[Case.EXPANDED].throughput_wh / cases[Case.LOAD_FIRST].throughput_wh,
    "over_limit_kws": lambda cases: cases[Case.EXPANDED].over_kws,
    "delivered": lambda cases: cases[Case.EXPANDED].delivered,
}

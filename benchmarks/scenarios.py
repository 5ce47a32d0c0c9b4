"""The scenarios by name: each is a module that offers `run` and `describe`, imported when it is asked for."""

from importlib import import_module
from typing import Protocol, cast

type Figures = dict[str, float]

MODULES = {
    "throughput": "benchmarks.throughput.scenario",
    "allocator": "benchmarks.allocator.scenario",
    "home-solar": "benchmarks.home_solar.scenario",
    "workplace": "benchmarks.workplace.scenario",
    "overload": "benchmarks.overload.scenario",
    "grid-signal": "benchmarks.grid_signal.scenario",
    "vge": "benchmarks.vge.scenario",
    "planner": "benchmarks.planner.scenario",
    "no-solver": "benchmarks.no_solver.scenario",
    "home-price": "benchmarks.home_price.scenario",
    "capacity-tariff": "benchmarks.capacity_tariff.scenario",
    "fuzz": "benchmarks.fuzz.scenario",
    "flood": "benchmarks.flood.scenario",
    "fleet": "benchmarks.fleet.scenario",
    "storm": "benchmarks.storm.scenario",
    "crash": "benchmarks.crash.scenario",
}


class Scenario(Protocol):
    """What a scenario's module offers."""

    def run(self, *, quick: bool) -> Figures:
        """Return the figures; `quick` takes a small part of the data, and seconds instead of minutes."""

    def describe(self, figures: Figures) -> str:
        """Return the figures as sentences."""


def scenario(name: str) -> Scenario:
    """Return the scenario of this name; KeyError where there is none."""
    return cast(Scenario, import_module(MODULES[name]))

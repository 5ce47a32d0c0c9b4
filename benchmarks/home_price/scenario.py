"""The scenario `home-price`: the share of the possible saving that plans capture beside hourly prices.

A real home in France with its PV times 1.5, the Dutch day-ahead prices of the same days plus 0.15 EUR/kWh, a car with
the days of `home-solar`, without and with a battery of 10 kWh. Settings were chosen on April and October alone.
"""

from benchmarks.scenarios import Figures
from benchmarks.workers import spread

from .forecasts import Perfect, Real
from .home import Controller, Outcome, outcome
from .optimum import least_cost
from .planned import OpenLoop, Ours, Planner
from .rules import CheapestPlan, LatePlan, Uncontrolled
from .world import World, month

DAYS = 28
QUICK_DAYS = 2
CASES = {"may": (5, False), "may_battery": (5, True), "nov_battery": (11, True)}
MORE = {"jul_battery": (7, True)}
WAYS = ("", "_rules", "_rules_late", "_openloop", "_perfect")

type Task = tuple[str, str, int]


def run(*, quick: bool) -> Figures:
    """Return the captured share by case and way, and what was missing at departures under our control in kWh."""
    days, cases = (QUICK_DAYS, CASES) if quick else (DAYS, CASES | MORE)
    tasks = [(case, way, days) for case in cases for way in WAYS]
    figures: Figures = {}
    for (case, way, _), (share, unmet_wh) in zip(tasks, spread(measured, tasks), strict=True):
        figures[case + way] = round(share, 4)
        if not way:
            figures[f"{case}_unmet_kwh"] = round(unmet_wh / 1000, 3)
    return figures


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return "; ".join(
        f"{case}: {figures[case]:.1%} of the possible saving with real forecasts and {figures[case + '_perfect']:.1%} "
        f"with perfect ones, the rules {max(figures[case + '_rules'], figures[case + '_rules_late']):.1%}, "
        f"a daily plan {figures[case + '_openloop']:.1%}"
        for case in CASES | MORE
        if case in figures
    )


def measured(task: Task) -> tuple[float, float]:
    """Return the captured share of one way in one case, and the Wh missing at departures."""
    case, way, days = task
    number, battery = (CASES | MORE)[case]
    world = month(number, days) if battery else month(number, days).without_battery()
    uncontrolled, least = outcome(world, Uncontrolled()).cost_eur, least_cost(world)
    result: Outcome = outcome(world, controller(world, way))
    return (uncontrolled - result.cost_eur) / (uncontrolled - least), result.unmet_wh


def controller(world: World, way: str) -> Controller:
    """Return who controls a home in one of the ways."""
    match way:
        case "_rules":
            return CheapestPlan(world)
        case "_rules_late":
            return LatePlan()
        case "_openloop":
            return OpenLoop(Planner(world, Real(world), turns=()))
        case "_perfect":
            return Ours(Planner(world, Perfect(world), turns=()))
        case _:
            return Ours(Planner(world, Real(world)))

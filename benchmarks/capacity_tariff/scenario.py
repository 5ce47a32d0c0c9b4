"""The scenario `capacity-tariff`: 52 EUR per kW and year on the highest quarter hour of the month, flat prices."""

from benchmarks.home_price.forecasts import Perfect, Real
from benchmarks.home_price.home import Outcome, outcome
from benchmarks.home_price.planned import Planner
from benchmarks.home_price.rules import LatePlan, Uncontrolled
from benchmarks.scenarios import Figures

from .ours import UnderTheTariff
from .tariff import cost_eur, home, least_cost

MONTH = 11
DAYS = 28
QUICK_DAYS = 4


def run(*, quick: bool) -> Figures:
    """Return the captured shares of the possible saving, what was missing at departures, and the peaks."""
    return compared(MONTH, QUICK_DAYS if quick else DAYS)


def compared(number: int, days: int) -> Figures:
    """Return the figures of the first days of a month of 2024."""
    world = home(number, days)
    uncontrolled, least = cost_eur(outcome(world, Uncontrolled())), least_cost(world)

    def captured(result: Outcome) -> float:
        return round((uncontrolled - cost_eur(result)) / (uncontrolled - least), 4)

    ours = outcome(world, UnderTheTariff(Planner(world, Real(world))))
    perfect = outcome(world, UnderTheTariff(Planner(world, Perfect(world), turns=())))
    rules = outcome(world, LatePlan())
    return {
        "captured": captured(ours),
        "captured_rules": captured(rules),
        "captured_perfect": captured(perfect),
        "unmet_kwh": round(ours.unmet_wh / 1000, 3),
        "peak_kw": round(max(ours.grid_w) / 1000, 2),
        "peak_kw_rules": round(max(rules.grid_w) / 1000, 2),
    }


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['captured']:.1%} of the possible saving (perfect forecasts {figures['captured_perfect']:.1%}, the "
        f"rules {figures['captured_rules']:.1%}) with a peak of {figures['peak_kw']:.1f} kW beside "
        f"{figures['peak_kw_rules']:.1f}, {figures['unmet_kwh']:.2f} kWh missing at departures"
    )

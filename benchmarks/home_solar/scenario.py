"""The scenario `home-solar`: what surplus charging saves, and how often it switches for that.

A house with measured load of single minutes, 6 kW of PV, one car with a daily pattern, a flat tariff and no battery.
"""

from dataclasses import dataclass

from benchmarks.series import house_minutes
from custom_components.smart_charging.engine.config import SolarConfig

from .home import Controller, Home, Outcome, Run
from .optimum import least_cost
from .ours import OurController
from .rules import DocumentedRules, Uncontrolled
from .stays import stays
from .weather import production_minutes

PEAK_W = 6_000.0
DAYS = 28
QUICK_DAYS = 14


@dataclass(frozen=True, slots=True)
class Bounds:
    """The costs between which every controller lies, in EUR."""

    uncontrolled: float
    least: float

    def captured(self, outcome: Outcome) -> float:
        """Return the share of the possible saving that an outcome captures."""
        return (self.uncontrolled - outcome.cost_eur) / (self.uncontrolled - self.least)


def home(days: int) -> Home:
    """Return the home of the first days of the series."""
    return Home(house_minutes(days), production_minutes(PEAK_W, days), stays(days))


def outcome(place: Home, controller: Controller) -> Outcome:
    """Return what a controller comes to."""
    return Run(place, controller).outcome_of()


def run(*, quick: bool) -> dict[str, float]:
    """Return the captured shares of the saving, starts and stops, and phase changes of ours and of the rules."""
    return compared(QUICK_DAYS if quick else DAYS)


def compared(days: int) -> dict[str, float]:
    """Return the figures of the first days of the series."""
    place = home(days)
    bounds = Bounds(outcome(place, Uncontrolled()).cost_eur, least_cost(place))
    ours = outcome(place, OurController.with_solar(SolarConfig()))
    rules = outcome(place, DocumentedRules())
    return {
        "captured": round(bounds.captured(ours), 4),
        "captured_rules": round(bounds.captured(rules), 4),
        "on_off": ours.on_off,
        "on_off_rules": rules.on_off,
        "phase_switches": ours.phase_switches,
        "phase_switches_rules": rules.phase_switches,
        "solar_share": round(ours.car_solar_wh / ours.car_wh, 4),
        "solar_share_rules": round(rules.car_solar_wh / rules.car_wh, 4),
        "unmet_kwh": round(ours.unmet_wh / 1000, 3),
        "unmet_kwh_rules": round(rules.unmet_wh / 1000, 3),
    }


def describe(figures: dict[str, float]) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['captured'] / figures['captured_rules']:.3f} times the documented rules' saving "
        f"({figures['captured']:.1%} of the possible beside {figures['captured_rules']:.1%}) with "
        f"{figures['on_off']:.0f} starts and stops beside {figures['on_off_rules']:.0f} and "
        f"{figures['phase_switches']:.0f} phase changes beside {figures['phase_switches_rules']:.0f}; "
        f"{figures['solar_share']:.0%} of the car's energy from surplus, {figures['unmet_kwh']:.2f} kWh missing at departures"
    )

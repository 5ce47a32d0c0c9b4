"""The tariff, and what a month costs by it: whoever controls, and with perfect foresight."""

from dataclasses import replace

from benchmarks.home_price.home import KWH, Outcome
from benchmarks.home_price.optimum import foreseen
from benchmarks.home_price.world import World, month
from custom_components.smart_charging.engine.control.planning.highs import plan
from custom_components.smart_charging.engine.control.planning.problem import PeakPrice

IMPORT_EUR = 0.30  # per kWh
FEED_IN_EUR = 0.07
EUR_PER_KW = 52.0 / 12.0  # and month, of the highest quarter hour
FLOOR_W = 2_500.0  # counts at least


def home(number: int, days: int) -> World:
    """Return the home of `home-price` in a month, without its battery and at flat prices."""
    world = month(number, days).without_battery()
    count = len(world.import_price)
    return replace(world, import_price=(IMPORT_EUR,) * count, feed_in_price=(FEED_IN_EUR,) * count)


def cost_eur(result: Outcome) -> float:
    """Return what a month costs with the charge on its highest quarter hour."""
    return result.cost_eur + EUR_PER_KW * KWH * max(FLOOR_W, *result.grid_w)


def least_cost(world: World) -> float:
    """Return the least cost with perfect foresight: one linear programme over the month, a bound."""
    problem = replace(foreseen(world), peak=PeakPrice(EUR_PER_KW, FLOOR_W))
    solved = plan(problem, time_limit_s=120.0)
    return solved.cost + EUR_PER_KW * KWH * max(FLOOR_W, *solved.grid_w)

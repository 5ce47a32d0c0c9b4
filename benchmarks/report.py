"""The page docs/performance.md, made of the figures of all scenarios: ratios first, then times and amounts."""

from collections.abc import Iterable, Mapping
import math
import os
import platform

from .goals import GOALS, Goal
from .scenarios import Figures

HEAD = """# Performance

Made by `script/bench all`; a single scenario is run by `script/bench SCENARIO [--quick] [--json]`. The baselines and
the offline optimum are computed in the same run, from the same data, with fixed seeds: ratios hold on any machine,
times are this one's ({machine}).
"""


def page(figures: Mapping[str, Figures]) -> str:
    """Return the page in Markdown; a scenario without figures is left out."""
    shown = [goal for goal in GOALS if goal.scenario in figures]
    parts = [
        HEAD.format(machine=machine()),
        "## Shares, ratios and counts\n",
        *_table((goal for goal in shown if not goal.unit), figures),
        "\n## Times and amounts\n",
        *_table((goal for goal in shown if goal.unit), figures),
        "\n## Every figure, by its key in `--json`\n",
        "| scenario | key | figure |\n|---|---|---|",
        *(f"| {name} | `{key}` | {number(value)} |" for name, keys in figures.items() for key, value in keys.items()),
    ]
    return "\n".join(parts) + "\n"


def machine() -> str:
    """Return the machine in general words: cores, architecture, Python."""
    cores = os.cpu_count() or 1
    return (
        f"{cores} core{'' if cores == 1 else 's'}, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def number(value: float) -> str:
    """Return a number as people read it: whole ones and large ones without decimals, others with three digits."""
    if not math.isfinite(value):
        return "unbounded"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.3f}"


def _table(goals: Iterable[Goal], figures: Mapping[str, Figures]) -> list[str]:
    rows = ["| scenario | figure | goal | measured | met |\n|---|---|---|---|---|"]
    for goal in goals:
        own = figures[goal.scenario]
        bound = "" if goal.bound is None else f"{'<=' if goal.at_most else '>='} {number(goal.bound)}{goal.unit}"
        met = {True: "yes", False: "no", None: ""}[goal.met(own)]
        rows.append(f"| {goal.scenario} | {goal.words} | {bound} | {number(goal.measured(own))}{goal.unit} | {met} |")
    return rows

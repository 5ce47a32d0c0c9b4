"""The scenario `overload`: how long a fuse is overloaded by cars that charge beside a house, and how well it is used.

Three phases of 25 A, two chargers of 16 A whose cars always want more, a measured household, one week in seconds.
"""

from itertools import chain, islice, repeat

from .house import seconds
from .loop import SLOW, Loop, Timing
from .plant import Watch

DAYS = 7
QUICK_HOURS = 4
SETTLE_S = 150
AFTER_STEP_S = 40
BASE_A = 3.0
STEPS_A = (4.0, 8.0, 12.0, 16.0, 20.0)
SECONDS_PER_DAY = 86_400


def run(*, quick: bool) -> dict[str, float]:
    """Return the longest time above the fuse, in the week and after the worst step, and how well the fuse is used."""
    length_s = QUICK_HOURS * 3600 if quick else DAYS * SECONDS_PER_DAY
    ours, slow = watched(Timing(), length_s), watched(SLOW, length_s)
    step_s = longest_after_step(Timing())
    return {
        "longest_overload_s": max(ours.longest_s, step_s),
        "longest_after_step_s": step_s,
        **figures_of(ours, slow),
    }


def figures_of(ours: Watch, slow: Watch) -> dict[str, float]:
    """Return what was seen at the fuse beside what was seen with a 30 s loop."""
    return {
        "utilisation": round(ours.utilisation, 4),
        **_per_day("", ours),
        "longest_overload_s_30s_loop": slow.longest_s,
        "utilisation_30s_loop": round(slow.utilisation, 4),
        **_per_day("_30s_loop", slow),
    }


def watched(timing: Timing, length_s: int) -> Watch:
    """Return what was seen at the fuse in the first seconds of the series."""
    loop = Loop(timing)
    loop.run(islice(seconds(-(-length_s // SECONDS_PER_DAY)), length_s))
    return loop.watch


def longest_after_step(timing: Timing) -> int:
    """Return the longest overload in s after a step of the house, at every moment between two reports of the meter."""
    return max(
        after_step(timing, step_a, phases=phases, offset_s=offset_s)
        for step_a in STEPS_A
        for phases in (1, 3)
        for offset_s in range(timing.meter_s)
    )


def after_step(timing: Timing, step_a: float, *, phases: int, offset_s: int) -> int:
    """Return the longest overload in s after a step on one or three phases, `offset_s` after a report."""
    loop = Loop(timing)
    base = (BASE_A, BASE_A, BASE_A)
    stepped = (BASE_A + step_a, *((BASE_A + step_a, BASE_A + step_a) if phases == 3 else (BASE_A, BASE_A)))
    loop.run(chain(repeat(base, SETTLE_S + offset_s), repeat(stepped, AFTER_STEP_S)))
    return loop.watch.longest_s


def _per_day(suffix: str, watch: Watch) -> dict[str, float]:
    days = watch.seconds / SECONDS_PER_DAY
    return {
        f"s_per_day_over{suffix}": round(watch.over_s / days, 1),
        f"s_per_day_over_113{suffix}": round(watch.over_trip_s / days, 1),
        f"kws_per_day{suffix}": round(watch.over_kws / days, 1),
    }


def describe(figures: dict[str, float]) -> str:
    """Return the figures as sentences."""
    return (
        f"at most {figures['longest_overload_s']:.0f} s above the fuse at a time with a meter each 5 s "
        f"({figures['longest_after_step_s']:.0f} s after the worst step of the house), "
        f"beside {figures['longest_overload_s_30s_loop']:.0f} s of a 30 s loop; "
        f"{figures['s_per_day_over']:.0f} s and {figures['kws_per_day']:.0f} kW*s a day above it, "
        f"beside {figures['s_per_day_over_30s_loop']:.0f} s and {figures['kws_per_day_30s_loop']:.0f} kW*s; "
        f"{figures['utilisation']:.1%} of the fuse used while cars wanted more"
    )

"""The scenario `workplace`: 52 stations, five limits of the connection, real sessions.

The product serves them twice: with nothing known of users, and with what their drivers said, which often was wrong.
What is delivered is held against the offline optimum, beside known ways to share; then a day is replayed in seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.workers import spread

from .baselines import RoundRobin, SortedGreedy, earliest_deadline, first_come, least_laxity
from .charging import Controller, Stay, play
from .network import ROOT_LIMITS_A, site
from .optimum import most_wh
from .product import Product, serve, stated
from .replay import SECONDS_PER_DAY, over_limit
from .sessions import Period, load

FIRST, LAST = date(2019, 9, 30), date(2019, 10, 27)
DAY = date(2019, 10, 9)  # of the quick form, and of the replay
QUICK_LIMITS_A = (63.0, 125.0)
QUICK_SPAN_S = (8 * 3600, 8 * 3600 + 900)  # of the replay
BASELINES = ("fcfs", "rr", "edf", "llf")
OURS = "ours"
TOLD = "ours_user_info"  # drivers say when they leave and what they need


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some sessions."""

    sessions: int
    delivered_wh: float
    full: int
    switches: int


@dataclass(frozen=True, slots=True)
class Part:
    """What became of a part of the period under a limit: the optimum, and each way to share by its name."""

    root_a: float
    optimum_wh: float
    tallies: dict[str, Tally]
    over_kws: float


def run(*, quick: bool) -> dict[str, float]:
    """Return shares of the optimum, sessions fully served and switches per session as means over the limits."""
    period = load(DAY, DAY) if quick else load(FIRST, LAST)
    limits = QUICK_LIMITS_A if quick else ROOT_LIMITS_A
    parts = spread(_part, [(part, root_a) for root_a in limits for part in period.parts()])
    by_limit = {root_a: [part for part in parts if part.root_a == root_a] for root_a in limits}
    shares = {
        name: {root_a: _share(by_limit[root_a], name) for root_a in by_limit} for name in (OURS, TOLD, *BASELINES)
    }
    ours = [_sum(part.tallies[OURS] for part in group) for group in by_limit.values()]
    told = [_sum(part.tallies[TOLD] for part in group) for group in by_limit.values()]
    edf = [_sum(part.tallies["edf"] for part in group) for group in by_limit.values()]
    figures = {
        "share_of_optimum_mean": _mean(shares[OURS].values()),
        **_replayed(quick=quick),
        "switches_per_session": _mean(one.switches / one.sessions for one in ours),
        "share_of_optimum_mean_user_info": _mean(shares[TOLD].values()),
        "switches_per_session_user_info": _mean(one.switches / one.sessions for one in told),
        "fully_served_user_info": _mean(one.full / one.sessions for one in told),
        "fully_served": _mean(one.full / one.sessions for one in ours),
        "fully_served_edf": _mean(one.full / one.sessions for one in edf),
        **{f"{name}_mean": _mean(shares[name].values()) for name in BASELINES},
        **{f"share_of_optimum_{root_a:.0f}a": share for root_a, share in shares[OURS].items()},
        **{f"share_of_optimum_{root_a:.0f}a_user_info": share for root_a, share in shares[TOLD].items()},
        "over_limit_kws": sum(part.over_kws for part in parts),
    }
    return {key: round(value, 4) for key, value in figures.items()}


def describe(figures: dict[str, float]) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['share_of_optimum_mean']:.1%} of the offline optimum is delivered without any user's word "
        f"(round robin {figures['rr_mean']:.1%}, earliest deadline first {figures['edf_mean']:.1%}) "
        f"with {figures['switches_per_session']:.1f} switches per session, "
        f"{figures['share_of_optimum_mean_user_info']:.1%} with what drivers say "
        f"({figures['switches_per_session_user_info']:.1f} switches); {figures['fully_served']:.1%} of the sessions "
        f"get all they need (earliest deadline first {figures['fully_served_edf']:.1%}); replayed in seconds, "
        f"{figures['over_limit_kws_per_day']:.0f} kW*s a day are above the limits, "
        f"beside {figures['over_limit_kws_per_day_30s_loop']:.0f} of a 30 s loop"
    )


def baseline(name: str, root_a: float) -> Controller:
    """Return a known way to share; KeyError where there is none of the name."""
    if name == "rr":
        return RoundRobin(root_a)
    return SortedGreedy(root_a, {"fcfs": first_come, "edf": earliest_deadline, "llf": least_laxity}[name])


def _part(task: tuple[Period, float]) -> Part:
    period, root_a = task
    product = Product(site(root_a), period.begin)
    informed = Product(site(root_a), period.begin, known=stated(period.begin))
    tallies = {OURS: _tally(serve(period, product)), TOLD: _tally(serve(period, informed))}
    for name in BASELINES:
        tallies[name] = _tally(play(period, baseline(name, root_a)))
    return Part(root_a, most_wh(period, root_a), tallies, product.over_kws + informed.over_kws)


def _tally(stays: Sequence[Stay]) -> Tally:
    return Tally(
        len(stays),
        sum(stay.delivered_wh for stay in stays),
        sum(stay.full for stay in stays),
        sum(stay.switches for stay in stays),
    )


def _sum(tallies: Iterable[Tally]) -> Tally:
    all_of = list(tallies)
    return Tally(
        sum(one.sessions for one in all_of),
        sum(one.delivered_wh for one in all_of),
        sum(one.full for one in all_of),
        sum(one.switches for one in all_of),
    )


def _share(parts: Iterable[Part], name: str) -> float:
    group = list(parts)
    return sum(part.tallies[name].delivered_wh for part in group) / sum(part.optimum_wh for part in group)


def _mean(values: Iterable[float]) -> float:
    all_of = list(values)
    return sum(all_of) / len(all_of)


def _replayed(*, quick: bool) -> dict[str, float]:
    span = QUICK_SPAN_S if quick else (0, SECONDS_PER_DAY)
    ours, slow = spread(_over_limit, [(span, False), (span, True)])
    return {"over_limit_kws_per_day": ours, "over_limit_kws_per_day_30s_loop": slow}


def _over_limit(task: tuple[tuple[int, int], bool]) -> float:
    (begin_s, end_s), slow = task
    over_kws, _ = over_limit(load(DAY, DAY), begin_s, end_s, slow=slow)
    return over_kws

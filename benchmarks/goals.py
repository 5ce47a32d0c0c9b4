"""What each scenario is to reach, as ratios and bounds of its figures."""

from collections.abc import Callable
from dataclasses import dataclass

from .scenarios import Figures


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise: the words of it, the measured value out of the scenario's figures, and the bound.

    With `at_most` the bound is the highest good value, otherwise the lowest; without a bound the value is
    only shown. `unit` follows the number; a share or a ratio has none.
    """

    scenario: str
    words: str
    measured: Callable[[Figures], float]
    bound: float | None = None
    at_most: bool = False
    unit: str = ""

    def met(self, figures: Figures) -> bool | None:
        """Return True where the figures keep the promise, None where there is nothing to keep."""
        if self.bound is None:
            return None
        value = self.measured(figures)
        return value <= self.bound if self.at_most else value >= self.bound


def _key(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


def _ratio(name: str, base: str) -> Callable[[Figures], float]:
    """Return the quotient of two figures; with a base of 0, 1 where both are 0, else infinity."""

    def measured(figures: Figures) -> float:
        if figures[base] == 0:
            return 1.0 if figures[name] == 0 else float("inf")
        return figures[name] / figures[base]

    return measured


def _less(name: str, base: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name] - figures[base]


GOALS = (
    Goal("throughput", "messages per second over the bare package's", _key("ratio"), 4.0),
    Goal("allocator", "allocations over a limit", _key("violations"), 0, at_most=True),
    Goal(
        "allocator", "fair shares that differ from the linear programmes'", _key("oracle_mismatches"), 0, at_most=True
    ),
    Goal("home-solar", "captured saving over the documented rules'", _ratio("captured", "captured_rules"), 0.99),
    Goal("home-solar", "starts and stops over the rules'", _ratio("on_off", "on_off_rules"), 0.35, at_most=True),
    Goal(
        "home-solar",
        "phase switches over the rules'",
        _ratio("phase_switches", "phase_switches_rules"),
        0.40,
        at_most=True,
    ),
    Goal("workplace", "share of the offline optimum, mean of five limits", _key("share_of_optimum_mean"), 0.955),
    Goal("workplace", "switches per session", _key("switches_per_session"), 3.0, at_most=True),
    Goal(
        "workplace",
        "share of the offline optimum where drivers state departure and energy",
        _key("share_of_optimum_mean_user_info"),
        0.975,
    ),
    Goal(
        "workplace",
        "switches per session where drivers state departure and energy",
        _key("switches_per_session_user_info"),
        1.6,
        at_most=True,
    ),
    Goal(
        "workplace",
        "share of sessions fully served less earliest deadline first's",
        _less("fully_served", "fully_served_edf"),
        -0.05,
    ),
    Goal(
        "workplace",
        "energy over the limit beside a 30 s loop's",
        _ratio("over_limit_kws_per_day", "over_limit_kws_per_day_30s_loop"),
        1.0,
        at_most=True,
    ),
    Goal("overload", "longest time above the fuse", _key("longest_overload_s"), 10.0, at_most=True, unit=" s"),
    Goal(
        "grid-signal",
        "99 of 100 signals of the grid operator obeyed within",
        _key("p99_s"),
        7.0,
        at_most=True,
        unit=" s",
    ),
    Goal(
        "grid-signal",
        "energy above the limit of 99 of 100 such signals",
        _key("p99_kws"),
        60.0,
        at_most=True,
        unit=" kW*s",
    ),
    Goal("vge", "share of the joint offline optimum", _key("share_of_optimum"), 0.97),
    Goal("vge", "points over load-first", _key("points_over_load_first"), 3.0),
    Goal("vge", "battery throughput over load-first's", _key("throughput_ratio"), 0.85, at_most=True),
    Goal("no-solver", "share of the linear programme's saving, median", _key("median"), 0.88),
    Goal("no-solver", "share of the linear programme's saving, 10 % quantile", _key("p10"), 0.75),
    Goal("home-price", "captured saving without a battery in May, real forecasts", _key("may"), 0.90),
    Goal("home-price", "captured saving without a battery in May, perfect forecasts", _key("may_perfect"), 0.92),
    Goal("home-price", "captured saving with a battery in May, real forecasts", _key("may_battery"), 0.80),
    Goal("home-price", "captured saving with a battery in May, perfect forecasts", _key("may_battery_perfect"), 0.85),
    Goal("home-price", "captured saving with a battery in November, real forecasts", _key("nov_battery"), 0.78),
    Goal(
        "home-price", "captured saving with a battery in November, perfect forecasts", _key("nov_battery_perfect"), 0.93
    ),
    Goal("capacity-tariff", "captured saving", _key("captured"), 0.93),
    Goal("fuzz", "damaged frames that got no answer though one was due", _key("unanswered"), 0, at_most=True),
    Goal("fuzz", "connections dropped because of a frame", _key("dropped_connections"), 0, at_most=True),
    Goal("flood", "wait for 99 of 100 answers beside a flood, over without one", _key("ratio"), 2.0, at_most=True),
    Goal("fleet", "connections lost and calls not answered, of a thousand stations", _key("drops"), 0, at_most=True),
    Goal("storm", "queued transactions and readings lost", _key("lost"), 0, at_most=True),
    Goal("storm", "queued transactions and readings doubled", _key("doubled"), 0, at_most=True),
    Goal("crash", "sessions lost", _key("lost_sessions"), 0, at_most=True),
    Goal("crash", "sessions doubled", _key("doubled"), 0, at_most=True),
    Goal("crash", "energy lost by more than 1 Wh a session", _key("lost_wh"), 0, at_most=True, unit=" Wh"),
    Goal("crash", "acknowledged readings lost", _key("lost_readings"), 0, at_most=True),
    Goal("vge", "energy over the grid limit", _key("over_limit_kws"), 0.0, at_most=True, unit=" kW*s"),
    Goal("allocator", "3 chargers allocated", _key("ms_3"), 0.05, at_most=True, unit=" ms"),
    Goal("allocator", "50 chargers allocated", _key("ms_50"), 1.0, at_most=True, unit=" ms"),
    Goal("allocator", "500 chargers allocated", _key("ms_500"), 15.0, at_most=True, unit=" ms"),
    Goal(
        "fleet",
        "wait for 99 of 100 answers, a thousand stations at Home Assistant",
        _key("p99_reply_ms"),
        500.0,
        at_most=True,
        unit=" ms",
    ),
    Goal("fleet", "Home Assistant's share of a core meanwhile", _key("cpu_share"), unit=" cores"),
    Goal(
        "storm",
        "a thousand stations with queues served after a restart",
        _key("served_s"),
        60.0,
        at_most=True,
        unit=" s",
    ),
    Goal("capacity-tariff", "missing at departures", _key("unmet_kwh"), 0.5, at_most=True, unit=" kWh"),
    Goal("planner", "48 h planned for 3 cars", _key("ms_3_48h"), 25.0, at_most=True, unit=" ms"),
    Goal("planner", "48 h planned for 50 cars", _key("ms_50_48h"), 100.0, at_most=True, unit=" ms"),
    Goal("planner", "48 h planned for 200 cars", _key("ms_200_48h"), 400.0, at_most=True, unit=" ms"),
    Goal("planner", "the event loop's worst lag beside planning", _key("loop_lag_ms"), 20.0, at_most=True, unit=" ms"),
    Goal("no-solver", "48 h planned without a solver", _key("ms"), 60.0, at_most=True, unit=" ms"),
    Goal("throughput", "MeterValues validated, kept and shown", _key("messages_per_s"), unit=" per second"),
    Goal("throughput", "memory of an idle station", _key("kib_per_station"), 100.0, at_most=True, unit=" KiB"),
)

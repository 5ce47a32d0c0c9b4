"""Each scenario's quick form: every figure is there, nothing breaks a limit, shares are plausible. Never speed."""

import pytest

from benchmarks.scenarios import Figures, scenario

KEYS = {
    "allocator": {"ms_3", "ms_50", "ms_500", "violations", "oracle_mismatches"},
    "home-solar": {"captured", "captured_rules", "on_off", "on_off_rules", "phase_switches", "phase_switches_rules"},
    "workplace": {
        "share_of_optimum_mean",
        "over_limit_kws_per_day",
        "over_limit_kws_per_day_30s_loop",
        "switches_per_session",
        "fully_served",
        "fully_served_edf",
        "edf_mean",
        "rr_mean",
    },
    "overload": {"longest_overload_s", "utilisation"},
    "grid-signal": {"p50_s", "p99_s", "p99_kws", "p99_s_debounced"},
    "vge": {"share_of_optimum", "points_over_load_first", "throughput_ratio", "over_limit_kws"},
    "planner": {"ms_3_48h", "ms_50_48h", "ms_200_48h", "loop_lag_ms"},
    "no-solver": {"median", "p10", "ms"},
    "home-price": {
        "may",
        "may_rules",
        "may_openloop",
        "may_perfect",
        "may_battery",
        "nov_battery",
        "nov_battery_perfect",
    },
    "capacity-tariff": {"captured", "captured_rules", "unmet_kwh"},
    "fuzz": {"frames", "unanswered", "wrong_answers", "dropped_connections", "frames_per_s"},
    "flood": {"p99_ms", "p99_ms_attacked", "ratio", "answered", "answered_attacked", "flood_frames"},
}
HIGHEST = {
    "allocator": {"violations": 0, "oracle_mismatches": 0},
    "home-solar": {"captured": 1.0, "captured_rules": 1.0},
    "workplace": {"share_of_optimum_mean": 1.001, "fully_served": 1.0, "edf_mean": 1.001, "rr_mean": 1.001},
    "overload": {"longest_overload_s": 10.0, "utilisation": 1.1},
    "grid-signal": {"p99_s": 7.0, "p99_kws": 60.0, "p99_s_debounced": 7.5},
    "vge": {"share_of_optimum": 1.001, "over_limit_kws": 0.0, "throughput_ratio": 1.0},
    "planner": {},
    "no-solver": {"median": 1.001, "p10": 1.001},
    "home-price": {"may": 1.0, "may_battery": 1.0, "nov_battery": 1.0, "may_unmet_kwh": 0.1},
    "capacity-tariff": {"captured": 1.0, "unmet_kwh": 0.5},
    "fuzz": {"unanswered": 0, "wrong_answers": 0, "dropped_connections": 0},
    "flood": {},
}
LOWEST = {
    "allocator": {},
    "home-solar": {"captured": 0.3, "captured_rules": 0.3, "on_off": 1, "on_off_rules": 1},
    "workplace": {"share_of_optimum_mean": 0.8, "edf_mean": 0.8, "rr_mean": 0.8, "fully_served": 0.2},
    "overload": {"utilisation": 0.5},
    "grid-signal": {"runs": 20, "p50_s": 1.2, "p50_kws": 5.0},
    "vge": {"share_of_optimum": 0.8, "points_over_load_first": 0.0, "throughput_ratio": 0.3},
    "planner": {"ms_3_48h": 0.0, "ms_50_48h": 0.0, "ms_200_48h": 0.0, "loop_lag_ms": 0.0},
    "no-solver": {"median": 0.88, "p10": 0.75},
    "home-price": {"may": 0.5, "may_battery": 0.3, "nov_battery": 0.3},
    "capacity-tariff": {"captured": 0.3},
    "fuzz": {"frames": 6000},
    "flood": {"answered": 100, "answered_attacked": 100, "flood_frames": 1},
}


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("name", KEYS)
def test_the_quick_form_keeps_every_hard_promise(name: str) -> None:
    chosen = scenario(name)
    figures: Figures = chosen.run(quick=True)
    assert set(figures) >= KEYS[name]
    assert {key: figures[key] for key, most in HIGHEST[name].items() if figures[key] > most} == {}
    assert {key: figures[key] for key, least in LOWEST[name].items() if figures[key] < least} == {}
    assert chosen.describe(figures)

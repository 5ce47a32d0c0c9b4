"""The scenario `home-solar` is a fair comparison, and our controller keeps its promise in it."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import series
from benchmarks.home_solar import scenario
from benchmarks.home_solar.home import EXPORT_EUR, IMPORT_EUR, PHASE_CHANGE_S, Command, Controller, Home, Reading, Run
from benchmarks.home_solar.optimum import least_cost
from benchmarks.home_solar.rules import DocumentedRules, Uncontrolled
from benchmarks.home_solar.stays import Stay, stays
from benchmarks.home_solar.weather import NOISE, production_minutes
from benchmarks.series import DataError, house_minutes, sun_quarters

HOUR = 60


class Always:
    """Commands the same at any time."""

    def __init__(self, *commands: Command) -> None:
        """Take the commands of each minute; the last one holds on."""
        self._commands = commands
        self.readings: list[Reading] = []

    def command(self, reading: Reading) -> Command:
        """Return the command of this minute."""
        self.readings.append(reading)
        return self._commands[min(reading.at_s // 60, len(self._commands) - 1)]


def sunny_home(*, sun_w: float = 3_000.0, hours: int = 2, need_wh: float = 2_000.0, house_w: float = 0.0) -> Home:
    """Return a home with an even sun and one stay from the first minute to the last but one."""
    minutes = hours * HOUR
    return Home([house_w] * minutes, [sun_w] * minutes, [Stay(0, minutes - 1, need_wh)])


def surplus(at_s: int, available_w: float, command: Command, *, must_charge: bool = False) -> Reading:
    """Return a reading of a home with this much for the car, which draws what it was told."""
    drawn_a = command.current_a if command.current_a >= 6 else 0.0
    drawn_w = drawn_a * command.phases * 230.0
    return Reading(
        at_s, drawn_w - available_w, drawn_a, command.phases, plugged=True, full=False, must_charge=must_charge
    )


def follow(controller: Controller, *parts: tuple[int, float]) -> list[tuple[int, Command]]:
    """Let a controller live through seconds of a surplus each; returns the commands that changed, with their time."""
    command, at_s, changes = Command(0.0, 3), 0, []
    for seconds, available_w in parts:
        for _ in range(0, seconds, 10):
            before = command
            command = controller.command(surplus(at_s, available_w, command))
            if command != before:
                changes.append((at_s, command))
            at_s += 10
    return changes


def test_a_data_file_that_was_changed_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with gzip.open(tmp_path / series.HOUSE, "wt", encoding="utf-8") as changed:
        changed.write("date_time,load_w\n2008-05-19 00:00:00,1\n")
    monkeypatch.setattr(series, "DATA", tmp_path)
    with pytest.raises(DataError, match="not the file"):
        house_minutes(1)


def test_more_days_than_the_series_has_are_refused() -> None:
    with pytest.raises(DataError, match="ends before day 43"):
        house_minutes(43)


def test_clouds_leave_every_quarter_hour_its_energy() -> None:
    minutes = production_minutes(6_000.0, 14)
    quarters = sun_quarters(14, 139)
    means = [sum(minutes[start : start + 15]) / 15 for start in range(0, len(minutes), 15)]
    assert means == pytest.approx([6_000.0 * value for value in quarters], rel=3 * NOISE, abs=1.0)
    assert sum(means) == pytest.approx(6_000.0 * sum(quarters), rel=0.005)


def test_the_sun_never_exceeds_its_peak_and_comes_and_goes_within_quarter_hours() -> None:
    minutes = production_minutes(6_000.0, 14)
    assert 5_500.0 < max(minutes) < 6_000.0 * (1 + 5 * NOISE)
    edges = [abs(after - before) for before, after in pairwise(minutes)]
    assert sum(edge > 1_500.0 for edge in edges) > 100


def test_weather_and_stays_are_the_same_each_time() -> None:
    assert production_minutes(6_000.0, 3) == production_minutes(6_000.0, 3)
    assert stays(14) == stays(14)


def test_every_need_of_the_car_fits_into_its_stay() -> None:
    found = stays(28)
    assert len(found) == 20
    for before, after in pairwise(found):
        assert before.departure < after.arrival
    for stay in found:
        assert stay.need_wh < 0.5 * 11_040.0 * (stay.departure - stay.arrival) / 60


def test_one_charge_is_one_start_and_one_stop() -> None:
    outcome = Run(sunny_home(), Uncontrolled()).outcome_of()
    assert (outcome.on_off, outcome.phase_switches) == (2, 0)
    assert outcome.car_wh == pytest.approx(2_000.0)
    assert outcome.unmet_wh == 0.0


def test_what_is_missing_at_departure_is_counted() -> None:
    outcome = Run(sunny_home(), Always(Command(0.0, 3))).outcome_of()
    assert outcome.unmet_wh == 2_000.0
    assert outcome.on_off == 0


def test_changing_phases_costs_a_minute_without_current() -> None:
    home = sunny_home(need_wh=50_000.0)
    steady = Run(home, Always(Command(10.0, 3))).outcome_of()
    three, one = Command(10.0, 3), Command(10.0, 1)
    changing = Run(home, Always(*[three] * 60, *[one] * 5, three)).outcome_of()
    assert changing.phase_switches == 2
    lost_wh = 10.0 * 230.0 * (2 * 5 * 60 + PHASE_CHANGE_S * 2) / 3600
    at_three_wh = 10.0 * 230.0 * 2 * PHASE_CHANGE_S / 3600
    assert steady.car_wh - changing.car_wh == pytest.approx(lost_wh + at_three_wh, rel=0.02)


def test_the_latest_start_is_told_while_there_is_just_time_enough() -> None:
    controller = Always(Command(0.0, 3))
    Run(sunny_home(hours=4, need_wh=11_040.0), controller).outcome_of()
    told = [reading.at_s for reading in controller.readings if reading.must_charge]
    departure_s = (4 * HOUR - 1) * 60
    assert told[0] == pytest.approx(departure_s - 3_600 - 900, abs=60)


def test_a_charge_out_of_the_sun_costs_what_export_would_have_paid() -> None:
    home = sunny_home(sun_w=3_000.0, need_wh=2_000.0)
    assert least_cost(home) == pytest.approx(-(6.0 - 2.0) * EXPORT_EUR)


def test_the_optimum_buys_only_what_the_sun_lacks() -> None:
    home = sunny_home(sun_w=1_200.0, need_wh=119 * 20.0 + 1_000.0)
    assert least_cost(home) == pytest.approx(1.0 * IMPORT_EUR - 1 / 60 * 1.2 * EXPORT_EUR, abs=1e-6)


def test_a_need_that_no_one_could_meet_has_no_optimum() -> None:
    with pytest.raises(RuntimeError, match="no optimum"):
        least_cost(sunny_home(need_wh=50_000.0))


def test_the_rules_start_after_a_minute_of_surplus_on_one_phase() -> None:
    changes = follow(DocumentedRules(), (120, 500.0), (300, 2_000.0))
    starts = [(at_s, command) for at_s, command in changes if command.current_a > 0]
    assert starts[0][0] == 180
    assert starts[0][1].phases == 1
    assert starts[-1][1].current_a == pytest.approx(2_000.0 / 230.0)


def test_the_rules_stop_after_three_minutes_without_surplus() -> None:
    changes = follow(DocumentedRules(), (180, 2_000.0), (600, 0.0))
    stop_s, stop = changes[-1]
    assert stop.current_a == 0.0
    assert stop_s == pytest.approx(180 + 180, abs=30)


def test_a_short_cloud_does_not_stop_the_rules() -> None:
    changes = follow(DocumentedRules(), (180, 2_000.0), (120, 0.0), (300, 2_000.0))
    assert all(command.current_a >= 6.0 for at_s, command in changes if at_s > 120)


def test_the_rules_take_three_phases_after_one_minute_and_one_after_three() -> None:
    changes = follow(DocumentedRules(), (300, 2_000.0), (300, 5_000.0), (600, 2_000.0))
    phases = [(at_s, command.phases) for at_s, command in changes]
    up_s = next(at_s for at_s, count in phases if count == 3 and at_s >= 300)
    down_s = next(at_s for at_s, count in phases if count == 1 and at_s >= 600)
    assert up_s - 300 == pytest.approx(60, abs=30)
    assert down_s - 600 == pytest.approx(180, abs=30)


def test_everyone_charges_at_full_power_when_it_is_late() -> None:
    late = surplus(0, 0.0, Command(0.0, 1), must_charge=True)
    assert DocumentedRules().command(late) == Command(16.0, 3)


@pytest.fixture(scope="module")
def week() -> dict[str, float]:
    """Return the figures of the first week."""
    return scenario.compared(7)


def test_nobody_saves_more_than_perfect_foresight(week: dict[str, float]) -> None:
    assert 0.5 < week["captured_rules"] < 1.0
    assert 0.5 < week["captured"] < 1.0


def test_ours_saves_as_much_as_the_rules_and_switches_less(week: dict[str, float]) -> None:
    assert week["captured"] >= 0.99 * week["captured_rules"]
    assert week["on_off"] <= 0.5 * week["on_off_rules"]
    assert week["phase_switches"] <= 0.5 * week["phase_switches_rules"]
    assert week["unmet_kwh"] == 0.0
    assert f"{week['on_off']:.0f} starts and stops" in scenario.describe(week)

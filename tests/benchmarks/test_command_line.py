"""The command line of the benchmarks and the page it writes, with scenarios that cost no time."""

import json
from pathlib import Path
import sys
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command_line, scenarios
from benchmarks.goals import GOALS
from benchmarks.report import number, page

ALLOCATOR = {"ms_3": 0.03, "ms_50": 0.4, "ms_500": 20.0, "violations": 0, "oracle_mismatches": 0}
OVERLOAD = {"longest_overload_s": 9.0, "utilisation": 0.92}
THROUGHPUT = {"ratio": 0.5, "messages_per_s": 1234.5, "kib_per_station": 80.0}


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put three scenarios with known figures in place of the real ones, and the page out of the way."""
    figures = {"throughput": THROUGHPUT, "allocator": ALLOCATOR, "overload": OVERLOAD}
    for name, known in figures.items():
        module = SimpleNamespace(
            run=lambda *, quick, known=known: {**known, "quick": quick},
            describe=lambda figures: f"{len(figures)} figures",
        )
        monkeypatch.setitem(sys.modules, f"fake_{name}", module)
    monkeypatch.setattr(scenarios, "MODULES", {name: f"fake_{name}" for name in figures})
    monkeypatch.setattr(command_line, "MODULES", scenarios.MODULES)
    monkeypatch.setattr(command_line, "REPORT", tmp_path / "performance.md")
    return tmp_path / "performance.md"


def last_line(capsys: pytest.CaptureFixture[str]) -> object:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.usefixtures("report")
def test_a_scenario_is_described_and_its_figures_are_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["overload", "--quick"]) == 0
    assert capsys.readouterr().out == "overload: 3 figures\n"
    command_line.main(["overload", "--json"])
    assert last_line(capsys) == {**OVERLOAD, "quick": False}


def test_all_names_each_scenario_and_writes_the_page(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["all", "--json"]) == 0
    figures = last_line(capsys)
    assert isinstance(figures, dict)
    assert list(figures) == ["throughput", "allocator", "overload"]
    assert "| overload | longest time above the fuse | <= 10 s | 9 s | yes |" in report.read_text(encoding="utf-8")


def test_quick_figures_never_get_onto_the_page(report: Path) -> None:
    command_line.main(["all", "--quick"])
    assert not report.exists()


@pytest.mark.parametrize("arguments", [["overload", "--full"], ["nothing"], ["allocator", "--full", "--quick"], []])
@pytest.mark.usefixtures("report")
def test_what_can_not_be_run_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command_line.main(arguments)
    assert refused.value.code == 2
    assert "usage: script/bench" in capsys.readouterr().err


def test_the_page_says_which_goals_are_met_ratios_before_times() -> None:
    text = page({"allocator": ALLOCATOR, "throughput": THROUGHPUT})
    assert "| allocator | allocations over a limit | <= 0 | 0 | yes |" in text
    assert "| allocator | 500 chargers allocated | <= 15 ms | 20 ms | no |" in text
    assert "| throughput | messages per second over the bare package's | >= 4 | 0.500 | no |" in text
    assert text.index("allocations over a limit") < text.index("500 chargers allocated")
    assert text == page({"allocator": ALLOCATOR, "throughput": THROUGHPUT})


def test_every_goal_belongs_to_a_scenario_and_every_scenario_has_one() -> None:
    assert {goal.scenario for goal in GOALS} == set(scenarios.MODULES)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.97123, "0.971"),
        (0.0318, "0.0318"),
        (12345.6, "12346"),
        (-2.5, "-2.500"),
        (float("inf"), "unbounded"),
    ],
)
def test_numbers_are_written_with_three_digits_where_it_matters(value: float, text: str) -> None:
    assert number(value) == text

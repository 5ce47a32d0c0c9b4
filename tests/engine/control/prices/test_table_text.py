"""Tariffs as users write them: what is understood, and which line is not."""

from datetime import date, time

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.table_text import TableError, TableProblem, parse_table
from custom_components.smart_charging.engine.control.prices.time_of_use import EVERY_DAY, Rule, TimeOfUse

TABLE = """
# as on the bill
default = 0.32
Night = 0,24      # also with a comma
peak = -0.41
peak: 10-01..03-31 Mon-Fri 17:00-20:15
night: 22:00-6:00
night: Sat,Sun
holidays: 12-25, 2027-03-26
"""


def test_a_table_of_each_kind_of_line() -> None:
    assert parse_table(TABLE) == TimeOfUse(
        {"default": 0.32, "night": 0.24, "peak": -0.41},
        (
            Rule("peak", ((10, 1), (3, 31)), frozenset(range(5)), time(17), time(20, 15)),
            Rule("night", None, EVERY_DAY, time(22), time(6)),
            Rule("night", None, frozenset({5, 6})),
        ),
        frozenset({date(2027, 3, 26)}),
        frozenset({(12, 25)}),
    )


@pytest.mark.parametrize(
    ("conditions", "rule"),
    [
        ("Mo-Fr", Rule("a", weekdays=frozenset(range(5)))),
        ("sa-mo", Rule("a", weekdays=frozenset({5, 6, 0}))),
        ("Di,Do", Rule("a", weekdays=frozenset({1, 3}))),
        ("20:00-24:00", Rule("a", begin=time(20), end=time(0))),
        ("00:00-06:00 Sun", Rule("a", weekdays=frozenset({6}), begin=time(0), end=time(6))),
        ("02-29..02-29", Rule("a", ((2, 29), (2, 29)))),
    ],
)
def test_conditions_in_any_order_and_in_two_languages(conditions: str, rule: Rule) -> None:
    assert parse_table(f"default = 1\na = 2\na: {conditions}").rules == (rule,)


@pytest.mark.parametrize(
    ("text", "line", "problem", "words"),
    [
        ("default = 1\nnonsense", 2, TableProblem.SHAPE, "nonsense"),
        ("default = 1\n\n1a = 2", 3, TableProblem.NAME, "1a"),
        ("holidays = 2", 1, TableProblem.NAME, "holidays"),
        ("default = cheap", 1, TableProblem.PRICE, "cheap"),
        ("default = nan", 1, TableProblem.PRICE, "nan"),
        ("default = 1\ndefault = 2", 2, TableProblem.REPEATED, "default"),
        ("default = 1\nnight: 22:00-06:00", 2, TableProblem.LEVEL, "night"),
        ("default = 1\ndefault:", 2, TableProblem.CONDITION, "default"),
        ("default = 1\ndefault: someday", 2, TableProblem.CONDITION, "someday"),
        ("default = 1\ndefault: Mon-", 2, TableProblem.CONDITION, "Mon-"),
        ("default = 1\ndefault: Mon Tue", 2, TableProblem.CONDITION, "Tue"),
        ("default = 1\ndefault: 01-01..02-30", 2, TableProblem.SEASON, "01-01..02-30"),
        ("default = 1\ndefault: 22:00-25:00", 2, TableProblem.HOURS, "22:00-25:00"),
        ("default = 1\ndefault: 22:10-23:00", 2, TableProblem.HOURS, "22:10-23:00"),
        ("default = 1\ndefault: 06:00-06:00", 2, TableProblem.HOURS, "06:00-06:00"),
        ("default = 1\nholidays: 13-01", 2, TableProblem.HOLIDAY, "13-01"),
        ("default = 1\nholidays:", 2, TableProblem.HOLIDAY, ""),
        ("night = 1", 1, TableProblem.NO_DEFAULT, ""),
        ("", 1, TableProblem.NO_DEFAULT, ""),
        ("#\n" * 201, 201, TableProblem.TOO_LONG, ""),
    ],
)
def test_the_line_that_is_wrong_is_told(text: str, line: int, problem: TableProblem, words: str) -> None:
    with pytest.raises(TableError) as raised:
        parse_table(text)
    assert (raised.value.line, raised.value.problem, raised.value.words) == (line, problem, words)


@given(st.text(st.characters(codec="utf-8", include_characters="=:#-.,\n0159 ")))
def test_no_text_does_anything_but_be_understood_or_refused(text: str) -> None:
    wrong: TableError | None = None
    try:
        parse_table(text)
    except TableError as err:
        wrong = err
    assert wrong is None or 1 <= wrong.line <= max(1, len(text.splitlines()))

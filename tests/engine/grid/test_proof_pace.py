"""How often a limit whose value moves makes a row of the proof log, and that the log still tells all that held."""

from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.changes import ChangeKind
from custom_components.smart_charging.engine.grid.grid_room import GridDecision, resume
from custom_components.smart_charging.engine.grid.memory import from_json, to_json
from custom_components.smart_charging.engine.grid.proof_pace import SummedUp
from custom_components.smart_charging.engine.grid.source import (
    InputKind,
    NumberSeen,
    SignalAdded,
    SignalsCleared,
    SourceConfig,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid_record import GridPowers
from custom_components.smart_charging.engine.grid_telling import records_of

from .builders import NOW, Room, after, messages, signal

NUMBER = SourceConfig(source_id="number", input=InputKind.NUMBER, no_limit_from=20_000.0, release_s=0.0)

type Row = tuple[ChangeKind, float, SummedUp | None]


def rows(decision: GridDecision) -> list[Row]:
    return [(one.change.kind, one.change.demand.value_w, one.summed_up) for one in decision.rows]


class Number:
    """A number that is a limit, and the rows that it makes, with their seconds."""

    def __init__(self, value: float = 5_000.0) -> None:
        self.room = Room(NUMBER, messages("user", release_s=0.0))
        self.made: list[tuple[float, Row]] = []
        self.show(value)

    def show(self, value: float) -> GridDecision:
        return self.note(self.room.tell(NumberSeen("number", self.room.now, value)))

    def note(self, decision: GridDecision) -> GridDecision:
        self.made += [((decision.at - NOW).total_seconds(), row) for row in rows(decision)]
        return decision

    def wait(self, seconds: float) -> None:
        self.note(self.room.wait(seconds))


STARTED, CHANGED, ENDED = ChangeKind.STARTED, ChangeKind.CHANGED, ChangeKind.ENDED


def test_a_number_that_trembles_makes_a_row_a_minute_and_is_applied_at_once() -> None:
    number = Number()
    for second in range(1, 601):
        number.room.now = after(second)
        value = 5_000.0 + second % 7 * 5
        assert number.show(value).held[0].demand.value == value
    assert len(number.made) == 11
    assert number.made[:2] == [
        (0.0, (STARTED, 5_000.0, None)),
        (60.0, (CHANGED, 5_020.0, SummedUp(60, 5_000.0, 5_020.0))),
    ]
    assert [at for at, _ in number.made] == [60.0 * minute for minute in range(11)]


@pytest.mark.parametrize(("value", "real"), [(5_050.0, False), (5_051.0, True), (4_950.0, False), (4_949.0, True)])
def test_only_a_real_change_makes_a_row_at_once_a_small_one_a_minute_later(value: float, real: bool) -> None:
    number = Number()
    number.room.now = after(100.0)
    decision = number.show(value)
    assert len(decision.changes) == 1
    if real:
        assert number.made[1:] == [(100.0, (CHANGED, value, None))]
    else:
        assert (decision.rows, decision.unlogged) == ((), decision.changes)
        number.note(number.room.follow(60.0))
        assert number.made[1:] == [(160.0, (CHANGED, value, SummedUp(1, value, value)))]
    number.wait(600.0)
    assert len(number.made) == 2


def test_one_percent_of_a_large_limit_is_no_real_change() -> None:
    number = Number(15_000.0)
    number.room.now = after(100.0)
    assert number.show(15_150.0).rows == ()
    assert len(number.show(15_151.0).rows) == 1


def test_small_changes_that_add_up_make_a_row() -> None:
    number = Number()
    for step in range(1, 4):
        number.room.now = after(100.0 + step)
        number.show(5_000.0 + step * 25)
    assert number.made[1:] == [(103.0, (CHANGED, 5_075.0, SummedUp(2, 5_025.0, 5_050.0)))]


def test_real_changes_within_a_minute_are_one_row_with_the_newest_and_the_strictest_value() -> None:
    number = Number()
    for second, value in ((10.0, 3_000.0), (20.0, 9_000.0), (30.0, 7_000.0)):
        number.room.now = after(second)
        assert number.show(value).next_at is not None
    number.wait(29.0)
    assert len(number.made) == 1
    number.wait(1.0)
    assert number.made[1:] == [(60.0, (CHANGED, 7_000.0, SummedUp(3, 3_000.0, 7_000.0)))]


def test_begin_end_and_another_source_make_a_row_at_once_which_tells_what_held_before_it() -> None:
    number = Number()
    number.room.now = after(10.0)
    number.show(4_000.0)
    stricter = SignalAdded("user", number.room.now, signal(3_000.0, source_id="user"))
    number.note(number.room.tell(stricter))
    number.note(number.room.tell(SignalsCleared("user", number.room.now)))
    number.show(4_500.0)
    number.show(99_000.0)
    number.show(4_200.0)
    assert [row for _, row in number.made[1:]] == [
        (CHANGED, 3_000.0, SummedUp(1, 4_000.0, 4_000.0)),
        (CHANGED, 4_000.0, None),
        (ENDED, 4_500.0, SummedUp(1, 4_500.0, 4_500.0)),
        (STARTED, 4_200.0, None),
    ]
    number.wait(600.0)
    assert number.room.state.logged.keys() == number.room.state.held.keys()


def test_a_source_that_is_lost_and_its_fail_safe_make_a_row_at_once() -> None:
    number = Number()
    number.room.tell(SourceUnavailable("number", NOW))
    number.wait(59.0)
    number.show(4_000.0)
    number.room.tell(SourceUnavailable("number", number.room.now))
    number.wait(60.0)
    number.wait(0.5)
    assert number.made[-1][1][:2] == (CHANGED, 4_200.0)
    assert number.room.tell().lost


def test_what_is_not_logged_yet_is_after_a_restart_and_when_the_clock_was_set_back() -> None:
    number = Number()
    number.room.now = after(10.0)
    number.show(4_000.0)
    number.room.state = resume(number.room.config, from_json(to_json(number.room.state)), after(20.0))
    number.room.now = after(20.0 - 3_600.0)
    number.show(4_000.0)
    number.wait(59.0)
    assert len(number.made) == 1
    number.wait(1.0)
    assert number.made[1][1] == (CHANGED, 4_000.0, SummedUp(1, 4_000.0, 4_000.0))


def test_a_limit_that_held_before_rows_were_paced_makes_one_with_its_next_change() -> None:
    number = Number()
    kept = to_json(number.room.state)
    del kept["logged"]
    number.room.state = from_json(kept)
    number.room.now = after(1.0)
    assert len(number.show(5_010.0).rows) == 1


def test_a_record_says_of_what_is_summed_up_what_it_does_not_say_itself() -> None:
    number = Number()
    for value in (3_000.0, 9_000.0):
        number.show(value)
    decision = number.room.wait(60.0)
    (record,) = records_of(decision, (), (), GridPowers(), {})
    assert (record.limit_w, record.inputs["summed_up"]) == (9_000.0, {"changes": 2, "strictest_w": 3_000.0})
    number.show(8_000.0)
    (record,) = records_of(number.show(99_000.0), (), (), GridPowers(), {})
    assert (record.limit_w, record.inputs["summed_up"]) == (
        None,
        {"changes": 1, "strictest_w": 8_000.0, "last_w": 8_000.0},
    )


@given(st.lists(st.tuples(st.floats(0.5, 50.0), st.sampled_from([4_000.0, 4_020.0, 5_000.0, 8_000.0])), max_size=60))
def test_no_two_rows_of_a_moving_value_are_within_a_minute_and_none_is_forgotten(
    moments: list[tuple[float, float]],
) -> None:
    number = Number()
    least, known_w = 5_000.0, 5_000.0
    for pause_s, value in moments:
        for decision in (number.room.wait(pause_s), number.room.tell(NumberSeen("number", number.room.now, value))):
            number.note(decision)
            for row in decision.rows:
                told = row.change.demand.value_w
                assert least in {told, known_w} or (row.summed_up is not None and row.summed_up.strictest_w == least)
                least = known_w = told
            least = min(least, value) if decision.unlogged else least
    number.wait(60.0)
    moments_s = [at for at, _ in number.made]
    assert all(later - earlier >= 60.0 - 1e-3 for earlier, later in pairwise(moments_s))
    assert number.made[-1][1][1] == number.room.tell().held[0].demand.value

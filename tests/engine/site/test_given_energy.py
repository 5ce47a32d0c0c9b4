"""What cars gave back is counted by their stations' registers, else by what was seen to flow."""

from datetime import timedelta

import hypothesis
from hypothesis import strategies as st
import pytest

from custom_components.smart_charging.engine.given_energy import GivenEnergy
from custom_components.smart_charging.engine.model import EvseKey, EvseMeasurement, Session
from tests.manual_clock import START

KEY = EvseKey("CP1", 1)
SESSION = Session(7, "CP1", 1, START, None, 0.0)


def look(
    given: GivenEnergy, after_s: float, register_wh: float | None, power_w: float = 0.0, session: Session = SESSION
) -> float:
    """Look at one EVSE, and return what its session gave by then."""
    now = START + timedelta(seconds=after_s)
    given.look({KEY: (session, EvseMeasurement(now, given_wh=register_wh), power_w)}, now)
    return given.of(KEY, session)


def test_a_register_counts_from_where_the_session_found_it() -> None:
    given = GivenEnergy()
    assert look(given, 0, 10_000.0) == 0
    assert look(given, 5, 10_250.0, -3_000.0) == 250
    assert look(given, 10, 10_250.0) == 250
    after = GivenEnergy()
    after.restore(given.sessions)
    assert look(after, 25, 10_300.0) == 300
    other = Session(8, "CP1", 1, START, None, 0.0)
    assert look(given, 30, 190.0, session=other) == 0
    assert look(given, 35, 200.0, session=other) == 10
    assert given.of(KEY, SESSION) == 0


@pytest.mark.parametrize("wrong_wh", [0.0, 9_000_000.0])
def test_a_register_that_lies_once_gave_nothing(wrong_wh: float) -> None:
    given = GivenEnergy()
    look(given, 0, 2_000_000.0)
    assert look(given, 10, 2_000_100.0) == 100
    assert look(given, 20, wrong_wh) == 100
    assert look(given, 25, wrong_wh) == 100  # looked at again, not told again
    after = GivenEnergy()
    after.restore(given.sessions)
    assert look(after, 30, 2_000_150.0) == 150
    assert look(after, 40, 2_000_200.0) == 200


def test_a_register_that_begins_anew_counts_on_once_a_second_reading_says_so() -> None:
    given = GivenEnergy()
    look(given, 0, 10_000.0)
    assert look(given, 5, 10_250.0) == 250
    assert look(given, 15, 40.0) == 250
    assert look(given, 20, 90.0) == 340


@hypothesis.given(st.lists(st.floats(0, 1e7), max_size=30))
def test_what_was_given_never_falls(registers_wh: list[float]) -> None:
    given = GivenEnergy()
    told = [look(given, 5.0 * number, register_wh) for number, register_wh in enumerate(registers_wh)]
    assert told == sorted(told)
    assert told[:1] in ([], [0.0])


def test_without_a_register_what_flows_is_counted_as_long_as_somebody_looks() -> None:
    given = GivenEnergy()
    assert look(given, 0, None) == 0
    assert look(given, 5, None, -3_600.0) == 0
    assert look(given, 10, None, -3_600.0) == pytest.approx(5.0)
    assert look(given, 15, None, 3_600.0) == pytest.approx(5.0)
    assert look(given, 500, None, -3_600.0) == pytest.approx(5.0)  # nobody looked for long


def test_a_session_that_ended_counts_no_more_and_a_station_is_forgotten() -> None:
    given = GivenEnergy()
    look(given, 0, 100.0)
    look(given, 5, 150.0)
    ended = Session(7, "CP1", 1, START, START, 0.0)
    assert look(given, 10, 400.0, session=ended) == 50
    given.forget("CP1")
    assert given.of(KEY, SESSION) == 0

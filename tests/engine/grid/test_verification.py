"""Chargers that don't obey a grid signal are taken down step by step."""

from collections.abc import Mapping

import pytest

from custom_components.smart_charging.engine.grid import verification as checks
from custom_components.smart_charging.engine.grid.verification import (
    ActionKind,
    EvseAction,
    Level,
    Measured,
    Verification,
)
from custom_components.smart_charging.engine.model import EvseKey

from .builders import KEY, NOW, OTHER, after

ALLOWED_W = 4_140.0


class Watch:
    """Checks of a signal at `NOW` whose command went out a second later, second by second."""

    def __init__(self, before: Verification | None = None) -> None:
        self.found = checks.begin(before or Verification(), NOW)
        self.actions: dict[int, list[ActionKind]] = {}

    def run(
        self, begin: int, end: int, drawn_w: Mapping[EvseKey, float], told_w: Mapping[EvseKey, float] | None = None
    ) -> list[EvseAction]:
        made: list[EvseAction] = []
        for second in range(begin, end):
            held = checks.held_w(self.found)
            told = {evse: min(ALLOWED_W, held.get(evse, ALLOWED_W)) for evse in (KEY, OTHER)}
            measured = Measured(told_w or told, drawn_w, after(1.0), phases={OTHER: 1})
            self.found, actions = checks.check(self.found, measured, after(second))
            if actions:
                self.actions[second] = [one.kind for one in actions]
                made += actions
        return made


def test_chargers_that_obey_are_left_alone() -> None:
    watch = Watch()
    watch.run(1, 4, {KEY: 11_000.0, OTHER: 4_000.0})
    watch.run(4, 200, {KEY: 4_300.0, OTHER: 4_000.0})
    assert watch.actions == {}
    assert watch.found.complied_at == after(4.0)
    assert [one.after_s for one in watch.found.results] == [15.0, 30.0, 60.0]
    assert all(one.obeyed == (KEY, OTHER) and one.disobeyed == () for one in watch.found.results)
    assert not watch.found.command_late


def test_one_that_never_obeys_goes_down_to_a_stop_and_an_issue() -> None:
    watch = Watch()
    made = watch.run(1, 62, {KEY: 11_000.0, OTHER: 4_000.0})
    assert watch.actions == {
        16: [ActionKind.LOWER],
        31: [ActionKind.PAUSE],
        61: [ActionKind.REMOTE_STOP, ActionKind.RAISE_ISSUE],
    }
    assert {one.evse for one in made} == {KEY}
    assert made[0] == EvseAction(KEY, ActionKind.LOWER, ALLOWED_W, 11_000.0)
    assert watch.found.complied_at is None
    assert watch.found.issues == {KEY}
    assert checks.held_w(watch.found) == {KEY: 0.0}
    watch.run(62, 182, {KEY: 11_000.0, OTHER: 4_000.0})
    assert [second for second in watch.actions if second > 61] == [121, 181]
    assert watch.actions[121] == [ActionKind.REMOTE_STOP]


def test_one_that_draws_too_much_is_lowered_by_that_and_stays_there() -> None:
    watch = Watch()
    watch.run(1, 17, {KEY: 5_000.0})
    assert checks.held_w(watch.found) == {KEY: pytest.approx(ALLOWED_W - 860.0)}
    assert watch.run(17, 300, {KEY: 4_140.0}) == []
    assert watch.found.evses[KEY].level is Level.LOWERED


def test_a_step_is_at_least_one_ampere_on_each_phase() -> None:
    watch = Watch()
    watch.run(1, 17, {KEY: 4_700.0, OTHER: 4_700.0})
    assert checks.held_w(watch.found) == {KEY: pytest.approx(4_140.0 - 690.0), OTHER: pytest.approx(4_140.0 - 560.0)}


def test_an_issue_is_cleared_once_its_charger_obeys_and_it_stays_down_until_the_signal_ends() -> None:
    watch = Watch()
    watch.run(1, 62, {KEY: 11_000.0})
    assert watch.run(62, 122, {KEY: 0.0}) == [EvseAction(KEY, ActionKind.CLEAR_ISSUE, 0.0, 0.0)]
    assert watch.found.issues == frozenset()
    assert checks.held_w(watch.found) == {KEY: 0.0}
    assert checks.held_w(checks.end(watch.found)) == {}


def test_an_issue_that_is_open_at_the_end_is_cleared_under_the_next_signal() -> None:
    watch = Watch()
    watch.run(1, 62, {KEY: 11_000.0})
    ended = checks.end(watch.found)
    assert (ended.issues, checks.next_check(ended)) == ({KEY}, None)
    assert checks.check(ended, Measured(), after(100.0)) == (ended, ())
    again = Watch(ended)
    made = again.run(1, 17, {KEY: 4_000.0})
    assert [one.kind for one in made] == [ActionKind.CLEAR_ISSUE]


def test_a_tighter_signal_checks_anew_and_keeps_down_who_was_down() -> None:
    watch = Watch()
    watch.run(1, 17, {KEY: 5_000.0})
    anew = checks.begin(watch.found, after(20.0))
    assert (anew.done, anew.results, anew.commanded_at) == (0, (), None)
    assert KEY in checks.held_w(anew)


@pytest.mark.parametrize("drawn_w", [{}, {KEY: float("nan")}])
def test_what_nobody_measures_is_neither_obedience_nor_the_lack_of_it(drawn_w: dict[EvseKey, float]) -> None:
    watch = Watch()
    watch.run(1, 20, drawn_w, {KEY: ALLOWED_W})
    assert watch.actions == {}
    assert watch.found.results[0].unknown == (KEY,)


def test_a_command_that_never_went_out_is_checked_from_when_it_was_due() -> None:
    found = checks.begin(Verification(), NOW)
    assert checks.next_check(found) == after(17.0)
    found, _ = checks.check(found, Measured({KEY: 11_000.0}, {KEY: 0.0}, after(-5.0)), after(1.0))
    assert (found.commanded_at, found.complied_at) == (None, None)
    found, _ = checks.check(found, Measured({KEY: ALLOWED_W}, {KEY: 0.0}, after(4.0)), after(4.0))
    assert found.command_late
    assert found.complied_at == after(4.0)


def test_one_reading_after_a_long_silence_stands_for_all_that_were_missed() -> None:
    watch = Watch()
    watch.run(600, 615, {KEY: 11_000.0})
    assert watch.actions == {600: [ActionKind.LOWER]}
    assert checks.next_check(watch.found) == after(615.0)

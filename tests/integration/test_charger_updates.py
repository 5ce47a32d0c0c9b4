"""Entities of chargers are written when these changed: at once on a small site, in turns on a large one."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
import logging

import pytest

from custom_components.smart_charging.charger_updates import CHARGERS_PER_S, REFRESH_S, ChargerUpdates
from custom_components.smart_charging.engine.model import EvseStatus
from custom_components.smart_charging.engine.view import ChargerView, SiteView

from .site_double import evse, garage, measurement, site_view


class Site:
    """So many chargers with one listener each, and how often that was called."""

    def __init__(self, chargers: int) -> None:
        """Write all of them once."""
        self.updates = ChargerUpdates()
        self.written: Counter[str] = Counter()
        names = [f"CP{number}" for number in range(chargers)]
        one = garage(evse(state={"measurement": measurement(power_w=1.0)}))
        self.chargers: dict[str, ChargerView] = dict.fromkeys(names, one)
        self.stops = [self.updates.async_add(name, partial(self._write, name)) for name in names]
        self.view: SiteView = replace(site_view(), chargers=self.chargers)
        while self.updates.async_update(self.view, everything=False):
            continue
        self.written.clear()

    def _write(self, name: str) -> None:
        self.written[name] += 1

    def meter(self, name: str, power_w: float) -> None:
        """Let a charger tell another power."""
        self.change(name, measurement=measurement(power_w=power_w))

    def change(self, name: str, **state: object) -> None:
        """Let the state of a charger's EVSE be another one."""
        self.chargers = {**self.chargers, name: garage(evse(state={"measurement": measurement(power_w=1.0)} | state))}

    def pass_time(self, seconds: float, *, everything: bool = False) -> bool:
        """Publish the view after so many seconds; return whether more waits."""
        at = self.view.at + timedelta(seconds=seconds)
        self.view = replace(self.view, at=at, chargers=self.chargers)
        return self.updates.async_update(self.view, everything=everything)


def test_only_the_charger_that_changed_is_written() -> None:
    site = Site(3)
    site.meter("CP1", 2.0)
    assert not site.pass_time(0.1)
    assert site.written == {"CP1": 1}


def test_a_charger_that_tells_nothing_is_written_now_and_then_for_time_passes() -> None:
    site = Site(1)
    site.pass_time(REFRESH_S - 1)
    assert not site.written
    site.pass_time(1)
    assert site.written == {"CP0": 1}


def test_measurements_of_a_large_site_wait_for_their_turn_and_are_not_forgotten() -> None:
    site = Site(3 * CHARGERS_PER_S)
    site.meter("CP7", 2.0)
    assert site.pass_time(1)
    assert not site.written
    site.meter("CP7", 3.0)
    assert site.pass_time(1)
    site.pass_time(1)
    assert site.written["CP7"] == 1
    assert site.view.chargers["CP7"].evses[1].state.measurement == measurement(power_w=3.0)


def test_what_somebody_did_is_written_at_once_also_on_a_large_site() -> None:
    site = Site(3 * CHARGERS_PER_S)
    site.change("CP7", status=EvseStatus.FAULTED)
    assert not site.pass_time(0.1)
    assert site.written == {"CP7": 1}


def test_of_many_that_are_due_at_once_the_oldest_come_first_and_all_come() -> None:
    site = Site(3 * CHARGERS_PER_S)
    for number in range(3 * CHARGERS_PER_S):
        site.meter(f"CP{number}", 2.0)
    assert site.pass_time(3)
    assert len(site.written) == CHARGERS_PER_S
    assert site.pass_time(0.1)
    assert not site.pass_time(0.1)
    assert set(site.written.values()) == {1}
    assert len(site.written) == 3 * CHARGERS_PER_S


def test_everything_is_written_where_the_configuration_changed() -> None:
    site = Site(2 * CHARGERS_PER_S)
    assert not site.pass_time(0, everything=True)
    assert len(site.written) == 2 * CHARGERS_PER_S


def test_a_charger_that_was_removed_is_written_once_more_and_one_that_is_not_shown_not_again() -> None:
    site = Site(2)
    del site.chargers["CP1"]
    site.pass_time(0.1)
    site.pass_time(0.1)
    assert site.written == {"CP1": 1}
    site.stops[1]()
    site.pass_time(REFRESH_S)
    assert site.written == {"CP1": 1, "CP0": 1}


def test_an_entity_that_fails_keeps_no_other_from_its_update(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(1)

    def fail() -> None:
        raise ValueError("broken")

    site.updates.async_add("CP0", fail)
    site.updates.async_add("CP0", partial(site._write, "other"))
    site.meter("CP0", 2.0)
    with caplog.at_level(logging.ERROR):
        site.pass_time(0.1)
    assert site.written == {"CP0": 1, "other": 1}
    assert "could not be updated" in caplog.text

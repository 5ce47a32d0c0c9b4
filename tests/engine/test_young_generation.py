"""Room for the messages of many stations before Python looks for garbage."""

from collections.abc import Iterator
import gc

import pytest

from custom_components.smart_charging.engine.young_generation import PER_STATION, YoungGeneration


@pytest.fixture(autouse=True)
def _thresholds_as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_few_stations_change_nothing() -> None:
    before = gc.get_threshold()
    YoungGeneration().hold("site", 3)
    assert gc.get_threshold() == before


def test_room_follows_the_stations_of_all_sites_and_goes_with_them() -> None:
    before = gc.get_threshold()
    young = YoungGeneration()
    young.hold(one := object(), 300)
    young.hold(two := object(), 100)
    assert gc.get_threshold() == (400 * PER_STATION, *before[1:])
    young.hold(one, 200)
    assert gc.get_threshold()[0] == 300 * PER_STATION
    young.hold(one, 0)
    young.hold(two, 0)
    assert gc.get_threshold() == before


def test_a_process_that_collects_nothing_is_left_at_that() -> None:
    gc.set_threshold(0)
    YoungGeneration().hold("site", 500)
    assert gc.get_threshold()[0] == 0

"""A large site's lasting objects leave the garbage collection, and come back when the site goes."""

from collections.abc import Iterator
from datetime import timedelta
import gc

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.long_lived import FREQUENT, LARGE, LOOK_EVERY, LOOKS, async_keep_for_good


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    """Leave the garbage collection as it was."""
    gc.unfreeze()
    yield
    gc.unfreeze()


async def look(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Let the time between two looks pass."""
    freezer.tick(LOOK_EVERY + timedelta(seconds=1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


async def test_a_small_site_leaves_the_garbage_collection_alone(hass: HomeAssistant) -> None:
    async_keep_for_good(hass, LARGE - 1)()
    assert gc.get_freeze_count() == 0


async def test_a_large_site_keeps_what_is_there_and_what_comes_with_its_stations(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    release = async_keep_for_good(hass, LARGE)
    at_first = gc.get_freeze_count()
    assert at_first > 0
    stations = [[number] for number in range(100_000)]
    for _ in range(FREQUENT):
        gc.collect()
    await look(hass, freezer)
    assert gc.get_freeze_count() >= at_first + len(stations)
    release()
    assert gc.get_freeze_count() == 0


async def test_what_comes_is_left_alone_once_the_first_minutes_are_over_or_the_site_goes(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    release = async_keep_for_good(hass, LARGE)
    for _ in range(LOOKS):
        await look(hass, freezer)
    kept = gc.get_freeze_count()
    for _ in range(FREQUENT):
        gc.collect()
    await look(hass, freezer)
    assert gc.get_freeze_count() <= kept
    release()
    async_keep_for_good(hass, LARGE)()
    for _ in range(FREQUENT):
        gc.collect()
    await look(hass, freezer)
    assert gc.get_freeze_count() == 0

"""A large site's lasting objects leave the garbage collection, and come back when the site goes."""

from collections.abc import Iterator
from datetime import timedelta
import gc

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.long_lived import LARGE, STATIONS_COME_S, async_keep_for_good


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    """Leave the garbage collection as it was."""
    gc.unfreeze()
    yield
    gc.unfreeze()


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
    freezer.tick(timedelta(seconds=STATIONS_COME_S + 1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert gc.get_freeze_count() >= at_first + len(stations)
    release()
    assert gc.get_freeze_count() == 0


async def test_a_site_that_goes_early_freezes_nothing_later(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async_keep_for_good(hass, LARGE)()
    freezer.tick(timedelta(seconds=STATIONS_COME_S + 1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert gc.get_freeze_count() == 0

"""Fixtures of the tests that run inside Home Assistant."""

from collections.abc import AsyncIterator
from datetime import datetime
import socket
from unittest.mock import AsyncMock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from tests.engine.grid.vtn import Vtn

from .openadr_site import House
from .price_sources import MORNING, Followed


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load what is in `custom_components`."""


@pytest.fixture
def free_port(socket_enabled: None) -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def no_setup(hass: HomeAssistant) -> AsyncIterator[AsyncMock]:
    """Keep entries from being set up, for tests of the flows alone."""
    module = "custom_components.smart_charging"
    with (
        patch(f"{module}.async_setup_entry", return_value=True) as setup,
        patch(f"{module}.async_unload_entry", return_value=True),
    ):
        yield setup
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Let each test have its own configuration directory, and with it its own ledger."""
    return hass_tmp_config_dir


@pytest.fixture
async def unload_at_the_end(hass: HomeAssistant) -> AsyncIterator[None]:
    """Unload what a test left running."""
    yield
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
async def followed(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[Followed]:
    """Return prices at a site in Berlin on a morning in November."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config.currency = "EUR"
    freezer.move_to(datetime.fromisoformat(MORNING))
    followed = Followed(hass, freezer)
    yield followed
    followed.prices.async_stop()
    await followed.settle()


@pytest.fixture
async def vtn(socket_enabled: None) -> AsyncIterator[Vtn]:
    """Return an OpenADR server that has a programme."""
    vtn = Vtn()
    vtn.add_program()
    await vtn.start()
    yield vtn
    await vtn.stop()


@pytest.fixture
def house(hass: HomeAssistant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a site's house that time passes for, and for the OpenADR server that it asks."""
    return House(hass, freezer, monkeypatch)

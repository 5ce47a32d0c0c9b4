"""The client library for OpenADR, installed when a server is set up, and a first question to a server."""

from dataclasses import replace
import random
from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant
from homeassistant.requirements import async_clear_install_history, async_process_requirements

from .const import DOMAIN
from .engine.clock import SystemClock
from .engine.grid.openadr_config import REQUIREMENTS_WHEN_CHOSEN, VenConfig

if TYPE_CHECKING:
    from .engine.grid.openadr_ven import VenState

CHECK_S: Final = 30.0


async def async_install(hass: HomeAssistant) -> None:
    """Install the library where it is not; RequirementsNotFound where that fails."""
    # Else a failure would be remembered, and never be tried again.
    async_clear_install_history(hass)
    await async_process_requirements(hass, DOMAIN, list(REQUIREMENTS_WHEN_CHOSEN), is_built_in=False)


def ask_once(config: VenConfig) -> VenState:
    """Return what comes of one poll that makes nothing known to the server; blocks."""
    from .engine.grid.openadr_ven import Ven  # noqa: PLC0415 - loaded where a server is set up

    ven = Ven(replace(config, register=False, notifications=False), SystemClock(), random.random)
    try:
        return ven.poll()
    except Exception as error:  # noqa: BLE001 - told as a running VEN tells it
        return ven.fell_over(error)
    finally:
        ven.close()

"""What a large site keeps for good is taken out of Python's garbage collection, which else looks at all of it."""

from datetime import datetime
import gc
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

# Entities, devices and stations of so many chargers are a million objects: a full collection, which a large site
# brings about several times a minute, then stops Home Assistant for a second or more, each time.
LARGE: Final = 200
STATIONS_COME_S: Final = 60.0


@callback
def async_keep_for_good(hass: HomeAssistant, chargers: int) -> CALLBACK_TYPE:
    """Leave out what is there now and once the stations came; return how to have it collected again."""
    if chargers < LARGE:
        return lambda: None
    _freeze()

    @callback
    def async_stations_came(_now: datetime) -> None:
        _freeze()

    cancel = async_call_later(hass, STATIONS_COME_S, async_stations_came)

    @callback
    def async_release() -> None:
        cancel()
        gc.unfreeze()

    return async_release


def _freeze() -> None:
    """Collect what is garbage, then exempt the rest."""
    gc.collect()
    gc.freeze()

"""What a large site keeps for good is taken out of Python's garbage collection, which else looks at all of it."""

from datetime import datetime, timedelta
import gc
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

# Entities, devices and stations of so many chargers are a million objects: a full collection, which a large site
# brings about several times a minute, then stops Home Assistant for a second or more, each time.
LARGE: Final = 200
LOOK_EVERY: Final = timedelta(seconds=60)
LOOKS: Final = 10  # by then the stations came, or come one by one
FREQUENT: Final = 2  # full collections between two looks
_OLDEST: Final = 2  # the generation whose collection is a full one


@callback
def async_keep_for_good(hass: HomeAssistant, chargers: int) -> CALLBACK_TYPE:
    """Leave out what is there now, and what comes with the stations; return how to have it collected again."""
    return LongLived(hass).async_stop if chargers >= LARGE else lambda: None


class LongLived:
    """Exempts what is there, and again as long as full collections are frequent, for the first minutes only.

    Each time garbage is collected before, so that what is exempt is in use.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Exempt what the set-up left."""
        self._looks = 0
        self._collections = 0
        self._cancel: CALLBACK_TYPE | None = async_track_time_interval(hass, self._async_look, LOOK_EVERY)
        self._freeze()

    @callback
    def async_stop(self) -> None:
        """Exempt nothing any more."""
        self._async_look_no_more()
        gc.unfreeze()

    @callback
    def _async_look(self, _now: datetime) -> None:
        """Exempt what came where collecting it would go on for ever."""
        self._looks += 1
        if full_collections() - self._collections >= FREQUENT:
            self._freeze()
        self._collections = full_collections()
        if self._looks >= LOOKS:
            self._async_look_no_more()

    @callback
    def _async_look_no_more(self) -> None:
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def _freeze(self) -> None:
        gc.collect()
        gc.freeze()
        self._collections = full_collections()


def full_collections() -> int:
    """Return how many full collections there were."""
    return int(gc.get_stats()[_OLDEST]["collections"])

"""Tells once when a car will not have what it is to have by its departure, as soon as that is known."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from .control.snapshot import EvseSnapshot
from .csms.state import Detail
from .model import EvseKey
from .view import SiteEvent, SiteEventType

MISSED_WH: Final = 200.0  # what a car may lack without a word: a minute or two of charging
KEPT_WH: Final = 50.0  # below it a target is out of danger, and would be told of again


def missing_wh(evse: EvseSnapshot) -> float | None:
    """Return the Wh at the charger that a car will lack at its departure, None where it has no target for one."""
    advice = evse.advice
    return None if advice is None or advice.departure is None or not evse.plugged else advice.missing_wh


class DeadlineWatch:
    """Remembers what each car lacks, and of which departures it was told that they can't be kept."""

    def __init__(self, announce: Callable[[SiteEvent], None]) -> None:
        """Know of no car yet."""
        self._announce = announce
        self._missing: dict[EvseKey, float] = {}
        self._told: dict[EvseKey, datetime] = {}

    def look(self, evses: Sequence[EvseSnapshot], now: datetime) -> None:
        """Take what is known of all cars now."""
        self._missing = {evse.key: lacks for evse in evses if (lacks := missing_wh(evse)) is not None}
        self._told = {key: told for key, told in self._told.items() if self._missing.get(key, 0.0) >= KEPT_WH}
        for evse in evses:
            key, departure, lacks = evse.key, evse.settings.departure, self._missing.get(evse.key, 0.0)
            if departure is None or lacks < MISSED_WH or self._told.get(key) == departure:
                continue
            self._told[key] = departure
            details: dict[str, Detail] = {"missing_kwh": round(lacks / 1000, 2), "departure": departure.isoformat()}
            self._announce(SiteEvent(SiteEventType.TARGET_UNREACHABLE, key, now, details=details))

    def missing(self, key: EvseKey) -> float | None:
        """Return the Wh that the car at an EVSE will lack, None where it has no target for a departure."""
        return self._missing.get(key)

"""What is wished for each EVSE of a site: what its user set, and what a calendar has."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
import logging
from typing import Final

from .config import DatedPlan, EvseSettings, StationConfig
from .evse_settings import after_unplug, load_settings, save_settings
from .ledger import SiteLedger
from .model import EvseKey, StoreError

_LOGGER = logging.getLogger(__name__)

_UNSET: Final = EvseSettings()


class EvseWishes:
    """Holds them by EVSE; what a user set is kept in the ledger."""

    def __init__(self, ledger: SiteLedger, changed: Callable[[], None]) -> None:
        """Know of none before `load`; `changed` is called when one is another."""
        self._ledger = ledger
        self._changed = changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._settings: dict[EvseKey, EvseSettings] = {}
        self._dated: dict[EvseKey, tuple[DatedPlan, ...]] = {}

    async def load(self, station_id: str) -> None:
        """Read what was kept for a station's EVSEs; raises StoreError when that fails."""
        self._settings.update(await load_settings(self._ledger, station_id))

    def settings(self, key: EvseKey) -> EvseSettings:
        """Return what the user set for an EVSE."""
        return self._settings.get(key, _UNSET)

    def asked(self, key: EvseKey) -> EvseSettings:
        """Return what is asked of an EVSE: what the user set, and what a calendar has."""
        settings, dated = self.settings(key), self._dated.get(key, ())
        return replace(settings, dated=dated) if dated else settings

    async def set(self, key: EvseKey, settings: EvseSettings) -> None:
        """Keep what the user set, and let it count; raises StoreError, and changes nothing, when it can't be kept."""
        await save_settings(self._ledger, key, settings)
        self._settings[key] = settings
        self._changed()

    def set_dated(self, key: EvseKey, plans: tuple[DatedPlan, ...]) -> None:
        """Take the departures of a calendar in place of those before."""
        if plans != self._dated.get(key, ()):
            self._dated[key] = plans
            self._changed()

    def car_left(self, key: EvseKey, config: StationConfig) -> None:
        """Drop what was wished for the car that left; the mode returns to what the station is set up for."""
        settings = self.settings(key)
        after = after_unplug(settings, config)
        if after != settings:
            task = asyncio.create_task(self._reset(key, after), name="reset after unplug")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _reset(self, key: EvseKey, settings: EvseSettings) -> None:
        try:
            await self.set(key, settings)
        except StoreError as error:
            _LOGGER.error("What was wished for a car that left could not be reset: %s", error)

    def forget(self, station_id: str) -> None:
        """Forget a station that is gone."""
        self._settings = _without(self._settings, station_id)
        self._dated = _without(self._dated, station_id)


def _without[T](kept: Mapping[EvseKey, T], station_id: str) -> dict[EvseKey, T]:
    return {key: value for key, value in kept.items() if key.station_id != station_id}

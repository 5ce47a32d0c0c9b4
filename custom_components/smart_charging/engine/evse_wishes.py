"""What is wished for each EVSE of a site: what its user set, and what a calendar has."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from .config import DatedPlan, EvseSettings
from .evse_settings import load_settings, save_settings
from .ledger import SiteLedger
from .model import EvseKey

_UNSET: Final = EvseSettings()


class EvseWishes:
    """Holds them by EVSE; what a user set is kept in the ledger."""

    def __init__(self, ledger: SiteLedger) -> None:
        """Know of none before `load`."""
        self._ledger = ledger
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

    def set_dated(self, key: EvseKey, plans: tuple[DatedPlan, ...]) -> bool:
        """Take the departures of a calendar in place of those before; returns whether they are others."""
        if plans == self._dated.get(key, ()):
            return False
        self._dated[key] = plans
        return True

    def forget(self, station_id: str) -> None:
        """Forget a station that is gone."""
        self._settings = _without(self._settings, station_id)
        self._dated = _without(self._dated, station_id)


def _without[T](kept: Mapping[EvseKey, T], station_id: str) -> dict[EvseKey, T]:
    return {key: value for key, value in kept.items() if key.station_id != station_id}

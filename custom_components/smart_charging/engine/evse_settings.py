"""What a user set for an EVSE, kept in the ledger so that not even a power cut forgets it."""

from collections.abc import Mapping
from dataclasses import dataclass
import logging

from .ledger import SiteLedger
from .model import ChargeMode, EvseKey, Json

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """Mode, permission, and the user's limit in A per phase (None: the station's own maximum)."""

    mode: ChargeMode = ChargeMode.FAST
    enabled: bool = True
    max_current_a: float | None = None


async def load_settings(ledger: SiteLedger, station_id: str) -> dict[EvseKey, EvseSettings]:
    """Return the settings kept for a station's EVSEs; raises StoreError when they cannot be read."""
    kept = await ledger.load_settings(station_id)
    return {EvseKey(station_id, evse_id): _from_json(settings) for evse_id, settings in kept.items()}


def _from_json(kept: Mapping[str, Json]) -> EvseSettings:
    """Read settings; a mode that only a newer version knows is off, for nobody knows what it allows."""
    default = EvseSettings()
    mode, limit = kept.get("mode", default.mode.value), kept.get("max_current_a")
    known = mode in {one.value for one in ChargeMode}
    if not known:
        _LOGGER.warning("Unknown mode %s was kept: using %s", mode, ChargeMode.OFF)
    return EvseSettings(
        mode=ChargeMode(str(mode)) if known else ChargeMode.OFF,
        enabled=kept.get("enabled", True) is True,
        max_current_a=float(limit) if isinstance(limit, int | float) else None,
    )


async def save_settings(ledger: SiteLedger, key: EvseKey, settings: EvseSettings) -> None:
    """Keep an EVSE's settings; raises StoreError when that fails."""
    await ledger.save_settings(
        key,
        {"mode": settings.mode.value, "enabled": settings.enabled, "max_current_a": settings.max_current_a},
    )

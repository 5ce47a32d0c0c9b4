"""What a user set for an EVSE, kept in the ledger so that not even a power cut forgets it."""

from dataclasses import dataclass
import logging

from .ledger import SiteLedger
from .model import ChargeMode, EvseKey

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """Mode, permission, and the user's limit in A per phase (None: the station's own maximum)."""

    mode: ChargeMode = ChargeMode.FAST
    enabled: bool = True
    max_current_a: float | None = None


async def load_settings(ledger: SiteLedger, key: EvseKey) -> EvseSettings:
    """Return an EVSE's settings; what a newer version wrote and this one cannot read is the default."""
    kept = await ledger.load_settings(key)
    default = EvseSettings()
    mode, limit = kept.get("mode"), kept.get("max_current_a")
    if mode is not None and mode not in {one.value for one in ChargeMode}:
        _LOGGER.warning("Unknown mode kept for %s: using %s", key, ChargeMode.OFF)
        mode = ChargeMode.OFF.value
    return EvseSettings(
        mode=default.mode if mode is None else ChargeMode(str(mode)),
        enabled=kept.get("enabled", True) is True,
        max_current_a=float(limit) if isinstance(limit, int | float) else None,
    )


async def save_settings(ledger: SiteLedger, key: EvseKey, settings: EvseSettings) -> None:
    """Keep an EVSE's settings; raises StoreError when that fails."""
    await ledger.save_settings(
        key,
        {"mode": settings.mode.value, "enabled": settings.enabled, "max_current_a": settings.max_current_a},
    )

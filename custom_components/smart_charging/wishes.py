"""What users ask of an EVSE beside its mode: a boost, and targets."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from .engine.config import EvseSettings
from .engine.model import EvseKey
from .engine.site import Site

BOOST_TIME: Final = timedelta(minutes=60)  # where none is given


async def boost(site: Site, key: EvseKey, duration: timedelta, now: datetime) -> None:
    """Let an EVSE charge at full power for so long from now on; 0 ends that. Raises StoreError."""
    until = now + duration if duration > timedelta(0) else None
    await site.set_settings(key, replace(site.settings(key), boost_until=until))


@dataclass(frozen=True, slots=True)
class Targets:
    """What a car is to have; None leaves it as it is, 0 asks for nothing."""

    energy_wh: float | None = None
    soc_percent: float | None = None
    min_soc_percent: float | None = None


def with_targets(settings: EvseSettings, targets: Targets) -> EvseSettings:
    """Return the settings with the targets that are given."""
    if targets.energy_wh is not None:
        settings = replace(settings, target_energy_wh=targets.energy_wh or None)
    if targets.soc_percent is not None:
        settings = replace(settings, target_soc_percent=targets.soc_percent or None)
    if targets.min_soc_percent is not None:
        settings = replace(settings, min_soc_percent=targets.min_soc_percent or None)
    return settings

"""What a user set for an EVSE, kept in the ledger so that not even a power cut forgets it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time
import logging

from .config import EvseSettings, Giving, RepeatingPlan, StationConfig, Weekday
from .ledger import SiteLedger
from .model import ChargeMode, EvseKey, Json

_LOGGER = logging.getLogger(__name__)


def after_unplug(settings: EvseSettings, config: StationConfig) -> EvseSettings:
    """Return what is left of the settings once a car left: its wishes go, the mode is what the station is set up for."""
    mode = config.mode_after_unplug or settings.mode
    left = replace(settings, mode=mode, target_energy_wh=None, boost_until=None, departure=None)
    return replace(left, told_soc_percent=None, told_at_wh=0.0, told_at_given_wh=0.0)


async def load_settings(ledger: SiteLedger, station_id: str) -> dict[EvseKey, EvseSettings]:
    """Return the settings kept for a station's EVSEs; raises StoreError when they cannot be read."""
    kept = await ledger.load_settings(station_id)
    return {EvseKey(station_id, evse_id): _from_json(settings) for evse_id, settings in kept.items()}


def _from_json(kept: Mapping[str, Json]) -> EvseSettings:
    """Read settings; a mode that only a newer version knows is off, for nobody knows what it allows."""
    default = EvseSettings()
    mode = kept.get("mode", default.mode.value)
    known = mode in {one.value for one in ChargeMode}
    if not known:
        _LOGGER.warning("Unknown mode %s was kept: using %s", mode, ChargeMode.OFF)
    return EvseSettings(
        mode=ChargeMode(str(mode)) if known else ChargeMode.OFF,
        enabled=kept.get("enabled", True) is True,
        max_current_a=_number(kept, "max_current_a"),
        priority=None if (priority := _number(kept, "priority")) is None else round(priority),
        min_soc_percent=_number(kept, "min_soc_percent"),
        target_soc_percent=_number(kept, "target_soc_percent"),
        target_energy_wh=_number(kept, "target_energy_wh"),
        boost_until=_time(kept, "boost_until"),
        departure=_time(kept, "departure"),
        price_limit=_number(kept, "price_limit"),
        late_min=_number(kept, "late_min"),
        continuous=kept.get("continuous") is True,
        told_soc_percent=_number(kept, "told_soc_percent"),
        told_at_wh=_number(kept, "told_at_wh") or 0.0,
        told_at_given_wh=_number(kept, "told_at_given_wh") or 0.0,
        giving=_giving(kept.get("giving")),
        keep_soc_percent=default.keep_soc_percent if (keep := _number(kept, "keep_soc_percent")) is None else keep,
        repeating=tuple(_repeating(kept.get("repeating"))),
    )


def _giving(kept: Json) -> Giving:
    """Read what a car may give back for; what only a newer version knows is nothing."""
    return Giving(str(kept)) if kept in {one.value for one in Giving} else Giving.OFF


async def save_settings(ledger: SiteLedger, key: EvseKey, settings: EvseSettings) -> None:
    """Keep an EVSE's settings; raises StoreError when that fails."""
    await ledger.save_settings(
        key,
        {
            "mode": settings.mode.value,
            "enabled": settings.enabled,
            "max_current_a": settings.max_current_a,
            "priority": settings.priority,
            "min_soc_percent": settings.min_soc_percent,
            "target_soc_percent": settings.target_soc_percent,
            "target_energy_wh": settings.target_energy_wh,
            "boost_until": None if settings.boost_until is None else settings.boost_until.isoformat(),
            "departure": None if settings.departure is None else settings.departure.isoformat(),
            "price_limit": settings.price_limit,
            "late_min": settings.late_min,
            "continuous": settings.continuous,
            "told_soc_percent": settings.told_soc_percent,
            "told_at_wh": settings.told_at_wh,
            "told_at_given_wh": settings.told_at_given_wh,
            "giving": settings.giving.value,
            "keep_soc_percent": settings.keep_soc_percent,
            "repeating": [_plan_json(plan) for plan in settings.repeating],
        },
    )


def _plan_json(plan: RepeatingPlan) -> dict[str, Json]:
    return {
        "weekdays": [day.value for day in plan.weekdays],
        "leaves": plan.leaves.isoformat(),
        "energy_wh": plan.energy_wh,
        "soc_percent": plan.soc_percent,
    }


def _repeating(kept: Json) -> Iterable[RepeatingPlan]:
    """Yield the plans that were kept; one that is not understood is left out, and told."""
    for one in kept if isinstance(kept, list) else ():
        try:
            yield _plan(one)
        except ValueError:
            _LOGGER.warning("What was kept as a repeating plan is none and not used")


def _plan(kept: Json) -> RepeatingPlan:
    if not isinstance(kept, dict) or not isinstance(days := kept.get("weekdays"), list) or not days:
        raise ValueError("is no plan")
    weekdays = tuple(Weekday(str(day)) for day in days)
    leaves = time.fromisoformat(str(kept.get("leaves")))
    return RepeatingPlan(weekdays, leaves, _number(kept, "energy_wh"), _number(kept, "soc_percent"))


def _number(kept: Mapping[str, Json], name: str) -> float | None:
    value = kept.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(kept: Mapping[str, Json], name: str) -> datetime | None:
    value = kept.get(name)
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        _LOGGER.warning("What was kept as %s is no time and not used", name)
        return None

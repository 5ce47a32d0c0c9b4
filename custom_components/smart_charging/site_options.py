"""The options of a site, translated into the engine's words; what was never chosen has its default."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from .const import (
    CONF_ACCESS_MODE,
    CONF_GROUPS_SHARE,
    CONF_HOLIDAY_CALENDAR,
    CONF_LEASE_HOLD_S,
    CONF_LEASE_RENEW_S,
    CONF_LOCAL_LISTS,
    CONF_PEAK_DAYS,
    CONF_PEAK_FLOOR_KW,
    CONF_PEAK_INTERVAL_MIN,
    CONF_PEAK_PRESET,
    CONF_PEAK_PRICE,
    CONF_PEAK_TARGET_KW,
    CONF_PHASE_SWITCHES,
    CONF_PHASES_DOWN_S,
    CONF_PHASES_HOLD_S,
    CONF_PHASES_UP_S,
    CONF_POWER_LIMIT_W,
    CONF_RESIDUAL_W,
    CONF_SENIORITY_PER_H,
    CONF_SMOOTHING_S,
    CONF_SOLAR_FORECAST,
    CONF_SOLAR_FORECAST_ENTITIES,
    CONF_SOLAR_PRESET,
    CONF_START_S,
    CONF_START_SHARE,
    CONF_STOP_S,
    CONF_STOP_SHARE,
    CONF_TURN_MIN,
    CONF_UNBALANCE_A,
    CONF_ZERO_EXPORT,
    DEFAULT_SENIORITY_PER_H,
    DEFAULT_TURN_MIN,
)
from .engine.config import QUICK_SOLAR, LeaseTimes, PeakConfig, SolarConfig
from .engine.control.peak import PRESETS, PeakPreset
from .engine.id_token import AccessMode, AccessPolicy, LocalListUse

# What the form offers besides the tariffs known by name.
PEAK_NONE: Final = "none"
PEAK_CUSTOM: Final = "custom"


class SolarPreset(StrEnum):
    """How patiently surplus is followed."""

    TUNED = "tuned"
    QUICK = "quick"
    CUSTOM = "custom"


class SolarForecastSource(StrEnum):
    """Who is asked what the panels will bring."""

    ENERGY_DASHBOARD = "energy_dashboard"
    ENTITIES = "entities"
    LEARNT = "learnt"  # nobody: it will be as it was


def solar_forecast_source(options: Mapping[str, Any]) -> SolarForecastSource:
    """Return who is asked what the panels will bring."""
    return SolarForecastSource(options.get(CONF_SOLAR_FORECAST, SolarForecastSource.ENERGY_DASHBOARD))


def solar_forecast_entities(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entities that tell a forecast in their attributes."""
    return tuple(options.get(CONF_SOLAR_FORECAST_ENTITIES, ()))


def holiday_calendar(options: Mapping[str, Any]) -> str | None:
    """Return the calendar whose days are as Sundays, None where none is chosen."""
    return options.get(CONF_HOLIDAY_CALENDAR)


def lease_times(options: Mapping[str, Any]) -> LeaseTimes:
    """Return how long limits hold; ValueError where a lease would end before its renewal."""
    default = LeaseTimes()
    return LeaseTimes(
        hold_s=float(options.get(CONF_LEASE_HOLD_S, default.hold_s)),
        renew_s=float(options.get(CONF_LEASE_RENEW_S, default.renew_s)),
    )


def access_policy(options: Mapping[str, Any]) -> AccessPolicy:
    """Return who may charge; a site where nobody chose accepts everybody."""
    return AccessPolicy(
        mode=AccessMode(options.get(CONF_ACCESS_MODE, AccessMode.ACCEPT_ALL)),
        groups_share=bool(options.get(CONF_GROUPS_SHARE, False)),
        local_lists=LocalListUse(options.get(CONF_LOCAL_LISTS, LocalListUse.AUTOMATIC)),
    )


def power_limit_w(options: Mapping[str, Any]) -> float | None:
    """Return the most that may flow in at the grid connection, in W; None where only the fuse counts."""
    return _number(options, CONF_POWER_LIMIT_W)


def unbalance_a(options: Mapping[str, Any]) -> float | None:
    """Return how much two phases may differ, in A; None where that does not matter."""
    return _number(options, CONF_UNBALANCE_A)


def turn_s(options: Mapping[str, Any]) -> float:
    """Return how long a car keeps its turn, in seconds."""
    return float(options.get(CONF_TURN_MIN, DEFAULT_TURN_MIN)) * 60


def seniority_per_h(options: Mapping[str, Any]) -> float:
    """Return what each hour plugged in adds to a car's weight; 0 where all are alike."""
    return float(options.get(CONF_SENIORITY_PER_H, DEFAULT_SENIORITY_PER_H))


def peak_config(options: Mapping[str, Any]) -> PeakConfig | None:
    """Return the tariff on peak power, None where there is none."""
    preset = options.get(CONF_PEAK_PRESET, PEAK_NONE)
    if preset == PEAK_NONE:
        return None
    target_w = float(options[CONF_PEAK_TARGET_KW]) * 1000
    price = float(options.get(CONF_PEAK_PRICE, 0.0))
    if preset != PEAK_CUSTOM:
        return replace(PRESETS[PeakPreset(preset)], target_w=target_w, price_per_kw=price)
    return PeakConfig(
        interval_min=int(options[CONF_PEAK_INTERVAL_MIN]),
        target_w=target_w,
        floor_w=float(options[CONF_PEAK_FLOOR_KW]) * 1000,
        days=int(options[CONF_PEAK_DAYS]),
        price_per_kw=price,
    )


def solar_config(options: Mapping[str, Any]) -> SolarConfig:
    """Return how surplus charging starts, stops and changes phases."""
    preset = SolarPreset(options.get(CONF_SOLAR_PRESET, SolarPreset.TUNED))
    times = {SolarPreset.TUNED: SolarConfig(), SolarPreset.QUICK: QUICK_SOLAR}.get(preset) or _custom_solar(options)
    return replace(
        times,
        residual_w=float(options.get(CONF_RESIDUAL_W, times.residual_w)),
        zero_export=bool(options.get(CONF_ZERO_EXPORT, times.zero_export)),
    )


def _custom_solar(options: Mapping[str, Any]) -> SolarConfig:
    return SolarConfig(
        start_share=float(options[CONF_START_SHARE]) / 100,
        start_s=float(options[CONF_START_S]),
        stop_share=float(options[CONF_STOP_SHARE]) / 100,
        stop_s=float(options[CONF_STOP_S]),
        smoothing_s=float(options[CONF_SMOOTHING_S]),
        phases_up_s=float(options[CONF_PHASES_UP_S]),
        phases_down_s=float(options[CONF_PHASES_DOWN_S]),
        phases_hold_s=float(options[CONF_PHASES_HOLD_S]),
        phase_switches_per_day=int(options[CONF_PHASE_SWITCHES]),
    )


def _number(options: Mapping[str, Any], key: str) -> float | None:
    value = options.get(key)
    return None if value is None else float(value)

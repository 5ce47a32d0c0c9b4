"""What the user configured, translated into the engine's words."""

from collections.abc import Mapping
from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import (
    CONF_CURRENT_PHASES,
    CONF_FUSE_A,
    CONF_INVERT,
    CONF_LEASE_HOLD_S,
    CONF_LEASE_RENEW_S,
    CONF_MAX_CURRENT_A,
    CONF_NO_PASSWORD,
    CONF_PASSWORD_HASH,
    CONF_PHASES,
    CONF_POWER,
    CONF_POWER_PHASES,
    CONF_PRIORITY,
    CONF_RESERVED_HOUSE_A,
    CONF_ROTATION,
    CONF_SAFE_CURRENT_A,
    CONF_STATION_ID,
    CONF_VOLTAGE_PHASES,
    CONF_WEBSOCKET_PING,
    CONF_WRITES_FLASH,
    SUBENTRY_CHARGER,
    SUBENTRY_GRID_METER,
    SUBENTRY_PV,
)
from .engine.config import LeaseTimes, SiteConfig, StationConfig
from .engine.model import PhaseRotation


@dataclass(frozen=True, slots=True)
class GridMeterEntities:
    """The entities that together are the grid meter; a group is empty or has one per phase of the site."""

    power: str | None = None
    power_phases: tuple[str, ...] = ()
    current_phases: tuple[str, ...] = ()
    voltage_phases: tuple[str, ...] = ()
    invert: bool = False

    @property
    def all(self) -> frozenset[str]:
        """Return every entity id."""
        total = () if self.power is None else (self.power,)
        return frozenset((*total, *self.power_phases, *self.current_phases, *self.voltage_phases))


@dataclass(frozen=True, slots=True)
class PvEntity:
    """The entity that tells what one PV system produces."""

    power: str
    invert: bool = False


def lease_times(options: Mapping[str, float]) -> LeaseTimes:
    """Return how long limits hold; ValueError where a lease would end before its renewal."""
    default = LeaseTimes()
    return LeaseTimes(
        hold_s=float(options.get(CONF_LEASE_HOLD_S, default.hold_s)),
        renew_s=float(options.get(CONF_LEASE_RENEW_S, default.renew_s)),
    )


def site_config(entry: ConfigEntry) -> SiteConfig:
    """Return the site of this entry."""
    return SiteConfig(
        site_id=entry.entry_id,
        name=entry.title,
        fuse_a=float(entry.data[CONF_FUSE_A]),
        phases=int(entry.data[CONF_PHASES]),
        reserved_house_a=float(entry.data[CONF_RESERVED_HOUSE_A]),
        has_grid_meter=grid_meter(entry) is not None,
        lease=lease_times(entry.options),
    )


def station_config(subentry: ConfigSubentry) -> StationConfig:
    """Return the charging station of this subentry."""
    data = subentry.data
    return StationConfig(
        station_id=data[CONF_STATION_ID],
        name=subentry.title,
        password_hash=data[CONF_PASSWORD_HASH],
        allow_without_password=data[CONF_NO_PASSWORD],
        max_current_a=float(data[CONF_MAX_CURRENT_A]),
        phases=int(data[CONF_PHASES]),
        rotation=PhaseRotation(data[CONF_ROTATION]),
        safe_current_a=float(data[CONF_SAFE_CURRENT_A]),
        priority=int(data[CONF_PRIORITY]),
        writes_flash=data[CONF_WRITES_FLASH],
        # Chargers added by earlier versions were never asked.
        websocket_ping=data.get(CONF_WEBSOCKET_PING, True),
    )


def station_configs(entry: ConfigEntry) -> dict[str, StationConfig]:
    """Return the charging stations of this entry by subentry id."""
    return {
        subentry.subentry_id: station_config(subentry) for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)
    }


def grid_meter(entry: ConfigEntry) -> GridMeterEntities | None:
    """Return the site's grid meter, None where there is none."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_GRID_METER):
        data = subentry.data
        return GridMeterEntities(
            power=data.get(CONF_POWER),
            power_phases=_group(data, CONF_POWER_PHASES),
            current_phases=_group(data, CONF_CURRENT_PHASES),
            voltage_phases=_group(data, CONF_VOLTAGE_PHASES),
            invert=data[CONF_INVERT],
        )
    return None


def pv_systems(entry: ConfigEntry) -> dict[str, PvEntity]:
    """Return the site's PV systems by subentry id."""
    return {
        subentry.subentry_id: PvEntity(power=subentry.data[CONF_POWER], invert=subentry.data[CONF_INVERT])
        for subentry in entry.get_subentries_of_type(SUBENTRY_PV)
    }


def _group(data: Mapping[str, str], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entities of one group, in phase order."""
    return tuple(data[key] for key in keys if key in data)

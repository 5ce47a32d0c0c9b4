"""What the user configured of PV systems: what tells their power, what they can yield, and what curtails them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import (
    CONF_ACTION_FREE,
    CONF_ACTION_LIMIT,
    CONF_INSTALLED_KW,
    CONF_INVERT,
    CONF_LIMIT_NUMBER,
    CONF_POWER,
    CONF_RENEW_S,
    SUBENTRY_PV,
)
from .engine.config import PvConfig
from .entity_writes import Steps


@dataclass(frozen=True, slots=True)
class PvEntity:
    """The entity that tells what one PV system produces."""

    power: str
    invert: bool = False


@dataclass(frozen=True, slots=True)
class PvControl:
    """What a PV system is curtailed with: a number of another integration, or in its place the user's own actions.

    `limit_number` has any unit of power, W where it tells none, or % of what the system can yield; it may be an
    input helper. The sequences, in script syntax, have the variables `power_w` and `percent`; `action_free` undoes the
    other. With `renew_s` a system that falls back by itself is told again after so many seconds.
    """

    limit_number: str | None = None
    action_limit: Steps = ()
    action_free: Steps = ()
    renew_s: float | None = None

    @property
    def can_curtail(self) -> bool:
        """Return whether the system can be held to a power."""
        return self.limit_number is not None or bool(self.action_limit)


def pv_systems(entry: ConfigEntry) -> dict[str, PvEntity]:
    """Return what tells the power of the site's PV systems, by their ids."""
    return {
        subentry.subentry_id: PvEntity(power=subentry.data[CONF_POWER], invert=subentry.data[CONF_INVERT])
        for subentry in entry.get_subentries_of_type(SUBENTRY_PV)
    }


def pv_configs(entry: ConfigEntry) -> tuple[PvConfig, ...]:
    """Return the site's PV systems; of those of earlier versions nobody told what they can yield."""
    return tuple(_pv_config(subentry) for subentry in entry.get_subentries_of_type(SUBENTRY_PV))


def pv_controls(entry: ConfigEntry) -> dict[str, PvControl]:
    """Return what the site's PV systems are curtailed with, by their ids; of one that never is nothing is mapped."""
    return {subentry.subentry_id: pv_control(subentry.data) for subentry in entry.get_subentries_of_type(SUBENTRY_PV)}


def pv_control(data: Mapping[str, Any]) -> PvControl:
    """Return what the PV system of this data is curtailed with."""
    return PvControl(
        limit_number=data.get(CONF_LIMIT_NUMBER),
        action_limit=data.get(CONF_ACTION_LIMIT, ()),
        action_free=data.get(CONF_ACTION_FREE, ()),
        renew_s=data.get(CONF_RENEW_S),
    )


def _pv_config(subentry: ConfigSubentry) -> PvConfig:
    installed_w = float(subentry.data.get(CONF_INSTALLED_KW, 0)) * 1000
    return PvConfig(
        pv_id=subentry.subentry_id,
        name=subentry.title,
        installed_w=installed_w,
        can_curtail=installed_w > 0 and pv_control(subentry.data).can_curtail,
    )

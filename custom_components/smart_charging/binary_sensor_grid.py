"""Whether the grid operator limits what the site draws, and all that holds."""

from typing import Final, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription

from .engine.grid.grid_room import Held
from .entity import SiteEntity
from .grid_names import evse_name, source_name

GRID_LIMIT: Final = BinarySensorEntityDescription(key="grid_limit_active", translation_key="grid_limit_active")
ATTR_LIMITS: Final = "limits"

type HeldDetail = dict[str, str | bool | int | None]


class GridLimitSensor(SiteEntity, BinarySensorEntity):
    """On while something is asked for on import; off while power only returns from it.

    The details up to `since` are of the tightest limit, `limits` are all that hold, on feed-in too.
    """

    _unrecorded_attributes = frozenset({ATTR_LIMITS})

    @property
    @override
    def is_on(self) -> bool:
        """Return True while something is asked for."""
        return self.coordinator.data.grid.active

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str | bool | int | list[HeldDetail] | None]:
        """Return what is behind the state; None for what does not hold or is not known."""
        view = self.coordinator.data
        grid, minimum = view.grid, self.coordinator.site.grid.minimum
        return {
            "kind": None if grid.kind is None else grid.kind.value,
            "scope": None if grid.scope is None else grid.scope.value,
            "charger": None if grid.evse is None else evse_name(view, grid.evse),
            "binding": None if grid.kind is None else grid.binding,
            "since": None if grid.since is None else grid.since.isoformat(),
            "returning": grid.returning,
            "minimum_w": None if minimum is None else round(minimum.minimum_w),
            "observe_only": view.observe_only,
            ATTR_LIMITS: [self._held(one) for one in grid.held],
        }

    def _held(self, held: Held) -> HeldDetail:
        """Return a limit that holds, in W over all phases."""
        target = held.demand.target
        detail: HeldDetail = {
            "direction": target.direction.value,
            "scope": target.scope.value,
            "power_w": round(held.value_w(self.coordinator.site.grid.config.connection)),
            "source": source_name(self.coordinator.config_entry, held.demand.source_id),
            "asked": held.asked,
        }
        if target.evse is not None:
            detail["charger"] = evse_name(self.coordinator.data, target.evse)
        return detail

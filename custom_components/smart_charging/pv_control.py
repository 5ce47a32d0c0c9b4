"""Make the number and the actions that a user mapped to a PV system true to what the site lets it yield."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .coordinator import SmartChargingConfigEntry
from .engine.config import PvConfig
from .engine.control.pv import PvCommand, PvReason
from .entity_writes import LimitWrite, Steps, Write, least_power_w
from .issues import ISSUE_PV_CONTROL, ISSUE_PV_LOWEST, Issue, ShownIssues
from .leading import Kind, Leads
from .pv_settings import PvControl, pv_controls

RISE_W: Final = 100.0  # a ceiling that rises by less is not worth a write,
RISE_SHARE: Final = 0.01  # unless it is this part of the rating
FALL_W: Final = 10.0  # so small a fall no meter shows
SEQUENCE_LIMIT: Final = "limit"
SEQUENCE_FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class PvOrder:
    """What a PV system rated for `rated_w` may yield, in W and below that; None for all it can."""

    rated_w: float
    ceiling_w: float | None = None

    @classmethod
    def of(cls, command: PvCommand, system: PvConfig) -> PvOrder:
        """Return a command clamped to the rating of its system."""
        ceiling_w, rated_w = command.ceiling_w, system.installed_w
        return cls(rated_w, None if ceiling_w is None or ceiling_w >= rated_w else max(0.0, ceiling_w))

    @property
    def variables(self) -> Mapping[str, float]:
        """Return the power in W, and in percent of the rating."""
        power_w = self.rated_w if self.ceiling_w is None else self.ceiling_w
        return {"power_w": power_w, "percent": 100 * power_w / self.rated_w}

    def is_like(self, other: PvOrder | None) -> bool:
        """Return whether going over to this is not worth a write; what falls is, for too much may flow out."""
        if other is None or not self.is_of_a_kind_with(other):
            return False
        if self.ceiling_w is None or other.ceiling_w is None:
            return True
        return -FALL_W < self.ceiling_w - other.ceiling_w < min(RISE_W, RISE_SHARE * self.rated_w)

    def is_of_a_kind_with(self, other: PvOrder | None) -> bool:
        """Return whether both curtail or neither does."""
        return other is not None and (self.ceiling_w is None) is (other.ceiling_w is None)


@dataclass(frozen=True, slots=True)
class PvMeans:
    """A PV system with what curtails it."""

    system: PvConfig
    control: PvControl

    @property
    def name(self) -> str:
        """Return what the user calls it."""
        return self.system.name

    @property
    def normal(self) -> PvOrder:
        """Return the order that lets it yield all it can."""
        return PvOrder(self.system.installed_w)

    def least_w(self, hass: HomeAssistant) -> float:
        """Return the lowest ceiling that its number takes, 0 where any will do."""
        number = self.control.limit_number
        return 0.0 if number is None else least_power_w(hass, number, self.system.installed_w)

    @property
    def renew_s(self) -> float | None:
        """Return after how many seconds a ceiling is told again."""
        return self.control.renew_s

    @property
    def sequences(self) -> Mapping[str, Steps]:
        """Return the user's own actions, where there are any."""
        found = {SEQUENCE_LIMIT: self.control.action_limit, SEQUENCE_FREE: self.control.action_free}
        return {name: steps for name, steps in found.items() if steps}

    def writes(self, order: PvOrder) -> tuple[Write, ...]:
        """Return what the mapped number is set to."""
        number = self.control.limit_number
        return () if number is None else (LimitWrite(number, order.ceiling_w, order.rated_w),)

    def sequence(self, order: PvOrder) -> tuple[str, Mapping[str, float]]:
        """Return the name of an order's own actions, and their variables."""
        return SEQUENCE_FREE if order.ceiling_w is None else SEQUENCE_LIMIT, order.variables


class PvControls:
    """Curtails the PV systems of one running site, and frees them when that ends."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Curtail nothing yet."""
        self._hass = hass
        self._entry = entry
        self._shown = ShownIssues(hass)
        self._leads = Leads[PvOrder](hass, entry, Kind(ISSUE_PV_CONTROL, "system", "PV system"))

    @callback
    def async_update(self) -> None:
        """Curtail what is mapped as the newest view commands; free what is mapped no more."""
        runtime, controls = self._entry.runtime_data, pv_controls(self._entry)
        view = runtime.coordinator.data
        mapped, orders, lowest = dict[str, PvMeans](), dict[str, PvOrder](), list[Issue]()
        for system in runtime.site.config.pv:
            control, shown = controls.get(system.pv_id), view.pv.get(system.pv_id)
            if not system.can_curtail or control is None:
                continue
            means = mapped[system.pv_id] = PvMeans(system, control)
            runtime.site.set_pv_least(system.pv_id, means.least_w(self._hass))
            if shown is not None and shown.command is not None:
                orders[system.pv_id] = PvOrder.of(shown.command, system)
                if shown.command.reason is PvReason.LOWEST and not view.observe_only:
                    lowest.append(self._lowest(means, shown.command))
        self._shown.async_show(lowest)
        self._leads.async_update(mapped, orders, observe_only=view.observe_only)

    async def async_stop(self) -> None:
        """Free every system, once and for all."""
        self._shown.async_show(())
        await self._leads.async_stop()

    def _lowest(self, means: PvMeans, command: PvCommand) -> Issue:
        """Return the issue of a system whose number can't be set as low as is needed."""
        placeholders = {
            "site": self._entry.title,
            "system": means.name,
            "entity": str(means.control.limit_number),
            "power": f"{command.ceiling_w:.0f}",
        }
        return Issue(ISSUE_PV_LOWEST, means.system.pv_id, placeholders=placeholders)

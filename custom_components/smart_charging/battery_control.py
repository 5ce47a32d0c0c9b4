"""Make the entities and actions that a user mapped to a battery true to what the site commands it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .coordinator import SmartChargingConfigEntry
from .engine.config import BatteryConfig
from .engine.control.battery import BatteryAction, BatteryCommand
from .entity_writes import OptionWrite, PowerWrite, Steps, SwitchWrite, Write
from .issues import ISSUE_BATTERY_CONTROL
from .leading import Kind, Leads
from .settings import BatteryControl, battery_controls

POWER_STEP_W: Final = 100.0  # a smaller change of the commanded power is not worth a write


@dataclass(frozen=True, slots=True)
class Order:
    """What a battery is to do, `power_w` within its ratings; 0 for what has none."""

    action: BatteryAction
    power_w: float = 0.0

    @classmethod
    def of(cls, command: BatteryCommand, battery: BatteryConfig) -> Order:
        """Return a command clamped to the ratings of its battery."""
        ratings = {BatteryAction.CHARGE: battery.max_charge_w, BatteryAction.DISCHARGE: battery.max_discharge_w}
        return cls(command.action, max(0.0, min(command.power_w, ratings.get(command.action, 0.0))))

    def is_like(self, other: Order | None) -> bool:
        """Return whether going over to the other order is not worth a write."""
        return other is not None and self.is_of_a_kind_with(other) and abs(self.power_w - other.power_w) < POWER_STEP_W

    def is_of_a_kind_with(self, other: Order | None) -> bool:
        """Return whether at most the power differs, and neither of both ends it."""
        if other is None or self.action is not other.action:
            return False
        return self.power_w == other.power_w or 0.0 not in {self.power_w, other.power_w}


NORMAL: Final = Order(BatteryAction.NORMAL)


def writes(control: BatteryControl, order: Order, rated_discharge_w: float) -> tuple[Write, ...]:
    """Return what the mapped entities are set to for an order.

    Powers come before the mode that uses them, and after the mode that no longer does.
    """
    powers = tuple(_power_writes(control, order, rated_discharge_w))
    modes = tuple(_mode_writes(control, order))
    leads = order.action in {BatteryAction.CHARGE, BatteryAction.DISCHARGE}
    return (*powers, *modes) if leads else (*modes, *powers)


def _power_writes(control: BatteryControl, order: Order, rated_discharge_w: float) -> Iterator[Write]:
    """Yield what the numbers are set to."""
    if control.charge_power is not None:
        yield PowerWrite(control.charge_power, order.power_w if order.action is BatteryAction.CHARGE else 0.0)
    if control.discharge_power is not None:
        yield PowerWrite(control.discharge_power, order.power_w if order.action is BatteryAction.DISCHARGE else 0.0)
    if control.discharge_limit is not None:
        yield PowerWrite(control.discharge_limit, 0.0 if order.action is BatteryAction.HOLD else rated_discharge_w)


def _mode_writes(control: BatteryControl, order: Order) -> Iterator[Write]:
    """Yield what the select and the switch are set to; an action without an option of its own has the normal one."""
    if control.hold_switch is not None:
        yield SwitchWrite(control.hold_switch, order.action is BatteryAction.HOLD)
    option = control.options.get(order.action, control.options.get(BatteryAction.NORMAL))
    if control.mode_select is not None and option is not None:
        yield OptionWrite(control.mode_select, option)


@dataclass(frozen=True, slots=True)
class BatteryMeans:
    """A battery with what leads it."""

    battery: BatteryConfig
    control: BatteryControl

    @property
    def name(self) -> str:
        """Return what the user calls it."""
        return self.battery.name

    @property
    def normal(self) -> Order:
        """Return the order that leaves the battery to its own control."""
        return NORMAL

    @property
    def renew_s(self) -> float | None:
        """Return after how many seconds an order is told again."""
        return self.control.renew_s

    @property
    def sequences(self) -> Mapping[str, Steps]:
        """Return the user's own actions by the name of the action that they are for."""
        return {action.value: steps for action, steps in self.control.actions.items()}

    def writes(self, order: Order) -> tuple[Write, ...]:
        """Return what the mapped entities are set to for an order."""
        return writes(self.control, order, self.battery.max_discharge_w)

    def sequence(self, order: Order) -> tuple[str, Mapping[str, float]]:
        """Return the name of an order's own actions, and the power."""
        return order.action.value, {"power_w": order.power_w}


class BatteryControls:
    """Leads the batteries of one running site, and lets them go when that ends."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Lead nothing yet."""
        self._entry = entry
        self._leads = Leads[Order](hass, entry, Kind(ISSUE_BATTERY_CONTROL, "battery", "battery"))

    @callback
    def async_update(self) -> None:
        """Lead what is mapped as the newest view commands; let go what is mapped no more."""
        runtime, controls = self._entry.runtime_data, battery_controls(self._entry)
        view = runtime.coordinator.data
        mapped, orders = dict[str, BatteryMeans](), dict[str, Order]()
        for battery in runtime.site.config.batteries:
            control = controls.get(battery.battery_id, BatteryControl())
            if control != BatteryControl(renew_s=control.renew_s):
                mapped[battery.battery_id] = BatteryMeans(battery, control)
            shown = view.batteries.get(battery.battery_id)
            if shown is not None and shown.command is not None:
                orders[battery.battery_id] = Order.of(shown.command, battery)
        self._leads.async_update(mapped, orders, observe_only=view.observe_only)

    async def async_stop(self) -> None:
        """Let every battery go, once and for all."""
        await self._leads.async_stop()

"""Make the entities and actions that a user mapped to a battery true to what the site commands it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from homeassistant.core import Context, CoreState, HomeAssistant, callback

from .back_off import BackOff
from .const import LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.config import BatteryConfig
from .engine.control.battery import BatteryAction, BatteryCommand
from .entity_writes import OptionWrite, PowerWrite, SwitchWrite, UserActions, Write, WriteError, async_write, is_done
from .issues import ISSUE_BATTERY_CONTROL, Issue, async_clear, async_raise
from .settings import BatteryControl, battery_controls

WRITE_INTERVAL_S: Final = 5.0  # inverters take no more, and some store what they are told
POWER_STEP_W: Final = 100.0  # a smaller change of the commanded power is not worth a write
ROUND_TIMEOUT_S: Final = 20.0  # for all writes of one command; a silent integration must not hold the others up


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


class BatteryControls:
    """Leads the batteries of one running site, and lets them go when that ends."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Lead nothing yet."""
        self._hass = hass
        self._entry = entry
        self._leads: dict[str, _Lead] = {}
        self._stopped = False

    @callback
    def async_update(self) -> None:
        """Lead what is mapped as the newest view commands; let go what is mapped no more."""
        if self._stopped or self._hass.state is not CoreState.running:
            return  # what is mapped may not be there yet, or no longer
        runtime = self._entry.runtime_data
        batteries = {battery.battery_id: battery for battery in runtime.site.config.batteries}
        mapped = battery_controls(self._entry)
        for battery_id, lead in list(self._leads.items()):
            changed = (mapped.get(battery_id), batteries.get(battery_id)) != (lead.control, lead.battery)
            if changed and not lead.is_let_go:
                self._entry.async_create_task(self._hass, self._async_let_go(battery_id, lead))
        for battery_id, battery in batteries.items():
            control = mapped.get(battery_id, BatteryControl())
            if battery_id not in self._leads and control != BatteryControl(renew_s=control.renew_s):
                self._leads[battery_id] = _Lead(self._hass, self._entry, battery, control)
        view = runtime.coordinator.data
        for battery_id, lead in self._leads.items():
            if battery_id in view.batteries:
                lead.async_follow(view.batteries[battery_id].command, observe_only=view.observe_only)

    async def async_stop(self) -> None:
        """Let every battery go, once and for all."""
        self._stopped = True
        await asyncio.gather(*(lead.async_let_go() for lead in self._leads.values()))
        self._leads.clear()

    async def _async_let_go(self, battery_id: str, lead: _Lead) -> None:
        """Let a battery go; only then may it be led anew."""
        await lead.async_let_go()
        if self._leads.get(battery_id) is lead:
            del self._leads[battery_id]


class _Lead:
    """One battery: what it was told, and whether that went well."""

    def __init__(
        self, hass: HomeAssistant, entry: SmartChargingConfigEntry, battery: BatteryConfig, control: BatteryControl
    ) -> None:
        """Know nothing of what an earlier run left."""
        self.battery = battery
        self.control = control
        self._hass = hass
        self._entry = entry
        self._actions = UserActions(
            hass, battery.name, {action.value: steps for action, steps in control.actions.items()}
        )
        self._lock = asyncio.Lock()
        self.is_let_go = False
        self._order: Order | None = None  # tried last, whatever came of it
        self._tried_at = float("-inf")
        self._failed = False
        self._back_off = BackOff()
        self._told: dict[str, Write] = {}  # what each entity took last

    @callback
    def async_follow(self, command: BatteryCommand | None, *, observe_only: bool) -> None:
        """Tell the battery what is commanded, if that is new and the last time is long enough ago."""
        if command is None or self.is_let_go or self._lock.locked() or (observe_only and self._order is None):
            return
        order = NORMAL if observe_only else Order.of(command, self.battery)
        since_s = monotonic() - self._tried_at
        if since_s >= WRITE_INTERVAL_S and self._is_due(order, since_s):
            self._entry.async_create_task(self._hass, self._async_tell(order, again=order.is_like(self._order)))

    async def async_let_go(self) -> None:
        """Give the battery back to its own control, if it was ever led, and end what still runs."""
        self.is_let_go = True
        async with self._lock:
            if self._order is not None and (self._order != NORMAL or self._failed):
                await self._async_try(NORMAL, again=False)
                if self._failed:
                    LOGGER.warning("The battery %s could not be given back to its own control", self.battery.name)
            self._order = None
            await self._actions.async_unload()
            async_clear(self._hass, ISSUE_BATTERY_CONTROL, self.battery.battery_id)

    def _is_due(self, order: Order, since_s: float) -> bool:
        """Return whether an order has to be told: a new one, one that failed, or one that is to be renewed."""
        if self._failed and order.is_of_a_kind_with(self._order):
            return self._back_off.is_over(monotonic())
        if not order.is_like(self._order):
            return True
        renew_s = self.control.renew_s
        return renew_s is not None and order != NORMAL and since_s >= renew_s

    async def _async_tell(self, order: Order, *, again: bool) -> None:
        """Tell the battery, unless it was let go meanwhile."""
        async with self._lock:
            if not self.is_let_go:
                await self._async_try(order, again=again)

    async def _async_try(self, order: Order, *, again: bool) -> None:
        """Write, and show whether it went well."""
        if not order.is_of_a_kind_with(self._order):
            self._back_off.reset()
        self._order, self._tried_at = order, monotonic()
        try:
            async with asyncio.timeout(ROUND_TIMEOUT_S):
                await self._async_write(order, again=again)
        except (WriteError, TimeoutError) as err:
            self._back_off.failed(self._tried_at)
            self._async_show_failure(str(err) or "no answer in time")
        else:
            if self._failed:
                LOGGER.info("The battery %s can be led again", self.battery.name)
            self._failed = False
            self._back_off.reset()
            async_clear(self._hass, ISSUE_BATTERY_CONTROL, self.battery.battery_id)

    async def _async_write(self, order: Order, *, again: bool) -> None:
        """Set what is not set yet, or all of it again, and run the order's own actions; WriteError if any fails.

        Where one of the entities fails the others are set all the same.
        """
        context, errors = Context(), list[WriteError]()
        for write in writes(self.control, order, self.battery.max_discharge_w):
            told = self._told.get(write.entity_id)
            if not again and (told == write or (told is None and is_done(self._hass, write))):
                continue
            self._told.pop(write.entity_id, None)
            try:
                await async_write(self._hass, write, context)
                self._told[write.entity_id] = write
            except WriteError as err:
                errors.append(err)
        await self._actions.async_run(order.action.value, {"power_w": order.power_w}, context)
        if errors:
            raise errors[0]

    @callback
    def _async_show_failure(self, detail: str) -> None:
        """Log a failure once and show it as a repair until a write succeeds."""
        if not self._failed:
            LOGGER.warning("The battery %s could not be led: %s", self.battery.name, detail)
        self._failed = True
        placeholders = {"site": self._entry.title, "battery": self.battery.name, "detail": detail}
        async_raise(self._hass, Issue(ISSUE_BATTERY_CONTROL, self.battery.battery_id, placeholders=placeholders))

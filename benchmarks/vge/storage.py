"""Lossless batteries at the connection: one that the product leads, and one that covers load first."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.workplace.network import site
from benchmarks.workplace.optimum import Reservoir
from custom_components.smart_charging.engine.config import BatteryConfig, SiteConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatterySnapshot
from custom_components.smart_charging.engine.control.snapshot import Decision
from custom_components.smart_charging.engine.model import NOMINAL_VOLTAGE_V, Phases

BATTERY = "battery"
FLOOR = 0.1  # of the capacity, and what it begins with
TAPER_H = 1 / 12  # a step: nothing is given that would pass the floor within it


def reservoir(capacity_wh: float, power_w: float) -> Reservoir:
    """Return the same battery for the offline optimum."""
    return Reservoir(capacity_wh, FLOOR * capacity_wh, FLOOR * capacity_wh, power_w)


def expanded_site(root_a: float, battery: Reservoir) -> SiteConfig:
    """Return the workplace with a battery that may expand its connection with all it holds."""
    config = BatteryConfig(
        BATTERY,
        "Battery",
        capacity_wh=battery.capacity_wh,
        max_charge_w=battery.power_w,
        max_discharge_w=battery.power_w,
        min_soc_percent=FLOOR * 100,
        grid_expansion=True,
        reserve_soc_percent=100.0,
        can_hold=True,
        can_charge=True,
        can_discharge=True,
    )
    return site(root_a, batteries=(config,))


@dataclass(slots=True)
class Cell:
    """What is in a battery, and what went through it."""

    size: Reservoir
    stored_wh: float
    throughput_wh: float = 0.0

    def run(self, power_w: float, seconds: float) -> None:
        """Give this power (take it if less than 0) for some time, as far as the contents allow."""
        wanted_wh = power_w * seconds / 3600
        lowest = self.stored_wh - self.size.capacity_wh
        given_wh = max(lowest, min(self.stored_wh - self.size.floor_wh, wanted_wh))
        self.stored_wh -= given_wh
        self.throughput_wh += abs(given_wh)


@dataclass(slots=True)
class Led:
    """A battery that does what the product commands."""

    cell: Cell
    power_w: float = 0.0

    def measured(self) -> Mapping[str, BatterySnapshot]:
        """Return what the product sees of it."""
        percent = self.cell.stored_wh / self.cell.size.capacity_wh * 100
        return {BATTERY: BatterySnapshot(available=True, soc_percent=percent, power_w=self.power_w)}

    def lead(self, decision: Decision, _load_a: Phases) -> None:
        """Do as commanded."""
        command = decision.batteries[BATTERY]
        sign = {BatteryAction.DISCHARGE: 1.0, BatteryAction.CHARGE: -1.0}.get(command.action, 0.0)
        self.power_w = sign * command.power_w

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.cell.run(self.power_w, seconds)


@dataclass(slots=True)
class LoadFirst:
    """A battery by itself: it gives whenever there is load, and fills up from the connection when there is none."""

    cell: Cell
    root_a: float
    power_w: float = 0.0

    def measured(self) -> Mapping[str, BatterySnapshot]:
        """Return nothing: the product knows nothing of it but what the meter shows."""
        return {}

    def lead(self, _decision: Decision, load_a: Phases) -> None:
        """Take no notice of decisions."""
        self.cover(load_a)

    def cover(self, load_a: Phases) -> None:
        """Give what the load takes, as far as it goes."""
        size = self.cell.size
        if load_a.total > 0:
            left_wh = self.cell.stored_wh - size.floor_wh
            self.power_w = min(size.power_w, load_a.total * NOMINAL_VOLTAGE_V, left_wh / TAPER_H)
            return
        spare_w = 3 * self.root_a * NOMINAL_VOLTAGE_V
        self.power_w = -min(size.power_w, spare_w, (size.capacity_wh - self.cell.stored_wh) / TAPER_H)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.cell.run(self.power_w, seconds)

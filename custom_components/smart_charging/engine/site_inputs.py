"""What a site is told from outside: readings, limits, and what users want of each EVSE."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime

from .clock import Clock
from .config import DatedPlan, EvseSettings, SiteConfig
from .control.circuits import connections
from .evse_wishes import EvseWishes
from .limit import ROOT_CIRCUIT, Limit
from .measurements import SiteMeasurements
from .model import ChargeMode, EvseKey
from .view import BatteryReading, MeterReading


class SiteInputs(ABC):
    """The inputs of a site, which decides by them and tells who listens."""

    config: SiteConfig
    _clock: Clock
    _measured: SiteMeasurements
    _wishes: EvseWishes

    @abstractmethod
    def _decide(self, *, may_raise: bool) -> None:
        """Decide now and hand the setpoints to the stations."""

    @abstractmethod
    def _changed(self) -> None:
        """Tell who listens that the view is another."""

    def set_grid_reading(self, reading: MeterReading) -> None:
        """Take a reading of the grid meter; an overload is cut before this returns."""
        self.set_circuit_reading(ROOT_CIRCUIT, reading)

    def set_circuit_reading(self, circuit_id: str, reading: MeterReading) -> None:
        """Take a reading of a circuit's meter; an overload is cut before this returns. KeyError if there is none."""
        self._measured.take_meter(connections(self.config)[circuit_id], circuit_id, reading)
        if self._measured.overloaded(self.config, self._clock.now()):
            self._decide(may_raise=False)
        self._changed()

    @property
    def rejected_grid_readings(self) -> int:
        """Return how many readings of the grid meter were implausible and not used."""
        return self._measured.meter(ROOT_CIRCUIT).rejected

    def set_pv_power(self, name: str, power_w: float | None, at: datetime) -> None:
        """Take a PV plant's production in W; None while it is not known."""
        self._measured.take_pv(name, power_w, at)
        self._changed()

    def set_pv_least(self, name: str, least_w: float) -> None:
        """Take what a PV plant can be told at least in W, 0 for one that can be told anything; decided with that next."""
        self._measured.take_pv_least(name, least_w)

    def remove_pv(self, name: str) -> None:
        """Forget a PV plant."""
        self._measured.forget_pv(name)
        self._changed()

    def set_battery_reading(self, battery_id: str, reading: BatteryReading) -> None:
        """Take what a battery says."""
        self._measured.take_battery(battery_id, reading)
        self._changed()

    def set_vehicle_soc(self, key: EvseKey, soc_percent: float | None) -> None:
        """Take the state of charge of the car at an EVSE from elsewhere than its station, None if not known."""
        self._measured.take_soc(key, soc_percent)

    def set_switched_phases(self, key: EvseKey, phases: int | None) -> None:
        """Take how many phases an EVSE's contactor connects, None if not known."""
        self._measured.take_switched_phases(key, phases)

    def set_limit(self, limit: Limit) -> None:
        """Let a limit hold from now on, or from its own beginning; one of the same id is replaced."""
        self._measured.set_limit(limit)
        self._decide(may_raise=False)

    def withdraw_limit(self, limit_id: str) -> bool:
        """Let a limit hold no longer; returns whether there was one. Setpoints rise at the usual pace."""
        withdrawn = self._measured.withdraw_limit(limit_id)
        self._changed()
        return withdrawn

    async def set_settings(self, key: EvseKey, settings: EvseSettings) -> None:
        """Set what a user wants of an EVSE; it survives a restart. Raises StoreError when it cannot be kept."""
        await self._wishes.set(key, settings)

    def set_dated(self, key: EvseKey, plans: tuple[DatedPlan, ...]) -> None:
        """Take the departures that a calendar has for the car at an EVSE, in the place of those before."""
        self._wishes.set_dated(key, plans)

    async def set_mode(self, key: EvseKey, mode: ChargeMode) -> None:
        """Set an EVSE's mode; raises StoreError when it cannot be kept."""
        await self.set_settings(key, replace(self.settings(key), mode=mode))

    async def set_max_current(self, key: EvseKey, current_a: float) -> None:
        """Set the user's limit in A per phase; raises StoreError when it cannot be kept."""
        await self.set_settings(key, replace(self.settings(key), max_current_a=current_a))

    async def set_enabled(self, key: EvseKey, enabled: bool) -> None:
        """Allow or forbid charging at an EVSE; raises StoreError when it cannot be kept."""
        await self.set_settings(key, replace(self.settings(key), enabled=enabled))

    def settings(self, key: EvseKey) -> EvseSettings:
        """Return what the user set for an EVSE."""
        return self._wishes.settings(key)

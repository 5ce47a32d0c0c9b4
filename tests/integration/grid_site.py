"""A running site whose clock a test moves, with the actions for the grid operator's limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.grid_control import GridControl
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey
from custom_components.smart_charging.engine.site import Site
from tests.manual_clock import ManualClock

from .site_setup import set_up
from .test_charging import start
from .virtual_station import VirtualStation

SETTLE_S = 0.01  # real time for sockets and commits after each timer


@dataclass
class GridSite:
    """A site, its clock, and what a user may do there."""

    hass: HomeAssistant
    entry: MockConfigEntry
    clock: ManualClock
    port: int

    @property
    def site(self) -> Site:
        """Return the site as it runs now."""
        site: Site = self.entry.runtime_data.site
        return site

    @property
    def grid(self) -> GridControl:
        """Return what holds its limits."""
        return self.site.grid

    def device_id(self, identifier: str = "site1") -> str:
        """Return the id of a device: of the site, or of a charger or EVSE."""
        registry, key = dr.async_get(self.hass), (DOMAIN, identifier)
        entry_id = self.entry.entry_id
        device = registry.async_get_device_by_identifier(
            key, entry_id
        ) or registry.async_get_child_device_by_identifier(key, entry_id)
        assert device is not None
        return device.id

    async def call(self, action: str, identifier: str = "site1", context: Context | None = None, **data: Any) -> Any:
        """Call an action for one device and return its answer."""
        answer = await self.hass.services.async_call(
            DOMAIN,
            action,
            {"device_id": self.device_id(identifier), **data},
            blocking=True,
            return_response=True,
            context=context,
        )
        return json.loads(json.dumps(answer))  # as scripts and the frontend get it

    async def limited(self, action: str, identifier: str = "site1", **data: Any) -> dict[str, Any]:
        """Call an action that answers for each site and return what it says of the only one."""
        (answer,) = (await self.call(action, identifier, **data))["sites"]
        told: dict[str, Any] = answer
        return told

    async def wait(self, seconds: float, settle: float = SETTLE_S) -> None:
        """Let time pass; without time to settle, what sockets and disk have for us is late."""
        await self.clock.advance(seconds, settle=settle)

    async def meter(self, station: VirtualStation, transaction_id: int, energy_wh: int, power_w: int) -> None:
        """Let a station send readings of a transaction by the site's clock."""
        values = [
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": str(energy_wh)},
            {"measurand": "Power.Active.Import", "unit": "W", "value": str(power_w)},
        ]
        sample = {"timestamp": self.clock.now().isoformat(), "sampledValue": values}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [sample]})

    async def charging(self, station: VirtualStation) -> int:
        """Let a car charge as fast as it can at CP-1, which is that station; return its transaction."""
        await station.boot()
        transaction_id = await start(station)
        await self.site.set_mode(EvseKey("CP-1", 1), ChargeMode.FAST)
        await self.wait(90)
        assert newest_limit_w(station) > 9000
        await self.meter(station, transaction_id, 1500, 11000)
        return transaction_id

    def limits(self) -> dict[str, float]:
        """Return the limits that control keeps to."""
        return {one.limit_id: one.value for one in self.site.view.limits}


@asynccontextmanager
async def grid_site(hass: HomeAssistant, port: int, *subentries: Any, **changes: Any) -> AsyncIterator[GridSite]:
    """Run a site with these parts."""
    clock = ManualClock()
    with patch("custom_components.smart_charging.SystemClock", return_value=clock):
        entry = await set_up(hass, port, *subentries, **changes)
        yield GridSite(hass, entry, clock, port)
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()


def newest_limit_w(station: VirtualStation) -> float:
    """Return what the newest profile that a station was sent lets its car draw now, in W."""
    profiles = [payload["csChargingProfiles"] for action, payload in station.asked if action == "SetChargingProfile"]
    led = [one for one in profiles if one["chargingProfilePurpose"] == "TxProfile"]
    schedule = led[-1]["chargingSchedule"]
    period = schedule["chargingSchedulePeriod"][0]
    factor = 1 if schedule["chargingRateUnit"] == "W" else 230 * period.get("numberPhases", 3)
    return float(period["limit"] * factor)

"""Sources of prices as Home Assistant has them, made of what real ones were recorded to give; and who follows them."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    async_fire_time_changed,
    mock_integration,
)

from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.price_settings import price_settings
from custom_components.smart_charging.prices import SitePrices

from .builders import site_entry

PAYLOADS = Path(__file__).parents[1] / "engine" / "control" / "prices" / "payloads"
ENTSOE = "sensor.average_electricity_price"
OCTOPUS_TODAY = "event.current_day_rates"
OCTOPUS_TOMORROW = "event.next_day_rates"
NORDPOOL_ENTRY = "np1"
NORDPOOL = {"price_source": "action", "price_action": f"nordpool|{NORDPOOL_ENTRY}|SE3", "all_in": False}
MORNING = "2026-11-05T08:05:00+01:00"


def recorded(name: str) -> dict[str, Any]:
    """Return the attributes or the answer that were recorded."""
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    attributes: dict[str, Any] = found.get("attributes") or found["response"]
    return attributes


def entsoe(hass: HomeAssistant, day: str, *values: float | None, tomorrow: tuple[float, ...] = (), **more: Any) -> None:
    """Let the ENTSO-E sensor list the first hours of a day and of the next."""
    first = datetime.fromisoformat(f"{day}T00:00:00+01:00")

    def entries(start: datetime, prices: tuple[float | None, ...]) -> list[dict[str, Any]]:
        return [{"time": str(start + timedelta(hours=hour)), "price": price} for hour, price in enumerate(prices)]

    attributes = {
        "prices_today": entries(first, values),
        "prices_tomorrow": entries(first + timedelta(days=1), tomorrow),
        "unit_of_measurement": "EUR/kWh",
    }
    hass.states.async_set(ENTSOE, "0.1", attributes | more)


class NordPool:
    """Home Assistant's Nord Pool with its action; it has the prices of these days."""

    def __init__(self, hass: HomeAssistant, *days: str) -> None:
        """Set it up."""
        self.days = {date.fromisoformat(day) for day in days}
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.during: Callable[[], None] | None = None
        mock_integration(hass, MockModule("nordpool"))
        entry = MockConfigEntry(
            domain="nordpool",
            entry_id=NORDPOOL_ENTRY,
            title="Nord Pool",
            data={"areas": ["SE3", "SE4"], "currency": "SEK"},
            state=ConfigEntryState.LOADED,
        )
        entry.add_to_hass(hass)
        hass.services.async_register(
            "nordpool", "get_prices_for_date", self._answer, supports_response=SupportsResponse.ONLY
        )

    async def _answer(self, call: ServiceCall) -> Any:
        """Answer with the recorded day, moved to the asked one, or with nothing."""
        assert call.data["config_entry"] == NORDPOOL_ENTRY
        self.asked.append(call.data["date"])
        if self.during is not None:
            self.during()
        if self.failure is not None:
            raise self.failure
        area, day = call.data["areas"][0], date.fromisoformat(call.data["date"])
        if day not in self.days:
            return {area: []}
        moved = day - date(2024, 11, 5)
        return {
            area: [
                {key: value if key == "price" else _moved(value, moved) for key, value in each.items()}
                for each in recorded("nordpool")["SE3"]
            ]
        }


def _moved(text: str, by: timedelta) -> str:
    return (datetime.fromisoformat(text) + by).isoformat()


def failing(text: str) -> HomeAssistantError:
    """Return what an action that fails raises."""
    return HomeAssistantError(text)


class Followed:
    """Prices of a site that are followed, and how often a listener heard."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        """Follow nothing yet."""
        self.hass = hass
        self.freezer = freezer
        entry = site_entry(9000)
        entry.add_to_hass(hass)
        self.prices = SitePrices(hass, entry)
        self.heard = 0
        self.unsubscribe = self.prices.subscribe(self._hear)

    def _hear(self) -> None:
        self.heard += 1

    async def choose(self, **chosen: Any) -> PriceSeries | None:
        """Choose prices as the options have them; return what is known at once."""
        self.prices.async_configure(price_settings({"prices": chosen} if chosen else {}))
        await self.settle()
        return self.prices.series

    async def at(self, time: str) -> None:
        """Let it be another time."""
        self.freezer.move_to(datetime.fromisoformat(time))
        async_fire_time_changed(self.hass)
        await self.settle()

    async def settle(self) -> None:
        """Let tasks in the background come to their end."""
        await self.hass.async_block_till_done(wait_background_tasks=True)

    @property
    def now(self) -> float | None:
        """Return the price of now."""
        series = self.prices.series
        return None if series is None else series.import_at(dt_util.utcnow())

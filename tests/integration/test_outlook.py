"""A site hears of prices and forecasts as they come, until it is unloaded."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.outlook import Outlook
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.forecasts import SiteForecasts
from custom_components.smart_charging.price_settings import price_settings

from .site_setup import set_up

NOW = datetime(2026, 6, 22, 9, 0, tzinfo=UTC)
TARIFF = {"prices": {"price_source": "fixed", "price": 0.3}}

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


SUN = Forecast(NOW, (500.0,), (100.0,), (900.0,), (500.0,))
HOUSE = Forecast(NOW, (300.0,), (200.0,), (400.0,), (310.0,))


async def test_a_site_hears_of_forecasts_and_prices_until_it_is_unloaded(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(NOW)
    told: list[Outlook] = []
    with patch.object(Site, "set_outlook", autospec=True, side_effect=lambda _site, outlook: told.append(outlook)):
        entry = await set_up(hass, free_port)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert told[0] == Outlook()

        told.clear()
        with patch.multiple(SiteForecasts, pv=SUN, base_load=HOUSE):
            freezer.move_to(NOW + timedelta(minutes=15, seconds=2))
            async_fire_time_changed(hass)
            await hass.async_block_till_done(wait_background_tasks=True)
            assert told[-1] == Outlook(None, SUN, HOUSE)

        prices = entry.runtime_data.prices
        prices.async_configure(price_settings(TARIFF))
        assert prices.series is not None
        assert told[-1] == Outlook(prices.series)

        await hass.config_entries.async_unload(entry.entry_id)
        told.clear()
        prices.async_configure(None)
        assert told == []

"""The grid's CO2 of the last day outlives a start, in the recorder."""

from datetime import UTC, datetime, timedelta

from homeassistant.components.recorder.db_schema import Statistics
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.smart_charging.carbon_past import async_carbon_past

from .price_sources import Followed

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 5, 11, 0, tzinfo=UTC)  # as the prices' clock begins


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(recorder_mock: object, enable_custom_integrations: None) -> None:
    """Start the recorder first, which has to be there before Home Assistant."""


async def remember(hass: HomeAssistant, start: datetime, *grams: float) -> None:
    """Write hourly statistics of the sensor."""
    get_instance(hass).async_import_statistics(
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": "sensor.co2",
            "unit_class": None,
            "unit_of_measurement": "gCO2eq/kWh",
        },
        [{"start": start + number * HOUR, "mean": value} for number, value in enumerate(grams)],
        Statistics,
    )
    await async_wait_recording_done(hass)


async def test_hours_of_the_last_day_are_read_as_quarters(hass: HomeAssistant) -> None:
    await remember(hass, NOW - 30 * HOUR, *[100.0] * 5, 300.0, -1.0)
    past = await async_carbon_past(hass, "sensor.co2", NOW)
    assert past == {NOW - 26 * HOUR + quarter * HOUR / 4: 100.0 for quarter in range(4)} | {
        NOW - 25 * HOUR + quarter * HOUR / 4: 300.0 for quarter in range(4)
    }
    assert await async_carbon_past(hass, "sensor.other", NOW) == {}


async def test_a_green_day_is_known_right_after_a_start(hass: HomeAssistant, followed: Followed) -> None:
    now = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    await remember(hass, now - 24 * HOUR, 200.0, 100.0)
    hass.states.async_set("sensor.co2", "200", {"unit_of_measurement": "g/kWh"})
    await followed.choose(price_source="fixed", price=0.3, co2="sensor.co2")
    carbon = followed.prices.carbon.outlook
    assert carbon is not None
    assert carbon.series.import_at(now + HOUR) == pytest.approx(0.1)

"""A home with panels and a past: statistics in the recorder, a solar forecast provider in the Energy dashboard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock, Mock, patch

from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

MINUTE = timedelta(minutes=1)


async def remember(
    hass: HomeAssistant,
    entity_id: str,
    start: datetime,
    end: datetime,
    power_w: Callable[[datetime], float],
    *,
    five_minutes: bool = False,
) -> None:
    """Write statistics of a power sensor, as the recorder keeps them: hourly, or of five minutes."""
    step = 5 * MINUTE if five_minutes else 60 * MINUTE
    times = [start + number * step for number in range((end - start) // step)]
    get_instance(hass).async_import_statistics(
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "power",
            "unit_of_measurement": "kW",
        },
        [{"start": at, "mean": power_w(at) / 1000} for at in times],
        StatisticsShortTerm if five_minutes else Statistics,
    )
    await async_wait_recording_done(hass)


def provider_entry(hass: HomeAssistant, entry_id: str, **changes: Any) -> MockConfigEntry:
    """Add the loaded entry of an integration that forecasts the sun."""
    values = {"domain": "sunny", "title": f"Roof {entry_id}", "state": ConfigEntryState.LOADED} | changes
    entry = MockConfigEntry(entry_id=entry_id, **values)
    entry.add_to_hass(hass)
    return entry


@contextmanager
def dashboard(hass: HomeAssistant, answers: dict[str, Any], *, domain: str = "sunny") -> Iterator[AsyncMock]:
    """Let the Energy dashboard show these providers, which answer as given by entry id: a value, or what they raise."""

    async def answer(_hass: HomeAssistant, entry_id: str) -> Any:
        if isinstance(answers[entry_id], Exception):
            raise answers[entry_id]
        return answers[entry_id]

    hass.config.components.add("energy")
    asked = AsyncMock(side_effect=answer)
    sources = [
        {"type": "grid", "stat_energy_from": "sensor.grid_energy"},
        {"type": "solar", "stat_energy_from": "sensor.pv_energy", "config_entry_solar_forecast": [*answers, "gone"]},
        {"type": "solar", "stat_energy_from": "sensor.old_pv_energy", "config_entry_solar_forecast": None},
    ]
    energy = "homeassistant.components.energy"
    with (
        patch(f"{energy}.data.async_get_manager", return_value=Mock(data={"energy_sources": sources})),
        patch(f"{energy}.websocket_api.async_get_energy_platforms", return_value={domain: asked}),
    ):
        yield asked

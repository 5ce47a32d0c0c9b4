"""What a sensor of the grid's CO2 told in the last day, from the recorder's statistics: a start is to forget none of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from .engine.control.prices.series import HOUR, QUARTER_HOUR

_PAST: Final = timedelta(hours=26)  # a day, and what of the running hours is not compiled yet


async def async_carbon_past(hass: HomeAssistant, entity_id: str, now: datetime) -> Mapping[datetime, float]:
    """Return grams of CO2 by the beginning of the quarter of an hour; nothing without a recorder or statistics."""
    if "recorder" not in hass.config.components:
        return {}

    def read() -> Mapping[datetime, float]:
        # Without the recorder set up, importing it would load a database for nothing.
        from homeassistant.components.recorder.statistics import statistics_during_period  # noqa: PLC0415

        found = statistics_during_period(hass, now - _PAST, now, {entity_id}, "hour", None, {"mean"})
        means = [(row["start"], mean) for row in found.get(entity_id, ()) if (mean := row.get("mean")) is not None]
        return {
            datetime.fromtimestamp(start, UTC) + number * QUARTER_HOUR: mean
            for start, mean in means
            if mean >= 0
            for number in range(HOUR // QUARTER_HOUR)
        }

    return await get_instance(hass).async_add_executor_job(read)

"""The CO2 of a kWh from the grid at a site: what a sensor tells of now, entities forecast, and the day before was."""

from datetime import datetime

from homeassistant.core import HomeAssistant, callback

from .carbon_past import async_carbon_past
from .engine.control.prices.carbon import CarbonHistory, CarbonOutlook
from .engine.control.prices.series import PriceSeries
from .entity_values import co2_g
from .price_reading import read_carbon
from .price_settings import CarbonSettings


class SiteCarbon:
    """Knows the CO2 of the time to come; `outlook` is None while nothing is known of it."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Know of nothing yet."""
        self._hass = hass
        self._history = CarbonHistory()
        self._forecast: PriceSeries | None = None
        self.outlook: CarbonOutlook | None = None

    @callback
    def forget(self) -> None:
        """Know of nothing any more."""
        self._history, self._forecast, self.outlook = CarbonHistory(), None, None

    async def async_remember(self, sensor: str, now: datetime) -> None:
        """Read what the sensor told before the start."""
        self._history = self._history.with_past(await async_carbon_past(self._hass, sensor, now))

    @callback
    def read_forecast(self, settings: CarbonSettings) -> None:
        """Take what entities forecast; UnreadablePrices where that fails: what was forecast before stays."""
        if settings.forecasts:
            self._forecast = read_carbon(self._hass, settings).series

    @callback
    def take_forecast(self, grams: PriceSeries) -> None:
        """Take what somebody else than an entity forecasts."""
        self._forecast = grams

    @callback
    def note(self, settings: CarbonSettings, now: datetime) -> float | None:
        """Take what holds now and make the outlook anew; return the grams of now, None where nobody tells them.

        Where there is no sensor the forecast stands in for it: in a day, that is what is known of the day before.
        """
        if settings.sensor is not None:
            grams = co2_g(self._hass, settings.sensor)
        else:
            grams = None if self._forecast is None else self._forecast.import_at(now)
        if grams is not None:
            self._history = self._history.noted(now, grams)
        self.outlook = self._history.outlook(now, self._forecast)
        return grams

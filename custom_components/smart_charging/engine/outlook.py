"""What is known of the hours to come, as far as anybody tells it."""

from dataclasses import dataclass

from .control.forecast.series import Forecast
from .control.prices.series import PriceSeries


@dataclass(frozen=True, slots=True)
class Outlook:
    """Prices, and the power of PV and of the house without chargers and batteries; None where nobody tells.

    `carbon` has kg of CO2 per kWh from the grid in the place of a price.
    """

    prices: PriceSeries | None = None
    pv: Forecast | None = None
    base_load: Forecast | None = None
    carbon: PriceSeries | None = None

"""What is known of the hours to come, told to the site whenever prices or forecasts change."""

from homeassistant.core import CALLBACK_TYPE, callback

from .coordinator import SmartChargingRuntime
from .engine.outlook import Outlook


@callback
def async_follow_outlook(runtime: SmartChargingRuntime) -> CALLBACK_TYPE:
    """Tell the site what is known now and whenever that changes; return how to stop it."""
    prices, forecasts = runtime.prices, runtime.forecasts

    @callback
    def async_tell() -> None:
        carbon = None if prices.carbon.outlook is None else prices.carbon.outlook.series
        outlook = Outlook(prices=prices.series, pv=forecasts.pv, base_load=forecasts.base_load, carbon=carbon)
        runtime.site.set_outlook(outlook)

    stops = (prices.subscribe(async_tell), forecasts.subscribe(async_tell))
    async_tell()

    @callback
    def async_stop() -> None:
        for stop in stops:
            stop()

    return async_stop

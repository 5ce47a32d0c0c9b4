"""What a kWh costs and earns at a site: prices read from the chosen source, kept, and told to who needs them."""

import asyncio
from collections.abc import Callable
import contextlib
from datetime import date, datetime, timedelta
from typing import Final

from homeassistant.core import CALLBACK_TYPE, CoreState, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import (
    async_track_point_in_time,
    async_track_state_change_event,
    async_track_time_change,
)
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.control.prices.series import PriceSeries, joined
from .engine.control.prices.sources import ToldPrices, UnreadablePrices
from .engine.grid.openadr_values import SeriesKind
from .issues import ISSUE_PRICES_LOST, Issue, async_clear, async_raise
from .price_reading import async_ask, composed, is_behind, next_ask, read_entities, read_server, worked_out
from .price_settings import ActionChoice, FeedInSource, PriceSettings
from .site_carbon import SiteCarbon

LOST_AFTER: Final = timedelta(days=1)
# What is over stays this long: sources drop it, and what is to come may begin later than now.
KEPT: Final = timedelta(days=1)


class SitePrices:
    """Follows the source that a site's prices are read from; `series` is what is known, None for nothing yet.

    `carbon` knows the CO2 of a kWh for the time to come.
    A source that fails is told of once in the log; what was known before stays. Where no price has been known for a
    day a repair is shown.
    """

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Follow nothing yet."""
        self._hass = hass
        self._entry = entry
        self.settings: PriceSettings | None = None
        self.series: PriceSeries | None = None
        self.carbon = SiteCarbon(hass)
        self._currency: str | None = None
        self._told: PriceSeries | None = None
        self._earned: PriceSeries | None = None
        self._known_at = dt_util.utcnow()
        self._complained: set[str] = set()
        self._listeners: list[CALLBACK_TYPE] = []
        self._following: list[Callable[[], object]] = []

    @property
    def currency(self) -> str:
        """Return the currency of the prices: that of the source where it says one, else Home Assistant's."""
        return self._currency or self._hass.config.currency

    @callback
    def subscribe(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call a listener when prices change, at each quarter hour, and when other ones are chosen; return how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_configure(self, settings: PriceSettings | None) -> None:
        """Follow another source, if it is another one; what the last one told is forgotten."""
        if settings == self.settings:
            return
        self.async_stop()
        self.settings = settings
        self.series = self._told = self._earned = self._currency = None
        self.carbon.forget()
        self._known_at = dt_util.utcnow()
        if settings is not None:
            self._follow(settings)
        self._notify()

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more."""
        for stop in self._following:
            stop()
        self._following.clear()
        self._complained.clear()
        async_clear(self._hass, ISSUE_PRICES_LOST, self._entry.entry_id)

    def _follow(self, settings: PriceSettings) -> None:
        """Read now, or once all sources are there, and again whenever something may have changed."""
        quarters = [0, 15, 30, 45]
        self._following.append(async_track_time_change(self._hass, self._async_tick, minute=quarters, second=0))
        entities = [*settings.entities, *settings.feed_in_entities, *settings.carbon.entities]
        if entities:
            self._following.append(async_track_state_change_event(self._hass, entities, self._async_changed))
        if settings.action is not None:
            asking = PriceAction(self._hass, self._entry, settings.action, self._async_heard, self._async_complain)
            self._following.append(asking.async_stop)
            self._following.append(async_at_started(self._hass, asking.async_start))
        if settings.server is not None:
            self._following.append(self._entry.runtime_data.grid.subscribe_series(self._read))
        if self._hass.state is not CoreState.running:
            self._read()  # what needs nobody
        self._following.append(async_at_started(self._hass, self._async_started))
        if (sensor := settings.carbon.sensor) is not None:
            remembering = self._entry.async_create_background_task(
                self._hass, self._async_remember(sensor), f"{DOMAIN} carbon"
            )
            self._following.append(remembering.cancel)

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        self._read()

    async def _async_remember(self, co2_entity: str) -> None:
        """Read what the sensor told before the start."""
        await self.carbon.async_remember(co2_entity, dt_util.utcnow())
        self._read()

    @callback
    def _async_changed(self, _event: Event[EventStateChangedData]) -> None:
        self._read()

    @callback
    def _async_tick(self, now: datetime) -> None:
        """Begin a quarter hour: another price holds, and maybe another day."""
        self._read()

    @callback
    def _read(self) -> None:
        """Read what can be read at once, and tell what came of it."""
        if self.settings is not None:
            self._read_for(self.settings)

    def _read_for(self, settings: PriceSettings) -> None:
        if not settings.source.is_told:
            self._told = worked_out(settings, dt_util.utcnow())
        if settings.server is not None:
            self._read_server(settings, settings.server)
        if self._hass.state is CoreState.running:  # entities of others come up one by one
            self._read_entities(settings)
        self._publish(settings)

    def _read_entities(self, settings: PriceSettings) -> None:
        """Read the entities that list prices."""
        try:
            if settings.entities:
                self._take(read_entities(self._hass, settings.entities, settings.mapping))
                self._complained.discard("prices")
        except UnreadablePrices as err:
            self._async_complain("prices", err.detail)
        try:
            if settings.feed_in_entities:
                self._earned = _with_past(self._earned, read_entities(self._hass, settings.feed_in_entities).series)
                self._complained.discard("feed-in prices")
        except UnreadablePrices as err:
            self._async_complain("feed-in prices", err.detail)
        try:
            self.carbon.read_forecast(settings.carbon)
            self._complained.discard("CO2 forecast")
        except UnreadablePrices as err:
            self._async_complain("CO2 forecast", err.detail)

    def _read_server(self, settings: PriceSettings, server: str) -> None:
        """Take what an OpenADR server announces; it withdraws what it announced, so none of that is kept beside it."""
        known = self._entry.runtime_data.grid.servers.get(server)
        if known is not None and not known.was_asked:
            return
        try:
            self._told = read_server(self._hass, self._entry, server, SeriesKind.PRICE).series
            self._complained.discard("prices")
        except UnreadablePrices as err:
            self._async_complain("prices", err.detail)
        try:
            if settings.feed_in is FeedInSource.OPENADR:
                self._earned = read_server(self._hass, self._entry, server, SeriesKind.EXPORT_PRICE).series
                self._complained.discard("feed-in prices")
        except UnreadablePrices as err:
            self._async_complain("feed-in prices", err.detail)
        if not settings.carbon.forecasts:
            with contextlib.suppress(UnreadablePrices):  # not every server tells of CO2
                self.carbon.take_forecast(read_server(self._hass, self._entry, server, SeriesKind.GHG).series)

    @callback
    def _async_heard(self, told: ToldPrices) -> None:
        """Take an action's answer."""
        self._complained.discard("prices")
        self._take(told)
        if self.settings is not None:
            self._publish(self.settings)

    def _take(self, told: ToldPrices) -> None:
        self._told = _with_past(self._told, told.series)
        self._currency = told.currency

    def _publish(self, settings: PriceSettings) -> None:
        """Work out what a kWh comes to, look whether a price is known for now, and tell."""
        now = dt_util.utcnow()
        grams = self.carbon.note(settings.carbon, now)
        if self._told is not None:
            series = composed(settings, self._told, self._earned)
            self.series = series if grams is None else series.with_co2_at(now, grams)
        if self.series is not None and self.series.import_at(now) is not None:
            self._known_at = now
            async_clear(self._hass, ISSUE_PRICES_LOST, self._entry.entry_id)
        elif now - self._known_at >= LOST_AFTER:
            placeholders = {"site": self._entry.title}
            async_raise(self._hass, Issue(ISSUE_PRICES_LOST, self._entry.entry_id, placeholders=placeholders))
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    @callback
    def _async_complain(self, what: str, detail: str) -> None:
        """Tell once that something can't be read, until it could be."""
        if what not in self._complained:
            self._complained.add(what)
            LOGGER.warning("The %s of %s can't be read: %s", what, self._entry.title, detail)


class PriceAction:
    """Asks an action for the prices of today and tomorrow: once for each day that it has them for.

    Tomorrow's are asked for again when they are due; that they are missing is no failure.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmartChargingConfigEntry,
        choice: ActionChoice,
        heard: Callable[[ToldPrices], None],
        complain: Callable[[str, str], None],
    ) -> None:
        """Take whom to ask and who wants to hear."""
        self._hass = hass
        self._entry = entry
        self._choice = choice
        self._heard = heard
        self._complain = complain
        self._days: set[date] = set()
        self._failures = 0
        self._cancel: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_start(self, _hass: HomeAssistant) -> None:
        """Begin to ask."""
        self._async_wake(dt_util.utcnow())

    @callback
    def async_stop(self) -> None:
        """Ask no more; what is on its way is dropped."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @callback
    def _async_wake(self, _now: datetime) -> None:
        self._cancel = None
        self._task = self._entry.async_create_background_task(self._hass, self._async_ask(), f"{DOMAIN} prices")

    async def _async_ask(self) -> None:
        """Ask for the days that are missing, and see to it that they are asked for again."""
        today = dt_util.now().date()
        tomorrow = today + timedelta(days=1)
        self._days &= {today, tomorrow}
        for day in (today, tomorrow):
            if day not in self._days:
                await self._async_ask_for(day, needed=day == today)
        self._ask_again(today in self._days, tomorrow in self._days)

    def _ask_again(self, has_today: bool, has_tomorrow: bool) -> None:
        now = dt_util.now()
        behind = is_behind(now, has_today=has_today, has_tomorrow=has_tomorrow)
        at = next_ask(now, behind=behind, has_tomorrow=has_tomorrow, failures=self._failures)
        self._failures = self._failures + 1 if behind else 0
        self._cancel = async_track_point_in_time(self._hass, self._async_wake, at)

    async def _async_ask_for(self, day: date, *, needed: bool) -> None:
        try:
            told = await async_ask(self._hass, self._choice, day)
        except UnreadablePrices as err:
            if needed:
                self._complain("prices", err.detail)
            return
        self._days.add(day)
        self._heard(told)


def _with_past(known: PriceSeries | None, told: PriceSeries) -> PriceSeries:
    """Return what a source tells now together with what it told before, as far as that still matters."""
    kept = None if known is None else known.since(dt_util.utcnow() - KEPT)
    if kept is None:
        return told
    try:
        return joined([kept, told]) or told
    except ValueError:
        return told  # in steps that don't fit together

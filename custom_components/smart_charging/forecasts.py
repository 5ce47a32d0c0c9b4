"""The forecasts of a running site: asks, measures, learns, and tells those who plan by them."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_change, async_track_utc_time_change
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .calendar_events import CalendarUnreadable
from .const import DOMAIN, LOGGER, SUBENTRY_PV
from .engine.control.forecast.base_load import OLDEST_DAYS
from .engine.control.forecast.forecaster import Forecaster, ProviderMemory, UsualMemory
from .engine.control.forecast.series import Forecast
from .engine.model import Json, StoreError
from .engine.recorded_json import Decoder, Encoder, RecordedJsonError
from .holidays import async_holidays
from .load_history import async_learn, house_entities
from .measurements import house_power_w
from .site_options import (
    SolarForecastSource,
    holiday_calendar,
    solar_config,
    solar_forecast_entities,
    solar_forecast_source,
)
from .solar_sources import Said, ask_entities, async_ask_providers, async_energy_providers

if TYPE_CHECKING:
    from .coordinator import SmartChargingConfigEntry

PROVIDER: Final = "forecast_provider"  # the names in the site's memory
USUAL: Final = "forecast_usual"
HOLIDAYS_AHEAD: Final = timedelta(days=4)  # two days of forecast, made until the next reading
SAVE_MINUTE: Final = 0  # what is learnt of the provider is kept once an hour
LEARN_AT: Final = (0, 20, 30)  # hour, minute and second of the local day; the last hour's statistics are then there


class SiteForecasts:
    """Keeps the forecasts of PV and of the house alone, renewed each quarter of an hour and when a source changes."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Know nothing before `async_load`."""
        self._hass = hass
        self._entry = entry
        self._forecaster = Forecaster(dt_util.get_default_time_zone())
        self._listeners: list[Callable[[], None]] = []
        self._stops: list[CALLBACK_TYPE] = []
        self._lock = asyncio.Lock()
        self._providers: dict[str, str] = {}
        self._said = Said()
        self._save_failed = False
        self._configured: tuple[object, ...] | None = None  # what the forecasts are made from since they began

    @property
    def pv(self) -> Forecast | None:
        """Return what all panels will bring from the running slot on, None while nobody can tell."""
        return self._forecaster.pv

    @property
    def base_load(self) -> Forecast | None:
        """Return what the house will take without chargers and batteries, None while nothing is known of its past."""
        return self._forecaster.base_load

    @property
    def expects_pv(self) -> bool:
        """Return whether the site has panels, or somebody who speaks of them."""
        chosen = solar_forecast_source(self._entry.options) is SolarForecastSource.ENTITIES
        return chosen or bool(self._providers) or bool(self._entry.get_subentries_of_type(SUBENTRY_PV))

    @callback
    def subscribe(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `listener` whenever the forecasts were made anew; return how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def async_load(self) -> None:
        """Take up what was learnt before; raises StoreError."""
        kept = await self._entry.runtime_data.ledger.load_memory()
        self._forecaster.provider = _decoded(ProviderMemory(), kept.get(PROVIDER))
        self._forecaster.usual = _decoded(UsualMemory(), kept.get(USUAL))
        self._async_renew(dt_util.utcnow())

    @callback
    def async_start(self) -> None:
        """Follow the site, whose entities are there by now, until `async_stop`."""
        coordinator = self._entry.runtime_data.coordinator
        hour, minute, second = LEARN_AT
        self._stops += [
            coordinator.async_add_listener(self._async_measure),
            async_track_utc_time_change(self._hass, self._async_slot_over, minute=(0, 15, 30, 45), second=1),
            async_track_time_change(self._hass, self._async_day_begins, hour=hour, minute=minute, second=second),
            async_at_started(self._hass, self._async_started),
        ]
        self._async_measure()

    async def async_stop(self) -> None:
        """Follow nothing any more and keep what was learnt; a second call does nothing."""
        if self._stops:
            while self._stops:
                self._stops.pop()()
            await self._async_save(PROVIDER, self._forecaster.provider)

    @callback
    def async_configure(self) -> None:
        """Ask the sources that are chosen now, and learn from the meters that are, where either changed."""
        self._forecaster.time_zone = dt_util.get_default_time_zone()
        if self._configured is not None and self._configured != self._configuration():
            self._async_begin()

    def told(self) -> dict[str, object]:
        """Return what diagnostics tell: the source, its problems, what was learnt, and the forecasts in whole W."""
        provider, usual = self._forecaster.provider, self._forecaster.usual
        return {
            "source": solar_forecast_source(self._entry.options).value,
            "providers": sorted(self._providers.values()),
            "problems": list(self._said.problems.values()),
            "learnt_at": usual.at,
            "holidays": sorted(day.isoformat() for day in self._forecaster.holidays),
            "days_of_house": 0 if usual.house is None else usual.house.days,
            "days_of_pv": 0 if usual.pv is None else usual.pv.days,
            "slots_learnt_by_hour": {hour: round(one.slots) for hour, one in provider.correction.hours.items()},
            "errors_seen": [len(each) for each in provider.errors.seen],
            "pv": _rounded(self.pv),
            "base_load": _rounded(self.base_load),
        }

    @callback
    def _async_measure(self) -> None:
        """Take what the site measures now."""
        now, view = dt_util.utcnow(), self._entry.runtime_data.coordinator.data
        has_pv = bool(self._entry.get_subentries_of_type(SUBENTRY_PV))
        self._forecaster.take_power(view.pv_power_w, house_power_w(view, now, has_pv=has_pv), now)

    @callback
    def _async_slot_over(self, now: datetime) -> None:
        """Learn from the slot that ended, then forecast from the new one on."""
        curtailed = solar_config(self._entry.options).zero_export
        self._async_measure()
        self._forecaster.finish_slot(now, curtailed=curtailed)
        self._run(self._async_new_slot(now), "slot")

    @callback
    def _async_day_begins(self, now: datetime) -> None:
        self._run(self._async_learn(dt_util.as_utc(now)), "learn")

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        """Begin once the others are there: those who are asked, and those whose past is read."""
        self._async_begin()

    @callback
    def _async_begin(self) -> None:
        self._configured = self._configuration()
        self._run(self._async_ask_and_renew(dt_util.utcnow()), "ask")
        self._run(self._async_learn(dt_util.utcnow()), "learn")

    def _configuration(self) -> tuple[object, ...]:
        """Return all of the entry that forecasts are made from."""
        options = self._entry.options
        return (
            solar_forecast_source(options),
            solar_forecast_entities(options),
            holiday_calendar(options),
            house_entities(self._hass, self._entry),
            self._forecaster.time_zone,
        )

    def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        self._entry.async_create_background_task(self._hass, work, f"{DOMAIN} forecasts: {name}")

    async def _async_new_slot(self, now: datetime) -> None:
        await self._async_ask_and_renew(now)
        self._forecaster.note_forecast(now)
        if now.minute == SAVE_MINUTE:
            await self._async_save(PROVIDER, self._forecaster.provider)

    async def _async_ask_and_renew(self, now: datetime) -> None:
        """Ask the source, one call after the other, and make the forecasts anew."""
        async with self._lock:
            name, said = await self._async_ask(now)
            if said.problems and said.problems != self._said.problems:
                LOGGER.info("The solar forecast is not complete: %s", "; ".join(said.problems.values()))
            self._said = said
            self._forecaster.take_said(name, said.slots)
        self._async_renew(now)

    async def _async_ask(self, now: datetime) -> tuple[str, Said]:
        """Return what the chosen source says, and its name."""
        match solar_forecast_source(self._entry.options):
            case SolarForecastSource.ENERGY_DASHBOARD:
                self._providers = await async_energy_providers(self._hass)
                said = await async_ask_providers(self._hass, self._providers, now)
                return " ".join(sorted(self._providers)), said
            case SolarForecastSource.ENTITIES:
                self._providers = {}
                entity_ids = solar_forecast_entities(self._entry.options)
                return " ".join(sorted(entity_ids)), ask_entities(self._hass, entity_ids, now)
            case SolarForecastSource.LEARNT:
                self._providers = {}
                return "", Said()

    async def _async_learn(self, now: datetime) -> None:
        """Learn what is usual; a past that can't be read now leaves what was learnt before."""
        entities = house_entities(self._hass, self._entry)
        await self._async_read_holidays(now)
        usual = await async_learn(self._hass, entities, now, self._forecaster.time_zone, self._forecaster.holidays)
        if usual is None:
            return
        self._forecaster.usual = usual
        await self._async_save(USUAL, usual)
        self._async_renew(now)

    async def _async_read_holidays(self, now: datetime) -> None:
        """Read the days that are as Sundays; where that fails those read before stay."""
        if (calendar := holiday_calendar(self._entry.options)) is None:
            self._forecaster.holidays = frozenset()
            return
        start, end = now - timedelta(days=OLDEST_DAYS + 1), now + HOLIDAYS_AHEAD
        try:
            self._forecaster.holidays = await async_holidays(self._hass, calendar, start, end)
        except CalendarUnreadable as err:
            LOGGER.info("Holidays are not known: %s", err)

    @callback
    def _async_renew(self, now: datetime) -> None:
        """Make the forecasts anew and tell it."""
        self._forecaster.renew(now)
        for listener in tuple(self._listeners):
            listener()

    async def _async_save(self, name: str, value: ProviderMemory | UsualMemory) -> None:
        """Keep what was learnt; what could not be kept is kept the next time."""
        try:
            await self._entry.runtime_data.ledger.save_memory(name, Encoder().encode(value))
            self._save_failed = False
        except StoreError as err:
            if not self._save_failed:
                LOGGER.warning("What forecasts learnt could not be kept: %s", err)
            self._save_failed = True


def _decoded[T](default: T, kept: Json) -> T:
    """Return what was kept as a value of the default's type; what is not understood counts as never kept."""
    if kept is None:
        return default
    try:
        return Decoder().decode(type(default), kept, "forecasts")
    except RecordedJsonError as err:
        LOGGER.warning("What forecasts learnt before is not understood and not used: %s", err)
        return default


def _rounded(forecast: Forecast | None) -> dict[str, object] | None:
    """Return a forecast in whole W."""
    if forecast is None:
        return None
    series = {
        "median_w": forecast.median_w,
        "low_w": forecast.low_w,
        "high_w": forecast.high_w,
        "mean_w": forecast.mean_w,
    }
    return {"start": forecast.start, **{name: [round(power) for power in each] for name, each in series.items()}}

"""When cars leave by calendars of their users: read, followed, kept over a restart, and told to the site."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event, async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .calendar_events import CalendarUnreadable, async_calendar_events
from .const import DOMAIN, LOGGER
from .coordinator import SmartChargingConfigEntry
from .departure_settings import DepartureChoice
from .engine.calendar_departures import DepartureEvent, dated_plans
from .engine.config import DatedPlan
from .engine.model import EvseKey, StoreError
from .engine.recorded_json import Decoder, Encoder, RecordedJsonError
from .issues import ISSUE_CALENDAR_LOST, Issue, async_clear, async_raise

MEMORY: Final = "departures"  # the name in the site's memory
AHEAD: Final = timedelta(days=14)
# A calendar's state tells of its next event only: what changes after that shows here.
READ_EACH: Final = timedelta(minutes=15)
LOST_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a calendar last, and when."""

    calendar: str
    read_at: datetime
    plans: tuple[DatedPlan, ...]


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is known of the calendars, by station id."""

    stations: Mapping[str, _Known] = field(default_factory=dict)


class DepartureCalendars:
    """Follows the calendars that chargers' cars leave by.

    They are read when their state changes and each quarter of an hour. One that can't be read is told of once in the
    log, and after an hour by a repair; what was read before holds until its departures have gone by.
    """

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Follow nothing yet."""
        self._hass = hass
        self._entry = entry
        self._choices: Mapping[str, DepartureChoice] = {}
        self._known: dict[str, _Known] = {}
        self._kept = _Memory()
        self._failing: dict[str, datetime] = {}  # since when, by station id
        self._following: list[Callable[[], object]] = []
        self._reading: asyncio.Task[None] | None = None
        self._due = False
        self._save_failed = False

    async def async_load(self) -> None:
        """Take up what was read before a restart; raises StoreError."""
        kept = (await self._entry.runtime_data.ledger.load_memory()).get(MEMORY)
        if kept is None:
            return
        try:
            self._kept = Decoder().decode(_Memory, kept, MEMORY)
        except RecordedJsonError as err:
            LOGGER.warning("The departures that were kept are not understood and not used: %s", err)
        self._known = dict(self._kept.stations)

    @callback
    def async_configure(self, choices: Mapping[str, DepartureChoice]) -> None:
        """Follow these calendars, by station id; what another one said, or was read by another rule, is forgotten."""
        before = self._choices
        if choices == before:
            return
        self.async_stop()
        self._choices = dict(choices)
        for station_id in {*self._known, *before}:
            known, choice = self._known.get(station_id), choices.get(station_id)
            changed = station_id in before and choice != before[station_id]
            if choice is None or known is None or changed or known.calendar != choice.calendar:
                self._forget(station_id)
        for station_id, known in self._known.items():
            self._tell(station_id, known.plans)
        self._follow()

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more."""
        for stop in self._following:
            stop()
        self._following.clear()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        for choice in self._choices.values():
            async_clear(self._hass, ISSUE_CALENDAR_LOST, choice.subentry_id)
        self._failing.clear()
        self._choices = {}

    def status(self, key: EvseKey) -> dict[str, JsonValueType] | None:
        """Return which calendar an EVSE's car leaves by, when it was read, and whether it can be; None without one."""
        choice, known = self._choices.get(key.station_id), self._known.get(key.station_id)
        if choice is None or key != _evse(key.station_id):
            return None
        return {
            "entity_id": choice.calendar,
            "readable": key.station_id not in self._failing,
            "read_at": None if known is None else known.read_at.isoformat(),
        }

    def told(self) -> dict[str, object]:
        """Return what diagnostics tell, by station id."""
        return {
            station_id: {
                "calendar": choice.calendar,
                "failing_since": self._failing.get(station_id),
                "plans": self._known[station_id].plans if station_id in self._known else None,
            }
            for station_id, choice in self._choices.items()
        }

    def _follow(self) -> None:
        if not self._choices:
            return
        calendars = sorted({choice.calendar for choice in self._choices.values()})
        self._following += [
            async_track_state_change_event(self._hass, calendars, self._async_look),
            async_track_time_interval(self._hass, self._async_look, READ_EACH),
            async_at_started(self._hass, self._async_look),  # calendars come up one by one
        ]

    @callback
    def _async_look(self, _what: object) -> None:
        """Read all calendars now, or once more after the reading that runs."""
        if not self._hass.is_running:
            return
        self._due = True
        if self._reading is None or self._reading.done():
            self._reading = self._entry.async_create_background_task(
                self._hass, self._async_read(), f"{DOMAIN} departures"
            )

    async def _async_read(self) -> None:
        while self._due:
            self._due = False
            shared: defaultdict[tuple[str, timedelta], list[str]] = defaultdict(list)
            for station_id, choice in self._choices.items():
                shared[choice.calendar, choice.rule.lead].append(station_id)
            for (calendar, lead), station_ids in shared.items():
                await self._async_read_one(calendar, lead, station_ids)
            await self._async_keep()

    async def _async_read_one(self, calendar: str, lead: timedelta, station_ids: Iterable[str]) -> None:
        """Read a calendar for all chargers that look as far ahead; where that fails what was read before stays."""
        now = dt_util.utcnow()
        try:
            events = await async_calendar_events(self._hass, calendar, now, now + lead + AHEAD)
        except CalendarUnreadable as err:
            for station_id in station_ids:
                self._complain(station_id, self._choices[station_id], now, str(err))
            return
        told = [found for event in events if (found := _departure_event(event)) is not None]
        for station_id in station_ids:
            self._take(station_id, self._choices[station_id], told, now)

    def _take(self, station_id: str, choice: DepartureChoice, told: Sequence[DepartureEvent], now: datetime) -> None:
        """Take what a calendar has for the car at a charger, and tell the site."""
        if self._failing.pop(station_id, None) is not None:
            async_clear(self._hass, ISSUE_CALENDAR_LOST, choice.subentry_id)
        plans = dated_plans(told, choice.rule, choice.car, now)
        self._known[station_id] = _Known(choice.calendar, now, plans)
        self._tell(station_id, plans)

    def _complain(self, station_id: str, choice: DepartureChoice, now: datetime, detail: str) -> None:
        """Tell that a calendar can't be read: once in the log, and by a repair where it lasts."""
        if station_id not in self._failing:
            LOGGER.warning("The calendar of departures of %s can't be read: %s", self._entry.title, detail)
        since = self._failing.setdefault(station_id, now)
        if now - since >= LOST_AFTER:
            charger = self._entry.subentries[choice.subentry_id].title
            placeholders = {"charger": charger, "calendar": choice.calendar}
            async_raise(self._hass, Issue(ISSUE_CALENDAR_LOST, choice.subentry_id, placeholders=placeholders))

    def _forget(self, station_id: str) -> None:
        self._known.pop(station_id, None)
        self._tell(station_id, ())

    def _tell(self, station_id: str, plans: tuple[DatedPlan, ...]) -> None:
        self._entry.runtime_data.site.set_dated(_evse(station_id), plans)

    async def _async_keep(self) -> None:
        """Keep the departures over a restart where they changed; what could not be kept is kept the next time."""
        memory = _Memory(dict(self._known))
        if _plans(memory) == _plans(self._kept):
            return
        try:
            await self._entry.runtime_data.ledger.save_memory(MEMORY, Encoder().encode(memory))
        except StoreError as err:
            if not self._save_failed:
                LOGGER.warning("The departures of calendars could not be kept: %s", err)
            self._save_failed = True
            return
        self._kept, self._save_failed = memory, False


def _plans(memory: _Memory) -> dict[str, tuple[str, tuple[DatedPlan, ...]]]:
    return {station_id: (known.calendar, known.plans) for station_id, known in memory.stations.items()}


def _evse(station_id: str) -> EvseKey:
    """Return the EVSE whose car a calendar is of: the charger's first, as for what tells the car's charge."""
    return EvseKey(station_id, 1)


def _departure_event(event: Mapping[str, object]) -> DepartureEvent | None:
    """Return an event that begins at a time; None for one of whole days, or that is not understood."""
    start = event.get("start")
    if not isinstance(start, str) or "T" not in start or (at := dt_util.parse_datetime(start)) is None:
        return None
    texts = (
        value if isinstance(value := event.get(key), str) else "" for key in ("summary", "location", "description")
    )
    return DepartureEvent(dt_util.as_utc(at), *texts)

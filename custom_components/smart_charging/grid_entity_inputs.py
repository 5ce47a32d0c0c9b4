"""Sources of grid signals that are entities: contacts, control boxes, numbers, and bridges to EEBus."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ACTIVE_ENTITY,
    CONF_CONTACTS,
    CONF_DURATION_ENTITY,
    CONF_ENTITY,
    CONF_HEARTBEAT_ENTITY,
    CONF_LIMIT_ENTITY,
    CONF_LIMIT_UNIT,
)
from .engine.grid.signal import SignalUnit
from .engine.grid.source import ContactSeen, HeartbeatSeen, LimitStated, NumberSeen, SourceEvent, SourceUnavailable
from .entity_values import current_a, duration_s, is_on, is_there, percentage, power_w
from .readings import StateEvent, async_track_states

HEARTBEAT_EACH: Final = timedelta(seconds=60)  # of a bridge that has no heartbeat entity, while it tells a limit

type Tell = Callable[..., None]


class GridInput(Protocol):
    """A way by which one source of grid signals is heard."""

    def first(self) -> tuple[SourceEvent, ...]:
        """Return what the source says now, before `async_start`."""

    @callback
    def async_start(self, tell: Tell) -> None:
        """Call `tell` with each event from now on."""

    async def async_stop(self) -> None:
        """Hear nothing any more."""


class EntityInput(ABC):
    """Follows entities; whatever one of them reports, the source is read anew."""

    def __init__(self, hass: HomeAssistant, subentry: ConfigSubentry) -> None:
        """Follow nothing yet."""
        self.hass = hass
        self.source_id = subentry.subentry_id
        self.data: Mapping[str, Any] = subentry.data
        self._stops: list[CALLBACK_TYPE] = []

    @abstractmethod
    def entities(self) -> tuple[str, ...]:
        """Return the entities that are read."""

    @abstractmethod
    def read(self, now: datetime) -> tuple[SourceEvent, ...]:
        """Return what the entities say now."""

    def first(self) -> tuple[SourceEvent, ...]:
        """Return what the source says now."""
        return self.read(dt_util.utcnow())

    @callback
    def async_start(self, tell: Tell) -> None:
        """Tell what the entities say whenever one changes or repeats its state."""

        @callback
        def async_heard(_event: StateEvent) -> None:
            tell(*self.read(dt_util.utcnow()))

        self._stops.append(async_track_states(self.hass, self.entities(), async_heard))

    async def async_stop(self) -> None:
        """Follow nothing any more."""
        for stop in self._stops:
            stop()
        self._stops.clear()


class ContactInput(EntityInput):
    """One contact."""

    def entities(self) -> tuple[str, ...]:
        """Return the contact."""
        return (self.data[CONF_ENTITY],)

    def read(self, now: datetime) -> tuple[SourceEvent, ...]:
        """Return whether it is closed."""
        closed = is_on(self.hass, self.data[CONF_ENTITY])
        if closed is None:
            return (SourceUnavailable(self.source_id, now),)
        return (ContactSeen(self.source_id, now, closed),)


class ControlBoxInput(EntityInput):
    """The contacts of a control box; while one of them can't be read, the box can't."""

    def entities(self) -> tuple[str, ...]:
        """Return the contacts that are wired."""
        return tuple(self.data[key] for key in CONF_CONTACTS.values() if key in self.data)

    def read(self, now: datetime) -> tuple[SourceEvent, ...]:
        """Return which contacts are closed."""
        return tuple(self._read(now))

    def _read(self, now: datetime) -> Iterator[SourceEvent]:
        wired = {contact: self.data[key] for contact, key in CONF_CONTACTS.items() if key in self.data}
        closed = {contact: is_on(self.hass, entity_id) for contact, entity_id in wired.items()}
        alone = None in closed.values()
        for contact, is_closed in closed.items():
            if is_closed is not None:
                yield ContactSeen(self.source_id, now, is_closed, contact, alone)
        if alone:
            yield SourceUnavailable(self.source_id, now)


class NumberInput(EntityInput):
    """An entity whose value is the limit."""

    def entities(self) -> tuple[str, ...]:
        """Return the entity."""
        return (self.data[CONF_ENTITY],)

    def read(self, now: datetime) -> tuple[SourceEvent, ...]:
        """Return the limit in W, A or %."""
        value = self._value(self.data[CONF_ENTITY])
        if value is None:
            return (SourceUnavailable(self.source_id, now),)
        return (NumberSeen(self.source_id, now, value),)

    def _value(self, entity_id: str) -> float | None:
        match self.data[CONF_LIMIT_UNIT]:
            case SignalUnit.AMPERE:
                return current_a(self.hass, entity_id)
            case SignalUnit.PERCENT:
                return percentage(self.hass, entity_id)
            case _:
                power = power_w(self.hass, entity_id)
                return None if power is None else power[0]


class EebusInput(EntityInput):
    """A bridge to EEBus: its limit, whether that is active, for how long, and signs of life.

    The machine knows when what is told is the same as before, also over a restart. While its limit can't be read no sign
    of life counts: nobody would hear what it demands.
    """

    _unheard_beat: datetime | None = None  # the last one while the limit could not be read

    def entities(self) -> tuple[str, ...]:
        """Return the bridge's entities but the heartbeat."""
        keys = (CONF_LIMIT_ENTITY, CONF_ACTIVE_ENTITY, CONF_DURATION_ENTITY)
        return tuple(self.data[key] for key in keys if key in self.data)

    def read(self, now: datetime) -> tuple[SourceEvent, ...]:
        """Return the limit, or nothing where it can't be read: then no heartbeat counts either."""
        stated = self._read(now)
        if stated is None:
            return ()
        beat, self._unheard_beat = self._unheard_beat, None
        # Of a limit that was away for a moment only, no heartbeat is lost.
        alive = beat is not None and now - beat <= HEARTBEAT_EACH
        return (HeartbeatSeen(self.source_id, now), stated) if alive else (stated,)

    def first(self) -> tuple[SourceEvent, ...]:
        """Return the limit and, where a bridge is alive as far as can be seen, a sign of life."""
        now = dt_util.utcnow()
        heartbeat = (HeartbeatSeen(self.source_id, now),) if self._is_alive() else ()
        return (*heartbeat, *self.read(now))

    @callback
    def async_start(self, tell: Tell) -> None:
        """Tell limits as they are stated, and heartbeats as they come."""
        super().async_start(tell)

        @callback
        def async_each_minute(now: datetime) -> None:
            if self._is_alive():
                tell(HeartbeatSeen(self.source_id, now))

        @callback
        def async_beats(_event: StateEvent) -> None:
            if not self._beats():
                return
            now = dt_util.utcnow()
            if self._read(now) is None:
                self._unheard_beat = now
            else:
                tell(HeartbeatSeen(self.source_id, now))

        self._stops.append(async_track_time_interval(self.hass, async_each_minute, HEARTBEAT_EACH))
        if CONF_HEARTBEAT_ENTITY in self.data:
            heart = (self.data[CONF_HEARTBEAT_ENTITY],)
            self._stops.append(async_track_states(self.hass, heart, async_beats))

    def _read(self, now: datetime) -> LimitStated | None:
        value = power_w(self.hass, self.data[CONF_LIMIT_ENTITY])
        active: bool | None = True
        if CONF_ACTIVE_ENTITY in self.data:
            active = is_on(self.hass, self.data[CONF_ACTIVE_ENTITY])
        if value is None or active is None:
            return None
        lasts_s: float | None = 0.0
        if CONF_DURATION_ENTITY in self.data:
            lasts_s = duration_s(self.hass, self.data[CONF_DURATION_ENTITY])
        duration = timedelta(seconds=lasts_s) if lasts_s else None  # of 0 s: it has no end
        return LimitStated(self.source_id, now, value[0], active, duration, lasts_s is not None)

    def _is_alive(self) -> bool:
        """Return whether the bridge lives by what its entities show: a limit and, where it has one, a heart that is on."""
        heart = self.data.get(CONF_HEARTBEAT_ENTITY)
        beats = heart is None or is_on(self.hass, heart) is True
        return beats and self._read(dt_util.utcnow()) is not None

    def _beats(self) -> bool:
        """Return whether what the heartbeat's entity tells is a sign of life: anything but being off or away."""
        heart = self.data[CONF_HEARTBEAT_ENTITY]
        return is_there(self.hass, heart) and is_on(self.hass, heart) is not False

"""The cycle of a site: read, decide, act, record; everything else is in the rooms it joins."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
import logging
import ssl

from .clock import Clock
from .config import SiteConfig, StationConfig
from .control.decision import decide
from .control.safe_currents import SafeCurrents, allocate_safe_currents
from .control.snapshot import ControlState, Decision, EvseSnapshot, Snapshot
from .csms.central_system import CentralSystem
from .csms.state import StationEvent
from .csms.station import Station
from .evse_settings import EvseSettings, load_settings, save_settings
from .grid_connection import GridConnection
from .ledger import SiteLedger
from .model import ChargeMode, EvseKey, MeterQuality
from .presentation import SiteMeasurement, present
from .session_tracking import SessionTracker
from .station_reading import evse_snapshot
from .view import GridReading, SiteEvent, SiteView

_LOGGER = logging.getLogger(__name__)

TICK_S = 1.0  # safety looks at least this often
CYCLE_S = 5.0  # full decisions, that may also raise
DEFAULT_ID_TOKEN = "SMARTCHARGING"  # starts a transaction where nobody presented a tag


@dataclass(frozen=True, slots=True)
class PvReading:
    """Production of one PV plant in W, at our time."""

    power_w: float | None
    at: datetime


class Site:
    """One grid connection with its chargers: holds the state, decides in `control`, acts through `csms`."""

    def __init__(self, config: SiteConfig, *, csms: CentralSystem, ledger: SiteLedger, clock: Clock) -> None:
        """Join the rooms; nothing runs before `start`."""
        self.config = config
        self._csms = csms
        self._ledger = ledger
        self._clock = clock
        self._grid = GridConnection()
        self._pv: dict[str, PvReading] = {}
        self._state = ControlState()
        self._decision: Decision | None = None
        self._decided_at = float("-inf")
        self._quality: MeterQuality | None = None
        self._settings: dict[EvseKey, EvseSettings] = {}
        self._safe = SafeCurrents({}, ())
        self._view: SiteView | None = None
        self._listeners: list[Callable[[], None]] = []
        self._event_listeners: list[Callable[[SiteEvent], None]] = []
        self._sessions = SessionTracker(config.site_id, ledger, self._announce)
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to follow the stations and to decide."""
        self._unsubscribe = self._csms.subscribe(self._station_event)
        self._tasks = [
            asyncio.create_task(self._sessions.run(self._changed), name="sessions"),
            asyncio.create_task(self._run(), name="control cycle"),
        ]

    async def listen(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Open the port that stations dial and return it; raises OSError when it is taken."""
        return await self._csms.start(host, port, ssl_context)

    async def stop(self) -> None:
        """Stop deciding and close all connections; the stations' leases end by themselves."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        await self._csms.stop()

    def update_config(self, config: SiteConfig) -> None:
        """Take changed limits, delays or meter; the next decision uses them."""
        self.config = config
        self._allocate_safe_currents()
        self._decide(may_raise=True)

    async def add_charger(self, config: StationConfig) -> None:
        """Serve a configured station from now on; one that waits for it keeps its socket."""
        self._settings.update(await load_settings(self._ledger, config.station_id))
        await self._sessions.load(EvseKey(config.station_id, 1))
        await self._csms.add_station(config)
        self._allocate_safe_currents()
        self._decide(may_raise=True)

    async def update_charger(self, config: StationConfig) -> None:
        """Take a station's changed configuration; its socket stays."""
        await self._csms.update_station(config)
        self._allocate_safe_currents()
        self._decide(may_raise=True)

    async def remove_charger(self, station_id: str) -> None:
        """Serve a station no longer; its records stay."""
        await self._csms.remove_station(station_id)
        self._settings = {key: value for key, value in self._settings.items() if key.station_id != station_id}
        self._sessions.forget(station_id)
        self._allocate_safe_currents()
        self._decide(may_raise=True)

    def set_grid_reading(self, reading: GridReading) -> None:
        """Take a reading of the grid meter; an overload is cut before this returns."""
        self._grid.take(self.config, reading)
        if self._grid.overloaded(self.config):
            self._decide(may_raise=False)
        self._changed()

    @property
    def rejected_grid_readings(self) -> int:
        """Return how many readings of the grid meter were implausible and not used."""
        return self._grid.rejected

    def set_pv_power(self, name: str, power_w: float | None, at: datetime) -> None:
        """Take a PV plant's production in W; None while it is not known."""
        self._pv[name] = PvReading(power_w, at)
        self._changed()

    def remove_pv(self, name: str) -> None:
        """Forget a PV plant."""
        self._pv.pop(name, None)
        self._changed()

    async def set_mode(self, key: EvseKey, mode: ChargeMode) -> None:
        """Set an EVSE's mode; it survives a restart. Raises StoreError when it cannot be kept."""
        await self._set(key, replace(self.settings(key), mode=mode))

    async def set_max_current(self, key: EvseKey, current_a: float) -> None:
        """Set the user's limit in A per phase; it survives a restart."""
        await self._set(key, replace(self.settings(key), max_current_a=current_a))

    async def set_enabled(self, key: EvseKey, enabled: bool) -> None:
        """Allow or forbid charging at an EVSE; it survives a restart."""
        await self._set(key, replace(self.settings(key), enabled=enabled))

    async def start_charging(self, key: EvseKey, id_token: str | None = None) -> None:
        """Ask the station to start a transaction; raises CommandError when it does not."""
        await self.station(key.station_id).start_transaction(key.evse_id, id_token or DEFAULT_ID_TOKEN)

    async def stop_charging(self, key: EvseKey) -> None:
        """Ask the station to end the EVSE's transaction; raises CommandError when it does not."""
        await self.station(key.station_id).stop_transaction(key.evse_id)

    def station(self, station_id: str) -> Station:
        """Return a configured station; raises KeyError for others."""
        return self._csms.stations[station_id]

    def settings(self, key: EvseKey) -> EvseSettings:
        """Return what the user set for an EVSE."""
        return self._settings.get(key, EvseSettings())

    def evses(self) -> Iterable[tuple[EvseKey, StationConfig]]:
        """Return all EVSEs known, at least number 1 of each station."""
        for station_id, station in self._csms.stations.items():
            for evse_id in sorted({1, *station.state.evses}):
                yield EvseKey(station_id, evse_id), station.config

    @property
    def view(self) -> SiteView:
        """What the site shows now."""
        if self._view is None:
            now = self._clock.now()
            produced = [reading.power_w for reading in self._pv.values() if reading.power_w is not None]
            measured = SiteMeasurement(
                self._grid.snapshot(self.config, now),
                self._grid.shown_quality(self.config, now),
                sum(produced) if produced else None,
            )
            self._view = present(
                self.config,
                now,
                measured,
                decision=self._decision,
                safe=self._safe,
                stations=self._csms.stations,
                settings=self.settings,
                record=self._sessions.record,
            )
        return self._view

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener whenever `view` may have changed; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_events(self, listener: Callable[[SiteEvent], None]) -> Callable[[], None]:
        """Call the listener with each event; returns how to stop that."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    async def _run(self) -> None:
        while True:
            try:
                self._tick()
            except Exception:
                # Leases end by themselves; a cycle that could not decide must not be the last one.
                _LOGGER.exception("A cycle of %s failed", self.config.name)
            await self._clock.sleep(TICK_S)

    def _tick(self) -> None:
        quality = self._grid.quality(self.config, self._clock.now())
        due = self._clock.monotonic() - self._decided_at >= CYCLE_S
        if due or quality is not self._quality:
            self._quality = quality
            self._decide(may_raise=due)
        elif self._grid.overloaded(self.config):
            self._decide(may_raise=False)

    def _decide(self, *, may_raise: bool) -> None:
        """Decide now and hand the setpoints to the stations."""
        now = self._clock.now()
        if self._safe.currents.keys() != {key for key, _ in self.evses()}:
            self._allocate_safe_currents()  # a station showed another EVSE
        self._decision, self._state = decide(self._snapshot(now), self._state, now, may_raise=may_raise)
        if may_raise:
            self._decided_at = self._clock.monotonic()
        for key, setpoint in self._decision.setpoints.items():
            self.station(key.station_id).set_limit(key.evse_id, setpoint.current_a, self._safe.currents[key])
        self._changed()

    def _snapshot(self, now: datetime) -> Snapshot:
        evses = tuple(self._evse_snapshot(key, now) for key, _ in self.evses())
        return Snapshot(self.config, self._grid.snapshot(self.config, now), evses)

    def _evse_snapshot(self, key: EvseKey, now: datetime) -> EvseSnapshot:
        station = self.station(key.station_id)
        return evse_snapshot(
            key, station.config, station.state, self.settings(key), self._safe.currents.get(key, 0.0), now
        )

    def _allocate_safe_currents(self) -> None:
        self._safe = allocate_safe_currents(self.config, self.evses())

    async def _set(self, key: EvseKey, settings: EvseSettings) -> None:
        await save_settings(self._ledger, key, settings)
        self._settings[key] = settings
        self._decide(may_raise=True)

    def _station_event(self, event: StationEvent) -> None:
        self._sessions.take(event)
        self._changed()

    def _announce(self, event: SiteEvent) -> None:
        for listener in list(self._event_listeners):
            listener(event)

    def _changed(self) -> None:
        self._view = None
        for listener in list(self._listeners):
            listener()

"""The cycle of a site: read, decide, act, record; everything else is in the rooms it joins."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
import logging
import ssl

from .clock import Clock
from .config import Giving, PhaseSwitching, SiteConfig, StationConfig
from .control.decision import decide
from .control.planning.problem import Plan
from .control.safe_currents import SafeCurrents, allocate_safe_currents
from .control.snapshot import ControlState, Decision, Snapshot
from .csms.central_system import CentralSystem
from .csms.state import StationEvent
from .csms.station import Station
from .deadline_watch import DeadlineWatch
from .elsewhere import Elsewhere
from .energy_origin import EnergyOrigin
from .evse_wishes import EvseWishes
from .grid.grid_room import GridConfig
from .grid_control import GridControl, GridSurroundings
from .ledger import SiteLedger
from .limit import ROOT_CIRCUIT
from .local_lists import LocalLists
from .measurements import SiteMeasurements
from .model import EvseKey, EvseMeasurement, MeterQuality, Session, StoreError
from .origin_tracking import OriginTracker
from .outlook import Outlook
from .paced_decision import PacedDecision
from .planners import Planners
from .presentation import Chargers, present
from .presented_tags import PresentedTags
from .recording import Cycle, CycleRecorder
from .registry_authorizer import RegistryAuthorizer
from .session_tracking import SessionTracker
from .set_point_guard import SetPointGuard
from .site_flows import drawn_power, site_flows
from .site_inputs import SiteInputs
from .site_memory import RememberedSite, SiteMemory
from .site_snapshot import EvseSources, plug_changed, take_snapshot
from .view import NOTICES, SiteEvent, SiteEventType, SiteView

_LOGGER = logging.getLogger(__name__)

TICK_S = 1.0  # safety looks at least this often
CYCLE_S = 5.0  # full decisions, that may also raise
EXPORT_NOISE_W = 100.0  # so much more than may flow out is no reason to decide before the next cycle
PLUG_PAUSE = 10.0  # times what a decision takes: a car that comes to a large site waits as long, a cycle at most
DEFAULT_ID_TOKEN = "SMARTCHARGING"  # starts a transaction where nobody presented a tag


class Site(SiteInputs):
    """One grid connection with its chargers: holds the state, decides in `control`, acts through `csms`."""

    def __init__(
        self,
        config: SiteConfig,
        *,
        csms: CentralSystem,
        ledger: SiteLedger,
        clock: Clock,
        access: RegistryAuthorizer | None = None,
        grid: GridConfig | None = None,
    ) -> None:
        """Join the rooms; nothing runs before `start`. `access` is what the central system asks about tags.

        `grid` are sources of grid signals and what is to be known of the connection for them, None where there are none.
        """
        self.config = config
        self._csms = csms
        self._ledger = ledger
        self._clock = clock
        self._measured = SiteMeasurements()
        self._recorder = CycleRecorder()
        self._observe_only = False
        self._memory = SiteMemory(ledger)
        self._state = ControlState()
        self._decision: Decision | None = None
        self._decided_at = float("-inf")
        self._plug_decision = PacedDecision(PLUG_PAUSE)
        self._qualities: tuple[MeterQuality, ...] = ()
        self._wishes = EvseWishes(ledger, self._wished)
        self._safe = SafeCurrents({}, ())
        self._view: SiteView | None = None
        self._listeners: list[Callable[[], None]] = []
        self._event_listeners: list[Callable[[SiteEvent], None]] = []
        self._elsewhere = Elsewhere(csms, clock, decide=lambda: self._decide(may_raise=False), announce=self._announce)
        self._tags = PresentedTags(access, csms, clock, self._announce)
        self._set_points = SetPointGuard(csms, self._measured, clock, lambda: self.grid.export_limit_w)
        self._lists = LocalLists(access, csms, clock, ledger, self._changed)
        self._origins = OriginTracker(ledger)
        self._sessions = SessionTracker(config.site_id, ledger, self._announce, self._origins.finish)
        self._planner = Planners(clock, lambda now: (self._snapshot(now), self._state))
        self._deadlines = DeadlineWatch(self._announce)
        around = GridSurroundings(
            csms=csms,
            ledger=ledger,
            clock=clock,
            measured=self._measured,
            config=lambda: self.config,
            decision=lambda: self._decision,
            observe_only=lambda: self._observe_only,
            decide=lambda: self._decide(may_raise=False),
            announce=self._announce,
            changed=self._changed,
        )
        self.grid = GridControl(around, grid)  # what the grid operator demands
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to follow the stations and to decide; raises StoreError when the ledger cannot be read."""
        remembered = await self._memory.load()
        self._observe_only, self._state = remembered.observe_only, remembered.state
        self._measured.restore_charges(remembered.charges)
        self._measured.given.restore(remembered.given)
        for limit in remembered.limits:
            self._measured.set_limit(limit)
        await self.grid.start()  # before any charger can be told anything
        self._unsubscribe = self._csms.subscribe(self._station_event)
        self._elsewhere.start()
        await self._lists.start()
        self._tasks = [
            asyncio.create_task(self._memory.run(self._clock, self._remembered), name="site memory"),
            asyncio.create_task(self._sessions.run(self._changed), name="sessions"),
            asyncio.create_task(self._origins.run(self._clock), name="energy origins"),
            asyncio.create_task(self._ledger.grid_proof.run(self._clock), name="grid proof"),
            asyncio.create_task(self._run(), name="control cycle"),
            asyncio.create_task(self._planner.run(lambda: self._decide(may_raise=True)), name="planner"),
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
        await self.grid.stop()
        await self._wishes.stop()
        await self._tags.stop()
        await self._elsewhere.stop()
        await self._lists.stop()
        try:
            await self._memory.save(self._remembered())
            await self._origins.save()
        except StoreError as err:
            _LOGGER.error("The site's memory could not be kept: %s", err)
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        await self._csms.stop()

    def update_config(self, config: SiteConfig) -> None:
        """Take changed limits, delays or meter; the next decision uses them."""
        self.config = config
        self._allocate_safe_currents()
        self._planner.look()
        self._decide(may_raise=True)

    async def add_charger(self, config: StationConfig) -> None:
        """Serve a configured station from now on; one that waits for it keeps its socket."""
        await self.add_chargers([config])

    async def add_chargers(self, configs: Iterable[StationConfig]) -> None:
        """Serve configured stations from now on, and decide once for all of them. Raises StoreError."""
        try:
            for config in configs:
                await self._wishes.load(config.station_id)
                await self._sessions.load(EvseKey(config.station_id, 1))
                await self._csms.add_station(config)
        finally:  # those before one that failed are served
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
        self.grid.hear_charger(station_id)
        await self._lists.forget(station_id)
        self._wishes.forget(station_id)
        self._sessions.forget(station_id)
        self._origins.forget(station_id)
        self._measured.forget_station(station_id)
        self._memory.forget(station_id)
        self._allocate_safe_currents()
        self._decide(may_raise=True)

    @property
    def observe_only(self) -> bool:
        """Return whether the site decides and sends nothing."""
        return self._observe_only

    async def set_observe_only(self, observe_only: bool) -> None:
        """Decide without sending anything, or send again; it survives a restart.

        What stations were told before ends with its lease; then they hold their safe currents.
        Raises StoreError when the choice cannot be kept; nothing is changed then.
        """
        await self._memory.save(replace(self._remembered(), observe_only=observe_only))
        if self._observe_only and not observe_only:
            # What was only decided was never told: everything begins with its minimum.
            unset = {key: replace(control, setpoint_a=0.0) for key, control in self._state.evses.items()}
            self._state = replace(self._state, evses=unset)
        self._observe_only = observe_only
        if observe_only:
            for key, _ in self.evses():
                self.station(key.station_id).release(key.evse_id)
        self._decide(may_raise=True)

    @property
    def recent_cycles(self) -> tuple[Cycle, ...]:
        """The newest decisions with all they were made from, oldest first."""
        return self._recorder.cycles

    def set_outlook(self, outlook: Outlook) -> None:
        """Take prices and forecasts; cars that follow a plan are led by them."""
        self._planner.set_outlook(outlook)
        self._origins.set_prices(outlook.prices)

    def origin(self, session: Session) -> EnergyOrigin | None:
        """Return where a session's energy came from as far as known now, None where nobody looked."""
        return self._origins.origin(session)

    async def fresh_plan(self) -> None:
        """Return once the plan follows from all that was set before."""
        await self._planner.fresh()

    @property
    def plan(self) -> Plan | None:
        """The plan that cars follow now, None without one."""
        return self._planner.plan

    async def start_charging(self, key: EvseKey, id_token: str | None = None) -> None:
        """Ask the station to start a transaction; raises CommandError when it does not."""
        station, tag = self.station(key.station_id), id_token or DEFAULT_ID_TOKEN
        self._tags.expect_start(key.station_id, tag)
        await station.start_transaction(key.evse_id, tag)

    async def set_setpoint(self, key: EvseKey, power_w: float, duration_s: float) -> None:
        """Have a car take this power for a time, or give it where it is negative, in W of all phases; CommandError.

        It never lifts the EVSE's limit, and ends where what is given back would overload a fuse or may not flow.
        """
        self._set_points.check(self.config, key, power_w)
        await self.station(key.station_id).set_setpoint(key.evse_id, power_w, duration_s)

    async def stop_charging(self, key: EvseKey) -> None:
        """Ask the station to end the EVSE's transaction; raises CommandError when it does not."""
        await self.station(key.station_id).stop_transaction(key.evse_id)

    def station(self, station_id: str) -> Station:
        """Return a configured station; raises KeyError for others."""
        return self._csms.stations[station_id]

    def evses(self) -> Iterable[tuple[EvseKey, StationConfig]]:
        """Return all EVSEs known, at least number 1 of each station."""
        for station_id, station in self._csms.stations.items():
            for evse_id in sorted({1, *station.state.evses}):
                yield EvseKey(station_id, evse_id), station.config

    @property
    def view(self) -> SiteView:
        """What the site shows now."""
        if self._view is None:
            shown = present(
                self.config,
                self._clock.now(),
                self._measured,
                Chargers(
                    self._csms.stations,
                    self._safe,
                    self._wishes.asked,
                    self._sessions.record,
                    self._csms.relays.state,
                    self._lists.state,
                    self._planner.planned,
                    self._deadlines.missing,
                    self._origins.origin,
                ),
                decision=self._decision,
                state=self._state,
                observe_only=self._observe_only,
            )
            self._view = replace(shown, grid=self.grid.view)
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
        now = self._clock.now()
        self._set_points.watch(self.config)
        meters = (
            self._measured.meter(ROOT_CIRCUIT).snapshot(self.config, now),
            *self._measured.meters(self.config, now).values(),
        )
        qualities = tuple(meter.quality for meter in meters)
        due = self._clock.monotonic() - self._decided_at >= CYCLE_S
        if due or qualities != self._qualities:
            self._qualities = qualities
            self._decide(may_raise=due)
        elif (
            self._plug_decision.waited(self._clock.monotonic())
            or self._measured.overloaded(self.config, now)
            or self._gives_the_house_too_much()
            or self._feeds_in_too_much(now)
        ):
            self._decide(may_raise=False)
        self.grid.look()

    def _gives_the_house_too_much(self) -> bool:
        """Return whether energy flows out that a car gives which may give to the house only."""
        told = {} if self._decision is None else self._decision.setpoints
        homely = any(one.give_w > 0 and self.settings(key).giving is Giving.HOME for key, one in told.items())
        return homely and self._set_points.flows_out(self.config)

    def _feeds_in_too_much(self, now: datetime) -> bool:
        """Return whether clearly more flows out than may, where a PV system or a car could be told to give less."""
        limit_w = self.grid.export_limit_w
        if limit_w is None or self._observe_only:
            return False
        told = {} if self._decision is None else self._decision.setpoints
        led = any(one.can_curtail for one in self.config.pv) or any(one.give_w > 0 for one in told.values())
        return led and self._measured.feeds_in_beyond(self.config, limit_w + EXPORT_NOISE_W, now)

    def _decide(self, *, may_raise: bool) -> None:
        """Decide now and hand the setpoints to the stations."""
        now, began = self._clock.now(), self._clock.monotonic()
        if self._safe.currents.keys() != {key for key, _ in self.evses()}:
            self._allocate_safe_currents()  # a station showed another EVSE
        snapshot, before = self._planner.with_peak(self._snapshot(now), now), self._state
        self._decision, self._state = decide(snapshot, before, now, may_raise=may_raise)
        self._recorder.record(Cycle(now, snapshot, before, may_raise, self._decision))
        if may_raise:
            self._decided_at = self._clock.monotonic()
        for key, setpoint in self._decision.setpoints.items():
            station = self.station(key.station_id)
            if self._observe_only:  # also for EVSEs that showed themselves since
                station.release(key.evse_id)
                continue
            phases = setpoint.phases if station.config.phase_switching is PhaseSwitching.OCPP else None
            station.set_limit(key.evse_id, setpoint.current_a, self._safe.currents[key], phases)
            station.lead_setpoint(key.evse_id, -setpoint.give_w if setpoint.give_w > 0 else None)
        self._deadlines.look(snapshot.evses, now)
        self._plug_decision.decided(began, self._clock.monotonic())
        self._follow_origins(now)  # after the stations were told: counting must not keep them waiting
        self._changed()

    def _snapshot(self, now: datetime) -> Snapshot:
        sources = EvseSources(
            self._csms.stations,
            self._wishes.asked,
            self._sessions.record,
            self._safe.currents,
            self._state.evses,
            self._planner.advice,
            self._planner.battery_advice,
            self._given_room,
            self.grid.export_limit_w,
        )
        keys = (key for key, _ in self.evses())
        return take_snapshot(self.config, self._measured, self._elsewhere.limits(now), keys, sources, now)

    def _given_room(self, key: EvseKey, *, running: bool) -> float:
        return 0.0 if self._observe_only else self._set_points.most_w(self.config, key, running=running)

    def _follow_origins(self, now: datetime) -> None:
        drawn_w = {key: drawn_power(self.station(key.station_id).state, key.evse_id, now) for key, _ in self.evses()}
        self._measured.given.look({key: self._seen(key, power_w) for key, power_w in drawn_w.items()}, now)
        flows = site_flows(self.config, self._measured, now)
        self._origins.look(flows, drawn_w, lambda key: self._sessions.record(key).session, now)

    def _seen(self, key: EvseKey, drawn_w: float | None) -> tuple[Session | None, EvseMeasurement | None, float | None]:
        evse = self.station(key.station_id).state.evses.get(key.evse_id)
        return self._sessions.record(key).session, None if evse is None else evse.measurement, drawn_w

    def _allocate_safe_currents(self) -> None:
        self._safe = allocate_safe_currents(self.config, self.evses())
        self._state = self._memory.restore(self._state, self._safe.currents)

    def _station_event(self, event: StationEvent) -> None:
        self._sessions.take(event)
        self.grid.hear_charger(event.station.station_id)
        if event.type.value in NOTICES:
            key = EvseKey(event.station.station_id, event.evse_id or 0)
            self._announce(SiteEvent(SiteEventType(event.type.value), key, event.at, details=event.details))
        if event.evse_id and plug_changed(event, self._decision) and self._plug_decision.due(self._clock.monotonic()):
            self._decide(may_raise=False)  # others make room for the car that came before it draws
        self._changed()

    def _remembered(self) -> RememberedSite:
        limits = self._measured.limits(self._clock.now())
        given = self._measured.given.sessions
        return RememberedSite(self._observe_only, self._state, limits, self._measured.charges, given)

    def _announce(self, event: SiteEvent) -> None:
        if event.type is SiteEventType.SESSION_ENDED:
            self._measured.car_left(event.key)
            if event.key.station_id in self._csms.stations:
                self._wishes.car_left(event.key, self.station(event.key.station_id).config)
        for listener in list(self._event_listeners):
            listener(event)

    def _wished(self) -> None:
        self._planner.look()
        self._decide(may_raise=True)

    def _changed(self) -> None:
        self._view = None
        for listener in list(self._listeners):
            listener()

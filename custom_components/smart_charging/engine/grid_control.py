"""The grid operator's demands at a site: steps the grid room, sets its limits, and keeps and tells what came of them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
import secrets
from typing import Final

from .clock import Clock
from .config import SiteConfig
from .control.snapshot import Decision
from .csms.central_system import CentralSystem
from .csms.commands import CommandError
from .grid import uk_rules
from .grid.fresh_readings import due_readings
from .grid.grid_room import GridConfig, GridDecision, GridState, lost_sources, resume, step, with_seed, without_memory
from .grid.memory import GridMemoryError, from_json, to_json
from .grid.merge import GridConnection
from .grid.section_14a import MinimumPower, minimum_power
from .grid.set_back import is_ahead
from .grid.source import (
    ContactSeen,
    HeartbeatSeen,
    InputKind,
    LimitStated,
    LostPolicy,
    NumberSeen,
    SignalsCleared,
    SignalsStated,
    SourceConfig,
    SourceEvent,
    SourceHeard,
    SourceReachable,
    SourceUnavailable,
)
from .grid.source_memory import SourceMemory
from .grid.verification import ActionKind, EvseAction, Measured
from .grid_chargers import ReadingRequests, ToldByChargers, all_evses, ended_with_chargers
from .grid_measurement import GridMeasurement
from .grid_record import GridPowers, GridRecord, GridSetPoint
from .grid_telling import COMPLIANCE_TEST, events_of, own_power_of, records_of, view_of
from .grid_view import NO_GRID_SIGNAL, GridView
from .lasting_value import LastingValue
from .ledger import SiteLedger
from .limit import Limit, OwnPower
from .measurements import SiteMeasurements
from .model import EvseKey, StoreError
from .proof_keeping import ProofKeeping
from .view import SiteEvent

_LOGGER = logging.getLogger(__name__)

LOOK_S: Final = 1.0  # between two looks at chargers while something is asked of them
_LEAST_S: Final = 0.001
# Ids of the sources that need no set-up.
SIMULATION: Final = "simulation"  # what a user simulates
ACTION: Final = "action"  # what automations ask for
CHARGERS: Final = "chargers"  # what chargers report that somebody limits them to (NotifyChargingLimit)
# Alone they are no reason to write: entities repeat what they say.
_FREQUENT: Final = (
    ContactSeen,
    NumberSeen,
    HeartbeatSeen,
    LimitStated,
    SourceHeard,
    SourceReachable,
    SourceUnavailable,
)


@dataclass(frozen=True, slots=True)
class GridSurroundings:
    """What the site lends: its rooms, and what it is asked for or told."""

    csms: CentralSystem
    ledger: SiteLedger
    clock: Clock
    measured: SiteMeasurements
    config: Callable[[], SiteConfig]
    decision: Callable[[], Decision | None]
    observe_only: Callable[[], bool]
    decide: Callable[[], None]  # now, without raising anything
    announce: Callable[[SiteEvent], None]
    changed: Callable[[], None]


class GridControl:
    """Holds the state of the grid room. Without sources nothing is stepped, and it costs nothing."""

    def __init__(self, around: GridSurroundings, config: GridConfig | None = None) -> None:
        """Let nothing hold before `start`."""
        self._around = around
        self._configured = config
        self._state = self._kept = GridState()
        self._early: tuple[SourceEvent, ...] = ()
        self._decision: GridDecision | None = None
        self._lost: tuple[str, ...] = ()  # of these it was told
        self._limits: dict[str, Limit] = {}
        self._started = False
        self._due: datetime | None = None
        self._timer: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._memory = LastingValue(around.ledger, around.clock, "grid")
        self._proof = ProofKeeping(around.ledger, around.clock, around.changed)
        self._measurement = GridMeasurement(around.csms, around.measured, around.config)
        self._told_by_chargers = ToldByChargers(CHARGERS, around.csms)
        self._requests = ReadingRequests(around.csms)

    async def start(self) -> None:
        """Go on from before the restart: all its limits hold when this returns; StoreError if that can't be read."""
        kept = await self._memory.load()
        config, now = self.config, self._around.clock.now()
        try:
            if kept is not None:
                self._state = resume(config, from_json(kept), now)
                self._lost = tuple(lost_sources(config, self._state, now))
        except GridMemoryError as error:
            _LOGGER.error("Grid signals of before the restart are not understood, fail-safes hold: %s", error)
            self._state = without_memory(config, now)
        await self._proof.start()
        if self._active or self._early:
            # What chargers told before the restart they tell again, or nobody does.
            self._step((SignalsCleared(CHARGERS, now), *self._ended(), *self._early), decide=False)
        self._started = True
        self._tasks |= {
            asyncio.create_task(self._memory.run(), name="grid memory"),
            asyncio.create_task(self._proof.run(), name="grid records"),
        }
        self._set_timer()

    async def stop(self) -> None:
        """Step no longer, and write what is not written yet; what the ledger refuses then is lost, and told."""
        self._started = False
        tasks = [*self._tasks, *([] if self._timer is None else [self._timer])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        await self._requests.stop()
        for flush in (self._memory.flush, self._proof.flush):
            try:
                await flush()
            except StoreError as error:
                _LOGGER.error("What is known of grid signals could not be kept: %s", error)

    @property
    def config(self) -> GridConfig:
        """Return what is configured, with the sources that need no set-up: actions, chargers, simulations and tests."""
        site = self._around.config()
        connection = GridConnection(site.fuse_a, site.phases, site.power_w, site.installed_pv_w)
        config = self._configured or GridConfig(connection)
        uk_evses = all_evses(self._around.csms, config.uk_evses)
        return replace(config, sources=(*config.sources, *_ALWAYS), uk_evses=uk_evses)

    def hear_first(self, *events: SourceEvent) -> None:
        """Take what sources tell before `start`, so that one that can be heard at once never falls to its fail-safe."""
        self._early = events

    def configure(self, config: GridConfig | None, *events: SourceEvent) -> None:
        """Take changed chargers, sources, devices or rules, with what new sources tell; what known ones said still counts.

        What actions asked of chargers that are gone is over; what other sources demand of these counts again with them.
        """
        self._configured = config
        if self._started and (self._active or self._limits or events):
            self._step((*self._ended(), *events))

    def take(self, *events: SourceEvent) -> GridDecision:
        """Take what sources tell, in its order, and let it hold at once; the answer tells what was refused of it."""
        return self._step(events)

    def hear_charger(self, station_id: str) -> None:
        """Take what the grid operator told a charger directly, as that tells; an EVSE that it shows may be under the UK's rules."""
        now = self._around.clock.now()
        signals = self._told_by_chargers.hear(station_id, now)
        if signals is not None:
            self._step((SignalsStated(CHARGERS, now, signals),))
        elif self._started and self._shows_uk_evse:
            self._step(())

    def set_device_power(self, device_id: str, power_w: float | None, at: datetime) -> None:
        """Take what a controllable device draws that is led elsewhere, in W; None while it is not known."""
        self._measurement.set_device(device_id, power_w, at)

    def override_uk_hours(self, evse: EvseKey, until: datetime) -> None:
        """Let an EVSE charge in spite of the UK's peak hours and delays until a moment, as its user wants."""
        self._state = self._with_seed(self._state)
        if self._state.uk is not None:
            self._state = replace(self._state, uk=uk_rules.override(self._state.uk, evse, until))
        self._step(())

    def choose_uk_hours(self, evse: EvseKey, *, own: bool) -> None:
        """Note whether an EVSE's owner chose hours of its own, in place of the UK's."""
        self._state = self._with_seed(self._state)
        if self._state.uk is not None:
            self._state = replace(self._state, uk=uk_rules.choose_hours(self._state.uk, evse, own=own))
        self._step(())

    def has_own_uk_hours(self, evse: EvseKey) -> bool:
        """Return whether an EVSE's owner chose hours of its own, in place of the UK's."""
        return self._state.uk is not None and uk_rules.has_own_hours(self._state.uk, evse)

    def look(self) -> None:
        """Step if that is due; called each second, so that a clock that was set or a failed step delays nothing."""
        now, decision = self._around.clock.now(), self._decision
        due = self._due is not None and now >= self._due
        if due or (decision is not None and is_ahead(decision.at, now)) or self._shows_uk_evse:
            self._step(())

    @property
    def observe_only(self) -> bool:
        """Return whether chargers are told nothing, so that no limit is obeyed."""
        return self._around.observe_only()

    @property
    def clock(self) -> Clock:
        """Return the clock that all of this goes by."""
        return self._around.clock

    @property
    def decision(self) -> GridDecision | None:
        """Return the newest decision, None where nothing was ever asked."""
        return self._decision

    @property
    def export_limit_w(self) -> float | None:
        """Return what may flow out, in W over all phases; None where nothing limits it."""
        export = None if self._decision is None else self._decision.export
        return None if export is None else export.limit_w

    @property
    def minimum(self) -> MinimumPower | None:
        """Return what controllable devices may draw at least by law, None where none is known."""
        return minimum_power(self.config.devices)

    @property
    def proof(self) -> ProofKeeping:
        """Return what keeps the log."""
        return self._proof

    @property
    def view(self) -> GridView:
        """Return what is shown."""
        if self._decision is None:
            return replace(NO_GRID_SIGNAL, proof=self._proof.latest, proof_waiting=self._proof.waiting)
        issues = self._state.verification.issues
        return view_of(self._decision, issues, self._proof.latest, self._proof.waiting)

    @property
    def _shows_uk_evse(self) -> bool:
        """Return whether a charger under the UK's rules showed an EVSE since the last step."""
        config = self._configured
        if config is None or config.uk is None or self._decision is None:
            return False
        return not self._decision.uk.keys() >= set(all_evses(self._around.csms, config.uk_evses))

    @property
    def _active(self) -> bool:
        config = self._configured
        asked = config is not None and (config.sources or config.uk is not None)
        kept = self._state.held or self._state.verification.issues
        return bool(asked or kept or any(one.signals for one in self._state.sources.values()))

    def _ended(self) -> tuple[SignalsCleared, ...]:
        asked = self._state.sources.get(ACTION, SourceMemory()).signals
        return tuple(ended_with_chargers(self.config, asked, self._around.clock.now()))

    def _with_seed(self, state: GridState) -> GridState:
        return with_seed(state, secrets.randbits(32)) if self.config.uk is not None else state

    def _step(self, events: Sequence[SourceEvent], *, decide: bool = True) -> GridDecision:
        now, before = self._around.clock.now(), self._with_seed(self._state)
        lost = self._lost
        measured = self._measured(before, now)
        demand = own_power_of(self._decision)
        reading = OwnPower.AFTER_OTHER_LOAD if demand is None else demand.target.own_power
        powers = self._measurement.powers(reading, now, settled=False)
        self._state, decision = step(self.config, before, events, now, measured)
        feeds_otherwise = self.export_limit_w != (None if decision.export is None else decision.export.limit_w)
        self._decision, self._lost = decision, tuple(decision.lost)
        self._due = self._next_at(decision, now)
        falls, differs = self._apply(decision.limits)
        try:
            if (falls or feeds_otherwise) and decide:
                self._around.decide()
        finally:
            told = self._told(now)
            shown = GridPowers(powers.grid_w, powers.chargers_w)
            records = tuple(records_of(decision, lost, told, shown, measured.others_w))
            self._prove(decision, records, reading)
            self._keep(events, decision)
            self._due = self._next_at(decision, now)
            self._set_timer()
        if not self._around.observe_only():
            self._act(decision.actions)
        for event in events_of(decision, lost):
            self._around.announce(event)
        if events or differs or decision.changes or decision.actions:
            self._around.changed()
        return decision

    def _prove(self, decision: GridDecision, records: Sequence[GridRecord], reading: OwnPower) -> None:
        """Keep records and what is measured; what is due of those before is taken first, another limit ends them."""
        if not (records or self._proof.measuring):
            return
        now, powers = decision.at, self._measurement.powers(reading, decision.at, settled=True)
        observes = self._around.observe_only()
        if records:
            self._proof.measure(now, powers, observe_only=observes)
        for change in decision.unlogged:
            self._proof.follow(change.demand)
        for record in records:
            self._proof.add(record)
        if self._proof.measuring:
            self._proof.measure(now, powers, observe_only=observes)
            self._ask_for_readings(now)

    def _measured(self, state: GridState, now: datetime) -> Measured:
        """Return what chargers do; of those that are only observed nobody may expect that they obey."""
        decision = None if self._around.observe_only() else self._around.decision()
        return self._measurement.measured(decision, state.verification.signal_at, now)

    def _told(self, now: datetime) -> tuple[GridSetPoint, ...] | None:
        """Return what EVSEs are told by the newest decision, None while the site only observes: then nobody is told it."""
        if self._around.observe_only():
            return None
        self._measurement.watch(self._around.decision(), now)
        return self._measurement.set_points(self._around.decision())

    def _apply(self, limits: Sequence[Limit]) -> tuple[bool, bool]:
        """Let these limits hold in place of those before; returns whether one fell or is new, and whether any differs."""
        after, before = {one.limit_id: one for one in limits}, self._limits
        for limit_id in before.keys() - after.keys():
            self._around.measured.withdraw_limit(limit_id)
        for one in limits:
            self._around.measured.set_limit(one)
        self._limits = after
        falls = any(name not in before or one.value < before[name].value for name, one in after.items())
        return falls, after != before

    def _keep(self, events: Sequence[SourceEvent], decision: GridDecision) -> None:
        """Have the state written: soon where something was said, decided or found, else with the next that is."""
        before, after = self._kept, self._state
        if after == before:
            return
        self._kept = after
        ramps = [{name: one.ramp for name, one in state.held.items()} for state in (before, after)]
        soon = (
            bool(decision.changes or decision.rows)
            or ramps[0] != ramps[1]
            or after.verification != before.verification
            or after.uk != before.uk
            or _words(after) != _words(before)
            or any(not isinstance(one, _FREQUENT) for one in events)
        )
        self._memory.put(to_json(after), soon=soon)

    def _next_at(self, decision: GridDecision, now: datetime) -> datetime | None:
        watched = self._state.verification.signal_at is not None or self._proof.measuring
        soon = now + timedelta(seconds=LOOK_S) if watched else None
        return min((at for at in (decision.next_at, soon) if at is not None), default=None)

    def _set_timer(self) -> None:
        """Wake when the next step is due, to the moment; `look` is only once a second."""
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()
        self._timer = None
        if self._started and self._due is not None:
            wait_s = max(_LEAST_S, (self._due - self._around.clock.now()).total_seconds())
            self._timer = asyncio.create_task(self._wake(wait_s), name="grid signals")

    async def _wake(self, wait_s: float) -> None:
        await self._around.clock.sleep(wait_s)
        if self._due is not None and self._around.clock.now() < self._due:
            self._set_timer()  # the wall clock goes slower than the one that was slept by
            return
        try:
            self.look()
        except Exception:
            # The limits that were set hold; the next look of the site's cycle steps again.
            _LOGGER.exception("A step of the grid signals of %s failed", self._around.config().name)

    def _ask_for_readings(self, now: datetime) -> None:
        """Have chargers measure that do so seldom, so that what they draw after a signal is known."""
        if self._around.observe_only():
            return
        for key in due_readings(self._proof.signals, self._measurement.charging(), self._requests.asked_at, now):
            self._requests.ask(key, now)

    def _act(self, actions: Sequence[EvseAction]) -> None:
        for action in actions:
            if action.kind is ActionKind.REMOTE_STOP:
                task = asyncio.create_task(self._end(action), name="charger that does not obey")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _end(self, action: EvseAction) -> None:
        """End the transaction of an EVSE that draws more than it may."""
        station = self._around.csms.stations.get(action.evse.station_id)
        evse = None if station is None else station.state.evses.get(action.evse.evse_id)
        if station is None or evse is None or evse.transaction is None:
            return
        _LOGGER.warning(
            "%s draws %.0f W where %.0f W are allowed by the grid operator: its transaction is ended",
            action.evse, action.drawn_w, action.allowed_w,
        )  # fmt: skip
        try:
            await station.stop_transaction(action.evse.evse_id)
        except CommandError as error:
            _LOGGER.warning("%s did not end its transaction: %s", action.evse, error)


def _words(state: GridState) -> dict[str, object]:
    """Return what sources said that is soon to be written, without when it was said again."""
    return {name: _word(one) for name, one in state.sources.items()}


def _word(source: SourceMemory) -> tuple[object, ...]:
    machine = source.lpc
    limit = None if machine is None else machine.limit
    stated = None if limit is None else (limit.value_w, limit.active, limit.until)
    away = source.unavailable_since is not None, source.missed_since is not None, source.gone_since is not None
    return source.contacts, away, None if machine is None else machine.phase, stated


_ALWAYS: Final = tuple(
    SourceConfig(source_id=name, input=InputKind.MESSAGES, binding=False, policy=LostPolicy.RELEASE)
    for name in (SIMULATION, COMPLIANCE_TEST, ACTION, CHARGERS)
)

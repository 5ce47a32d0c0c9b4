"""Keeps one EVSE at its desired limit: carries out what `reconciliation` decides and learns from it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
import math

from ..model import Json, MeterValue
from . import reconciliation as rec
from .commands import CommandError
from .core import StationCore
from .effect import TOLERANCE_A
from .effect_watch import EffectWatch
from .lease_writer import UNANSWERED, LeaseWriter, in_place_of_default
from .phase_watch import PhaseWatch
from .profiles import Strategy, lease_ids, profile_id
from .reconciliation import Pace
from .safe_default import SafeDefault
from .set_points import SetPoints
from .state import AppliedLimit, Obedience, ProfileForm, StationEventType
from .stop_to_pause import StopToPause

UNANSWERED_RETRY_S = 10.0
REFUSED_RETRY_S = 300.0
YOUNG_TRANSACTION_S = 10.0  # some stations refuse a TxProfile right after the start
_ALL_PHASES = 3
_LOOK_AHEAD_S = 60


class LimitKeeper:
    """One EVSE's desired limit and how far the station follows it."""

    def __init__(self, core: StationCore, evse_id: int, expect_tag: Callable[[str], None]) -> None:
        """Begin without a wish; what worked before is tried first."""
        self._core = core
        self._evse_id = evse_id
        self._desired: rec.Desired | None = None
        self._known = rec.Known(preferred=core.learnt.preferred)
        self._demoted = False
        self._default_retry_at = -math.inf
        self._rungs: tuple[Strategy, ...] = ()
        self._rungs_basis: object = None
        self._watch = EffectWatch(core, evse_id)
        self._phases = PhaseWatch(core, evse_id, self._watch.schedule)
        self._pause = StopToPause(core, evse_id, expect_tag)
        self.default = SafeDefault(core, evse_id)
        self.set_points = SetPoints(core, evse_id)
        self._writer = LeaseWriter(core, evse_id, self.default, self.set_points)
        self.released = False

    def want(self, current_a: float, safe_a: float, phases: int | None = None) -> bool:
        """Take a new wish; False if it is the one we have."""
        self.released = False
        wiring = self._core.wiring
        current, safe = wiring.snap(current_a), wiring.snap(safe_a)
        choice = phases if wiring.phases == _ALL_PHASES else None
        before = self._desired
        if before is not None and (before.current_a, before.safe_a, before.phases) == (current, safe, choice):
            return False
        same = before is not None and before.current_a == current
        since = before.since if same and before is not None else self._core.clock.monotonic()
        self._desired = rec.Desired(current, safe, since, choice)
        return True

    def release(self) -> None:
        """Wish nothing any more: nothing is written, renewed or cleared until the next wish, which is written anew."""
        if self.released:
            return
        self.released = True
        self._desired = None
        self._known = rec.new_pass(self._known, self._known.transaction_id)
        self._watch.begin_anew()
        self._phases.begin_anew()
        self.set_points.end()

    @property
    def safe_a(self) -> float:
        """Return the safe current of this EVSE: the site's, until that speaks the configured one."""
        if self._desired is not None:
            return self._desired.safe_a
        return self._core.wiring.snap(self._core.config.safe_current_a)

    def reassert(self, *, booted: bool) -> None:
        """Take nothing for granted any more, as after a boot or a reconnect."""
        self._known = replace(
            rec.new_pass(self._known, self._known.transaction_id), preferred=self._core.learnt.preferred
        )
        self._watch.ask_again()
        self._watch.begin_anew()  # a lease may have run out meanwhile
        self._phases.begin_anew()
        self._default_retry_at = -math.inf
        self._writer.forget(booted=booted)
        if booted:
            self.default.forget()

    def measured(self) -> None:
        """Take in the EVSE's newest live measurement."""
        self._watch.measured()
        self._phases.measured()

    def measured_late(self, values: Sequence[MeterValue]) -> None:
        """Take in readings from an outage."""
        self._watch.measured_late(values)

    def disconnected(self) -> None:
        """Note the lease that the station is left alone with."""
        self._watch.disconnected(self._known.accepted)

    async def step(self) -> float | None:
        """Do what is due; return the seconds until more is, None if there is more right now."""
        if self.released:
            return REFUSED_RETRY_S
        if self._desired is None:
            if self.safe_a > 0:
                return await self._keep_default()
            self.want(0.0, 0.0)  # held at 0 by leases only
            return None
        self._follow_transaction()
        if (verdict := self._watch.take_outage_verdict()) is not None:
            await self.learn_lease(verdict[0], holds=verdict[1])
        await self._look_at_effect()
        core = self._core
        desired = self._attainable(self._desired)
        if (rest := await self._pause.step(self._desired.current_a)) is not None:
            return rest
        action = rec.next_action(desired, self._known, self._ladder(), self._pace, core.clock.monotonic())
        match action:
            case rec.Send():
                await self._send(action)
                return None
            case rec.Rest():
                await self._rest(action)
                return None
            case rec.Exhausted():
                self._give_up()
                return None
            case rec.Wait():
                rest = await self._keep_default()
                self._pause.show(self._desired.current_a, self._known.rests_at)
                return None if rest is None else min(action.seconds, rest, self._pause.due_s, self.set_points.due_s)

    @property
    def _pace(self) -> Pace:
        accepted = self._known.accepted
        return self._core.pace_of(None if accepted is None else accepted.strategy.form)

    def write_again(self) -> None:
        """Write what holds once more, for a set-point that came or went."""
        self._known = rec.write_again(self._known)

    def live_numbers(self, number: int) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where it is none of this EVSE's."""
        accepted = self._known.accepted
        if accepted is None or self._desired is None or accepted.strategy.form is not ProfileForm.DYNAMIC:
            return None
        desired = self._attainable(self._desired)
        current_a = min(accepted.current_a, desired.current_a)
        return self._writer.numbers(number, rec.Send(accepted.strategy, current_a, accepted.safe_a, accepted.phases))

    def _attainable(self, desired: rec.Desired) -> rec.Desired:
        """Return the wish as the station can fulfil it, without a number of phases where it follows none.

        What was meant for one phase may be too much on three, until the site knows and wishes otherwise.
        """
        wiring = self._core.wiring  # the kind of station may have become known since the wish
        desired = replace(desired, current_a=wiring.snap(desired.current_a), safe_a=wiring.snap(desired.safe_a))
        if (floor_a := self._pause.floor_a) > 0:
            desired = replace(desired, current_a=max(desired.current_a, floor_a), safe_a=max(desired.safe_a, floor_a))
        if desired.phases is None or self._core.state.capabilities.switches_phases is not False:
            return desired
        current_a = min(desired.current_a, desired.safe_a) if desired.phases == 1 else desired.current_a
        return replace(desired, current_a=current_a, phases=None)

    def _follow_transaction(self) -> None:
        transaction = self._core.evse(self._evse_id).transaction
        transaction_id = None if transaction is None else transaction.transaction_id
        if transaction_id != self._known.transaction_id:
            self._known = rec.new_pass(self._known, transaction_id)
            self._watch.begin_anew()
            self._phases.begin_anew()
            self._demoted = False
        if self.set_points.is_over(transaction_id):
            self.write_again()

    def _ladder(self) -> tuple[Strategy, ...]:
        state, held, quirks = self._core.state, self._core.learnt.held, self._core.quirks
        in_transaction = self._known.transaction_id is not None
        safe_is_zero = self.safe_a == 0 and self._pause.floor_a == 0
        evses = max(len(state.evses), state.capabilities.connectors or 1)
        basis = (state.capabilities, held, in_transaction, evses, safe_is_zero, quirks)
        if basis != self._rungs_basis:  # asked for with each measurement, different once in a while
            self._rungs_basis = basis
            self._rungs = rec.ladder(
                self._core.profile_capabilities,
                held,
                in_transaction=in_transaction,
                evses=evses,
                safe_is_zero=safe_is_zero,
                quirks=quirks,
            )
        return self._rungs

    async def _keep_default(self) -> float | None:
        """Write the safe default where it is missing; None if that was done."""
        if self.default.is_written(self.safe_a):
            return REFUSED_RETRY_S
        clock = self._core.clock
        if clock.monotonic() < self._default_retry_at:
            return self._default_retry_at - clock.monotonic()
        try:
            await self.write_default()
        except CommandError:
            self._default_retry_at = clock.monotonic() + REFUSED_RETRY_S
        return None

    async def write_default(self) -> None:
        """Write the safe default; raises CommandError. A lease on the same level is written again after it."""
        await self.default.write(self.safe_a)
        accepted = self._known.accepted
        if accepted is not None and in_place_of_default(accepted.strategy):
            self._known = replace(self._known, accepted=None)

    async def _rest(self, rest: rec.Rest) -> None:
        """Leave the EVSE to its safe default alone; where that can't be, a lease says the same."""
        core, now, wall = self._core, self._core.clock.monotonic(), self._core.clock.now()
        known = self._known
        try:
            if not self.default.rules(rest.safe_a):
                await self.default.write(rest.safe_a)
            self._writer.forget(booted=False)
            for number in sorted(lease_ids(self._evse_id, core.learnt.profile_ids)):
                await core.commands.clear_charging_profile(number)
                await core.learn(replace(core.learnt, profile_ids=core.learnt.profile_ids - {number}))
        except CommandError as error:
            later = core.clock.monotonic()
            if error.code in UNANSWERED:
                self._known = replace(self._known, blocked_until=later + UNANSWERED_RETRY_S)
            else:
                self._known = replace(self._known, restless_until=later + REFUSED_RETRY_S)
                self._default_retry_at = self._known.restless_until
            return
        if self._known is not known:  # boot or reconnect meanwhile
            return
        self._known = rec.at_rest(known, rest.safe_a)
        self._watch.accepted(rest.safe_a, now)
        self._phases.accepted(None, now)
        before = core.evse(self._evse_id).applied
        same = before is not None and before.current_a == before.safe_a == rest.safe_a
        since = before.accepted_at if before is not None and same else wall
        core.change_evse(self._evse_id, applied=AppliedLimit(rest.safe_a, rest.safe_a, since, since))
        core.emit(StationEventType.CHANGED, self._evse_id)

    async def _send(self, send: rec.Send) -> None:
        core, now, sent_at = self._core, self._core.clock.monotonic(), self._core.clock.now()
        known, strategy = self._known, send.strategy
        try:
            taken = await self._writer.write(send, known.transaction_id)
        except CommandError as error:
            if error.code in UNANSWERED:
                self._known = replace(self._known, blocked_until=core.clock.monotonic() + UNANSWERED_RETRY_S)
            else:
                self._known = replace(self._known, refused=self._known.refused | {strategy})
            return
        if self._known is not known:  # boot, reconnect or release meanwhile: what was accepted may be gone
            return
        if taken is not send:
            await core.learn_phase_switching(self._evse_id, follows=False)
            send = taken
        elapsed_s = self._writer.elapsed_s()
        young = bool(known.refused) and elapsed_s is not None and elapsed_s < YOUNG_TRANSACTION_S
        self._known = rec.after_acceptance(known, send, now, remember=not young)
        if core.quirks.repeats_raise_from_zero and known.accepted is not None and known.accepted.current_a == 0:
            self._known = rec.soon_again(self._known, self._pace)
        self._note_accepted(send, now, sent_at)
        if not young:
            await self._learn_rung(send, known)
        await self._test_lease(send)
        if self._writer.endurance_is_due():
            await self._test_endurance(send)

    async def _test_endurance(self, send: rec.Send) -> None:
        """Find out once per boot whether moving a dynamic profile lets it hold on; another form is taken where not."""
        schedule = await self._watch.schedule(_LOOK_AHEAD_S, send.strategy.unit)
        now_a = None if schedule is None else schedule.limit_at(0)
        if now_a is not None and now_a < send.current_a - TOLERANCE_A:
            await self.learn_lease(send.strategy, holds=False)

    def _note_accepted(self, send: rec.Send, now: float, wall: datetime) -> None:
        core = self._core
        evse = core.evse(self._evse_id)
        self._watch.accepted(send.current_a, now)
        self._phases.accepted(send.phases, now)
        applied = evse.applied
        same = applied is not None and (applied.current_a, applied.phases) == (send.current_a, send.phases)
        renewed = applied is not None and wall < applied.until and same
        since = applied.accepted_at if applied is not None and renewed else wall
        until = wall + timedelta(seconds=core.pace_of(send.strategy.form).hold_s)
        core.change_evse(
            self._evse_id,
            applied=AppliedLimit(send.current_a, send.safe_a, since, until, send.phases),
            obedience=Obedience.UNKNOWN if evse.obedience is Obedience.REJECTS else evse.obedience,
        )
        core.change(capabilities=replace(core.state.capabilities, profile_form=send.strategy.form))
        core.emit(StationEventType.CHANGED, self._evse_id)

    def _give_up(self) -> None:
        """Show that nothing was accepted and try all again later."""
        now = self._core.clock.monotonic()
        self._known = replace(self._known, refused=frozenset(), blocked_until=now + REFUSED_RETRY_S)
        self._set_obedience(Obedience.REJECTS)

    def _set_obedience(self, obedience: Obedience) -> None:
        if self._core.evse(self._evse_id).obedience is not obedience:
            self._core.change_evse(self._evse_id, obedience=obedience)
            self._core.emit(StationEventType.CHANGED, self._evse_id)

    async def _look_at_effect(self) -> None:
        """Judge the newest measurement; a limit that has no effect is written in another way, once."""
        known = self._known
        if known.accepted is None and known.rests_at is None:
            return
        unit = None if known.accepted is None else known.accepted.strategy.unit
        if known.transaction_id is not None and (follows := await self._phases.verdict(unit)) is not None:
            await self._core.learn_phase_switching(self._evse_id, follows=follows)
        verdict = await self._watch.look(unit, in_transaction=known.transaction_id is not None)
        if verdict is not Obedience.UNKNOWN:
            self._set_obedience(verdict)
        if verdict is Obedience.IGNORES and not self._demoted and self._known is known:
            self._demoted = True
            if known.accepted is None:
                self._known = replace(known, restless_until=math.inf)
            else:
                await self._abandon(known.accepted.strategy)

    async def _abandon(self, strategy: Strategy) -> None:
        """Take a profile back that does not work, lest it lies over what comes next."""
        self._known = rec.without(self._known, strategy)
        self._watch.begin_anew()
        self._writer.forget(booted=False)
        try:
            await self._core.commands.clear_charging_profile(
                profile_id(strategy.purpose, self._evse_id, strategy.stack_level)
            )
        except CommandError:
            return

    async def _learn_rung(self, send: rec.Send, before: rec.Known) -> None:
        """Keep the rung that worked and, from a transaction that is under way, purposes that never do."""
        core, learnt, shown = self._core, self._core.learnt, self._core.state.capabilities
        if before.transaction_id is not None:  # without a car some stations refuse everything
            rejected = rec.refused_purposes(before.refused, send.strategy, self._ladder())
            shown = replace(shown, purposes_rejected=shown.purposes_rejected | rejected)
            rejected |= learnt.capabilities.purposes_rejected
            learnt = replace(learnt, capabilities=replace(learnt.capabilities, purposes_rejected=rejected))
        if learnt.held.get(send.strategy.form) is False:
            shown = replace(shown, holds_lease=False)  # the last resort: every other form was refused or as bad
        core.change(capabilities=shown)
        await core.learn(replace(learnt, preferred=self._known.preferred))

    async def _test_lease(self, send: rec.Send) -> None:
        """Find out once per form and firmware whether the station will fall to the safe limit by itself."""
        if send.strategy.form in self._core.learnt.held or self._known.transaction_id is None:
            return
        holds = await self._watch.foresees_end(send)
        if holds is not None:
            await self.learn_lease(send.strategy, holds=holds)

    async def learn_lease(self, strategy: Strategy, *, holds: bool) -> None:
        """Keep whether this form of lease runs out by itself; one that does not is left for the next form."""
        core = self._core
        held = {**core.learnt.held, strategy.form: holds}
        preferred = core.learnt.preferred
        if not holds:
            preferred = {key: rung for key, rung in preferred.items() if rung.form is not strategy.form}
        await core.learn(replace(core.learnt, held=held, preferred=preferred))
        self._known = replace(self._known, preferred=preferred)
        others = any(held.get(rung.form) is not False for rung in self._ladder() if rung not in self._known.refused)
        core.change(capabilities=replace(core.state.capabilities, holds_lease=None if others and not holds else holds))
        core.emit(StationEventType.CHANGED, self._evse_id)
        if not holds and others:
            await self._abandon(strategy)

"""Keeps one EVSE at its desired limit: carries out what `reconciliation` decides and looks at the effect."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..model import MeterValue
from . import reconciliation as rec
from .commands import (
    CommandError,
    CommandErrorCode,
    clear_charging_profile,
    get_composite_schedule,
    set_charging_profile,
)
from .composite import CompositeSchedule, parse_composite
from .core import StationCore
from .effect import SETTLE_S, LimitRecord, Sample, composite_holds_lease, judge, outage_holds_lease
from .measurement import MeasurementReader
from .profiles import Lease, Purpose, Strategy, connector, lease_profile, profile_id
from .safe_default import SafeDefault
from .state import AppliedLimit, Obedience, StationEventType

UNANSWERED_RETRY_S = 10.0
REFUSED_RETRY_S = 300.0
YOUNG_TRANSACTION_S = 10.0  # some stations refuse a TxProfile right after the start
_LOOK_AHEAD_S = 60  # asked for beyond the end of a lease
_RECORDS = 32


class LimitKeeper:
    """One EVSE's desired limit and how far the station follows it."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin without a wish; what worked before is tried first."""
        self._core = core
        self._evse_id = evse_id
        self._desired: rec.Desired | None = None
        self._known = rec.Known(preferred=core.learnt.preferred)
        self._records: deque[LimitRecord] = deque(maxlen=_RECORDS)
        self._sample: Sample | None = None
        self._looked_at: LimitRecord | None = None
        self._demoted = False
        self._schedules_refused = False
        self._left_alone: tuple[Strategy, AppliedLimit] | None = None
        self._outage_verdict: tuple[Strategy, bool] | None = None
        self._default_retry_at = float("-inf")
        self._rungs: tuple[Strategy, ...] = ()
        self._rungs_basis: object = None
        self.default = SafeDefault(core, evse_id)

    def want(self, current_a: float, safe_a: float) -> bool:
        """Take a new wish; False if it is the one we have."""
        wiring = self._core.wiring
        current, safe = wiring.snap(current_a), wiring.snap(safe_a)
        before = self._desired
        if before is not None and (before.current_a, before.safe_a) == (current, safe):
            return False
        same = before is not None and before.current_a == current
        since = before.since if same and before is not None else self._core.clock.monotonic()
        self._desired = rec.Desired(current, safe, since)
        return True

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
        self._schedules_refused = False
        self._records.clear()  # a lease may have run out meanwhile
        if booted:
            self.default.forget()
            self._default_retry_at = float("-inf")

    def measured(self) -> None:
        """Take in the EVSE's newest live measurement."""
        measurement = self._core.evse(self._evse_id).measurement
        if measurement is not None:
            self._sample = Sample(measurement, self._core.clock.monotonic())

    def disconnected(self) -> None:
        """Note the lease that the station is left alone with."""
        applied, accepted = self._core.evse(self._evse_id).applied, self._known.accepted
        running = applied is not None and accepted is not None and self._core.clock.now() < applied.until
        self._left_alone = (accepted.strategy, applied) if running and accepted and applied else None

    def measured_late(self, values: Sequence[MeterValue]) -> None:
        """Judge from queued readings whether the lease ran out by itself."""
        if self._left_alone is None:
            return
        strategy, applied = self._left_alone
        for value in values:
            at = self._core.offset.to_ours(value.time)
            current = MeasurementReader(self._core.config.phases, self._core.config.max_current_a).merge(None, value)
            if current.current_a is None or at < applied.until + timedelta(seconds=SETTLE_S):
                continue
            holds = outage_holds_lease(max(current.current_a), applied.current_a, applied.safe_a)
            if holds is not None:
                self._outage_verdict = (strategy, holds)
                if not holds:
                    return

    async def _learn_from_outage(self) -> None:
        verdict, self._outage_verdict = self._outage_verdict, None
        if verdict is not None and self._core.learnt.held.get(verdict[0].form) is not verdict[1]:
            self._left_alone = None
            await self.learn_lease(verdict[0], holds=verdict[1])

    async def step(self) -> float | None:
        """Do what is due; return the seconds until more is, None if there is more right now."""
        if self._desired is None:
            if self.safe_a > 0:
                return await self._keep_default()
            self.want(0.0, 0.0)  # held at 0 by leases only
            return None
        self._follow_transaction()
        await self._learn_from_outage()
        await self._look_at_effect()
        core = self._core
        action = rec.next_action(self._desired, self._known, self._ladder(), core.pace, core.clock.monotonic())
        match action:
            case rec.Send():
                await self._send(action)
                return None
            case rec.Exhausted():
                self._give_up()
                return None
            case rec.Wait():
                rest = await self._keep_default()
                return None if rest is None else min(action.seconds, rest)

    def _follow_transaction(self) -> None:
        transaction = self._core.evse(self._evse_id).transaction
        transaction_id = None if transaction is None else transaction.transaction_id
        if transaction_id != self._known.transaction_id:
            self._known = rec.new_pass(self._known, transaction_id)
            self._records.clear()
            self._demoted = False

    def _ladder(self) -> tuple[Strategy, ...]:
        state, held = self._core.state, self._core.learnt.held
        in_transaction = self._known.transaction_id is not None
        evses = max(len(state.evses), state.capabilities.connectors or 1)
        basis = (state.capabilities, held, in_transaction, evses)
        if basis != self._rungs_basis:  # asked for with each measurement, different once in a while
            self._rungs_basis = basis
            self._rungs = rec.ladder(state.capabilities, held, in_transaction=in_transaction, evses=evses)
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
        if accepted is not None and (accepted.strategy.purpose, accepted.strategy.stack_level) == (
            Purpose.TX_DEFAULT,
            0,
        ):
            self._known = replace(self._known, accepted=None)

    async def _send(self, send: rec.Send) -> None:
        core, now, sent_at = self._core, self._core.clock.monotonic(), self._core.clock.now()
        known = self._known
        # Before it is sent, so that a profile whose answer is lost can be taken back too.
        await core.learn_profile(profile_id(send.strategy.purpose, self._evse_id, send.strategy.stack_level))
        profile = lease_profile(send.strategy, self._lease(send), core.wiring)
        try:
            await set_charging_profile(core, connector(send.strategy.purpose, self._evse_id), profile)
        except CommandError as error:
            if error.code in {CommandErrorCode.TIMEOUT, CommandErrorCode.NOT_CONNECTED}:
                self._known = replace(self._known, blocked_until=core.clock.monotonic() + UNANSWERED_RETRY_S)
            else:
                self._known = replace(self._known, refused=self._known.refused | {send.strategy})
            return
        if self._known is not known:  # boot or reconnect meanwhile: what was accepted may be gone
            return
        elapsed_s = self._elapsed_s()
        young = bool(known.refused) and elapsed_s is not None and elapsed_s < YOUNG_TRANSACTION_S
        self._known = rec.after_acceptance(known, send, now, remember=not young)
        self._note_accepted(send, now, sent_at)
        if not young:
            await core.learn(replace(core.learnt, preferred=self._known.preferred))
        await self._test_lease(send)

    def _lease(self, send: rec.Send) -> Lease:
        core = self._core
        transaction_id = self._known.transaction_id
        return Lease(
            self._evse_id,
            send.current_a,
            send.safe_a,
            core.pace.hold_s,
            core.offset.to_station(core.clock.now()),
            transaction_id=None if transaction_id is None else int(transaction_id),
            elapsed_s=self._elapsed_s(),
            max_periods=core.state.capabilities.max_periods,
        )

    def _elapsed_s(self) -> float | None:
        transaction = self._core.evse(self._evse_id).transaction
        if transaction is None:
            return None
        started_at = self._core.offset.to_ours(transaction.started_at)
        return max(0.0, (self._core.clock.now() - started_at).total_seconds())

    def _note_accepted(self, send: rec.Send, now: float, wall: datetime) -> None:
        core = self._core
        evse = core.evse(self._evse_id)
        if not self._records or self._records[-1].current_a != send.current_a:
            self._records.append(LimitRecord(send.current_a, now))
        applied = evse.applied
        renewed = applied is not None and wall < applied.until and applied.current_a == send.current_a
        since = applied.accepted_at if applied is not None and renewed else wall
        core.change_evse(
            self._evse_id,
            applied=AppliedLimit(send.current_a, send.safe_a, since, wall + timedelta(seconds=core.pace.hold_s)),
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
        sample, self._sample = self._sample, None
        accepted = self._known.accepted
        if sample is None or accepted is None:
            return
        records = tuple(self._records)
        verdict = judge(records, sample, None)
        if verdict is Obedience.UNKNOWN and sample.measurement.offered_a is None and self._known.transaction_id:
            verdict = judge(records, sample, await self._scheduled_a(sample.at))
        if verdict is Obedience.OBEYS and self._tells_obedience(records):
            self._set_obedience(verdict)
        elif verdict is Obedience.IGNORES:
            self._set_obedience(verdict)
            if not self._demoted:
                self._demoted = True
                await self._abandon(accepted.strategy)

    def _tells_obedience(self, records: Sequence[LimitRecord]) -> bool:
        """Return False for the obedience of a station that had nothing to deliver anyway."""
        if self._known.transaction_id is None:
            return False
        return records[-1].current_a > 0 or self._core.evse(self._evse_id).obedience is not Obedience.IGNORES

    async def _scheduled_a(self, at: float) -> float | None:
        """Ask once per limit what the station thinks it applies."""
        record = self._records[-1] if self._records else None
        if record is None or record == self._looked_at or at - record.at < SETTLE_S:
            return None
        self._looked_at = record
        schedule = await self._schedule(_LOOK_AHEAD_S)
        return None if schedule is None else schedule.limit_at(0)

    async def _schedule(self, duration_s: int) -> CompositeSchedule | None:
        accepted = self._known.accepted
        if self._schedules_refused or accepted is None:
            return None
        try:
            answer = await get_composite_schedule(self._core, self._evse_id, duration_s, accepted.strategy.unit.value)
        except CommandError as error:
            self._schedules_refused = error.code is not CommandErrorCode.NOT_CONNECTED
            return None
        return parse_composite(answer, self._core.wiring)

    async def _abandon(self, strategy: Strategy) -> None:
        """Take a profile back that does not work, lest it lies over what comes next."""
        self._known = rec.without(self._known, strategy)
        self._records.clear()
        try:
            await clear_charging_profile(self._core, profile_id(strategy.purpose, self._evse_id, strategy.stack_level))
        except CommandError:
            return

    async def _test_lease(self, send: rec.Send) -> None:
        """Find out once per form and firmware whether the station will fall to the safe limit by itself.

        The schedule that it foresees tells without disturbing a charge.
        """
        core, form = self._core, send.strategy.form
        if form in core.learnt.held or self._known.transaction_id is None:
            return
        hold_s = core.pace.hold_s
        schedule = await self._schedule(int(hold_s) + _LOOK_AHEAD_S)
        if schedule is None:
            return
        holds = composite_holds_lease(schedule, hold_s, send.current_a, send.safe_a)
        if holds is None:
            return
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
        core.change(capabilities=replace(core.state.capabilities, holds_lease=holds))
        core.emit(StationEventType.CHANGED, self._evse_id)
        if not holds and any(rung.form not in held for rung in self._ladder()):
            await self._abandon(strategy)

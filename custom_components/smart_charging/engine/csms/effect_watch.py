"""Watches what one EVSE makes of its limits: what it draws and offers, foresees, and did in an outage."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from ..model import MeterValue
from .commands import CommandError, CommandErrorCode
from .composite import CompositeSchedule, parse_composite
from .core import StationCore
from .effect import SETTLE_S, LimitRecord, Sample, composite_holds_lease, judge, outage_holds_lease
from .measurement import MeasurementReader
from .profiles import Strategy
from .reconciliation import Accepted, Send
from .state import AppliedLimit, Obedience, RateUnit

_LOOK_AHEAD_S = 60  # asked for beyond the end of a lease
_RECORDS = 32


class EffectWatch:
    """The limits that an EVSE accepted, and what is seen of their effect."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin having seen nothing."""
        self._core = core
        self._evse_id = evse_id
        self._records: deque[LimitRecord] = deque(maxlen=_RECORDS)
        self._sample: Sample | None = None
        self._looked_at: LimitRecord | None = None
        self._schedules_refused = False
        self._left_alone: tuple[Strategy, AppliedLimit] | None = None
        self._outage_verdict: tuple[Strategy, bool] | None = None

    def begin_anew(self) -> None:
        """Forget the limits before: they may hold no more."""
        self._records.clear()

    def ask_again(self) -> None:
        """Ask for schedules although they were refused once."""
        self._schedules_refused = False

    def accepted(self, current_a: float, at: float) -> None:
        """Note a limit that the station took at a monotonic second."""
        if not self._records or self._records[-1].current_a != current_a:
            self._records.append(LimitRecord(current_a, at))

    def measured(self) -> None:
        """Take in the EVSE's newest live measurement."""
        measurement = self._core.evse(self._evse_id).measurement
        if measurement is not None:
            self._sample = Sample(measurement, self._core.clock.monotonic())

    async def look(self, unit: RateUnit | None, *, in_transaction: bool) -> Obedience:
        """Judge the newest measurement, once; in a transaction the station's schedule is asked too."""
        sample, self._sample = self._sample, None
        if sample is None:
            return Obedience.UNKNOWN
        records = tuple(self._records)
        verdict = judge(records, sample, None)
        if verdict is Obedience.UNKNOWN and sample.measurement.offered_a is None and in_transaction:
            verdict = judge(records, sample, await self._scheduled_a(sample.at, unit))
        if verdict is Obedience.OBEYS and not self._tells_obedience(records, in_transaction=in_transaction):
            return Obedience.UNKNOWN
        return verdict

    def _tells_obedience(self, records: Sequence[LimitRecord], *, in_transaction: bool) -> bool:
        """Return False for the obedience of a station that had nothing to deliver anyway."""
        if not in_transaction:
            return False
        return records[-1].current_a > 0 or self._core.evse(self._evse_id).obedience is not Obedience.IGNORES

    async def _scheduled_a(self, at: float, unit: RateUnit | None) -> float | None:
        """Ask once per limit what the station thinks it applies."""
        record = self._records[-1] if self._records else None
        if record is None or record == self._looked_at or at - record.at < SETTLE_S:
            return None
        self._looked_at = record
        schedule = await self.schedule(_LOOK_AHEAD_S, unit)
        return None if schedule is None else schedule.limit_at(0)

    async def foresees_end(self, send: Send) -> bool | None:
        """Ask whether a lease just accepted will fall to the safe limit; None if the station can't tell.

        The schedule that it foresees tells without disturbing a charge.
        """
        hold_s = self._core.pace_of(send.strategy.form).hold_s
        schedule = await self.schedule(int(hold_s) + _LOOK_AHEAD_S, send.strategy.unit)
        return None if schedule is None else composite_holds_lease(schedule, hold_s, send.current_a, send.safe_a)

    async def schedule(self, duration_s: int, unit: RateUnit | None) -> CompositeSchedule | None:
        """Ask what limits the station foresees; None where it does not tell or nothing of ours is written."""
        if self._schedules_refused or unit is None:
            return None
        try:
            answer = await self._core.commands.get_composite_schedule(self._evse_id, duration_s, unit.value)
        except CommandError as error:
            self._schedules_refused = error.code is not CommandErrorCode.NOT_CONNECTED
            return None
        applied = self._core.evse(self._evse_id).applied
        return parse_composite(answer, self._core.wiring.using(None if applied is None else applied.phases))

    def disconnected(self, accepted: Accepted | None) -> None:
        """Note the lease that the station is left alone with."""
        applied = self._core.evse(self._evse_id).applied
        running = applied is not None and self._core.clock.now() < applied.until
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

    def take_outage_verdict(self) -> tuple[Strategy, bool] | None:
        """Return once what an outage told of a lease that is not known yet."""
        verdict, self._outage_verdict = self._outage_verdict, None
        if verdict is None or self._core.learnt.held.get(verdict[0].form) is verdict[1]:
            return None
        self._left_alone = None
        return verdict

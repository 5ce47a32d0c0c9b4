"""Writes one EVSE's limit into its station: a profile for each limit, or one that is moved from limit to limit."""

from dataclasses import replace

from ..model import Json
from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .profiles import (
    DEFAULT_STACK_LEVEL,
    Lease,
    Purpose,
    Strategy,
    Wiring,
    connector,
    lease_ids,
    lease_profile,
    profile_id,
    setpoint_of,
)
from .reconciliation import Send
from .safe_default import SafeDefault
from .set_points import SetPoints
from .state import ProfileForm, RateUnit
from .transaction_services import DynamicCharging, DynamicLimits
from .zero_hold import ZeroHold

UNANSWERED = frozenset({CommandErrorCode.TIMEOUT, CommandErrorCode.NOT_CONNECTED})

type _Shape = tuple[Strategy, str | None, Wiring, float, bool]


class LeaseWriter:
    """What is written of an EVSE's limits: the lease, and what must lie below it."""

    def __init__(self, core: StationCore, evse_id: int, default: SafeDefault, set_points: SetPoints) -> None:
        """Begin not knowing what the station holds."""
        self._core = core
        self._evse_id = evse_id
        self._default = default
        self._set_points = set_points
        self._zero_hold = ZeroHold(core, evse_id)
        self._dynamic = DynamicCharging(core)
        self._installed: _Shape | None = None  # the dynamic profile that the station holds
        self._installed_at = 0.0
        self._endurance_known = False

    def forget(self, *, booted: bool) -> None:
        """Take nothing for granted any more, as after a reconnect or a boot."""
        self._installed = None
        if booted:
            self._zero_hold.forget()

    async def write(self, send: Send, transaction_id: str | None) -> Send:
        """Write a limit down and return what the station took, be it without a number of phases; raises CommandError."""
        try:
            await self._write_lease(send, transaction_id)
        except CommandError as error:
            known_to_switch = self._core.state.capabilities.switches_phases is True
            if send.phases is None or known_to_switch or error.code in UNANSWERED:
                raise
            # It may be the number of phases that is refused.
            current_a = min(send.current_a, send.safe_a) if send.phases == 1 else send.current_a
            plain = replace(send, current_a=current_a, phases=None)
            await self._write_lease(plain, transaction_id)
            return plain
        return send

    async def _write_lease(self, send: Send, transaction_id: str | None) -> None:
        core, strategy, lease = self._core, send.strategy, self._lease(send, transaction_id)
        await self._zero_hold.lay_below(strategy, lease)
        # Before it is sent, so that a profile whose answer is lost can be taken back too.
        await self._make_room(strategy)
        await core.learn_profile(profile_id(strategy.purpose, self._evse_id, strategy.stack_level))
        if in_place_of_default(strategy):
            self._default.cover()
        wiring = core.wiring.using(send.phases)
        if lease.setpoint_w is None:
            await self._put(strategy, lease, wiring)
            return
        try:
            await self._put(replace(strategy, unit=RateUnit.W), lease, wiring)
        except CommandError as error:
            if error.code in UNANSWERED:
                raise
            self._set_points.refused(error)
            await self._put(
                strategy, replace(lease, setpoint_w=None, hold_s=core.pace_of(strategy.form).hold_s), wiring
            )
            return
        self._set_points.taken()

    async def _put(self, strategy: Strategy, lease: Lease, wiring: Wiring) -> None:
        """Move the dynamic profile where it is installed, otherwise install a profile; raises CommandError."""
        steered = lease.setpoint_w is not None
        shape = (strategy, lease.transaction_id, wiring, lease.hold_s, steered)
        if strategy.form is ProfileForm.DYNAMIC and self._installed == shape:
            try:
                await self._dynamic.update_schedule(
                    profile_id(strategy.purpose, self._evse_id, strategy.stack_level),
                    _numbers(lease, strategy.unit, wiring),
                )
            except CommandError as error:
                if error.code in UNANSWERED:
                    raise
            else:
                return
        self._installed = None
        await self._core.commands.set_charging_profile(
            connector(strategy.purpose, self._evse_id), lease_profile(strategy, lease, wiring)
        )
        if strategy.form is ProfileForm.DYNAMIC:
            self._installed, self._installed_at = shape, self._core.clock.monotonic()

    def numbers(self, number: int, send: Send) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where that is none of ours."""
        if self._installed is None:
            return None
        strategy, transaction_id, wiring, _, _ = self._installed
        if number != profile_id(strategy.purpose, self._evse_id, strategy.stack_level):
            return None
        return _numbers(self._lease(send, transaction_id), strategy.unit, wiring).to_json()

    def endurance_is_due(self) -> bool:
        """Return True once, when a dynamic profile has been moved for longer than it would hold by itself."""
        if self._installed is None or self._endurance_known:
            return False
        due = self._core.clock.monotonic() > self._installed_at + self._installed[3]
        self._endurance_known = due
        return due

    def _lease(self, send: Send, transaction_id: str | None) -> Lease:
        core = self._core
        hold_s = core.pace_of(send.strategy.form).hold_s
        setpoint_w, left_s = self._set_points.wanted(transaction_id, send.strategy.purpose)
        return Lease(
            self._evse_id,
            send.current_a,
            send.safe_a,
            min(hold_s, left_s),
            core.offset.to_station(core.clock.now()),
            transaction_id=transaction_id,
            elapsed_s=self.elapsed_s(),
            max_periods=core.state.capabilities.max_periods,
            setpoint_w=setpoint_w,
        )

    def elapsed_s(self) -> float | None:
        """Return how long the EVSE's transaction has lasted, None without one."""
        transaction = self._core.evse(self._evse_id).transaction
        if transaction is None:
            return None
        started_at = self._core.offset.to_ours(transaction.started_at)
        return max(0.0, (self._core.clock.now() - started_at).total_seconds())

    async def _make_room(self, strategy: Strategy) -> None:
        """Take back what is of no use any more where the station has no room for another profile."""
        core = self._core
        most = core.state.capabilities.max_profiles
        if most is None:
            return
        new = {
            profile_id(strategy.purpose, self._evse_id, level)
            for level in {strategy.stack_level, max(0, strategy.stack_level - 1)}
        }
        others = lease_ids(self._evse_id, core.learnt.profile_ids) - new
        if len(others) + 2 <= most // max(1, len(core.state.evses)):  # the new one and the safe default
            return
        for number in sorted(others):
            await core.commands.clear_charging_profile(number)
            await core.learn(replace(core.learnt, profile_ids=core.learnt.profile_ids - {number}))


def in_place_of_default(strategy: Strategy) -> bool:
    """Return whether a lease takes the place of the persistent safe default."""
    return strategy.purpose is Purpose.TX_DEFAULT and strategy.stack_level == DEFAULT_STACK_LEVEL


def _numbers(lease: Lease, unit: RateUnit, wiring: Wiring) -> DynamicLimits:
    limit = wiring.to_unit(lease.current_a, unit)
    if lease.setpoint_w is None:
        return DynamicLimits(limit=limit)
    setpoint, discharge_limit = setpoint_of(lease.setpoint_w, limit)
    return DynamicLimits(limit=limit, setpoint=setpoint, discharge_limit=discharge_limit)

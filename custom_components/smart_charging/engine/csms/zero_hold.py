"""Holds one EVSE at 0 A below a lease that ends by a date, where 0 is all that is safe.

The persistent default is never 0, so such a lease would end on more than is safe.
"""

from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .profiles import (
    ZERO_HOLD_S,
    Lease,
    Strategy,
    connector,
    ends_below,
    needs_zero_hold,
    profile_id,
    zero_hold,
    zero_hold_level,
)


class ZeroHold:
    """The profile of 0 A one stack level below the lease; it ends too, after a day."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin not knowing what an earlier run may have left."""
        self._core = core
        self._evse_id = evse_id
        self._written: tuple[Strategy, str | None, float] | None = None  # for which lease, and since when
        self._absent: set[int] = set()

    def forget(self) -> None:
        """Take nothing for granted any more, as after a boot."""
        self._written = None
        self._absent.clear()

    async def lay_below(self, strategy: Strategy, lease: Lease) -> None:
        """See to it that a lease that is sent next ends on what is safe; raises CommandError."""
        if needs_zero_hold(strategy, lease.current_a, lease.safe_a):
            await self._write(strategy, lease)
        elif lease.safe_a > 0:
            await self._remove(strategy)

    async def _write(self, strategy: Strategy, lease: Lease) -> None:
        core, now = self._core, self._core.clock.monotonic()
        if self._written is not None and self._written[:2] == (strategy, lease.transaction_id):
            if now < self._written[2] + ZERO_HOLD_S / 2:
                return
        number = profile_id(strategy.purpose, self._evse_id, strategy.stack_level - 1)
        await core.learn_profile(number)
        self._absent.discard(number)
        target = connector(strategy.purpose, self._evse_id)
        await core.commands.set_charging_profile(target, zero_hold(strategy, lease, core.wiring))
        self._written = (strategy, lease.transaction_id, now)

    async def _remove(self, strategy: Strategy) -> None:
        """Take back what would hold at 0 a station whose safe current is more by now."""
        level = zero_hold_level(strategy) if ends_below(strategy.form) else None
        ids = set() if level is None else {profile_id(strategy.purpose, self._evse_id, level)}
        if self._written is not None:
            written = self._written[0]
            ids.add(profile_id(written.purpose, self._evse_id, written.stack_level - 1))
        for number in sorted(ids & self._core.learnt.profile_ids - self._absent):
            try:
                await self._core.commands.clear_charging_profile(number)
            except CommandError as error:
                if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                    raise
            self._absent.add(number)
        self._written = None

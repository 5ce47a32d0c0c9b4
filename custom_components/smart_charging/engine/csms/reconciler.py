"""Runs the limit keepers of one station: one after the other, woken by wishes and events."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
import logging
import math

from ..model import Json, MeterValue
from .core import StationCore
from .limit_keeper import LimitKeeper

_LOGGER = logging.getLogger(__name__)
_IDLE_S = 3600.0
_FAILED_RETRY_S = 10.0
_LOOK_S = 1.0  # between two looks at what measurements say: a station that floods with them makes no more work


class Reconciler:
    """Makes the station hold the desired limits while it can be reached."""

    def __init__(self, core: StationCore, expect_tag: Callable[[str], None]) -> None:
        """Begin held back until the station is set up; `expect_tag` is told the tags of starts that we ask for."""
        self._core = core
        self._expect_tag = expect_tag
        self._keepers: dict[int, LimitKeeper] = {}
        self._wake = asyncio.Event()
        self._open = False
        self._looked_at = -math.inf

    def keeper(self, evse_id: int) -> LimitKeeper:
        """Return the keeper of an EVSE, made on first use."""
        if evse_id not in self._keepers:
            self._keepers[evse_id] = LimitKeeper(self._core, evse_id, self._expect_tag)
        return self._keepers[evse_id]

    def set_limit(self, evse_id: int, current_a: float, safe_a: float, phases: int | None = None) -> None:
        """Take a wish: A per phase, what the station falls to without us, and how many phases it is to use."""
        if self.keeper(evse_id).want(current_a, safe_a, phases):
            self.wake()

    def lead(self, evse_id: int, power_w: float | None, transaction_id: str | None) -> None:
        """Have a transaction's car give or take this power as long as this is repeated, None for its limit alone."""
        if self.keeper(evse_id).set_points.lead(power_w, self._core.around.lease.hold_s, transaction_id):
            self.write_again(evse_id)

    def withdraw(self, evse_id: int) -> bool:
        """End an EVSE's set-point; False where there was none."""
        had_one = self.keeper(evse_id).set_points.end()
        if had_one:
            self.write_again(evse_id)
        return had_one

    def write_again(self, evse_id: int) -> None:
        """Write what an EVSE is kept at once more, for a set-point that came or went."""
        self.keeper(evse_id).write_again()
        self.wake()

    def let_go(self, evse_id: int) -> None:
        """Wish nothing of an EVSE any more: what was written ends by itself."""
        self.keeper(evse_id).release()

    def hold_back(self) -> None:
        """Send nothing until `release`: the station is gone or not ready."""
        self._open = False

    def release(self) -> None:
        """Send from now on."""
        self._open = True
        self.wake()

    def reassert(self, *, booted: bool) -> None:
        """Write every limit anew, as after a boot or a reconnect."""
        capabilities = self._core.state.capabilities
        if booted and capabilities.switches_phases is False:  # it may have been set up to do so
            self._core.change(capabilities=replace(capabilities, switches_phases=None))
        for evse_id in self._core.state.evses:
            self.keeper(evse_id).reassert(booted=booted)
        self.wake()

    def live_numbers(self, number: int) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where that is none of ours."""
        told = (keeper.live_numbers(number) for keeper in self._keepers.values())
        return next((numbers for numbers in told if numbers is not None), None)

    def measured(self, evse_id: int) -> None:
        """Look at what the newest measurement says of the limit."""
        self.keeper(evse_id).measured()
        if self._core.clock.monotonic() - self._looked_at >= _LOOK_S:
            self.wake()

    def measured_late(self, evse_id: int, values: Sequence[MeterValue]) -> None:
        """Look at what readings from an outage say of a lease that ran out in it."""
        self.keeper(evse_id).measured_late(values)
        self.wake()

    def disconnected(self) -> None:
        """Note which leases will run out unless the station comes back in time."""
        self.hold_back()
        for keeper in self._keepers.values():
            keeper.disconnected()

    def wake(self) -> None:
        """Look again what is due."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            self._looked_at = self._core.clock.monotonic()
            try:
                delay = await self._step() if self._open else _IDLE_S
            except Exception:
                # A station that is no longer kept at its limit would only be seen by its effects.
                _LOGGER.exception("Keeping %s at its limit failed", self._core.config.station_id)
                delay = _FAILED_RETRY_S
            if delay is None:
                continue
            with suppress(TimeoutError):
                async with self._core.clock.timeout(delay):
                    await self._wake.wait()

    async def _step(self) -> float | None:
        """Let each EVSE do one thing; return the seconds until more is due, None for now."""
        delays: list[float | None] = []
        for evse_id in sorted(self._core.state.evses):
            if not self._open:
                break
            delays.append(await self.keeper(evse_id).step())
        return None if None in delays else min((delay for delay in delays if delay is not None), default=_IDLE_S)

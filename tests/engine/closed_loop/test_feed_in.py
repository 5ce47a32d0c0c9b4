"""A limit on feed-in on the plant's own wires: batteries and cars take what may not flow out, the rest is curtailed."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, PvConfig, SolarConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryReason
from custom_components.smart_charging.engine.control.pv import PvReason
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import SignalAdded, SignalsCleared
from custom_components.smart_charging.engine.grid_control import ACTION
from custom_components.smart_charging.engine.model import ChargeMode
from simulator.plant.battery import Battery, BatteryRating
from simulator.plant.sun import FixedSun, Photovoltaics
from simulator.simulated_site import Premises

from .loop import ClosedLoop, closed_loop, key
from .shell import Entities
from .surroundings import CHARGER, SITE, busy_house, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

ROOF = PvConfig("pv", "Roof", installed_w=10_000.0, can_curtail=True)
HOME = replace(SITE, fuse_a=35.0, pv=(ROOF,))
SEEN = Entities(tells_pv=True)
LATE = Entities(interval_s=5.0, latency_s=3.0, command_s=2.0, tells_pv=True)
HOUSE_BATTERY = BatteryConfig("home", "Home battery", 10_000.0, 5_000.0, 5_000.0, can_charge=True, can_hold=True)
WITH_BATTERY = replace(HOME, batteries=(HOUSE_BATTERY,))


@dataclass(slots=True)
class FeedIn:
    """What flowed out beyond a limit: for how long at once, and Wh in all."""

    limit_w: float
    longest_s: float = 0.0
    beyond_wh: float = 0.0
    highest_w: float = 0.0
    _lasting_s: float = 0.0

    async def watch(self, loop: ClosedLoop, seconds: float, step_s: float = 0.5) -> None:
        """Let time pass and look at each step."""
        for _ in range(round(seconds / step_s)):
            await loop.run(step_s, step_s=step_s)
            beyond_w = max(0.0, feeds_w(loop) - self.limit_w)
            self.highest_w = max(self.highest_w, beyond_w)
            self.beyond_wh += beyond_w * step_s / 3600
            self._lasting_s = self._lasting_s + step_s if beyond_w > 100.0 else 0.0
            self.longest_s = max(self.longest_s, self._lasting_s)


def feeds_w(loop: ClosedLoop) -> float:
    return -loop.simulated.plant.grid.total_w


def limit(loop: ClosedLoop, percent: float, minutes: float | None = None) -> FeedIn:
    """Have a limit on feed-in arrive, in % of the installed PV."""
    now = loop.clock.now()
    until = None if minutes is None else now + timedelta(minutes=minutes)
    signal = GridSignal(
        source_id=ACTION, kind=SignalKind.EXPORT_LIMIT, value=percent, unit=SignalUnit.PERCENT,
        received_at=now, valid_until=until, scope=SignalScope.SITE,
    )  # fmt: skip
    loop.site.grid.take(SignalAdded(ACTION, now, signal))
    return FeedIn(percent / 100 * ROOF.installed_w)


def pv_w(loop: ClosedLoop) -> float:
    return loop.simulated.plant.photovoltaics.power_w


@pytest.mark.parametrize("percent", [60.0, 30.0, 0.0])
@pytest.mark.parametrize("entities", [SEEN, LATE], ids=["quick", "late"])
async def test_pv_yields_what_is_used_and_what_may_flow_out(tmp_path: Path, percent: float, entities: Entities) -> None:
    async with closed_loop(tmp_path, site=HOME, chargers=[], cars={}, entities=entities) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(60, step_s=1.0)
        assert feeds_w(loop) == pytest.approx(8_500.0, abs=20)
        assert loop.shell.curtailed_w is None
        seen = limit(loop, percent)
        await seen.watch(loop, 300)
        assert feeds_w(loop) == pytest.approx(seen.limit_w, abs=120)
        assert loop.site.view.pv["pv"].command.reason is PvReason.EXPORT_LIMIT  # type: ignore[union-attr]  # decided
        loop.house(2_500 / 3)
        await seen.watch(loop, 60)
        assert pv_w(loop) == pytest.approx(2_500 + seen.limit_w, abs=120)
        loop.house(500 / 3)
        await seen.watch(loop, 60)
        assert seen.longest_s <= entities.interval_s + entities.latency_s + entities.command_s + 5.0
        assert seen.beyond_wh < 30.0
        loop.site.grid.take(SignalsCleared(ACTION, loop.clock.now()))
        assert loop.site.view.pv["pv"].command.ceiling_w is None  # type: ignore[union-attr]  # decided
        await loop.run(10)
        assert feeds_w(loop) == pytest.approx(8_500.0, abs=20)

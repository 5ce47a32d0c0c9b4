"""A limit on feed-in on the plant's own wires: batteries and cars take what may not flow out, the rest is curtailed."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, PvConfig, SolarConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryReason
from custom_components.smart_charging.engine.control.pv import PvCommand, PvReason
from custom_components.smart_charging.engine.grid.signal import SignalUnit
from custom_components.smart_charging.engine.grid.source import SignalsCleared
from custom_components.smart_charging.engine.grid_control import ACTION
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.engine.recording import dump, load
from custom_components.smart_charging.engine.replay import differences
from simulator.plant.battery import Battery, BatteryRating
from simulator.simulated_site import Premises

from .loop import ClosedLoop, closed_loop, key
from .shell import Entities
from .surroundings import CHARGER, SITE, limit_feed_in, station, warm_up

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
    """Have a limit on feed-in arrive, in % of the roof's rating."""
    limit_feed_in(loop, percent, SignalUnit.PERCENT, minutes=minutes)
    return FeedIn(percent / 100 * ROOF.installed_w)


def told(loop: ClosedLoop) -> PvCommand:
    command = loop.site.view.pv["pv"].command
    assert command is not None
    return command


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
        assert told(loop).reason is PvReason.EXPORT_LIMIT
        loop.house(2_500 / 3)
        await seen.watch(loop, 60)
        assert pv_w(loop) == pytest.approx(2_500 + seen.limit_w, abs=120)
        loop.house(500 / 3)
        await seen.watch(loop, 60)
        assert seen.longest_s <= entities.interval_s + entities.latency_s + entities.command_s + 5.0
        assert seen.beyond_wh < 30.0
        loop.site.grid.take(SignalsCleared(ACTION, loop.clock.now()))
        assert told(loop) == PvCommand(None, PvReason.NO_LIMIT)
        await loop.run(10)
        assert feeds_w(loop) == pytest.approx(8_500.0, abs=20)


@pytest.mark.parametrize("own_control", [True, False], ids=["by itself", "as told"])
async def test_the_battery_is_filled_before_anything_is_curtailed(tmp_path: Path, own_control: bool) -> None:
    battery = Battery(replace(BatteryRating(), capacity_wh=2_000.0), state_of_charge=0.6, own_control=own_control)
    async with closed_loop(
        tmp_path, site=WITH_BATTERY, chargers=[], cars={}, entities=SEEN, premises=Premises(battery=battery)
    ) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        seen = limit(loop, 30.0)
        await seen.watch(loop, 300, step_s=1.0)
        assert battery.power_w == pytest.approx(-5_000.0, abs=300)
        assert pv_w(loop) == pytest.approx(8_500.0, abs=350)
        assert feeds_w(loop) == pytest.approx(3_000.0, abs=250)
        await seen.watch(loop, 480, step_s=1.0)
        assert battery.state_of_charge > 0.99
        assert pv_w(loop) == pytest.approx(3_500.0, abs=120)
        assert feeds_w(loop) == pytest.approx(3_000.0, abs=120)
        assert seen.longest_s <= 15.0
        assert seen.beyond_wh < 40.0


async def test_a_battery_that_does_only_as_told_takes_what_is_held_back_step_by_step(tmp_path: Path) -> None:
    battery = Battery(BatteryRating(), state_of_charge=0.2, own_control=False)
    async with closed_loop(
        tmp_path, site=WITH_BATTERY, chargers=[], cars={}, entities=LATE, premises=Premises(battery=battery)
    ) as loop:
        loop.house(500 / 3)
        loop.sun(0.0)
        await loop.run(30, step_s=1.0)
        seen = limit(loop, 0.0)
        await seen.watch(loop, 30, step_s=1.0)
        loop.sun(4_000.0)
        await seen.watch(loop, 420, step_s=1.0)
        assert pv_w(loop) == pytest.approx(4_000.0, abs=100)
        assert battery.power_w == pytest.approx(-3_500.0, abs=200)
        command = loop.site.view.batteries["home"].command
        assert command is not None and command.reason is BatteryReason.EXPORT_LIMIT
        loop.measure_anew()
        loop.sun(1_000.0)  # a cloud
        await seen.watch(loop, 120, step_s=1.0)
        assert pv_w(loop) == pytest.approx(1_000.0, abs=100)
        assert loop.imported_kwh < 0.06
        assert -600.0 < feeds_w(loop) < 100.0  # what a try takes of the grid at most
        assert seen.beyond_wh < 30.0


async def test_the_battery_does_not_take_the_place_of_the_sun(tmp_path: Path) -> None:
    battery = Battery(BatteryRating(), state_of_charge=1.0)
    held = replace(HOME, batteries=(replace(HOUSE_BATTERY, can_charge=False),))
    async with closed_loop(
        tmp_path, site=held, chargers=[], cars={}, entities=SEEN, premises=Premises(battery=battery)
    ) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        seen = limit(loop, 0.0)
        await seen.watch(loop, 120, step_s=1.0)
        loop.house(3_000 / 3)
        await seen.watch(loop, 120, step_s=1.0)
        assert pv_w(loop) == pytest.approx(3_000.0, abs=150)
        assert battery.power_w == pytest.approx(0.0, abs=150)
        command = loop.site.view.batteries["home"].command
        assert command is not None and command.action is BatteryAction.HOLD
        assert command.reason is BatteryReason.EXPORT_LIMIT
        loop.sun(0.0)
        await seen.watch(loop, 360, step_s=1.0)
        assert battery.power_w == pytest.approx(3_000.0, abs=50)  # at night it is the house's again
        assert seen.beyond_wh < 15.0


async def test_a_car_on_solar_takes_what_would_be_curtailed(tmp_path: Path) -> None:
    site = replace(HOME, solar=SolarConfig(smoothing_s=15.0, start_s=30.0, stop_s=60.0))
    async with closed_loop(tmp_path, site=site, chargers=[CHARGER], stations=[station()], entities=SEEN) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await loop.run(30, step_s=1.0)
        seen = limit(loop, 0.0)
        await seen.watch(loop, 120, step_s=1.0)
        assert pv_w(loop) == pytest.approx(500.0, abs=120)
        await warm_up(loop, seconds=1.0)
        await seen.watch(loop, 900, step_s=1.0)
        assert loop.outlet().power_w == pytest.approx(8_500.0, abs=700)
        assert pv_w(loop) == pytest.approx(9_000.0, abs=300)
        loop.measure_anew()
        await seen.watch(loop, 300, step_s=1.0)
        assert loop.imported_kwh < 0.03
        assert loop.measures.movements[key()].on_off == 0
        loop.plug(plugged=False)
        await seen.watch(loop, 60, step_s=1.0)
        assert pv_w(loop) == pytest.approx(500.0, abs=120)
        assert seen.longest_s <= 10.0
        assert seen.beyond_wh < 40.0


async def test_without_the_grid_meter_no_more_is_yielded_than_may_flow_out(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=HOME, chargers=[], cars={}, entities=SEEN) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        seen = limit(loop, 60.0)
        await seen.watch(loop, 60, step_s=1.0)
        loop.shell.meters_online = False
        await seen.watch(loop, 300, step_s=1.0)
        assert told(loop) == PvCommand(6_000.0, PvReason.UNMEASURED)
        assert feeds_w(loop) == pytest.approx(5_500.0, abs=20)
        loop.shell.meters_online = True
        await seen.watch(loop, 60, step_s=1.0)
        assert feeds_w(loop) == pytest.approx(6_000.0, abs=120)
        assert seen.longest_s <= 5.0


async def test_a_system_that_cannot_be_curtailed_counts_with_what_it_yields(tmp_path: Path) -> None:
    yard = PvConfig("yard", "Yard", installed_w=5_000.0)
    async with closed_loop(tmp_path, site=replace(HOME, pv=(ROOF, yard)), chargers=[], cars={}, entities=SEEN) as loop:
        loop.site.set_pv_power("yard", 3_000.0, loop.clock.now())
        loop.house((500 - 3_000) / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        limit_feed_in(loop, 30.0, SignalUnit.PERCENT)
        seen = FeedIn(0.3 * 15_000.0)
        await seen.watch(loop, 120, step_s=1.0)
        assert pv_w(loop) == pytest.approx(2_000.0, abs=120)
        assert feeds_w(loop) == pytest.approx(4_500.0, abs=120)
        loop.shell.meters_online = False
        await loop.run(300, step_s=1.0)
        assert told(loop) == PvCommand(1_500.0, PvReason.UNMEASURED)
        assert seen.longest_s <= 5.0


async def test_a_limit_that_runs_out_leaves_pv_free_at_once(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=HOME, chargers=[], cars={}, entities=SEEN) as loop:
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        await limit(loop, 0.0, minutes=2).watch(loop, 110, step_s=1.0)
        assert pv_w(loop) == pytest.approx(500.0, abs=120)
        await loop.run(20, step_s=1.0)
        assert told(loop) == PvCommand(None, PvReason.NO_LIMIT)
        assert pv_w(loop) == pytest.approx(9_000.0, abs=20)
        cycles = loop.site.recent_cycles
        assert {one.decision.pv["pv"].reason for one in cycles} == {PvReason.NO_LIMIT, PvReason.EXPORT_LIMIT}
        assert not list(differences(load(dump(cycles))))


async def test_a_limit_that_leaves_all_there_is_room_for_curtails_nothing(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=HOME, chargers=[], cars={}, entities=SEEN) as loop:
        loop.house(1_500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        await limit(loop, 100.0).watch(loop, 60, step_s=1.0)
        assert told(loop) == PvCommand(None, PvReason.NOT_BINDING)
        assert pv_w(loop) == pytest.approx(9_000.0, abs=20)


async def test_a_site_that_observes_only_shows_what_it_would_curtail_and_curtails_nothing(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=HOME, chargers=[], cars={}, entities=SEEN) as loop:
        await loop.site.set_observe_only(True)
        loop.house(500 / 3)
        loop.sun(9_000.0)
        await loop.run(30, step_s=1.0)
        await limit(loop, 0.0).watch(loop, 120, step_s=1.0)
        assert pv_w(loop) == pytest.approx(9_000.0, abs=20)
        assert told(loop).ceiling_w == pytest.approx(500.0, abs=20)
        await loop.site.set_observe_only(False)
        await loop.run(20, step_s=1.0)
        assert pv_w(loop) == pytest.approx(500.0, abs=120)

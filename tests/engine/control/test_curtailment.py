"""What a limit on feed-in leaves to PV systems and gives to batteries, whatever flows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, PvConfig, SiteConfig
from custom_components.smart_charging.engine.control.battery import (
    BatteryAction,
    BatteryCommand,
    BatteryReason,
    BatterySnapshot,
)
from custom_components.smart_charging.engine.control.curtailment import ceilings, may_yield_w, to_store_w
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.pv import FeedInMemory, PvCommand, PvMemory, PvReason, held_back
from custom_components.smart_charging.engine.control.snapshot import (
    ABSENT_METER,
    ControlState,
    Decision,
    MeterSnapshot,
    Snapshot,
)
from custom_components.smart_charging.engine.model import MeterQuality, Phases

from .builders import NOW, SITE

POWER = st.floats(0.0, 30_000.0)
LOAD = st.floats(-30_000.0, 30_000.0)
RATING = st.floats(100.0, 20_000.0)
ROOF = PvConfig("roof", "Roof", 10_000.0, can_curtail=True)
BARN = PvConfig("barn", "Barn", 5_000.0, can_curtail=True)
YARD = PvConfig("yard", "Yard", 3_000.0)
STORE = BatteryConfig("home", "Battery", 10_000.0, 5_000.0, 5_000.0, can_charge=True, can_hold=True)


@st.composite
def systems(draw: st.DrawFn) -> list[PvConfig]:
    rated = draw(st.lists(st.tuples(RATING, st.booleans()), max_size=5))
    return [PvConfig(f"pv{number}", "PV", rated_w, can_curtail=can) for number, (rated_w, can) in enumerate(rated)]


@given(limit_w=POWER, load_w=LOAD, could_w=POWER, most_w=POWER)
def test_no_more_than_the_limit_flows_out_and_nothing_is_curtailed_in_vain(
    limit_w: float, load_w: float, could_w: float, most_w: float
) -> None:
    stored_w = to_store_w(limit_w, load_w, could_w, most_w)
    ceiling_w = may_yield_w(limit_w, load_w, stored_w)
    yields_w = min(could_w, ceiling_w)
    assert 0 <= stored_w <= most_w
    assert ceiling_w >= 0
    assert ceiling_w == 0 or yields_w - load_w - stored_w <= limit_w + 1e-6
    if yields_w < could_w - 1e-6:  # what is curtailed no battery could take, and the limit leaves no room for
        assert stored_w == pytest.approx(most_w)
        assert yields_w == 0 or yields_w - load_w - stored_w == pytest.approx(limit_w, abs=1e-6)
    if stored_w > 1e-6:  # batteries are charged with the sun's power alone
        assert yields_w - load_w >= limit_w - 1e-6 or load_w + limit_w < 0


@given(whole_w=LOAD, found=systems(), order=st.randoms(use_true_random=False))
def test_systems_share_what_they_may_yield_by_their_ratings(
    whole_w: float, found: list[PvConfig], order: Random
) -> None:
    shared = ceilings(whole_w, found)
    led = {one.pv_id: one.installed_w for one in found if one.can_curtail}
    assert shared.keys() == led.keys()
    told = {pv_id: ceiling_w for pv_id, ceiling_w in shared.items() if ceiling_w is not None}
    assert not told or told.keys() == led.keys()
    if not told:
        assert not led or whole_w >= sum(led.values())
    else:
        assert sum(told.values()) == pytest.approx(max(0.0, whole_w), abs=1e-6)
    for pv_id, ceiling_w in told.items():
        assert 0 <= ceiling_w <= led[pv_id]
        assert ceiling_w / led[pv_id] == pytest.approx(max(0.0, whole_w) / sum(led.values()))
    order.shuffle(found)
    assert dict(ceilings(whole_w, found)) == pytest.approx(dict(shared))


@given(whole_w=LOAD, found=systems(), data=st.data())
def test_what_can_not_be_told_less_leaves_less_to_the_others(
    whole_w: float, found: list[PvConfig], data: st.DataObject
) -> None:
    least_w = {one.pv_id: data.draw(st.floats(0.0, 25_000.0)) for one in found}
    shared = ceilings(whole_w, found, least_w)
    rated = {one.pv_id: one.installed_w for one in found if one.can_curtail}
    assert shared.keys() == rated.keys()
    told_w = {pv_id: ceiling_w for pv_id, ceiling_w in shared.items() if ceiling_w is not None}
    if not told_w:
        assert not rated or whole_w >= sum(rated.values())
        return
    bounds_w = {pv_id: min(least_w[pv_id], rated_w) for pv_id, rated_w in rated.items()}
    assert all(bounds_w[pv_id] - 1e-6 <= ceiling_w <= rated[pv_id] + 1e-6 for pv_id, ceiling_w in told_w.items())
    wanted_w = max(0.0, whole_w)
    if sum(told_w.values()) > wanted_w + 1e-6:  # then nobody could be told less
        assert told_w == pytest.approx(bounds_w, abs=1e-6)
    else:
        assert sum(told_w.values()) == pytest.approx(wanted_w, abs=1e-6)


def told(
    limit_w: float | None,
    grid_w: float | None,
    yields_w: Sequence[float | None],
    found: Sequence[PvConfig] = (ROOF, BARN, YARD),
    state: ControlState | None = None,
    battery: BatterySnapshot | None = None,
    *,
    seconds: float = 0.0,
    may_raise: bool = True,
    least_w: Mapping[str, float] | None = None,
) -> tuple[Decision, ControlState]:
    """Decide once about a site with these systems; `grid_w` None for a site without a grid meter."""
    meter = ABSENT_METER
    if grid_w is not None:
        meter = MeterSnapshot(MeterQuality.FRESH, Phases.each(grid_w / 690), grid_w)
    site: SiteConfig = replace(SITE, pv=tuple(found), batteries=() if battery is None else (STORE,))
    snapshot = Snapshot(
        site,
        meter,
        (),
        batteries={} if battery is None else {STORE.battery_id: battery},
        pv_systems_w={one.pv_id: power_w for one, power_w in zip(found, yields_w, strict=True)},
        pv_least_w=least_w or {},
        export_limit_w=limit_w,
    )
    return decide(snapshot, state or ControlState(), NOW + timedelta(seconds=seconds), may_raise=may_raise)


def test_a_system_that_can_be_told_no_less_is_told_that_and_why() -> None:
    least_w = {"roof": 800.0}
    alone = (ROOF,)
    decision, state = told(0.0, -5_500.0, [6_000.0], alone, least_w=least_w)
    assert decision.pv["roof"] == PvCommand(800.0, PvReason.LOWEST)
    decision, state = told(1_000.0, -300.0, [800.0], alone, state, seconds=60.0, least_w=least_w)
    assert decision.pv["roof"].reason is PvReason.EXPORT_LIMIT
    # Another gives way as far as it can.
    decision, _ = told(0.0, -5_500.0, [3_000.0, 3_000.0], (ROOF, BARN), least_w={"roof": 400.0})
    assert decision.pv == {
        "roof": PvCommand(400.0, PvReason.EXPORT_LIMIT),
        "barn": PvCommand(pytest.approx(100.0), PvReason.EXPORT_LIMIT),
    }


def test_that_a_system_can_be_told_no_less_counts_from_when_it_is_known() -> None:
    decision, state = told(0.0, -6_000.0, [6_000.0], (ROOF,))
    assert decision.pv["roof"] == PvCommand(0.0, PvReason.EXPORT_LIMIT)
    decision, _ = told(0.0, -80.0, [80.0], (ROOF,), state, seconds=1.0, least_w={"roof": 80.0})
    assert decision.pv["roof"] == PvCommand(80.0, PvReason.LOWEST)


@given(limit_w=POWER, grid_w=LOAD, found=systems(), data=st.data())
def test_whatever_flows_ceilings_stay_within_ratings_and_the_limit_is_kept(
    limit_w: float, grid_w: float, found: list[PvConfig], data: st.DataObject
) -> None:
    yields_w = [data.draw(st.floats(0.0, one.installed_w)) for one in found]
    decision, _ = told(limit_w, grid_w, yields_w, found)
    led_w = sum(power_w for one, power_w in zip(found, yields_w, strict=True) if one.can_curtail)
    allowed = {one.pv_id: (decision.pv[one.pv_id].ceiling_w, one.installed_w) for one in found if one.can_curtail}
    assert allowed.keys() == decision.pv.keys()
    whole_w = sum(rated_w if ceiling_w is None else ceiling_w for ceiling_w, rated_w in allowed.values())
    for ceiling_w, rated_w in allowed.values():
        assert ceiling_w is None or 0 <= ceiling_w <= rated_w
    load_w = grid_w + led_w  # less what systems yield that can't be curtailed
    assert whole_w <= max(0.0, load_w + limit_w) + 1e-6
    backwards, _ = told(limit_w, grid_w, yields_w[::-1], found[::-1])
    assert {pv_id: one.reason for pv_id, one in backwards.pv.items()} == {
        pv_id: one.reason for pv_id, one in decision.pv.items()
    }
    for pv_id, one in backwards.pv.items():
        assert (one.ceiling_w or 0.0) == pytest.approx(decision.pv[pv_id].ceiling_w or 0.0)


def test_two_systems_are_curtailed_alike_and_a_third_counts_with_what_it_yields() -> None:
    decision, _ = told(3_000.0, -9_500.0, [6_000.0, 2_000.0, 2_000.0])
    # 500 W are used; of 3,500 W the yard yields 2,000 W.
    assert decision.pv == {
        "roof": PvCommand(pytest.approx(1_000.0), PvReason.EXPORT_LIMIT),
        "barn": PvCommand(pytest.approx(500.0), PvReason.EXPORT_LIMIT),
    }


def test_a_site_without_a_meter_counts_what_cannot_be_curtailed_at_its_rating_and_leads_no_battery() -> None:
    battery = BatterySnapshot(available=True, soc_percent=50.0, power_w=0.0)
    decision, state = told(4_500.0, None, [6_000.0, 2_000.0, None], battery=battery)
    assert decision.pv["roof"] == PvCommand(pytest.approx(1_000.0), PvReason.UNMEASURED)
    assert decision.pv["barn"] == PvCommand(pytest.approx(500.0), PvReason.UNMEASURED)
    assert decision.batteries["home"] == BatteryCommand(BatteryAction.NORMAL, BatteryReason.NOTHING_ASKED)
    decision, _ = told(4_500.0, -6_000.0, [None, 2_000.0, 2_000.0], state=state, battery=battery, seconds=5)
    assert decision.pv["roof"].reason is PvReason.UNMEASURED


def test_a_system_without_rating_leaves_batteries_and_curtails_nothing() -> None:
    battery = BatterySnapshot(available=True, soc_percent=50.0, power_w=0.0)
    decision, _ = told(0.0, -4_000.0, [4_500.0], [PvConfig("old", "Old")], battery=battery)
    assert decision.pv == {}
    with pytest.raises(ValueError, match="rating"):
        PvConfig("old", "Old", can_curtail=True)


def test_the_battery_is_told_to_take_what_may_not_flow_out_and_is_let_alone_without_a_limit() -> None:
    battery = BatterySnapshot(available=True, soc_percent=50.0, power_w=0.0)
    decision, state = told(2_000.0, -5_500.0, [6_000.0, 0.0, 0.0], battery=battery)
    assert decision.batteries["home"] == BatteryCommand(
        BatteryAction.CHARGE, BatteryReason.EXPORT_LIMIT, pytest.approx(3_500.0)
    )
    decision, state = told(
        None, -5_500.0, [6_000.0, 0.0, 0.0], state=state, battery=battery, seconds=1, may_raise=False
    )
    assert decision.batteries["home"].action is BatteryAction.NORMAL
    assert {one.ceiling_w for one in decision.pv.values()} == {None}
    assert state.feed_in.charge_w == 0


@pytest.mark.parametrize(
    "battery",
    [
        BatterySnapshot(available=True, soc_percent=100.0, power_w=0.0),
        BatterySnapshot(available=True, soc_percent=None, power_w=0.0),
        BatterySnapshot(available=False, soc_percent=50.0, power_w=0.0),
    ],
    ids=["full", "unknown", "away"],
)
def test_a_battery_that_can_take_nothing_is_told_nothing(battery: BatterySnapshot) -> None:
    decision, _ = told(2_000.0, -5_500.0, [6_000.0, 0.0, 0.0], battery=battery)
    assert decision.batteries["home"].action is BatteryAction.NORMAL
    assert decision.pv["roof"].ceiling_w == pytest.approx(2_500 * 2 / 3)


def test_a_ceiling_falls_at_once_and_rises_from_time_to_time_beyond_small_changes() -> None:
    decision, state = told(3_000.0, -6_000.0, [6_500.0], [ROOF])
    assert decision.pv["roof"].ceiling_w == pytest.approx(3_500.0)

    def at(seconds: float, house_w: float, *, may_raise: bool = True) -> float | None:
        nonlocal state
        command, state = told(3_000.0, house_w - 3_500, [3_500.0], [ROOF], state, seconds=seconds, may_raise=may_raise)
        return command.pv["roof"].ceiling_w

    assert at(40, 550.0) == pytest.approx(3_500.0)  # too little to be told
    assert at(45, 1_500.0, may_raise=False) == pytest.approx(3_500.0)
    assert at(50, 1_500.0) == pytest.approx(4_500.0)
    assert at(52, 2_500.0) == pytest.approx(4_500.0)  # a moment after the last change
    assert at(100, 450.0) == pytest.approx(3_450.0)  # a fall waits for nothing
    assert at(140, 440.0) == pytest.approx(3_440.0)  # 60 W too much flow out: no fall is too small


def test_power_is_held_back_only_by_a_ceiling_that_is_reached() -> None:
    memory = FeedInMemory({"roof": PvMemory(1_000.0, NOW)})
    assert held_back([ROOF], {"roof": 990.0}, memory)
    assert not held_back([ROOF], {"roof": 700.0}, memory)
    assert not held_back([ROOF], {"roof": None}, memory)
    assert not held_back([ROOF], {"roof": 990.0}, FeedInMemory())
    assert not held_back([ROOF], {"roof": 5.0}, FeedInMemory({"roof": PvMemory(0.0, NOW)}))  # a night's rest

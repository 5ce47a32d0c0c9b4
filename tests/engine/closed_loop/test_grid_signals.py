"""What the grid operator demands, on the plant's own wires: cut at once, checked, proven, and released slowly."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.grid.section_14a import ControllableDevice, DeviceKind
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope
from custom_components.smart_charging.engine.grid.source import ContactSeen, InputKind, SignalAdded, SourceConfig
from custom_components.smart_charging.engine.grid.verification import Level
from custom_components.smart_charging.engine.grid_control import CHARGERS as TOLD_BY_CHARGERS
from custom_components.smart_charging.engine.grid_record import GridEvent, ProofResult
from custom_components.smart_charging.engine.grid_setup import grid_config
from custom_components.smart_charging.engine.grid_trial import (
    TrialError,
    TrialRefusal,
    compliance_test,
    end_simulation,
    simulate,
)
from custom_components.smart_charging.engine.model import ReasonCode
from custom_components.smart_charging.engine.view import SITE_KEY, SiteEvent, SiteEventType
from simulator.ocpp.options import StationOptions
from simulator.ocpp.quirks import Quirks
from simulator.ocpp2.options import StationOptions2, Version

from .loop import ClosedLoop, closed_loop, key
from .surroundings import CHARGER, SITE, STREET, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

HOME = replace(SITE, fuse_a=63.0)
CHARGERS = [CHARGER, STREET]
RELAY = SourceConfig(source_id="relay", input=InputKind.CONTACT, debounce_s=0.0, release_s=60.0)
MESSAGES = SourceConfig(source_id="message", input=InputKind.MESSAGES, binding=False, release_s=30.0)
MINIMUM_W = 7_560.0  # of two chargers


@asynccontextmanager
async def two_cars(path: Path, *stations: StationOptions) -> AsyncGenerator[ClosedLoop]:
    """Run a home whose two cars charge with 22 kW while neither relay nor messages ask for anything."""
    async with closed_loop(
        path, site=HOME, chargers=CHARGERS, stations=stations or [station("CP1"), station("CP2")],
        grid=grid_config(HOME, CHARGERS, [RELAY, MESSAGES]),
    ) as loop:  # fmt: skip
        loop.house(300.0)
        click(loop, closed=False)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        assert drawn_w(loop) > 21_000.0 - 10.0 * 690 * bool(stations)
        yield loop


def click(loop: ClosedLoop, *, closed: bool) -> None:
    loop.site.grid.take(ContactSeen("relay", loop.clock.now(), closed))


def drawn_w(loop: ClosedLoop) -> float:
    return sum(loop.drawn_a(one) for one in ("CP1", "CP2")) * 690


async def test_a_relay_dims_within_seconds_and_its_proof_is_complete(tmp_path: Path) -> None:
    events: list[SiteEvent] = []
    async with two_cars(tmp_path) as loop:
        loop.site.subscribe_events(events.append)
        click(loop, closed=True)
        told = loop.site.view.chargers
        assert sum(told[one].evses[1].setpoint.current_a for one in ("CP1", "CP2")) * 690 <= MINIMUM_W
        await loop.run(7)
        assert drawn_w(loop) <= MINIMUM_W
        shown = loop.site.view.grid
        assert (shown.active, shown.limit_w, shown.source_id) == (True, pytest.approx(MINIMUM_W), "relay")
        reasons = {loop.evse(one).setpoint.reason.code for one in ("CP1", "CP2")}
        assert ReasonCode.LIMIT_GRID_SIGNAL in reasons
        await loop.run(310, step_s=1.0)
        (record, *_), verdict = (
            await loop.ledger.grid_proof.records(),
            await loop.ledger.grid_proof.verify(loop.clock.now()),
        )
        assert verdict.broken is None
        assert (record.record.event, record.record.limit_w) == (GridEvent.LIMIT_STARTED, pytest.approx(MINIMUM_W))
        assert record.record.raw == "closed"
        assert record.record.inputs["devices"] == 2
        assert record.record.before.chargers_w == pytest.approx(22_080, rel=0.02)
        assert record.record.before.grid_w == pytest.approx(22_980, rel=0.02)
        assert sum(one.power_w or 0.0 for one in record.record.set_points) <= MINIMUM_W
        assert [(one.after_s, one.result) for one in record.follow_ups] == [
            (10, ProofResult.OBEYED), (60, ProofResult.OBEYED), (300, ProofResult.OBEYED),
        ]  # fmt: skip
        assert all(one.judged_w is not None and one.judged_w <= MINIMUM_W for one in record.follow_ups)
        assert loop.site.view.grid.proof == replace(record, hash="")
        click(loop, closed=False)
        assert loop.site.view.grid.returning
        await loop.run(20, step_s=1.0)
        assert drawn_w(loop) < 16_000.0
        await loop.run(90, step_s=1.0)
        assert drawn_w(loop) > 21_000.0
        assert not loop.site.view.grid.returning
    assert [one.type for one in events if one.key == SITE_KEY] == [
        SiteEventType.GRID_LIMIT_STARTED, SiteEventType.GRID_LIMIT_ENDED,
    ]  # fmt: skip
    assert events[0].details["limit_w"] == MINIMUM_W


@pytest.mark.parametrize("step_w", [10.0, 400.0])
async def test_a_limit_that_moves_each_second_is_obeyed_and_proven_with_a_row_a_minute(
    tmp_path: Path, step_w: float
) -> None:
    async with two_cars(tmp_path) as loop:
        for second in range(310):
            now, watts = loop.clock.now(), 9_000.0 + step_w * (second * 3 % 7)
            limit = GridSignal(
                source_id="message", kind=SignalKind.IMPORT_LIMIT, received_at=now, value=watts,
                scope=SignalScope.CONTROLLABLE,
            )  # fmt: skip
            loop.site.grid.take(SignalAdded("message", now, limit))
            assert loop.site.grid.decision is not None
            assert loop.site.grid.decision.held[0].value <= watts
            await loop.run(1, step_s=1.0)
        rows = await loop.ledger.grid_proof.records()
        assert (await loop.ledger.grid_proof.verify(loop.clock.now())).broken is None
    told = [one for one in rows if one.record.source_id == "message"]
    assert [one.record.event for one in told] == [GridEvent.LIMIT_CHANGED] * 5 + [GridEvent.LIMIT_STARTED]
    first = told[-1].record.at
    assert [(one.record.at - first).total_seconds() for one in told] == [300.0, 240.0, 180.0, 120.0, 60.0, 0.0]
    for one in told[1:]:  # each is measured, though the limit was another by then
        assert [made.result for made in one.follow_ups[:2]] == [ProofResult.OBEYED] * 2
    # Where the limit was really another since, the last measurement says nothing of this one.
    last = ProofResult.OBEYED if step_w == 10.0 else ProofResult.NOT_JUDGED
    assert told[-1].follow_ups[2].result is last


async def test_a_station_that_does_not_obey_is_taken_down_until_its_transaction_is_stopped(tmp_path: Path) -> None:
    events: list[SiteEvent] = []
    deaf = station("CP2", quirks=Quirks(ignores_profiles=True), max_a=16.0)
    async with two_cars(tmp_path, station("CP1"), deaf) as loop:
        loop.site.subscribe_events(events.append)
        loop.site.grid.take(SignalAdded("message", loop.clock.now(), limit(loop, MINIMUM_W)))
        levels = []
        for _ in range(300):
            await loop.run(1, step_s=1.0)
            found = loop.site.view.grid.checks.evses.get(key("CP2"))
            if found is not None and found.level not in levels:
                levels.append(found.level)
        assert levels == [Level.LOWERED, Level.PAUSED, Level.STOPPED]
        assert loop.evse("CP2").state.transaction is None
        assert loop.drawn_a("CP2") == 0.0
        assert key("CP1") not in loop.site.view.grid.checks.evses
        told = [one for one in events if one.type in {SiteEventType.GRID_NOT_OBEYED, SiteEventType.GRID_OBEYED}]
        assert [(one.type, one.key) for one in told] == [
            (SiteEventType.GRID_NOT_OBEYED, key("CP2")), (SiteEventType.GRID_OBEYED, key("CP2")),
        ]  # fmt: skip
        records = await loop.ledger.grid_proof.records()
        actions = [one.record.inputs["action"] for one in records if one.record.event is GridEvent.NOT_OBEYED]
        assert actions == ["raise_issue", "pause", "lower"]


async def test_a_slow_meter_and_a_moving_house_never_make_a_charger_that_obeys_look_deaf(tmp_path: Path) -> None:
    async with two_cars(tmp_path, station("CP1", sample_s=30), station("CP2", sample_s=10)) as loop:
        loop.site.grid.take(SignalAdded("message", loop.clock.now(), limit(loop, 12_000.0, scope=SignalScope.SITE)))
        for second in range(240):
            loop.house(300.0 if second // 20 % 2 else 1_500.0)
            await loop.run(1, step_s=1.0)
            assert loop.site.view.grid.checks.evses == {}


async def test_chargers_that_measure_seldom_are_asked_so_that_each_proof_is_measured(tmp_path: Path) -> None:
    async with two_cars(tmp_path, station("CP1", sample_s=120), station("CP2", sample_s=120)) as loop:
        await loop.run(45, step_s=1.0)  # their own samples are far away
        click(loop, closed=True)
        await loop.run(70, step_s=1.0)
        (record, *_) = await loop.ledger.grid_proof.records()
        assert [(one.after_s, one.result) for one in record.follow_ups] == [
            (10, ProofResult.OBEYED), (60, ProofResult.OBEYED),
        ]  # fmt: skip


async def test_a_charger_that_is_told_less_just_before_a_proof_is_measured_once_it_follows(tmp_path: Path) -> None:
    async with two_cars(tmp_path, station("CP1", sample_s=120), station("CP2", sample_s=120)) as loop:
        await loop.run(45, step_s=1.0)
        click(loop, closed=True)
        await loop.run(9)
        told_a = {one: loop.evse(one).setpoint.current_a for one in ("CP1", "CP2")}
        one = max(told_a, key=told_a.__getitem__)
        less = replace(loop.site.settings(key(one)), max_current_a=told_a[one] - 1.0)
        await loop.site.set_settings(key(one), less)
        await loop.run(9)
        (record, *_) = await loop.ledger.grid_proof.records()
        assert [(one.after_s, one.result) for one in record.follow_ups] == [(10, ProofResult.OBEYED)]


async def test_what_a_heat_pump_draws_is_not_left_to_the_cars(tmp_path: Path) -> None:
    pump = ControllableDevice("pump", DeviceKind.HEAT_PUMP, 9_000.0, led=False)
    config = grid_config(HOME, CHARGERS, [MESSAGES], others=[pump])
    async with two_cars(tmp_path) as loop:
        loop.site.grid.configure(config)
        loop.site.grid.set_device_power("pump", 2_000.0, loop.clock.now())
        loop.site.grid.take(SignalAdded("message", loop.clock.now(), limit(loop, 8_000.0)))
        await loop.run(15, step_s=1.0)
        assert drawn_w(loop) == pytest.approx(6_000.0, abs=150.0)


async def test_a_site_that_only_observes_tells_nobody_and_takes_nobody_down(tmp_path: Path) -> None:
    async with two_cars(tmp_path) as loop:
        await loop.site.set_observe_only(True)
        loop.site.grid.take(SignalAdded("message", loop.clock.now(), limit(loop, 0.0)))
        await loop.run(20, step_s=1.0)
        shown = loop.site.view.grid
        assert shown.active
        assert shown.checks.evses == {}
        with pytest.raises(TrialError) as refused:
            await compliance_test(loop.site.grid)
        assert refused.value.refusal is TrialRefusal.OBSERVE_ONLY


async def test_a_simulated_limit_holds_like_a_real_one_and_ends_by_itself(tmp_path: Path) -> None:
    async with two_cars(tmp_path) as loop:
        decision = simulate(loop.site.grid, 9_000.0, timedelta(seconds=60))
        assert decision.binding_w == 9_000.0
        await loop.run(10)
        assert drawn_w(loop) <= 9_000.0
        assert loop.site.view.grid.source_id == "simulation"
        await loop.run(52, step_s=1.0)
        assert not loop.site.view.grid.active
        simulate(loop.site.grid, None, timedelta(hours=1), kind=SignalKind.BLOCK)
        await loop.run(10)
        assert drawn_w(loop) == 0.0
        assert not any(one.asked for one in end_simulation(loop.site.grid).held)
        for value, duration in ((-1.0, 60), (float("nan"), 60), (None, 60), (5_000.0, 0), (5_000.0, 86_400)):
            with pytest.raises(TrialError):
                simulate(loop.site.grid, value, timedelta(seconds=duration))
        assert not loop.site.view.grid.active


async def test_a_compliance_test_dims_measures_releases_and_is_proven(tmp_path: Path) -> None:
    async with two_cars(tmp_path) as loop:
        testing = asyncio.create_task(compliance_test(loop.site.grid))
        await loop.run(10)
        assert drawn_w(loop) <= MINIMUM_W
        with pytest.raises(TrialError) as refused:
            await compliance_test(loop.site.grid)
        assert refused.value.refusal is TrialRefusal.LIMIT_HOLDS
        await loop.run(60, step_s=1.0)
        result = await testing
        assert (result.limit_w, result.result, result.disobeyed) == (pytest.approx(MINIMUM_W), ProofResult.OBEYED, ())
        assert result.complied_after_s is not None
        assert result.complied_after_s <= 15.0
        assert not loop.site.view.grid.active
        await loop.run(5, step_s=1.0)
        released, tested, *_ = await loop.ledger.grid_proof.records()
        assert (released.record.event, tested.record.event) == (GridEvent.LIMIT_RELEASED, GridEvent.COMPLIANCE_TEST)
        assert [one.after_s for one in tested.follow_ups] == [10, 60]
        assert result.record is not None
        assert result.record.sequence == tested.sequence


def limit(loop: ClosedLoop, watts: float, scope: SignalScope = SignalScope.CONTROLLABLE) -> GridSignal:
    return GridSignal(
        source_id="message", kind=SignalKind.IMPORT_LIMIT, received_at=loop.clock.now(), value=watts, scope=scope
    )


async def test_what_the_grid_operator_tells_a_charger_directly_is_shown_and_proven(tmp_path: Path) -> None:
    newer = StationOptions2("CP1", "", Version.V201, sample_s=10, max_a=16.0)
    async with closed_loop(tmp_path, site=HOME, chargers=[CHARGER], stations=[newer]) as loop:
        loop.house(300.0)
        await warm_up(loop)
        await loop.run(30, step_s=1.0)
        assert not loop.site.view.grid.active
        told = loop.simulated.stations2["CP1"]
        told.set_local_limit(12.0, source="EMS")
        await loop.run(5, step_s=1.0)
        assert not loop.site.view.grid.active  # a local controller's is none of the grid operator
        told.set_local_limit(8.0, source="SO")
        await loop.run(15, step_s=1.0)
        shown = loop.site.view.grid
        assert (shown.active, shown.source_id, shown.evse, shown.binding) == (True, TOLD_BY_CHARGERS, key(), False)
        assert shown.limit_w == pytest.approx(8.0 * 690)
        assert loop.drawn_a() <= 8.0
        (record, *_) = await loop.ledger.grid_proof.records()
        assert (record.record.source_id, record.record.raw) == (TOLD_BY_CHARGERS, "NotifyChargingLimit SO")
        told.set_local_limit(None, source="SO")
        await loop.run(5, step_s=1.0)
        assert not loop.site.view.grid.active
        told.set_local_limit(8.0, source="SO")
        await loop.run(5, step_s=1.0)
        await loop.site.remove_charger("CP1")
        assert not loop.site.view.grid.active

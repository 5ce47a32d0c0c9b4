"""Every kind of limit holds on the plant's own wires, whoever set it, beside a house that moves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CircuitConfig, PeakConfig
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import ReasonCode
from simulator.plant.car import Car, CarModel
from simulator.plant.circuit import Circuit
from simulator.plant.outlet import Wiring
from simulator.simulated_site import Premises

from .loop import ClosedLoop, closed_loop, key
from .surroundings import CHARGER, LATE_METER, SITE, STREET, YARD, busy_house, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

BARN = CircuitConfig("barn", "Barn", fuse_a=16.0)
IN_BARN = [replace(CHARGER, circuit_id="barn"), replace(STREET, circuit_id="barn")]
WIRED_TO_BARN = {("CP1", 1): Wiring(circuit_id="barn"), ("CP2", 1): Wiring(circuit_id="barn")}
TWO = [station("CP1"), station("CP2")]


def sum_of_draws(loop: ClosedLoop, stations: Sequence[str] = ("CP1", "CP2")) -> float:
    return sum(loop.drawn_a(one) for one in stations)


async def test_two_cars_stay_below_the_fuse_of_a_metered_circuit_whose_load_moves(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=63.0, circuits=(replace(BARN, has_meter=True, meter_interval_s=5.0),))
    premises = Premises(circuits=[Circuit("barn", load=busy_house())])
    async with closed_loop(
        tmp_path, site=replace(site, circuits=(replace(site.circuits[0], fuse_a=35.0),)), chargers=IN_BARN,
        stations=TWO, wiring=WIRED_TO_BARN, premises=premises, entities=LATE_METER,
    ) as loop:  # fmt: skip
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        loop.measure_anew()
        await loop.run(240, step_s=1.0)
        assert loop.measures.overloads["barn"].longest_s <= 11
        assert loop.measures.overloads["barn"].seconds <= 24
        assert loop.measures.overloads[""].seconds == 0
        assert sum_of_draws(loop) > 12.0
        assert max(loop.measures.turns_per_minute(key(one)) for one in ("CP1", "CP2")) <= 2.0
        assert max(loop.measures.movements[key(one)].on_off for one in ("CP1", "CP2")) == 0


async def test_what_a_circuit_without_a_meter_keeps_back_stays_free(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=63.0, circuits=(replace(BARN, fuse_a=25.0, reserved_a=6.0),))
    async with closed_loop(
        tmp_path, site=site, chargers=IN_BARN, stations=TWO, wiring=WIRED_TO_BARN,
        premises=Premises(circuits=[Circuit("barn")]),
    ) as loop:  # fmt: skip
        loop.circuit_load("barn", 6.0 * 230)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(120, step_s=1.0)
        assert sum_of_draws(loop) == pytest.approx(25.0 - 1.0 - 6.0, abs=0.5)
        assert loop.drawn_a("CP1") == pytest.approx(loop.drawn_a("CP2"), abs=0.3)
        assert loop.seconds_over_fuse == 0
        assert loop.evse("CP1").limit_source is LimitSource.FUSE
        assert loop.evse("CP1").limit_circuit == "barn"


async def test_a_circuit_keeps_to_its_watts(tmp_path: Path) -> None:
    circuit = replace(BARN, fuse_a=35.0, power_w=9_000.0, has_meter=True, meter_interval_s=5.0)
    site = replace(SITE, fuse_a=63.0, circuits=(circuit,))
    async with closed_loop(
        tmp_path, site=site, chargers=IN_BARN, stations=TWO, wiring=WIRED_TO_BARN,
        premises=Premises(circuits=[Circuit("barn")]),
    ) as loop:  # fmt: skip
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(90, step_s=1.0)
        assert loop.simulated.plant.tree.circuits["barn"].meter.total_w == pytest.approx(9_000, abs=300)
        assert loop.evse("CP1").setpoint.reason.code is ReasonCode.LIMIT_POWER
        loop.circuit_load("barn", 200.0)
        loop.measure_anew()
        await loop.run(60, step_s=1.0)
        assert loop.simulated.plant.tree.circuits["barn"].meter.total_w <= 9_100
        assert sum_of_draws(loop) == pytest.approx((9_000 - 600) / 690, abs=0.4)
        assert all(movement.on_off == 0 for movement in loop.measures.movements.values())


async def test_a_limit_with_an_end_holds_until_then(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()]) as loop:
        loop.house(300.0)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        until = loop.clock.now() + timedelta(seconds=60)
        loop.site.set_limit(Limit("mine", LimitSource.USER, 10.0, LimitUnit.AMPERE, valid_until=until))
        await loop.run(8, step_s=1.0)
        assert max(loop.simulated.plant.grid.current_a) <= 10.1
        assert loop.evse().limit_source is LimitSource.USER
        await loop.run(50, step_s=1.0)
        assert max(loop.simulated.plant.grid.current_a) == pytest.approx(10.0, abs=0.3)
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        assert loop.measures.movements[key()].turns <= 2


async def test_a_grid_signal_to_the_chargers_alone_leaves_the_house_out(tmp_path: Path) -> None:
    chargers = [CHARGER, STREET]
    async with closed_loop(tmp_path, site=replace(SITE, fuse_a=63.0), chargers=chargers, stations=TWO) as loop:
        loop.house(3_000.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        signal = Limit("signal", LimitSource.GRID_SIGNAL, 8_400.0, LimitUnit.WATT, controllable_only=True)
        loop.site.set_limit(signal)
        await loop.run(10, step_s=1.0)
        assert sum_of_draws(loop) * 690 == pytest.approx(8_400, abs=250)
        assert loop.evse().setpoint.reason.code is ReasonCode.LIMIT_GRID_SIGNAL
        loop.house(6_000.0)
        await loop.run(60, step_s=1.0)
        assert sum_of_draws(loop) * 690 == pytest.approx(8_400, abs=250)
        assert loop.site.withdraw_limit("signal")
        await loop.run(90, step_s=1.0)
        assert sum_of_draws(loop) == pytest.approx(32.0, abs=0.5)


async def test_the_mean_of_a_quarter_hour_keeps_to_its_target(tmp_path: Path) -> None:
    site = replace(SITE, peak=PeakConfig(target_w=6_000.0))
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(house=busy_house())
    ) as loop:
        await warm_up(loop)
        await loop.run(900 - loop.clock.monotonic(), step_s=2.0)
        assert loop.imported_kwh * 4 == pytest.approx(6.0, rel=0.05)
        assert loop.imported_kwh * 4 <= 6.06
        assert loop.measures.movements[key()].on_off <= 9
        assert loop.measures.turns_per_minute(key()) <= 1.5
        billed_w = loop.imported_kwh * 4_000
        await loop.run(10, step_s=1.0)
        peak = loop.site.view.peak
        assert peak is not None
        assert peak.month_peak_w == pytest.approx(billed_w, rel=0.03)


async def test_a_one_phase_car_keeps_the_phases_together(tmp_path: Path) -> None:
    cars = {"CP1": Car(CarModel(phases=1, max_a=32.0)), "CP2": Car(CarModel(phases=3))}
    chargers = [replace(CHARGER, max_current_a=32.0), STREET]
    site = replace(SITE, fuse_a=63.0, unbalance_a=20.0)
    async with closed_loop(tmp_path, site=site, chargers=chargers, stations=TWO, cars=cars) as loop:
        loop.house(230.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(120, step_s=1.0)
        first, second, third = loop.simulated.plant.grid.current_a
        assert first - min(second, third) == pytest.approx(20.0, abs=0.5)
        assert loop.evse("CP1").setpoint.reason.code is ReasonCode.LIMIT_UNBALANCE
        assert loop.drawn_a("CP2") == pytest.approx(16.0, abs=0.2)
        loop.house(1_380.0, 230.0, 230.0)
        await loop.run(30, step_s=1.0)
        first, second, third = loop.simulated.plant.grid.current_a
        assert first - min(second, third) <= 20.3


async def test_a_thin_cable_carries_its_rating(tmp_path: Path) -> None:
    chargers = [replace(CHARGER, max_current_a=32.0, cable_current_a=13.0)]
    cars = {"CP1": Car(CarModel(max_a=32.0))}
    async with closed_loop(
        tmp_path, site=replace(SITE, fuse_a=63.0), chargers=chargers, stations=[station()], cars=cars
    ) as loop:
        await warm_up(loop)
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(13.0, abs=0.1)
        assert loop.measures.movements[key()].highest_a <= 13.0
        assert loop.evse().limit_source is LimitSource.CABLE


async def test_a_car_that_uses_less_leaves_the_rest_to_the_other(tmp_path: Path) -> None:
    cars = {"CP1": Car(CarModel(max_a=8.0)), "CP2": Car()}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER, STREET], stations=TWO, cars=cars) as loop:
        loop.house(230.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a("CP2") <= 12.0
        await loop.run(150, step_s=1.0)
        assert loop.drawn_a("CP1") == pytest.approx(8.0, abs=0.1)
        assert loop.drawn_a("CP2") == pytest.approx(24.0 - 1.0 - 9.0, abs=0.5)
        assert loop.evse("CP1").limit_source is LimitSource.CAR
        assert loop.seconds_over_fuse == 0


async def test_three_cars_behind_a_small_fuse_take_turns(tmp_path: Path) -> None:
    site = replace(SITE, fuse_a=16.0, reserved_house_a=2.0, turn_s=60.0)
    chargers = [CHARGER, STREET, YARD]
    stations = [station(one.station_id) for one in chargers]
    async with closed_loop(tmp_path, site=site, chargers=chargers, stations=stations) as loop:
        loop.house(230.0)
        await warm_up(loop, ("CP1", "CP2", "CP3"))
        await loop.run(45, step_s=1.0)
        waiting = [one for one in ("CP1", "CP2", "CP3") if loop.drawn_a(one) < 1.0]
        assert len(waiting) == 1
        assert loop.evse(waiting[0]).setpoint.reason.code is ReasonCode.WAITING_TURN
        await loop.run(360, step_s=1.0)
        energy = [loop.outlet(one).energy_wh for one in ("CP1", "CP2", "CP3")]
        assert min(energy) >= 0.6 * max(energy)
        assert sum(energy) >= 0.75 * 12.0 * 690 * 405 / 3600
        assert all(movement.on_off <= 10 for movement in loop.measures.movements.values())
        assert loop.seconds_over_fuse == 0


async def test_a_car_given_priority_while_others_charge_gets_what_it_can_take(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER, STREET], stations=TWO) as loop:
        loop.house(230.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a("CP1") == pytest.approx(11.5, abs=0.6)
        await loop.site.set_settings(key("CP2"), replace(loop.site.settings(key("CP2")), priority=5))
        loop.measure_anew()
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a("CP2") == pytest.approx(16.0, abs=0.2)
        assert loop.drawn_a("CP1") == pytest.approx(7.0, abs=0.5)
        assert loop.seconds_over_fuse == 0
        assert loop.measures.movements[key("CP1")].turns <= 1

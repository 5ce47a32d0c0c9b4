"""What late, silent and missing meters do to cars, and how long a fuse is exceeded at most."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import CircuitConfig
from custom_components.smart_charging.engine.model import MeterQuality, ReasonCode
from custom_components.smart_charging.engine.view import MeterReading
from simulator.plant.circuit import Circuit
from simulator.plant.outlet import Wiring
from simulator.simulated_site import Premises

from .loop import closed_loop, key
from .shell import Entities
from .surroundings import CHARGER, SITE, STREET, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

TWO = [station("CP1"), station("CP2")]


@pytest.mark.parametrize("latency_s", [1.0, 5.0, 10.0])
async def test_a_step_of_the_house_is_answered_once_however_late_the_meter_tells(
    tmp_path: Path, latency_s: float
) -> None:
    site = replace(SITE, meter_interval_s=latency_s)
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], entities=Entities(latency_s=latency_s)
    ) as loop:
        loop.house(460.0)
        await warm_up(loop)
        await loop.run(120, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        loop.measure_anew()
        loop.house(3_000.0)
        await loop.run(latency_s + 15)
        assert loop.measures.longest_over_s <= latency_s + 5
        await loop.run(90, step_s=1.0)
        assert loop.measures.overloads[""].seconds <= latency_s + 5
        assert loop.drawn_a() == pytest.approx(24.0 - 3_000 / 230, abs=0.7)
        assert loop.measures.movements[key()].turns <= 1
        assert loop.measures.movements[key()].on_off == 0


async def test_a_meter_that_is_late_by_ten_seconds_leads_two_cars_calmly_to_the_fuse(tmp_path: Path) -> None:
    site = replace(SITE, meter_interval_s=10.0)
    entities = Entities(interval_s=10.0, latency_s=10.0)
    async with closed_loop(tmp_path, site=site, chargers=[CHARGER, STREET], stations=TWO, entities=entities) as loop:
        loop.house(460.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(240, step_s=1.0)
        assert loop.drawn_a("CP1") + loop.drawn_a("CP2") == pytest.approx(22.0, abs=1.0)
        assert loop.seconds_over_fuse == 0
        assert max(loop.measures.turns_per_minute(key(one)) for one in ("CP1", "CP2")) <= 1.0


async def test_a_car_that_leaves_makes_room_and_disturbs_nobody(tmp_path: Path) -> None:
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER, STREET], stations=TWO, entities=Entities(latency_s=5.0)
    ) as loop:
        loop.house(460.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(90, step_s=1.0)
        loop.measure_anew()
        loop.plug("CP1", plugged=False)
        await loop.run(15, step_s=1.0)
        drawn_a = loop.drawn_a("CP2")
        headroom = loop.site.view.headroom_a
        assert headroom is not None
        assert headroom.l1 == pytest.approx(24.0 - 2.0 - drawn_a, abs=0.5)  # what left draws no more
        await loop.run(75, step_s=1.0)
        assert loop.drawn_a("CP2") == pytest.approx(16.0, abs=0.2)
        assert loop.measures.movements[key("CP2")].turns == 0
        assert loop.seconds_over_fuse == 0


async def test_a_circuit_whose_meter_is_lost_falls_back_and_the_rest_goes_on(tmp_path: Path) -> None:
    barn = CircuitConfig("barn", "Barn", fuse_a=16.0, has_meter=True, meter_interval_s=5.0, reserved_a=6.0)
    site = replace(SITE, fuse_a=63.0, circuits=(barn,))
    chargers = [replace(CHARGER, circuit_id="barn"), STREET]
    async with closed_loop(
        tmp_path, site=site, chargers=chargers, stations=TWO, wiring={("CP1", 1): Wiring(circuit_id="barn")},
        premises=Premises(circuits=[Circuit("barn")]),
    ) as loop:  # fmt: skip
        loop.house(460.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a("CP1") == pytest.approx(15.0, abs=0.3)
        read = loop.site.set_circuit_reading

        def all_but_the_barn(circuit_id: str, reading: MeterReading) -> None:
            if circuit_id != "barn":
                read(circuit_id, reading)

        loop.site.set_circuit_reading = all_but_the_barn  # type: ignore[method-assign]  # its meter falls silent
        await loop.run(75, step_s=1.0)
        assert loop.site.view.circuits["barn"].quality is MeterQuality.LOST
        assert loop.site.view.grid_quality is MeterQuality.FRESH
        assert loop.drawn_a("CP1") == pytest.approx(6.0, abs=0.1)
        assert loop.evse("CP1").setpoint.reason.code is ReasonCode.METER_LOST
        assert loop.drawn_a("CP2") == pytest.approx(16.0, abs=0.2)
        loop.circuit_load("barn", 1_300.0)
        await loop.run(20, step_s=1.0)
        assert loop.seconds_over_fuse == 0
        loop.site.set_circuit_reading = read  # type: ignore[method-assign]  # it reports again
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a("CP1") == pytest.approx(15.0 - 1_300 / 230, abs=0.5)


async def test_cars_behind_a_lost_meter_keep_to_safe_currents_that_fit_the_fuse_together(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER, STREET], stations=TWO) as loop:
        loop.house(460.0)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(60, step_s=1.0)
        loop.shell.meters_online = False
        await loop.run(20, step_s=1.0)
        assert loop.site.view.grid_quality is MeterQuality.STALE
        before = {one: loop.drawn_a(one) for one in ("CP1", "CP2")}
        await loop.run(50, step_s=1.0)
        assert loop.site.view.grid_quality is MeterQuality.LOST
        assert all(loop.drawn_a(one) <= min(before[one], 6.1) for one in before)
        loop.house(10.0 * 230)  # as much as is reserved for it
        await loop.run(30, step_s=1.0)
        assert loop.seconds_over_fuse == 0
        assert loop.drawn_a("CP1") == pytest.approx(6.0, abs=0.1)

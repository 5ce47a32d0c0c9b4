"""Limits of nested circuits, each with its own source."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import CircuitConfig, PeakConfig
from custom_components.smart_charging.engine.control.circuits import circuit_tree, path_to_root
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import MeterQuality, PhaseRotation, Phases, ReasonCode

from .builders import NOW, SITE
from .plant import Car, Plant, stations

BIG = replace(SITE, fuse_a=100.0)
GARAGE = CircuitConfig("garage", "Garage", fuse_a=25.0, has_meter=True)
ROW = CircuitConfig("row", "Row", fuse_a=20.0, parent_id="garage")


def two_levels(**garage: object) -> Plant:
    site = replace(BIG, circuits=(replace(GARAGE, **garage), ROW))  # type: ignore[arg-type]  # fields by name
    first, second, third = stations(3)
    return Plant(site, Car(replace(first, circuit_id="row")), Car(replace(second, circuit_id="garage")), Car(third))


def test_every_level_of_the_tree_holds() -> None:
    plant = two_levels()
    plant.run(120)
    assert plant.current(0) + plant.current(1) == pytest.approx(24.0, abs=0.2)
    assert plant.current(2) == 16.0
    assert max(plant.worst_over_a.values()) <= 0
    assert plant.decision is not None
    assert plant.decision.bounds[plant.cars[0].key].source is LimitSource.FUSE
    assert plant.decision.bounds[plant.cars[0].key].circuit_id == "garage"


def test_the_deepest_circuit_binds_where_it_is_the_tightest() -> None:
    site = replace(BIG, circuits=(GARAGE, replace(ROW, fuse_a=9.0)))
    first, second = stations(2)
    plant = Plant(site, Car(replace(first, circuit_id="row")), Car(replace(second, circuit_id="garage")))
    decision = plant.run(120)
    assert plant.current(0) == 8.0
    assert plant.current(1) == 16.0
    reason = decision.setpoints[plant.cars[0].key].reason
    assert reason.code is ReasonCode.LIMIT_FUSE
    assert (reason.params["circuit"], reason.params["fuse_a"]) == ("Row", 9.0)


def test_other_loads_of_a_metered_circuit_are_made_room_for() -> None:
    plant = two_levels()
    plant.house(10.0, "garage")
    decision = plant.run(120)
    assert plant.current(0) + plant.current(1) == pytest.approx(14.0, abs=0.2)
    garage = decision.circuits["garage"]
    assert garage.load_a.l1 == pytest.approx(24.0, abs=0.2)
    assert garage.headroom_a.l1 == pytest.approx(0.0, abs=0.2)
    assert garage.sources == (LimitSource.FUSE,) * 3


def test_a_circuit_without_a_meter_keeps_what_is_reserved() -> None:
    plant = two_levels(has_meter=False, reserved_a=8.0)
    plant.run(120)
    assert plant.current(0) + plant.current(1) == pytest.approx(16.0, abs=0.2)


def test_a_parent_without_a_meter_counts_what_its_metered_children_carry() -> None:
    site = replace(BIG, circuits=(replace(GARAGE, has_meter=False, reserved_a=2.0), replace(ROW, has_meter=True)))
    first, second = stations(2)
    plant = Plant(site, Car(replace(first, circuit_id="row")), Car(replace(second, circuit_id="garage")))
    plant.house(7.0, "row")
    plant.run(120)
    assert plant.current(0) + plant.current(1) == pytest.approx(24.0 - 7.0 - 2.0, abs=0.2)


def test_a_lost_meter_of_one_circuit_touches_only_what_hangs_on_it() -> None:
    plant = two_levels()
    plant.run(60)
    plant.quality["garage"] = MeterQuality.LOST
    decision = plant.run(60)
    assert (plant.current(0), plant.current(1), plant.current(2)) == (6.0, 6.0, 16.0)
    assert decision.setpoints[plant.cars[0].key].reason.code is ReasonCode.METER_LOST


def test_a_stale_meter_of_a_circuit_raises_nothing_below_it() -> None:
    plant = two_levels()
    plant.house(14.0, "garage")
    plant.run(60)
    before = plant.current(0), plant.current(1)
    plant.house(0.0, "garage")
    plant.quality["garage"] = MeterQuality.STALE
    plant.run(60)
    assert (plant.current(0), plant.current(1)) == before


def test_the_power_limit_of_a_circuit_counts_all_phases() -> None:
    plant = two_levels(power_w=9_200.0)
    decision = plant.run(120)
    assert sum(plant.flow("garage")) * 230 == pytest.approx(9_200.0, abs=150)
    assert decision.bounds[plant.cars[1].key].source is LimitSource.POWER
    assert decision.circuits["garage"].sources[0] is LimitSource.POWER
    assert decision.setpoints[plant.cars[1].key].reason.code is ReasonCode.LIMIT_POWER


def test_the_site_has_a_power_limit_too_and_sees_pv() -> None:
    plant = Plant(replace(BIG, power_w=6_900.0), *(Car(one) for one in stations(2)))
    plant.run(120)
    assert plant.flow().total * 230 == pytest.approx(6_900.0, abs=150)
    plant.house(-5.0)
    plant.run(120)
    assert plant.flow().total * 230 == pytest.approx(6_900.0, abs=150)


def test_a_user_limit_on_a_circuit_comes_and_goes() -> None:
    plant = two_levels()
    until = NOW + timedelta(seconds=300)
    plant.limits = (Limit("1", LimitSource.USER, 12.0, LimitUnit.AMPERE, circuit_id="garage", valid_until=until),)
    decision = plant.run(120)
    assert plant.current(0) + plant.current(1) == pytest.approx(12.0, abs=0.2)
    assert decision.circuits["garage"].sources == (LimitSource.USER,) * 3
    plant.run(400)
    assert plant.current(0) + plant.current(1) == pytest.approx(24.0, abs=0.2)


def test_a_limit_on_controllable_load_leaves_the_house_alone() -> None:
    plant = Plant(BIG, *(Car(one) for one in stations(2)))
    plant.house(20.0)
    plant.limits = (Limit("14a", LimitSource.GRID_SIGNAL, 9_660.0, LimitUnit.WATT, controllable_only=True),)
    decision = plant.run(120)
    drawn = sum(car.on_grid().total for car in plant.cars) * 230
    assert drawn == pytest.approx(9_660.0, abs=150)
    assert decision.setpoints[plant.cars[0].key].reason.code is ReasonCode.LIMIT_GRID_SIGNAL


def test_a_limit_in_amperes_on_controllable_load_holds_on_each_phase() -> None:
    plant = Plant(BIG, *(Car(one) for one in stations(2)))
    plant.limits = (Limit("1", LimitSource.GRID_SIGNAL, 20.0, LimitUnit.AMPERE, controllable_only=True),)
    plant.run(120)
    assert max(plant.flow()) == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize(("unit", "value"), [(LimitUnit.AMPERE, 10.0), (LimitUnit.WATT, 6_900.0)])
def test_a_limit_of_one_evse_is_its_ceiling(unit: LimitUnit, value: float) -> None:
    plant = Plant(BIG, *(Car(one) for one in stations(2)))
    plant.limits = (Limit("1", LimitSource.USER, value, unit, evse=plant.cars[0].key),)
    decision = plant.run(120)
    assert plant.current(0) == pytest.approx(10.0)
    assert plant.current(1) == 16.0
    assert decision.bounds[plant.cars[0].key].source is LimitSource.USER


def test_a_fixed_cable_limits_and_says_so() -> None:
    (station,) = stations(1, cable_current_a=13.0)
    plant = Plant(BIG, Car(station))
    decision = plant.run(120)
    assert plant.current() == 13.0
    assert decision.setpoints[plant.cars[0].key].reason.code is ReasonCode.LIMIT_CABLE
    assert decision.bounds[plant.cars[0].key].source is LimitSource.CABLE


def test_a_car_that_takes_less_is_the_limit_and_the_rest_serves_others() -> None:
    site = replace(SITE, fuse_a=25.0)
    plant = Plant(site, Car(stations(2)[0], max_a=8.0), Car(stations(2)[1]))
    decision = plant.run(300)
    assert decision.bounds[plant.cars[0].key].source is LimitSource.CAR
    assert plant.current(1) == pytest.approx(15.0, abs=0.6)


def test_the_phases_stay_within_the_permitted_unbalance() -> None:
    plant = Plant(replace(BIG, unbalance_a=20.0), Car(replace(stations(1)[0], phases=1, max_current_a=32.0)))
    plant.house(Phases(4.0, 0.0, 2.0))
    decision = plant.run(200)
    assert max(plant.flow()) - min(plant.flow()) <= 20.0 + 1e-6
    assert plant.current() == pytest.approx(16.0, abs=0.2)
    assert decision.setpoints[plant.cars[0].key].reason.code is ReasonCode.LIMIT_UNBALANCE
    assert decision.bounds[plant.cars[0].key].source is LimitSource.UNBALANCE


def test_the_phases_stay_close_also_while_cars_are_on_their_way_up() -> None:
    first, second = (replace(one, phases=1, max_current_a=32.0) for one in stations(2))
    second = replace(second, rotation=PhaseRotation.STR)
    plant = Plant(replace(BIG, unbalance_a=10.0), Car(first), Car(second, plugged=False))
    plant.run(60)
    assert plant.current(0) == pytest.approx(10.0, abs=0.2)
    plant.cars[1].plugged = True
    for _ in range(60):
        plant.step()
        flow = plant.flow()
        assert flow.l1 - flow.l2 <= 10.0 + 1e-6
        assert flow.l2 - flow.l1 <= 10.0 + 1e-6
    assert plant.current(0) == pytest.approx(10.0, abs=0.2)  # the third phase carries nothing


def test_the_mean_of_a_quarter_hour_keeps_to_the_peak_target() -> None:
    site = replace(BIG, peak=PeakConfig(interval_min=15, target_w=6_000.0))
    plant = Plant(site, *(Car(one) for one in stations(2)))
    plant.house(4.0)
    for _ in range(4):
        begin = sum(car.energy_wh for car in plant.cars)
        decision = plant.run(900)
        mean_w = (sum(car.energy_wh for car in plant.cars) - begin) * 4 + 4.0 * 3 * 230
        assert mean_w <= 6_000.0 * 1.01
    assert mean_w >= 6_000.0 * 0.93
    assert LimitSource.PEAK in {bound.source for bound in decision.bounds.values()} or mean_w > 5_900


def test_a_house_peak_of_the_month_may_be_used_again() -> None:
    site = replace(BIG, peak=PeakConfig(interval_min=15, target_w=4_500.0))
    plant = Plant(site, Car(stations(1)[0]))
    plant.house(15.0)
    plant.run(900)
    plant.house(1.0)
    plant.run(900)
    begin = plant.cars[0].energy_wh
    plant.run(900)
    assert (plant.cars[0].energy_wh - begin) * 4 == pytest.approx(15.0 * 690 - 690, rel=0.06)


def test_circuits_that_point_at_each_other_or_nowhere_hang_on_the_grid_connection() -> None:
    site = replace(
        SITE,
        circuits=(
            CircuitConfig("a", "A", 20.0, parent_id="b"),
            CircuitConfig("b", "B", 20.0, parent_id="a"),
            CircuitConfig("c", "C", 20.0, parent_id="gone"),
        ),
    )
    assert path_to_root(site, "c") == ("c", "")
    assert path_to_root(site, "a") == ("a", "b", "")
    assert path_to_root(site, "unknown") == ("",)
    assert [circuit.circuit_id for circuit in circuit_tree(site, ())][-1] == ""


def test_a_peak_tariff_pauses_nobody_for_a_house_that_was_only_assumed() -> None:
    site = replace(BIG, peak=PeakConfig(interval_min=15, target_w=6_000.0))
    plant = Plant(site, Car(stations(1)[0]))
    plant.quality[""] = MeterQuality.LOST
    plant.house(-8.0)
    plant.run(30)
    plant.quality[""] = MeterQuality.FRESH
    plant.run(20)
    assert plant.current() >= 6.0

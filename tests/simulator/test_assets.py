"""Batteries that are led, circuits with meters, contactors from outside, and inverters that may not export."""

from datetime import UTC, datetime, timedelta
import statistics

import pytest

from simulator.plant.battery import Battery, BatteryMode, BatteryRating
from simulator.plant.car import Car, CarModel
from simulator.plant.circuit import Circuit
from simulator.plant.contactor import Contactor
from simulator.plant.grid import GridSupply
from simulator.plant.house import House
from simulator.plant.outlet import Offer, Outlet, Wiring
from simulator.plant.phases import Phases, phases
from simulator.plant.site import Plant
from simulator.plant.sun import FixedSun, Photovoltaics

START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def charging(wiring: Wiring, model: CarModel | None = None) -> Outlet:
    outlet = Outlet(car=Car(model), wiring=wiring)
    outlet.offer = lambda now: Offer(16.0)
    outlet.plug(True)
    return outlet


def plant(
    *outlets: Outlet,
    house_w: float = 0.0,
    pv: Photovoltaics | None = None,
    battery: Battery | None = None,
    circuits: tuple[Circuit, ...] = (),
) -> Plant:
    return Plant(
        start=START,
        house=House(fixed_w=phases([house_w / 3] * 3)),
        photovoltaics=pv or Photovoltaics(FixedSun(0.0)),
        outlets=outlets,
        battery=battery,
        circuits=circuits,
        supply=GridSupply(impedance_ohm=0.0),
    )


def load(*watts: float) -> House:
    return House(fixed_w=phases(watts))


def run(own: Plant, seconds: float) -> None:
    own.advance(own.now + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("mode", "told_w", "house_w", "pv_w", "expected_w"),
    [
        (BatteryMode.NORMAL, 0.0, 1500.0, 0.0, 1500.0),
        (BatteryMode.HOLD, 0.0, 1500.0, 0.0, 0.0),
        (BatteryMode.HOLD, 0.0, 500.0, 2000.0, -1500.0),
        (BatteryMode.CHARGE, 1200.0, 1500.0, 0.0, -1200.0),
        (BatteryMode.CHARGE, 9000.0, 0.0, 0.0, -3000.0),
        (BatteryMode.DISCHARGE, 800.0, 0.0, 2000.0, 800.0),
        (BatteryMode.DISCHARGE, 9000.0, 0.0, 0.0, 4000.0),
    ],
)
def test_a_battery_does_what_it_is_told_within_its_power(
    mode: BatteryMode, told_w: float, house_w: float, pv_w: float, expected_w: float
) -> None:
    battery = Battery(BatteryRating(max_charge_w=3000.0, max_discharge_w=4000.0), 0.5)
    own = plant(house_w=house_w, pv=Photovoltaics(FixedSun(pv_w)), battery=battery)
    battery.command(mode, told_w)
    run(own, 30)
    assert battery.power_w == pytest.approx(expected_w, abs=1.0)
    assert own.grid.total_w == pytest.approx(house_w - pv_w - expected_w, abs=1.0)


def test_a_battery_takes_its_time() -> None:
    battery = Battery(BatteryRating(lag_s=10.0), 0.5)
    own = plant(battery=battery)
    battery.command(BatteryMode.DISCHARGE, 1000.0)
    run(own, 5)
    assert 200 < battery.power_w < 600
    run(own, 60)
    assert battery.power_w == pytest.approx(1000.0, abs=5.0)


def test_a_disobedient_battery_takes_every_command_and_goes_on_as_before() -> None:
    battery = Battery(BatteryRating(), 0.5, obeys=False)
    own = plant(house_w=1500.0, battery=battery)
    battery.command(BatteryMode.CHARGE, 2000.0)
    run(own, 20)
    assert battery.mode is BatteryMode.CHARGE
    assert battery.power_w == pytest.approx(1500.0, abs=1.0)


def test_an_empty_battery_gives_nothing_when_told_to() -> None:
    battery = Battery(BatteryRating(reserve=0.1), 0.1)
    own = plant(battery=battery)
    battery.command(BatteryMode.DISCHARGE, 1000.0)
    run(own, 20)
    assert battery.power_w == pytest.approx(0.0, abs=0.1)


def test_a_battery_is_not_told_a_negative_power() -> None:
    with pytest.raises(ValueError, match="negative"):
        Battery(BatteryRating()).command(BatteryMode.CHARGE, -1.0)


def test_a_circuits_meter_shows_its_loads_its_cars_and_the_branches_below() -> None:
    garage, workshop = Circuit("garage", load=load(100, 200, 300)), Circuit("workshop", "garage", load(0, 460, 0))
    own = plant(charging(Wiring((1, 2, 0), "workshop"), CarModel(phases=1)), house_w=300.0, circuits=(workshop, garage))
    run(own, 20)
    car_w = 16 * 230.0
    assert workshop.meter.power_w == pytest.approx((0, 460 + car_w, 0))
    assert workshop.meter.current_a == pytest.approx((0, 18, 0))
    assert garage.meter.power_w == pytest.approx((100, 660 + car_w, 300))
    assert own.grid.power_w == pytest.approx((200, 760 + car_w, 400))
    before_wh = garage.meter.import_wh
    run(own, 3600)
    assert garage.meter.import_wh - before_wh == pytest.approx(1060 + car_w, rel=1e-3)


@pytest.mark.parametrize(
    "circuits",
    [
        (Circuit("a", "b"), Circuit("b", "a")),
        (Circuit("a", "nowhere"),),
        (Circuit("a"), Circuit("a")),
        (Circuit("a", "a"),),
    ],
)
def test_circuits_that_are_no_tree_are_refused(circuits: tuple[Circuit, ...]) -> None:
    with pytest.raises(ValueError, match="a"):
        plant(circuits=circuits)


def test_an_outlet_on_no_known_circuit_is_refused() -> None:
    with pytest.raises(ValueError, match="attic"):
        plant(charging(Wiring(circuit_id="attic")))


def test_a_contactor_changes_the_phases_and_remembers_that_it_was_under_load() -> None:
    contactor = Contactor()
    outlet = charging(Wiring(contactor=contactor))
    own = plant(outlet)
    run(own, 20)
    outlet.switch_contactor(1)
    run(own, 1)
    assert outlet.current_a == (16, 0, 0)
    assert (contactor.switches, contactor.switched_under_load) == (1, 1)
    outlet.offer = lambda now: Offer(0.0)
    run(own, 10)
    outlet.switch_contactor(3)
    outlet.switch_contactor(3)
    assert (contactor.phases, contactor.switches, contactor.switched_under_load) == (3, 2, 1)
    with pytest.raises(ValueError, match="2"):
        outlet.switch_contactor(2)


def test_an_outlet_without_a_contactor_can_t_be_switched() -> None:
    with pytest.raises(ValueError, match="no contactor"):
        charging(Wiring()).switch_contactor(1)


def test_an_inverter_that_may_not_export_makes_what_the_site_takes() -> None:
    pv = Photovoltaics(FixedSun(6000.0), zero_export=True)
    own = plant(house_w=900.0, pv=pv)
    run(own, 30)
    assert pv.power_w == pytest.approx(900.0, abs=1.0)
    assert own.grid.total_w == pytest.approx(0.0, abs=1.0)
    own.house.hold((2000.0, 2000.0, 4000.0))
    run(own, 30)
    assert pv.power_w == pytest.approx(6000.0, abs=1.0)
    assert pv.available_w == 6000.0


def test_a_battery_is_filled_before_the_inverter_makes_less() -> None:
    battery = Battery(BatteryRating(max_charge_w=2000.0), 0.5)
    pv = Photovoltaics(FixedSun(6000.0), zero_export=True)
    own = plant(house_w=900.0, pv=pv, battery=battery)
    run(own, 60)
    assert battery.power_w == pytest.approx(-2000.0, abs=5.0)
    assert pv.power_w == pytest.approx(2900.0, abs=5.0)


def test_a_noisy_house_strays_each_second_around_its_load_and_repeats_for_a_seed() -> None:
    def series(seed: int) -> list[Phases]:
        house = House(seed, fixed_w=(1000.0, 1000.0, 10.0), noise_w=50.0)
        values = []
        for _ in range(400):
            house.advance(1.0)
            values.append(house.power_w())
        return values

    told = series(1)
    assert told == series(1) != series(2)
    first = [value[0] for value in told]
    assert statistics.mean(first) == pytest.approx(1000.0, abs=15.0)
    assert statistics.pstdev(first) == pytest.approx(50.0, abs=10.0)
    assert min(value[2] for value in told) >= 0.0

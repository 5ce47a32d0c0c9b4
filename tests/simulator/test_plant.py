"""The plant keeps the books of energy and its cars behave like cars."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from simulator.plant.battery import Battery, BatteryRating
from simulator.plant.car import Car, CarModel
from simulator.plant.grid import GridSupply
from simulator.plant.house import House
from simulator.plant.outlet import NOTHING, Offer, Outlet, Wiring
from simulator.plant.phases import phases
from simulator.plant.site import Plant
from simulator.plant.sun import Clouds, FixedSun, NoonSun, Photovoltaics, RealSun

START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def outlet(car: Car, offered_a: float = 32.0, **more: object) -> Outlet:
    own = Outlet(car=car, **more)
    own.offer = lambda now: Offer(offered_a)
    own.plug(True)
    return own


def plant(*outlets: Outlet, pv_w: float = 0.0, house_w: float = 0.0, battery: Battery | None = None) -> Plant:
    return Plant(
        start=START,
        house=House(fixed_w=phases([house_w / 3] * 3)),
        photovoltaics=Photovoltaics(FixedSun(pv_w)),
        outlets=outlets,
        battery=battery,
        supply=GridSupply(impedance_ohm=0.0),
    )


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    soc=st.floats(0.05, 1.0),
    offered_a=st.floats(0, 32),
    steps=st.lists(st.floats(0.01, 40), min_size=1, max_size=8),
)
def test_no_energy_is_made_or_lost(seed: int, soc: float, offered_a: float, steps: list[float]) -> None:
    cars = [outlet(Car(CarModel(phases=n), soc), offered_a, wiring=Wiring((1, 2, 0))) for n in (1, 3)]
    battery = Battery(BatteryRating(capacity_wh=500.0), soc)
    house = House(seed)
    own = Plant(
        start=START,
        house=house,
        photovoltaics=Photovoltaics(NoonSun(6000, START, seed)),
        outlets=cars,
        battery=battery,
    )
    house_wh = 0.0
    own_step = own._step

    def counted(seconds: float) -> None:
        nonlocal house_wh
        own_step(seconds)
        house_wh += sum(own.house_w) * seconds / 3600

    own._step = counted  # type: ignore[method-assign]
    before = _stored(own)
    for seconds in steps:
        own.advance(own.now + timedelta(seconds=seconds))
    grid, pv, from_battery, to_cars = (b - a for a, b in zip(before, _stored(own), strict=True))
    assert grid + pv + from_battery == pytest.approx(to_cars + house_wh, abs=1e-6)


def _stored(own: Plant) -> tuple[float, float, float, float]:
    assert own.battery is not None
    return (
        own.grid.import_wh - own.grid.export_wh,
        own.photovoltaics.energy_wh,
        own.battery.discharged_wh - own.battery.charged_wh,
        sum(each.energy_wh for each in own.outlets),
    )


def test_a_register_is_the_integral_of_the_power() -> None:
    own = outlet(Car(CarModel(ramp_s=0.0)))
    plant(own).advance(after(90))
    assert own.energy_wh == pytest.approx(3 * 230 * 16 * 90 / 3600)


def test_a_cars_battery_fills_with_what_the_meter_counted_less_its_losses() -> None:
    car = Car(CarModel(capacity_wh=10_000, efficiency=0.9), 0.2)
    own = outlet(car)
    plant(own).advance(after(600))
    assert (car.state_of_charge - 0.2) * 10_000 == pytest.approx(0.9 * own.energy_wh)


def test_import_and_export_count_apart_and_never_fall() -> None:
    own = plant(pv_w=3000)
    imported, exported = own.grid.import_wh, own.grid.export_wh
    own.advance(after(3600))
    assert own.grid.export_wh - exported == pytest.approx(3000, rel=1e-5)
    assert own.grid.import_wh == imported
    own.photovoltaics.hold(0)
    own.house.hold((100, 200, 300))
    own.advance(after(7200))
    assert own.grid.import_wh - imported == pytest.approx(600, rel=1e-3)
    assert own.grid.phase_import_wh[2] - own.grid.phase_import_wh[1] == pytest.approx(100, rel=1e-3)
    assert own.grid.total_w == pytest.approx(600)


def test_a_rotated_outlet_loads_other_grid_phases() -> None:
    own = plant(outlet(Car(CarModel(phases=1)), wiring=Wiring((2, 0, 1))))
    own.advance(after(10))
    assert own.grid.current_a == pytest.approx((0, 0, 16))


def test_a_car_ramps_and_stops_at_once_when_the_contactor_opens() -> None:
    own = outlet(Car(CarModel(ramp_s=2.0)))
    whole = plant(own)
    whole.advance(after(1))
    assert own.current_a[0] == pytest.approx(8, abs=0.1)
    whole.advance(after(3))
    assert own.current_a[0] == 16
    own.offer = lambda now: NOTHING
    whole.advance(after(3.25))
    assert own.power_w == 0


@pytest.mark.parametrize(("offered_a", "drawn_a"), [(0, 0), (5.9, 0), (6, 6), (10, 10), (32, 16)])
def test_a_car_takes_what_it_is_offered_from_6_a_up_to_its_own_limit(offered_a: float, drawn_a: float) -> None:
    own = outlet(Car(CarModel()), offered_a)
    plant(own).advance(after(10))
    assert own.current_a[0] == drawn_a


def test_a_nearly_full_car_draws_less_and_a_full_one_nothing() -> None:
    nearly, full = (outlet(Car(CarModel(), soc)) for soc in (0.95, 1.0))
    plant(nearly, full).advance(after(10))
    assert 0 < nearly.current_a[0] < 9
    assert full.current_a[0] == 0


def test_a_sleeping_car_wakes_after_its_kicks_only() -> None:
    car = Car(CarModel(sleeps_after_s=60, wake_kicks=2))
    own = outlet(car, 0.0)
    whole = plant(own)
    whole.advance(after(61))
    assert car.asleep
    drawn = []
    for n in range(3):
        own.offer = lambda now: Offer(16.0)
        whole.advance(after(70 + 20 * n))
        drawn.append(own.current_a[0])
        own.offer = lambda now: Offer(0.0)
        whole.advance(after(80 + 20 * n))
    assert drawn == [0, 0, 16]


def test_a_sleeping_car_wakes_when_it_is_plugged_in_anew() -> None:
    car = Car(CarModel(sleeps_after_s=60))
    own = outlet(car, 0.0)
    plant(own).advance(after(61))
    own.plug(False)
    own.plug(True)
    assert not car.asleep


def test_the_battery_takes_surplus_and_covers_demand_within_its_power() -> None:
    battery = Battery(BatteryRating(max_charge_w=2000, max_discharge_w=1500), 0.5)
    own = plant(pv_w=3000, house_w=500, battery=battery)
    own.advance(after(20))
    assert battery.power_w == pytest.approx(-2000)
    assert own.grid.total_w == pytest.approx(-500)
    own.photovoltaics.hold(0)
    own.house.hold((1000, 1000, 0))
    own.advance(after(40))
    assert battery.power_w == pytest.approx(1500)
    assert own.grid.total_w == pytest.approx(500)


def test_an_empty_battery_keeps_its_reserve_and_a_full_one_takes_nothing() -> None:
    empty = Battery(BatteryRating(capacity_wh=100, reserve=0.1), 0.12)
    plant(house_w=1000, battery=empty).advance(after(600))
    assert empty.state_of_charge == pytest.approx(0.1)
    full = Battery(BatteryRating(capacity_wh=100), 0.99)
    plant(pv_w=1000, battery=full).advance(after(600))
    assert full.state_of_charge == pytest.approx(1.0)
    assert full.power_w == pytest.approx(0)


def test_a_household_is_the_same_for_one_seed_and_stays_within_reason() -> None:
    houses = [House(3), House(3), House(4)]
    loads: list[list[float]] = [[], [], []]
    for _ in range(24 * 60):
        for house, load in zip(houses, loads, strict=True):
            house.advance(60)
            load.append(sum(house.power_w()))
    assert loads[0] == loads[1] != loads[2]
    assert 200 < min(loads[0]) < 500
    assert max(loads[0]) > 2000


def test_the_real_sun_shines_at_noon_and_not_at_midnight() -> None:
    sun = RealSun(10_000)
    assert sun.power_w(datetime(2026, 6, 21, 23, tzinfo=UTC)) == 0
    assert 2000 < sun.power_w(datetime(2026, 6, 21, 11, tzinfo=UTC)) < 9500


def test_clouds_move_but_leave_some_light() -> None:
    sky = [Clouds(1).transmission(s) for s in range(0, 7200, 10)]
    assert min(sky) >= 0.25
    assert max(sky) == 1.0
    assert min(sky) < 0.6


def test_a_soft_supply_sags_under_load() -> None:
    own = Plant(
        start=START,
        house=House(fixed_w=(2300.0, 0.0, 0.0)),
        photovoltaics=Photovoltaics(FixedSun(0)),
        outlets=[],
        supply=GridSupply(impedance_ohm=0.5),
    )
    own.advance(after(5))
    assert own.grid.voltage[0] == pytest.approx(225, abs=0.3)
    assert own.grid.voltage[1] == 230

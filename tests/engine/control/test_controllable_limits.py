"""Limits on what controllable devices draw from the grid (section 14a EnWG): chargers, and batteries that charge."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, SiteConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction
from custom_components.smart_charging.engine.control.planning.battery_advice import BatteryAdvice
from custom_components.smart_charging.engine.control.snapshot import Snapshot
from custom_components.smart_charging.engine.grid.section_14a import ControllableDevice, DeviceKind, minimum_power
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit, OwnPower
from custom_components.smart_charging.engine.model import MeterQuality, Phases

from .builders import SITE
from .plant import VOLTS, Car, Plant, stations

BIG = replace(SITE, fuse_a=100.0)
BATTERY = BatteryConfig("b", "Battery", 10_000.0, 5_000.0, 5_000.0, by_plan=True, can_charge=True, can_hold=True)
STORING = replace(BIG, batteries=(BATTERY,))
BUYS = BatteryAdvice(value=0.40, planned_w=-5_000.0, price=0.10)
STEP_W = 150.0  # what steps of the stations leave of a limit


class Home(Plant):
    """A plant with a load, PV and a battery that may do as it likes, and its meters of all three."""

    load_w = 0.0
    sun_w = 0.0
    own_battery_w: float | None = None  # what the battery gives by its own control

    def __init__(self, site: SiteConfig, *cars: Car) -> None:
        super().__init__(site, *cars)
        self.drawn_w: list[float] = []

    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), pv_w=self.sun_w)

    def live(self, load_w: float, sun_w: float) -> None:
        self.load_w, self.sun_w = load_w, sun_w
        self.house((load_w - sun_w) / 3 / VOLTS)

    def chargers_w(self) -> float:
        return sum(car.on_grid().total for car in self.cars) * VOLTS

    def from_grid_w(self, own_power: OwnPower) -> float:
        """Return what controllable devices draw from the grid by a reading."""
        battery_w = sum(self.battery_w.values())
        own_w = self.sun_w + max(0.0, battery_w)
        left_w = own_w if own_power is OwnPower.BEFORE_OTHER_LOAD else max(0.0, own_w - self.load_w)
        return self.chargers_w() + max(0.0, -battery_w) - left_w

    def _move_batteries(self, seconds: float) -> None:
        if self.own_battery_w is None:
            super()._move_batteries(seconds)
        else:
            self.battery_w["b"] = self.own_battery_w


def home(site: SiteConfig = BIG, *, cars: int = 2) -> Home:
    return Home(site, *(Car(one) for one in stations(cars)))


def dim(limit_w: float, own_power: OwnPower = OwnPower.AFTER_OTHER_LOAD) -> tuple[Limit, ...]:
    return (
        Limit(
            "14a",
            LimitSource.GRID_SIGNAL,
            limit_w,
            LimitUnit.WATT,
            controllable_only=True,
            own_power=own_power,
        ),
    )


@pytest.mark.parametrize(
    ("own_power", "load_w", "sun_w", "chargers_w"),
    [
        (OwnPower.NOT_COUNTED, 500.0, 3_500.0, 7_560.0),
        (OwnPower.AFTER_OTHER_LOAD, 500.0, 3_500.0, 10_560.0),
        (OwnPower.AFTER_OTHER_LOAD, 4_000.0, 3_500.0, 7_560.0),
        (OwnPower.BEFORE_OTHER_LOAD, 500.0, 3_500.0, 11_060.0),
        (OwnPower.BEFORE_OTHER_LOAD, 4_000.0, 3_500.0, 11_060.0),
    ],
)
def test_own_power_flows_on_top_as_the_reading_says(
    own_power: OwnPower, load_w: float, sun_w: float, chargers_w: float
) -> None:
    one = home()
    one.live(load_w, sun_w)
    one.limits = dim(7_560.0, own_power)
    one.run(120)
    assert one.chargers_w() == pytest.approx(chargers_w, abs=STEP_W)


def test_what_a_battery_gives_flows_on_top() -> None:
    one = home(STORING)
    one.own_battery_w = 2_000.0
    one.live(500.0, 0.0)
    one.limits = dim(7_560.0)
    one.run(120)
    assert one.chargers_w() == pytest.approx(9_060.0, abs=STEP_W)


def test_a_battery_that_charges_from_the_grid_takes_of_the_limit() -> None:
    one = home(STORING)
    one.own_battery_w = -2_000.0
    one.live(500.0, 0.0)
    one.limits = dim(7_560.0)
    one.run(120)
    assert one.chargers_w() == pytest.approx(5_560.0, abs=STEP_W)
    one.limits = dim(7_560.0, OwnPower.NOT_COUNTED)
    one.run(120)
    assert one.chargers_w() == pytest.approx(7_560.0, abs=STEP_W)


def test_a_battery_that_charges_from_the_sun_takes_only_the_sun() -> None:
    one = home(STORING)
    one.own_battery_w = -2_000.0
    one.live(500.0, 2_500.0)
    one.limits = dim(7_560.0)
    one.run(120)
    assert one.chargers_w() == pytest.approx(7_560.0, abs=STEP_W)


def test_without_a_meter_nobody_counts_on_the_sun_that_it_showed() -> None:
    one = home()
    one.live(500.0, 5_000.0)
    one.limits = dim(7_560.0)
    one.run(120)
    assert one.chargers_w() > 11_000.0
    one.quality[""] = MeterQuality.LOST
    one.run(10)
    assert one.chargers_w() <= 7_560.0


def test_a_battery_that_buys_leaves_the_limit_to_the_cars() -> None:
    one = home(STORING)
    one.live(500.0, 0.0)
    one.battery_advice["b"] = BUYS
    one.run(60)
    assert one.battery_w["b"] == pytest.approx(-5_000.0)
    one.limits = dim(7_560.0)
    for _ in range(60):
        one.step()
        assert one.from_grid_w(OwnPower.AFTER_OTHER_LOAD) <= 7_560.0 + STEP_W
    assert one.battery_w["b"] >= -STEP_W
    assert one.chargers_w() == pytest.approx(7_560.0, abs=STEP_W)


def test_a_battery_buys_what_cars_leave_of_the_limit() -> None:
    one = home(STORING, cars=1)
    one.cars[0].max_a = 6.0
    one.live(500.0, 0.0)
    one.battery_advice["b"] = BUYS
    one.limits = dim(7_560.0)
    one.run(600)
    assert one.decision is not None
    assert one.decision.batteries["b"].action is BatteryAction.CHARGE
    assert one.from_grid_w(OwnPower.AFTER_OTHER_LOAD) <= 7_560.0 + STEP_W
    assert one.chargers_w() == pytest.approx(4_140.0, abs=STEP_W)


def test_a_battery_keeps_to_a_limit_in_amperes_too() -> None:
    one = home(STORING, cars=0)
    one.battery_advice["b"] = BUYS
    one.limits = (replace(dim(4.0)[0], unit=LimitUnit.AMPERE),)
    one.run(60)
    assert one.battery_w["b"] == pytest.approx(-4.0 * 3 * VOLTS)


def test_own_power_counts_on_the_one_phase_that_there_is() -> None:
    one = Home(replace(BIG, phases=1), Car(stations(1, phases=1)[0]))
    one.house(Phases(-5.0, 0.0, 0.0))
    one.limits = (replace(dim(8.0)[0], unit=LimitUnit.AMPERE),)
    one.run(120)
    assert one.current() == pytest.approx(13.0, abs=0.2)


Moment = tuple[float, float, float]
MOMENTS = st.lists(
    st.tuples(st.floats(0.0, 8_000.0), st.floats(0.0, 12_000.0), st.floats(0.0, 25_000.0)), min_size=1, max_size=6
)
READINGS = st.sampled_from([OwnPower.AFTER_OTHER_LOAD, OwnPower.BEFORE_OTHER_LOAD])


@settings(max_examples=40, deadline=None)
@given(
    load_w=st.floats(0.0, 8_000.0),
    sun_w=st.floats(0.0, 12_000.0),
    limits=st.lists(st.floats(0.0, 25_000.0), min_size=1, max_size=6),
    own_power=READINGS,
    battery_w=st.floats(-5_000.0, 5_000.0),
    cars=st.integers(1, 4),
)
def test_a_lower_limit_holds_at_the_next_decision(
    load_w: float, sun_w: float, limits: Sequence[float], own_power: OwnPower, battery_w: float, cars: int
) -> None:
    one = home(STORING, cars=cars)
    one.own_battery_w = battery_w
    one.live(load_w, sun_w)
    one.run(60)
    for limit_w in limits:
        one.limits = dim(limit_w, own_power)
        for _ in range(8):
            one.step()
            allowed_w = max(limit_w, -battery_w)  # what it takes by itself is nothing that cars can give back
            assert one.from_grid_w(own_power) <= allowed_w + 1e-6


@settings(max_examples=40, deadline=None)
@given(moments=MOMENTS, own_power=READINGS, battery_w=st.floats(-5_000.0, 5_000.0), cars=st.integers(1, 4))
def test_controllable_devices_keep_to_the_limit_whatever_the_rest_of_the_site_does(
    moments: Sequence[Moment], own_power: OwnPower, battery_w: float, cars: int
) -> None:
    one = home(STORING, cars=cars)
    one.own_battery_w = battery_w
    for load_w, sun_w, limit_w in moments:
        one.live(load_w, sun_w)
        one.limits = dim(limit_w, own_power)
        one.run(30)  # a load that rises while cars come down is told from them by then
        for _ in range(5):
            one.step()
            assert one.from_grid_w(own_power) <= max(limit_w, -battery_w) + 1e-6


@settings(max_examples=25, deadline=None)
@given(moments=MOMENTS, cars=st.integers(1, 3))
def test_a_battery_that_buys_and_cars_together_keep_to_the_limit(moments: Sequence[Moment], cars: int) -> None:
    one = home(STORING, cars=cars)
    one.battery_advice["b"] = BUYS
    for load_w, sun_w, limit_w in moments:
        one.live(load_w, sun_w)
        one.limits = dim(limit_w)
        one.run(30)
        for _ in range(5):
            one.step()
            assert one.from_grid_w(OwnPower.AFTER_OTHER_LOAD) <= limit_w + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    cars=st.integers(1, 6),
    suns_w=st.lists(st.floats(0.0, 9_000.0), min_size=1, max_size=3),
    load_w=st.floats(0.0, 4_000.0),
)
def test_cars_that_want_it_are_never_held_below_the_legal_minimum(
    cars: int, suns_w: Sequence[float], load_w: float
) -> None:
    minimum = minimum_power([ControllableDevice(str(n), DeviceKind.CHARGER, 11_040.0) for n in range(cars)])
    assert minimum is not None
    one = home(cars=cars)
    for sun_w in suns_w:
        one.live(load_w, sun_w)
        one.limits = dim(minimum.minimum_w)
        one.run(180)
        assert one.chargers_w() >= minimum.minimum_w - STEP_W * cars

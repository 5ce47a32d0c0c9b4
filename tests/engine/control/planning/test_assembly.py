"""What a site's problem is made of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import (
    CarConfig,
    CircuitConfig,
    EvseSettings,
    Giving,
    PeakConfig,
    SiteConfig,
    StationConfig,
)
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.assembly import MOST_SLOTS, pose
from custom_components.smart_charging.engine.control.planning.problem import SLOT, CarPlan
from custom_components.smart_charging.engine.control.planning.wish import Wish, wish_of
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseControl, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, EvseStatus
from tests.engine.control.builders import NOW, SITE, evse, grid

HOUR = timedelta(hours=1)
START = NOW.replace(minute=NOW.minute // 15 * 15, second=0, microsecond=0)


def follower(site: SiteConfig = SITE, **changes: object) -> tuple[Snapshot, Wish]:
    """Return a site with one car that follows a plan to 10 kWh, and its wish."""
    settings = EvseSettings(mode=ChargeMode.CHEAPEST, target_energy_wh=10_000.0)
    fields: dict[str, object] = {"settings": settings, "status": EvseStatus.CHARGING, "energy_wh": 2_000.0}
    one: EvseSnapshot = replace(evse(), **(fields | changes))  # type: ignore[arg-type]  # named by the test
    snapshot = Snapshot(site, grid(0.0), (one,))
    wish = wish_of(site, one, EvseControl())
    assert wish is not None
    return snapshot, wish


def hourly(*prices: float | None) -> PriceSeries:
    return PriceSeries(START.replace(minute=0), HOUR, prices)


def power(watts: float, slots: int) -> Forecast:
    series = (watts,) * slots
    return Forecast(START, series, series, series, series)


def test_a_car_wants_what_is_left_of_its_target_and_counts_on_one_phase_until_more_are_seen() -> None:
    snapshot, wish = follower()
    one = snapshot.evses[0]
    assert wish.needed_wh == 8_000.0
    assert (wish.most_w, wish.sure_w) == (16.0 * 230 * 3, 16.0 * 230)
    seen = wish_of(SITE, one, EvseControl(active_phases=2))
    assert seen is not None and (seen.most_w, seen.sure_w, seen.phases) == (16.0 * 230 * 2, 16.0 * 230 * 2, 2)
    assert wish_of(SITE, replace(one, status=EvseStatus.AVAILABLE), EvseControl()) is None
    assert wish_of(SITE, replace(one, settings=EvseSettings()), EvseControl()) is None


def test_the_plan_reaches_as_far_as_prices_and_begins_with_what_is_left_of_the_slot() -> None:
    snapshot, wish = follower()
    now = START + timedelta(minutes=4)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.3, 0.2), power(500.0, 4), power(700.0, 200), now)
    assert posed is not None
    assert posed.slots == (START.replace(minute=0) + 2 * HOUR - START) // SLOT
    assert posed.first_slot == timedelta(minutes=11)
    assert posed.pv_w[:5] == (500.0,) * 4 + (0.0,) * 1
    assert set(posed.base_w) == {700.0}
    assert posed.cars[0].targets[0].before_slot == posed.slots


def test_prices_not_known_yet_are_those_of_the_day_before_and_a_gap_is_the_mean() -> None:
    snapshot, wish = follower(
        settings=EvseSettings(
            mode=ChargeMode.CHEAPEST, target_energy_wh=10_000.0, departure=START.replace(minute=0) + 26 * HOUR
        )
    )
    known = hourly(0.1, None, *[0.3] * 22)
    posed = pose(snapshot, ControlState(), [wish], known, None, None, START)
    assert posed is not None
    by_hour = [posed.import_price[number * 4] for number in range(26)]
    mean = by_hour[1]
    assert 0.1 < mean < 0.3
    assert by_hour[24:] == [0.1, mean]
    assert posed.cars[0].targets[0].before_slot == 26 * 4 - (START.minute // 15)


def test_no_plan_is_posed_without_a_price_now_and_none_beyond_two_days() -> None:
    snapshot, wish = follower()
    assert pose(snapshot, ControlState(), [wish], hourly(None, 0.3), None, None, START) is None
    assert (
        pose(snapshot, ControlState(), [wish], PriceSeries(START + 3 * HOUR, HOUR, (0.3,)), None, None, START) is None
    )
    long = pose(snapshot, ControlState(), [wish], hourly(*[0.3] * 72), None, None, START)
    assert long is not None and long.slots == MOST_SLOTS


def test_circuits_leave_what_the_house_does_not_take_and_limits_of_the_connection_hold() -> None:
    garage = CircuitConfig("garage", "Garage", 20.0)
    box = CircuitConfig("box", "Box", 16.0, parent_id="garage")
    site = replace(SITE, circuits=(garage, box), power_w=9_000.0, peak=PeakConfig(target_w=5_000.0))
    snapshot, wish = follower(site)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.3), None, power(690.0, 4), START)
    assert posed is not None
    root, middle, leaf = posed.circuits
    assert root.members == {"", "garage", "box"}
    assert root.left_a[0] == pytest.approx((SITE.fuse_a - SITE.margin_a - 1.0,) * 3)
    assert (middle.members, middle.left_a[0]) == ({"garage", "box"}, (19.0,) * 3)
    assert leaf.members == {"box"}
    assert set(posed.import_limit_w) == {5_000.0}


CAR = StationConfig("CP1", "CP1", max_current_a=16.0, car=CarConfig(capacity_wh=50_000.0, efficiency=0.8))


def wanted(settings: EvseSettings, soc_percent: float | None = 40.0, **changes: object) -> Wish | None:
    """Return what a car at a station that knows its battery wants; it got 2 kWh so far."""
    one = evse(station=CAR, settings=settings, soc_percent=soc_percent, energy_wh=2_000.0, **changes)
    return wish_of(SITE, one, EvseControl(active_phases=3))


def test_a_target_charge_is_wanted_as_energy_and_of_two_targets_what_is_reached_first() -> None:
    def needed(settings: EvseSettings, soc_percent: float | None = 40.0) -> float | None:
        wish = wanted(settings, soc_percent)
        return None if wish is None else wish.needed_wh

    by_soc = EvseSettings(target_soc_percent=80.0)
    assert needed(by_soc) == pytest.approx(0.4 * 50_000 / 0.8)
    assert needed(replace(by_soc, target_energy_wh=10_000.0)) == 8_000.0
    assert needed(replace(by_soc, target_energy_wh=30_000.0)) == pytest.approx(25_000.0)
    assert needed(by_soc, 85.0) == 0.0
    assert needed(by_soc, None) is None
    assert needed(replace(by_soc, target_energy_wh=10_000.0), None) == 8_000.0


def test_below_its_minimum_a_car_is_planned_to_take_that_at_once_at_any_price() -> None:
    settings = EvseSettings(ChargeMode.CHEAPEST, min_soc_percent=50.0, target_soc_percent=60.0)
    wish = wanted(settings)
    assert wish is not None and (wish.at_once_wh, wish.needed_wh) == pytest.approx((6_250.0, 12_500.0))
    one = evse(station=CAR, settings=settings, soc_percent=40.0)
    posed = pose(
        Snapshot(SITE, grid(0.0), (one,)), ControlState(), [wish], hourly(0.5, 0.5, 0.1, 0.1), None, None, START
    )
    assert posed is not None
    for planner in (highs, greedy):
        car = planner.plan(posed).cars["CP1/1"]
        begun = [power / 4 for power in car.power_w]
        assert sum(begun[:3]) == pytest.approx(6_250.0, rel=1e-3)
        assert sum(begun[8:]) == pytest.approx(6_250.0, rel=1e-3)
        assert car.value >= 0.5 - 1e-6
    only = wanted(EvseSettings(ChargeMode.CHEAPEST, min_soc_percent=50.0))
    assert only is not None and (only.at_once_wh, only.needed_wh) == pytest.approx((6_250.0, 6_250.0))
    assert wanted(EvseSettings(ChargeMode.CHEAPEST, min_soc_percent=30.0)) is None


def planned(*prices: float, site: SiteConfig = SITE, **settings: object) -> CarPlan:
    """Return what is planned for a car that leaves in eight hours with 20 kWh, at these prices for an hour each."""
    fields: dict[str, object] = {"target_energy_wh": 20_000.0, "departure": START.replace(minute=0) + 8 * HOUR}
    wanted = EvseSettings(mode=ChargeMode.CHEAPEST, **(fields | settings))  # type: ignore[arg-type]  # named by the test
    snapshot, wish = follower(site, settings=wanted, energy_wh=0.0)
    posed = pose(snapshot, ControlState(), [wish], hourly(*prices), None, None, START)
    assert posed is not None
    plans = [planner.plan(posed).cars["CP1/1"] for planner in (highs, greedy)]
    assert [sum(one.missing_wh) for one in plans] == pytest.approx([0.0, 0.0], abs=1.0)
    return plans[0]


@pytest.mark.parametrize("unit", [1.0, 100.0, 1e5])
def test_in_no_currency_is_a_price_too_high_to_be_ready_in_time(unit: float) -> None:
    cheap = planned(*(unit * price for price in (0.5, 0.5, 0.5, 0.2, 0.2, 0.5, 0.5, 0.5)))
    hours = [cheap.power_w[number * 4 - START.minute // 15] for number in range(1, 8)]
    assert [power > 1_000 for power in hours] == [False, False, True, True, False, False, False]


def test_no_peak_is_too_dear_to_be_ready_in_time() -> None:
    planned(*[0.3] * 8, site=replace(SITE, peak=PeakConfig(target_w=1_000.0, price_per_kw=200.0)))


def test_a_limit_far_below_any_price_holds_no_car_back_that_leaves() -> None:
    planned(*[0.2] * 8, price_limit=-100.0)


GIVING = EvseSettings(mode=ChargeMode.CHEAPEST, target_soc_percent=70.0, giving=Giving.HOME, keep_soc_percent=40.0)
WITH_BATTERY = StationConfig("CP1", "CP1", max_current_a=16.0, car=CarConfig(capacity_wh=60_000.0))


@pytest.mark.parametrize(("soc", "expected"), [(70.0, 0.1), (69.0, 0.1), (95.0, 0.095)])
@pytest.mark.parametrize("house_w", [None, 2_000.0])
def test_a_kwh_in_a_car_that_gives_is_worth_what_it_costs_to_have_it_again(
    soc: float, expected: float, house_w: float | None
) -> None:
    snapshot, wish = follower(
        settings=GIVING, station=WITH_BATTERY, soc_percent=soc, most_given_w=11_000.0, energy_wh=0.0
    )
    base = None if house_w is None else power(house_w, 200)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.5, 0.4, 0.1, 0.3), None, base, START)
    assert posed is not None
    (one,) = posed.cars
    assert (one.max_discharge_w, one.can_sell, one.discharge_efficiency) == (11_000.0, False, pytest.approx(0.81))
    assert one.stored_wh == pytest.approx((soc - 40.0) / 100 * 60_000 / 0.9)
    assert highs.plan(posed).cars["CP1/1"].value == pytest.approx(expected, abs=0.001)


def test_a_car_sells_only_where_the_site_may_and_gives_nothing_at_its_floor_nor_in_its_late_part() -> None:
    zero = replace(SITE, solar=replace(SITE.solar, zero_export=True))
    for site, sells in ((SITE, True), (zero, False)):
        snapshot, wish = follower(
            site, settings=replace(GIVING, giving=Giving.GRID), station=WITH_BATTERY, soc_percent=70.0,
            most_given_w=11_000.0,
        )  # fmt: skip
        posed = pose(snapshot, ControlState(), [wish], hourly(0.5, 0.1), None, None, START)
        assert posed is not None and posed.cars[0].can_sell is sells
    snapshot, wish = follower(settings=GIVING, station=WITH_BATTERY, soc_percent=40.0, most_given_w=11_000.0)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.5, 0.1), None, None, START)
    assert posed is not None and posed.cars[0].max_discharge_w == 0
    late = replace(GIVING, departure=START + HOUR, late_min=30.0)
    snapshot, wish = follower(settings=late, station=WITH_BATTERY, soc_percent=60.0, most_given_w=11_000.0)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.5, 0.1), None, None, START)
    assert posed is not None
    assert [one.max_discharge_w for one in posed.cars] == [11_000.0, 0.0]


def test_with_a_price_limit_a_car_gives_when_it_may_not_charge() -> None:
    limited = replace(GIVING, price_limit=0.2)
    snapshot, wish = follower(settings=limited, station=WITH_BATTERY, soc_percent=70.0, most_given_w=11_000.0)
    posed = pose(snapshot, ControlState(), [wish], hourly(0.9, 0.1), None, power(2_000.0, 200), START)
    assert posed is not None
    powers = highs.plan(posed).cars["CP1/1"].power_w
    assert powers[0] == pytest.approx(-2_000.0)
    assert sum(powers) > 0
    assert all(watts <= 0.01 or price < 0.2 for watts, price in zip(powers, posed.import_price, strict=True))

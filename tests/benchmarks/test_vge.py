"""The benchmark of virtual grid expansion: its batteries, its joint bound, and the product between them."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from benchmarks.vge.scenario import served
from benchmarks.vge.storage import Cell, Led, LoadFirst, expanded_site, reservoir
from benchmarks.workplace.network import site
from benchmarks.workplace.optimum import most_wh
from benchmarks.workplace.sessions import Period, Session, load
from custom_components.smart_charging.engine.model import Phases

BEGIN = datetime(2019, 10, 7, tzinfo=UTC)
HOUR = 3600.0
SIZE = reservoir(100_000.0, 50_000.0)


def cars(count: int, *, kwh: float = 60.0, come: float = 8.0, go: float = 12.0) -> Period:
    """Return as many cars on stations of three phases, alternately on all panels."""
    stations = list(range(0, 52, 2))[:count]
    return Period(BEGIN, tuple(Session(come * HOUR, go * HOUR, kwh * 1000, station) for station in stations))


def cell(percent: float = 10.0) -> Cell:
    return Cell(SIZE, percent / 100 * SIZE.capacity_wh)


def test_a_cell_gives_nothing_below_its_floor_and_takes_nothing_when_full() -> None:
    one = cell(11.0)
    one.run(50_000.0, HOUR)
    assert (one.stored_wh, one.throughput_wh) == (10_000.0, 1_000.0)
    one.run(-50_000.0, 3 * HOUR)
    assert (one.stored_wh, one.throughput_wh) == (100_000.0, 91_000.0)


def test_a_load_first_battery_gives_whenever_there_is_load_and_fills_up_when_there_is_none() -> None:
    battery = LoadFirst(cell(80.0), root_a=63.0)
    battery.cover(Phases.each(10.0))
    assert battery.power_w == pytest.approx(6_900.0)
    battery.cover(Phases.each(300.0))
    assert battery.power_w == 50_000.0
    battery.cover(Phases())
    assert battery.power_w == pytest.approx(-63 * 690)


def test_the_joint_bound_adds_what_the_battery_can_bring_from_the_night() -> None:
    busy = cars(26, come=8.0, go=9.0)
    without = most_wh(busy, 20.0)
    assert without == pytest.approx(20 * 690)
    full = reservoir(20_000.0, 50_000.0)
    assert most_wh(replace(busy, first=96), 20.0, full) == pytest.approx(without)
    assert most_wh(busy, 20.0, full) == pytest.approx(without + 18_000)


def test_the_joint_bound_is_limited_by_the_power_of_the_battery() -> None:
    weak = reservoir(200_000.0, 5_000.0)
    assert most_wh(cars(26, come=8.0, go=9.0), 20.0, weak) == pytest.approx(20 * 690 + 5_000)


def test_an_expanded_connection_delivers_more_and_never_carries_more_than_its_limit() -> None:
    busy = cars(20)
    battery = Led(cell())
    expanded, over_kws = served(busy, expanded_site(40.0, SIZE), battery)
    alone, _ = served(busy, site(40.0), LoadFirst(Cell(SIZE, SIZE.floor_wh), 40.0))
    assert over_kws == 0.0
    assert expanded > alone
    assert 0.9 * most_wh(busy, 40.0, SIZE) < expanded * busy.energy_wh <= most_wh(busy, 40.0, SIZE)
    assert battery.cell.throughput_wh > 80_000.0


def test_a_day_stays_below_its_joint_bound() -> None:
    day = load(date(2019, 10, 11), date(2019, 10, 11))
    expanded, over_kws = served(day, expanded_site(63.0, SIZE), Led(cell()))
    bound = most_wh(day, 63.0, SIZE) / day.energy_wh
    assert over_kws == 0.0
    assert 0.85 * bound < expanded <= bound + 1e-6

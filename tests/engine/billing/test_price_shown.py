"""What a driver is shown before a start."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from custom_components.smart_charging.engine.billing.price_shown import (
    EnergyPrice,
    ParkingPrice,
    UnitPrice,
    Varying,
    price_shown,
)
from custom_components.smart_charging.engine.tariff import DayOfWeek, MarketPrice
from custom_components.smart_charging.engine.usage import EnergySource

from .stays import BERLIN, ENERGY, FLAT, NOON, PARKING, TIME, element, in_turn, price, record, tariff

D = Decimal
BY = tariff(
    element(price(ENERGY, "0.20"), start_time=time(22), end_time=time(6)),
    element(
        price(ENERGY, "0.40"),
        price(FLAT, "1"),
        price(TIME, "2", vat=D(0)),
        price(PARKING, "6", grace_s=1800, cap=D(10)),
    ),
    vat=D(20),
    vat_included=False,
    max_price=D(30),
)


def test_the_price_now_and_the_fees_that_apply() -> None:
    shown = price_shown(BY, NOON, time_zone=BERLIN)
    assert shown.energy == (EnergyPrice(D("0.40"), D("0.48"), D(20)),)
    assert (shown.per_kwh, shown.currency, shown.vat_included) == (D("0.48"), "EUR", False)
    assert shown.flat == UnitPrice(D(1), D("1.2"), D(20))
    assert shown.time == UnitPrice(D(2), D(2), D(0))
    assert shown.parking == ParkingPrice(D(6), D("7.2"), D(20), 1800, D(12))
    assert (shown.min_price, shown.max_price, shown.varies) == (None, D(30), frozenset())
    assert shown.until == datetime(2026, 7, 1, 20, tzinfo=UTC)
    assert price_shown(BY, shown.until, time_zone=BERLIN).per_kwh == D("0.24")


def test_a_price_that_never_changes_has_no_end() -> None:
    assert price_shown(tariff(element(price(ENERGY, "1"))), NOON, time_zone=BERLIN).until is None


def test_a_price_that_changes_on_a_weekday_ends_then() -> None:
    by = tariff(element(price(ENERGY, "1"), day_of_week=frozenset({DayOfWeek.TUESDAY})), element(price(ENERGY, "2")))
    assert price_shown(by, NOON, time_zone=BERLIN).until == datetime(2026, 7, 6, 22, tzinfo=UTC)


def test_sources_have_their_own_prices_where_they_differ() -> None:
    by = tariff(
        element(price(ENERGY, "0.1", source=EnergySource.SOLAR)),
        element(price(ENERGY, "9", market=MarketPrice(D("0.5"), surcharge=D("0.05")))),
    )
    shown = price_shown(by, NOON, time_zone=BERLIN, market_price=D("-0.15"))
    assert [(one.source, one.gross, one.by_market) for one in shown.energy] == [
        (EnergySource.SOLAR, D("0.1"), False),
        (EnergySource.BATTERY, D("-0.1"), True),
        (EnergySource.GRID, D("-0.1"), True),
    ]
    assert shown.per_kwh == D("-0.1")
    assert price_shown(by, NOON, time_zone=BERLIN).per_kwh == D("0.5")


def test_what_has_no_price_costs_nothing() -> None:
    shown = price_shown(tariff(element(price(FLAT, "1"))), NOON, time_zone=BERLIN)
    assert (shown.energy, shown.per_kwh, shown.time, shown.parking) == ((), 0, None, None)


def test_prices_that_change_with_use_say_so() -> None:
    by = tariff(
        element(price(ENERGY, "1"), max_kwh=D(1)),
        element(price(ENERGY, "2"), max_duration=60),
        element(price(ENERGY, "3"), max_power=D(5)),
        element(price(ENERGY, "4")),
    )
    assert price_shown(by, NOON, time_zone=BERLIN).varies == frozenset(Varying)
    by = replace(by, elements=by.elements[2:])
    assert price_shown(by, NOON, time_zone=BERLIN, power_w=D(3000)).per_kwh == 3
    assert price_shown(by, NOON, time_zone=BERLIN).per_kwh == 4


def test_a_kwh_costs_what_was_shown() -> None:
    for hours in range(0, 48, 3):
        start = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(hours=hours)
        energy_only = replace(BY, elements=(BY.elements[0], element(price(ENERGY, "0.40"))))
        assert (
            record(in_turn(start, (1, "1000")), energy_only).gross == price_shown(BY, start, time_zone=BERLIN).per_kwh
        )

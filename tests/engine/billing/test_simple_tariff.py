"""The common tariffs as one value, made into elements and found again."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.json_reading import TariffError, TariffFault
from custom_components.smart_charging.engine.billing.simple_tariff import (
    BlockingFee,
    PriceWindow,
    SimpleTariff,
    elements_of,
    simple_of,
    tariff_of,
)
from custom_components.smart_charging.engine.tariff import DayOfWeek, MarketPrice, RoundingPlace, Tariff

from .stays import ENERGY, FLAT, PARKING, TIME, element, in_turn, price, record, tariff
from .strategies import markets, prices, quarters, tariffs

D = Decimal
VALID = datetime(2026, 1, 1, tzinfo=UTC)


def made(simple: SimpleTariff) -> Tariff:
    return tariff_of(simple, tariff_id="t", version=1, name="Home", valid_from=VALID)


fees = st.builds(
    BlockingFee,
    prices,
    grace_s=st.sampled_from((0, 1800)),
    cap=st.none() | prices,
    free_from=st.none(),
    free_until=st.none(),
) | st.builds(BlockingFee, prices, free_from=quarters, free_until=quarters)
windows = st.builds(PriceWindow, quarters, quarters, prices, st.frozensets(st.sampled_from(tuple(DayOfWeek))))
simples = st.builds(
    SimpleTariff,
    currency=st.just("EUR"),
    price=prices,
    solar_price=st.none() | prices,
    windows=st.lists(windows, max_size=4).map(tuple),
    session_fee=st.none() | prices,
    blocking=st.none() | fees,
    vat_included=st.booleans(),
    vat=st.sampled_from((D(0), D(19))),
    rounding=st.sampled_from(tuple(RoundingPlace)),
) | st.builds(SimpleTariff, currency=st.just("CHF"), market=markets, solar_price=st.none() | prices)


@given(simples)
@settings(max_examples=60, deadline=None)
def test_a_simple_tariff_is_found_again(simple: SimpleTariff) -> None:
    assert simple_of(made(simple)) == simple


@given(tariffs())
@settings(max_examples=60, deadline=None)
def test_what_an_editor_shows_of_a_tariff_is_that_tariff(by: Tariff) -> None:
    simple = simple_of(by)
    if simple is not None:
        assert replace(made(simple), version=by.version, valid_from=by.valid_from) == by


def test_what_a_simple_tariff_costs() -> None:
    night = frozenset({DayOfWeek.WEDNESDAY})
    simple = SimpleTariff(
        currency="EUR",
        price=D("0.40"),
        windows=(PriceWindow(time(22), time(6), D("0.20"), night),),
        session_fee=D("0.50"),
        blocking=BlockingFee(D(6), grace_s=3600, cap=D(4), free_from=time(23), free_until=time(7)),
    )
    start = datetime(2026, 7, 1, 19, tzinfo=UTC)  # Wednesday, 21 o'clock in Berlin
    costs = record(in_turn(start, (60, "1000"), (30, "1000"), (11 * 60, "0")), made(simple))
    assert [(line.kind, line.day.day, line.quantity, line.gross) for line in costs.lines] == [
        ("energy", 1, D(1), D("0.20")),
        ("energy", 1, D(1), D("0.40")),
        ("parking", 1, D(1), D("0.00")),
        ("flat", 1, D(1), D("0.50")),
        ("parking", 2, D(7), D("0.00")),
        ("parking", 2, D("2.5"), D("15.00")),
        ("adjustment", 2, D(0), D("-11.00")),
    ]


@pytest.mark.parametrize(
    ("simple", "path", "code"),
    [
        (SimpleTariff(currency="EUR"), "price", TariffFault.MISSING),
        (SimpleTariff(currency="EUR", price=D(1), market=MarketPrice(D(1))), "price", TariffFault.CONTRADICTION),
        (
            SimpleTariff(currency="EUR", price=D(1), windows=(PriceWindow(time(1), time(2), D(1)),) * 25),
            "windows",
            TariffFault.TOO_MANY,
        ),
        (
            SimpleTariff(currency="EUR", price=D(1), blocking=BlockingFee(D(1), free_from=time(1))),
            "blocking",
            TariffFault.CONTRADICTION,
        ),
    ],
)
def test_what_contradicts_itself_is_refused(simple: SimpleTariff, path: str, code: TariffFault) -> None:
    with pytest.raises(TariffError) as refused:
        elements_of(simple)
    assert (refused.value.path, refused.value.code) == (path, code)


def test_a_currency_has_three_letters() -> None:
    with pytest.raises(TariffError):
        made(SimpleTariff(currency="Euro", price=D(1)))


@pytest.mark.parametrize(
    "by",
    [
        tariff(),
        tariff(element(price(ENERGY, "1")), max_price=D(5)),
        tariff(element(price(FLAT, "1"))),
        tariff(element(price(ENERGY, "1", vat=D(7)))),
        tariff(element(price(ENERGY, "1", step_size=500))),
        tariff(element(price(ENERGY, "1"), price(TIME, "1"))),
        tariff(element(price(ENERGY, "2"), max_kwh=D(1)), element(price(ENERGY, "1"))),
        tariff(element(price(PARKING, "0"), start_time=time(1), end_time=time(2)), element(price(ENERGY, "1"))),
        tariff(element(price(ENERGY, "2"), price(FLAT, "1"), start_time=time(1)), element(price(ENERGY, "1"))),
    ],
)
def test_more_than_a_simple_tariff_can_say_is_not_shown_as_one(by: Tariff) -> None:
    assert simple_of(by) is None

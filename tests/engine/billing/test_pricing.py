"""Prices that can be worked out on paper, those of OCPI's own examples among them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfoNotFoundError

import pytest

from custom_components.smart_charging.engine.billing.pricing import left_of, months_of, used_of_allowance
from custom_components.smart_charging.engine.charge_record import ChargeRecord, LineKind
from custom_components.smart_charging.engine.driver import Allowance
from custom_components.smart_charging.engine.tariff import DayOfWeek, MarketPrice, RoundingPlace
from custom_components.smart_charging.engine.usage import EnergySource, SignedMark, UsageInterval

from .stays import (
    BERLIN,
    ENERGY,
    FLAT,
    LORD_HOWE,
    NOON,
    PARKING,
    TIME,
    element,
    gross_of,
    in_turn,
    of_kind,
    price,
    record,
    stay,
    stretch,
    tariff,
)

D = Decimal
JULY, AUGUST = date(2026, 7, 1), date(2026, 8, 1)


def net_of(made: ChargeRecord) -> Decimal:
    return sum((line.net for line in made.lines), D(0))


def at(local_hour: int, minute: int = 0) -> datetime:
    """Return a time of NOON's day by Berlin's clock in summer."""
    return datetime(2026, 7, 1, local_hour - 2, minute, tzinfo=UTC)


def ocpi(*elements: object, **beside: object) -> object:
    return tariff(*elements, vat_included=False, **beside)  # type: ignore[arg-type]


# OCPI 2.2.1, Tariffs module, the examples: what they say comes out


def test_a_kwh_at_25_cents_and_a_start_fee() -> None:
    made = record(
        in_turn(NOON, (60, "20000")),
        ocpi(element(price(FLAT, "0.50", vat=D(20)), price(ENERGY, "0.25", vat=D(10)))),
    )
    assert (net_of(made), made.gross) == (D("5.50"), D("6.10"))


@pytest.mark.parametrize(
    ("wh", "net", "gross"), [("20000", "5.00", "5.50"), ("1000", "0.50", "0.55"), ("0", "0.50", "0.55")]
)
def test_the_least_that_a_stay_costs(wh: str, net: str, gross: str) -> None:
    made = record(in_turn(NOON, (60, wh)), ocpi(element(price(ENERGY, "0.25", vat=D(10))), min_price=D("0.5")))
    assert (net_of(made), made.gross) == (D(net), D(gross))


def test_standing_is_paid_by_the_quarter_of_an_hour() -> None:
    made = record(
        in_turn(NOON, (60, "20000"), (40, "0")),
        ocpi(
            element(
                price(FLAT, "0.50", vat=D(20)),
                price(ENERGY, "0.25", vat=D(10)),
                price(PARKING, "2.00", vat=D(20), step_size=900),
            )
        ),
    )
    assert (net_of(made), made.gross) == (D("7.00"), D("7.90"))
    assert of_kind(made, LineKind.PARKING)[0].quantity == D("0.75")


def test_the_most_that_a_stay_costs() -> None:
    by = ocpi(element(price(FLAT, "0.50", vat=D(20)), price(ENERGY, "0.25", vat=D(10))), max_price=D(10))
    assert net_of(record(in_turn(NOON, (60, "50000")), by)) == D("10.00")
    assert (net_of(record(in_turn(NOON, (60, "30000")), by))) == D("8.00")
    assert record(in_turn(NOON, (60, "30000")), by).gross == D("8.85")


def test_three_euro_an_hour_and_five_for_standing() -> None:
    by = ocpi(element(price(TIME, "3", vat=D(10), step_size=60), price(PARKING, "5", vat=D(20), step_size=300)))
    made = record(in_turn(NOON, (150, "9000"), (42, "0")), by)
    assert (net_of(made), made.gross) == (D("11.25"), D("12.75"))


COMPLEX = (
    element(price(FLAT, "2.50", vat=D(15))),
    element(price(TIME, "1.00", vat=D(20), step_size=900), max_current=D(32)),
    element(
        price(TIME, "2.00", vat=D(20), step_size=600),
        min_current=D(32),
        day_of_week=frozenset(DayOfWeek) - {DayOfWeek.SATURDAY, DayOfWeek.SUNDAY},
    ),
    element(
        price(TIME, "1.25", vat=D(20), step_size=600),
        min_current=D(32),
        day_of_week=frozenset({DayOfWeek.SATURDAY, DayOfWeek.SUNDAY}),
    ),
    element(
        price(PARKING, "5", vat=D(10), step_size=300),
        start_time=time(9),
        end_time=time(18),
        day_of_week=frozenset(DayOfWeek) - {DayOfWeek.SATURDAY, DayOfWeek.SUNDAY},
    ),
    element(
        price(PARKING, "6", vat=D(10), step_size=300),
        start_time=time(10),
        end_time=time(17),
        day_of_week=frozenset({DayOfWeek.SATURDAY}),
    ),
)


def test_a_saturday_afternoon_with_a_strong_current() -> None:
    # 43 A for 114 minutes from 13:30, then 71 minutes: of the two kinds of time only the standing is rounded up.
    saturday = datetime(2026, 7, 4, 11, 30, tzinfo=UTC)
    wh = D(43) * 230 * 114 / 60
    made = record(in_turn(saturday, (114, str(wh)), (71, "0")), ocpi(*COMPLEX))
    assert {line.kind: line.quantity for line in made.lines} == {"flat": 1, "time": D("1.9"), "parking": D("1.25")}
    assert net_of(made) == D("2.50") + D("2.38") + D("7.50")


STEPS = (
    element(price(TIME, "1.2", step_size=1800), price(PARKING, "1", step_size=900), end_time=time(17)),
    element(
        price(TIME, "2.4", step_size=900),
        price(PARKING, "1", step_size=900),
        start_time=time(17),
        end_time=time(20),
    ),
    element(price(TIME, "2.4", step_size=900), start_time=time(20), end_time=time(0)),
)


@pytest.mark.parametrize(
    ("start", "charged", "stood", "net"),
    [
        (at(16, 55), 10, 2, "0.55"),  # 5 and 5 minutes of charging as they are, 2 minutes of standing as 15
        (at(16, 35), 35, 0, "1.30"),  # 35 minutes as 45
        (at(19, 55), 10, 2, "0.60"),  # 10 minutes as 15; standing costs nothing after 20 o'clock
    ],
)
def test_steps_are_of_the_whole_stay_and_of_the_last_price(start: datetime, charged: int, stood: int, net: str) -> None:
    steps = [(charged, "1000"), (stood, "0")] if stood else [(charged, "1000")]
    assert net_of(record(in_turn(start, *steps), ocpi(*STEPS))) == D(net)


def test_energy_is_rounded_up_once() -> None:
    # OCPI 2.2.1, CDRs: 4.3 kWh before and 1.1 kWh after are 5.4 kWh, paid for as 5.5 kWh.
    by = ocpi(
        element(price(ENERGY, "0.20", step_size=500), end_time=time(17)), element(price(ENERGY, "0.27", step_size=500))
    )
    made = record(in_turn(at(16, 30), (30, "4300"), (30, "1100")), by)
    assert [line.quantity for line in made.lines] == [D("4.3"), D("1.2")]


def test_power_makes_the_price() -> None:
    by = ocpi(
        element(price(ENERGY, "0.20"), max_power=D(16)),
        element(price(ENERGY, "0.35"), max_power=D(32)),
        element(price(ENERGY, "0.50")),
    )
    assert net_of(record(in_turn(NOON, (10, "1000"), (50, "40000"), (7.5, "500")), by)) == D("20.30")


def test_the_first_half_hour_is_free() -> None:
    by = ocpi(
        element(price(ENERGY, "0"), max_duration=1800),
        element(price(ENERGY, "0.25"), max_duration=3600),
        element(price(ENERGY, "0.40")),
    )
    assert net_of(record(in_turn(NOON, (30, "5000"), (10, "1200")), by)) == D("0.30")


def test_the_first_kwh_is_free() -> None:
    by = ocpi(element(price(ENERGY, "0"), max_kwh=D(1)), element(price(ENERGY, "0.20"), min_kwh=D(1)))
    assert net_of(record(in_turn(NOON, (60, "20000")), by)) == D("3.80")


# the clock


def test_the_long_night_has_one_hour_more_at_the_night_price() -> None:
    by = tariff(
        element(price(TIME, "1", step_size=0), start_time=time(22), end_time=time(6)),
        element(price(TIME, "3", step_size=0)),
    )
    evening = datetime(2026, 10, 24, 18, tzinfo=UTC)  # 20 o'clock in Berlin, till 8 o'clock
    made = record(in_turn(evening, (13 * 60, "1300")), by)
    assert {line.unit_price: line.quantity for line in made.lines if line.day == date(2026, 10, 24)} == {3: 2, 1: 2}
    assert {line.unit_price: line.quantity for line in made.lines if line.day == date(2026, 10, 25)} == {1: 7, 3: 2}


def test_the_short_night_has_one_hour_less() -> None:
    by = tariff(
        element(price(TIME, "1", step_size=0), start_time=time(1), end_time=time(3)),
        element(price(TIME, "3", step_size=0)),
    )
    made = record(in_turn(datetime(2026, 3, 28, 23, tzinfo=UTC), (120, "1300")), by)
    assert {line.unit_price: line.quantity for line in made.lines} == {1: 1, 3: 1}


def test_an_hour_that_comes_twice_holds_twice() -> None:
    by = tariff(element(price(TIME, "1", step_size=0), start_time=time(1, 30), end_time=time(1, 45)))
    night = datetime(2026, 4, 4, 13, tzinfo=UTC)  # midnight on Lord Howe, where half an hour comes twice
    made = record(in_turn(night, (300, "1300")), by, zone=LORD_HOWE)
    assert [line.quantity for line in made.lines] == [D("0.5")]


def test_a_stay_of_three_days_is_told_by_day() -> None:
    made = record(
        in_turn(datetime(2028, 2, 28, 11, tzinfo=UTC), (72 * 60, "72000")), tariff(element(price(ENERGY, "0.30")))
    )
    assert [(one.day.isoformat(), one.energy_wh) for one in made.days] == [
        ("2028-02-28", 12000),
        ("2028-02-29", 24000),
        ("2028-03-01", 24000),
        ("2028-03-02", 12000),
    ]
    assert [line.gross for line in made.lines] == [D("3.60"), D("7.20"), D("7.20"), D("3.60")]


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        record(in_turn(NOON, (60, "1000")), None, zone="Europe/Nowhere")


def test_dates_hold_from_the_first_to_before_the_last() -> None:
    by = tariff(element(price(ENERGY, "1"), start_date=date(2026, 7, 2), end_date=date(2026, 7, 3)))
    made = record(in_turn(NOON, (48 * 60, "48000")), by)
    assert [(line.day, line.quantity) for line in made.lines] == [(date(2026, 7, 2), 24)]


# sources and the market


def by_source(start: datetime, **parts: str) -> UsageInterval:
    return stretch(start, 60, "4000", **{name: D(wh) for name, wh in parts.items()})


def test_the_sun_has_its_own_price_and_unknown_energy_that_of_the_grid() -> None:
    by = tariff(
        element(price(ENERGY, "0.10", source=EnergySource.SOLAR)),
        element(price(ENERGY, "0.40", source=EnergySource.GRID), price(ENERGY, "0.20")),
    )
    made = record(stay(by_source(NOON, solar_wh="1000", battery_wh="1000", grid_wh="500")), by)
    assert {line.source: (line.quantity, line.gross) for line in made.lines} == {
        EnergySource.SOLAR: (1, D("0.10")),
        None: (1, D("0.20")),
        EnergySource.GRID: (2, D("0.80")),
    }


def test_what_no_price_covers_costs_nothing() -> None:
    made = record(stay(by_source(NOON, grid_wh="3000")), tariff(element(price(ENERGY, "1", source=EnergySource.SOLAR))))
    assert made.lines == ()
    assert made.energy_wh == 4000


def test_the_market_makes_the_price_of_each_interval() -> None:
    market = MarketPrice(fallback=D("0.5"), factor=D("1.2"), surcharge=D("0.01"), floor=D("-0.05"), cap=D("0.35"))
    asked = [D("0.10"), D("-0.02"), D("-0.9"), D("0.9"), None]
    intervals = [stretch(NOON + timedelta(hours=hour), 60, "1000", market_price=one) for hour, one in enumerate(asked)]
    made = record(stay(*intervals), tariff(element(price(ENERGY, "9", market=market)), rounding=RoundingPlace.TOTAL))
    assert [(line.quantity, line.unit_price) for line in made.lines] == [(5, None)]
    assert made.gross == D("0.92")  # 0.13 - 0.014 - 0.05 + 0.35 + 0.5 = 0.916


def test_negative_prices_pay_the_driver() -> None:
    market = MarketPrice(fallback=D(0))
    made = record(
        stay(stretch(NOON, 60, "10000", market_price=D("-0.12"))),
        tariff(element(price(ENERGY, "0", market=market)), vat=D(19)),
        left={JULY: Allowance(D(100), D(100))},
    )
    assert (made.gross, made.lines[0].vat) == (D("-1.20"), D("-0.19"))
    assert used_of_allowance(made) == {}


# standing there


def test_standing_is_free_for_a_while_after_each_charging() -> None:
    by = tariff(element(price(PARKING, "6", grace_s=1800)))
    made = record(in_turn(NOON, (20, "0"), (30, "500"), (45, "0"), (10, "100"), (40, "0")), by)
    assert [line.quantity for line in made.lines] == [D("0.416667")]  # 15 and 10 minutes
    assert made.gross == D("2.50")
    assert (made.charging_s, made.parking_s) == (40 * 60, 105 * 60)


def test_standing_costs_no_more_than_its_cap() -> None:
    by = tariff(element(price(PARKING, "2", cap=D(10)), price(ENERGY, "0.5")))
    made = record(in_turn(at(20), (60, "2000"), (10 * 60, "0")), by)
    assert [(line.kind, line.day.day, line.gross) for line in made.lines] == [
        ("energy", 1, D("1.00")),
        ("parking", 1, D("6.00")),
        ("parking", 2, D("14.00")),
        ("adjustment", 2, D("-10.00")),
    ]


def test_a_fee_is_asked_for_once_and_only_when_its_element_holds() -> None:
    by = tariff(element(price(FLAT, "1"), min_kwh=D("0.5")), element(price(ENERGY, "1")))
    assert record(in_turn(NOON, (60, "400")), by).gross == D("0.40")
    assert record(in_turn(NOON, (60, "800"), (60, "0"), (60, "1000")), by).gross == D("2.80")


# allowances and the employer


def test_the_first_energy_of_each_month_is_free() -> None:
    evening = datetime(2026, 7, 31, 20, tzinfo=UTC)  # 22 o'clock
    by = tariff(element(price(ENERGY, "0.5")))
    made = record(in_turn(evening, (240, "40000")), by, left={JULY: Allowance(D("5")), AUGUST: Allowance(D(100))})
    assert [(line.kind, line.day.month, line.quantity, line.gross) for line in made.lines] == [
        ("energy", 7, 20, D(10)),
        ("allowance", 7, -5, D("-2.5")),
        ("energy", 8, 20, D(10)),
        ("allowance", 8, -20, D(-10)),
    ]
    used = used_of_allowance(made)
    assert used == {JULY: Allowance(D(5), D(0)), AUGUST: Allowance(D(20), D(0))}
    assert left_of(Allowance(D(100)), [used[AUGUST], used[AUGUST]]) == Allowance(D(60))


def test_free_energy_is_taken_of_all_sources_alike() -> None:
    by = tariff(element(price(ENERGY, "0.1", source=EnergySource.SOLAR), price(ENERGY, "0.3")))
    made = record(stay(by_source(NOON, solar_wh="1000", grid_wh="3000")), by, left={JULY: Allowance(D(2))})
    assert [(line.source, line.quantity) for line in of_kind(made, LineKind.ALLOWANCE)] == [
        (None, D("-1.5")),
        (EnergySource.SOLAR, D("-0.5")),
    ]


def test_energy_that_costs_nothing_uses_nothing_of_an_allowance() -> None:
    by = tariff(element(price(ENERGY, "0", source=EnergySource.SOLAR), price(ENERGY, "0.3")))
    made = record(stay(by_source(NOON, solar_wh="3000", grid_wh="1000")), by, left={JULY: Allowance(D(2))})
    assert made.gross == 0
    assert used_of_allowance(made)[JULY].energy_kwh == 1


def test_money_is_free_after_energy_up_to_what_is_left() -> None:
    by = tariff(element(price(ENERGY, "0.5", vat=D(10)), price(FLAT, "4", vat=D(20))))
    made = record(in_turn(NOON, (60, "10000")), by, left={JULY: Allowance(D(4), D(6))})
    assert made.gross == D("1.00")  # 5 + 4 - 2 - 6
    assert used_of_allowance(made) == {JULY: Allowance(D(4), D(6))}
    much = record(in_turn(NOON, (60, "10000")), by, left={JULY: Allowance(D(4), D(60))})
    assert (much.gross, net_of(much)) == (0, 0)
    assert left_of(Allowance(amount=D(60)), [used_of_allowance(much)[JULY]]) == Allowance(amount=D(53))


def test_free_energy_has_no_least_price() -> None:
    by = tariff(element(price(ENERGY, "0.5")), min_price=D(2))
    assert record(in_turn(NOON, (60, "1000")), by, left={JULY: Allowance(D(5))}).gross == 0
    assert record(in_turn(NOON, (60, "1000")), by).gross == 2


def test_an_employer_bears_a_part_of_each_day_and_rate() -> None:
    by = tariff(element(price(ENERGY, "0.5", vat=D(19)), price(FLAT, "1", vat=D(0))))
    made = record(in_turn(NOON, (60, "10000")), by, employer="0.25")
    assert [line.gross for line in of_kind(made, LineKind.EMPLOYER)] == [D("-0.25"), D("-1.25")]
    assert made.gross == D("4.50")


# rounding


def test_lines_are_rounded_or_only_their_sum() -> None:
    by = tariff(
        element(price(ENERGY, "0.335", source=EnergySource.SOLAR), price(ENERGY, "0.335"), price(FLAT, "0.005"))
    )
    of = stay(stretch(NOON, 60, "2000", solar_wh=D(1000)))
    assert record(of, by).gross == D("0.69")  # 0.34 + 0.34 + 0.01
    assert record(of, replace(by, rounding=RoundingPlace.TOTAL)).gross == D("0.68")  # 0.675


def test_tax_is_that_of_the_sum() -> None:
    by = tariff(
        element(price(ENERGY, "0.03", source=EnergySource.SOLAR), price(ENERGY, "0.03")), vat=D(19), vat_included=False
    )
    made = record(stay(stretch(NOON, 60, "2000", solar_wh=D(1000))), by)
    assert [(line.net, line.vat, line.gross) for line in made.lines] == [
        (D("0.03"), D("0.01"), D("0.04")),
        (D("0.03"), D("0.00"), D("0.03")),
    ]


@pytest.mark.parametrize(
    ("currency", "gross"), [("JPY", "37"), ("KWD", "36.667"), ("BHD", "36.667"), ("EUR", "36.67"), ("UYW", "36.6667")]
)
def test_currencies_have_their_own_smallest_unit(currency: str, gross: str) -> None:
    made = record(in_turn(NOON, (40, "1000")), tariff(element(price(TIME, "55")), currency=currency))
    assert (made.gross, made.currency) == (D(gross), currency)


# what there is nothing of


def test_a_stay_without_a_tariff_has_its_days_and_no_lines() -> None:
    made = record(in_turn(NOON, (60, "1234.5")), None)
    assert (made.lines, made.tariff_id, made.currency, made.gross) == ((), None, "CHF", 0)
    assert made.days[0].energy_wh == D("1234.5")


@pytest.mark.parametrize("of", [stay(), stay(stretch(NOON, 0)), stay(stretch(NOON, 30))])
def test_a_stay_without_energy_costs_its_fee(of: object) -> None:
    made = record(of, tariff(element(price(ENERGY, "1"), price(FLAT, "2"))))  # type: ignore[arg-type]
    assert [(line.kind, line.gross) for line in made.lines] == [("flat", D(2))]
    assert (made.energy_wh, made.days) == (0, ())


def test_a_tariff_without_elements_asks_for_its_least_price() -> None:
    assert record(stay(), tariff(min_price=D(1), vat=D(19))).lines[0].vat_percent == 19


def test_energy_of_no_time_is_paid_for_at_that_time() -> None:
    by = tariff(
        element(price(ENERGY, "1"), max_kwh=D(2)),
        element(price(ENERGY, "2"), max_power=D(5)),
        element(price(ENERGY, "3")),
    )
    made = record(stay(stretch(NOON, 0, "5000"), stretch(NOON, 60)), by)
    assert {line.unit_price: line.quantity for line in made.lines} == {1: 2, 3: 3}  # its power is not known


def test_a_record_says_what_the_stay_says() -> None:
    of = replace(
        in_turn(NOON, (60, "1000")),
        offline=True,
        lost=True,
        clock_off=True,
        signed=SignedMark.SIGNED,
        meter_start_wh=D(5),
    )
    made = record(of, tariff(element(price(ENERGY, "1"))))
    assert (made.offline, made.lost, made.clock_off, made.signed, made.meter_start_wh) == (
        True,
        True,
        True,
        SignedMark.SIGNED,
        5,
    )
    assert (made.session_id, made.transaction_ids, made.driver_id, made.driver_name) == (7, ("1", "2"), "ann", "Ann")
    assert (made.tariff_id, made.tariff_version, made.version, made.token_id) == ("t", 3, 1, "tok")


def test_months_are_those_of_the_site() -> None:
    of = in_turn(datetime(2026, 7, 31, 21, 30, tzinfo=UTC), (60, "1000"))
    assert months_of(of, BERLIN) == (JULY, AUGUST)
    assert months_of(of, "UTC") == (JULY,)
    assert gross_of(()) == 0


def test_what_is_over_the_most_is_split_over_tax_rates_to_the_cent() -> None:
    by = tariff(element(price(ENERGY, "1", vat=D(10)), price(FLAT, "1", vat=D(20))), max_price=D("1.99"))
    assert record(in_turn(NOON, (60, "1000")), by).gross == D("1.99")


def test_the_energies_of_days_are_never_more_than_the_whole() -> None:
    made = record(in_turn(datetime(2026, 7, 1, 21, tzinfo=UTC), (180, "1")), None)
    assert [one.energy_wh for one in made.days] == [D("0.333"), D("0.667")]
    made = record(in_turn(datetime(2026, 7, 1, 20, tzinfo=UTC), (180, "1")), None)
    assert [one.energy_wh for one in made.days] == [D("0.666"), D("0.334")]

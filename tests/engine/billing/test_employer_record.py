"""The record for an employer: kWh of each car and month, by the rate of the year or by what it cost."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from custom_components.smart_charging.engine.billing.employer_record import (
    GERMAN_RATES,
    employer_months,
    years_without_rate,
)
from custom_components.smart_charging.engine.billing.statement import listed_in, make_statement
from custom_components.smart_charging.engine.charge_record import (
    ChargeRecord,
    EmployerBasis,
    EmployerMonth,
    LineKind,
    Statement,
    StatementKind,
    StatementOf,
)
from tests.engine.billing.statement_builders import (
    JULY,
    JUNE,
    employer_statement,
    energy_line,
    other_line,
    record,
    request,
)

YEAR_END = (date(2026, 12, 1), date(2027, 1, 31))
SILVESTER, NEW_YEAR = date(2026, 12, 31), date(2027, 1, 1)


def _made(records: list[ChargeRecord], period: tuple[date, date] = JUNE, **changes: object) -> Statement:
    wish: dict[str, object] = {
        "of": StatementOf.SITE,
        "subject_id": "home",
        "kind": StatementKind.EMPLOYER,
        "rates": GERMAN_RATES,
    } | changes
    return make_statement(request(period, **wish), records, ())  # type: ignore[arg-type]


def test_rate_of_2026_is_34_cents() -> None:
    made = employer_statement(rates=GERMAN_RATES)

    assert (made.basis, made.rate, made.energy_wh) == (EmployerBasis.YEARLY_RATE, Decimal("0.34"), 40000)
    assert made.rate_amount == Decimal("13.60")
    assert [month.rate_amount for month in made.months] == [Decimal("13.60")]


def test_actual_cost_is_that_of_the_energy_alone() -> None:
    day = date(2026, 6, 3)
    lines = (
        energy_line(day, "10", "0.30"),
        other_line(LineKind.PARKING, day, "5.00"),
        other_line(LineKind.EMPLOYER, day, "-3.00"),
    )
    made = _made([replace(record(1, (day, "10")), lines=lines)], rates=None)

    assert (made.basis, made.rate, made.rate_amount) == (EmployerBasis.ACTUAL_COST, None, None)
    assert [(month.cost, month.rate) for month in made.months] == [(Decimal("3.00"), None)]


def test_each_car_and_month_has_its_own_sum() -> None:
    records = [
        record(1, (date(2026, 6, 30), "10"), (date(2026, 7, 1), "2.5")),
        record(2, (date(2026, 6, 2), "4"), vehicle_id="zoe", vehicle_name="Zoe"),
        record(3, (date(2026, 6, 5), "6")),
        record(4, (date(2026, 6, 6), "1"), vehicle_id=None, vehicle_name=None),
    ]
    made = _made(records, (JUNE[0], JULY[1]))

    assert [(month.month, month.vehicle_name, month.energy_wh, month.rate_amount) for month in made.months] == [
        (date(2026, 6, 1), None, 1000, Decimal("0.34")),
        (date(2026, 6, 1), "VW ID.3", 16000, Decimal("5.44")),
        (date(2026, 6, 1), "Zoe", 4000, Decimal("1.36")),
        (date(2026, 7, 1), "VW ID.3", 2500, Decimal("0.85")),
    ]
    assert made.rate_amount == Decimal("7.99")


def test_year_without_a_rate_is_told_as_missing_and_never_guessed() -> None:
    made = _made([record(1, (SILVESTER, "10"), (NEW_YEAR, "5"))], YEAR_END)

    assert [(month.rate, month.rate_amount) for month in made.months] == [
        (Decimal("0.34"), Decimal("3.40")),
        (None, None),
    ]
    assert years_without_rate(made.months) == (2027,)
    assert (made.rate, made.rate_amount) == (None, None)


def test_each_year_has_the_rate_of_the_table() -> None:
    rates = GERMAN_RATES | {2027: Decimal("0.36")}
    made = _made([record(1, (SILVESTER, "10"), (NEW_YEAR, "5"))], YEAR_END, rates=rates)

    assert made.rate is None
    assert made.rate_amount == Decimal("5.20")
    assert years_without_rate(made.months) == ()


def test_amount_by_rate_is_rounded_to_the_smallest_unit_of_the_currency() -> None:
    entries = _made([record(1, (date(2026, 6, 3), "1.015"))]).records

    assert [month.rate_amount for month in employer_months(entries, {2026: Decimal("0.30")}, "EUR")] == [
        Decimal("0.30")
    ]
    assert [month.rate_amount for month in employer_months(entries, {2026: Decimal(50)}, "JPY")] == [Decimal(51)]


def test_correction_counts_in_the_month_that_it_corrects() -> None:
    wrong, right = record(1, (date(2026, 6, 3), "10")), record(1, (date(2026, 6, 3), "8"), version=2)
    june = _made([wrong])
    july = make_statement(
        request(JULY, of=StatementOf.SITE, subject_id="home", kind=StatementKind.EMPLOYER, rates=GERMAN_RATES),
        [right, record(2, (date(2026, 7, 2), "1"))],
        listed_in(june),
    )

    assert july.months == (
        EmployerMonth(
            vehicle_id="id3",
            vehicle_name="VW ID.3",
            month=date(2026, 6, 1),
            energy_wh=Decimal(-2000),
            cost=Decimal("-0.60"),
            rate=Decimal("0.34"),
            rate_amount=Decimal("-0.68"),
        ),
        EmployerMonth(
            vehicle_id="id3",
            vehicle_name="VW ID.3",
            month=date(2026, 7, 1),
            energy_wh=Decimal(1000),
            cost=Decimal("0.30"),
            rate=Decimal("0.34"),
            rate_amount=Decimal("0.34"),
        ),
    )


def test_statement_of_charges_has_no_part_for_an_employer() -> None:
    made = make_statement(request(rates=GERMAN_RATES), [record(1, (date(2026, 6, 3), "1"))], ())

    assert (made.basis, made.months, made.rate_amount) == (None, (), None)


@pytest.mark.parametrize("rate", ["-0.01", "NaN"])
def test_rate_below_nothing_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        employer_months((), {2026: Decimal(rate)}, "EUR")

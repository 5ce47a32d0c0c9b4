"""The record for an employer of what company cars took at home, as Germany asks for it since 2026.

The ministry's letter of 11 November 2025 (BMF, IV C 5 - S 2334/00087/014/013) wants the kWh of each car proven by a
meter. The employer pays back what it really cost, or a rate per kWh that is published for each year.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from ..charge_record import EmployerMonth, LineKind, StatementRecord, exact_sum
from .document_format import minor_digits, rounded

GERMAN_RATES: Final[Mapping[int, Decimal]] = {2026: Decimal("0.34")}  # EUR per kWh by year


@dataclass(slots=True)
class _Sums:
    energy_wh: list[Decimal] = field(default_factory=list)
    cost: list[Decimal] = field(default_factory=list)


def employer_months(
    entries: Iterable[StatementRecord], rates: Mapping[int, Decimal] | None, currency: str
) -> tuple[EmployerMonth, ...]:
    """Return what each car took in each month, ordered by month and car.

    The cost is that of energy alone, tax included: neither fees and time, nor what is free for the driver or borne by
    the employer. `rates` are per kWh in this currency by year, None where the real cost is paid back; what a month
    comes to by them is rounded to the smallest unit. A year without a rate has none. ValueError for a rate below 0.
    """
    if rates is not None and any(not rate.is_finite() or rate < 0 for rate in rates.values()):
        raise ValueError("a rate per kWh is a number of at least 0")
    names: dict[str | None, str | None] = {}
    sums: dict[tuple[date, str | None], _Sums] = {}
    for entry in entries:
        car = entry.record.vehicle_id
        names[car] = entry.record.vehicle_name
        for day in entry.days:
            sums.setdefault((day.day.replace(day=1), car), _Sums()).energy_wh.append(day.energy_wh)
        for line in entry.lines:
            if line.kind is LineKind.ENERGY:
                sums.setdefault((line.day.replace(day=1), car), _Sums()).cost.append(line.gross)
    months = []
    for (month, car), sum_ in sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        rate = None if rates is None else rates.get(month.year)
        energy_wh = exact_sum(sum_.energy_wh)
        months.append(
            EmployerMonth(
                vehicle_id=car,
                vehicle_name=names[car],
                month=month,
                energy_wh=energy_wh,
                cost=exact_sum(sum_.cost),
                rate=rate,
                rate_amount=None if rate is None else rounded(energy_wh * rate / 1000, minor_digits(currency)),
            )
        )
    return tuple(months)


def years_without_rate(months: Iterable[EmployerMonth]) -> tuple[int, ...]:
    """Return the years of months that no rate is known for."""
    return tuple(sorted({month.month.year for month in months if month.rate is None}))


def only_rate(months: Sequence[EmployerMonth]) -> Decimal | None:
    """Return the rate that all months have; None where they have several, or one has none."""
    rates = {month.rate for month in months}
    return rates.pop() if len(rates) == 1 else None


def rate_total(months: Iterable[EmployerMonth]) -> Decimal | None:
    """Return what the months come to by their rates; None where a year has none."""
    amounts = [month.rate_amount for month in months]
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if len(known) == len(amounts) else None

"""What holds of every price: no cut matters, sums are sums, and somebody with a stopwatch comes to the same."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings, strategies as st

from custom_components.smart_charging.engine.billing.pricing import used_of_allowance
from custom_components.smart_charging.engine.charge_record import ChargeRecord, LineKind
from custom_components.smart_charging.engine.driver import Allowance
from custom_components.smart_charging.engine.tariff import Tariff
from custom_components.smart_charging.engine.usage import Stay, UsageInterval

from .brute_force import brute_force
from .stays import record, stay
from .strategies import stays, tariffs

MONTHS = [date(2026, month, 1) for month in (3, 4, 7, 8, 10)]
kwhs = st.dictionaries(st.sampled_from(MONTHS), st.decimals(Decimal(0), Decimal(12), places=1), max_size=5)
moneys = st.dictionaries(st.sampled_from(MONTHS), st.decimals(Decimal(0), Decimal(9), places=2), max_size=5)
shares = st.sampled_from(("0", "0.5", "0.333", "1"))


def allowances(energy: dict[date, Decimal], money: dict[date, Decimal]) -> dict[date, Allowance]:
    return {month: Allowance(energy.get(month), money.get(month)) for month in {*energy, *money}}


def cut(one: UsageInterval, at: int, parts: int) -> list[UsageInterval]:
    """Cut an interval of even minutes at a share with a finite decimal form."""
    share = Decimal(at) / Decimal(parts)
    middle = one.start + (one.end - one.start) * at / parts
    energies = {name: getattr(one, name) * share for name in ("energy_wh", "solar_wh", "battery_wh", "grid_wh")}
    first = UsageInterval(start=one.start, end=middle, charging=one.charging, market_price=one.market_price, **energies)
    rest = {name: getattr(one, name) - part for name, part in energies.items()}
    second = UsageInterval(start=middle, end=one.end, charging=one.charging, market_price=one.market_price, **rest)
    return [first, second]


@given(stays(), tariffs(), kwhs, moneys, shares, st.data())
@settings(max_examples=80, deadline=None)
def test_any_cut_prices_the_same(
    placed: tuple[str, Stay],
    by: Tariff,
    energy: dict[date, Decimal],
    money: dict[date, Decimal],
    share: str,
    data: st.DataObject,
) -> None:
    zone, whole = placed
    intervals = list(whole.intervals)
    for _ in range(data.draw(st.integers(1, 6))):
        number = data.draw(st.integers(0, len(intervals) - 1))
        parts = data.draw(st.sampled_from((2, 4, 8, 5, 10)))
        intervals[number : number + 1] = cut(intervals[number], data.draw(st.integers(1, parts - 1)), parts)
    left = allowances(energy, money)

    assert record(stay(*intervals), by, zone=zone, left=left, employer=share) == record(
        whole, by, zone=zone, left=left, employer=share
    )


@given(stays(), tariffs(), kwhs, moneys, shares)
@settings(max_examples=80, deadline=None)
def test_sums_are_the_sums_of_their_parts(
    placed: tuple[str, Stay], by: Tariff, energy: dict[date, Decimal], money: dict[date, Decimal], share: str
) -> None:
    zone, whole = placed
    made = record(whole, by, zone=zone, left=allowances(energy, money), employer=share)

    assert record(whole, by, zone=zone, left=allowances(energy, money), employer=share) == made
    assert sum(one.energy_wh for one in made.days) == whole.energy_wh
    assert sum(one.solar_wh for one in made.days) == sum(one.solar_wh for one in whole.intervals)
    assert all(
        min(one.solar_wh, one.battery_wh, one.grid_wh, one.energy_wh - one.solar_wh - one.battery_wh - one.grid_wh) >= 0
        for one in made.days
    )
    assert made.charging_s + made.parking_s == (whole.ended_at - whole.started_at) // timedelta(seconds=1)
    for line in made.lines:
        assert line.net + line.vat == line.gross
        assert line.gross == round(line.gross, 2)
        assert line.net == round(line.net, 2)
    _taxes_are_of_the_sums(made)
    _allowances_are_kept(made, energy, money)
    if share == "1":
        assert made.gross == 0
    if by.max_price is not None:
        assert sum(line.gross if by.vat_included else line.net for line in made.lines) <= by.max_price


def _taxes_are_of_the_sums(made: ChargeRecord) -> None:
    for rate in {line.vat_percent for line in made.lines}:
        lines = [line for line in made.lines if line.vat_percent == rate]
        gross, net, vat = (sum(getattr(line, name) for line in lines) for name in ("gross", "net", "vat"))
        exact = (
            Fraction(gross) * Fraction(rate) / (100 + Fraction(rate))
            if made.vat_included
            else Fraction(net) * Fraction(rate) / 100
        )
        assert abs(Fraction(vat) - exact) <= Fraction(1, 200)


def _allowances_are_kept(made: ChargeRecord, energy: dict[date, Decimal], money: dict[date, Decimal]) -> None:
    for month, used in used_of_allowance(made).items():
        assert (used.energy_kwh or 0) <= energy.get(month, 0)
        assert (used.amount or 0) <= money.get(month, 0) + Decimal("0.01")  # by rounding at the end
    free = -sum(line.quantity for line in made.lines if line.kind is LineKind.ALLOWANCE)
    assert free <= sum(line.quantity for line in made.lines if line.kind is LineKind.ENERGY)


@given(stays(), tariffs(one_rate=True), kwhs, moneys, shares)
@settings(max_examples=60, deadline=None)
def test_a_stopwatch_comes_to_the_same(
    placed: tuple[str, Stay], by: Tariff, energy: dict[date, Decimal], money: dict[date, Decimal], share: str
) -> None:
    zone, whole = placed
    made = record(whole, by, zone=zone, left=allowances(energy, money), employer=share)

    total, quantities = brute_force(whole, by, zone, energy, money, Decimal(share))

    assert made.gross == total
    for kind in ("energy", "time", "parking", "flat"):
        counted = sum((line.quantity for line in made.lines if line.kind == kind), Decimal(0))
        assert abs(Fraction(counted) - quantities.get(kind, 0)) <= Fraction(1, 10**6)

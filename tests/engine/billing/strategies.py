"""Random stays and tariffs, on the grid that the brute force needs: minutes, and multiples of 120 Wh."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from custom_components.smart_charging.engine.tariff import (
    ComponentType,
    DayOfWeek,
    MarketPrice,
    PriceComponent,
    Restrictions,
    RoundingPlace,
    Tariff,
    TariffElement,
)
from custom_components.smart_charging.engine.usage import EnergySource, Stay, UsageInterval

from .stays import BERLIN, ENERGY, FLAT, LORD_HOWE, PARKING, TIME, stay, tariff

# The nights when clocks are changed, the ends of months, the leap day: evenings before, UTC.
NIGHTS = (
    (BERLIN, datetime(2026, 3, 28, 20, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 24, 20, tzinfo=UTC)),
    (BERLIN, datetime(2026, 7, 31, 19, tzinfo=UTC)),
    (BERLIN, datetime(2028, 2, 29, 12, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 4, 4, 9, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 10, 3, 10, tzinfo=UTC)),
)

prices = st.decimals(Decimal(0), Decimal(5), places=2)
quarters = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
kwh = st.integers(0, 30).map(lambda number: Decimal(number) * Decimal("0.12"))
seconds = st.integers(0, 600).map(lambda minutes: minutes * 60)
bounds = st.none() | st.sampled_from((Decimal("3.6"), Decimal(5), Decimal("7.2")))
amps = st.none() | st.sampled_from((Decimal(16), Decimal(20), Decimal(32)))
markets = st.builds(
    MarketPrice,
    fallback=prices,
    factor=st.sampled_from((Decimal(1), Decimal("1.19"))),
    surcharge=st.decimals(Decimal("-0.1"), Decimal("0.2"), places=3),
    floor=st.none() | st.just(Decimal("-0.05")),
    cap=st.none() | st.just(Decimal("0.4")),
)
steps = st.sampled_from((0, 1, 7, 60, 300, 500, 900))


@st.composite
def components(draw: st.DrawFn, vat: Decimal | None = None) -> PriceComponent:
    """Draw a price of any kind, with what is beside OCPI."""
    kind = draw(st.sampled_from((ENERGY, ENERGY, ENERGY, TIME, PARKING, PARKING, FLAT)))
    found = PriceComponent(kind, draw(prices), vat, draw(steps))
    if kind is ComponentType.ENERGY:
        source = draw(st.none() | st.sampled_from((EnergySource.SOLAR, EnergySource.BATTERY, EnergySource.GRID)))
        return PriceComponent(kind, found.price, vat, found.step_size, source, draw(st.none() | markets))
    if kind is ComponentType.PARKING_TIME:
        cap = draw(st.none() | st.sampled_from((Decimal(1), Decimal("4.5"))))
        grace = draw(st.sampled_from((0, 60, 1800)))
        return PriceComponent(kind, found.price, vat, found.step_size, grace_s=grace, cap=cap)
    return found


restrictions = st.builds(
    Restrictions,
    start_time=st.none() | quarters,
    end_time=st.none() | quarters,
    start_date=st.none() | st.sampled_from((date(2026, 3, 29), date(2026, 8, 1))),
    end_date=st.none() | st.sampled_from((date(2026, 3, 29), date(2026, 10, 25))),
    min_kwh=st.none() | kwh,
    max_kwh=st.none() | kwh,
    min_power=bounds,
    max_power=bounds,
    min_current=amps,
    max_current=amps,
    min_duration=st.none() | seconds,
    max_duration=st.none() | seconds,
    day_of_week=st.frozensets(st.sampled_from(tuple(DayOfWeek)), max_size=7),
)
few_restrictions = (
    st.just(Restrictions())
    | st.builds(Restrictions, start_time=quarters, end_time=quarters)
    | st.builds(Restrictions, min_kwh=kwh)
    | st.builds(Restrictions, max_duration=seconds)
    | restrictions
)


@st.composite
def tariffs(draw: st.DrawFn, *, one_rate: bool = False) -> Tariff:
    """Draw a tariff of up to 4 elements."""
    rates = st.just(None) if one_rate else st.sampled_from((None, Decimal(0), Decimal(7), Decimal("19.5")))
    elements = draw(
        st.lists(
            st.builds(
                TariffElement,
                st.lists(rates.flatmap(lambda vat: components(vat)), min_size=1, max_size=3).map(tuple),
                few_restrictions,
            ),
            min_size=1,
            max_size=4,
        )
    )
    least = draw(st.none() | st.sampled_from((Decimal("0.5"), Decimal(9))))
    return tariff(
        *elements,
        vat_included=draw(st.booleans()),
        vat=draw(st.sampled_from((Decimal(0), Decimal(19)))),
        min_price=least,
        max_price=draw(st.none() | st.sampled_from((Decimal(1), Decimal("6.66"))))
        if least is None
        else draw(st.none() | st.just(Decimal("9.5"))),
        rounding=draw(st.sampled_from(tuple(RoundingPlace))),
    )


@st.composite
def stays(draw: st.DrawFn) -> tuple[str, Stay]:
    """Draw a stay of up to a day around a special night, and its time zone."""
    zone, start = draw(st.sampled_from(NIGHTS))
    start += draw(st.integers(0, 300)) * timedelta(minutes=1)
    intervals: list[UsageInterval] = []
    for _ in range(draw(st.integers(1, 8))):
        minutes = 2 * draw(st.integers(1, 75))
        each = draw(st.sampled_from((0, 60, 120, 120)))
        parts = draw(st.tuples(*[st.integers(0, each // 3)] * 3))
        intervals.append(
            UsageInterval(
                start=start,
                end=start + timedelta(minutes=minutes),
                energy_wh=Decimal(each * minutes),
                solar_wh=Decimal(parts[0] * minutes),
                battery_wh=Decimal(parts[1] * minutes),
                grid_wh=Decimal(parts[2] * minutes),
                charging=draw(st.booleans()) if each else False,
                market_price=draw(st.none() | st.decimals(Decimal("-0.3"), Decimal("0.6"), places=4)),
            )
        )
        start = intervals[-1].end
    return zone, stay(*intervals)

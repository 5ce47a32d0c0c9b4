"""Stays, tariffs and records for tests."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from custom_components.smart_charging.engine.billing.pricing import Named, Terms, make_record
from custom_components.smart_charging.engine.charge_record import ChargeRecord, LineKind, RecordLine
from custom_components.smart_charging.engine.driver import Allowance
from custom_components.smart_charging.engine.tariff import (
    ComponentType,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffElement,
)
from custom_components.smart_charging.engine.usage import Stay, UsageInterval

ENERGY, TIME, PARKING, FLAT = (
    ComponentType.ENERGY,
    ComponentType.TIME,
    ComponentType.PARKING_TIME,
    ComponentType.FLAT,
)
BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"
NOON = datetime(2026, 7, 1, 10, tzinfo=UTC)  # Wednesday, 12 o'clock in Berlin
MADE_AT = datetime(2027, 1, 1, tzinfo=UTC)


def price(kind: ComponentType, amount: str, **beside: object) -> PriceComponent:
    """Return a component."""
    return replace(PriceComponent(kind, Decimal(amount)), **beside)  # type: ignore[arg-type]  # its own fields


def element(*components: PriceComponent, **restrictions: object) -> TariffElement:
    """Return prices under restrictions."""
    return TariffElement(components, Restrictions(**restrictions))  # type: ignore[arg-type]  # its own fields


def tariff(*elements: TariffElement, **beside: object) -> Tariff:
    """Return a tariff in euro, without tax if nothing else is said."""
    plain = Tariff(
        tariff_id="t",
        version=3,
        name="Home",
        currency="EUR",
        elements=elements,
        valid_from=datetime(2020, 1, 1, tzinfo=UTC),
    )
    return replace(plain, **beside)  # type: ignore[arg-type]  # its own fields


def stretch(
    start: datetime, minutes: float, wh: str = "0", *, charging: bool | None = None, **beside: object
) -> UsageInterval:
    """Return an interval; the car is being charged where energy flows, if nothing else is said."""
    energy = Decimal(wh)
    interval = UsageInterval(
        start=start,
        end=start + timedelta(minutes=minutes),
        energy_wh=energy,
        charging=energy > 0 if charging is None else charging,
    )
    return replace(interval, **beside)  # type: ignore[arg-type]  # its own fields


def stay(*intervals: UsageInterval, start: datetime = NOON) -> Stay:
    """Return a stay of these intervals."""
    return Stay(
        site_id="home",
        session_id=7,
        station_id="CP1",
        evse_id=1,
        transaction_ids=("1", "2"),
        started_at=intervals[0].start if intervals else start,
        ended_at=intervals[-1].end if intervals else start,
        intervals=intervals,
        token_id="tok",
        driver_id="ann",
        vehicle_id="zoe",
    )


def in_turn(start: datetime, *steps: tuple[float, str]) -> Stay:
    """Return a stay of intervals of so many minutes and Wh, one after the other."""
    intervals: list[UsageInterval] = []
    for minutes, wh in steps:
        intervals.append(stretch(start, minutes, wh))
        start = intervals[-1].end
    return stay(*intervals)


def record(
    of: Stay,
    by: Tariff | None,
    *,
    zone: str = BERLIN,
    left: dict[date, Allowance] | None = None,
    employer: str = "0",
) -> ChargeRecord:
    """Price a stay."""
    return make_record(
        of,
        by,
        time_zone=zone,
        terms=Terms(left=left or {}, employer_share=Decimal(employer)),
        named=Named(record_id="r1", currency="CHF", station_name="Garage", driver_name="Ann"),
        made_at=MADE_AT,
    )


def of_kind(made: ChargeRecord, kind: LineKind) -> list[RecordLine]:
    """Return a record's lines of a kind."""
    return [line for line in made.lines if line.kind is kind]


def gross_of(lines: Iterable[RecordLine]) -> Decimal:
    """Return what lines sum to."""
    return sum((line.gross for line in lines), Decimal(0))

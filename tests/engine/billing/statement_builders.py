"""Short ways to say what was charged, and what a statement is about."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
import io

from PIL import Image, ImageDraw

from custom_components.smart_charging.engine.billing.statement import Listed, StatementRequest, make_statement
from custom_components.smart_charging.engine.charge_record import (
    ChargeRecord,
    DayEnergy,
    Issuer,
    LineKind,
    RecordLine,
    Statement,
    StatementKind,
    StatementOf,
)
from custom_components.smart_charging.engine.usage import EnergySource, SignedMark

JUNE = (date(2026, 6, 1), date(2026, 6, 30))
JULY = (date(2026, 7, 1), date(2026, 7, 31))
ISSUER = Issuer("Sonnenhof Müller GbR", ("Am Weiher 7", "82319 Starnberg"), "DE123456789")


def logo(form: str = "PNG", size: tuple[int, int] = (240, 80)) -> bytes:
    """Return an image in plain colours."""
    image = Image.new("RGB", size, (14, 92, 125))
    ImageDraw.Draw(image).ellipse((90, 10, 150, 70), fill=(255, 209, 64))
    data = io.BytesIO()
    image.save(data, form)
    return data.getvalue()


def energy_line(
    day: date, kwh: str, price: str = "0.30", vat: str = "19", source: EnergySource | None = None
) -> RecordLine:
    """Return a price of energy, the tax in it."""
    gross = (Decimal(kwh) * Decimal(price)).quantize(Decimal("0.01"))
    net = (gross / (1 + Decimal(vat) / 100)).quantize(Decimal("0.01"))
    return RecordLine(
        kind=LineKind.ENERGY,
        day=day,
        quantity=Decimal(kwh),
        unit_price=Decimal(price),
        net=net,
        vat=gross - net,
        gross=gross,
        vat_percent=Decimal(vat),
        source=source,
    )


def other_line(kind: LineKind, day: date, gross: str, vat: str = "19") -> RecordLine:
    """Return a price of something else, once."""
    amount = Decimal(gross)
    net = (amount / (1 + Decimal(vat) / 100)).quantize(Decimal("0.01"))
    return RecordLine(
        kind=kind,
        day=day,
        quantity=Decimal(1),
        unit_price=amount,
        net=net,
        vat=amount - net,
        gross=amount,
        vat_percent=Decimal(vat),
    )


def record(number: int, *days: tuple[date, str], version: int = 1, **changes: object) -> ChargeRecord:
    """Return a stay that begins at 16:00 UTC of the first day, with kWh on each day, a third of them from the sun."""
    energies = tuple(
        DayEnergy(day=day, energy_wh=Decimal(kwh) * 1000, solar_wh=Decimal(kwh) * 300, grid_wh=Decimal(kwh) * 700)
        for day, kwh in days
    )
    first, last = days[0][0], days[-1][0]
    total = sum((energy.energy_wh for energy in energies), Decimal(0))
    start = datetime(first.year, first.month, first.day, 16, 0, tzinfo=UTC)
    made = ChargeRecord(
        record_id=f"r{number}",
        version=version,
        site_id="home",
        session_id=number,
        station_id="CP1",
        station_name="Carport links",
        evse_id=1,
        transaction_ids=(str(number),),
        started_at=start,
        ended_at=start + timedelta(hours=3) + (last - first),
        energy_wh=total,
        days=energies,
        charging_s=9000,
        parking_s=1800,
        currency="EUR",
        lines=tuple(energy_line(day, kwh) for day, kwh in days),
        token_id="token-1",
        token_label="Blaue Karte",
        driver_id="anna",
        driver_name="Anna Schröder",
        group_id="family",
        vehicle_id="id3",
        vehicle_name="VW ID.3",
        tariff_id="home",
        tariff_version=1,
        meter_start_wh=Decimal(1234567),
        meter_stop_wh=Decimal(1234567) + total,
        signed=SignedMark.SIGNED,
        made_at=start + timedelta(days=1),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def request(period: tuple[date, date] = JUNE, number: str = "2026-0001", **changes: object) -> StatementRequest:
    """Return the wish for Anna's statement of a period, in German, issued on the day after it."""
    start, end = period
    wish = StatementRequest(
        number=number,
        site_id="home",
        site_name="Sonnenhof",
        of=StatementOf.DRIVER,
        subject_id="anna",
        subject_name="Anna Schröder",
        start=start,
        end=end,
        time_zone="Europe/Berlin",
        language="de",
        currency="EUR",
        issued_at=datetime(end.year, end.month, end.day, 8, 0, tzinfo=UTC) + timedelta(days=1),
        issuer=ISSUER,
    )
    return replace(wish, **changes)  # type: ignore[arg-type]


def statement(records: Iterable[ChargeRecord], before: Iterable[Listed] = (), **changes: object) -> Statement:
    """Return Anna's statement of June."""
    return make_statement(request(**changes), records, before)  # type: ignore[arg-type]


def rich_statement(**changes: object) -> Statement:
    """Return a statement that has some of everything: a late stay, a correction, several taxes, sources and marks."""
    day = date(2026, 6, 3)
    wrong = record(1, (date(2026, 5, 20), "10"))
    may = make_statement(request((date(2026, 5, 1), date(2026, 5, 31)), number="2026-0001"), [wrong], ())
    right = replace(record(1, (date(2026, 5, 20), "8.5"), version=2), signed=SignedMark.VERIFIED)
    mixed = replace(
        record(3, (day, "12.345")),
        lines=(
            energy_line(day, "8", "0.12", source=EnergySource.SOLAR),
            energy_line(day, "4.345", "0.3475", source=EnergySource.GRID),
            other_line(LineKind.PARKING, day, "3.50"),
            other_line(LineKind.FLAT, day, "1.00", vat="7"),
            other_line(LineKind.ALLOWANCE, day, "-2.00"),
        ),
        signed=SignedMark.VERIFIED,
        offline=True,
    )
    records = (
        right,
        record(2, (date(2026, 5, 30), "21.7")),
        mixed,
        record(
            4, (date(2026, 6, 29), "5"), (date(2026, 6, 30), "6"), (date(2026, 7, 1), "7"), signed=SignedMark.INVALID
        ),
        record(5, (date(2026, 6, 12), "33.333"), station_name="Ladestation Tiefgarage Stellplatz 117, hinten rechts"),
    )
    before = [Listed(may.number, may.end, entry) for entry in may.records]
    return make_statement(
        request(
            number="2026-0002",
            previous_hash=may.hash,
            details={"cost_centre": "4711", "plate": "STA-SC 42E"},
            issuer=replace(ISSUER, logo=logo()),
            **changes,  # type: ignore[arg-type]
        ),
        records,
        before,
    )


def employer_statement(**changes: object) -> Statement:
    """Return the record for the employer of the one who drives the ID.3, by the rate of 2026."""
    wish: dict[str, object] = {
        "of": StatementOf.VEHICLE,
        "subject_id": "id3",
        "subject_name": "VW ID.3",
        "kind": StatementKind.EMPLOYER,
        "rates": {2026: Decimal("0.34")},
        "details": {"plate": "STA-SC 42E"},
    } | changes
    return rich_statement_of(wish)


def rich_statement_of(wish: dict[str, object]) -> Statement:
    """Return a statement of a few stays."""
    records = [record(number, (date(2026, 6, number), f"{number}.5")) for number in range(1, 9)]
    return make_statement(request(**wish), records, ())  # type: ignore[arg-type]

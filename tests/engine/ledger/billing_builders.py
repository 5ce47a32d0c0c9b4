"""Drivers, records and statements in few words; the pricing here is that of the tests alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby

from custom_components.smart_charging.engine.billing_material import (
    BilledDay,
    StatementDraft,
    StatementMaterial,
    StatementSelection,
    days_of,
    record_id_of,
)
from custom_components.smart_charging.engine.charge_record import (
    ChargeRecord,
    DayEnergy,
    Issuer,
    LineKind,
    RecordLine,
    Statement,
    StatementKind,
    StatementOf,
    StatementRecord,
    VatTotal,
)
from custom_components.smart_charging.engine.driver import Driver
from custom_components.smart_charging.engine.ledger import SiteLedger
from custom_components.smart_charging.engine.model import Session, Transaction

from .builders import after

D = Decimal
JUNE = date(2026, 6, 1)
FAR = date(2099, 12, 31)
PRICE = D("0.30")  # a kWh, gross


def line(day: date, kwh: str | Decimal, kind: LineKind = LineKind.ENERGY, price: Decimal = PRICE) -> RecordLine:
    """Return a line of a record at 19 % VAT."""
    gross = D(kwh) * price
    net = (gross / D("1.19")).quantize(D("0.01"))
    return RecordLine(
        kind=kind,
        day=day,
        quantity=D(kwh),
        unit_price=price,
        net=net,
        vat=gross - net,
        gross=gross,
        vat_percent=D(19),
    )


def charged(
    session_id: int = 1,
    *,
    transaction: str = "t1",
    days: Sequence[tuple[date, str]] = ((JUNE, "10"),),
    driver: str | None = "anna",
    name: str | None = "Anna Adler",
    **changes: object,
) -> ChargeRecord:
    """Return a record of so many kWh on these days."""
    begin, end = days[0][0], days[-1][0]
    record = ChargeRecord(
        record_id=record_id_of("home", "CP1", transaction),
        version=1,
        site_id="home",
        session_id=session_id,
        station_id="CP1",
        station_name="Garage",
        evse_id=1,
        transaction_ids=(transaction,),
        started_at=datetime(begin.year, begin.month, begin.day, 8, tzinfo=UTC),
        ended_at=datetime(end.year, end.month, end.day, 20, tzinfo=UTC),
        energy_wh=sum((D(kwh) * 1000 for _, kwh in days), D(0)),
        days=tuple(DayEnergy(day=day, energy_wh=D(kwh) * 1000) for day, kwh in days),
        charging_s=3600,
        parking_s=60,
        currency="EUR",
        lines=tuple(line(day, kwh) for day, kwh in days),
        driver_id=driver,
        driver_name=name,
        token_label=None if name is None else f"Fob of {name}",
        token_id="t0k3n",
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # the caller knows the fields


def selection(subject: str = "anna", of: StatementOf = StatementOf.DRIVER, through: date = FAR) -> StatementSelection:
    """Ask for a statement of charges."""
    return StatementSelection(of, subject, StatementKind.CHARGES, through)


def make_for(asked: StatementSelection, name: str = "Anna Adler"):  # type: ignore[no-untyped-def]  # see `MakeStatement`
    """Return what makes the statement that was asked for: all that is open is billed, all that is outdated taken back."""

    def make(material: StatementMaterial) -> StatementDraft | None:
        listed: list[StatementRecord] = []
        settled: list[BilledDay] = []
        for one in material.records:
            for outdated in one.outdated:
                took = [part for part in outdated.record.lines if part.day in outdated.days]
                listed.append(
                    StatementRecord(
                        record=outdated.record,
                        lines=tuple(_negative(part) for part in took),
                        days=tuple(_back(part) for part in outdated.record.days if part.day in outdated.days),
                        energy_wh=-_energy(outdated.record, outdated.days),
                        corrects=next(iter(outdated.days.values())),
                    )
                )
                version = outdated.record.version
                settled += [BilledDay(one.newest.record_id, version, day, reverses=True) for day in outdated.days]
            days = [day for day in one.open_days if day <= asked.through]
            if days:
                given = tuple(part for part in one.newest.lines if part.day in days)
                energy_wh = _energy(one.newest, days)
                energies = tuple(part for part in one.newest.days if part.day in days)
                listed.append(StatementRecord(record=one.newest, lines=given, days=energies, energy_wh=energy_wh))
                settled += [BilledDay(one.newest.record_id, one.newest.version, day) for day in days]
        if not listed:
            return None
        return StatementDraft(_statement(asked, name, material, listed), tuple(settled))

    return make


def _back(energy: DayEnergy) -> DayEnergy:
    return DayEnergy(
        day=energy.day,
        energy_wh=-energy.energy_wh,
        solar_wh=-energy.solar_wh,
        battery_wh=-energy.battery_wh,
        grid_wh=-energy.grid_wh,
    )


def _energy(record: ChargeRecord, days: object) -> Decimal:
    return sum((one.energy_wh for one in record.days if one.day in days), D(0))  # type: ignore[operator]  # any container


def _negative(part: RecordLine) -> RecordLine:
    return replace(part, quantity=-part.quantity, net=-part.net, vat=-part.vat, gross=-part.gross)


def _statement(
    asked: StatementSelection, name: str, material: StatementMaterial, listed: Sequence[StatementRecord]
) -> Statement:
    lines = [part for one in listed for part in one.lines]
    gross = sum((part.gross for part in lines), D(0))
    net = sum((part.net for part in lines), D(0))
    return Statement(
        number=f"{material.series}{material.sequence:04}",
        site_id="home",
        site_name="Home",
        of=asked.of,
        subject_id=asked.subject_id,
        subject_name=name,
        kind=asked.kind,
        start=min(day for one in listed for day in days_of(one.record)),
        end=max(day for one in listed for day in days_of(one.record)),
        time_zone="Europe/Berlin",
        language="de",
        currency="EUR",
        issued_at=after(0),
        issuer=Issuer("Hof Adler", ("Weg 1", "12345 Ort"), "DE1", b"\x89PNG"),
        records=tuple(listed),
        totals=(VatTotal(vat_percent=D(19), net=net, vat=gross - net, gross=gross),),
        energy_wh=sum((one.energy_wh for one in listed), D(0)),
        gross=gross,
        details={"plate": f"B-{name[:2]} 1"},
    )


async def issued(site: SiteLedger, subject: str = "anna", series: str = "R-", **how: object) -> Statement | None:
    """Issue what is open of a driver."""
    asked = selection(subject, **how)  # type: ignore[arg-type]  # as `selection` takes it
    return await site.statements.issue(asked, series, make_for(asked, f"{subject.title()} Adler"))


async def registered(site: SiteLedger, driver_id: str = "anna", **changes: object) -> Driver:
    """Keep a driver."""
    driver = Driver(driver_id, f"{driver_id.title()} Adler", email=f"{driver_id}@adler.example", cost_centre="CC-4711")
    return await site.drivers.add(replace(driver, **changes))  # type: ignore[arg-type]  # the caller knows the fields


def priced(site_id: str, session: Session, names: dict[str | None, str | None]) -> tuple[ChargeRecord, ...]:
    """Return the records of a session: one for each stay of a driver, a fee of 1.00 at its begin, 0.30 for a kWh."""
    ended = [one for one in session.transactions if one.stopped_at is not None]
    return tuple(
        _priced(site_id, session, list(stay), names)
        for _, stay in groupby(sorted(ended, key=lambda one: one.started_at), key=lambda one: one.driver_id)
    )


def _priced(
    site_id: str, session: Session, stay: Sequence[Transaction], names: dict[str | None, str | None]
) -> ChargeRecord:
    first, last = stay[0], stay[-1]
    assert last.stopped_at is not None
    energy = sum((D(one.energy_wh) for one in stay), D(0))
    began, ended = first.started_at.date(), last.stopped_at.date()
    days = {began: D(0), ended: energy}
    return ChargeRecord(
        record_id=record_id_of(site_id, first.station_id, first.transaction_id),
        version=1,
        site_id=site_id,
        session_id=session.session_id,
        station_id=first.station_id,
        station_name="Garage",
        evse_id=first.evse_id,
        transaction_ids=tuple(one.transaction_id for one in stay),
        started_at=first.started_at,
        ended_at=max(last.stopped_at, first.started_at),
        energy_wh=energy,
        days=tuple(DayEnergy(day=day, energy_wh=wh) for day, wh in sorted(days.items())),
        charging_s=0,
        parking_s=0,
        currency="EUR",
        lines=(line(began, "1", LineKind.FLAT, D(1)), line(ended, energy / 1000)),
        token_id=first.token_id,
        driver_id=first.driver_id,
        driver_name=names.get(first.driver_id),
        vehicle_id=first.vehicle_id,
    )

"""Prices a stay by a tariff: the charge record of it, which is the same whenever and however often it is made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
import math
from zoneinfo import ZoneInfo

from ..charge_record import ChargeRecord, DayEnergy, LineKind, RecordLine
from ..driver import Allowance
from ..tariff import RoundingPlace, Tariff
from ..usage import Stay
from .adjusting import Place, employer_part, free_amounts, over_caps, within_bounds
from .counting import Item, UseCount
from .local_clock import SECOND, LocalClock, month_of
from .rounding import minor_digits, plain, rounded, running
from .rules import Rules
from .slices import Slice, slices

NOMINAL_VOLTAGE_V = Decimal(230)
QUANTITY_DIGITS = 6  # of kWh and hours on a line
_WH_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is special about who pays: what is left free of charge of each month, and what an employer bears.

    Months are named by their first day. Amounts are before or after tax, as the tariff's prices are.
    """

    left: Mapping[date, Allowance] = field(default_factory=dict)
    employer_share: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a record says beside the stay itself. `currency` is the site's, for a stay that nobody set a price for."""

    record_id: str
    currency: str
    version: int = 1
    station_name: str = ""
    token_label: str | None = None
    driver_name: str | None = None
    group_id: str | None = None
    vehicle_name: str | None = None


def make_record(
    stay: Stay,
    tariff: Tariff | None,
    *,
    time_zone: str,
    terms: Terms,
    named: Named,
    made_at: datetime | None,
    voltage_v: Decimal = NOMINAL_VOLTAGE_V,
) -> ChargeRecord:
    """Price a stay in an IANA time zone; ZoneInfoNotFoundError for one that is not known.

    Days, times and months are the time zone's. Restrictions by current take the car's power to flow at `voltage_v`.
    """
    parts = list(slices(stay, Rules(tariff, voltage_v), ZoneInfo(time_zone)))
    charging = Fraction(sum(part.length for part in parts if part.charging))
    parking = Fraction(sum(part.length for part in parts if not part.charging))
    return ChargeRecord(
        record_id=named.record_id,
        version=named.version,
        site_id=stay.site_id,
        session_id=stay.session_id,
        station_id=stay.station_id,
        station_name=named.station_name,
        evse_id=stay.evse_id,
        transaction_ids=stay.transaction_ids,
        started_at=stay.started_at,
        ended_at=stay.ended_at,
        energy_wh=stay.energy_wh,
        days=_days(parts, stay),
        charging_s=int(rounded(charging / SECOND, 0)),
        parking_s=int(rounded(parking / SECOND, 0)),
        currency=named.currency if tariff is None else tariff.currency,
        lines=() if tariff is None else _lines(_items(parts, tariff, terms), tariff),
        token_id=stay.token_id,
        token_label=named.token_label,
        driver_id=stay.driver_id,
        driver_name=named.driver_name,
        group_id=named.group_id,
        vehicle_id=stay.vehicle_id,
        vehicle_name=named.vehicle_name,
        tariff_id=None if tariff is None else tariff.tariff_id,
        tariff_version=None if tariff is None else tariff.version,
        vat_included=tariff is None or tariff.vat_included,
        meter_start_wh=stay.meter_start_wh,
        meter_stop_wh=stay.meter_stop_wh,
        signed=stay.signed,
        offline=stay.offline,
        lost=stay.lost,
        clock_off=stay.clock_off,
        made_at=made_at,
    )


def months_of(stay: Stay, time_zone: str) -> tuple[date, ...]:
    """Return the first days of the calendar months that a stay is in, in order."""
    clock = LocalClock(stay.started_at, stay.ended_at, ZoneInfo(time_zone))
    return tuple(sorted({month_of(span.day) for span in clock.spans}))


def used_of_allowance(record: ChargeRecord) -> dict[date, Allowance]:
    """Return what a record used of each month's allowance; months that it used nothing of are left out."""
    used: dict[date, tuple[Decimal, Decimal]] = {}
    for line in record.lines:
        if line.kind is LineKind.ALLOWANCE:
            energy, amount = used.get(month_of(line.day), (Decimal(0), Decimal(0)))
            paid = line.gross if record.vat_included else line.net
            # A line without a quantity is of an amount of money.
            used[month_of(line.day)] = (energy - line.quantity, amount if line.quantity else amount - paid)
    return {month: Allowance(energy, amount) for month, (energy, amount) in sorted(used.items())}


def left_of(allowance: Allowance, used: Iterable[Allowance]) -> Allowance:
    """Return what is left of a month's allowance after what records used of it."""
    energy, amount = allowance.energy_kwh, allowance.amount
    for one in used:
        energy = None if energy is None else max(energy - (one.energy_kwh or 0), Decimal(0))
        amount = None if amount is None else max(amount - (one.amount or 0), Decimal(0))
    return Allowance(energy, amount)


def _items(parts: list[Slice], tariff: Tariff, terms: Terms) -> list[Item]:
    """Return all lines in order, exact, or rounded where the tariff rounds each line."""
    digits = minor_digits(tariff.currency)
    by_line = tariff.rounding is RoundingPlace.LINE
    place: Place = (lambda amount: rounded(amount, digits)) if by_line else (lambda amount: amount)
    count = UseCount({month: one.energy_kwh for month, one in terms.left.items() if one.energy_kwh is not None})
    for part in parts:
        count.add(part)
    items = [_placed(item, place) for item in count.items()]
    items += over_caps(items, _caps(tariff), place)
    items += within_bounds(items, tariff, parts[-1].day, place)
    amounts = {month: one.amount for month, one in terms.left.items() if one.amount is not None}
    items += free_amounts(items, amounts, tariff, place)
    items += employer_part(items, terms.employer_share, place)
    return sorted(items, key=lambda item: item.place)


def _placed(item: Item, place: Place) -> Item:
    return Item(
        item.kind,
        item.day,
        item.vat,
        item.source,
        item.unit_price,
        item.capped,
        item.quantity,
        place(item.money),
    )


def _caps(tariff: Tariff) -> dict[int, Decimal]:
    components = [component for element in tariff.elements for component in element.components]
    return {number: component.cap for number, component in enumerate(components) if component.cap is not None}


def _lines(items: list[Item], tariff: Tariff) -> tuple[RecordLine, ...]:
    """Round: the money to the currency's smallest unit so that the sums are right, the tax by the sum of its rate."""
    digits = minor_digits(tariff.currency)
    money = list(running((item.money for item in items), digits))
    taxes = _taxes(items, money, digits, included=tariff.vat_included)
    quantities = _quantities(items)
    lines: list[RecordLine] = []
    for item, paid, vat, quantity in zip(items, money, taxes, quantities, strict=True):
        net = paid - vat if tariff.vat_included else paid
        lines.append(
            RecordLine(
                kind=item.kind,
                day=item.day,
                quantity=quantity,
                unit_price=item.unit_price,
                net=net,
                vat=vat,
                gross=net + vat,
                vat_percent=item.vat,
                source=item.source,
            )
        )
    return tuple(lines)


def _taxes(items: list[Item], money: list[Decimal], digits: int, *, included: bool) -> list[Decimal]:
    """Return each line's tax: what the tax of the sum of its rate rises by (as EN 16931 has it, BT-117)."""
    found = [Decimal(0)] * len(items)
    for rate in {item.vat for item in items}:
        numbers = [number for number, item in enumerate(items) if item.vat == rate]
        percent = Fraction(rate)
        factor = percent / (100 + percent) if included else percent / 100
        parts = running((Fraction(money[number]) * factor for number in numbers), digits)
        for number, part in zip(numbers, parts, strict=True):
            found[number] = part
    return found


def _quantities(items: list[Item]) -> list[Decimal]:
    found = [Decimal(0)] * len(items)
    for kind in {item.kind for item in items}:
        numbers = [number for number, item in enumerate(items) if item.kind is kind]
        parts = running((items[number].quantity for number in numbers), QUANTITY_DIGITS)
        for number, part in zip(numbers, parts, strict=True):
            found[number] = plain(part)
    return found


def _days(parts: list[Slice], stay: Stay) -> tuple[DayEnergy, ...]:
    """Return the energy of each day that something was delivered on; all together is exactly what was delivered."""
    days: dict[date, list[Fraction]] = {}
    for part in parts:
        one, sums = part.energies, days.setdefault(part.day, [Fraction(0)] * 4)
        for number, energy in enumerate((one.solar, one.battery, one.grid, one.unknown)):
            sums[number] += energy
    totals = (
        sum((one.solar_wh for one in stay.intervals), Decimal(0)),
        sum((one.battery_wh for one in stay.intervals), Decimal(0)),
        sum((one.grid_wh for one in stay.intervals), Decimal(0)),
        sum((one.unknown_wh for one in stay.intervals), Decimal(0)),
    )
    columns = [
        list(_exact_parts([sums[number] for _day, sums in sorted(days.items())], total))
        for number, total in enumerate(totals)
    ]
    rows = zip(sorted(days), *columns, strict=True)
    return tuple(
        DayEnergy(
            day=day,
            energy_wh=solar + battery + grid + unknown,
            solar_wh=solar,
            battery_wh=battery,
            grid_wh=grid,
        )
        for day, solar, battery, grid, unknown in rows
        if solar or battery or grid or unknown
    )


def _exact_parts(parts: list[Fraction], total: Decimal) -> Iterator[Decimal]:
    """Cut all but the last part off after some digits; the last is what the exact total is more."""
    scale = 10**_WH_DIGITS
    so_far, before = Fraction(0), Decimal(0)
    for part in parts[:-1]:
        so_far += part
        after = Decimal(math.floor(so_far * scale)).scaleb(-_WH_DIGITS)
        yield plain(after - before)
        before = after
    yield plain(total - before)

"""A price worked out minute by minute, as somebody with a stopwatch would: shares no code with the engine's own.

Good for stays whose intervals begin and end on a minute and whose thresholds of energy are met on one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from custom_components.smart_charging.engine.tariff import ComponentType, PriceComponent, Tariff, TariffElement
from custom_components.smart_charging.engine.usage import EnergySource, Stay, UsageInterval

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
MINUTE = timedelta(minutes=1)


@dataclass
class Book:
    """What was written down: quantity and money by (day, kind, source, price, tax, component with a cap)."""

    used: dict[tuple[object, ...], list[Fraction]] = field(default_factory=dict)
    last: dict[str, tuple[tuple[object, ...], Fraction]] = field(default_factory=dict)
    free: dict[date, Fraction] = field(default_factory=dict)

    def write(self, key: tuple[object, ...], quantity: Fraction, money: Fraction) -> None:
        row = self.used.setdefault(key, [Fraction(0), Fraction(0)])
        row[0] += quantity
        row[1] += money


def brute_force(
    stay: Stay,
    tariff: Tariff,
    zone: str,
    free_kwh: dict[date, Decimal],
    free_money: dict[date, Decimal],
    share: Decimal,
) -> tuple[Decimal, dict[str, Fraction]]:
    """Return what is to be paid for a tariff without decimals left over, and the quantities by kind."""
    book = Book(free={month: Fraction(kwh) for month, kwh in free_kwh.items()})
    consumed, standing, flat_done = Fraction(0), 0, False
    for interval in stay.intervals:
        minutes = (interval.end - interval.start) // MINUTE
        for number in range(minutes):
            now = interval.start + number * MINUTE
            local = now.astimezone(ZoneInfo(zone))
            elapsed = (now - stay.started_at) // timedelta(seconds=1)
            power = Fraction(interval.energy_wh) * 60 / minutes / 1000
            holding = [one for one in tariff.elements if _holds(one, local, consumed / 1000, power, elapsed)]
            if not flat_done and (fee := _first(holding, ComponentType.FLAT)):
                flat_done = True
                book.write(
                    (local.date(), "flat", None, fee.price, _vat(fee, tariff), None), Fraction(1), Fraction(fee.price)
                )
            _energy_of_minute(book, interval, minutes, holding, tariff, local.date())
            kind = "time" if interval.charging else "parking"
            rate = _first(holding, ComponentType.TIME if interval.charging else ComponentType.PARKING_TIME)
            if rate and (interval.charging or standing * 60 >= rate.grace_s):
                capped = id(rate) if kind == "parking" and rate.cap is not None else None
                key = (local.date(), kind, None, rate.price, _vat(rate, tariff), capped)
                book.write(key, Fraction(1, 60), Fraction(rate.price) / 60)
                book.last[kind] = (key, Fraction(rate.price))
                book.last[kind + " step"] = ((), Fraction(rate.step_size))
            consumed += Fraction(interval.energy_wh) / minutes
            standing = 0 if interval.charging else standing + 1
    _steps(book)
    quantities: dict[str, Fraction] = {}
    for key, (quantity, _money) in book.used.items():
        quantities[str(key[1])] = quantities.get(str(key[1]), Fraction(0)) + quantity
    return _to_pay(book, tariff, stay, zone, free_money, share), quantities


def _holds(element: TariffElement, local: datetime, kwh: Fraction, kw: Fraction, elapsed: int) -> bool:
    asked = element.restrictions
    minute = local.hour * 60 + local.minute
    start = asked.start_time.hour * 60 + asked.start_time.minute if asked.start_time else 0
    end = asked.end_time.hour * 60 + asked.end_time.minute if asked.end_time else 24 * 60
    if asked.start_time or asked.end_time:
        if end <= start and asked.end_time:
            if start > minute >= end:
                return False
        elif not start <= minute < end:
            return False
    amps = kw * 1000 / 230
    return (
        (not asked.day_of_week or DAYS[local.weekday()] in {str(day) for day in asked.day_of_week})
        and (asked.start_date is None or local.date() >= asked.start_date)
        and (asked.end_date is None or local.date() < asked.end_date)
        and (asked.min_kwh is None or kwh >= Fraction(asked.min_kwh))
        and (asked.max_kwh is None or kwh < Fraction(asked.max_kwh))
        and (asked.min_power is None or kw >= Fraction(asked.min_power))
        and (asked.max_power is None or kw < Fraction(asked.max_power))
        and (asked.min_current is None or amps >= Fraction(asked.min_current))
        and (asked.max_current is None or amps < Fraction(asked.max_current))
        and (asked.min_duration is None or elapsed >= asked.min_duration)
        and (asked.max_duration is None or elapsed < asked.max_duration)
    )


def _first(holding: list[TariffElement], kind: ComponentType) -> PriceComponent | None:
    for element in holding:
        for component in element.components:
            if component.type is kind:
                return component
    return None


def _energy_rate(holding: list[TariffElement], source: EnergySource) -> PriceComponent | None:
    for element in holding:
        of_energy = [component for component in element.components if component.type is ComponentType.ENERGY]
        own = [component for component in of_energy if component.source is source]
        general = [component for component in of_energy if component.source is None]
        if own or general:
            return (own + general)[0]
    return None


def _vat(component: PriceComponent, tariff: Tariff) -> Decimal:
    return tariff.vat if component.vat is None else component.vat


def _energy_of_minute(
    book: Book, interval: UsageInterval, minutes: int, holding: list[TariffElement], tariff: Tariff, day: date
) -> None:
    bought: list[tuple[tuple[object, ...], Fraction, Fraction]] = []
    unknown = interval.energy_wh - interval.solar_wh - interval.battery_wh - interval.grid_wh
    for source, wh in (
        (EnergySource.SOLAR, interval.solar_wh),
        (EnergySource.BATTERY, interval.battery_wh),
        (EnergySource.GRID, unknown),
        (EnergySource.GRID, interval.grid_wh),
    ):
        rate = _energy_rate(holding, source)
        if not wh or rate is None:
            continue
        each = Fraction(rate.price)
        if rate.market is not None:
            each = Fraction(rate.market.fallback)
            if interval.market_price is not None:
                each = Fraction(interval.market_price) * Fraction(rate.market.factor) + Fraction(rate.market.surcharge)
                each = each if rate.market.floor is None else max(each, Fraction(rate.market.floor))
                each = each if rate.market.cap is None else min(each, Fraction(rate.market.cap))
        shown = None if rate.market is not None else rate.price
        key = (day, "energy", rate.source, shown, _vat(rate, tariff), None)
        bought.append((key, Fraction(wh) / minutes / 1000, each))
        book.last["energy"] = (key, each)
        book.last["energy step"] = ((), Fraction(rate.step_size))
    _buy(book, bought, day)


def _buy(book: Book, bought: list[tuple[tuple[object, ...], Fraction, Fraction]], day: date) -> None:
    month = date(day.year, day.month, 1)
    costly = sum((kwh for _key, kwh, each in bought if each > 0), Fraction(0))
    part = min(Fraction(1), book.free.get(month, Fraction(0)) / costly) if costly else Fraction(0)
    for key, kwh, each in bought:
        book.write(key, kwh, kwh * each)
        if each > 0 and part:
            book.write((key[0], "allowance", *key[2:]), -kwh * part, -kwh * part * each)
            book.free[month] -= kwh * part


def _steps(book: Book) -> None:
    for kind, units in (("energy", 1000), ("parking" if "parking" in book.last else "time", 3600)):
        if kind not in book.last:
            continue
        key, each = book.last[kind]
        step = book.last[kind + " step"][1]
        used = sum((row[0] for of, row in book.used.items() if of[1] == kind), Fraction(0)) * units
        more = (-used) % step / units if step else Fraction(0)
        day = key[0]
        assert isinstance(day, date)
        if kind == "energy" and more:
            _buy(book, [(key, more, each)], day)
        elif more:
            book.write(key, more, more * each)


def _round(amount: Fraction, places: int = 2) -> Fraction:
    exact = Decimal(amount.numerator * 10**12) / Decimal(amount.denominator)
    return Fraction((exact / 10**12).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _to_pay(
    book: Book, tariff: Tariff, stay: Stay, zone: str, free_money: dict[date, Decimal], share: Decimal
) -> Decimal:
    """Return the total where all has one tax rate; rounding is per line or at the end."""
    by_line = tariff.rounding.value == "line"

    def put(amount: Fraction) -> Fraction:
        return _round(amount) if by_line else amount

    by_day: dict[date, Fraction] = {}
    for key, row in book.used.items():
        assert isinstance(key[0], date)
        by_day[key[0]] = by_day.get(key[0], Fraction(0)) + put(row[1])
    _cap(book, tariff, by_day, put)
    ended = max((stay.ended_at - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date(), *(by_day or [date.min]))
    _bound(by_day, tariff, ended, free=any(key[1] == "allowance" for key in book.used))
    for month, amount in free_money.items():
        days = sorted(day for day in by_day if (day.year, day.month) == (month.year, month.month))
        if days:
            cost = sum((by_day[day] for day in days), Fraction(0))
            by_day[days[-1]] -= max(Fraction(0), min(cost, Fraction(amount)))
    left = _round(sum((cost - put(cost * Fraction(share)) for cost in by_day.values()), Fraction(0)))
    if not tariff.vat_included:
        left += _round(left * Fraction(tariff.vat) / 100)
    return Decimal(left.numerator) / Decimal(left.denominator)


def _cap(book: Book, tariff: Tariff, by_day: dict[date, Fraction], put: Callable[[Fraction], Fraction]) -> None:
    limits = {id(one): one.cap for element in tariff.elements for one in element.components}
    for number in {key[5] for key in book.used if key[5] is not None}:
        room = put(Fraction(limits[number] or 0))  # type: ignore[index]  # it is one of the ids
        days = sorted((key[0], put(row[1])) for key, row in book.used.items() if key[5] == number)  # type: ignore[type-var]
        for day, money in days:
            charged = min(money, room)
            room -= charged
            by_day[day] -= money - charged  # type: ignore[index]


def _bound(by_day: dict[date, Fraction], tariff: Tariff, ended: date, *, free: bool) -> None:
    total = sum(by_day.values(), Fraction(0))
    if tariff.min_price is not None and total < tariff.min_price and not free:
        by_day[ended] = by_day.get(ended, Fraction(0)) + Fraction(tariff.min_price) - total
    elif tariff.max_price is not None:
        so_far = paid = Fraction(0)
        for day in sorted(by_day):
            so_far += by_day[day]
            due = min(so_far, Fraction(tariff.max_price))
            by_day[day], paid = due - paid, due

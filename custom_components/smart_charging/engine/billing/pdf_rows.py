"""What the rows of a statement's table say, as texts in its language."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from ..charge_record import EmployerBasis, LineKind, Statement, StatementKind, StatementOf, StatementRecord, exact_sum
from ..usage import EnergySource, SignedMark
from . import document_format as form
from .document_format import Language, language_of
from .document_words import WORDS, Words

_DOT: Final = " · "
_CHECK: Final = "✓ "
NONE: Final = "–"
_HARD_SPACE: Final = "\u00a0"
_SOURCES: Final = (*EnergySource, None)  # in this order


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers that ends at `right`, in mm from the left of the page."""

    title: str
    right: float
    cell: Callable[[StatementRecord], str]


class Table:
    """The table of a statement: its columns, and what is written of each record."""

    def __init__(self, statement: Statement) -> None:
        """Look at what the statement is for."""
        self.statement = statement
        self.language: Language = language_of(statement.language)
        self.words: Words = WORDS[self.language]
        self._zone = ZoneInfo(statement.time_zone)
        self.issued_on = statement.issued_at.astimezone(self._zone).date()
        self.columns = self._charges() if statement.kind is StatementKind.CHARGES else self._employer()

    def when(self, entry: StatementRecord) -> tuple[str, str]:
        """Return the day and the time of a stay."""
        start = entry.record.started_at.astimezone(self._zone)
        end = entry.record.ended_at.astimezone(self._zone)
        return form.day(start.date(), self.language), form.clock_span(start, end, self.language)

    def where_and_who(self, entry: StatementRecord) -> tuple[str, str]:
        """Return the charger, and whoever of driver, tag and car the statement is not about."""
        record, of = entry.record, self.statement.of
        people = {
            StatementOf.DRIVER: record.driver_name,
            None: record.token_label,
            StatementOf.VEHICLE: record.vehicle_name,
        }
        who = (name for kind, name in people.items() if name and (kind is None or kind is not of))
        return record.station_name, _DOT.join(dict.fromkeys(who))

    def proof(self, entry: StatementRecord) -> str:
        """Return the meter readings where no column has them, and what is known of their signature."""
        record, parts = entry.record, []
        if self.statement.kind is StatementKind.CHARGES and self._meter(record.meter_start_wh) != NONE:
            readings = f"{self._meter(record.meter_start_wh)} – {self._meter(record.meter_stop_wh)}"
            parts.append(f"{self.words.meter} {readings} kWh")
        if mark := self.words.signed[record.signed]:
            parts.append(mark if record.signed is SignedMark.INVALID else _CHECK + mark)
        return _DOT.join(parts)

    def remarks(self, entry: StatementRecord) -> str:
        """Return what is to be noticed of an entry: that it corrects, that it comes late, that its end is not known."""
        words, record = self.words, entry.record
        told = (
            ("" if entry.corrects is None else words.corrects.format(number=entry.corrects), True),
            (words.late, entry.late),
            (words.corrected, record.version > 1 and entry.corrects is None),
            (words.lost, record.lost),
        )
        return _DOT.join(word for word, holds in told if word and holds)

    def notes(self, entry: StatementRecord) -> str:
        """Return what makes up the amount where that is more than energy at one price, and how the stay was recorded."""
        words, record = self.words, entry.record
        charges = self.statement.kind is StatementKind.CHARGES
        told = (
            *((part, charges) for part in self._price_parts(entry)),
            (words.before_tax, charges and bool(entry.lines) and not record.vat_included),
            (words.part, len(entry.days) < len(record.days)),
            (words.offline, record.offline),
            (words.clock_off, record.clock_off),
        )
        # A line breaks between the parts only.
        return _DOT.join(part.replace(" ", _HARD_SPACE) for part, holds in told if holds)

    def money(self, amount: Decimal) -> str:
        """Return an amount in the statement's currency."""
        return form.money(amount, self.statement.currency, self.language)

    def solar_share(self, solar_wh: Decimal, energy_wh: Decimal) -> str:
        """Return what part of an energy came from the sun."""
        if not energy_wh:
            return NONE
        return form.percent(form.rounded(100 * solar_wh / energy_wh, 0), self.language)

    def _price_parts(self, entry: StatementRecord) -> Iterator[str]:
        energy = [line for line in entry.lines if line.kind is LineKind.ENERGY]
        if len({(line.unit_price, line.source) for line in energy}) > 1:
            ordered = sorted(energy, key=lambda line: (_SOURCES.index(line.source), line.unit_price or 0))
            for (source, price), lines in groupby(ordered, key=lambda line: (line.source, line.unit_price)):
                name = self.words.lines[LineKind.ENERGY] if source is None else self.words.sources[source].capitalize()
                kwh = form.number(exact_sum(line.quantity for line in lines), 3, self.language)
                at = "" if price is None else f" × {form.unit_price(price, self.statement.currency, self.language)}"
                yield f"{name} {kwh} kWh{at}"
        for line in entry.lines:
            if line.kind is not LineKind.ENERGY:
                yield f"{self.words.lines[line.kind]} {self.money(line.gross)}"

    def _charges(self) -> tuple[Column, ...]:
        words = self.words
        return (
            Column(words.energy, 124, self._energy),
            Column(words.solar_share, 140, self._solar),
            Column(words.price, 167, self._price),
            Column(words.amount, 192, lambda entry: self.money(entry.gross)),
        )

    def _employer(self) -> tuple[Column, ...]:
        words = self.words
        actual = self.statement.basis is EmployerBasis.ACTUAL_COST
        meter = (
            Column(words.meter_start, 118 if actual else 132, lambda entry: self._meter(entry.record.meter_start_wh)),
            Column(words.meter_stop, 143 if actual else 162, lambda entry: self._meter(entry.record.meter_stop_wh)),
        )
        if actual:
            return (*meter, Column(words.energy, 165, self._energy), Column(words.energy_cost, 192, self._cost))
        return (*meter, Column(words.energy, 192, self._energy))

    def _energy(self, entry: StatementRecord) -> str:
        return form.kilowatt_hours(entry.energy_wh, self.language)

    def _solar(self, entry: StatementRecord) -> str:
        if not any(day.solar_wh or day.battery_wh or day.grid_wh for day in entry.days):
            return NONE
        return self.solar_share(exact_sum(day.solar_wh for day in entry.days), entry.energy_wh)

    def _price(self, entry: StatementRecord) -> str:
        energy = [line for line in entry.lines if line.kind is LineKind.ENERGY]
        prices = {line.unit_price for line in energy}
        kwh = exact_sum(line.quantity for line in energy)
        if not energy or not kwh:
            return NONE
        only = prices.pop() if len(prices) == 1 else None
        if only is not None:
            return form.unit_price(only, self.statement.currency, self.language)
        before_tax = not entry.record.vat_included
        cost = exact_sum(line.net if before_tax else line.gross for line in energy)
        average = form.unit_price(form.rounded(cost / kwh, 4), self.statement.currency, self.language)
        return f"{self.words.average} {average}"

    def _cost(self, entry: StatementRecord) -> str:
        return self.money(exact_sum(line.gross for line in entry.lines if line.kind is LineKind.ENERGY))

    def _meter(self, register_wh: Decimal | None) -> str:
        return NONE if register_wh is None else form.kilowatt_hours(register_wh, self.language)

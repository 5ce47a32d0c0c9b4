"""The layout of a printed statement: sender and recipient, the table, what it sums to."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ..charge_record import EmployerBasis, EmployerMonth, Statement, StatementKind, StatementRecord, exact_sum
from . import document_format as form
from .employer_record import years_without_rate
from .pdf_canvas import ACCENT, GREY, PAGE_HEIGHT, WARNING, Canvas, Style
from .pdf_flow import Piece, pages
from .pdf_rows import NONE, Table

LEFT: Final = 18.0
RIGHT: Final = 192.0
_CHARGER: Final = 51.0  # where the second column begins
_SUMS: Final = 92.0  # where the block of sums begins
_SUM_COLUMNS: Final = (139.0, 164.0, RIGHT)  # where net, tax and gross end
_SUM_MM: Final = 23.5  # the room of each
_FACTS: Final = 128.0  # where number, period and date are
_TOP: Final = 30.0
_BOTTOM: Final = PAGE_HEIGHT - 24
_MONTH_ENERGY: Final = 138.0  # where the columns of the months end
_MONTH_RATE: Final = 165.0
_GAP: Final = 3.0  # between columns

_TITLE = Style(17, bold=True, colour=ACCENT)
_SENDER = Style(11, bold=True)
_PLAIN = Style(8.5)
_STRONG = Style(8.5, bold=True)
_LABEL = Style(7.5, colour=GREY)
_SMALL = Style(6.8, colour=GREY)
_REMARK = Style(6.8, bold=True, colour=WARNING)
_HEADING = Style(7.5, bold=True, colour=ACCENT)
_TOTAL = Style(11.5, bold=True, colour=ACCENT)
_ALERT = Style(8.5, bold=True, colour=WARNING)

_ROW_MM: Final = 9.6
_NOTE_MM: Final = 3.3
_HEAD_MM: Final = 7.0
_LINE_MM: Final = 5.4
_BAND_MM: Final = 10.0
_MOST_NOTES: Final = 4  # lines below a row
_MOST_ADDRESS: Final = 6  # lines
_MOST_DETAILS: Final = 6


def draw_statement(statement: Statement) -> bytes:
    """Return the document. ValueError for an unknown time zone."""
    return _Layout(statement).drawn()


class _Layout:
    """A statement while it is drawn."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._table = Table(statement)
        self._words, self._language = self._table.words, self._table.language
        charges = statement.kind is StatementKind.CHARGES
        self._title = self._words.charges_title if charges else self._words.employer_title
        self._canvas = Canvas(
            f"{self._title} {statement.number}", statement.issuer.name, self._language.value, statement.issued_at
        )

    def drawn(self) -> bytes:
        """Draw all pages: what is on which is known before, so that each can say how many there are."""
        canvas = self._canvas
        canvas.add_page()
        first_top = self._letterhead()
        placed = pages(self._pieces(), first_top, _TOP, _BOTTOM)
        for index, on_page in enumerate(placed):
            if index:
                canvas.add_page()
                self._running_head()
            for one in on_page:
                one.piece.draw(one.y)
            self._foot(index + 1, len(placed))
        return canvas.output()

    def _pieces(self) -> Iterator[Piece]:
        entries = self._statement.records
        head = Piece(_HEAD_MM, self._table_head, keep=_ROW_MM)
        yield head
        for entry in entries:
            yield Piece(self._row_height(entry), partial(self._row, entry), head=head)
        if not entries:
            yield Piece(_ROW_MM, self._nothing)
        if self._statement.kind is StatementKind.EMPLOYER:
            yield from self._employer_pieces()
        else:
            yield Piece(self._sums_height(), self._sums)
        yield Piece(12, self._checksum)

    # Above the table.

    def _letterhead(self) -> float:
        """Draw sender, logo, recipient, facts and title of the first page; return where the table begins."""
        issuer = self._statement.issuer
        y = 22.0
        if issuer.logo is not None:
            self._canvas.image(issuer.logo, RIGHT, 16, 52, 22)
        for line in self._canvas.wrap(issuer.name, _SENDER, 112, 2):
            self._canvas.text(LEFT, y, line, _SENDER)
            y += 5
        for line in issuer.address[:_MOST_ADDRESS]:
            self._canvas.text(LEFT, y, self._canvas.fit(line, _LABEL, 112), _LABEL)
            y += 3.9
        if issuer.tax_id:
            self._canvas.text(LEFT, y, self._canvas.fit(f"{self._words.tax_id}: {issuer.tax_id}", _LABEL, 112), _LABEL)
            y += 3.9
        y = max(y, 42.0) + 3
        self._canvas.rule(LEFT, RIGHT, y - 2)
        y = max(self._recipient(y + 6), self._facts(y + 6)) + 9
        self._canvas.text(LEFT, y, self._title, _TITLE)
        return y + 7

    def _recipient(self, y: float) -> float:
        statement, canvas = self._statement, self._canvas
        canvas.text(LEFT, y, f"{self._words.recipient} · {self._words.of[statement.of]}", _LABEL)
        y += 5.5
        for line in canvas.wrap(statement.subject_name, _SENDER, 100, 2):
            canvas.text(LEFT, y, line, _SENDER)
            y += 5
        for name, value in list(statement.details.items())[:_MOST_DETAILS]:
            label = self._words.details.get(name, name)
            canvas.text(LEFT, y, canvas.fit(f"{label}: {value}", _PLAIN, 100), _PLAIN)
            y += 4.4
        return y

    def _facts(self, y: float) -> float:
        statement, words = self._statement, self._words
        start, end = (form.day(day, self._language) for day in (statement.start, statement.end))
        facts = (
            (words.number, statement.number, _STRONG),
            (words.period, f"{start} – {end}", _PLAIN),
            (words.issued, form.day(self._table.issued_on, self._language), _PLAIN),
            (words.site, statement.site_name, _PLAIN),
        )
        for label, value, style in facts:
            self._canvas.text(_FACTS, y, label, _LABEL)
            left = _FACTS + 17
            self._canvas.text(left, y, self._canvas.fit(value, style, RIGHT - left), style)
            y += 5
        return y

    def _running_head(self) -> None:
        """Draw what tells on a later page which statement it belongs to."""
        told = f"{self._title} {self._statement.number} · {self._statement.subject_name}"
        self._canvas.text(LEFT, 20, self._canvas.fit(told, _LABEL, RIGHT - LEFT), _LABEL)
        self._canvas.rule(LEFT, RIGHT, 23)

    def _foot(self, page: int, count: int) -> None:
        self._canvas.rule(LEFT, RIGHT, PAGE_HEIGHT - 17)
        y = PAGE_HEIGHT - 12.5
        told = " · ".join(part for part in (self._statement.issuer.name, self._statement.number) if part)
        self._canvas.text(LEFT, y, self._canvas.fit(told, _SMALL, 130), _SMALL)
        self._canvas.text_right(RIGHT, y, self._words.page.format(page=page, pages=count), _SMALL)

    # The table.

    def _table_head(self, y: float) -> None:
        canvas = self._canvas
        canvas.text(LEFT, y + 3.5, self._words.date, _HEADING)
        canvas.text(_CHARGER, y + 3.5, self._words.charger, _HEADING)
        for column in self._table.columns:
            canvas.text_right(column.right, y + 3.5, column.title, _HEADING)
        canvas.rule(LEFT, RIGHT, y + 5.6, ACCENT, 0.35)

    def _row(self, entry: StatementRecord, y: float) -> None:
        """Draw an entry: numbers on the first line, who and how it was measured on the second, notes below."""
        canvas, table = self._canvas, self._table
        first, second = y + 3.6, y + 7.1
        day, times = table.when(entry)
        canvas.text(LEFT, first, day, _PLAIN)
        numbers = [(column.right, canvas.printable(column.cell(entry))) for column in table.columns]
        free = numbers[0][0] - canvas.width(numbers[0][1], _PLAIN) - _GAP - _CHARGER
        charger, who = table.where_and_who(entry)
        canvas.text(_CHARGER, first, canvas.fit(charger, _PLAIN, free), _PLAIN)
        before = _CHARGER + _GAP
        for right, number in numbers:
            canvas.text_right(right, first, number, _STRONG if right == RIGHT else _PLAIN, right - before)
            before = right + _GAP / 2
        canvas.text(LEFT, second, canvas.fit(times, _SMALL, _CHARGER - LEFT - 1), _SMALL)
        proof = canvas.printable(table.proof(entry))
        free = RIGHT - _CHARGER - (canvas.width(proof, _SMALL) + _GAP if proof else 0)
        canvas.text(_CHARGER, second, canvas.fit(who, _SMALL, free), _SMALL)
        canvas.text_right(RIGHT, second, proof, _SMALL)
        for style, note in self._notes(entry):
            second += _NOTE_MM
            canvas.text(_CHARGER, second, note, style)
        canvas.rule(LEFT, RIGHT, second + 2.1)

    def _notes(self, entry: StatementRecord) -> list[tuple[Style, str]]:
        table, width = self._table, RIGHT - _CHARGER
        notes: list[tuple[Style, str]] = []
        for style, text in ((_REMARK, table.remarks(entry)), (_SMALL, table.notes(entry))):
            if text:
                notes += [(style, line) for line in self._canvas.wrap(text, style, width, _MOST_NOTES // 2)]
        return notes

    def _row_height(self, entry: StatementRecord) -> float:
        return _ROW_MM + _NOTE_MM * len(self._notes(entry))

    def _nothing(self, y: float) -> None:
        self._canvas.text(LEFT, y + 5, self._words.nothing, _PLAIN)

    # What it comes to.

    def _sums_height(self) -> float:
        return 4 + _LINE_MM * (2 + len(self._statement.totals)) + _BAND_MM + 3

    def _sums(self, y: float) -> None:
        """Draw the energy, the sums of each tax rate and the total."""
        statement, canvas, money = self._statement, self._canvas, self._table.money
        y += 4 + _LINE_MM * 0.7
        canvas.text(_SUMS, y, self._words.energy_total, _PLAIN)
        canvas.text_right(RIGHT, y, self._energy_told(), _PLAIN)
        y += _LINE_MM
        if statement.totals:
            titles = (self._words.net, self._words.vat, self._words.gross)
            for right, title in zip(_SUM_COLUMNS, titles, strict=True):
                canvas.text_right(right, y, title, _LABEL)
            y += _LINE_MM
        for total in statement.totals:
            rate = form.percent(total.vat_percent, self._language)
            canvas.text(_SUMS, y, self._words.vat_at.format(rate=rate), _PLAIN)
            for right, amount in zip(_SUM_COLUMNS, (total.net, total.vat, total.gross), strict=True):
                canvas.text_right(right, y, canvas.printable(money(amount)), _PLAIN, _SUM_MM)
            y += _LINE_MM
        self._total(self._words.total, money(statement.gross), y - 2)

    def _energy_told(self) -> str:
        days = [day for entry in self._statement.records for day in entry.days]
        told = f"{form.kilowatt_hours(self._statement.energy_wh, self._language)} kWh"
        if any(day.solar_wh or day.battery_wh or day.grid_wh for day in days):
            solar = self._table.solar_share(exact_sum(day.solar_wh for day in days), self._statement.energy_wh)
            told += f" · {self._words.solar_share} {solar}"
        return self._canvas.printable(told)

    def _total(self, label: str, amount: str, y: float, left: float = _SUMS) -> None:
        canvas = self._canvas
        canvas.band(left - 3, RIGHT + 3, y, _BAND_MM - 1)
        canvas.text(left, y + 6, label, _TOTAL)
        canvas.text_right(RIGHT, y + 6, canvas.printable(amount), _TOTAL, 52)

    # For an employer.

    def _employer_pieces(self) -> Iterator[Piece]:
        """Give the table of cars and months, what is missing in it, and what is paid back."""
        statement, words = self._statement, self._words
        by_rate = statement.basis is EmployerBasis.YEARLY_RATE
        if statement.months:
            head = Piece(_HEAD_MM, self._months_head, keep=_LINE_MM)
            yield Piece(11, self._months_title, keep=_HEAD_MM + _LINE_MM)
            yield head
            for month in statement.months:
                yield Piece(_LINE_MM, partial(self._month, month), head=head)
        missing = years_without_rate(statement.months) if by_rate else ()
        amount = statement.rate_amount if by_rate else exact_sum(month.cost for month in statement.months)
        label = words.rate_total if by_rate else words.actual_total
        yield Piece(
            _BAND_MM + 6,
            lambda y: self._total_of_months(label, NONE if amount is None else self._table.money(amount), y),
        )
        told = [(words.basis_rate if by_rate else words.basis_actual, _LABEL), (words.proven, _LABEL)]
        if missing:
            told.insert(0, (words.rate_missing.format(years=", ".join(map(str, missing))), _ALERT))
        for text, style in told:
            yield Piece(_LINE_MM, partial(self._told, text, style))

    def _months_title(self, y: float) -> None:
        self._canvas.text(LEFT, y + 9, self._words.months_title, _SENDER)

    def _months_head(self, y: float) -> None:
        canvas, words = self._canvas, self._words
        canvas.text(LEFT, y + 3.5, words.month, _HEADING)
        canvas.text(_CHARGER, y + 3.5, words.vehicle, _HEADING)
        by_rate = self._statement.basis is EmployerBasis.YEARLY_RATE
        last = words.rate_amount if by_rate else words.energy_cost
        for right, title in (
            (_MONTH_ENERGY, words.energy),
            (_MONTH_RATE, words.rate if by_rate else ""),
            (RIGHT, last),
        ):
            canvas.text_right(right, y + 3.5, title, _HEADING)
        canvas.rule(LEFT, RIGHT, y + 5.6, ACCENT, 0.35)

    def _month(self, month: EmployerMonth, y: float) -> None:
        canvas, statement, words = self._canvas, self._statement, self._words
        canvas.text(LEFT, y + 3.6, form.month(month.month, self._language), _PLAIN)
        energy = form.kilowatt_hours(month.energy_wh, self._language)
        free = _MONTH_ENERGY - canvas.width(energy, _PLAIN) - _GAP - _CHARGER
        name = month.vehicle_name or month.vehicle_id or NONE
        canvas.text(_CHARGER, y + 3.6, canvas.fit(name, _PLAIN, free), _PLAIN)
        canvas.text_right(_MONTH_ENERGY, y + 3.6, energy, _PLAIN)
        amount = self._table.money(month.cost)
        if statement.basis is EmployerBasis.YEARLY_RATE:
            rate = words.no_rate
            amount = NONE if month.rate_amount is None else self._table.money(month.rate_amount)
            if month.rate is not None:
                rate = form.unit_price(month.rate, statement.currency, self._language)
            canvas.text_right(_MONTH_RATE, y + 3.6, canvas.printable(rate), _PLAIN, 25)
        canvas.text_right(RIGHT, y + 3.6, canvas.printable(amount), _STRONG, 25)
        canvas.rule(LEFT, RIGHT, y + _LINE_MM)

    def _total_of_months(self, label: str, amount: str, y: float) -> None:
        self._total(label, amount, y + 3, LEFT)
        energy = f"{form.kilowatt_hours(self._statement.energy_wh, self._language)} kWh"
        self._canvas.text_right(_MONTH_ENERGY, y + 9, energy, _TOTAL)

    def _told(self, text: str, style: Style, y: float) -> None:
        self._canvas.text(LEFT, y + 3.6, self._canvas.fit(text, style, RIGHT - LEFT), style)

    def _checksum(self, y: float) -> None:
        self._canvas.text(LEFT, y + 9, f"{self._words.checksum}: {self._statement.hash}", _SMALL)

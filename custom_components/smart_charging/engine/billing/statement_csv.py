"""Statements as CSV for spreadsheets, in UTF-8 with a byte order mark; times are those of the site's clock."""

from collections.abc import Iterable, Sequence
import csv
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
import io
import re
from typing import Final
from zoneinfo import ZoneInfo

from ..charge_record import EmployerBasis, RecordLine, Statement, StatementRecord, exact_sum
from .document_format import language_of
from .document_words import WORDS, Words

_COLUMNS: Final = (
    *("statement", "record", "begin", "end", "time_zone", "charger", "evse", "driver", "tag", "vehicle"),
    *("energy", "solar", "battery", "grid", "unknown", "lines", "net", "vat", "gross", "currency"),
    *("meter_start", "meter_stop", "signed", "late", "corrects"),
)
_MONTH_COLUMNS: Final = (
    *("statement", "vehicle", "plate", "month", "energy", "cost", "rate", "rate_amount", "currency"),
)

_UTF8_MARK: Final = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for something else
# A spreadsheet runs a text that begins so, also after a sign that it may take for the end of a cell.
_FORMULA = re.compile(r"(^|[;,|])(\s*)(?=[=+\-@\uff0b\uff0d\uff1d\uff20])")
# What breaks a line, hides text or can't be written: control and format characters, and halves of a surrogate pair.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


class CsvDialect(StrEnum):
    """How spreadsheets of a country read CSV."""

    SEMICOLON = "semicolon"  # decimal comma, 31.12.2026: Germany and most of Europe
    COMMA = "comma"  # decimal point, 2026-12-31


def statement_csv(statement: Statement, dialect: CsvDialect) -> bytes:
    """Return the records of a statement, a line each, under headings in its language.

    All numbers are exact. No cell of text can be run as a formula.
    """
    words, zone = WORDS[language_of(statement.language)], ZoneInfo(statement.time_zone)
    head = [words.csv[name] for name in _COLUMNS]
    return _written([head, *(_line(statement, entry, words, zone, dialect) for entry in statement.records)], dialect)


def employer_csv(statement: Statement, dialect: CsvDialect) -> bytes:
    """Return what a record for an employer says of each car and month, a line each."""
    words = WORDS[language_of(statement.language)]
    by_rate = statement.basis is EmployerBasis.YEARLY_RATE
    lines: list[Sequence[str]] = [[words.csv[name] for name in _MONTH_COLUMNS]]
    lines += [
        [
            _safe(statement.number),
            _safe(month.vehicle_name or month.vehicle_id or ""),
            _safe(statement.details.get("plate", "")),
            f"{month.month:%Y-%m}" if dialect is CsvDialect.COMMA else f"{month.month:%m.%Y}",
            _kwh(month.energy_wh, dialect),
            _number(month.cost, dialect),
            words.no_rate if by_rate and month.rate is None else _number(month.rate, dialect),
            _number(month.rate_amount, dialect),
            _safe(statement.currency),
        ]
        for month in statement.months
    ]
    return _written(lines, dialect)


def _line(
    statement: Statement, entry: StatementRecord, words: Words, zone: ZoneInfo, dialect: CsvDialect
) -> Sequence[str]:
    record = entry.record
    start, end = record.started_at.astimezone(zone), record.ended_at.astimezone(zone)
    solar, battery, grid = (
        exact_sum(getattr(day, name) for day in entry.days) for name in ("solar_wh", "battery_wh", "grid_wh")
    )
    return [
        _safe(statement.number),
        _safe(record.record_id if record.version == 1 else f"{record.record_id}.{record.version}"),
        _moment(start, dialect),
        _moment(end, dialect),
        _safe("/".join(dict.fromkeys((start.tzname() or "", end.tzname() or "")))),
        _safe(record.station_name),
        str(record.evse_id),
        _safe(record.driver_name or ""),
        _safe(record.token_label or ""),
        _safe(record.vehicle_name or ""),
        *(_kwh(part, dialect) for part in (entry.energy_wh, solar, battery, grid)),
        _kwh(entry.energy_wh - solar - battery - grid, dialect),
        _safe(" | ".join(_price_line(line, words, dialect) for line in entry.lines)),
        *(_number(amount, dialect) for amount in (entry.net, entry.vat, entry.gross)),
        _safe(statement.currency),
        _kwh(record.meter_start_wh, dialect),
        _kwh(record.meter_stop_wh, dialect),
        words.signed[record.signed],
        words.yes if entry.late else "",
        _safe(entry.corrects or ""),
    ]


def _price_line(line: RecordLine, words: Words, dialect: CsvDialect) -> str:
    """Return a line of a price: what, how much at which price, what it comes to and the tax in it."""
    what = words.lines[line.kind] if line.source is None else f"{words.lines[line.kind]} {words.sources[line.source]}"
    price = "" if line.unit_price is None else f" x {_number(line.unit_price, dialect)}"
    return (
        f"{what} {_number(line.quantity, dialect)}{price} = {_number(line.gross, dialect)}"
        f" ({words.vat} {_number(line.vat_percent, dialect)} %)"
    )


def _moment(moment: datetime, dialect: CsvDialect) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if dialect is CsvDialect.COMMA else f"{moment:%d.%m.%Y %H:%M:%S}"


def _kwh(energy_wh: Decimal | None, dialect: CsvDialect) -> str:
    """Return an energy in kWh, to the Wh or with as many digits as it has."""
    if energy_wh is None:
        return ""
    whole, _, decimals = f"{energy_wh.scaleb(-3):f}".partition(".")
    return _number(Decimal(f"{whole}.{decimals.rstrip('0').ljust(3, '0')}"), dialect)


def _number(value: Decimal | None, dialect: CsvDialect) -> str:
    """Return a number with all of its digits."""
    if value is None:
        return ""
    text = f"{value:f}" if value else f"{abs(value):f}"
    return text if dialect is CsvDialect.COMMA else text.replace(".", ",")


def _safe(text: str) -> str:
    """Return a text that is one line, can be written and begins no formula."""
    shown = _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return _FORMULA.sub(r"\1\2'", shown)


def _written(lines: Iterable[Sequence[str]], dialect: CsvDialect) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";" if dialect is CsvDialect.SEMICOLON else ",").writerows(lines)
    return _UTF8_MARK + text.getvalue().encode()

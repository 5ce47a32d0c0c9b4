"""Statements in spreadsheets: two dialects, exact numbers, and no cell that runs."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
import io

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.statement_csv import CsvDialect, employer_csv, statement_csv
from custom_components.smart_charging.engine.charge_record import Statement
from tests.engine.billing.statement_builders import employer_statement, record, rich_statement, statement

JUNE_3 = date(2026, 6, 3)


def _rows(data: bytes, dialect: CsvDialect) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    delimiter = ";" if dialect is CsvDialect.SEMICOLON else ","
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))
    assert len({len(line) for line in lines}) == 1
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_german_spreadsheet() -> None:
    rows = _rows(statement_csv(rich_statement(), CsvDialect.SEMICOLON), CsvDialect.SEMICOLON)

    assert rows[0] == {
        "Abrechnung": "2026-0002",
        "Ladevorgang": "r1",
        "Beginn": "20.05.2026 18:00:00",
        "Ende": "20.05.2026 21:00:00",
        "Zeitzone": "CEST",
        "Ladestation": "Carport links",
        "Ladepunkt": "1",
        "Fahrer/in": "Anna Schröder",
        "Ladekarte": "Blaue Karte",
        "Fahrzeug": "VW ID.3",
        "Energie (kWh)": "-10,000",
        "Sonne (kWh)": "-3,000",
        "Batterie (kWh)": "0,000",
        "Netz (kWh)": "-7,000",
        "Unbekannte Herkunft (kWh)": "0,000",
        "Preispositionen": "Energie -10 x 0,30 = -3,00 (USt. 19 %)",
        "Netto": "-2,52",
        "USt.": "-0,48",
        "Brutto": "-3,00",
        "Währung": "EUR",
        "Zähler Beginn (kWh)": "1234,567",
        "Zähler Ende (kWh)": "1244,567",
        "Signiert": "signiert",
        "Nachtrag": "",
        "Berichtigt": "2026-0001",
    }
    assert [(row["Ladevorgang"], row["Nachtrag"]) for row in rows[1:3]] == [("r1.2", "ja"), ("r2", "ja")]


def test_spreadsheet_with_decimal_point() -> None:
    rows = _rows(statement_csv(rich_statement(language="en"), CsvDialect.COMMA), CsvDialect.COMMA)

    mixed = rows[3]
    assert mixed["Begin"] == "2026-06-03 18:00:00"
    assert mixed["Energy (kWh)"] == "12.345"
    assert mixed["Gross"] == "4.97"
    assert mixed["Signed"] == "signature verified"
    assert mixed["Price lines"].split(" | ") == [
        "Energy solar 8 x 0.12 = 0.96 (VAT 19 %)",
        "Energy grid 4.345 x 0.3475 = 1.51 (VAT 19 %)",
        "Parking 1 x 3.50 = 3.50 (VAT 19 %)",
        "Session fee 1 x 1.00 = 1.00 (VAT 7 %)",
        "Free allowance 1 x -2.00 = -2.00 (VAT 19 %)",
    ]


@pytest.mark.parametrize("dialect", CsvDialect)
def test_rows_sum_to_the_statement(dialect: CsvDialect) -> None:
    made = rich_statement()
    rows = _rows(statement_csv(made, dialect), dialect)

    def total(column: str) -> Decimal:
        return sum((Decimal(row[column].replace(",", ".")) for row in rows), Decimal(0))

    assert total("Brutto") == total("Netto") + total("USt.") == made.gross
    assert total("Energie (kWh)") * 1000 == made.energy_wh


def test_hour_that_comes_twice_a_year_is_told_apart_by_its_time_zone() -> None:
    stay = replace(
        record(1, (date(2026, 10, 25), "3")),
        started_at=datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ended_at=datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    made = statement([stay], period=(date(2026, 10, 1), date(2026, 10, 31)))

    (row,) = _rows(statement_csv(made, CsvDialect.COMMA), CsvDialect.COMMA)
    assert (row["Beginn"], row["Ende"]) == ("2026-10-25 02:30:00", "2026-10-25 02:30:00")
    assert row["Zeitzone"] == "CEST/CET"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", " =", "x;=", "x,-", "＝"])
@pytest.mark.parametrize("dialect", CsvDialect)
def test_no_name_runs_as_a_formula(begin: str, dialect: CsvDialect) -> None:
    evil = f"{begin}HYPERLINK(1)"
    made = statement(
        [record(1, (JUNE_3, "1"), driver_name=evil, station_name=evil, token_label=evil, vehicle_name=evil)],
        number=evil,
    )
    (row,) = _rows(statement_csv(made, dialect), dialect)

    cells = [row[name] for name in ("Abrechnung", "Ladestation", "Fahrer/in", "Ladekarte", "Fahrzeug")]
    for cell in cells:
        for part in cell.replace(",", ";").split(";"):
            assert not part.lstrip().startswith(("=", "+", "-", "@", "＝"))
        assert "HYPERLINK(1)" in cell


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_any_name_stays_in_its_cell(name: str) -> None:
    made = statement([record(1, (JUNE_3, "1"), driver_name=name)])

    for dialect in CsvDialect:
        (row,) = _rows(statement_csv(made, dialect), dialect)
        assert not row["Fahrer/in"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert row["Brutto"].replace(",", ".") == "0.30"


def test_meter_that_nobody_read_is_left_open() -> None:
    made = statement([record(1, (JUNE_3, "1"), meter_start_wh=None, meter_stop_wh=Decimal("1234.5"))])

    (row,) = _rows(statement_csv(made, CsvDialect.COMMA), CsvDialect.COMMA)
    assert (row["Zähler Beginn (kWh)"], row["Zähler Ende (kWh)"]) == ("", "1.2345")


def test_months_of_a_record_for_an_employer() -> None:
    made = employer_statement()

    assert _rows(employer_csv(made, CsvDialect.SEMICOLON), CsvDialect.SEMICOLON) == [
        {
            "Abrechnung": "2026-0001",
            "Fahrzeug": "VW ID.3",
            "Kennzeichen": "STA-SC 42E",
            "Monat": "06.2026",
            "Energie (kWh)": "40,000",
            "Tatsächliche Stromkosten": "12,00",
            "Satz je kWh": "0,34",
            "Betrag nach Satz": "13,60",
            "Währung": "EUR",
        }
    ]


@pytest.mark.parametrize(
    ("made", "rate"),
    [(employer_statement(rates={}, language="en"), "none known"), (employer_statement(rates=None, language="en"), "")],
)
def test_rate_that_is_not_known_is_told_where_it_is_needed(made: Statement, rate: str) -> None:
    (row,) = _rows(employer_csv(made, CsvDialect.COMMA), CsvDialect.COMMA)

    assert (row["Month"], row["Rate per kWh"], row["Amount by rate"]) == ("2026-06", rate, "")

"""Printed statements: what they say in both languages, that it is all on the page, and always the same."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
import hashlib
import io
from itertools import pairwise
import os
from pathlib import Path
import subprocess
import sys

from hypothesis import given, settings, strategies as st
import pypdf
import pypdfium2
import pytest

from custom_components.smart_charging.engine.billing import pdf_canvas
from custom_components.smart_charging.engine.billing.pdf_canvas import Canvas, Style
from custom_components.smart_charging.engine.billing.pdf_flow import Piece, pages
from custom_components.smart_charging.engine.billing.statement_pdf import statement_pdf
from custom_components.smart_charging.engine.charge_record import Issuer, LineKind, Statement, StatementOf
from custom_components.smart_charging.engine.usage import SignedMark
from tests.engine.billing.statement_builders import (
    employer_statement,
    energy_line,
    logo,
    other_line,
    record,
    rich_statement,
    statement,
)

JUNE_3 = date(2026, 6, 3)
MARGIN_PT = 14 / 25.4 * 72  # nothing is nearer to the edge of the paper


def _pages(made: Statement) -> list[str]:
    reader = pypdf.PdfReader(io.BytesIO(statement_pdf(made)))
    return [page.extract_text().replace("\u00a0", " ") for page in reader.pages]


def _text(made: Statement) -> str:
    return "\n".join(_pages(made))


def test_german_statement() -> None:
    text = _text(rich_statement())

    for told in (
        "Ladeabrechnung",
        "Sonnenhof Müller GbR",
        "Am Weiher 7",
        "St.-Nr./USt-IdNr.: DE123456789",
        "Für · Fahrer/in",
        "Anna Schröder",
        "Kostenstelle: 4711",
        "Kennzeichen: STA-SC 42E",
        "2026-0002",
        "01.06.2026 – 30.06.2026",
        "01.07.2026",
        "03.06.2026",
        "18:00 – 21:00",
        "18:00 – 01.07. 21:00",
        "12,345",
        "30 %",
        "Ø 0,2001 €",
        "4,97 €",
        "-3,00 €",
        "Zähler 1.234,567 – 1.246,912 kWh · ✓ Signatur geprüft",
        "Signatur ungültig",
        "Storno zu 2026-0001",
        "Nachtrag · berichtigt",
        "offline freigegeben",
        "Sonne 8,000 kWh × 0,12 € · Netz 4,345 kWh × 0,3475 €",
        "Standzeit 3,50 € · Grundgebühr 1,00 €",
        "Freimenge -2,00 €",
        "Teil eines längeren Ladevorgangs",
        "76,878 kWh · Sonne 30 %",
        "USt. 7 %",
        "USt. 19 %",
        "24,33 €",
        "Seite 1 von 1",
        rich_statement().hash,
    ):
        assert told in text


def test_english_statement() -> None:
    text = _text(rich_statement(language="en-GB"))

    for told in (
        "Charging statement",
        "For · Driver",
        "Cost centre: 4711",
        "1 Jun 2026 – 30 Jun 2026",
        "18:00 – 1 Jul 21:00",
        "12.345",
        "avg. €0.2001",
        "-€3.00",
        "Meter 1,234.567 – 1,246.912 kWh · ✓ signature verified",
        "reverses an entry of 2026-0001",
        "added late · corrected",
        "VAT 7%",
        "€24.33",
        "Page 1 of 1",
    ):
        assert told in text


def test_record_for_an_employer_by_the_rate() -> None:
    text = _text(employer_statement())

    for told in (
        "Nachweis für den Arbeitgeber",
        "Für · Fahrzeug",
        "Zähler Beginn",
        "1.243,067",
        "Nach Fahrzeug und Monat",
        "06.2026",
        "40,000 kWh",
        "0,34 €",
        "Betrag nach Jahrespauschale",
        "13,60 €",
        "Strompreispauschale",
    ):
        assert told in text
    assert "Stromkosten" not in text


def test_record_for_an_employer_by_actual_cost() -> None:
    text = _text(employer_statement(rates=None, language="en"))

    for told in ("Record for your employer", "Energy cost", "Actual cost of energy", "Jun 2026", "€12.00"):
        assert told in text


def test_rate_that_is_not_known_is_told() -> None:
    text = _text(employer_statement(rates={}))

    assert "Für 2026 ist kein Satz je kWh bekannt." in text
    assert "nicht bekannt" in text
    assert "€" not in text


def test_statement_about_nothing_says_so() -> None:
    assert "In diesem Zeitraum wurde nichts geladen." in _text(statement([]))
    assert "0,00 €" in _text(statement([]))
    assert "Nothing was charged in this period." in _text(employer_statement(language="en", subject_id="none"))


def test_long_statement_says_on_each_page_what_it_is() -> None:
    made = statement([record(number, (date(2026, 6, 1 + number % 30), f"{number}.25")) for number in range(1, 101)])
    told = _pages(made)

    assert len(told) > 3
    for index, page in enumerate(told):
        assert f"Seite {index + 1} von {len(told)}" in page
        assert "Preis/kWh" in page
    assert all("Ladeabrechnung 2026-0001 · Anna Schröder" in page for page in told[1:])
    assert "".join(told).count("Carport links") == 100


def test_prices_before_tax_and_those_of_the_market_are_told_as_such() -> None:
    market = replace(energy_line(JUNE_3, "10", "0.3333"), unit_price=None)
    net = record(1, (JUNE_3, "10"), vat_included=False)
    made = statement(
        [
            net,
            replace(record(2, (JUNE_3, "10")), lines=(market,)),
            replace(record(3, (JUNE_3, "10")), lines=(market,), vat_included=False),
            replace(record(4, (JUNE_3, "10")), lines=(market, energy_line(JUNE_3, "5"))),
        ]
    )
    text = _text(made)

    assert "Preise ohne USt." in text
    assert "Ø 0,333 €" in text
    assert "Ø 0,28 €" in text
    assert "Energie 5,000 kWh × 0,30 €" in text


def test_what_is_unknown_is_left_open() -> None:
    bare = replace(
        record(1, (JUNE_3, "0")),
        days=(),
        lines=(other_line(LineKind.FLAT, JUNE_3, "1.00"),),
        meter_start_wh=None,
        meter_stop_wh=None,
        signed=SignedMark.UNSIGNED,
        token_label=None,
        vehicle_name=None,
        clock_off=True,
        lost=True,
    )
    half = replace(record(2, (JUNE_3, "1")), meter_stop_wh=None)
    quiet = replace(bare, record_id="r3", token_label="Gast")
    text = _text(statement([bare, half, quiet]))

    assert "Grundgebühr 1,00 € · Zeit des Servers" in text
    assert "Ende geschätzt" in text
    assert "Zähler 1.234,567 – – kWh" in text
    assert text.count("Zähler") == 1


@pytest.mark.parametrize(
    ("currency", "language", "told"),
    [
        ("JPY", "en", "¥1,235"),
        ("JPY", "de", "1.235 ¥"),
        ("KWD", "en", "KWD 1,234.500"),
        ("GBP", "en", "£1,234.50"),
        ("CHF", "de", "1.234,50 CHF"),
        ("SEK", "fr", "SEK 1,234.50"),
    ],
)
def test_money_is_written_as_its_currency_and_language_want_it(currency: str, language: str, told: str) -> None:
    line = other_line(LineKind.FLAT, JUNE_3, "1234.50", vat="0")
    made = statement([replace(record(1, (JUNE_3, "1")), lines=(line,), currency=currency)], language=language)

    assert told in _text(made)


LONG = "Straßenbahndepotladestation-ohne-Leerzeichen-" * 30


def test_long_names_stay_on_the_paper() -> None:
    stays = [
        record(
            number,
            (JUNE_3, "99999.999"),
            station_name=LONG,
            driver_name=LONG,
            token_label=LONG,
            vehicle_name="Kleiner Bus " * 50,
            version=3,
            offline=True,
            lost=True,
        )
        for number in range(3)
    ]
    made = statement(
        [
            replace(stays[0], lines=tuple(other_line(LineKind.FLAT, JUNE_3, "99999999.99") for _ in range(40))),
            *stays[1:],
        ],
        of=StatementOf.SITE,
        subject_id="home",
        subject_name=LONG,
        site_name=LONG,
        details={LONG: LONG, **{str(index): "x" for index in range(20)}},
        issuer=Issuer(LONG, (LONG,) * 20, LONG, logo()),
    )
    document = pypdfium2.PdfDocument(statement_pdf(made))
    for page in document:
        width, height = page.get_size()
        text = page.get_textpage()
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index)
            assert left >= MARGIN_PT - 0.5 and right <= width - MARGIN_PT + 0.5
            assert bottom >= 20 and top <= height - 20
    assert "…" in _text(made)


def test_large_numbers_do_not_run_into_what_is_beside_them() -> None:
    stay = record(1, (JUNE_3, "123456789.123"), station_name="W" * 100)
    made = statement(
        [replace(stay, lines=(replace(energy_line(JUNE_3, "123456789123"), unit_price=Decimal(9876543)),))]
    )
    page = pypdfium2.PdfDocument(statement_pdf(made))[0].get_textpage()
    text = page.get_text_range()
    for row in (
        ("WWW…", "123.456.789,123", "30", "9.876.543,00", "37.037.036.736,90"),
        ("USt.", "31.123.560.283,11", "5.913.476.453,79", "37.037.036.736,90"),
    ):
        end, at = 0.0, text.index(row[0]) if row[0] != "USt." else text.rindex("USt. 19")
        for told in row:
            at = text.index(told, at)
            assert page.get_charbox(at)[0] > end
            end = page.get_charbox(at + len(told) - 1)[2]


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_any_text_can_be_printed(name: str, number: str) -> None:
    made = statement(
        [record(1, (JUNE_3, "1"), station_name=name, token_label=number)],
        number=number,
        subject_name=name,
        issuer=Issuer(name, (number,), number),
        details={number: name},
    )

    assert "0,30 €" in _text(made)


def test_what_the_font_lacks_is_a_box() -> None:
    text = _text(statement([], subject_name="Ω Ж ő 漢字 🚗 e\u0301\u200b\ud800", number="a\tb\nc"))

    assert "Ω Ж ő □□ □ é□" in text
    assert "a b c" in text


# Without the integration's own package, which would load Home Assistant.
PROGRAM = """
import hashlib, sys, types
for name in ("custom_components", "custom_components.smart_charging"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [name.replace(".", "/")]
from tests.engine.billing.statement_builders import rich_statement
from custom_components.smart_charging.engine.billing.statement_pdf import statement_pdf
print(hashlib.sha256(statement_pdf(rich_statement())).hexdigest())
"""


def test_same_statement_is_the_same_file_in_any_process() -> None:
    elsewhere = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    assert hashlib.sha256(statement_pdf(rich_statement())).hexdigest() == elsewhere.stdout.strip()
    other = rich_statement(issued_at=datetime(2026, 7, 2, tzinfo=UTC))
    assert statement_pdf(other) != statement_pdf(rich_statement())


def test_file_says_what_it_is_and_when_it_was_issued() -> None:
    reader = pypdf.PdfReader(io.BytesIO(statement_pdf(rich_statement())))

    assert reader.metadata is not None
    assert reader.metadata.title == "Ladeabrechnung 2026-0002"
    assert reader.metadata.author == "Sonnenhof Müller GbR"
    assert reader.metadata.creation_date == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_logo_is_printed(form: str) -> None:
    made = statement([], issuer=Issuer("Hof", logo=logo(form)))
    image = pypdfium2.PdfDocument(statement_pdf(made))[0].render(scale=1).to_pil().convert("RGB")

    red, green, blue = image.getpixel((525, 55))
    assert abs(red - 14) < 12 and abs(green - 92) < 12 and abs(blue - 125) < 12


def test_fonts_are_small_and_have_their_licence() -> None:
    fonts = Path(pdf_canvas.__file__).parent / "fonts"

    assert {path.name for path in fonts.iterdir()} == {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE.txt"}
    assert all(path.stat().st_size < 400_000 for path in fonts.glob("*.ttf"))
    assert "Bitstream Vera" in (fonts / "LICENSE.txt").read_text()


def test_text_breaks_between_words_and_the_last_line_is_cut() -> None:
    canvas, style = Canvas("x", "y", "de", datetime(2026, 1, 1, tzinfo=UTC)), Style(10)

    assert canvas.wrap("one two", style, 100, 2) == ["one two"]
    assert canvas.wrap("one two", style, 8, 2) == ["one", "two"]
    assert canvas.wrap("one two three", style, 8, 2) == ["one", "tw…"]
    assert canvas.fit("wide", style, 0) == "…"


heights = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30), st.booleans()), max_size=60)


@given(heights)
def test_each_piece_is_once_on_a_page_and_within_it(told: list[tuple[int, int, bool]]) -> None:
    def draw(y: float) -> None:
        raise AssertionError("nothing is drawn yet")

    head = Piece(7, draw)
    pieces = [Piece(height, draw, keep=keep, head=head if headed else None) for height, keep, headed in told]
    placed = pages(pieces, 80, 30, 270)

    in_order = [one.piece for page in placed for one in page if one.piece is not head]
    assert [id(piece) for piece in in_order] == [id(piece) for piece in pieces]
    for number, page in enumerate(placed):
        y = 30 if number else 80
        for one in page:
            assert one.y == y
            y += one.piece.height
        assert y <= 270
        if number:
            assert page[0].piece is head or page[0].piece.head is None
    for before, after in pairwise(placed):
        first = after[0].piece if after[0].piece is not head else after[1].piece
        end = before[-1].y + before[-1].piece.height if before else 80
        assert end + first.height + first.keep > 270

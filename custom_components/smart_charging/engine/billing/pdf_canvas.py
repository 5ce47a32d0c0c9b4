"""Sheets of A4 to write on, with the shipped fonts. Places and lengths are in mm from the top left, sizes in points."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
import io
import logging
from pathlib import Path
from typing import Final
import unicodedata

from fpdf import FPDF
from fpdf.fonts import TTFFont
from PIL import Image

PAGE_WIDTH: Final = 210.0
PAGE_HEIGHT: Final = 297.0

type Colour = tuple[int, int, int]

INK: Final[Colour] = (33, 37, 41)
GREY: Final[Colour] = (105, 113, 122)
ACCENT: Final[Colour] = (14, 92, 125)
WARNING: Final[Colour] = (166, 77, 0)
RULE: Final[Colour] = (216, 221, 226)
BAND: Final[Colour] = (234, 242, 246)

_FONTS: Final = Path(__file__).parent / "fonts"
_FAMILY: Final = "dejavu"
_MISSING: Final = "\u25a1"  # a box stands for what the font has no glyph of
_CUT: Final = "…"
_MM_PER_POINT: Final = 25.4 / 72
_LONGEST: Final = 1000  # characters of a text that are looked at
_UNSEEN: Final = frozenset({"Cc", "Cf", "Mn"})  # control and format characters, and marks that nothing composes with


@dataclass(frozen=True, slots=True)
class Style:
    """How a text looks."""

    size: float = 8.5
    bold: bool = False
    colour: Colour = INK


class Canvas:
    """A document in the making: the same calls give the same bytes, on any day."""

    def __init__(self, title: str, author: str, language: str, created: datetime) -> None:
        """Begin a document without a page."""
        _quieten(logging.getLogger("fontTools"))
        self._pdf = FPDF(orientation="portrait", unit="mm", format="A4")
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.set_creation_date(created.astimezone(UTC))
        self._widths = {
            False: self._load("", _FONTS / "DejaVuSans.ttf"),
            True: self._load("B", _FONTS / "DejaVuSans-Bold.ttf"),
        }
        self._known = frozenset(self._widths[False].keys() & self._widths[True].keys())
        self._pdf.set_title(self.printable(title))
        self._pdf.set_author(self.printable(author))
        self._pdf.set_lang(language)
        self._style: Style | None = None
        self._colour: Colour | None = None
        self._pen: tuple[Colour, float] | None = None

    def _load(self, style: str, path: Path) -> dict[str, float]:
        """Return how wide a font's characters are, in thousandths of the size."""
        self._pdf.add_font(_FAMILY, style, path)
        font = self._pdf.fonts[_FAMILY + style]
        assert isinstance(font, TTFFont)
        return {chr(code): font.cw[code] for code in font.cmap if unicodedata.category(chr(code)) not in _UNSEEN}

    def add_page(self) -> None:
        """Go on with a new page."""
        self._pdf.add_page()
        self._style = self._colour = self._pen = None

    def printable(self, text: str) -> str:
        """Return a text on one line, of characters that the fonts have."""
        text = text[:_LONGEST]
        if self._known.issuperset(text):
            return text
        seen = (
            letter
            for letter in unicodedata.normalize("NFC", text)
            if letter.isspace() or unicodedata.category(letter) not in _UNSEEN
        )
        return "".join(letter if letter in self._known else " " if letter.isspace() else _MISSING for letter in seen)

    def width(self, text: str, style: Style) -> float:
        """Return how wide a printable text is."""
        return sum(map(self._widths[style.bold].__getitem__, text)) * style.size * _MM_PER_POINT / 1000

    def fit(self, text: str, style: Style, width: float) -> str:
        """Return a text as it can be printed within a width, cut where it is longer."""
        text = self.printable(text)
        if self.width(text, style) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle].rstrip() + _CUT, style) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + _CUT

    def wrap(self, text: str, style: Style, width: float, most: int) -> list[str]:
        """Return a text on up to `most` lines, broken between words where it can be, the last one cut."""
        words, lines = self.printable(text).split(" "), [""]
        for word in words:
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if self.width(longer, style) <= width:
                lines[-1] = longer
            elif lines[-1]:
                lines.append(word)
            else:
                lines[-1] = word
        if len(lines) > most:
            lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
        return [self.fit(line, style, width) for line in lines]

    def text(self, x: float, y: float, text: str, style: Style) -> None:
        """Write a printable text from a place on the base line on."""
        if style != self._style:
            self._pdf.set_font(_FAMILY, "B" if style.bold else "", style.size)
            self._style = style
        if style.colour != self._colour:
            # Where both are the same, a text needs no change of colour of its own.
            self._pdf.set_text_color(*style.colour)
            self._pdf.set_fill_color(*style.colour)
            self._colour = style.colour
        self._pdf.text(x, y, text)

    def text_right(self, x: float, y: float, text: str, style: Style, room: float = PAGE_WIDTH) -> None:
        """Write a printable text that ends at a place on the base line, smaller where it has not room enough."""
        width = self.width(text, style)
        if width > room:
            style = replace(style, size=style.size * room / width)
            width = room
        self.text(x - width, y, text, style)

    def rule(self, left: float, right: float, y: float, colour: Colour = RULE, thickness: float = 0.2) -> None:
        """Draw a line across."""
        if self._pen != (colour, thickness):
            self._pdf.set_line_width(thickness)
            self._pdf.set_draw_color(*colour)
            self._pen = (colour, thickness)
        self._pdf.line(left, y, right, y)

    def band(self, left: float, right: float, top: float, height: float, colour: Colour = BAND) -> None:
        """Fill an area."""
        self._pdf.set_fill_color(*colour)
        self._pdf.rect(left, top, right - left, height, style="F")
        self._colour = None

    def image(self, data: bytes, right: float, top: float, width: float, height: float) -> None:
        """Put an image into the upper right corner of an area, as large as it fits there."""
        with Image.open(io.BytesIO(data)) as image:
            scale = min(width / image.width, height / image.height)
            shown, high = image.width * scale, image.height * scale
        self._pdf.image(io.BytesIO(data), right - shown, top, shown, high)

    def output(self) -> bytes:
        """Return the document."""
        return bytes(self._pdf.output())


def _quieten(logger: logging.Logger) -> None:
    """Keep out of the log what is told of each glyph of each document, unless somebody asked for it."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)

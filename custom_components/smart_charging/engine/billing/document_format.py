"""How documents write numbers, money and times in each language."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

# ISO 4217: currencies whose smallest unit is not a hundredth.
_MINOR_DIGITS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "PLN": "zł", "CZK": "Kč", "ILS": "₪", "INR": "₹"}
_BEFORE: Final = frozenset({"EUR", "GBP", "USD", "JPY", "ILS", "INR"})  # in English these stand before the number
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HARD_SPACE: Final = "\u00a0"
_MOST_PRICE_DIGITS: Final = 6
_STEPS: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(_MOST_PRICE_DIGITS + 1))
_WIDE: Final = Context(prec=400, traps=[InvalidOperation])  # digits of the longest number that is written in full


class Language(StrEnum):
    """A language that documents are written in."""

    GERMAN = "de"
    ENGLISH = "en"


def language_of(code: str) -> Language:
    """Return the language of a code like `de` or `de-AT`: English where there are no documents in it."""
    return Language.GERMAN if code.lower().replace("_", "-").split("-")[0] == "de" else Language.ENGLISH


def minor_digits(currency: str) -> int:
    """Return how many decimals the smallest unit of a currency has (ISO 4217)."""
    return _MINOR_DIGITS.get(currency.upper(), 2)


def rounded(value: Decimal, digits: int) -> Decimal:
    """Return a number with this many decimals, up to 6, halves away from zero, never a negative zero."""
    cut = value.quantize(_STEPS[digits], ROUND_HALF_UP, _WIDE)
    return cut or abs(cut)


def number(value: Decimal, digits: int, language: Language) -> str:
    """Return a number with this many decimals: 1.234,50 or 1,234.50."""
    text = f"{rounded(value, digits):,f}"
    return text.translate({ord(","): ".", ord("."): ","}) if language is Language.GERMAN else text


def money(value: Decimal, currency: str, language: Language) -> str:
    """Return an amount of money: 1.234,50 € or €1,234.50."""
    return _with_unit(value, minor_digits(currency), currency, language)


def unit_price(value: Decimal, currency: str, language: Language) -> str:
    """Return the price of one unit, with as many decimals as it has, up to 6."""
    shortest = minor_digits(currency)
    text = f"{rounded(value, _MOST_PRICE_DIGITS):f}".rstrip("0")
    digits = len(text.partition(".")[2])
    return _with_unit(value, max(shortest, digits), currency, language)


def kilowatt_hours(energy_wh: Decimal, language: Language) -> str:
    """Return an energy in kWh to the Wh, without the unit."""
    return number(energy_wh.scaleb(-3), 3, language)


def percent(value: Decimal, language: Language) -> str:
    """Return a number of percent with as many decimals as it has, up to 2."""
    text = f"{rounded(value, 2):f}".rstrip("0").rstrip(".")
    return (text.replace(".", ",") + _HARD_SPACE if language is Language.GERMAN else text) + "%"


def day(value: date, language: Language) -> str:
    """Return a date: 01.06.2026 or 1 Jun 2026."""
    if language is Language.GERMAN:
        return f"{value:%d.%m.}{value.year:04}"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def month(value: date, language: Language) -> str:
    """Return the month of a date: 06.2026 or Jun 2026."""
    return f"{value:%m}.{value.year:04}" if language is Language.GERMAN else f"{_MONTHS[value.month - 1]} {value.year}"


def clock_span(start: datetime, end: datetime, language: Language) -> str:
    """Return the clock from begin to end, in the zone of these times, with the day of the end where it is another."""
    until = f"{end:%H:%M}"
    if end.date() != start.date():
        other = f"{end:%d.%m.}" if language is Language.GERMAN else f"{end.day} {_MONTHS[end.month - 1]}"
        until = f"{other} {until}"
    return f"{start:%H:%M} – {until}"


def _with_unit(value: Decimal, digits: int, currency: str, language: Language) -> str:
    symbol = _SYMBOLS.get(currency.upper(), currency.upper())
    shown = rounded(value, digits)
    amount, sign = number(abs(shown), digits, language), "-" if shown < 0 else ""
    if language is Language.GERMAN:
        return f"{sign}{amount}{_HARD_SPACE}{symbol}"
    if currency.upper() in _BEFORE:
        return f"{sign}{symbol}{amount}"
    return f"{sign}{symbol}{_HARD_SPACE}{amount}"

"""Exact amounts to decimal digits, so that what is split still sums to the whole."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal
from fractions import Fraction

# ISO 4217, list one: the currencies whose smallest unit is not a hundredth.
_DIGITS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_WIDE = Context(prec=100)


def minor_digits(currency: str) -> int:
    """Return how many decimals a currency's smallest unit has (ISO 4217); 2 for what is not known."""
    return _DIGITS.get(currency, 2)


def rounded(amount: Fraction, digits: int) -> Fraction:
    """Return the nearest amount with so many decimals; a half goes away from 0, as in trade."""
    units = _units(amount, digits)
    return Fraction(units, 10**digits)


def as_decimal(amount: Fraction, digits: int) -> Decimal:
    """Return the nearest decimal number with so many decimals."""
    return _decimal(_units(amount, digits), digits)


def plain(number: Decimal) -> Decimal:
    """Return a number without zeros at its end and without an exponent: equal numbers look alike."""
    return Decimal(format(number.normalize(_WIDE), "f"))


def running(amounts: Iterable[Fraction], digits: int) -> Iterator[Decimal]:
    """Yield for each amount what the rounded sum rises by with it: the parts sum to the rounded whole.

    So does each run from the first on: what a stay came to up to some day is rounded right, too.
    """
    total, before = Fraction(0), 0
    for amount in amounts:
        total += amount
        units = _units(total, digits)
        yield _decimal(units - before, digits)
        before = units


def _units(amount: Fraction, digits: int) -> int:
    numerator, denominator = abs(amount.numerator) * int(10**digits), amount.denominator
    units = (2 * numerator + denominator) // (2 * denominator)
    return units if amount.numerator >= 0 else -units


def _decimal(units: int, digits: int) -> Decimal:
    # By its digits: a context of few digits must not round it.
    return Decimal((int(units < 0), tuple(int(digit) for digit in str(abs(units))), -digits))

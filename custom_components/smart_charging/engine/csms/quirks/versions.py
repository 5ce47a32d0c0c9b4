"""Compares firmware versions as numbers, out of the texts that stations put around them."""

from dataclasses import dataclass
from itertools import zip_longest
import operator
import re
from typing import Self

from ...model import Json

_DOTTED = re.compile(r"\d{1,9}(?:\.\d{1,9})+")
_BARE = re.compile(r"\d{1,9}")
_BOUND = re.compile(r"(<=|>=|<|>|==)(\d{1,9}(?:\.\d{1,9})*)")
_COMPARES = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Version:
    """The numbers of a version, largest first; missing ones count as 0, so 1.8 is 1.8.0."""

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read a station's text, as "TAC3Z9119006710273::V1.8.21"; None where it has no number.

        The last group of numbers with dots counts: boards and serial numbers stand before it.
        """
        found = _DOTTED.findall(text or "") or _BARE.findall(text or "")[:1]
        return cls(tuple(int(number) for number in found[-1].split("."))) if found else None

    def compared(self, other: Version) -> int:
        """Return -1, 0 or 1 where this one is older, the same or newer."""
        for mine, theirs in zip_longest(self.numbers, other.numbers, fillvalue=0):
            if mine != theirs:
                return -1 if mine < theirs else 1
        return 0


@dataclass(frozen=True, slots=True)
class FirmwareRange:
    """Bounds that all must hold, as ">=5,<6"."""

    bounds: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, raw: Json) -> Self:
        """Read bounds; ValueError for what are none."""
        bounds = []
        for part in raw.split(",") if isinstance(raw, str) else [""]:
            found = _BOUND.fullmatch(part.strip())
            if found is None:
                raise ValueError(f"{part!r} is no bound of a firmware")
            bounds.append((found[1], Version(tuple(int(number) for number in found[2].split(".")))))
        return cls(tuple(bounds))

    def holds(self, firmware: str | None) -> bool:
        """Return whether a station's firmware lies within; one without a number lies nowhere."""
        version = Version.parse(firmware)
        if version is None:
            return False
        return all(_COMPARES[sign](version.compared(bound), 0) for sign, bound in self.bounds)

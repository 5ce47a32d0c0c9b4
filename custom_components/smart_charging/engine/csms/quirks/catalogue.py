"""The entries of the data files, read strictly at import, and which of them hold for a station."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
import fnmatch
from functools import lru_cache
from importlib.resources import files
import re
from typing import Final

import orjson

from ...model import Json
from .effects import DOCUMENTED, EFFECTS, TOLERATED, Quirks
from .versions import FirmwareRange

_STATIONS: Final = 256  # whose quirks are kept in mind


class CatalogueError(ValueError):
    """A data file that is not as it must be: where, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a station announces of itself."""

    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which stations an entry is for: every condition that is given must hold.

    Patterns have `*` and `?` and go for the whole text without regard to case; one of several is enough.
    """

    vendor: tuple[re.Pattern[str], ...] = ()
    model: tuple[re.Pattern[str], ...] = ()
    firmware: FirmwareRange | None = None
    protocol: str | None = None

    def fits(self, station: Identity) -> bool:
        """Return whether a station is of this kind."""
        return (
            _one_fits(self.vendor, station.vendor)
            and _one_fits(self.model, station.model)
            and (self.firmware is None or self.firmware.holds(station.firmware))
            and self.protocol in {None, station.protocol}
        )

    @property
    def specificity(self) -> tuple[int, bool, bool]:
        """Return a key that is larger for what says more of a station."""
        given = (bool(self.vendor), bool(self.model), self.firmware is not None, self.protocol is not None)
        return sum(given), self.firmware is not None, bool(self.model)


def _one_fits(patterns: Sequence[re.Pattern[str]], told: str | None) -> bool:
    return not patterns or any(pattern.fullmatch((told or "").strip()) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect of an entry, by its name; `note` says in a line why, or how it is dealt with."""

    name: str
    value: Json
    note: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one kind of station."""

    vendor: str
    station: str
    match: Match
    effects: tuple[Effect, ...]
    seen_on: str
    source: str
    example: Identity

    def apply(self, quirks: Quirks) -> Quirks:
        """Return quirks with those of this entry in place of theirs."""
        for effect in self.effects:
            if effect.name in EFFECTS:
                names = tuple(sorted({*quirks.names, effect.name}))
                quirks = replace(EFFECTS[effect.name](quirks, effect.value), names=names)
        return quirks


def read_file(name: str, raw: bytes | str) -> tuple[Entry, ...]:
    """Read one vendor's file; CatalogueError where anything is not as it must be."""
    try:
        whole = _object(orjson.loads(raw), {"vendor", "entries"})
        vendor = _text(whole["vendor"])
        entries = whole["entries"]
        if not isinstance(entries, list) or not entries:
            raise CatalogueError("no entries")
        return tuple(_entry(vendor, _object(entry, _ENTRY_KEYS)) for entry in entries)
    except (ValueError, KeyError) as error:
        raise CatalogueError(f"{name}: {error}") from error


_ENTRY_KEYS: Final = {"station", "match", "effects", "seen_on", "source", "example"}


def _object(raw: Json, keys: set[str], optional: Iterable[str] = ()) -> dict[str, Json]:
    """Return an object that has these keys and no others."""
    if not isinstance(raw, dict):
        raise CatalogueError("not an object")
    wrong = (keys - raw.keys()) | (raw.keys() - keys - set(optional))
    if wrong:
        raise CatalogueError(f"missing or unknown: {', '.join(sorted(wrong))}")
    return raw


def _text(raw: Json) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise CatalogueError(f"{raw!r} is not a text")
    return raw


def _entry(vendor: str, raw: Mapping[str, Json]) -> Entry:
    effects = raw["effects"]
    entry = Entry(
        vendor,
        _text(raw["station"]),
        _match(_object(raw["match"], set(), ("vendor", "model", "firmware", "protocol"))),
        tuple(_effect(effect) for effect in (effects if isinstance(effects, list) else [])),
        _text(raw["seen_on"]),
        _text(raw["source"]),
        _identity(_object(raw["example"], set(), ("vendor", "model", "firmware", "protocol"))),
    )
    if not entry.effects:
        raise CatalogueError(f"{entry.station} has no effects")
    if not entry.match.fits(entry.example):
        raise CatalogueError(f"{entry.station} does not match its own example")
    names = [effect.name for effect in entry.effects if effect.name in EFFECTS]
    if len(names) > len(set(names)):
        raise CatalogueError(f"{entry.station} has an effect twice")
    return entry


def _effect(raw: Json) -> Effect:
    plain = _object(raw, {"effect", "note"}, ("value",))
    effect = Effect(_text(plain["effect"]), plain.get("value", True), _text(plain["note"]))
    if effect.name in {TOLERATED, DOCUMENTED}:
        if "value" in plain:
            raise CatalogueError(f"{effect.name} has no value")
        return effect
    if effect.name not in EFFECTS:
        raise CatalogueError(f"unknown effect {effect.name}")
    try:
        EFFECTS[effect.name](Quirks(), effect.value)
    except ValueError as error:
        raise CatalogueError(f"{effect.name}: {error}") from error
    return effect


def _match(raw: Mapping[str, Json]) -> Match:
    match = Match(
        _patterns(raw.get("vendor")),
        _patterns(raw.get("model")),
        FirmwareRange.parse(raw["firmware"]) if "firmware" in raw else None,
        _text(raw["protocol"]) if "protocol" in raw else None,
    )
    if not match.vendor and not match.model:
        raise CatalogueError("a match names neither vendor nor model")
    return match


def _patterns(raw: Json) -> tuple[re.Pattern[str], ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not raw or not all(isinstance(text, str) for text in raw):
        raise CatalogueError("patterns are a list of texts")
    return tuple(re.compile(fnmatch.translate(str(text)), re.IGNORECASE) for text in raw)


def _identity(raw: Mapping[str, Json]) -> Identity:
    told = {key: str(value) for key, value in raw.items()}
    return Identity(told.get("vendor"), told.get("model"), told.get("firmware"), told.get("protocol"))


def _load() -> tuple[Entry, ...]:
    """Read all files: some milliseconds, at import, which is not in the event loop."""
    folder = files(__package__).joinpath("data")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return tuple(entry for file in found for entry in read_file(file.name, file.read_bytes()))


CATALOGUE: Final = _load()


@lru_cache(maxsize=_STATIONS)
def quirks_for(vendor: str | None, model: str | None, firmware: str | None, protocol: str | None) -> Quirks:
    """Return what holds for a station; of two entries with the same effect the one that says more of it wins."""
    station = Identity(vendor, model, firmware, protocol)
    fitting = [entry for entry in CATALOGUE if entry.match.fits(station)]
    quirks = Quirks()
    for entry in sorted(fitting, key=lambda entry: entry.match.specificity):
        quirks = entry.apply(quirks)
    return quirks

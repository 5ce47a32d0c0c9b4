"""From the events of a calendar to when a car leaves and what it is to have by then."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from html import unescape
import re
from typing import Final

from .config import CarConfig, DatedPlan

MOST_PLANS: Final = 50  # of one calendar; a car has no more departures in the time that is looked at
MOST_TITLE: Final = 100  # characters of an event's title that are kept and shown
MOST_ENERGY_WH: Final = 200_000.0
MOST_RANGE_KM: Final = 2000.0
_LONGEST_TEXT: Final = 10_000  # of a description; who writes more writes no targets
_FULL_PERCENT: Final = 100.0

# Descriptions are plain text in some calendars and HTML in others: a tag ends a line, too.
_LINE_END: Final = re.compile(r"[\r\n]|<[^<>]*>")
# What emoji and some scripts are joined by; it does not print by itself.
_JOINERS: Final = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_TARGET: Final = re.compile(r"(\d{1,4}(?:[.,]\d{1,2})?)\s?(%|kwh|km)", re.IGNORECASE | re.ASCII)


class EventChoice(StrEnum):
    """Which events of a calendar a car leaves for."""

    EVERY = "every"
    WITH_PLACE = "with_place"
    WITH_TITLE = "with_title"


@dataclass(frozen=True, slots=True)
class Target:
    """What a car is to have: so much energy in a session, or such a charge; None for nothing."""

    energy_wh: float | None = None
    soc_percent: float | None = None


@dataclass(frozen=True, slots=True)
class DepartureEvent:
    """An event of a calendar that begins at a time (aware), not with a day."""

    start: datetime
    title: str = ""
    place: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class DepartureRule:
    """Which events count, how long before them the car leaves, and what it is to have where they don't say.

    `text` is what the title has to contain where that decides, in whatever case.
    """

    events: EventChoice = EventChoice.WITH_PLACE
    text: str = ""
    lead: timedelta = timedelta()
    target: Target = Target()

    def counts(self, event: DepartureEvent) -> bool:
        """Return whether a car leaves for an event."""
        match self.events:
            case EventChoice.EVERY:
                return True
            case EventChoice.WITH_PLACE:
                return bool(event.place.strip())
            case EventChoice.WITH_TITLE:
                return self.text.casefold() in event.title.casefold()


def dated_plans(
    events: Iterable[DepartureEvent], rule: DepartureRule, car: CarConfig, now: datetime
) -> tuple[DatedPlan, ...]:
    """Return the departures that are still to come, in the order of time; of several at one time the first listed."""
    found: dict[datetime, DatedPlan] = {}
    for event in events:
        leaves = event.start.astimezone(UTC) - rule.lead
        if leaves > now and leaves not in found and rule.counts(event):
            told = told_target(event.description, car)
            target = rule.target if told is None else told
            plan = DatedPlan(leaves, target.energy_wh, target.soc_percent, short_title(event.title))
            found[leaves] = replace(plan, told=told is not None)
    return tuple(found[leaves] for leaves in sorted(found))[:MOST_PLANS]


def short_title(title: str) -> str:
    """Return a title on one line of at most `MOST_TITLE` characters, without what can't be written or shown.

    Calendars hold what anyone sent an invitation with: halves of surrogate pairs, which no file takes, and megabytes.
    """
    cut = title.strip()[: 4 * MOST_TITLE]
    line = "".join(one for one in " ".join(cut.split()) if one.isprintable() or one in _JOINERS)
    line = " ".join(line.split())
    return line if len(line) <= MOST_TITLE else line[: MOST_TITLE - 1] + "…"


def told_target(description: str, car: CarConfig) -> Target | None:
    """Return the target that a description names on a line of its own, as `80 %`, `30 kWh` or `200 km`; else None.

    Nothing is guessed: of two such lines, of one that no battery can have, and of a range for a car whose consumption is
    not known, nothing is understood. A range beyond a full battery is a full one.
    """
    if len(description) > _LONGEST_TEXT:
        return None
    lines = list(_target_lines(description))
    if len(lines) != 1:
        return None
    value, unit = lines[0]
    if value <= 0:
        return None
    match unit:
        case "%":
            return Target(soc_percent=value) if value <= _FULL_PERCENT else None
        case "kwh":
            return Target(energy_wh=value * 1000) if value * 1000 <= MOST_ENERGY_WH else None
        case _:
            return range_target(value, car) if value <= MOST_RANGE_KM else None


def range_target(range_km: float, car: CarConfig) -> Target | None:
    """Return the charge that carries a car so far, a full one for more than that; None where that can't be told."""
    if car.range_km is None:
        return None
    return Target(soc_percent=min(_FULL_PERCENT, range_km * _FULL_PERCENT / car.range_km))


def _target_lines(description: str) -> Iterator[tuple[float, str]]:
    """Yield number and unit of each line that is a target and nothing else."""
    for line in _LINE_END.split(unescape(description)):
        if found := _TARGET.fullmatch(line.replace("\N{NO-BREAK SPACE}", " ").strip()):
            number, unit = found.groups()
            yield float(number.replace(",", ".")), unit.casefold()

"""Cars at their stations: what a controller may see of them, and what its currents make of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .network import PLACES, Place
from .sessions import STEP_H, Period, Session

FULL_WH = 1.0


@dataclass(slots=True)
class Stay:
    """A session as it goes: what it got so far, and how often its current went to or from zero."""

    session: Session
    delivered_wh: float = 0.0
    drawing: bool = False
    switches: int = 0

    @property
    def place(self) -> Place:
        """Return where the car stands."""
        return PLACES[self.session.station]

    @property
    def left_wh(self) -> float:
        """Return what the car still takes."""
        return self.session.energy_wh - self.delivered_wh

    @property
    def full(self) -> bool:
        """Return whether the car takes nothing more."""
        return self.left_wh < FULL_WH

    def charge(self, current_a: float, hours: float) -> None:
        """Charge at this current; an end because the car is full or leaves is no switch."""
        if self.full:
            return
        drawing = current_a > 0
        self.switches += drawing != self.drawing
        self.drawing = drawing
        self.delivered_wh += min(self.left_wh, current_a * self.place.watts_per_a * hours)


class Controller(Protocol):
    """Who sets the currents."""

    def currents(self, step: int, stays: Sequence[Stay]) -> Mapping[int, float]:
        """Return A per phase for each station with a car, for this step."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a period."""

    delivered: float  # of the energy all cars need
    fully_served: float  # of the sessions
    switches_per_session: float


def steps(period: Period) -> Iterator[tuple[int, list[Stay], list[Stay]]]:
    """Yield each step with the stays present in it and those that just ended."""
    coming = list(reversed([Stay(session) for session in period.sessions]))
    present: list[Stay] = []
    for step in range(period.first, period.steps + 1):
        gone = [stay for stay in present if stay.session.departure <= step]
        present = [stay for stay in present if stay.session.departure > step]
        while coming and coming[-1].session.arrival <= step:
            present.append(coming.pop())
        yield step, present, gone


def play(period: Period, controller: Controller) -> list[Stay]:
    """Let a controller serve the period in steps of five minutes; returns all stays as they ended."""
    done: list[Stay] = []
    for step, present, gone in steps(period):
        done += gone
        currents = controller.currents(step, present)
        for stay in present:
            stay.charge(currents.get(stay.session.station, 0.0), STEP_H)
    return done


def outcome(done: Sequence[Stay]) -> Outcome:
    """Return the figures of ended stays."""
    return Outcome(
        delivered=sum(stay.delivered_wh for stay in done) / sum(stay.session.energy_wh for stay in done),
        fully_served=sum(stay.full for stay in done) / len(done),
        switches_per_session=sum(stay.switches for stay in done) / len(done),
    )

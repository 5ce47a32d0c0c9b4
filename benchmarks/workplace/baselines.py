"""Known ways to share, from their public descriptions: sorted greedy ones, round robin, and none at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import math

from .charging import Stay
from .network import MIN_A, capacities
from .sessions import STEP_H

type Urgency = Callable[[int, Stay], float]


def first_come(_step: int, stay: Stay) -> float:
    """Order by arrival."""
    return stay.session.arrival_s


def earliest_deadline(_step: int, stay: Stay) -> float:
    """Order by departure, known exactly."""
    return stay.session.departure_s


def least_laxity(step: int, stay: Stay) -> float:
    """Order by the steps left beside those of charging at the full rate; departure and need known exactly."""
    return stay.session.departure - step - stay.left_wh / (stay.place.watts_per_a * stay.place.max_a * STEP_H)


@dataclass(frozen=True, slots=True)
class SortedGreedy:
    """Gives the first in order the most that is feasible, then the next one."""

    root_a: float
    urgency: Urgency

    def currents(self, step: int, stays: Sequence[Stay]) -> Mapping[int, float]:
        """Return whole A or nothing below the least that can be offered."""
        left = capacities(self.root_a)
        given: dict[int, float] = {}
        for stay in sorted(stays, key=lambda stay: self.urgency(step, stay)):
            current_a = min([most_useful(stay), *(math.floor(left[row]) for row in stay.place.rows)])
            if current_a < MIN_A:
                continue
            given[stay.session.station] = current_a
            for row in stay.place.rows:
                left[row] -= current_a
        return given


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Raises one after the other by one step, again and again, until nobody can be raised."""

    root_a: float

    def currents(self, _step: int, stays: Sequence[Stay]) -> Mapping[int, float]:
        """Return whole A or nothing below the least that can be offered."""
        left = capacities(self.root_a)
        given = {stay.session.station: 0 for stay in stays}
        waiting = [stay for stay in stays if not stay.full]
        while waiting:
            raised: list[Stay] = []
            for stay in waiting:
                current_a = given[stay.session.station]
                more_a = 1 if current_a else MIN_A
                if current_a + more_a > most_useful(stay) or any(left[row] < more_a for row in stay.place.rows):
                    continue
                given[stay.session.station] += more_a
                for row in stay.place.rows:
                    left[row] -= more_a
                raised.append(stay)
            waiting = raised
        return given


@dataclass(frozen=True, slots=True)
class Uncontrolled:
    """Gives everybody all a station can, whatever the limits."""

    def currents(self, _step: int, stays: Sequence[Stay]) -> Mapping[int, float]:
        """Return the stations' ratings."""
        return {stay.session.station: stay.place.max_a for stay in stays}


def most_useful(stay: Stay) -> int:
    """Return the whole A that a step can use, at least what can be offered unless the car is full."""
    if stay.full:
        return 0
    needed_a = math.ceil(stay.left_wh / (stay.place.watts_per_a * STEP_H) - 1e-9)
    return min(stay.place.max_a, max(MIN_A, needed_a))

"""When the car is at home and what it needs until it leaves: afternoons away, the sun of most noons at home."""

from dataclasses import dataclass
from random import Random

from benchmarks.series import MINUTES_PER_DAY

SEED = 7
JITTER_MIN = 45
NEED_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Stay:
    """From plug-in to departure, in minutes from the begin; `need_wh` has to be in the car by then."""

    arrival: int
    departure: int
    need_wh: float


@dataclass(frozen=True, slots=True)
class Trip:
    """Away on a weekday (Monday is 0), in minutes of the day; `wh` is what it takes."""

    weekday: int
    leaves: int
    returns: int
    wh: float


TRIPS = (
    Trip(0, 15 * 60, 20 * 60 + 30, 9_000.0),
    Trip(2, 15 * 60, 20 * 60 + 30, 9_000.0),
    Trip(3, 14 * 60 + 30, 18 * 60 + 30, 6_000.0),
    Trip(4, 15 * 60, 20 * 60, 7_000.0),
    Trip(5, 14 * 60, 19 * 60, 8_000.0),
)
FIRST_NEED_WH = 7_000.0


def stays(days: int) -> list[Stay]:
    """Return the stays of a period that begins on a Monday with the car plugged in; the last may be cut off."""
    random = Random(SEED)
    found: list[Stay] = []
    arrival, need_wh = 0, FIRST_NEED_WH
    for day in range(days):
        for trip in TRIPS:
            if trip.weekday != day % 7:
                continue
            begin = day * MINUTES_PER_DAY
            found.append(Stay(arrival, begin + trip.leaves + random.randint(-JITTER_MIN, JITTER_MIN), need_wh))
            arrival = begin + trip.returns + random.randint(-JITTER_MIN, JITTER_MIN)
            need_wh = trip.wh * random.uniform(1 - NEED_SPREAD, 1 + NEED_SPREAD)
    return found

"""The part of a linear programme for cars that give energy back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .problem import PlannedCar, Problem
from .programme_parts import EARLIER, INFINITE, TURNS, Columns, Floats, Ints, Rows


@dataclass(frozen=True, slots=True)
class Charging:
    """The charging columns of all cars, car by car: whose, in which slot, and the Wh a W brings.

    `begins` is where each car's begin, and last where they end.
    """

    who: Ints
    slots: Ints
    charge: Ints
    taken: Floats
    begins: Ints

    def of(self, number: int) -> slice:
        """Return where a car's columns are."""
        return slice(int(self.begins[number]), int(self.begins[number + 1]))


@dataclass(frozen=True, slots=True)
class Giving:
    """The columns of what cars give back: the place of each among the charging ones, and the Wh a W costs."""

    of: Ints
    discharge: Ints
    given: Floats

    def of_car(self, charging: Charging, number: int) -> slice:
        """Return where a car's columns are."""
        begin, end = np.searchsorted(self.of, charging.begins[number : number + 2])
        return slice(int(begin), int(end))


def each(cars: tuple[PlannedCar, ...], value: Callable[[PlannedCar], float]) -> Floats:
    """Return a value of each car."""
    return np.array([value(car) for car in cars], dtype=np.float64)


def add_giving(
    problem: Problem, charging: Charging, columns: Columns, rows: Rows, balance: Ints, hours: Floats
) -> Giving:
    """Add what cars give back that can, in the slots in which they are there.

    Never where a kWh more costs nothing: what is lost on the way through a car would seem to earn money.
    """
    cars = problem.cars
    most = each(cars, lambda car: car.max_discharge_w)
    of = np.flatnonzero(most[charging.who] > 0)
    who, slots = charging.who[of], charging.slots[of]
    here = hours[slots]
    efficiency = each(cars, lambda car: car.discharge_efficiency)[who]
    worth, wear = each(cars, lambda car: car.worth)[who], each(cars, lambda car: car.wear)[who]
    buy, sell = np.asarray(problem.import_price), np.asarray(problem.feed_in_price)
    short = np.asarray(problem.base_w) >= np.asarray(problem.pv_w)
    costs = ((buy > 0) & ((sell >= 0) | short))[slots]
    soon = 2 * EARLIER * slots  # what is bought counts less in the first of two equal slots, too
    discharge = columns.add(0.0, most[who] * costs, (worth / efficiency + wear + TURNS + soon) * here)
    rows.enter(balance[slots], discharge, 1.0)
    return Giving(of, discharge, here / efficiency)


def keep_to_the_house(problem: Problem, charging: Charging, giving: Giving, rows: Rows) -> None:
    """Let cars that sell nothing give no more than the house takes beside the sun."""
    homely = np.array([not car.can_sell for car in problem.cars], dtype=np.bool_)
    of = np.flatnonzero(homely[charging.who[giving.of]]) if len(giving.of) else giving.of
    if len(of):
        house = np.maximum(np.asarray(problem.base_w) - np.asarray(problem.pv_w), 0.0)
        covered = rows.add(-INFINITE, house, problem.slots)
        rows.enter(covered[charging.slots[giving.of[of]]], giving.discharge[of], 1.0)


def keep_contents(car: PlannedCar, rows: Rows, charging: Charging, giving: Giving, number: int) -> Ints:
    """Let a car that gives never give what it does not hold, nor hold more than it has room for; return the rows of its slots."""
    if car.max_discharge_w <= 0:
        return np.zeros(0, dtype=np.int64)
    mine, back = charging.of(number), giving.of_car(charging, number)
    size = mine.stop - mine.start
    held = rows.add(-car.stored_wh, car.room_wh, size)
    after, before = np.tril_indices(size)
    rows.enter(held[after], charging.charge[mine][before], charging.taken[mine][before])
    rows.enter(held[after], giving.discharge[back][before], -giving.given[back][before])
    return held

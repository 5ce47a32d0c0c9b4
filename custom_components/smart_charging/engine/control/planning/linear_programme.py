"""A planning problem as a linear programme, in the arrays that HiGHS takes; numpy alone, nothing is solved here.

Minimises, in thousandths of money, what is bought less what is sold, what missing energy and a new peak cost, and what stored energy is worth.
Columns: for each slot import, export, what flows above a limit, and curtailed PV; then the peak, the batteries'
charging, discharging and contents, and each car's charging, discharging and missing energies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .giving_columns import Charging, Giving, add_giving, each, keep_contents, keep_to_the_house
from .problem import PlannedBattery, PlannedCar, Problem
from .programme_parts import EARLIER, INFINITE, TURNS, Columns, Floats, Ints, Rows


@dataclass(frozen=True, slots=True)
class CarColumns:
    """Where a car stands: the slots it is present in, and the columns and rows of its own."""

    slots: Ints
    charge: Ints
    discharge: Ints
    missing: Ints
    target_rows: Ints
    room_row: int
    delivered: float
    held_rows: Ints  # of what it holds after each of its slots, where it can give


@dataclass(frozen=True, slots=True)
class BatteryColumns:
    """Where a battery stands."""

    charge: Ints
    discharge: Ints
    stored: Ints
    rows: Ints


@dataclass(frozen=True, slots=True)
class Programme:
    """The arrays: columns, rows, and the matrix by columns; `balance` are the rows of each slot's power."""

    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    starts: Ints
    indices: Ints
    values: Floats
    imported: Ints
    exported: Ints
    over: Ints
    peak: int | None
    balance: Ints
    cars: tuple[CarColumns, ...]
    batteries: tuple[BatteryColumns, ...]


def build(problem: Problem) -> Programme:
    """Return the linear programme of a problem."""
    columns, rows = Columns(), Rows()
    hours = np.asarray(problem.hours)
    pv, base = np.asarray(problem.pv_w), np.asarray(problem.base_w)
    imported, exported, over, balance = _grid(problem, columns, rows, hours, pv, base)
    batteries = tuple(
        _battery(one, columns, rows, balance, hours, np.maximum(pv - base, 0.0)) for one in problem.batteries
    )
    charging, cars = _cars(problem, columns, rows, balance, hours)
    peak = _peak(problem, columns, rows, imported, hours)
    _circuits(problem, rows, charging)
    _controllable(problem, rows, charging)
    starts, indices, values = _by_column(rows, columns.count)
    return Programme(
        cost=np.concatenate(columns.cost),
        lower=np.concatenate(columns.lower),
        upper=np.concatenate(columns.upper),
        row_lower=np.concatenate(rows.lower),
        row_upper=np.concatenate(rows.upper),
        starts=starts,
        indices=indices,
        values=values,
        imported=imported,
        exported=exported,
        over=over,
        peak=peak,
        balance=balance,
        cars=cars,
        batteries=batteries,
    )


def _grid(
    problem: Problem, columns: Columns, rows: Rows, hours: Floats, pv: Floats, base: Floats
) -> tuple[Ints, Ints, Ints, Ints]:
    """Add import, export, excess and curtailed PV of each slot, and what balances them."""
    slots = problem.slots
    buy = np.asarray(problem.import_price)
    # To buy and to sell in one moment earns nothing: the meter nets them.
    sell = np.minimum(np.asarray(problem.feed_in_price), buy)
    soon = np.arange(slots) * EARLIER
    imported = columns.add(0.0, np.full(slots, INFINITE), (buy + soon) * hours)
    sold = any(one.can_sell for one in problem.batteries) or any(
        car.can_sell and car.max_discharge_w for car in problem.cars
    )
    most = np.full(slots, INFINITE) if sold else np.maximum(pv, 0.0)
    if problem.export_limit_w:
        most = np.minimum(most, np.asarray(problem.export_limit_w))
    exported = columns.add(0.0, most, -sell * hours)
    over = columns.add(0.0, np.full(slots, INFINITE), problem.over_price * hours)
    balance = rows.add(base - pv, base - pv, slots)
    rows.enter(balance, imported, 1.0)
    rows.enter(balance, exported, -1.0)
    if problem.export_limit_w:
        curtailed = columns.add(0.0, np.maximum(pv, 0.0), 0.0)
        rows.enter(balance, curtailed, -1.0)
    if problem.import_limit_w:
        limited = rows.add(-INFINITE, np.asarray(problem.import_limit_w), slots)
        rows.enter(limited, imported, 1.0)
        rows.enter(limited, over, -1.0)
    return imported, exported, over, balance


def _battery(
    battery: PlannedBattery, columns: Columns, rows: Rows, balance: Ints, hours: Floats, surplus: Floats
) -> BatteryColumns:
    """Add a battery: what it holds after a slot is what it held, and what went in and out."""
    slots = len(hours)
    most = np.full(slots, battery.max_charge_w)
    charge = columns.add(0.0, most if battery.can_buy else np.minimum(most, surplus), TURNS * hours)
    discharge = columns.add(0.0, np.full(slots, battery.max_discharge_w), (battery.wear + TURNS) * hours)
    worth = np.zeros(slots)
    worth[-1] = -battery.worth
    least = min(battery.least_wh, battery.stored_wh)
    stored = columns.add(least, np.full(slots, max(battery.capacity_wh, battery.stored_wh)), worth)
    begin = np.zeros(slots)
    begin[0] = battery.stored_wh
    held = rows.add(begin, begin, slots)
    rows.enter(held, stored, 1.0)
    rows.enter(held[1:], stored[:-1], -1.0)
    rows.enter(held, charge, -battery.charge_efficiency * hours)
    rows.enter(held, discharge, hours / battery.discharge_efficiency)
    rows.enter(balance, charge, -1.0)
    rows.enter(balance, discharge, 1.0)
    return BatteryColumns(charge, discharge, stored, held)


def _cars(
    problem: Problem, columns: Columns, rows: Rows, balance: Ints, hours: Floats
) -> tuple[Charging, tuple[CarColumns, ...]]:
    """Add all cars at once: their power while they are there, their targets, and the room they have."""
    cars = problem.cars
    present = np.array([car.present for car in cars], dtype=np.bool_).reshape(len(cars), problem.slots)
    who, slots = np.nonzero(present)
    delivered = each(cars, lambda car: car.delivered)
    worth = each(cars, lambda car: car.worth)[who]
    taken = delivered[who] * hours[slots]
    may = np.array([car.charges or car.present for car in cars], dtype=np.bool_).reshape(len(cars), problem.slots)
    charge = columns.add(0.0, each(cars, lambda car: car.max_w)[who] * may[who, slots], -worth * taken)
    rows.enter(balance[slots], charge, -1.0)
    room = rows.add(-INFINITE, each(cars, lambda car: car.room_wh), len(cars))
    rows.enter(room[who], charge, taken)
    charging = Charging(who, slots, charge, taken, np.searchsorted(who, np.arange(len(cars) + 1)))
    giving = add_giving(problem, charging, columns, rows, balance, hours)
    keep_to_the_house(problem, charging, giving, rows)
    rows.enter(room[who[giving.of]], giving.discharge, -giving.given)
    missing, targets = _targets(problem, charging, giving, columns, rows)
    held = [keep_contents(car, rows, charging, giving, number) for number, car in enumerate(cars)]
    return charging, _by_car(cars, charging, giving, room, missing, targets, held)


def _targets(problem: Problem, charging: Charging, giving: Giving, columns: Columns, rows: Rows) -> tuple[Ints, Ints]:
    """Add what targets may lack and their rows: what their cars took before their slots, less what these gave."""
    all_of = [(number, target) for number, car in enumerate(problem.cars) for target in car.targets]
    # Energy that a target brings is worth what is paid for it, however much the car may take beyond.
    penalties = np.array([target.penalty for _, target in all_of], dtype=np.float64)
    energies = np.array([target.energy_wh - target.spare_wh for _, target in all_of], dtype=np.float64)
    missing = columns.add(0.0, np.full(len(all_of), INFINITE), penalties)
    targets = rows.add(energies, INFINITE, len(all_of))
    rows.enter(targets, missing, 1.0)
    owners = np.array([number for number, _ in all_of], dtype=np.int64)
    before = np.array([min(target.before_slot, problem.slots) for _, target in all_of], dtype=np.int64)
    begins, width = charging.begins[owners], problem.slots + 1
    counts = np.searchsorted(charging.who * width + charging.slots, owners * width + before) - begins
    within = _ranges(begins, counts)
    met = np.repeat(targets, counts)
    rows.enter(met, charging.charge[within], charging.taken[within])
    given = np.full(len(charging.who), -1)
    given[giving.of] = np.arange(len(giving.of))
    back = given[within]
    gives = back >= 0
    rows.enter(met[gives], giving.discharge[back[gives]], -giving.given[back[gives]])
    return missing, targets


def _ranges(begins: Ints, counts: Ints) -> Ints:
    """Return the numbers from each begin on, so many, one range after the other."""
    ends = np.cumsum(counts)
    return np.repeat(begins - (ends - counts), counts) + np.arange(counts.sum())


def _by_car(
    cars: tuple[PlannedCar, ...],
    charging: Charging,
    giving: Giving,
    room: Ints,
    missing: Ints,
    targets: Ints,
    held: Sequence[Ints],
) -> tuple[CarColumns, ...]:
    found, first = [], 0
    for number, car in enumerate(cars):
        mine, back = charging.of(number), giving.of_car(charging, number)
        own = slice(first, first + len(car.targets))
        first = own.stop
        found.append(
            CarColumns(
                charging.slots[mine],
                charging.charge[mine],
                giving.discharge[back],
                missing[own],
                targets[own],
                int(room[number]),
                car.delivered,
                held[number],
            )
        )
    return tuple(found)


def _peak(problem: Problem, columns: Columns, rows: Rows, imported: Ints, hours: Floats) -> int | None:
    """Add the highest mean import of any interval, above what the month has seen already."""
    price = problem.peak
    if price is None or price.price_per_kw <= 0:
        return None
    peak = columns.add(price.seen_w, np.full(1, INFINITE), price.price_per_kw)
    interval = (np.arange(problem.slots) + price.offset) // price.slots_per_interval
    length = price.slots_per_interval * hours[-1]
    count = int(interval[-1]) + 1
    begun = np.zeros(count)
    begun[0] = -price.running_wh / length
    highest = rows.add(-INFINITE, begun, count)
    rows.enter(highest[interval], imported, hours / length)
    rows.enter(highest, np.broadcast_to(peak, count), -1.0)
    return int(peak[0])


def _circuits(problem: Problem, rows: Rows, charging: Charging) -> None:
    """Add what each circuit carries on each phase; where its house alone is too much, cars take nothing."""
    amps = np.array([car.amps_per_w for car in problem.cars], dtype=np.float64).reshape(len(problem.cars), 3)
    for circuit in problem.circuits:
        inside = np.array([car.circuit_id in circuit.members for car in problem.cars], dtype=np.bool_)
        below = np.flatnonzero(inside[charging.who])
        if not len(below):
            continue
        left = np.maximum(np.asarray(circuit.left_a), 0.0)
        for phase in range(3):
            share = amps[charging.who[below], phase]
            loading = np.flatnonzero(share)
            if len(loading):
                limited = rows.add(-INFINITE, left[:, phase], problem.slots)
                at = below[loading]
                rows.enter(limited[charging.slots[at]], charging.charge[at], share[loading])


def _controllable(problem: Problem, rows: Rows, charging: Charging) -> None:
    """Add a limit on all cars together."""
    if problem.controllable_limit_w:
        limited = rows.add(-INFINITE, np.asarray(problem.controllable_limit_w), problem.slots)
        rows.enter(limited[charging.slots], charging.charge, 1.0)


def _by_column(rows: Rows, columns: int) -> tuple[Ints, Ints, Floats]:
    """Return the matrix column by column."""
    row, column = np.concatenate(rows.rows), np.concatenate(rows.columns)
    value = np.concatenate(rows.values)
    order = np.argsort(column, kind="stable")
    starts = np.zeros(columns + 1, dtype=np.int64)
    np.cumsum(np.bincount(column, minlength=columns), out=starts[1:])
    return starts, row[order], value[order]

"""A planning problem as a linear programme, in the arrays that HiGHS takes; numpy alone, nothing is solved here.

Minimises, in thousandths of money, what is bought less what is sold, what missing energy and a new peak cost, and what stored energy is worth.
Columns: for each slot import, export, what flows above a limit, and curtailed PV; then the peak, the batteries'
charging, discharging and contents, and each car's charging, discharging and missing energies.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .problem import OVER_LIMIT, PlannedBattery, PlannedCar, PlannedCircuit, Problem

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

INFINITE = np.inf
EARLIER = 4e-6  # money per kWh and slot: of two equal slots the first
TURNS = 1e-5  # money per kWh through a battery or a car and back, so that nothing is moved for nothing


@dataclass(slots=True)
class _Columns:
    """Columns as they are added: bounds and costs."""

    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, lower: Floats | float, upper: Floats, cost: Floats | float) -> Ints:
        """Add a column for each upper bound and return their numbers."""
        size = len(upper)
        self.lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), size))
        self.upper.append(upper)
        self.cost.append(np.broadcast_to(np.asarray(cost, dtype=np.float64), size))
        self.count += size
        return np.arange(self.count - size, self.count)


@dataclass(slots=True)
class _Rows:
    """Rows as they are added: bounds, and their entries as triples."""

    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    rows: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, lower: Floats | float, upper: Floats | float, size: int) -> Ints:
        """Add so many rows and return their numbers."""
        self.lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), size))
        self.upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), size))
        self.count += size
        return np.arange(self.count - size, self.count)

    def enter(self, rows: Ints, columns: Ints, values: Floats | float) -> None:
        """Enter values where rows and columns meet, pair by pair."""
        self.rows.append(rows)
        self.columns.append(columns)
        self.values.append(np.broadcast_to(np.asarray(values, dtype=np.float64), len(columns)))


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
    columns, rows = _Columns(), _Rows()
    hours = np.asarray(problem.hours)
    pv, base = np.asarray(problem.pv_w), np.asarray(problem.base_w)
    imported, exported, over, balance = _grid(problem, columns, rows, hours, pv, base)
    batteries = tuple(
        _battery(one, columns, rows, balance, hours, np.maximum(pv - base, 0.0)) for one in problem.batteries
    )
    cars = tuple(_car(one, columns, rows, balance, hours) for one in problem.cars)
    peak = _peak(problem, columns, rows, imported, hours)
    for circuit in problem.circuits:
        _circuit(problem, circuit, rows, cars, over)
    _controllable(problem, rows, cars, over)
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
    problem: Problem, columns: _Columns, rows: _Rows, hours: Floats, pv: Floats, base: Floats
) -> tuple[Ints, Ints, Ints, Ints]:
    """Add import, export, excess and curtailed PV of each slot, and what balances them."""
    slots = problem.slots
    buy = np.asarray(problem.import_price)
    # To buy and to sell in one moment earns nothing: the meter nets them.
    sell = np.minimum(np.asarray(problem.feed_in_price), buy)
    soon = np.arange(slots) * EARLIER
    imported = columns.add(0.0, np.full(slots, INFINITE), (buy + soon) * hours)
    sold = any(one.can_sell for one in problem.batteries) or any(car.max_discharge_w for car in problem.cars)
    most = np.full(slots, INFINITE) if sold else np.maximum(pv, 0.0)
    if problem.export_limit_w:
        most = np.minimum(most, np.asarray(problem.export_limit_w))
    exported = columns.add(0.0, most, -sell * hours)
    over = columns.add(0.0, np.full(slots, INFINITE), OVER_LIMIT * hours)
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
    battery: PlannedBattery, columns: _Columns, rows: _Rows, balance: Ints, hours: Floats, surplus: Floats
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


def _car(car: PlannedCar, columns: _Columns, rows: _Rows, balance: Ints, hours: Floats) -> CarColumns:
    """Add a car: its power while it is there, its targets, and the room it has."""
    slots = np.flatnonzero(np.asarray(car.present))
    here = hours[slots]
    delivered = car.delivered
    charge = columns.add(0.0, np.full(len(slots), car.max_w), -car.worth * delivered * here)
    discharge = columns.add(
        0.0,
        np.full(len(slots) if car.max_discharge_w > 0 else 0, car.max_discharge_w),
        (car.worth / car.discharge_efficiency + TURNS) * here[: len(slots) if car.max_discharge_w > 0 else 0],
    )
    rows.enter(balance[slots], charge, -1.0)
    taken, given = delivered * here, here / car.discharge_efficiency
    room = rows.add(-INFINITE, car.room_wh, 1)
    rows.enter(np.broadcast_to(room, len(slots)), charge, taken)
    if len(discharge):
        rows.enter(balance[slots], discharge, 1.0)
        rows.enter(np.broadcast_to(room, len(slots)), discharge, -given)
        _contents(car, rows, charge, discharge, taken, given)
    missing = columns.add(
        0.0,
        np.full(len(car.targets), INFINITE),
        # Energy that a target brings is worth what is paid for it, however much the car may take beyond.
        np.asarray([target.penalty for target in car.targets], dtype=np.float64),
    )
    targets = rows.add(
        np.asarray([target.energy_wh for target in car.targets], dtype=np.float64), INFINITE, len(missing)
    )
    rows.enter(targets, missing, 1.0)
    for row, target in zip(targets, car.targets, strict=True):
        count = int(np.searchsorted(slots, target.before_slot))
        rows.enter(np.full(count, row), charge[:count], taken[:count])
        if len(discharge):
            rows.enter(np.full(count, row), discharge[:count], -given[:count])
    return CarColumns(slots, charge, discharge, missing, targets, int(room[0]), delivered)


def _contents(car: PlannedCar, rows: _Rows, charge: Ints, discharge: Ints, taken: Floats, given: Floats) -> None:
    """Let a car never give what it does not hold, nor hold more than it has room for, after any slot."""
    size = len(charge)
    held = rows.add(-car.stored_wh, car.room_wh, size)
    after, before = np.tril_indices(size)
    rows.enter(held[after], charge[before], taken[before])
    rows.enter(held[after], discharge[before], -given[before])


def _peak(problem: Problem, columns: _Columns, rows: _Rows, imported: Ints, hours: Floats) -> int | None:
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


def _circuit(problem: Problem, circuit: PlannedCircuit, rows: _Rows, cars: tuple[CarColumns, ...], over: Ints) -> None:
    """Add what a circuit carries on each phase; where its house alone is too much, cars take nothing."""
    members = [
        (car, at)
        for car, at in zip(problem.cars, cars, strict=True)
        if car.circuit_id in circuit.members and len(at.slots)
    ]
    if not members:
        return
    left = np.maximum(np.asarray(circuit.left_a), 0.0)
    for phase in range(3):
        if not any(car.amps_per_w[phase] for car, _ in members):
            continue
        limited = rows.add(-INFINITE, left[:, phase], problem.slots)
        for car, at in members:
            if car.amps_per_w[phase]:
                rows.enter(limited[at.slots], at.charge, car.amps_per_w[phase])


def _controllable(problem: Problem, rows: _Rows, cars: tuple[CarColumns, ...], over: Ints) -> None:
    """Add a limit on all cars together."""
    if not problem.controllable_limit_w:
        return
    limited = rows.add(-INFINITE, np.asarray(problem.controllable_limit_w), problem.slots)
    for at in cars:
        rows.enter(limited[at.slots], at.charge, 1.0)


def _by_column(rows: _Rows, columns: int) -> tuple[Ints, Ints, Floats]:
    """Return the matrix column by column."""
    row, column = np.concatenate(rows.rows), np.concatenate(rows.columns)
    value = np.concatenate(rows.values)
    order = np.lexsort((row, column))
    starts = np.zeros(columns + 1, dtype=np.int64)
    np.cumsum(np.bincount(column, minlength=columns), out=starts[1:])
    return starts, row[order], value[order]

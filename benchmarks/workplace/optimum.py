"""The most that can be delivered with perfect foresight: one linear programme, solved by HiGHS."""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from custom_components.smart_charging.engine.model import NOMINAL_VOLTAGE_V

from .network import PLACES, capacities
from .sessions import STEP_H, Period

type Floats = NDArray[np.float64]
type Indices = NDArray[np.int64]

INFINITY = highspy.kHighsInf


@dataclass(frozen=True, slots=True)
class Reservoir:
    """A lossless battery: Wh it can hold, must keep and begins with, and W in either direction."""

    capacity_wh: float
    floor_wh: float
    begin_wh: float
    power_w: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Variables with their bounds and what a unit of each delivers in Wh."""

    lower: Floats
    upper: Floats
    delivered_wh: Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """Constraints with their bounds."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Entries:
    """Coefficients of columns in rows."""

    rows: Indices
    columns: Indices
    values: Floats


def most_wh(period: Period, root_a: float, reservoir: Reservoir | None = None) -> float:
    """Return the most Wh that cars could get in a period; a bound, as it knows no least current.

    RuntimeError if the programme isn't solved.
    """
    columns, rows, entries = _charging(period, root_a)
    if reservoir is None:
        return _solve(columns, rows, entries)
    return _solve(*_with_reservoir(columns, rows, entries, _length(period), len(period.sessions), reservoir))


def _length(period: Period) -> int:
    return period.steps - period.first


def _charging(period: Period, root_a: float) -> tuple[Columns, Rows, Entries]:
    """Return a column for the A of each session in each step; rows: Wh of each session, A of each limit in each step."""
    sessions, limits, steps = period.sessions, capacities(root_a), _length(period)
    spans = [np.arange(session.arrival, session.departure) - period.first for session in sessions]
    who = np.repeat(np.arange(len(sessions)), [len(span) for span in spans])
    when = np.concatenate(spans)
    step_wh = np.array([PLACES[session.station].watts_per_a * STEP_H for session in sessions])[who]
    most_a = np.array([float(PLACES[session.station].max_a) for session in sessions])[who]
    loaded = [np.array(PLACES[session.station].rows) for session in sessions]
    repeats = np.array([len(one) for one in loaded])[who]
    columns = np.repeat(np.arange(len(who)), repeats)
    limit_rows = len(sessions) + np.concatenate([loaded[index] for index in who]) * steps + when[columns]
    upper = np.concatenate([[session.energy_wh for session in sessions], np.repeat(limits, steps)])
    return (
        Columns(np.zeros(len(who)), most_a, step_wh),
        Rows(np.full(len(upper), -INFINITY), upper),
        Entries(
            np.concatenate([who, limit_rows]),
            np.concatenate([np.arange(len(who)), columns]),
            np.concatenate([step_wh, np.ones(len(columns))]),
        ),
    )


def _with_reservoir(
    columns: Columns, rows: Rows, entries: Entries, steps: int, first_limit: int, reservoir: Reservoir
) -> tuple[Columns, Rows, Entries]:
    """Add columns for its W (discharge > 0) and its Wh after each step, and a row of balance for each step.

    It feeds the three phases of the connection equally: the first three limits.
    """
    step = np.arange(steps)
    power, stored = len(columns.lower) + step, len(columns.lower) + steps + step
    balance = len(rows.upper) + step
    begin = np.zeros(steps)
    begin[0] = reservoir.begin_wh
    ones = np.ones(steps)
    relief = [(first_limit + phase * steps + step, power, -ones / (3 * NOMINAL_VOLTAGE_V)) for phase in range(3)]
    added = [
        *relief,
        (balance, power, ones * STEP_H),
        (balance, stored, ones),
        (balance[1:], stored[:-1], -ones[1:]),
    ]
    return (
        Columns(
            np.concatenate([columns.lower, -reservoir.power_w * ones, reservoir.floor_wh * ones]),
            np.concatenate([columns.upper, reservoir.power_w * ones, reservoir.capacity_wh * ones]),
            np.concatenate([columns.delivered_wh, 0 * ones, 0 * ones]),
        ),
        Rows(np.concatenate([rows.lower, begin]), np.concatenate([rows.upper, begin])),
        Entries(
            np.concatenate([entries.rows, *(one[0] for one in added)]),
            np.concatenate([entries.columns, *(one[1] for one in added)]),
            np.concatenate([entries.values, *(one[2] for one in added)]),
        ),
    )


def _solve(columns: Columns, rows: Rows, entries: Entries) -> float:
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(columns.lower), len(rows.lower)
    model.col_cost_ = -columns.delivered_wh
    model.col_lower_, model.col_upper_ = columns.lower, columns.upper
    model.row_lower_, model.row_upper_ = rows.lower, rows.upper
    order = np.argsort(entries.columns, kind="stable")
    counts = np.bincount(entries.columns, minlength=len(columns.lower))
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate([[0], np.cumsum(counts)])
    model.a_matrix_.index_ = entries.rows[order]
    model.a_matrix_.value_ = entries.values[order]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError("the optimum was not found")
    return -float(solver.getInfo().objective_function_value)

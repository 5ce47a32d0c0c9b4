"""Solves planning problems with HiGHS; import it apart from the event loop, it takes half a second."""

import highspy
import numpy as np

from .linear_programme import BatteryColumns, CarColumns, Programme, build
from .problem import MONEY_PER_WH, BatteryPlan, CarPlan, NotPlanned, Plan, PlannedBy, PlannedCar, Problem
from .programme_parts import Floats


def plan(problem: Problem, *, time_limit_s: float = 20.0) -> Plan:
    """Return the cheapest plan; blocks for 10 ms to a second and releases the interpreter meanwhile.

    Raises NotPlanned where HiGHS gives up, which takes numbers that are none or the time limit.
    """
    programme = build(problem)
    if any(np.isnan(one).any() for one in (programme.cost, programme.lower, programme.upper, programme.row_upper)):
        raise NotPlanned("a number of the problem is none")
    solution = _solved(programme, time_limit_s)
    values, duals = np.asarray(solution.col_value), np.asarray(solution.row_dual)
    cars = {
        car.car_id: _car_plan(problem, car, at, values, duals)
        for car, at in zip(problem.cars, programme.cars, strict=True)
    }
    batteries = {
        battery.battery_id: _battery_plan(at, values, duals)
        for battery, at in zip(problem.batteries, programme.batteries, strict=True)
    }
    grid = values[programme.imported] - values[programme.exported]
    return Plan(
        made_by=PlannedBy.LINEAR_PROGRAMME,
        start=problem.start,
        slot=problem.slot,
        first_slot=problem.first_slot,
        cars=cars,
        batteries=batteries,
        grid_w=tuple(grid.tolist()),
        cost=cost_of(problem, grid),
        peak_w=None if programme.peak is None else float(values[programme.peak]),
        over_limit_wh=float(values[programme.over] @ np.asarray(problem.hours)),
    )


def cost_of(problem: Problem, grid: Floats) -> float:
    """Return what this power at the grid costs over the plan's time, less what it earns; a new peak is not in it."""
    buy, sell, hours = (np.asarray(one) for one in (problem.import_price, problem.feed_in_price, problem.hours))
    return float((np.where(grid > 0, buy, sell) * grid * hours).sum() * MONEY_PER_WH)


def _solved(programme: Programme, time_limit_s: float) -> highspy.HighsSolution:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", time_limit_s)
    # Arrays go over as they are; the fields of a model would be converted number by number, with the interpreter held.
    solver.passModel(
        len(programme.cost),
        len(programme.row_lower),
        len(programme.values),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize),
        0.0,
        programme.cost,
        programme.lower,
        programme.upper,
        programme.row_lower,
        programme.row_upper,
        programme.starts,
        programme.indices,
        programme.values,
        np.zeros(len(programme.cost), dtype=np.int32),  # no column is an integer
    )
    solver.run()
    if (status := solver.getModelStatus()) != highspy.HighsModelStatus.kOptimal:
        raise NotPlanned(f"HiGHS ended with {solver.modelStatusToString(status)}")
    return solver.getSolution()


def _car_plan(problem: Problem, car: PlannedCar, at: CarColumns, values: Floats, duals: Floats) -> CarPlan:
    power = np.zeros(problem.slots)
    power[at.slots] = values[at.charge]
    if len(at.discharge):
        power[at.slots] -= values[at.discharge]
    # One more Wh now helps each target, takes room, and is there to be given: that is what their rows are worth.
    worth = car.worth + duals[at.target_rows].sum() + duals[at.room_row] + duals[at.held_rows].sum()
    return CarPlan(tuple(power.tolist()), float(worth * at.delivered), tuple(values[at.missing].tolist()))


def _battery_plan(at: BatteryColumns, values: Floats, duals: Floats) -> BatteryPlan:
    power = values[at.discharge] - values[at.charge]
    return BatteryPlan(tuple(power.tolist()), tuple(values[at.stored].tolist()), float(-duals[at.rows[0]]))

"""Energy that is kept for the last minutes before a car leaves, so that it warms its battery and cabin from the grid.

A plan has it as a car of its own, there in these minutes only; what was planned for both is then put together again.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ...config import EvseSettings
from .problem import CarPlan, Plan

LATE = "#late"  # after a car's id: its part of the last minutes


def in_late_part(settings: EvseSettings, now: datetime) -> bool:
    """Return whether these are the last minutes before the departure, in which the car charges in any case."""
    if settings.late_min is None or settings.departure is None:
        return False
    return settings.departure - timedelta(minutes=settings.late_min) <= now < settings.departure


def joined(plan: Plan) -> Plan:
    """Return a plan in which each car stands once; up to which price it buys is that of what is not kept."""
    cars = {name: car for name, car in plan.cars.items() if not name.endswith(LATE)}
    return replace(plan, cars={name: _with(car, plan.cars.get(f"{name}{LATE}")) for name, car in cars.items()})


def _with(car: CarPlan, late: CarPlan | None) -> CarPlan:
    if late is None:
        return car
    powers = zip(car.power_w, late.power_w, strict=True)
    return replace(
        car,
        power_w=tuple(early + kept for early, kept in powers),
        missing_wh=(car.missing_wh[0] + late.missing_wh[0], *car.missing_wh[1:]),
    )

"""The planners of a site, one for each aim: what a kWh costs, and what it stands for in CO2."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from .clock import Clock
from .control.planning.advice import PlanAdvice
from .control.planning.battery_advice import BatteryAdvice
from .control.planning.problem import Plan
from .control.planning.wish import Wish
from .control.snapshot import ControlState, Snapshot
from .model import PLANNED_MODES, ChargeMode, EvseKey
from .outlook import Outlook
from .site_planner import SitePlanner, plan_slots
from .view import PlannedCharge


class Planners:
    """Plans each car with the aim of its mode; the cars of one aim know nothing of those of the other."""

    def __init__(self, clock: Clock, snapshot: Callable[[datetime], tuple[Snapshot, ControlState]]) -> None:
        """Take the clock, and what gives the site as it stands with the memory of its decisions."""
        self._by_mode = {mode: SitePlanner(clock, snapshot, mode) for mode in sorted(PLANNED_MODES)}

    def set_outlook(self, outlook: Outlook) -> None:
        """Take what is known of the hours to come; the plans follow."""
        for planner in self._by_mode.values():
            planner.set_outlook(outlook)

    def look(self) -> None:
        """Look at once whether a plan has to change."""
        for planner in self._by_mode.values():
            planner.look()

    async def fresh(self) -> None:
        """Return once the plans follow from all that was set before."""
        await asyncio.gather(*(planner.fresh() for planner in self._by_mode.values()))

    async def run(self, changed: Callable[[], None]) -> None:
        """Plan until cancelled."""
        async with asyncio.TaskGroup() as group:
            for planner in self._by_mode.values():
                group.create_task(planner.run(changed))

    def advice(self, wish: Wish, now: datetime) -> PlanAdvice:
        """Return what the plan of its mode says of the car with this wish."""
        return self._by_mode[wish.mode].advice(wish, now)

    def battery_advice(self, battery_id: str, now: datetime) -> BatteryAdvice | None:
        """Return what the plan of least cost says of a battery, None where it says nothing."""
        return self._by_mode[ChargeMode.CHEAPEST].battery_advice(battery_id, now)

    def with_peak(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """Return the site with the peak that the plan of least cost accepts."""
        return self._by_mode[ChargeMode.CHEAPEST].with_peak(snapshot, now)

    def planned(self, key: EvseKey, now: datetime) -> PlannedCharge | None:
        """Return what is planned for the car at an EVSE, None where nothing is."""
        found = (planner.planned(key, now) for planner in self._by_mode.values())
        return next((one for one in found if one is not None), None)

    @property
    def plan(self) -> Plan | None:
        """The plans of all cars as one, as long as the longest; None without any. Costs and flows are of the first.

        Batteries are led by the plan of least cost alone.
        """
        plans = [planner.plan for planner in self._by_mode.values() if planner.plan is not None]
        if not plans:
            return None
        begin = max(plan.start for plan in plans)
        current = sorted((plan for plan in plans if plan.start == begin), key=plan_slots, reverse=True)
        cheapest = self._by_mode[ChargeMode.CHEAPEST].plan
        return replace(
            current[0],
            cars={name: car for plan in current for name, car in plan.cars.items()},
            batteries=cheapest.batteries if cheapest is not None and cheapest in current else {},
        )

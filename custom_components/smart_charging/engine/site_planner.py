"""Plans a site's charging each quarter of an hour and on change, and says what the plan means now."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
import logging
from typing import Final, Protocol, cast

from .clock import Clock
from .config import SiteConfig
from .control.planning.advice import NOTHING_W, PlanAdvice
from .control.planning.assembly import car_id, follows_plan, pose
from .control.planning.battery_advice import BatteryAdvice
from .control.planning.late_part import joined
from .control.planning.planned_peak import with_planned_peak
from .control.planning.problem import NotPlanned, Plan, PlannedBy, Problem
from .control.planning.uncertainty import outlooks, weighed
from .control.planning.wish import Wish, wish_of
from .control.prices.series import PriceSeries
from .control.snapshot import ControlState, EvseControl, Snapshot
from .model import ChargeMode, EvseKey
from .outlook import Outlook
from .planned_blocks import blocks_of, known_sum, slot_cost
from .view import PlannedCharge

_LOGGER = logging.getLogger(__name__)

LOOK_S: Final = 30.0  # whether anything changed that a plan was made from
UNDECIDED_S: Final = 120.0  # after the start, within which prices and forecasts come and the first plan is made
_CHANGED_WH: Final = 500.0  # of what a car still wants, beside what the plan foresaw
PLANNERS: Final = ("highs", "greedy")  # the second where the first can't be imported or gives up


class _Planner(Protocol):
    def plan(self, problem: Problem) -> Plan:
        """Return a plan; raises NotPlanned."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a plan was made from, to see what changed."""

    outlook: Outlook
    slot: datetime
    site: SiteConfig
    wishes: Mapping[EvseKey, Wish] = field(default_factory=dict)
    batteries: frozenset[str] = frozenset()
    late: frozenset[EvseKey] = frozenset()  # should have left by then


class SitePlanner:
    """One site's plan; made in a thread, for it takes up to a second on a large site."""

    def __init__(
        self,
        clock: Clock,
        snapshot: Callable[[datetime], tuple[Snapshot, ControlState]],
        mode: ChargeMode = ChargeMode.CHEAPEST,
    ) -> None:
        """Take the clock, what gives the site as it stands with the memory of its decisions, and the mode it plans for."""
        self._mode = mode
        self._clock = clock
        self._snapshot = snapshot
        self._outlook = Outlook()
        self._basis: _Basis | None = None
        self._problem: Problem | None = None
        self._wake = asyncio.Event()
        self._running = False
        self._asked_for: list[asyncio.Future[None]] = []
        self._seen: frozenset[EvseKey] = frozenset()  # whose wishes were looked at
        self._began = clock.monotonic()
        self.plan: Plan | None = None

    def set_outlook(self, outlook: Outlook) -> None:
        """Take what is known of the hours to come; the plan follows."""
        if outlook != self._outlook:
            self._outlook = outlook
            self._wake.set()

    @property
    def _prices(self) -> PriceSeries | None:
        """Return what a kWh counts: money, or kg of CO2."""
        return self._outlook.carbon if self._mode is ChargeMode.GREENEST else self._outlook.prices

    def look(self) -> None:
        """Look at once whether the plan has to change, as where somebody set a target."""
        self._wake.set()

    async def fresh(self) -> None:
        """Return once the plan follows from all that was set before; at once where nobody plans."""
        if not self._running:
            return
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked_for.append(made)
        self._wake.set()
        await made

    async def run(self, changed: Callable[[], None]) -> None:
        """Plan until cancelled; a plan that can't be made leaves none, and is told once."""
        self._running = True
        try:
            await self._plan_on(changed)
        finally:
            self._running = False
            self._answer(self._asked_for)

    async def _plan_on(self, changed: Callable[[], None]) -> None:
        told = False
        while True:
            self._wake.clear()
            asked, self._asked_for = self._asked_for, []
            try:
                if await self._renew():
                    changed()
                told = False
            except NotPlanned as err:
                self.plan = self._problem = None
                if not told:
                    _LOGGER.warning("No plan could be made: %s", err)
                told = True
            finally:
                self._answer(asked)
            try:
                async with self._clock.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    @staticmethod
    def _answer(asked: Iterable[asyncio.Future[None]]) -> None:
        for made in asked:
            if not made.done():
                made.set_result(None)

    def advice(self, wish: Wish, now: datetime) -> PlanAdvice:
        """Return what the plan says of the car with this wish."""
        plan, prices = self.plan, self._prices
        led = None if plan is None else plan.cars.get(car_id(wish.key))
        number = None if plan is None else _slot_of(plan, now)
        keeps = wish.late_wh > 0 and wish.late_from is not None and wish.late_from > now
        advice = PlanAdvice(
            wish.needed_wh,
            wish.sure_w,
            wish.departure,
            price=None if prices is None else prices.import_at(now),
            room_wh=wish.room_wh,
            price_limit=wish.price_limit,
            kept_wh=wish.late_wh if keeps else 0.0,
            kept_from=wish.late_from if keeps else None,
            continuous=wish.continuous,
            running=wish.running,
            green=self._mode is ChargeMode.GREENEST,
            missing_wh=wish.short_wh(now, self._foreseen_missing(wish)),
        )
        if led is None or number is None:
            if (wish.room_wh > 0 or wish.gives is not None) and wish.key not in self._seen and advice.price is not None:
                self._wake.set()  # a car that just came
            young = led is None and self._clock.monotonic() - self._began < UNDECIDED_S
            return replace(advice, undecided=young)
        advice = replace(advice, value=led.value, planned_w=led.power_w[number])
        gives = wish.gives
        if gives is None or plan is None or plan.made_by is not PlannedBy.LINEAR_PROGRAMME or prices is None:
            return advice  # the other planner never has a car give, and tells no value for that
        return replace(advice, gives=gives, feed_in=prices.feed_in_at(now))

    def _foreseen_missing(self, wish: Wish) -> float:
        """Return the Wh that the plan foresees to be missing; 0 before it was made for this wish."""
        led = None if self.plan is None else self.plan.cars.get(car_id(wish.key))
        known = None if self._basis is None else self._basis.wishes.get(wish.key)
        more = wish.gives is None and known is not None and wish.needed_wh > known.needed_wh + 1
        if led is None or known is None or _asked(known) != _asked(wish) or more:
            return 0.0
        return led.missing_wh[0]

    def battery_advice(self, battery_id: str, now: datetime) -> BatteryAdvice | None:
        """Return what the plan says of a battery, None where there is no plan for it or no price."""
        plan, prices = self.plan, self._outlook.prices
        led = None if plan is None else plan.batteries.get(battery_id)
        number = None if plan is None else _slot_of(plan, now)
        price = None if prices is None else prices.import_at(now)
        if led is None or number is None or price is None:
            return None
        return BatteryAdvice(led.value, led.power_w[number], price)

    def with_peak(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """Return the site with the peak that the plan accepts."""
        return with_planned_peak(snapshot, None if self.plan is None else self.plan.peak_w, now)

    def planned(self, key: EvseKey, now: datetime) -> PlannedCharge | None:
        """Return what is planned for the car at an EVSE, None where nothing is."""
        plan, problem, basis = self.plan, self._problem, self._basis
        led = None if plan is None else plan.cars.get(car_id(key))
        if plan is None or problem is None or basis is None or led is None:
            return None
        first = _slot_of(plan, now)
        numbers = range(plan_slots(plan)) if first is None else range(first, plan_slots(plan))
        powers = {number: power for number in numbers if abs(power := led.power_w[number]) > NOTHING_W}
        drawn = {number: power for number, power in powers.items() if power > 0}
        begin = None if not drawn else plan.start + min(drawn) * plan.slot
        costs = {number: self._cost(problem, number, power) for number, power in powers.items()}
        blocks = tuple(blocks_of(problem, powers, costs))
        energy_wh = sum(one.energy_wh for one in blocks if one.energy_wh > 0)
        given_wh = -sum(one.energy_wh for one in blocks if one.energy_wh < 0)
        cost = known_sum(costs.values())
        wish = basis.wishes.get(key)
        departure = None if wish is None else wish.departure
        missing_wh = led.missing_wh[0] + (energy_wh if wish is not None and wish.overdue(now) else 0.0)
        slot_costs = {problem.start + number * problem.slot: one for number, one in costs.items()}
        return PlannedCharge(begin, energy_wh, cost, missing_wh, departure, blocks, given_wh, slot_costs, led.value)

    def _cost(self, problem: Problem, number: int, power_w: float) -> float | None:
        """Return what a car's power costs in a slot: what PV has left is worth what it would be sold for.

        Of a plan that counts CO2 it is known as far as prices are.
        """
        buy, sell = problem.import_price[number], problem.feed_in_price[number]
        if self._mode is ChargeMode.GREENEST:
            prices, at = self._outlook.prices, problem.start + number * problem.slot
            bought = None if prices is None else prices.import_at(at)
            if prices is None or bought is None:
                return None
            buy, sell = bought, min(prices.feed_in_at(at) or 0.0, bought)
        return slot_cost(problem, number, power_w, buy, sell)

    async def _renew(self) -> bool:
        """Make a new plan where anything changed; return whether there is one now, or none any more."""
        now = self._clock.now()
        snapshot, state = self._snapshot(now)
        wishes = _wishes(snapshot, state, self._mode)
        batteries = self._mode is ChargeMode.CHEAPEST and _led(snapshot)
        self._seen = frozenset(wishes)
        prices = self._prices
        problem = None
        if (wishes or batteries) and prices is not None:
            problem = pose(snapshot, state, wishes.values(), prices, self._outlook.pv, self._outlook.base_load, now)
        if problem is None:
            had, self.plan, self._problem, self._basis = self.plan is not None, None, None, None
            return had
        if self._mode is not ChargeMode.CHEAPEST:
            problem = _without_money(problem)
        late = frozenset(key for key, wish in wishes.items() if wish.overdue(now))
        led = frozenset(one.battery_id for one in problem.batteries)
        basis = _Basis(self._outlook, problem.start, snapshot.site, wishes, led, late)
        if self._basis is not None and self.plan is not None and not self._differs(self._basis, basis):
            return False
        self.plan = await asyncio.to_thread(solve, problem)
        self._problem, self._basis = problem, basis
        return True

    def _differs(self, before: _Basis, now: _Basis) -> bool:
        if (before.outlook, before.slot, before.batteries) != (now.outlook, now.slot, now.batteries):
            return True
        if before.site != now.site:
            return True
        if (before.late, before.wishes.keys()) != (now.late, now.wishes.keys()):
            return True
        for key, wish in now.wishes.items():
            known = before.wishes[key]
            if _asked(known) != _asked(wish):
                return True
            less_wh = known.net_wh - wish.net_wh
            if less_wh > _CHANGED_WH or less_wh < (-1 if wish.gives is None else -_CHANGED_WH):
                return True
        return False


def _asked(wish: Wish) -> Wish:
    """Return a wish without what changes by charging."""
    at_once_wh = 1.0 if wish.at_once_wh > 0 else 0.0
    gives = None if wish.gives is None else replace(wish.gives, most_w=0.0, stored_wh=0.0, spare_wh=0.0)
    return replace(wish, needed_wh=0.0, room_wh=0.0, at_once_wh=at_once_wh, sure_w=0.0, late_wh=0.0, gives=gives)


def plan_slots(plan: Plan) -> int:
    """Return how many slots a plan has."""
    return len(plan.grid_w)


def _slot_of(plan: Plan, at: datetime) -> int | None:
    number = (at - plan.start) // plan.slot
    return number if 0 <= number < plan_slots(plan) else None


def _led(snapshot: Snapshot) -> bool:
    """Return whether a plan would lead any battery."""
    batteries = {one.battery_id for one in snapshot.site.batteries if follows_plan(one)}
    return any(name in batteries and one.available for name, one in snapshot.batteries.items())


def _without_money(problem: Problem) -> Problem:
    """Return a problem that counts something else: no peak is paid with that, and batteries are led by prices only."""
    batteries = tuple(replace(battery, can_buy=False) for battery in problem.batteries)
    return replace(problem, peak=None, batteries=batteries)


def _wishes(snapshot: Snapshot, state: ControlState, mode: ChargeMode) -> dict[EvseKey, Wish]:
    """Return what the cars want that follow a plan in this mode."""
    following = (evse for evse in snapshot.evses if evse.settings.mode is mode)
    wishes = (wish_of(snapshot.site, evse, state.evses.get(evse.key, EvseControl())) for evse in following)
    known = (wish for wish in wishes if wish is not None)
    return {wish.key: wish for wish in known if wish.room_wh > 0 or wish.gives is not None}


def solve(problem: Problem, planners: Sequence[str] = PLANNERS) -> Plan:
    """Plan for what is expected, for less sun and for more, with the best planner that does.

    The solver is imported here, in the thread. Raises NotPlanned where none makes a plan.
    """
    failed = NotPlanned("there is no planner")
    for name in planners:
        try:
            planner = cast(_Planner, import_module(f".control.planning.{name}", __package__))
            return joined(weighed([planner.plan(one) for one in outlooks(problem)]))
        except ImportError as err:
            _LOGGER.debug("Planning without %s: %s", name, err)
        except NotPlanned as err:
            failed = err
    raise failed

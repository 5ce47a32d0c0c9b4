"""Poses the problem of a site: who wants energy until when, what batteries hold, and what the hours to come bring."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ...config import BatteryConfig, SiteConfig
from ...limit import ROOT_CIRCUIT
from ...model import NOMINAL_VOLTAGE_V, EvseKey
from .. import peak
from ..battery import BatteryMemory
from ..circuits import connections, path_to_root
from ..forecast.series import Forecast, slot_start
from ..grid_expansion import planned_reserve_percent
from ..prices.series import PriceSeries
from ..snapshot import ControlState, Snapshot
from ..wiring import grid_phases
from .advice import EQUAL
from .late_part import LATE
from .presence import Hours, open_slots
from .problem import EFFICIENCY, PENALTY, SLOT, PeakPrice, PlannedBattery, PlannedCar, PlannedCircuit, Problem, Target
from .wish import Wish

MOST_SLOTS = timedelta(hours=48) // SLOT
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
TWENTY_TIMES = 20.0  # the dearest price
TWICE = 2.0  # what a peak costs that brings a kWh in the last slot
A_LITTLE_WH = 5.0
CHEAP = 0.15  # of the hours known are cheaper than a time at which a battery surely saves what it still holds


def car_id(key: EvseKey) -> str:
    """Return how a plan names the car at an EVSE."""
    return f"{key.station_id}/{key.evse_id}"


def pose(
    snapshot: Snapshot,
    state: ControlState,
    wishes: Iterable[Wish],
    prices: PriceSeries,
    pv: Forecast | None,
    base_load: Forecast | None,
    now: datetime,
) -> Problem | None:
    """Return the problem from the running slot on, None where no price is known for that.

    It reaches as far as prices do, or to the last departure: prices that are not known yet are taken to be those
    of the day before. What a PV or house nobody forecasts brings or takes counts as nothing.
    """
    wishes = tuple(wishes)
    start = slot_start(now)
    slots = _slots(start, prices, wishes)
    times = [start + number * SLOT for number in range(slots)]
    buy = _filled([prices.import_at(at) for at in times], times, prices)
    if prices.import_at(now) is None or buy is None:
        return None
    sell = tuple(min(prices.feed_in_at(at) or 0.0, price) for at, price in zip(times, buy, strict=True))
    base, sun = tuple(_power(base_load, at) for at in times), tuple(_power(pv, at) for at in times)
    first_slot = start + SLOT - now
    hours = Hours(
        [first_slot / _HOUR, *([SLOT / _HOUR] * (slots - 1))],
        buy,
        [max(0.0, gives - takes) for gives, takes in zip(sun, base, strict=True)],
        sell,
    )
    problem = Problem(
        start=start,
        import_price=buy,
        feed_in_price=sell,
        pv_w=sun,
        base_w=base,
        cars=tuple(
            _able_to_give(part, wish, snapshot.site, _worth(buy), now)
            for wish in wishes
            for part in _parts(snapshot, wish, now, hours, len(wishes))
        ),
        batteries=tuple(_batteries(snapshot, state, _worth(buy))),
        circuits=tuple(_circuits(snapshot.site, base)),
        import_limit_w=_import_limit(snapshot.site, state, slots, now),
        peak=_peak_price(snapshot.site, state, start, now),
        first_slot=first_slot,
    )
    return _first_of_all(problem)


def _first_of_all(problem: Problem) -> Problem:
    """Return a problem in which no price, nor a tariff's peak, outweighs energy that a car would lack: in any currency."""
    dearest = max(abs(price) for price in problem.import_price)
    peak_price = 0.0 if problem.peak is None else problem.peak.price_per_kw * (_HOUR / problem.slot)
    penalty = max(PENALTY, TWENTY_TIMES * dearest, TWICE * peak_price)
    return replace(
        problem,
        cars=tuple(
            replace(car, targets=tuple(replace(target, penalty=penalty) for target in car.targets))
            for car in problem.cars
        ),
    )


def _slots(start: datetime, prices: PriceSeries, wishes: Iterable[Wish]) -> int:
    until = max((prices.end, *(wish.departure for wish in wishes if wish.departure is not None)))
    return max(1, min(MOST_SLOTS, -((start - until) // SLOT)))


def _filled(known: list[float | None], times: list[datetime], prices: PriceSeries) -> tuple[float, ...] | None:
    """Return prices without gaps: what is not known is as it was a day before, else as the mean of what is known."""
    all_known = [price for price in known if price is not None]
    if not all_known:
        return None
    mean = sum(all_known) / len(all_known)
    filled: list[float] = []
    for number, price in enumerate(known):
        if price is None:
            day = _DAY // SLOT
            price = filled[number - day] if number >= day else prices.import_at(times[number] - _DAY)
        filled.append(mean if price is None else price)
    return tuple(filled)


def _power(forecast: Forecast | None, at: datetime) -> float:
    index = None if forecast is None else forecast.index(at)
    return 0.0 if forecast is None or index is None else max(0.0, forecast.mean_w[index])


def _parts(snapshot: Snapshot, wish: Wish, now: datetime, hours: Hours, cars: int) -> Iterable[PlannedCar]:
    """Yield a car, in two parts where some of its energy is kept for the last minutes before it leaves."""
    kept_wh, begins = wish.late_wh, wish.late_from
    first = 0 if begins is None else (begins - slot_start(now)) // SLOT
    if kept_wh <= 0 or begins is None or begins <= now or first >= len(hours.price):
        yield _car(snapshot, wish, now, hours, cars)
        return
    early_wh = wish.needed_wh - kept_wh
    early = replace(wish, needed_wh=early_wh, room_wh=early_wh, departure=begins)
    yield _car(snapshot, early, now, hours, cars)
    whole = _car(snapshot, replace(wish, price_limit=None, at_once_wh=0.0), now, hours, cars)
    there = tuple(use and number >= max(1, first) for number, use in enumerate(whole.present))
    targets = (replace(whole.targets[0], energy_wh=kept_wh),)
    yield replace(whole, car_id=f"{whole.car_id}{LATE}", present=there, room_wh=kept_wh, targets=targets)


def _car(snapshot: Snapshot, wish: Wish, now: datetime, hours: Hours, cars: int) -> PlannedCar:
    slots = len(hours.price)
    evse = next(one for one in snapshot.evses if one.key == wish.key)
    if wish.overdue(now):  # what it lacks it takes at once, for as long as that takes
        wish = replace(wish, departure=None, at_once_wh=wish.needed_wh)
    # The slot in which it leaves counts only where it is the running one, of which something is left.
    leaves = slots if wish.departure is None else max(1, min(slots, (wish.departure - slot_start(now)) // SLOT))
    used = grid_phases(snapshot.site, evse.station, wish.phases)
    share = 1.0 / (NOMINAL_VOLTAGE_V * len(used))
    l1, l2, l3 = (share if phase in used else 0.0 for phase in range(3))
    return PlannedCar(
        car_id=car_id(wish.key),
        present=open_slots(wish, leaves, hours, cars),
        max_w=wish.most_w,
        room_wh=wish.room_wh,
        targets=tuple(_targets(wish, leaves, now)),
        # Where it is paid for what it takes, no slot is open but those: more than that need not be said.
        worth=0.0 if wish.price_limit is None else max(0.0, wish.price_limit + EQUAL),
        amps_per_w=(l1, l2, l3),
        circuit_id=evse.station.circuit_id,
    )


def _able_to_give(car: PlannedCar, wish: Wish, site: SiteConfig, worth: float, now: datetime) -> PlannedCar:
    """Return a car with what it may give back; not the part that is kept for its last minutes, nor when it should be gone.

    What it holds above its target is worth what a battery's contents are: it may be wanted later. One that holds less is to
    charge a little in any case, so that the plan knows what it costs to have again what is given, also where itself it has
    nothing given.
    """
    gives = wish.gives
    if gives is None or gives.stored_wh <= 0 or wish.overdue(now) or car.car_id.endswith(LATE):
        return car
    target, leaves = car.targets[0], car.targets[0].before_slot
    little_wh = A_LITTLE_WH if gives.spare_wh <= 0 else 0.0
    return replace(
        car,
        targets=(replace(target, energy_wh=target.energy_wh + little_wh, spare_wh=gives.spare_wh), *car.targets[1:]),
        room_wh=car.room_wh + A_LITTLE_WH,
        present=tuple(number < leaves for number in range(len(car.present))),
        charges=car.present,
        worth=max(car.worth, worth) if gives.spare_wh > 0 else car.worth,
        max_discharge_w=gives.most_w,
        stored_wh=gives.stored_wh,
        discharge_efficiency=gives.efficiency,
        wear=gives.wear,
        can_sell=gives.sells and not site.solar.zero_export,
    )


def _targets(wish: Wish, leaves: int, now: datetime) -> Iterable[Target]:
    """Return what the car is to have when it leaves, first of all; then what it takes before anything else."""
    yield Target(wish.needed_wh, leaves)
    if wish.at_once_wh > 0 and wish.most_w > 0:
        takes = wish.at_once_wh / wish.most_w * _HOUR
        yield Target(wish.at_once_wh, min(leaves, -((slot_start(now) - now - takes) // SLOT)))


def follows_plan(battery: BatteryConfig) -> bool:
    """Return whether a plan can lead a battery."""
    return battery.by_plan and (battery.can_charge or battery.can_hold)


def _worth(prices: tuple[float, ...]) -> float:
    """Return what a kWh is worth that is left in a battery in the end: what it will save at a cheap time."""
    return max(0.0, sorted(prices)[int(CHEAP * len(prices))] * EFFICIENCY)


def _batteries(snapshot: Snapshot, state: ControlState, worth: float) -> Iterable[PlannedBattery]:
    """Return what batteries hold and may do; one that nobody leads charges from surplus only."""
    for config in snapshot.site.batteries:
        measured = snapshot.batteries.get(config.battery_id)
        if measured is None or not measured.available or measured.soc_percent is None:
            continue
        least_percent = config.min_soc_percent
        if config.grid_expansion and config.can_discharge:
            memory = state.batteries.get(config.battery_id, BatteryMemory())
            least_percent = max(least_percent, planned_reserve_percent(config, memory))
        yield PlannedBattery(
            config.battery_id,
            config.capacity_wh,
            stored_wh=measured.soc_percent / 100 * config.capacity_wh,
            max_charge_w=config.max_charge_w,
            max_discharge_w=config.max_discharge_w,
            least_wh=least_percent / 100 * config.capacity_wh,
            worth=worth,
            can_buy=follows_plan(config) and config.can_charge,
        )


def _peak_price(site: SiteConfig, state: ControlState, start: datetime, now: datetime) -> PeakPrice | None:
    """Return what a higher peak of the month would cost; where several days are billed, a part of it for each."""
    config = site.peak
    if config is None or config.price_per_kw <= 0:
        return None
    interval = timedelta(minutes=config.interval_min)
    return PeakPrice(
        config.price_per_kw / config.days,
        seen_w=peak.target_w(state.peak, config, site.time_zone, now),
        slots_per_interval=interval // SLOT,
        offset=(start - peak.interval_start(config, site.time_zone, now)) // SLOT,
        running_wh=peak.mean_w(state.peak, config, site.time_zone, now) * (interval / _HOUR),
    )


def _circuits(site: SiteConfig, base_w: tuple[float, ...]) -> Iterable[PlannedCircuit]:
    """Return what each circuit leaves to cars; the house is counted at the grid connection, evenly on its phases."""
    paths: Mapping[str, tuple[str, ...]] = {
        circuit.circuit_id: path_to_root(site, circuit.circuit_id) for circuit in site.circuits
    }
    for circuit_id, connection in connections(site).items():
        members = {circuit_id, *(one for one, path in paths.items() if circuit_id in path)}
        free_a = connection.fuse_a - connection.margin_a
        phases = 1 if site.phases == 1 else 3
        house = base_w if circuit_id == ROOT_CIRCUIT else (0.0,) * len(base_w)
        left = tuple(max(0.0, free_a - power / phases / NOMINAL_VOLTAGE_V) for power in house)
        yield PlannedCircuit(circuit_id, tuple((one, one, one) for one in left), frozenset(members))


def _import_limit(site: SiteConfig, state: ControlState, slots: int, now: datetime) -> tuple[float, ...]:
    """Return what may flow in: the peak of a tariff without a price is kept to as to any limit."""
    limits = [] if site.power_w is None else [site.power_w]
    if site.peak is not None and site.peak.price_per_kw <= 0:
        limits.append(peak.target_w(state.peak, site.peak, site.time_zone, now))
    return (min(limits),) * slots if limits else ()

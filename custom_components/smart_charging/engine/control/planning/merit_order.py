"""What cars and batteries do now by what energy is worth to the plan, on the power that is measured now.

A plan's setpoints are wrong as soon as the sun or the house is not what was expected; what a kWh is worth to a car or
in a battery changes far less. So each moment is a small market: who values energy most takes from the cheapest source,
and where a value equals a price, the plan's quantity decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from .problem import MONEY_PER_WH, OVER_LIMIT, PENALTY

_TIE = 0.002  # money per kWh: a value this near to a price is equal to it
_INFINITE = float("inf")
_OVER = OVER_LIMIT * PENALTY
_NOTHING_W = 1e-6


@dataclass(frozen=True, slots=True)
class PowerRange:
    """What a car can draw in W when it charges: from its least current to its most, with one number of phases."""

    least_w: float
    most_w: float


@dataclass(frozen=True, slots=True)
class CarNow:
    """A car that may charge now.

    `value` is what the plan says a kWh drawn now is worth, `planned_w` what it drew in the plan. `ranges` are the
    powers it has, `drawn_w` what it draws. `must_w` it takes whatever that costs, as far as the limit lets it.
    """

    car_id: str
    value: float
    planned_w: float
    ranges: tuple[PowerRange, ...]
    drawn_w: float = 0.0
    must_w: float = 0.0


@dataclass(frozen=True, slots=True)
class BatteryNow:
    """A battery that may charge or discharge now; `value` is what a kWh in it is worth, `planned_w` discharge > 0.

    The most it charges and discharges with is what its contents allow now.
    """

    battery_id: str
    value: float
    planned_w: float
    max_charge_w: float
    max_discharge_w: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    wear: float = 0.0
    can_buy: bool = True
    can_sell: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A site now: W of the house less PV (import > 0, without the cars and batteries here), and prices per kWh.

    `switching` is what a car's start, stop or change of phases is taken to cost, in money per hour of what it then
    saves: below it nothing is switched.
    """

    net_w: float
    import_price: float
    feed_in_price: float
    cars: tuple[CarNow, ...] = ()
    batteries: tuple[BatteryNow, ...] = ()
    import_limit_w: float = _INFINITE
    switching: float = 0.0


@dataclass(frozen=True, slots=True)
class Powers:
    """What each car draws and each battery gives (charging < 0), in W."""

    cars: Mapping[str, float]
    batteries: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Part:
    """Power that somebody takes up to a price, or gives from a price on."""

    price: float
    power_w: float
    who: str


def latest_start_w(needed_wh: float, max_w: float, left: timedelta, step: timedelta) -> float:
    """Return the W that a car must take from now until the next look at it, to have its energy in time.

    It is 0 as long as full power after this step suffices, and rises to full power at the latest start. Forecasts and
    prices do not count for it: a deadline that can be kept is kept, whatever they said.
    """
    hour = timedelta(hours=1)
    later_wh = max_w * max(0.0, (left - step) / hour)
    missing_wh = needed_wh - later_wh
    if missing_wh <= 0.0:
        return 0.0
    return min(max_w, missing_wh / (min(step, left) / hour)) if left > timedelta() else max_w


def merit_order(moment: Moment) -> Powers:
    """Return what cars and batteries do now.

    Cars choose one after the other, the one that values energy most first: each of its ranges is tried, and pausing.
    """
    chosen: dict[str, PowerRange | None] = {}
    for car in sorted(moment.cars, key=lambda one: (one.must_w <= 0.0, -one.value)):
        chosen[car.car_id] = _best_range(moment, car, chosen)
    return _cleared(moment, chosen)


def _best_range(moment: Moment, car: CarNow, chosen: Mapping[str, PowerRange | None]) -> PowerRange | None:
    """Return the range whose outcome is worth most, None to pause."""
    if not car.ranges:
        return None
    options: tuple[PowerRange | None, ...] = (None, *car.ranges)
    if car.must_w > 0.0:
        highest = max(car.ranges, key=lambda one: one.most_w)
        options = tuple(one for one in car.ranges if one.most_w >= car.must_w) or (highest,)
    best, most = options[0], -_INFINITE
    for option in options:
        worth = _worth(moment, _cleared(moment, {**chosen, car.car_id: option}))
        if not _goes_on(car, option) and not _is_planned(car, option):
            worth -= moment.switching
        if worth > most:
            best, most = option, worth
    return best


def _goes_on(car: CarNow, option: PowerRange | None) -> bool:
    """Return whether a car neither starts, stops nor changes its phases."""
    if option is None or car.drawn_w <= _NOTHING_W:
        return (option is None) == (car.drawn_w <= _NOTHING_W)
    return option.least_w - _NOTHING_W <= car.drawn_w <= option.most_w + _NOTHING_W


def _is_planned(car: CarNow, option: PowerRange | None) -> bool:
    """Return whether the plan itself has the car charge so now: where prices are equal, to wait would never end."""
    return option is not None and option.least_w <= car.planned_w <= option.most_w


def _worth(moment: Moment, powers: Powers) -> float:
    """Return what an outcome is worth, in money per hour: energy where it is valued, less what the grid takes for it."""
    flow = moment.net_w + sum(powers.cars.values()) - sum(powers.batteries.values())
    sell = min(moment.feed_in_price, moment.import_price)
    worth = -flow * (moment.import_price if flow > 0 else sell)
    worth -= _OVER * max(0.0, flow - moment.import_limit_w)
    for car in moment.cars:
        power = powers.cars[car.car_id]
        # What the plan has is preferred to less and to more of the same price.
        worth += car.value * power + _TIE * (2.0 * min(power, car.planned_w) - power)
    for battery in moment.batteries:
        power = powers.batteries[battery.battery_id]
        if power > 0:
            worth -= power * (battery.value / battery.discharge_efficiency + battery.wear)
        else:
            worth -= power * battery.value * battery.charge_efficiency
    return worth * MONEY_PER_WH


def _cleared(moment: Moment, chosen: Mapping[str, PowerRange | None]) -> Powers:
    """Let who values energy most take from the cheapest source, until no one gains from it; who is undecided can all."""
    sell = min(moment.feed_in_price, moment.import_price)
    wanted = [_Part(_INFINITE, max(0.0, moment.net_w), "house"), _Part(sell, _INFINITE, "export")]
    offered = [
        _Part(-_INFINITE, max(0.0, -moment.net_w), "surplus"),
        _Part(moment.import_price, moment.import_limit_w, "import"),
        _Part(_OVER, _INFINITE, "over"),
    ]
    for car in moment.cars:
        wanted += _wanted_by_car(car, chosen)
    for battery in moment.batteries:
        wanted += _wanted_by_battery(moment, battery)
        offered += _offered_by_battery(battery, sell)
    takes, gives = _matched(wanted, offered)
    return Powers(
        {car.car_id: takes.get(f"car {car.car_id}", 0.0) for car in moment.cars},
        {
            one.battery_id: gives.get(f"battery {one.battery_id}", 0.0) - takes.get(f"battery {one.battery_id}", 0.0)
            for one in moment.batteries
        },
    )


def _wanted_by_car(car: CarNow, chosen: Mapping[str, PowerRange | None]) -> list[_Part]:
    undecided = PowerRange(0.0, max((one.most_w for one in car.ranges), default=0.0))
    option = chosen.get(car.car_id, undecided)
    if option is None:
        return []
    who = f"car {car.car_id}"
    least_w = min(max(option.least_w, car.must_w), option.most_w)
    planned_w = min(max(car.planned_w - least_w, 0.0), option.most_w - least_w)
    return [
        _Part(_OVER - 1.0 if car.must_w > 0.0 else _INFINITE, least_w, who),
        _Part(car.value + _TIE, planned_w, who),
        _Part(car.value - _TIE, option.most_w - least_w - planned_w, who),
    ]


def _wanted_by_battery(moment: Moment, battery: BatteryNow) -> list[_Part]:
    price = battery.value * battery.charge_efficiency
    planned_w = min(max(0.0, -battery.planned_w), battery.max_charge_w)
    who = f"battery {battery.battery_id}"
    parts = [_Part(price + _TIE, planned_w, who), _Part(price - _TIE, battery.max_charge_w - planned_w, who)]
    if battery.can_buy:
        return parts
    return [replace(one, price=min(one.price, moment.import_price)) for one in parts]


def _offered_by_battery(battery: BatteryNow, sell: float) -> list[_Part]:
    price = battery.value / battery.discharge_efficiency + battery.wear
    planned_w = min(max(0.0, battery.planned_w), battery.max_discharge_w)
    who = f"battery {battery.battery_id}"
    parts = [_Part(price - _TIE, planned_w, who), _Part(price + _TIE, battery.max_discharge_w - planned_w, who)]
    if battery.can_sell:
        return parts
    return [replace(one, price=max(one.price, sell)) for one in parts]


def _matched(wanted: Sequence[_Part], offered: Sequence[_Part]) -> tuple[dict[str, float], dict[str, float]]:
    """Return what each takes and gives: the dearest wish meets the cheapest offer as long as it is above it."""
    takes: dict[str, float] = {}
    gives: dict[str, float] = {}
    offers = iter(sorted(offered, key=lambda one: one.price))
    offer = next(offers)
    left = offer.power_w
    for wish in sorted(wanted, key=lambda one: -one.price):
        lacks = wish.power_w
        while lacks > _NOTHING_W and wish.price > offer.price:
            if left <= _NOTHING_W:
                offer = next(offers)
                left = offer.power_w
                continue
            power = min(lacks, left)
            takes[wish.who] = takes.get(wish.who, 0.0) + power
            gives[offer.who] = gives.get(offer.who, 0.0) + power
            lacks, left = lacks - power, left - power
    return takes, gives

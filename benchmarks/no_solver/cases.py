"""Days of a real home with a car and a battery in summer and winter, drawn at random with a seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.series import QUARTER, dutch_prices, measured_home
from custom_components.smart_charging.engine.control.planning.problem import PlannedBattery, PlannedCar, Problem, Target

SLOTS = 192
MARKUP_EUR = 0.15  # on the day-ahead price, per kWh imported
PV_SCALE = 1.5
CAR_W = 3 * 16 * 230.0
SUMMER = (datetime(2024, 5, 1, tzinfo=UTC), 88)  # first day, days to draw from
WINTER = (datetime(2024, 11, 1, tzinfo=UTC), 56)


@dataclass(frozen=True, slots=True)
class Season:
    """When a season's cases may begin."""

    first: datetime
    days: int


SEASONS = {"summer": Season(*SUMMER), "winter": Season(*WINTER)}


def case(season: Season, seed: int) -> Problem:
    """Return 48 h of a home from a random midnight on: one stay of the car, a battery of random contents."""
    random = Random(f"{season.first}{seed}")
    begin = season.first + timedelta(days=random.randrange(season.days))
    home, prices = measured_home(begin, SLOTS), dutch_prices(begin, SLOTS)
    arrival = random.randrange(SLOTS - 96)
    leaves = min(SLOTS, arrival + random.randint(24, 80))
    energy_wh = min(
        random.uniform(6_000.0, 30_000.0), 0.8 * CAR_W * (leaves - arrival) * (QUARTER / timedelta(hours=1))
    )
    car = PlannedCar(
        "car",
        tuple(arrival <= slot < leaves for slot in range(SLOTS)),
        CAR_W,
        energy_wh,
        (Target(energy_wh, leaves),),
    )
    battery = PlannedBattery(
        "battery", 10_000.0, random.uniform(0.0, 10_000.0), 5_000.0, 5_000.0, worth=_low(prices), can_sell=True
    )
    return Problem(
        start=begin,
        import_price=tuple(price + MARKUP_EUR for price in prices),
        feed_in_price=prices,
        pv_w=tuple(PV_SCALE * watts for watts in home.pv_w),
        base_w=home.load_w,
        cars=(car,),
        batteries=(battery,),
    )


def _low(prices: tuple[float, ...]) -> float:
    """Return a low price to import at, which is what stored energy is worth at the end."""
    return sorted(prices)[len(prices) * 15 // 100] + MARKUP_EUR

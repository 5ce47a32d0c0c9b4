"""The home and its month: what happens whoever controls, by quarter hour, with the weeks before it to learn from."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.home_solar.stays import stays
from benchmarks.series import MINUTES_PER_DAY, QUARTER, QUARTERS_PER_DAY, dutch_prices, measured_home
from custom_components.smart_charging.engine.control.planning.problem import PlannedBattery

MARKUP_EUR = 0.15  # taxes and fees on the day-ahead price, per kWh imported
PV_SCALE = 1.5
HISTORY_DAYS = 21
LOCAL = ZoneInfo("Europe/Amsterdam")
PUBLISHED_AT = 13  # o'clock local time: the prices of the next day are then known
HOURS = 0.25  # of a step
BATTERY = PlannedBattery("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0, can_sell=True)


@dataclass(frozen=True, slots=True)
class Visit:
    """The car's stay in quarters from the begin, and the Wh it needs until it leaves."""

    arrival: int
    departure: int
    need_wh: float


@dataclass(frozen=True, slots=True)
class World:
    """A period: series by quarter hour that begin `before` quarters earlier; the battery at its begin, if any.

    `worth` is what a kWh in the battery counts at the end, the same for whoever controls.
    """

    begin: datetime
    quarters: int
    before: int
    import_price: tuple[float, ...]
    feed_in_price: tuple[float, ...]
    load_w: tuple[float, ...]
    pv_w: tuple[float, ...]
    forecast_w: tuple[float, ...]
    visits: tuple[Visit, ...]
    battery: PlannedBattery | None
    worth: float

    def net_w(self, quarter: int) -> float:
        """Return house less sun, W."""
        return self.load_w[self.before + quarter] - self.pv_w[self.before + quarter]

    @property
    def markup(self) -> float:
        """Return what a kWh bought costs above one sold, EUR; the same at any time."""
        return self.import_price[0] - self.feed_in_price[0]

    def known_until(self, quarter: int) -> int:
        """Return the first quarter whose price is not published yet."""
        now = (self.begin + quarter * QUARTER).astimezone(LOCAL)
        days = 2 if now.hour >= PUBLISHED_AT else 1
        midnight = (now + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        return round((midnight.astimezone(UTC) - self.begin) / QUARTER)

    def without_battery(self) -> World:
        """Return the same home without its battery."""
        return replace(self, battery=None)


def month(number: int, days: int) -> World:
    """Return the home in the first days of a month of 2024."""
    begin = datetime(2024, number, 1, tzinfo=LOCAL).astimezone(UTC)
    quarters, before = days * QUARTERS_PER_DAY, HISTORY_DAYS * QUARTERS_PER_DAY
    first, count = begin - before * QUARTER, before + quarters + 2 * QUARTERS_PER_DAY
    home, prices = measured_home(first, count), dutch_prices(first, count)
    visits = tuple(
        Visit((one.arrival + 14) // 15, one.departure // 15, one.need_wh)
        for one in stays(days)
        if one.departure <= days * MINUTES_PER_DAY
    )
    low = sorted(prices[before : before + quarters])[quarters * 15 // 100] + MARKUP_EUR
    return World(
        begin=begin,
        quarters=quarters,
        before=before,
        import_price=tuple(price + MARKUP_EUR for price in prices),
        feed_in_price=prices,
        load_w=home.load_w,
        pv_w=tuple(PV_SCALE * watts for watts in home.pv_w),
        forecast_w=tuple(PV_SCALE * watts for watts in home.forecast_w),
        visits=visits,
        battery=replace(BATTERY, worth=low),
        worth=low,
    )

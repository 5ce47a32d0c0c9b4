"""The prices of a real day, told by an entity as price integrations do, and the site's options that read it."""

from collections.abc import Mapping
import csv
from datetime import date, datetime
import gzip
import json
from pathlib import Path
from zoneinfo import ZoneInfo

from .client import HomeClient
from .flows import OPTIONS_FLOWS, Answers, run_flow
from .json import Json

MARKET = Path(__file__).resolve().parents[1] / "benchmarks" / "data" / "dayahead_nl_hourly_2024.csv.gz"
DAY = date(2024, 11, 6)  # little wind: a cheap night, and a dear evening
LOCAL = ZoneInfo("Europe/Amsterdam")
PRICE_ENTITY = "sensor.day_ahead_price"
SURCHARGE = 0.11  # EUR per kWh: energy tax, and what the supplier takes
TAX_PERCENT = 21
FEED_IN = 0.07
_PER_MWH = 1e-3


def real_day() -> tuple[float, ...]:
    """Return what a kWh cost on the market in each of the day's 24 local hours, EUR without taxes."""
    with gzip.open(MARKET, "rt", encoding="utf-8") as lines:
        rows = [(datetime.fromisoformat(f"{row['utc']}+00:00"), row["eur_mwh"]) for row in csv.DictReader(lines)]
    return tuple(float(price) * _PER_MWH for at, price in rows if at.astimezone(LOCAL).date() == DAY)


def price_sensors() -> list[Json]:
    """Return the content of the `template:` key: an entity that lists each day's prices, the same every day."""
    listed = json.dumps([round(price, 5) for price in real_day()])
    sensor: dict[str, Json] = {
        "name": "Day-ahead price",
        "unique_id": "demo_day_ahead_price",
        "unit_of_measurement": "EUR/kWh",
        "state": f"{{{{ {listed}[now().hour] }}}}",
        "attributes": {"prices_today": _day(listed, 0), "prices_tomorrow": _day(listed, 1)},
    }
    return [{"sensor": [sensor]}]


def _day(listed: str, days: int) -> str:
    """Return the template of a list of hours with their prices, so many days from today."""
    return (
        f"{{% set midnight = today_at() + timedelta(days={days}) %}}{{% set told = namespace(hours=[]) %}}"
        f"{{% for price in {listed} %}}"
        "{% set at = midnight.replace(hour=loop.index0) %}"
        "{% set told.hours = told.hours + [{'time': at.isoformat(), 'price': price}] %}"
        "{% endfor %}{{ told.hours }}"
    )


async def read_prices(client: HomeClient, entry_id: str) -> None:
    """Let the site pay what the entity tells, with taxes."""
    formula: Mapping[str, Json] = {"markup_percent": 0, "surcharge": SURCHARGE, "vat_percent": TAX_PERCENT}
    answers: Answers = {
        "init": lambda _: {"next_step_id": "prices"},
        "prices": lambda _: {"price_source": "entity", "feed_in_source": "fixed"},
        "prices_entity": lambda _: {"entities": [PRICE_ENTITY]},
        "prices_formula": lambda _: formula,
        "prices_feed_in_fixed": lambda _: {"feed_in_price": FEED_IN},
        "prices_understood": lambda _: {},
    }
    await run_flow(client, {"handler": entry_id}, answers, OPTIONS_FLOWS)

"""Measured series that come with the benchmarks, checked against their checksums before they are used."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import gzip
import hashlib
import io
from pathlib import Path

DATA = Path(__file__).parent / "data"
HOUSE = "home_uci_1min_2008-05-19_2008-06-29.csv.gz"
PROFILES = "simbench_15min_2016.csv.gz"
PRICES = "dayahead_nl_hourly_2024.csv.gz"
REAL_HOME = "home_fr_30min_load_pv_2024.csv.gz"
SHA256 = {
    HOUSE: "bfe3dbae939e679b9ace181160ff537d457a8a9505823bb59bcf201a073254fd",
    PROFILES: "376c70f3e2afb042611dc02d5d93e6a3c2faea8a0916df18bdf7a957ea3ccbe5",
    PRICES: "f6f7a40271e90bc2a9b3fab8e6316be1b07b7c14645757791ea19a6836003b94",
    REAL_HOME: "fda88603ed64024654566d91d3c8ceb60ad8e6733851c5dbf28362441821dc33",
}
MINUTES_PER_DAY = 1440
QUARTERS_PER_DAY = 96
QUARTER = timedelta(minutes=15)


class DataError(Exception):
    """A series is not the one that the figures were made from."""


def house_minutes(days: int, first_day: int = 0) -> list[float]:
    """Return a household's mean W of each minute from midnight of Monday 2008-05-19 plus `first_day` days.

    Raises DataError where the series is shorter or not the expected one.
    """
    return _days(_column(HOUSE, "load_w"), days, first_day, MINUTES_PER_DAY)


def sun_quarters(days: int, first_day: int = 0) -> list[float]:
    """Return a PV system's mean production of each quarter hour, 1 at its highest of the year.

    Begins at midnight of 2016-01-01 plus `first_day` days. Raises DataError as `house_minutes`.
    """
    profile = _column(PROFILES, "PV1")
    highest = max(profile)
    return [value / highest for value in _days(profile, days, first_day, QUARTERS_PER_DAY)]


@dataclass(frozen=True, slots=True)
class MeasuredHome:
    """A home with PV by quarter hour: mean W as measured, and the PV as it was forecast a day ahead."""

    load_w: tuple[float, ...]
    pv_w: tuple[float, ...]
    forecast_w: tuple[float, ...]


def measured_home(begin: datetime, quarters: int) -> MeasuredHome:
    """Return the home from a time in 2024 on; a gap in the load is filled with what was there a day before.

    Raises DataError where there is no data, or not the expected.
    """
    rows = {datetime.fromisoformat(row["utc"]): row for row in _rows(REAL_HOME)}
    loads: dict[datetime, float] = {}
    for at in sorted(rows):
        loads[at] = float(rows[at]["load_w"] or loads.get(at - timedelta(days=1), 0.0))
    halves = [_begin_of(begin + number * QUARTER, minutes=30) for number in range(quarters)]
    if missing := [at for at in halves if at not in rows]:
        raise DataError(f"the home's series has no {missing[0]}")
    return MeasuredHome(
        tuple(loads[at] for at in halves),
        tuple(float(rows[at]["pv_w"] or 0.0) for at in halves),
        tuple(max(0.0, float(rows[at]["pv_forecast_w"] or 0.0)) for at in halves),
    )


def dutch_prices(begin: datetime, quarters: int) -> tuple[float, ...]:
    """Return the day-ahead price of the Netherlands in 2024 by quarter hour, EUR per kWh.

    The one missing hour is taken as the one before. Raises DataError as `measured_home`.
    """
    prices = {
        datetime.fromisoformat(row["utc"]).replace(tzinfo=UTC): float(row["eur_mwh"]) / 1000 for row in _rows(PRICES)
    }
    hours = [_begin_of(begin + number * QUARTER, minutes=60) for number in range(quarters)]
    found = [prices.get(at, prices.get(at - timedelta(hours=1))) for at in hours]
    if None in found:
        raise DataError(f"there is no price for {hours[found.index(None)]}")
    return tuple(price for price in found if price is not None)


def _begin_of(at: datetime, *, minutes: int) -> datetime:
    """Return when the interval of so many minutes began."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // minutes * minutes, second=0, microsecond=0)


def _days(values: list[float], days: int, first_day: int, per_day: int) -> list[float]:
    part = values[first_day * per_day : (first_day + days) * per_day]
    if len(part) != days * per_day:
        raise DataError(f"the series ends before day {first_day + days}")
    return part


def _column(name: str, column: str) -> list[float]:
    return [float(row[column]) for row in _rows(name)]


def _rows(name: str) -> list[dict[str, str]]:
    packed = (DATA / name).read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256[name]:
        raise DataError(f"{name} is not the file that the figures were made from")
    with gzip.open(io.BytesIO(packed), "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))

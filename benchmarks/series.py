"""Measured series that come with the benchmarks, checked against their checksums before they are used."""

import csv
import gzip
import hashlib
import io
from pathlib import Path

DATA = Path(__file__).parent / "data"
HOUSE = "home_uci_1min_2008-05-19_2008-06-29.csv.gz"
PROFILES = "simbench_15min_2016.csv.gz"
SHA256 = {
    HOUSE: "bfe3dbae939e679b9ace181160ff537d457a8a9505823bb59bcf201a073254fd",
    PROFILES: "376c70f3e2afb042611dc02d5d93e6a3c2faea8a0916df18bdf7a957ea3ccbe5",
}
MINUTES_PER_DAY = 1440
QUARTERS_PER_DAY = 96


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


def _days(values: list[float], days: int, first_day: int, per_day: int) -> list[float]:
    part = values[first_day * per_day : (first_day + days) * per_day]
    if len(part) != days * per_day:
        raise DataError(f"the series ends before day {first_day + days}")
    return part


def _column(name: str, column: str) -> list[float]:
    packed = (DATA / name).read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256[name]:
        raise DataError(f"{name} is not the file that the figures were made from")
    with gzip.open(io.BytesIO(packed), "rt", encoding="utf-8", newline="") as text:
        return [float(row[column]) for row in csv.DictReader(text)]

"""Twice ten days of a real home by quarter of an hour; see README.md for their source."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

SLOT = timedelta(minutes=15)
APRIL = tuple(datetime(2024, 4, day, tzinfo=UTC) for day in range(6, 16))
OCTOBER = tuple(datetime(2024, 10, day, tzinfo=UTC) for day in range(5, 15))


def series(column: str) -> dict[datetime, float]:
    """Return a column by quarter of an hour; what was not measured is not there."""
    with (Path(__file__).parent / "home_excerpt.csv").open(encoding="utf-8") as file:
        rows = [(datetime.fromisoformat(row["utc"]), row[column]) for row in csv.DictReader(file)]
    return {start + half * SLOT: float(value) for start, value in rows if value for half in range(2)}

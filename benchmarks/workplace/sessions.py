"""Charging sessions of a real workplace, as recorded: when cars came and left, and what they took."""

from collections.abc import Iterator
import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta
import gzip
import hashlib
import io
import math
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "acn_sessions_jpl_2019-2021.csv.gz"
SHA256 = "f1b437047b06e20b4f2e78233d31c2cb2efe3ff108b6cce15d5d89c999889eeb"
STEP_S = 300
STEP_H = STEP_S / 3600


@dataclass(frozen=True, slots=True)
class Stated:
    """What a driver said at the begin: when the car leaves, in seconds from the start of the period, and Wh."""

    departure_s: float
    energy_wh: float


@dataclass(frozen=True, slots=True)
class Session:
    """One stay of a car; times in seconds from the start of the period, `station` an index of `station_ids`.

    `energy_wh` is what the car took in reality: here, what it needs. `stated` is None where the driver said nothing.
    """

    arrival_s: float
    departure_s: float
    energy_wh: float
    station: int
    stated: Stated | None = None

    @property
    def arrival(self) -> int:
        """Return the first step of the stay."""
        return math.floor(self.arrival_s / STEP_S)

    @property
    def departure(self) -> int:
        """Return the step before which the car has left."""
        return math.floor(self.departure_s / STEP_S)


@dataclass(frozen=True, slots=True)
class Period:
    """The sessions that begin within some days, in order of arrival.

    `begin` is the local midnight from which steps are counted, `first` the step that the period starts with.
    """

    begin: datetime
    sessions: tuple[Session, ...]
    first: int = 0

    @property
    def steps(self) -> int:
        """Return the number of steps until the last car has left."""
        return max(session.departure for session in self.sessions)

    @property
    def energy_wh(self) -> float:
        """Return what all cars need together."""
        return sum(session.energy_wh for session in self.sessions)

    def parts(self) -> Iterator[Period]:
        """Yield the parts between which no car is present: what happens in one is nothing to the others."""
        group: list[Session] = []
        until = 0
        for session in self.sessions:
            if group and session.arrival >= until:
                yield Period(self.begin, tuple(group), group[0].arrival)
                group = []
            group.append(session)
            until = max(until, session.departure)
        if group:
            yield Period(self.begin, tuple(group), group[0].arrival)


def load(first: date, last: date) -> Period:
    """Return the sessions that begin from the first to the last day; ValueError if the data are not the known ones."""
    packed = DATA.read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256:
        raise ValueError(f"{DATA.name} is not the file these figures are made from")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    stations = {name: index for index, name in enumerate(sorted({row["station_id"] for row in rows}))}
    chosen = [row for row in rows if first <= datetime.fromisoformat(row["arrival"]).date() <= last]
    zone = datetime.fromisoformat(chosen[0]["arrival"]).tzinfo
    begin = datetime(first.year, first.month, first.day, tzinfo=zone)

    def seconds(stamp: str) -> float:
        return (datetime.fromisoformat(stamp) - begin) / timedelta(seconds=1)

    sessions = [
        Session(
            seconds(row["arrival"]),
            seconds(row["departure"]),
            float(row["delivered_energy (kWh)"]) * 1000,
            stations[row["station_id"]],
            # Of a session that nobody claimed the columns hold what came, not what was said.
            Stated(seconds(row["estimated_departure"]), float(row["requested_energy (kWh)"]) * 1000)
            if row["claimed"] == "True"
            else None,
        )
        for row in chosen
    ]
    return Period(begin, tuple(sorted(sessions, key=lambda session: (session.arrival_s, session.station))))

"""What stations say they sent, compared with what the ledger kept: transactions, their energies, their readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import EvseKey

LEDGER = "ledger.db"
SITE_ID = "storm"
PREFIX = "FLEET"
PERIODIC = "Sample.Periodic"  # what a station was asked for in between is none of its own


class Sent(TypedDict):
    """A transaction as its station lived it; registers in Wh, `values` readings."""

    started: str
    meter_start: int
    meter_stop: int | None
    values: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A transaction as the ledger has it."""

    started: datetime
    meter_start: float
    energy_wh: float
    values: int


@dataclass(slots=True)
class Differences:
    """How many transactions and readings are not, or more than once, where they belong."""

    transactions: int = 0
    readings: int = 0
    lost: int = 0
    doubled: int = 0

    def add(self, sent: Sequence[Sent], kept: Sequence[Kept]) -> None:
        """Compare one station's transactions; one with another energy than it should have counts as lost."""
        left = list(kept)
        for one in sent:
            self.transactions += 1
            self.readings += one["values"]
            started = datetime.fromisoformat(one["started"])
            same = [each for each in left if (each.started, each.meter_start) == (started, one["meter_start"])]
            if not same:
                self.lost += 1
                continue
            left.remove(same[0])
            stop = one["meter_stop"]
            self.lost += stop is None or abs(same[0].energy_wh - (stop - one["meter_start"])) > 0.5
            self.lost += max(0, one["values"] - same[0].values)
            self.doubled += max(0, same[0].values - one["values"])
        self.doubled += len(left)


async def compare(folder: Path, sent: Mapping[str, Sequence[Sent]]) -> Differences:
    """Return what differs between the stations' words and the ledger in this folder."""
    found = Differences()
    ledger = await Ledger.open(folder / LEDGER)
    site = ledger.site(SITE_ID)
    for station_id, transactions in sent.items():
        key = EvseKey(station_id, 1)
        kept = []
        for session in await site.sessions(key=key, limit=10_000):
            for one in session.transactions:
                values = await site.meter_values(key, transaction_id=one.transaction_id)
                periodic = sum(1 for value in values if value.values[0].context == PERIODIC)
                kept.append(Kept(one.started_at, one.meter_start_wh or 0, one.energy_wh, periodic))
        found.add(transactions, kept)
    await ledger.close()
    return found

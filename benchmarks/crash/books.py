"""What the meters behind the stations say of each car, compared with what the ledger has of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.model import EvseKey, Transaction

from .server import SITE_ID
from .stations import Place, Stay

WITHIN_WH = 1.0 + 1e-6
_SAME_BEGIN_S = 2.0  # the pauses between cars are longer
_AT_MOST = 100_000


@dataclass(slots=True)
class Differences:
    """What is not, or more than once, where it belongs."""

    sessions: int = 0
    energy_wh: float = 0.0
    lost_sessions: int = 0
    doubled: int = 0
    lost_wh: float = 0.0
    lost_readings: int = 0
    doubled_readings: int = 0

    def add(self, stays: Sequence[Stay], kept: Sequence[Transaction]) -> None:
        """Compare a station's cars with its transactions; one that has no end in the ledger counts as lost."""
        left = list(kept)
        for stay in stays:
            assert stay.end_wh is not None
            # A tenth is what a display shows; stations and ledger keep whole ones.
            energy_wh = round(stay.end_wh, 1) - round(stay.begin_wh, 1)
            self.sessions += 1
            self.energy_wh += energy_wh
            same = next((each for each in left if _same(stay, each)), None)
            if same is not None:
                left.remove(same)
            if same is None or same.stopped_at is None:
                self.lost_sessions += 1
                self.lost_wh += energy_wh
            elif (missing_wh := abs(energy_wh - same.energy_wh)) > WITHIN_WH:
                self.lost_wh += missing_wh
        self.doubled += len(left)

    def add_readings(self, told: Counter[datetime], kept: Counter[datetime]) -> None:
        """Compare the readings that were acknowledged; others of the same station are left aside.

        What a station tells twice by itself, as in the event that ends a transaction, need not be there twice.
        """
        self.lost_readings += len(told.keys() - kept.keys())
        self.doubled_readings += (Counter({time: kept[time] for time in told}) - told).total()


async def compare(database: str | Path, key: Path, places: Mapping[str, Place]) -> Differences:
    """Return what differs between the meters and the ledger."""
    found = Differences()
    ledger = await Ledger.open(database, key)
    site = ledger.site(SITE_ID)
    for station_id, place in places.items():
        evse = EvseKey(station_id, 1)
        sessions = await site.sessions(key=evse, limit=_AT_MOST)
        found.add(place.stays, [one for session in sessions for one in session.transactions])
        values = await site.meter_values(evse, limit=_AT_MOST)
        found.add_readings(place.outbox.readings, Counter(value.time for value in values))
    await ledger.close()
    return found


def _same(stay: Stay, kept: Transaction) -> bool:
    begin_wh = kept.meter_start_wh
    apart_s = abs((kept.started_at - stay.began).total_seconds())
    return begin_wh is not None and abs(begin_wh - stay.begin_wh) <= WITHIN_WH and apart_s <= _SAME_BEGIN_S

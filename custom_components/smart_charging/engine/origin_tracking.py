"""Follows where each session's energy comes from, from cycle to cycle and over a restart."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from typing import Final

from .clock import Clock
from .control.elapsed import elapsed_s
from .control.origin_count import Rates, Seen, settled, settled_slots, with_interval
from .control.prices.series import PriceSeries
from .control.source_split import PowerSplit, SiteFlows, split_sources
from .energy_origin import SLOT, EnergyOrigin, OriginSlot, slot_of
from .ledger import SiteLedger
from .model import EvseKey, Session, StoreError

_LOGGER = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 60.0  # a flash drive need not see each change
LONGEST_S: Final = 60.0  # a longer time without a look, as of a host that slept, tells nothing of what flowed
MOST_UNSAVED: Final = 10_000  # quarter hours that wait for a ledger which can't be written

type _SlotKey = tuple[int, datetime, datetime]  # session, since when it is followed, begin of the quarter hour
type _Part = tuple[datetime, float, Rates]  # quarter hour, hours of it, and what energy was worth then


@dataclass(frozen=True, slots=True)
class _Followed:
    """A session as of the last look: what its meter had counted, the parts of that, and what was seen since.

    `slots` are those parts, of what was seen `since` it is followed, in quarter hours that may still grow. One that
    was `finished` stays as it is.
    """

    session_id: int
    since: datetime
    metered_wh: float
    origin: EnergyOrigin
    seen: Seen
    slots: tuple[OriginSlot, ...] = ()
    finished: bool = False


class OriginTracker:
    """Tells the parts of what each session's meter counts; what was counted while nobody looked is of unknown origin.

    At most the parts of a minute are lost in a crash: they are of unknown origin then, the energy itself is not lost.
    The same parts are kept by the quarter hour, and what a kWh from the grid cost in each; where that changes within
    one, the first price stands for all of it.
    """

    def __init__(self, ledger: SiteLedger) -> None:
        """Follow nothing yet."""
        self._ledger = ledger
        self._prices: PriceSeries | None = None
        self._followed: dict[EvseKey, _Followed] = {}
        self._unsaved: dict[int, EnergyOrigin] = {}  # by session
        self._unsaved_slots: dict[_SlotKey, OriginSlot] = {}
        self._unsaved_prices: dict[datetime, float] = {}
        self._priced: datetime | None = None  # the quarter hour whose price is known
        self._looked_at: datetime | None = None
        self._saving = asyncio.Lock()

    def set_prices(self, prices: PriceSeries | None) -> None:
        """Take the prices that hold from now on."""
        self._prices = prices

    def look(
        self,
        flows: SiteFlows,
        drawn_w: Mapping[EvseKey, float | None],
        session: Callable[[EvseKey], Session | None],
        now: datetime,
    ) -> None:
        """Take what flows now for what flowed since the last look; of an EVSE whose power is None nothing is known."""
        since, self._looked_at = self._looked_at, now
        if since is not None and slot_of(now) < slot_of(since):
            self._follow_anew(now)
        self._note_price(now)
        passed_s = None if since is None else elapsed_s(since, now)
        known = {key: power_w for key, power_w in drawn_w.items() if power_w is not None}
        splits = split_sources(flows, known)
        parts = [] if since is None else list(self._parts(since, now))
        for key in drawn_w:
            if (found := session(key)) is None or found.plugged_out_at is not None:
                continue
            if (followed := self._take_up(key, found, now)).finished:
                continue
            split = splits.get(key)
            if split is None or passed_s is None or passed_s > LONGEST_S:
                followed = replace(followed, seen=replace(followed.seen, gap=True))
            elif split.total_w > 0:
                followed = replace(followed, seen=_with_parts(followed.seen, split, parts))
            self._keep(key, followed, found, gap=split is None)

    def origin(self, session: Session) -> EnergyOrigin | None:
        """Return where a session's energy came from, None where nobody ever looked."""
        followed = self._followed.get(EvseKey(session.station_id, session.evse_id))
        if followed is None or followed.session_id != session.session_id:
            return None if session.origin is None else session.origin.within(session.energy_wh)
        if (counted_wh := session.energy_wh - followed.metered_wh) > 0:
            return (followed.origin + settled(followed.seen, counted_wh)).within(session.energy_wh)
        return followed.origin.within(session.energy_wh)

    async def finish(self, session: Session) -> Session:
        """Return a session that ended with where its energy came from, which the ledger has then."""
        key = EvseKey(session.station_id, session.evse_id)
        looked_at = self._looked_at or session.plugged_in_at
        self._keep(key, self._take_up(key, session, looked_at), session, gap=False)
        self._followed[key] = replace(self._followed[key], finished=True)
        try:
            await self.save()
        except StoreError as error:
            _LOGGER.error("Where a session's energy came from could not be kept yet: %s", error)
        return replace(session, origin=self.origin(session))

    def forget(self, station_id: str) -> None:
        """Follow a station's EVSEs no longer; what is known of their sessions is still saved."""
        self._followed = {key: one for key, one in self._followed.items() if key.station_id != station_id}

    async def save(self) -> None:
        """Keep what changed since the last call; raises StoreError when that fails, and keeps it in mind then."""
        async with self._saving:
            unsaved, self._unsaved = self._unsaved, {}
            slots, self._unsaved_slots = self._unsaved_slots, {}
            prices, self._unsaved_prices = self._unsaved_prices, {}
            if not (unsaved or slots or prices):
                return
            try:
                await self._ledger.save_origins(unsaved, slots, prices)
            except StoreError:
                self._unsaved = unsaved | self._unsaved
                self._unsaved_slots = _newest(slots | self._unsaved_slots)
                self._unsaved_prices = _newest(prices | {**self._unsaved_prices, **prices})
                raise

    async def run(self, clock: Clock) -> None:
        """Save each minute until cancelled; what could not be kept is tried again."""
        failing = False
        while True:
            await clock.sleep(SAVE_EVERY_S)
            try:
                await self.save()
                failing = False
            except StoreError as error:
                if not failing:
                    _LOGGER.warning("Where energy came from could not be kept: %s", error)
                failing = True

    def _take_up(self, key: EvseKey, session: Session, now: datetime) -> _Followed:
        """Return a session as it was followed so far; of a new one what it counted before is of unknown origin."""
        followed = self._followed.get(key)
        if followed is not None and followed.session_id == session.session_id:
            return followed
        origin = self._unsaved.get(session.session_id, session.origin) or EnergyOrigin()
        return _Followed(session.session_id, now, session.energy_wh, origin, Seen(gap=session.energy_wh > 0))

    def _keep(self, key: EvseKey, followed: _Followed, session: Session, *, gap: bool) -> None:
        """Settle what was seen once the meter moved; a `gap` goes on after that."""
        counted_wh = session.energy_wh - followed.metered_wh
        if counted_wh > 0:
            origin = followed.origin + settled(followed.seen, counted_wh)
            slots = self._settle_slots(followed, counted_wh)
            followed = _Followed(session.session_id, followed.since, session.energy_wh, origin, Seen(gap=gap), slots)
            self._unsaved[session.session_id] = origin
        elif counted_wh < 0:  # the count was corrected
            followed = replace(followed, metered_wh=session.energy_wh)
        self._followed[key] = followed

    def _settle_slots(self, followed: _Followed, counted_wh: float) -> tuple[OriginSlot, ...]:
        """Keep the parts of what a meter counted by the quarter hour, and return those that may still grow."""
        by_start = {one.start: one for one in followed.slots}
        for part in settled_slots(followed.seen, counted_wh):
            known = by_start.get(part.start)
            slot = by_start[part.start] = part if known is None else known + part
            self._unsaved_slots[followed.session_id, followed.since, part.start] = slot
        now = self._looked_at
        return tuple(one for one in by_start.values() if now is None or one.start >= slot_of(now))

    def _follow_anew(self, now: datetime) -> None:
        """Begin rows of their own, for quarter hours come again after the clock was set back."""
        self._followed = {key: replace(one, since=now, slots=()) for key, one in self._followed.items()}

    def _note_price(self, now: datetime) -> None:
        slot = slot_of(now)
        if slot != self._priced and self._prices is not None and (price := self._prices.import_at(now)) is not None:
            self._priced = slot
            self._unsaved_prices.setdefault(slot, price)

    def _parts(self, since: datetime, now: datetime) -> Iterator[_Part]:
        """Yield the time between two looks by quarter hours; of a long one only what is of use."""
        begin, last = since, min(now, since + timedelta(seconds=LONGEST_S))
        while begin < last:
            end = min(last, slot_of(begin) + SLOT)
            yield slot_of(begin), (end - begin).total_seconds() / 3600, self._rates(begin)
            begin = end

    def _rates(self, at: datetime) -> Rates:
        prices = self._prices
        if prices is None:
            return Rates()
        return Rates(prices.import_at(at), prices.feed_in_at(at), prices.co2_at(at))


def _with_parts(seen: Seen, split: PowerSplit, parts: Iterable[_Part]) -> Seen:
    for slot, hours, rates in parts:
        seen = with_interval(seen, split, hours, rates, slot)
    return seen


def _newest[K, V](waiting: dict[K, V]) -> dict[K, V]:
    """Return what may wait for a ledger that can't be written, the latest of it."""
    return dict(list(waiting.items())[-MOST_UNSAVED:])

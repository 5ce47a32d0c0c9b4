"""Follows where each session's energy comes from, from cycle to cycle and over a restart."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import logging
from typing import Final

from .clock import Clock
from .control.elapsed import elapsed_s
from .control.origin_count import Rates, Seen, settled, with_interval
from .control.prices.series import PriceSeries
from .control.source_split import SiteFlows, split_sources
from .energy_origin import EnergyOrigin
from .ledger import SiteLedger
from .model import EvseKey, Session, StoreError

_LOGGER = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 60.0  # a flash drive need not see each change
LONGEST_S: Final = 60.0  # a longer time without a look, as of a host that slept, tells nothing of what flowed


@dataclass(frozen=True, slots=True)
class _Followed:
    """A session as of the last look: what its meter had counted, the parts of that, and what was seen since.

    One that was `finished` stays as it is.
    """

    session_id: int
    metered_wh: float
    origin: EnergyOrigin
    seen: Seen
    finished: bool = False


class OriginTracker:
    """Tells the parts of what each session's meter counts; what was counted while nobody looked is of unknown origin.

    At most the parts of a minute are lost in a crash: they are of unknown origin then, the energy itself is not lost.
    """

    def __init__(self, ledger: SiteLedger) -> None:
        """Follow nothing yet."""
        self._ledger = ledger
        self._prices: PriceSeries | None = None
        self._followed: dict[EvseKey, _Followed] = {}
        self._unsaved: dict[int, EnergyOrigin] = {}  # by session
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
        passed_s = None if since is None else elapsed_s(since, now)
        known = {key: power_w for key, power_w in drawn_w.items() if power_w is not None}
        splits = split_sources(flows, known)
        rates = self._rates(since or now)
        for key in drawn_w:
            if (found := session(key)) is None or found.plugged_out_at is not None:
                continue
            if (followed := self._take_up(key, found)).finished:
                continue
            split = splits.get(key)
            if split is None or passed_s is None or passed_s > LONGEST_S:
                followed = replace(followed, seen=replace(followed.seen, gap=True))
            elif split.total_w > 0:
                followed = replace(followed, seen=with_interval(followed.seen, split, passed_s / 3600, rates))
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
        self._keep(key, self._take_up(key, session), session, gap=False)
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
            if not unsaved:
                return
            try:
                await self._ledger.save_origins(unsaved)
            except StoreError:
                self._unsaved = unsaved | self._unsaved
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

    def _take_up(self, key: EvseKey, session: Session) -> _Followed:
        """Return a session as it was followed so far; of a new one what it counted before is of unknown origin."""
        followed = self._followed.get(key)
        if followed is not None and followed.session_id == session.session_id:
            return followed
        origin = self._unsaved.get(session.session_id, session.origin) or EnergyOrigin()
        return _Followed(session.session_id, session.energy_wh, origin, Seen(gap=session.energy_wh > 0))

    def _keep(self, key: EvseKey, followed: _Followed, session: Session, *, gap: bool) -> None:
        """Settle what was seen once the meter moved; a `gap` goes on after that."""
        counted_wh = session.energy_wh - followed.metered_wh
        if counted_wh > 0:
            origin = followed.origin + settled(followed.seen, counted_wh)
            followed = _Followed(session.session_id, session.energy_wh, origin, Seen(gap=gap))
            self._unsaved[session.session_id] = origin
        elif counted_wh < 0:  # the count was corrected
            followed = replace(followed, metered_wh=session.energy_wh)
        self._followed[key] = followed

    def _rates(self, at: datetime) -> Rates:
        prices = self._prices
        if prices is None:
            return Rates()
        return Rates(prices.import_at(at), prices.feed_in_at(at), prices.co2_at(at))

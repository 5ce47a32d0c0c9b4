"""Counts what cars gave back in the session that goes on: by their stations' registers, else by the power seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .control.elapsed import elapsed_s
from .energy_count import EnergyCount, advance, begin
from .model import EvseKey, EvseMeasurement, Session

LONGEST_S = 60.0  # a longer time without a look, as of a host that slept, tells nothing of what flowed


@dataclass(frozen=True, slots=True)
class Given:
    """What a session gave back in Wh, and the register as it was told last, None where its station has none.

    `count` is what that register makes of it, with the doubt that a reading may be.
    """

    session_id: int
    given_wh: float = 0.0
    register_wh: float | None = None
    count: EnergyCount | None = None


class GivenEnergy:
    """Follows the sessions of a site's EVSEs; a register that lies is judged as that of what is taken (`energy_count`)."""

    def __init__(self) -> None:
        """Know of no session yet."""
        self._given: dict[EvseKey, Given] = {}
        self._looked_at: datetime | None = None

    @property
    def sessions(self) -> Mapping[EvseKey, Given]:
        """Return what was counted, to be remembered over a restart."""
        return dict(self._given)

    def restore(self, given: Mapping[EvseKey, Given]) -> None:
        """Go on from what was counted before a restart."""
        self._given = {**given, **self._given}

    def of(self, key: EvseKey, session: Session | None) -> float:
        """Return the Wh that a session gave back."""
        known = self._given.get(key)
        return 0.0 if known is None or session is None or known.session_id != session.session_id else known.given_wh

    def look(
        self, seen: Mapping[EvseKey, tuple[Session | None, EvseMeasurement | None, float | None]], now: datetime
    ) -> None:
        """Take each EVSE's session, its newest measurement, and the W that it draws now: negative while it gives."""
        passed_s = 0.0 if self._looked_at is None else elapsed_s(self._looked_at, now)
        self._looked_at = now
        for key, (session, measurement, drawn_w) in seen.items():
            if session is None or session.plugged_out_at is not None:
                continue
            register_wh = None if measurement is None else measurement.given_wh
            known = self._given.get(key)
            if known is None or known.session_id != session.session_id:
                if register_wh is None and (drawn_w or 0.0) >= 0:
                    continue  # nothing to count yet
                self._given[key] = _counted(Given(session.session_id), register_wh, 0.0, 0.0, now)
                continue
            self._given[key] = _counted(known, register_wh, drawn_w or 0.0, passed_s, now)

    def forget(self, station_id: str) -> None:
        """Forget the EVSEs of a station."""
        self._given = {key: one for key, one in self._given.items() if key.station_id != station_id}


def _counted(known: Given, register_wh: float | None, drawn_w: float, passed_s: float, now: datetime) -> Given:
    if register_wh is None:
        flowed_wh = max(0.0, -drawn_w) * passed_s / 3600 if passed_s <= LONGEST_S else 0.0
        return replace(known, given_wh=known.given_wh + flowed_wh) if flowed_wh else known
    if register_wh == known.register_wh:
        return known  # looked at again, which is no second reading that could confirm a doubt
    before = known.count or begin(known.register_wh, now)
    count = advance(before, register_wh, now)
    given_wh = known.given_wh + (count.energy_wh - before.energy_wh)
    return replace(known, given_wh=given_wh, register_wh=register_wh, count=count)

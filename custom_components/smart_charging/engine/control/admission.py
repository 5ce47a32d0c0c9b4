"""Who comes first, and whose turn it is where not all can have their minimum."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum

from ..config import SiteConfig
from ..model import EvseKey
from .elapsed import elapsed_s
from .snapshot import EvseControl, EvseSnapshot
from .urgency import urgency

SENIOR_H = 24.0  # who is plugged in longer has no more weight
STARVING_TURNS = 4  # whoever waited for so many turns is first among the waiting

_NEVER = datetime.max.replace(tzinfo=UTC)


class Rank(IntEnum):
    """The order within a priority class."""

    RUNNING = 0  # its turn is not over, or nobody waits
    STARVING = 1
    WAITING = 2  # or its turn is over
    UNUSED = 3  # did not take what it was offered: tried again where nobody else wants it


def admission_order(
    site: SiteConfig, evses: Sequence[EvseSnapshot], controls: Mapping[EvseKey, EvseControl], now: datetime
) -> list[EvseSnapshot]:
    """Return the EVSEs in the order in which their minimum currents are admitted.

    By priority; then what runs before what waits, until its turn of `turn_s` is over and somebody of the
    same class waits; then the most urgent, earliest departure, least energy so far, longest plugged.
    """
    contested = {evse.priority for evse in evses if controls[evse.key].waiting_since is not None}

    def position(evse: EvseSnapshot) -> tuple[int, Rank, float, datetime, float, datetime, EvseKey]:
        control = controls[evse.key]
        rank = _rank(site, evse, control, evse.priority in contested, now)
        since = control.plugged_since or _NEVER
        pressing = urgency(evse, control, now)
        return (-evse.priority, rank, -pressing, evse.departure or _NEVER, evse.energy_wh, since, evse.key)

    return sorted(evses, key=position)


def count_turn(
    site: SiteConfig, control: EvseControl, *, wants: bool, gets: bool, unused: bool, now: datetime
) -> EvseControl:
    """Return the memory of turns after an allocation; `gets` says that the minimum was admitted.

    Who is admitted again at the end of its turn begins a new one: else whoever had to give way would be
    first in the next cycle and push away the next one whose turn is over, and so on through all of them.
    """
    if gets:
        since = now if control.turn_since is None or turn_is_over(site, control, now) else control.turn_since
        if (since, unused) == (control.turn_since, control.unused):
            return control
        return replace(control, turn_since=since, waiting_since=None, unused=unused)
    waiting = (control.waiting_since or now) if wants else None
    tried_again = waiting is not None and elapsed_s(waiting, now) >= site.turn_s
    return replace(control, turn_since=None, waiting_since=waiting, unused=unused and wants and not tried_again)


def weight(site: SiteConfig, evse: EvseSnapshot, control: EvseControl, now: datetime) -> float:
    """Return an EVSE's part beside others of its class: its station's, for its car's time here, and for its hurry."""
    return evse.station.weight * _seniority(site, control, now) * urgency(evse, control, now)


def _seniority(site: SiteConfig, control: EvseControl, now: datetime) -> float:
    plugged_h = 0.0 if control.plugged_since is None else elapsed_s(control.plugged_since, now) / 3600
    return 1.0 + site.seniority_per_h * min(SENIOR_H, plugged_h)  # a clock that was set back makes it infinite


def turn_is_over(site: SiteConfig, control: EvseControl, now: datetime) -> bool:
    """Return whether an EVSE has had its minimum for a whole turn."""
    return control.turn_since is not None and elapsed_s(control.turn_since, now) >= site.turn_s


def _rank(site: SiteConfig, evse: EvseSnapshot, control: EvseControl, contested: bool, now: datetime) -> Rank:
    if control.unused and contested:
        return Rank.UNUSED
    if control.turn_since is not None:
        return Rank.WAITING if contested and turn_is_over(site, control, now) else Rank.RUNNING
    waited = control.waiting_since
    starving = waited is not None and elapsed_s(waited, now) >= STARVING_TURNS * site.turn_s
    return Rank.STARVING if starving else Rank.WAITING

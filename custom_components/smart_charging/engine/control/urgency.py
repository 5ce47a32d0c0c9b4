"""How pressing a car's charging is by what its driver said, beside cars of which nobody said anything.

What drivers say is often wrong: many stay for hours beyond the departure they gave, and ask for half as much again as
their cars take. So it only shifts who comes first and who gets more, within bounds; a limit or a target it is not.
"""

from datetime import datetime, timedelta
from typing import Final

from ..model import NOMINAL_VOLTAGE_V
from .snapshot import EvseControl, EvseSnapshot

USUAL_SHARE: Final = 0.25  # of its stay that a car needs full power: that of one of which nothing is known
LEAST_LEFT: Final = timedelta(minutes=30)  # who is still there after the time that was said may leave any moment
LEAST_WH: Final = 2_000.0  # of a target that is nearly reached
LEAST, MOST = 0.1, 4.0  # the bounds: full power for the whole of its stay is the most that a car can need

_HOUR = timedelta(hours=1)


def urgency(evse: EvseSnapshot, control: EvseControl, now: datetime) -> float:
    """Return the part of the time left for which a car needs full power, as a multiple of what is usual.

    1.0 where departure or target energy is not known.
    """
    target_wh = evse.settings.target_energy_wh
    full_w = evse.user_limit_a * NOMINAL_VOLTAGE_V * (control.active_phases or evse.station.phases)
    if evse.departure is None or target_wh is None or full_w <= 0:
        return 1.0
    needed_h = max(LEAST_WH, target_wh - evse.energy_wh) / full_w
    left_h = max(LEAST_LEFT, evse.departure - now) / _HOUR
    return min(max(needed_h / left_h / USUAL_SHARE, LEAST), MOST)

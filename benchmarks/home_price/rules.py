"""The controllers to compare with: none at all, and the usual rules as evcc documents them.

Written from the public documentation of evcc: a car follows the surplus with one or three phases, and charges for its
deadline as late as possible or in the cheapest hours. Re-implementations: their figures are not those of the product.
"""

from .home import FULL_W, RANGES, Now, Told
from .world import HOURS, World


class Uncontrolled:
    """Charges from plug-in at full current; the battery keeps surplus for later."""

    def decide(self, now: Now) -> Told:
        """Return full power while the car takes any."""
        return Told(FULL_W if now.left_wh > 0.0 else 0.0)


class LatePlan:
    """Follows the surplus; the latest start, which all share, sees to the deadline."""

    def decide(self, now: Now) -> Told:
        """Return what the surplus is enough for."""
        return Told(surplus_w(now))


class CheapestPlan:
    """Follows the surplus, and charges at full power in the cheapest hours before the departure.

    Prices that are not published yet are no slots to choose: a car that can still be served in them waits.
    """

    def __init__(self, world: World) -> None:
        """Take the home whose prices count."""
        self._world = world

    def decide(self, now: Now) -> Told:
        """Return full power in a slot of the plan, else what the surplus is enough for."""
        return Told(FULL_W if self._planned(now) else surplus_w(now))

    def _planned(self, now: Now) -> bool:
        if now.visit is None or now.left_wh <= 0.0:
            return False
        known = min(self._world.known_until(now.quarter), now.visit.departure)
        later_wh = (now.visit.departure - known) * HOURS * FULL_W
        slots = -int(-(now.left_wh - later_wh) // (FULL_W * HOURS))
        at = self._world.before
        cheapest = sorted(range(now.quarter, known), key=lambda slot: (self._world.import_price[at + slot], slot))
        return now.quarter in cheapest[: max(0, slots)]


def surplus_w(now: Now) -> float:
    """Return the power that a car can follow the surplus with, 0 where it is below its least."""
    if now.left_wh <= 0.0:
        return 0.0
    surplus = -now.net_w
    one, three = RANGES
    if surplus >= three.least_w:
        return min(surplus, three.most_w)
    return min(surplus, one.most_w) if surplus >= one.least_w else 0.0

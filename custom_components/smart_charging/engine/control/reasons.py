"""Why an EVSE got what it got, as data to be put into words by those who show it."""

from ..config import SiteConfig
from ..model import EvseStatus, Reason, ReasonCode
from .allocator import Share
from .desire import Desire
from .snapshot import EvseSnapshot

SURPLUS_ROW = "surplus"
FREE = "free"  # not a row: the station takes no limit, so nothing was shared out to it
PHASE_ROWS = ("L1", "L2", "L3")


def explain(site: SiteConfig, evse: EvseSnapshot, desire: Desire, share: Share | None, solar: Reason | None) -> Reason:
    """Return the reason of a setpoint; `share` is None for what took no part in the allocation."""
    if share is None:
        return solar if desire.on_surplus and solar is not None else desire.reason
    if share.bound_by == FREE:
        return Reason(ReasonCode.NOT_FOLLOWING)
    if share.current_a <= 0:
        return Reason(ReasonCode.NO_HEADROOM, {"phase": share.bound_by or "", "needed_a": desire.min_a})
    if share.bound_by in PHASE_ROWS:
        return Reason(ReasonCode.LIMIT_FUSE, {"phase": share.bound_by, "fuse_a": site.fuse_a})
    if evse.status in {EvseStatus.SUSPENDED_EV, EvseStatus.FINISHING}:
        return Reason(ReasonCode.CAR_NOT_CHARGING)
    if desire.on_surplus:
        return solar or _explain_surplus(evse, desire, share)
    if desire.reason.code is ReasonCode.FAST and evse.user_limit_a < evse.station.max_current_a:
        return Reason(ReasonCode.LIMIT_USER, {"limit_a": evse.user_limit_a})
    return desire.reason


def _explain_surplus(evse: EvseSnapshot, desire: Desire, share: Share) -> Reason:
    if share.bound_by == SURPLUS_ROW:
        at_minimum = desire.always_on and share.current_a <= desire.min_a
        return Reason(ReasonCode.SURPLUS_MINIMUM if at_minimum else ReasonCode.SURPLUS)
    if evse.user_limit_a < evse.station.max_current_a:
        return Reason(ReasonCode.LIMIT_USER, {"limit_a": evse.user_limit_a})
    return Reason(ReasonCode.LIMIT_STATION, {"limit_a": evse.station.max_current_a})

"""How far a tariff's peak may rise by plan: as far as that is worth its price, and for who would be late without it."""

from dataclasses import replace
from datetime import datetime

from ...model import NOMINAL_VOLTAGE_V, ReasonCode
from ..snapshot import Snapshot
from .advice import charges_by_plan


def with_planned_peak(snapshot: Snapshot, peak_w: float | None, now: datetime) -> Snapshot:
    """Return the site with the target for its peak in W that the plan found worth its price, None without a plan.

    Only a peak with a price is weighed. A car that has no time to lose is not held back by it: what was promised
    for its departure is worth more, and what the plan missed is little by then.
    """
    site, tariff = snapshot.site, snapshot.site.peak
    if tariff is None or tariff.price_per_kw <= 0:
        return snapshot
    raised_w = max(tariff.target_w, peak_w or 0.0)
    if any(charges_by_plan(evse.advice, now) is ReasonCode.PLAN_DEADLINE for evse in snapshot.evses):
        raised_w = max(raised_w, site.fuse_a * NOMINAL_VOLTAGE_V * site.phases)
    return replace(snapshot, site=replace(site, peak=replace(tariff, target_w=raised_w)))

"""How far a meter can be trusted, and which way its currents flow."""

from collections.abc import Iterable
from datetime import datetime
from itertools import product
import math

from ..config import Connection
from ..model import NOMINAL_VOLTAGE_V, MeterQuality, Phases
from .elapsed import elapsed_s

STALE_INTERVALS = 2.0  # expected intervals without a reading
LOST_AFTER_S = 60.0
PLAUSIBLE_FUSES = 5.0  # no connection carries more than this many times its fuse for a whole reading


def judge_quality(
    connection: Connection, last_good: datetime | None, *, available: bool, now: datetime
) -> MeterQuality:
    """Return the quality of a meter whose newest plausible reading is of `last_good`."""
    if last_good is None:
        return MeterQuality.LOST
    age_s = elapsed_s(last_good, now)
    if age_s > LOST_AFTER_S:
        return MeterQuality.LOST
    if not available or age_s > STALE_INTERVALS * connection.meter_interval_s:
        return MeterQuality.STALE
    return MeterQuality.FRESH


def is_plausible(connection: Connection, power_w: float | None, current_a: Phases | None) -> bool:
    """Return False for values that this connection cannot carry, and for what is no number."""
    ceiling_a = PLAUSIBLE_FUSES * connection.fuse_a
    ceiling_w = ceiling_a * NOMINAL_VOLTAGE_V * connection.phases
    if power_w is not None and not (math.isfinite(power_w) and abs(power_w) <= ceiling_w):
        return False
    return current_a is None or all(math.isfinite(value) and abs(value) <= ceiling_a for value in current_a)


def signed_currents(current_a: Phases, power_w: float | None, voltage_v: Phases) -> Phases:
    """Return currents with import > 0, for meters that only report magnitudes.

    Of all choices of direction the one whose power is nearest to the measured total is
    taken; among equally near ones that with the larger import on its most loaded phase.
    """
    if power_w is None or any(value < 0 for value in current_a):
        return current_a

    def distance(signs: Iterable[int]) -> tuple[float, float]:
        flows = [sign * amps for sign, amps in zip(signs, current_a, strict=True)]
        power = sum(amps * volts for amps, volts in zip(flows, voltage_v, strict=True))
        return round(abs(power - power_w), 1), -max(flows)

    best = min(product((1, -1), repeat=3), key=distance)
    return Phases(*(sign * amps for sign, amps in zip(best, current_a, strict=True)))


def currents_from_power(phases: int, power_w: float, voltage_v: Phases) -> Phases:
    """Return a total power as equal currents of the connection's phases, for meters that tell no more."""
    if phases == 1:
        return Phases(power_w / voltage_v.l1)
    return Phases(*(power_w / 3 / volts for volts in voltage_v))

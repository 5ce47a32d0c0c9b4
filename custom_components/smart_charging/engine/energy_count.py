"""Energy of one transaction from the readings of a meter register that may lie: pure functions.

A register may glitch for one reading, jitter by 1 Wh, start again at 0 (a new meter, or a
station that counts per session while its meterStart is the lifetime register), or send nonsense.
A reading that does not follow from the last good one is only a doubt. If the next reading
follows from the doubt, the register has really moved and is counted on from there; if it follows
from the last good one, the doubt was a glitch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import math

from .model import Measurand, SampledValue

MAX_POWER_W = 50_000.0  # more than any AC station delivers on one EVSE (IEC 61851-1: 63 A on three phases)
MAX_GAP_S = 86_400.0  # a longer silence is more likely a clock that was set than a day of charging
STEP_WH = 1_000.0  # a register may be kept in whole kWh, and be updated less often than it is sent
JITTER_WH = 1.0
DROP_IGNORED = 0.1  # a larger fall is a reset, as Home Assistant's `total_increasing` has it

# A message may repeat the register of the transaction's begin beside the present one.
_CONTEXTS = (
    "Transaction.End",
    "Sample.Periodic",
    "Sample.Clock",
    "Trigger",
    "Interruption.End",
    "Interruption.Begin",
    "Other",
    "Transaction.Begin",
)
_PHASES = {"L1": "L1", "L1-N": "L1", "L2": "L2", "L2-N": "L2", "L3": "L3", "L3-N": "L3"}


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of readings that follow from one another; `zero_wh` is the register at no energy."""

    register_wh: float
    at: datetime
    zero_wh: float

    @property
    def energy_wh(self) -> float:
        """Return the transaction's energy at the newest reading of this run."""
        return self.register_wh - self.zero_wh


@dataclass(frozen=True, slots=True)
class EnergyCount:
    """What was delivered so far, and what is needed to judge the next reading.

    `before` is the run one step earlier and `doubt` a run seen in one reading only. There is no `last` before the
    first reading of a transaction whose register at the start nobody knows.
    """

    energy_wh: float
    last: Run | None
    before: Run | None = None
    doubt: Run | None = None


def begin(meter_start_wh: float | None, at: datetime) -> EnergyCount:
    """Return the count of a transaction that has just begun, at a register that may be unknown."""
    return EnergyCount(0.0, None if meter_start_wh is None else Run(meter_start_wh, at, meter_start_wh))


def advance(count: EnergyCount, register_wh: float, at: datetime) -> EnergyCount:
    """Return the count after one more reading, in order of arrival; its energy never falls."""
    if not math.isfinite(register_wh) or register_wh < 0:
        return count
    last = count.last
    if last is None:
        return EnergyCount(0.0, Run(register_wh, at, register_wh))
    if at < last.at:
        return _advance_late(count, last, register_wh, at)
    if _follows(last, register_wh, at):
        if register_wh > last.register_wh:
            return _moved(count, Run(register_wh, at, last.zero_wh), last)
        # An ignored fall keeps the higher register, so that the way back up is not counted twice.
        return replace(count, last=replace(last, at=at), doubt=None)
    if count.doubt is not None and at >= count.doubt.at and _follows(count.doubt, register_wh, at):
        return _moved(count, Run(register_wh, at, count.doubt.zero_wh), None)
    return replace(count, doubt=_doubt(last, count.before, register_wh, at))


def begin_earlier(
    count: EnergyCount, meter_start_wh: float | None, started_at: datetime, earlier_wh: float, earlier_at: datetime
) -> tuple[EnergyCount, float]:
    """Return the count of a transaction whose begin turns out to be earlier, and the energy in Wh that this adds.

    An earlier register that the known one does not follow from adds nothing.
    """
    if not math.isfinite(earlier_wh) or earlier_wh < 0:
        return count, 0.0
    if count.last is None:
        return begin(earlier_wh, earlier_at), 0.0
    first_wh = count.last.zero_wh if meter_start_wh is None else meter_start_wh
    gained_wh = first_wh - earlier_wh
    if gained_wh <= 0 or not _follows(Run(earlier_wh, earlier_at, earlier_wh), first_wh, started_at):
        return count, 0.0
    moved = EnergyCount(
        count.energy_wh + gained_wh,
        _with_more(count.last, gained_wh),
        None if count.before is None else _with_more(count.before, gained_wh),
        None if count.doubt is None else _with_more(count.doubt, gained_wh),
    )
    return moved, gained_wh


def _with_more(run: Run, gained_wh: float) -> Run:
    return replace(run, zero_wh=run.zero_wh - gained_wh)


def settle(
    count: EnergyCount, meter_start_wh: float | None, started_at: datetime, meter_stop_wh: float, at: datetime
) -> float:
    """Return the transaction's final energy in Wh from its closing register.

    The closing register counts where it follows from the start or from the readings. Where both
    do with different results (a register that began anew), the lower one not below what was
    already counted is right. Otherwise the last good reading stands.
    """
    if not math.isfinite(meter_stop_wh) or meter_stop_wh < 0:
        return count.energy_wh
    origin = None if meter_start_wh is None else Run(meter_start_wh, started_at, meter_start_wh)
    results = [
        meter_stop_wh - run.zero_wh
        for run in (origin, count.last, count.doubt)
        if run is not None and _follows(run, meter_stop_wh, at)
    ]
    # meterStop is a whole number: it may cut off up to 1 Wh of the last reading.
    fitting = [result for result in results if result >= count.energy_wh - JITTER_WH]
    return max(count.energy_wh, min(fitting, default=0.0))


def outlet_register_wh(values: Sequence[SampledValue]) -> float | None:
    """Return the import register at the outlet from the readings of one moment, None without one.

    The value without phase counts; the sum of the phases only where there is none. A register in the body or
    the cable is that of the outlet where none is told for that.
    """
    found = [value for value in values if value.measurand is Measurand.ENERGY_IMPORT_REGISTER and value.of_the_outlet]
    if not found:
        return None
    if len(found) > 1:
        best = min(_rank(value) for value in found)
        found = [value for value in found if _rank(value) == best]
    for value in found:
        if value.phase is None:
            return value.value
    by_phase = {_PHASES[value.phase]: value.value for value in found if value.phase in _PHASES}
    return sum(by_phase.values()) if by_phase else None


def _rank(value: SampledValue) -> tuple[bool, int]:
    """Return how well a reading's location and context tell of the outlet's present, the lowest the best."""
    context = _CONTEXTS.index(value.context) if value.context in _CONTEXTS else len(_CONTEXTS)
    return value.location.lower() != "outlet", context


def _deliverable_wh(since: datetime, until: datetime) -> float:
    """Return the largest energy that can flow in this time."""
    seconds = min(MAX_GAP_S, max(0.0, (until - since).total_seconds()))
    return MAX_POWER_W * seconds / 3600


def _follows(run: Run, register_wh: float, at: datetime) -> bool:
    """Return whether a register can read this at that time after the run."""
    gain = register_wh - run.register_wh
    if gain < 0:
        return -gain <= max(JITTER_WH, DROP_IGNORED * run.register_wh)
    return gain <= _deliverable_wh(run.at, at) + STEP_WH


def _moved(count: EnergyCount, last: Run, before: Run | None) -> EnergyCount:
    return EnergyCount(max(count.energy_wh, last.energy_wh), last, before)


def _advance_late(count: EnergyCount, last: Run, register_wh: float, at: datetime) -> EnergyCount:
    """Judge a reading that is older than the last one: a queued one, or the station's clock went back.

    Only a register that is further on can tell anything, and only the station's clock explains it.
    """
    if register_wh > last.register_wh and _follows(last, register_wh, at):
        return _moved(count, Run(register_wh, at, last.zero_wh), last)
    return count


def _doubt(last: Run, before: Run | None, register_wh: float, at: datetime) -> Run:
    """Return the run that begins if this reading, which does not follow from the last, is right."""
    if register_wh > last.register_wh:
        return Run(register_wh, at, register_wh - last.energy_wh)
    if before is not None and 0 < before.register_wh <= register_wh and _follows(before, register_wh, at):
        return Run(register_wh, at, before.zero_wh)  # then the last reading was the outlier
    if register_wh <= _deliverable_wh(last.at, at):
        return Run(register_wh, at, -last.energy_wh)  # began again at 0 since the last reading
    return Run(register_wh, at, register_wh - last.energy_wh)

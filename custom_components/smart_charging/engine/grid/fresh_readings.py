"""When chargers are asked to measure: shortly before what they draw is checked or kept as proof. A pure function."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from ..model import EvseKey
from .set_back import is_ahead

# After a signal, in s: 2 s before the first and the last of what is kept, and before what is checked, so that an answer is there in time.
MOMENTS_S: Final = (8.0, 11.0, 13.0, 28.0, 58.0, 298.0)
ASKED_FOR_S: Final = 5.0  # later an answer would be of no use


def due_readings(
    signals: Iterable[datetime],
    measured_at: Mapping[EvseKey, datetime | None],
    asked_at: Mapping[EvseKey, datetime],
    now: datetime,
) -> tuple[EvseKey, ...]:
    """Return the EVSEs to be asked now: those that did not measure since a moment after a signal, each once for it.

    `measured_at` are the EVSEs that can be asked, with their last measurement; `asked_at` tells when each was asked last.
    """
    moments = [
        moment
        for at in signals
        for after_s in MOMENTS_S
        if (moment := at + timedelta(seconds=after_s)) <= now < moment + timedelta(seconds=ASKED_FOR_S)
    ]
    if not moments:
        return ()
    newest = max(moments)
    return tuple(
        key
        for key, measured in measured_at.items()
        if _is_before(newest, measured, now) and _is_before(newest, asked_at.get(key), now)
    )


def _is_before(moment: datetime, at: datetime | None, now: datetime) -> bool:
    """Return whether something was last before a moment, or never, or before the clock was set back."""
    return at is None or at < moment or is_ahead(at, now)

"""What was remembered before the clock was set back: no delay waits for the old time to come again.

It also is set back for who starts on a host without a clock of its own, before the network tells the time.
"""

from datetime import datetime, timedelta
from typing import Final

SLACK: Final = timedelta(seconds=5)  # who tells us of a moment need not agree with us to the second


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Return whether a moment that has been lies in the future."""
    return moment - now > SLACK


def not_ahead(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a moment that has been, or now where that is still to come: what waits since then waits anew."""
    return now if moment is not None and is_ahead(moment, now) else moment

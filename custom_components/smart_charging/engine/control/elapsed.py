"""How long something is ago, on a clock that may be set back."""

from datetime import datetime

SLACK_S = 5.0  # stations, meters and this host need not agree to the second


def elapsed_s(since: datetime, now: datetime) -> float:
    """Return the seconds since a moment.

    A moment in the future comes from before the clock was set back: it is infinitely long ago, so that no delay
    waits for the old time to come again and no old value counts as new.
    """
    seconds = (now - since).total_seconds()
    return float("inf") if seconds < -SLACK_S else max(0.0, seconds)

"""What is remembered of a car that gives energy back, from decision to decision."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class GivingMemory:
    """What it was told to give, in W, and before that; since when it has something to give for, or has not, or does not obey.

    Until `failed_until` it is not told to give again.
    """

    told_w: float = 0.0
    before_w: float = 0.0
    changed_at: datetime | None = None
    running: bool = False
    wanted_since: datetime | None = None
    idle_since: datetime | None = None
    short_since: datetime | None = None
    failed_until: datetime | None = None

"""The four relay contacts of a German control box (FNN): W4 dims, W3, S2 and S1 limit the feed-in."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final


class Contact(StrEnum):
    """A contact of the control box, by its name there."""

    W4 = "w4"
    W3 = "w3"
    S2 = "s2"
    S1 = "s1"


# The part of the installed PV power that may be fed in while a contact is closed, in percent.
FEED_IN_PERCENT: Final[Mapping[Contact, float]] = {Contact.W3: 0.0, Contact.S2: 30.0, Contact.S1: 60.0}


def dims(closed: Collection[Contact]) -> bool:
    """Return whether controllable devices are to be dimmed."""
    return Contact.W4 in closed


def feed_in_percent(closed: Collection[Contact]) -> float | None:
    """Return what may be fed in, None for all: of several closed contacts the most restrictive counts."""
    told = [FEED_IN_PERCENT[contact] for contact in closed if contact in FEED_IN_PERCENT]
    return min(told, default=None)

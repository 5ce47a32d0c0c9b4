"""The grid operator's relay: one contact of a control box that dims what the site may draw while it is closed."""

from dataclasses import dataclass


@dataclass(slots=True)
class GridRelay:
    """A contact without bounce; nothing of the plant hangs on it, it only tells."""

    closed: bool = False

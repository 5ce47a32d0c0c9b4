"""How a station stands at its second central system, as values to be shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RelayCondition(StrEnum):
    """How a relay stands, in a word."""

    OFF = "off"  # the station has none
    CONNECTED = "connected"  # they know the station and are told everything
    WAITING = "waiting"  # for the station, or for them
    REFUSED = "refused"  # they don't let the station in


@dataclass(frozen=True, slots=True)
class RelayState:
    """What is to be known of a relay; holds no address path, no password and no message."""

    address: str
    connected: bool = False
    accepted: bool = False
    connected_since: datetime | None = None
    error: str | None = None
    waiting: int = 0
    waiting_bytes: int = 0
    thinned: int = 0
    set_aside: int = 0
    refused: int = 0
    lost: int = 0
    garbage: int = 0
    commands_carried_out: int = 0
    commands_refused: int = 0
    kept: bool = True  # False while the backlog is in memory only
    turned_away: bool = False  # they refused the login, or the station itself, when last asked

    @property
    def condition(self) -> RelayCondition:
        """Return how the relay stands, in a word."""
        if self.turned_away:
            return RelayCondition.REFUSED
        return RelayCondition.CONNECTED if self.accepted else RelayCondition.WAITING

"""Stations that dial and can't enter by a setting of theirs or ours, which nobody would see otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
import logging
from typing import Final

from ..clock import Clock
from .handshake import versions_of
from .rpc import OCPP16

_LOGGER = logging.getLogger(__name__)

MAX_STRANGERS: Final = 8  # whoever reaches the port can name any station
MAX_OFFERS: Final = 1000
FORGOTTEN_S: Final = 3600.0  # who doesn't dial any more needs nothing


class Obstacle(StrEnum):
    """What keeps a station out."""

    NO_VERSION = "it offers no version of OCPP that it may speak"
    NO_TLS = "it dials without TLS: its address has to begin with wss://"


@dataclass(slots=True)
class _Seen:
    obstacle: Obstacle
    at: float


class TurnedAway:
    """Remembers who can't enter and why, and which versions stations offered; a bounded number of each."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nobody."""
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._offers: dict[str, frozenset[str]] = {}
        self._strangers: set[str] = set()

    @property
    def stations(self) -> dict[str, Obstacle]:
        """Return what keeps out those who dialled within the last hour."""
        since = self._clock.monotonic() - FORGOTTEN_S
        self._seen = {station_id: seen for station_id, seen in self._seen.items() if seen.at > since}
        self._strangers &= self._seen.keys()
        return {station_id: seen.obstacle for station_id, seen in self._seen.items()}

    def offered(self, station_id: str) -> frozenset[str]:
        """Return the versions that a station offered the last time it proved who it is; none where it never did."""
        return self._offers.get(station_id, frozenset())

    def offers(self, station_id: str, headers: Sequence[str]) -> None:
        """Take note of what a station offers in its handshake; nothing stands for OCPP 1.6."""
        if station_id in self._offers or len(self._offers) < MAX_OFFERS:
            self._offers[station_id] = versions_of(headers) or frozenset({OCPP16})

    def refused(self, station_id: str, obstacle: Obstacle, *, known: bool) -> None:
        """Take note of a station that can't enter; it dials again and again and is logged once."""
        others = self.stations
        if not known and station_id not in others:
            if len(self._strangers) >= MAX_STRANGERS:
                return
            self._strangers.add(station_id)
        if others.get(station_id) is not obstacle:
            _LOGGER.warning("%s can't connect: %s", station_id, obstacle.value)
        self._seen[station_id] = _Seen(obstacle, self._clock.monotonic())

    def entered(self, station_id: str) -> None:
        """Take note that nothing keeps a station out any more."""
        self._seen.pop(station_id, None)
        self._strangers.discard(station_id)

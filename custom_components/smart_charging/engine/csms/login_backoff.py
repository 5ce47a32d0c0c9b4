"""Holds off those who guess passwords, without locking out the station they guess at: no I/O, time from the clock."""

from dataclasses import dataclass
from typing import Final

from ..clock import Clock
from .limits import network_of

_MAX_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class BackoffTimes:
    """After `free` failures each further one doubles the wait from `first_s` up to `longest_s`; times in seconds."""

    free: int
    first_s: float
    longest_s: float
    forget_s: float = 3600.0  # without another failure

    def wait_s(self, failures: int) -> float:
        """Return how long to wait after the last of so many failures."""
        over = failures - self.free
        return 0.0 if over < 0 else min(self.longest_s, self.first_s * 2.0 ** min(over, 32))


# A wrong password at one station must not hold off others behind the same address for long.
STATION_TIMES: Final = BackoffTimes(free=8, first_s=1.0, longest_s=300.0)
ADDRESS_TIMES: Final = BackoffTimes(free=24, first_s=1.0, longest_s=60.0)


class _Failures[Key]:
    """Failures in a row by key, the oldest forgotten first."""

    def __init__(self, clock: Clock, times: BackoffTimes) -> None:
        self._clock = clock
        self._times = times
        self._counts: dict[Key, tuple[int, float]] = {}

    def wait_s(self, key: Key) -> float:
        count, since = self._counts.get(key, (0, 0.0))
        return max(0.0, since + self._times.wait_s(count) - self._clock.monotonic()) if count else 0.0

    def add(self, key: Key) -> None:
        now = self._clock.monotonic()
        count, since = self._counts.pop(key, (0, now))
        self._counts[key] = (1 if now - since > self._times.forget_s else count + 1, now)
        while len(self._counts) > _MAX_KEPT:
            del self._counts[next(iter(self._counts))]

    def take_back(self, key: Key) -> None:
        count, since = self._counts.pop(key, (0, 0.0))
        if count > 1:
            self._counts[key] = (count - 1, since)

    def clear(self, key: Key) -> None:
        self._counts.pop(key, None)


class LoginBackoff:
    """Counts wrong passwords by station and by address.

    An address from which a station logged in before has a count of its own for that station: whatever
    others try from elsewhere, the right password opens from there.
    """

    def __init__(
        self, clock: Clock, station: BackoffTimes = STATION_TIMES, address: BackoffTimes = ADDRESS_TIMES
    ) -> None:
        """Begin with nobody held off."""
        self._stations: _Failures[str] = _Failures(clock, station)
        self._addresses: _Failures[str] = _Failures(clock, address)
        self._homes: _Failures[tuple[str, str]] = _Failures(clock, station)
        self._known: dict[tuple[str, str], None] = {}

    def begin(self, station_id: str, address: str) -> float:
        """Return the seconds this login has to wait; 0 lets it be tried and counts it until it succeeded.

        Counting first keeps many logins at once from being tried all for the price of one.
        """
        home = (station_id, network_of(address))
        if home in self._known:
            wait_s = self._homes.wait_s(home)
            if not wait_s:
                self._homes.add(home)
            return wait_s
        wait_s = max(self._stations.wait_s(station_id), self._addresses.wait_s(home[1]))
        if not wait_s:
            self._stations.add(station_id)
        return wait_s

    def failed(self, address: str) -> None:
        """Count a wrong password against the address."""
        self._addresses.add(network_of(address))

    def succeeded(self, station_id: str, address: str) -> None:
        """Take this login's count back and know the address from now on.

        What others failed at stays counted: a login of one's own must not buy guesses at other stations.
        """
        home = (station_id, network_of(address))
        if home in self._known:
            self._homes.clear(home)
        else:
            self._stations.take_back(station_id)
        self._known.pop(home, None)
        self._known[home] = None
        while len(self._known) > _MAX_KEPT:
            del self._known[next(iter(self._known))]

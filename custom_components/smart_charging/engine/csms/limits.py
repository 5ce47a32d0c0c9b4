"""Limits that keep one peer from using up what belongs to all: rates and numbers, without I/O."""

from collections import Counter
import ipaddress
from typing import Final

from ..clock import Clock

_MAX_ADDRESSES: Final = 4096


class TokenBucket:
    """A sustained rate with bursts, kept by waiting: nothing is ever dropped."""

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(self, clock: Clock, rate_per_s: float, burst: float) -> None:
        """Start full."""
        self._clock = clock
        self._rate = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._filled_at = clock.monotonic()

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now

    def take(self, tokens: float = 1.0) -> float:
        """Take tokens and return the seconds to wait before they may be used."""
        self._fill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)

    def try_take(self) -> bool:
        """Take a token if there is one."""
        if self.empty:
            return False
        self._tokens -= 1.0
        return True

    @property
    def empty(self) -> bool:
        """Return True while no whole token is left."""
        self._fill()
        return self._tokens < 1.0


def network_of(address: str) -> str:
    """Return what to count a peer by: its IPv4 address, or the /64 that one IPv6 host owns in full."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


class HandshakeLimiter:
    """Counts handshakes that failed or came from unknown stations, per address."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        """Allow this many per second and address."""
        self._clock = clock
        self._per_s = per_s
        self._buckets: dict[str, TokenBucket] = {}

    def exhausted(self, address: str) -> bool:
        """Return True while an address has used up its failures."""
        bucket = self._buckets.get(network_of(address))
        return bucket is not None and bucket.empty

    def count(self, address: str) -> bool:
        """Count a handshake; return False if it is one too many."""
        network = network_of(address)
        bucket = self._buckets.pop(network, None) or TokenBucket(self._clock, self._per_s, self._per_s)
        self._buckets[network] = bucket  # newest last: the oldest is forgotten first
        while len(self._buckets) > _MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        return bucket.try_take()


class ConnectionCount:
    """Open connections in all and per address, under caps."""

    def __init__(self, maximum: int, maximum_per_address: int) -> None:
        """Set the caps."""
        self._maximum = maximum
        self._maximum_per_address = maximum_per_address
        self._open: Counter[str] = Counter()

    def add(self, address: str) -> bool:
        """Count a new connection; return False, counting nothing, where a cap is reached."""
        network = network_of(address)
        if self._open.total() >= self._maximum or self._open[network] >= self._maximum_per_address:
            return False
        self._open[network] += 1
        return True

    def remove(self, address: str) -> None:
        """Forget a connection that was counted."""
        network = network_of(address)
        self._open[network] -= 1
        if self._open[network] <= 0:
            del self._open[network]

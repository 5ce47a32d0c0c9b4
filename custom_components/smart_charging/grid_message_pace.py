"""The pace of messages that nobody can be told to send more slowly, and of what is logged of them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .engine.clock import Clock
from .engine.csms.limits import TokenBucket

LOG_PAUSE_S: Final = 60.0


class PacedMessages[M]:
    """Hands on as many messages as the rate allows, in their order, and of those beyond it the newest as soon as there is room.

    So what is said last always counts, and no more than one message waits.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        clock: Clock,
        rate_per_s: float,
        take: Callable[[M], None],
        crowded: Callable[[], None],
    ) -> None:
        """Hand messages to `take`; `crowded` is called for the first that is dropped since one had room at once."""
        self._hass = hass
        self._bucket = TokenBucket(clock, rate_per_s, rate_per_s)
        self._pause_s = 1 / rate_per_s
        self._take = take
        self._crowded = crowded
        self._is_crowded = False
        self._waiting: M | None = None
        self._stop_waiting: CALLBACK_TYPE | None = None

    @callback
    def async_offer(self, message: M) -> None:
        """Hand a message on now, or let it wait in the place of an older one."""
        if self._waiting is None and self._bucket.try_take():
            self._is_crowded = False
            self._take(message)
            return
        if self._waiting is not None and not self._is_crowded:
            self._is_crowded = True
            self._crowded()
        self._waiting = message
        if self._stop_waiting is None:
            self._stop_waiting = async_call_later(self._hass, self._pause_s, self._async_look)

    @callback
    def async_finish(self) -> None:
        """Hand on what waits without waiting for room, and let nothing come any more."""
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None
        self._hand_on()

    @callback
    def _async_look(self, _now: datetime) -> None:
        self._stop_waiting = None
        if self._bucket.try_take():
            self._hand_on()
        else:
            self._stop_waiting = async_call_later(self._hass, self._pause_s, self._async_look)

    def _hand_on(self) -> None:
        message, self._waiting = self._waiting, None
        if message is not None:
            self._take(message)


class LogPace:
    """Lets a line be logged once a minute at most."""

    def __init__(self, clock: Clock) -> None:
        """Have logged nothing."""
        self._clock = clock
        self._logged_at: float | None = None

    def is_due(self) -> bool:
        """Return whether a line may be logged now; it counts as logged then."""
        now = self._clock.monotonic()
        if self._logged_at is not None and now - self._logged_at < LOG_PAUSE_S:
            return False
        self._logged_at = now
        return True

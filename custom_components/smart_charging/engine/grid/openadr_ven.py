"""The VEN: asks an OpenADR 3 server for its events, keeps its last word, knows when it is lost, and reports back.

Nothing here waits or starts a thread: `Ven.poll` does one round and blocks meanwhile, `openadr_runner` calls it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
import hashlib
import logging
import traceback
from typing import Final

from ..clock import Clock
from .openadr_agenda import Ahead, agenda, ahead, strictest
from .openadr_client import VtnClient
from .openadr_config import VenConfig
from .openadr_events import read_events
from .openadr_http import VenError, VenProblem
from .openadr_memory import VenMemory, remember
from .openadr_parse import object_id
from .openadr_received import Received
from .openadr_reports import Figures, Reporter
from .openadr_values import EventReading, Series
from .set_back import is_ahead, not_ahead
from .signal import GridSignal

_READ_FOR: Final = timedelta(hours=1)  # how long the same events are taken to say the same, unless one ends before
_PROGRAMS_FOR: Final = timedelta(hours=1)  # how long a list of programmes is believed
_REGISTERED_FOR: Final = timedelta(days=1)  # servers are seen to forget VENs
_FIRST_BACKOFF: Final = timedelta(seconds=10)
_LONGEST_BACKOFF: Final = timedelta(minutes=15)
_LONGEST_WISH: Final = timedelta(hours=1)  # of a server that asks to be left alone
POLL_TIMEOUT_S: Final = 240.0  # for all requests of a round but the last
_SPREAD: Final = 0.2  # how much of a wait is left to chance, so that not all VENs come back at once

_LOGGER = logging.getLogger(__name__)


class Registration(StrEnum):
    """Whether the server knows us."""

    UNKNOWN = "unknown"
    NOT_WANTED = "not_wanted"  # switched off
    DONE = "done"
    REFUSED = "refused"  # the server does that itself, or lets nobody; no reason to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class VenState:
    """What is known of the server, for whoever shows or uses it.

    Of many signals the reading has only those that are the strictest at some moment, and of the fail-safe the strictest
    ones. `ahead` are those to be told now. After a restart not all may be known that the server said: `complete`.
    """

    reading: EventReading = field(default_factory=EventReading)
    last_heard: datetime | None = None  # when all of its events were last read
    last_attempt: datetime | None = None
    next_attempt: datetime | None = None
    failures: int = 0  # attempts in a row
    problem: VenProblem | None = None
    detail: str = ""
    registration: Registration = Registration.UNKNOWN
    reports_sent: int = 0
    report_problem: VenProblem | None = None
    lost: bool = False
    ven_id: str | None = None
    ahead: Ahead = field(default_factory=Ahead)
    complete: bool = True

    def signals(self) -> tuple[GridSignal, ...]:
        """Return what is demanded: what was announced and, while the server is lost, its fail-safe limits as well."""
        return self.reading.signals + (self.reading.failsafe if self.lost else ())

    def series(self) -> tuple[Series, ...]:
        """Return the prices and GHG announced."""
        return self.reading.series


@dataclass(frozen=True, slots=True)
class _Read:
    """What was made of events at some time; to read 200,000 values takes seconds, and most polls bring nothing new."""

    events: Received
    programs: list[object]
    at: datetime
    reading: EventReading

    def is_of(self, events: Received, programs: list[object], now: datetime) -> bool:
        """Return whether that is still what these events say."""
        known = (*self.reading.signals, *self.reading.failsafe)
        ends = [one.valid_until for one in known if one.valid_until is not None and one.valid_until > self.at]
        good_until = min([self.at + _READ_FOR, *ends])
        return self.at <= now < good_until and events == self.events and programs == self.programs


class Ven:
    """A virtual end node. Used by one thread at a time."""

    def __init__(
        self, config: VenConfig, clock: Clock, jitter: Callable[[], float], memory: VenMemory | None = None
    ) -> None:
        """Begin with what was remembered. `jitter` gives a number from 0 to below 1 each time. Nothing is sent yet."""
        self._config = config
        self._clock = clock
        self._jitter = jitter
        self._client: VtnClient | None = None
        self._closed = False
        self._reporter = Reporter(config.addressee, config.version, config.report_interval)
        memory = memory or VenMemory()
        now = clock.now()
        heard = not_ahead(memory.last_heard, now)
        self._events = Received.of(memory.events)
        self._programs: list[object] = list(memory.programs)
        self._programs_at: datetime | None = None
        self._registered_at: datetime | None = None
        self._sent = list(memory.sent)
        self._first_heard: dict[str, datetime] = {}
        self._cut_before = False
        self._kept: VenMemory | None = None
        self._kept_of: EventReading | None = None
        self._read: _Read | None = None
        reading = self._understood(self._events, now, heard)
        self._state = VenState(reading=reading, last_heard=heard, complete=not memory.left_out)

    @property
    def client(self) -> VtnClient:
        """Return the connection, made at its first use. VenError if the library can't be imported, or after `close`."""
        if self._closed:
            raise VenError(VenProblem.UNREACHABLE, "closed")
        if self._client is None:
            self._client = VtnClient(self._config, self._clock.now, self._clock.monotonic)
        return self._client

    def state(self) -> VenState:
        """Return what holds at this moment; events begin and end, and a silent server becomes lost, without a poll."""
        now, state = self._clock.now(), self._state  # which a poll in another thread may replace meanwhile
        heard = state.last_heard
        # Never heard at all is lost too: a fail-safe that is remembered must hold from the start.
        lost = heard is None or now - heard >= self._config.lost_after
        return replace(state, lost=lost, ahead=ahead(state.reading.signals, now))

    def follow_clock(self) -> None:
        """Poll at once where the clock was set back, and count from now what was counted from later.

        Else the next poll, and that the server is lost, would wait for the old time to come again.
        """
        now, state = self._clock.now(), self._state
        attempted = state.last_attempt
        self._state = replace(
            state,
            last_heard=not_ahead(state.last_heard, now),
            last_attempt=not_ahead(attempted, now),
            next_attempt=now if attempted is not None and is_ahead(attempted, now) else state.next_attempt,
        )
        self._first_heard = {version: now if is_ahead(at, now) else at for version, at in self._first_heard.items()}
        self._programs_at = not_ahead(self._programs_at, now)
        self._registered_at = not_ahead(self._registered_at, now)

    def poll(self, figures: Figures | None = None) -> VenState:
        """Do one round: register, read events, report. Blocks; each failure of the server is in the state returned."""
        self.follow_clock()
        now = self._clock.now()
        try:
            self.client.begin(POLL_TIMEOUT_S)
            self._register(now)
            programs = self._read_programs(now)
            events = self._read_events(programs)
        except VenError as error:
            self._failed(now, error)
            return self.state()
        reading = self._understood(events, now, now)
        self._state = replace(self._state, reading=reading, last_heard=now, complete=True)
        if figures is not None:
            self._report(figures, now)
        self._state = replace(
            self._state,
            last_attempt=now,
            next_attempt=now + self._spread(self._config.poll_interval),
            failures=0,
            problem=None,
            detail="",
        )
        return self.state()

    def fell_over(self, error: Exception) -> VenState:
        """Note that a poll ended in an exception that it should not have, after which the next one waits as ever.

        What was understood before stays. What the exception says is not used: it may hold a secret.
        """
        now = self._clock.now()
        if self._state.problem is not VenProblem.INTERNAL:
            where = "".join(traceback.format_tb(error.__traceback__))
            _LOGGER.error("Polling the OpenADR server failed with %s:\n%s", type(error).__name__, where)
        self._note(now, VenError(VenProblem.INTERNAL, type(error).__name__))
        return self.state()

    def memory(self) -> VenMemory | None:
        """Return what to keep for after a restart, None before the server was ever heard."""
        if self._state.last_heard is None:
            return None
        heard, reading, sent = self._state.last_heard, self._state.reading, tuple(self._sent)
        if self._kept is not None and self._kept_of is reading and self._kept.sent == sent:
            self._kept = replace(self._kept, last_heard=heard)
            return self._kept
        self._kept, self._kept_of = self._remembered(heard, reading, sent), reading
        return self._kept

    def _remembered(self, heard: datetime, reading: EventReading, sent: Sequence[str]) -> VenMemory:
        kept = remember(heard, self._events, self._programs, reading.limit_events, sent)
        if not self._state.complete:  # nor is what was made of it
            return replace(kept, left_out=max(kept.left_out, 1))
        if kept.left_out and not self._cut_before:
            _LOGGER.warning(
                "The OpenADR server has more limits than are kept over a restart: %d of its %d events with limits are left "
                "out; what they demand now and next is kept with the grid signals of the site",
                kept.left_out, len(reading.limit_events),
            )  # fmt: skip
        self._cut_before = bool(kept.left_out)
        return kept

    def close(self) -> None:
        """Close the connection for good; a poll that is under way in another thread ends with its next request."""
        self._closed = True
        if self._client is not None:
            self._client.close()

    def _register(self, now: datetime) -> None:
        if self._registered_at is not None and now - self._registered_at < _REGISTERED_FOR:
            return
        if not self._config.register:
            self._state = replace(self._state, registration=Registration.NOT_WANTED)
            return
        try:
            ven_id = self._known_ven_id()
        except VenError as error:
            if error.problem not in (VenProblem.FORBIDDEN, VenProblem.NOT_FOUND, VenProblem.REFUSED):
                raise
            _LOGGER.info("The OpenADR server does not let VENs register (%s)", error)
            self._registered_at = now
            self._state = replace(self._state, registration=Registration.REFUSED)
            return
        self._registered_at = now
        self._state = replace(self._state, registration=Registration.DONE, ven_id=ven_id)

    def _known_ven_id(self) -> str:
        """Return our id, after making ourselves and our resources known where they are not."""
        name = self._config.addressee.ven_name
        ven_id = self.client.ven_id(name)
        if ven_id is None:
            self.client.create_ven(name)
            ven_id = self.client.ven_id(name)
        if ven_id is None:
            raise VenError(VenProblem.REFUSED, "the server does not show the VEN that it took")
        for resource in sorted(self._config.addressee.resources):
            if self.client.resource_id(ven_id, resource) is None:
                self.client.create_resource(ven_id, resource)
        return ven_id

    def _read_programs(self, now: datetime) -> list[str]:
        """Return the ids of the programmes that are meant, after reading them where that is due."""
        if self._programs_at is None or now - self._programs_at >= _PROGRAMS_FOR or self._unknown_program():
            self._programs = self.client.programs()
            self._programs_at = now
        wanted = self._config.program_name
        ids = [
            object_id(program)
            for program in self._programs
            if isinstance(program, Mapping) and (wanted is None or program.get("programName") == wanted)
        ]
        if wanted is not None and not ids:
            self._programs_at = None
            raise VenError(VenProblem.NO_PROGRAM, wanted)
        return ids

    def _unknown_program(self) -> bool:
        known = {object_id(program) for program in self._programs if isinstance(program, Mapping)}
        return not self._events.programs <= known

    def _read_events(self, programs: list[str]) -> Received:
        if self._config.program_name is None:
            return Received.of(self.client.events(None))
        return Received.of(event for program_id in programs for event in self.client.events(program_id))

    def _understood(self, events: Received, now: datetime, heard: datetime | None) -> EventReading:
        """Understand events and keep them; those that are new were heard at this moment."""
        if self._read is not None and self._read.is_of(events, self._programs, now):
            return self._read.reading

        def first_heard(version: str) -> datetime:
            return self._first_heard.get(version, heard or now)

        addressee = self._config.addressee
        reading = read_events(events, self._programs, addressee, now, self._draw, first_heard)
        self._events = events
        self._first_heard = {version: first_heard(version) for version in reading.versions}
        reading = replace(reading, signals=agenda(reading.signals), failsafe=strictest(reading.failsafe))
        self._read = _Read(events, self._programs, now, reading)
        return reading

    def _draw(self, text: str) -> float:
        """Return a number from -1 to 1 that is chance to the server, but the same for one event at each reading."""
        seed = f"{self._config.addressee.ven_name}/{text}".encode()
        return int.from_bytes(hashlib.sha256(seed).digest()[:8]) / 2**63 - 1

    def _report(self, figures: Figures, now: datetime) -> None:
        live = {request.event_id for request in self._state.reading.requests}
        self._sent = [key for key in self._sent if key.rsplit("/", 2)[0] in live]
        problem: VenProblem | None = None
        for report in self._reporter.due(self._state.reading.requests, figures, frozenset(self._sent), now):
            try:
                self.client.create_report(report.body)
            except VenError as error:
                problem = error.problem
                _LOGGER.debug("The OpenADR server did not take a report: %s", error)
                if error.problem not in (VenProblem.REFUSED, VenProblem.NOT_FOUND):
                    break  # the next poll tries again
            else:
                self._state = replace(self._state, reports_sent=self._state.reports_sent + 1)
            self._sent.append(report.key)
        self._state = replace(self._state, report_problem=problem)

    def _failed(self, now: datetime, error: VenError) -> None:
        if self._state.failures == 0 and not self._closed:
            _LOGGER.warning("The OpenADR server can't be read: %s", error)
        reading = self._understood(self._events, now, self._state.last_heard)
        self._state = replace(self._state, reading=reading)
        self._note(now, error)

    def _note(self, now: datetime, error: VenError) -> None:
        """Keep what went wrong, and wait the longer for the next attempt the more of them did."""
        failures = self._state.failures + 1
        wait = min(_FIRST_BACKOFF * 2 ** min(failures - 1, 10), max(_LONGEST_BACKOFF, self._config.poll_interval))
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, _LONGEST_WISH))
        self._state = replace(
            self._state,
            last_attempt=now,
            next_attempt=now + self._spread(wait),
            failures=failures,
            problem=error.problem,
            detail=error.detail,
        )

    def _spread(self, wait: timedelta) -> timedelta:
        return wait * (1 - _SPREAD / 2 + _SPREAD * self._jitter())

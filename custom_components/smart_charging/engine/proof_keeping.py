"""Keeps the proof of grid signals: records and what was measured after them, in their order, whatever the ledger does."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Final

from .clock import Clock
from .grid.merge import Demand
from .grid.proof_schedule import MeasuredPowers, ProofSchedule, follow_up, moved, opened, resumed
from .grid_record import FollowUp, GridEvent, GridRecord, ProvenRecord
from .lasting_value import RETRY_S, LastingValue
from .ledger import SiteLedger
from .model import StoreError
from .recorded_json import Decoder, Encoder, RecordedJsonError

_LOGGER = logging.getLogger(__name__)

GIVEN_UP: Final = timedelta(hours=1)  # a measurement whose record the log does not have any more

RECENT: Final = 20  # records that are known without asking the log

type _Row = tuple[int, GridRecord] | FollowUp


class ProofKeeping:
    """Rows wait in memory until the log has them; nobody waits for that. Until then a record has a negative number."""

    def __init__(self, ledger: SiteLedger, clock: Clock, changed: Callable[[], None]) -> None:
        """Know of no record before `start`; `changed` is called when `latest` is another."""
        self._log = ledger.grid_proof
        self._clock = clock
        self._changed = changed
        self._memory = LastingValue(ledger, clock, "grid_proof")
        self._schedule = ProofSchedule()
        self._rows: deque[_Row] = deque()
        self._numbers: dict[int, int] = {}
        self._next = -1
        self._due = asyncio.Event()
        self._failing = False
        self._appending: asyncio.Task[int] | None = None
        self._recent: dict[int, ProvenRecord] = {}

    @property
    def latest(self) -> ProvenRecord | None:
        """Return the newest record, with what was measured after it so far."""
        return next(reversed(self._recent.values()), None)

    def recent(self, event: GridEvent, at: datetime) -> ProvenRecord | None:
        """Return the record of an event at a moment, None where it is none of the newest."""
        return next((one for one in self._recent.values() if (one.record.event, one.record.at) == (event, at)), None)

    @property
    def waiting(self) -> int:
        """Return how many rows the log does not have yet."""
        return len(self._rows)

    @property
    def measuring(self) -> bool:
        """Return whether measurements are still to come."""
        return bool(self._schedule.records)

    async def start(self) -> None:
        """Go on with the records that lacked measurements; where the log can't be read they stay without."""
        try:
            kept = await self._memory.load()
            remembered = ProofSchedule() if kept is None else Decoder().decode(ProofSchedule, kept, "grid_proof")
        except (StoreError, RecordedJsonError) as error:
            _LOGGER.warning("When limits of the grid operator were obeyed is not known any more: %s", error)
            remembered = ProofSchedule()
        try:
            self._schedule = resumed(await self._log.unfinished(), remembered)
            self._recent = {one.sequence: one for one in await self._log.records(limit=1)}
        except StoreError as error:
            _LOGGER.error("The log of grid signals could not be read: %s", error)

    @property
    def signals(self) -> tuple[datetime, ...]:
        """Return when the records were made that wait for measurements."""
        return tuple(one.at for one in self._schedule.records)

    def add(self, record: GridRecord) -> int:
        """Keep a record, and measure what comes of it; returns its number for now."""
        number, self._next = self._next, self._next - 1
        self._schedule = opened(self._schedule, number, record)
        self._rows.append((number, record))
        self._recent[number] = ProvenRecord(number, "", record)
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        self._due.set()
        return number

    def follow(self, demand: Demand) -> None:
        """Have limits judged by what they are now, where one moved and the log is told of that later."""
        target = demand.target
        self._schedule = moved(self._schedule, demand.kind, target.scope, target.evse, demand.value_w)

    def measure(self, now: datetime, powers: MeasuredPowers, *, observe_only: bool = False) -> tuple[FollowUp, ...]:
        """Take what is measured now; returns the measurements that were due, not judged while the site only observes."""
        before = self._schedule
        self._schedule, made = follow_up(before, now, powers, observe_only=observe_only)
        self._rows.extend(made)
        for one in made:
            if (known := self._recent.get(one.refers_to)) is not None:
                self._recent[one.refers_to] = replace(known, follow_ups=(*known.follow_ups, one))
        if self._schedule != before:
            self._due.set()
        if made:
            self._changed()
        return made

    async def run(self) -> None:
        """Write rows as they come, until cancelled; what fails is tried again."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.flush()
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    _LOGGER.error("The log of grid signals could not be written, it is tried again: %s", error)
                self._failing = True
                self._due.set()
                await self._clock.sleep(RETRY_S)

    async def flush(self) -> None:
        """Write what waits; raises StoreError where something could not be written, after the rest was tried."""
        failed: StoreError | None = None
        for _ in range(len(self._rows)):
            row = self._rows[0]
            try:
                await self._write(row)
            except StoreError as error:
                if not isinstance(row, FollowUp):
                    raise  # records keep their order
                failed = error
                self._rows.popleft()
                if self._clock.now() - row.at < GIVEN_UP:
                    self._rows.append(row)
                else:
                    _LOGGER.error("A measurement after a grid signal is given up: %s", error)
                continue
            self._rows.popleft()
        if not self._rows:
            self._numbers.clear()
        self._memory.put(Encoder().encode(self._schedule), soon=False)
        await self._memory.flush()
        if failed is not None:
            raise failed

    async def _write(self, row: _Row) -> None:
        if isinstance(row, FollowUp):
            await self._log.append_follow_up(replace(row, refers_to=self._numbers.get(row.refers_to, row.refers_to)))
            return
        number, record = row
        sequence = await self._append(record)
        self._numbers[number] = sequence
        renamed = (replace(one, sequence=sequence) if one.sequence == number else one for one in self._schedule.records)
        self._schedule = ProofSchedule(tuple(renamed))
        self._recent = {
            sequence if key == number else key: replace(one, sequence=sequence) if key == number else one
            for key, one in self._recent.items()
        }
        self._changed()

    async def _append(self, record: GridRecord) -> int:
        """Add the oldest record that waits to the log, once: who is cancelled meanwhile finds it under way."""
        if self._appending is None:
            self._appending = asyncio.create_task(self._log.append(record), name="grid record")
        appending = self._appending
        try:
            return await asyncio.shield(appending)
        finally:
            if appending.done():
                self._appending = None

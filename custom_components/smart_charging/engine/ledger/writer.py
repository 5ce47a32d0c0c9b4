"""The one thread that writes: what is asked for at the same time is committed together.

A caller goes on only after its commit is on the disk, so one flush of the disk serves all who wait.
"""

import asyncio
from collections.abc import Callable
import contextlib
from dataclasses import dataclass
import logging
from queue import Empty, SimpleQueue
import threading
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..model import StoreError
from . import journal
from .book import Book
from .postgresql import CommitMarks, collided, is_postgresql, unreachable
from .remains import forget_deleted
from .storage import for_writing

_LOGGER = logging.getLogger(__name__)

MAX_BATCH = 512
ATTEMPTS = 3  # at a batch that another host's work gets in the way of


@dataclass(slots=True)
class _Job[T]:
    """A piece of writing and who waits for it; may run more than once until its batch is committed."""

    work: Callable[[Book], T]
    future: asyncio.Future[T]
    result: T | None = None
    error: StoreError | None = None

    def run(self, book: Book) -> None:
        """Do the work within the batch's database transaction."""
        self.result = self.work(book)

    def fail(self, error: Exception) -> None:
        """Note that nothing of it was kept."""
        self.error = StoreError(f"The ledger could not keep a record: {error}")
        self.error.__cause__ = error

    def settle(self) -> None:
        """Tell the caller; a caller that was cancelled meanwhile is not there any more."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # run() has set it


type _Jobs = list[_Job[Any]]


class Writer:
    """Runs writing work in its own thread, in the order asked for."""

    def __init__(self, engine: sa.Engine) -> None:
        """Start the thread; call within the event loop that is to be served."""
        self._engine = for_writing(engine)
        self._loop = asyncio.get_running_loop()
        self._marks = CommitMarks(self._engine) if is_postgresql(engine) else None
        self._book = Book()
        self._gathered: _Jobs = []
        self._inbox: SimpleQueue[_Jobs | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def write[T](self, work: Callable[[Book], T]) -> asyncio.Future[T]:
        """Return the work's result once it is durable; StoreError if nothing of it was kept.

        Cancelling the caller does not undo the work.
        """
        if self._closed:
            raise StoreError("The ledger is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        job = _Job(work, future)
        self._gathered.append(job)
        if len(self._gathered) == 1:
            # All who run in this round of the loop go into the same batch.
            self._loop.call_soon(self._hand_over)
        return future

    async def close(self) -> None:
        """Write what was asked for, then end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if self._gathered:
            self._inbox.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        self._file()  # what a process before this one left
        going = True
        while going:
            jobs, going = self._next_batch()
            if not jobs:
                continue
            self._commit(jobs)
            self._forget_deleted()
            # Without its loop nobody waits any more.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_settle, jobs)
            if self._book.unfiled >= journal.FILED_AT:
                self._file()
        if self._marks is not None:
            self._marks.remove()

    def _file(self) -> None:
        """File what is in the journal, apart from any batch: on a disk that is nearly full it may be what fails."""
        self._book.unfiled = 0
        try:
            with self._engine.begin() as connection:
                journal.file_readings(connection)
        except SQLAlchemyError as error:
            _LOGGER.warning("Readings stay in the ledger's journal for now, as they could not be filed: %s", error)

    def _forget_deleted(self) -> None:
        """Rewrite the file where a batch asked for it, before anybody is told that something is gone."""
        if self._book.remains:
            self._book.remains = False
            forget_deleted(self._engine)

    def _next_batch(self) -> tuple[_Jobs, bool]:
        """Wait for work and return all that is there, and whether to go on after it."""
        jobs: _Jobs = []
        arrived = self._inbox.get()
        while arrived is not None:
            jobs += arrived
            if len(jobs) >= MAX_BATCH:
                return jobs, True
            try:
                arrived = self._inbox.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _commit(self, jobs: _Jobs, attempts: int = ATTEMPTS) -> None:
        """Commit the jobs together; if that fails, halve them until only the culprits fail."""
        try:
            self._transact(jobs)
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to the one who asked
            self._book.forget()
            if attempts > 1 and collided(error):
                self._commit(jobs, attempts - 1)
            elif len(jobs) > 1 and not unreachable(error):
                middle = len(jobs) // 2
                self._commit(jobs[:middle])
                self._commit(jobs[middle:])
            else:
                for job in jobs:
                    job.fail(error)

    def _transact(self, jobs: _Jobs) -> None:
        """Do the jobs in one database transaction; one that a server kept and could not tell of counts as well."""
        committing = False
        if self._marks is not None:
            self._marks.prepare()
        try:
            with self._engine.begin() as connection:
                self._book.open(connection)
                for job in jobs:
                    job.run(self._book)
                self._book.flush()
                if self._marks is not None:
                    self._marks.leave(connection)
                committing = True
        except DBAPIError as error:
            if self._marks is None or not committing or not error.connection_invalidated or not self._marks.kept():
                raise


def _settle(jobs: _Jobs) -> None:
    for job in jobs:
        job.settle()

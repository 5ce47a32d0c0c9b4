"""Watches the files of certificates, and has the port use them once they are others, with no socket dropped."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
import logging
from pathlib import Path
from typing import Final

from ..clock import Clock
from .certificate_authority import AuthorityError
from .tls import ServerContext, TlsError

_LOGGER = logging.getLogger(__name__)

LOOK_S: Final = 60.0

type _Stamp = tuple[tuple[int, int, int] | None, ...]


def _nothing_due(now: datetime) -> None:
    """Leave files to somebody else to renew."""


class CertificateWatch:
    """Loads certificates again when their files change.

    `load` makes a context out of the files, `renew` writes those that are due; both run in a thread and
    may raise TlsError or AuthorityError. Then what was loaded before stays in use, and the log says so once.
    """

    def __init__(
        self,
        context: ServerContext,
        load: Callable[[], ServerContext],
        files: Sequence[Path],
        clock: Clock,
        *,
        renew: Callable[[datetime], None] = _nothing_due,
        interval_s: float = LOOK_S,
    ) -> None:
        """Watch over a context that was loaded from the files just now."""
        self._context = context
        self._load = load
        self._files = tuple(files)
        self._clock = clock
        self._renew = renew
        self._interval_s = interval_s
        self._loaded: _Stamp = ()
        self._complained = ""

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        while True:
            await self._clock.sleep(self._interval_s)
            await self.look()

    async def look(self) -> bool:
        """Renew what is due and load what changed; return whether the port uses something else now."""
        loop = asyncio.get_running_loop()
        try:
            loaded = await loop.run_in_executor(None, self._look, self._clock.now())
        except (TlsError, AuthorityError) as error:
            if str(error) != self._complained:
                self._complained = str(error)
                _LOGGER.warning("The certificates in use stay, since the new ones can't be used: %s", error)
            return False
        self._complained = ""
        if loaded is not None:
            self._context.use(loaded)
        return loaded is not None

    def _look(self, now: datetime) -> ServerContext | None:
        self._renew(now)
        stamp = tuple(_stamp(file) for file in self._files)
        if stamp == self._loaded:
            return None
        loaded = self._load()
        self._loaded = stamp  # a file written meanwhile shows at the next look
        return loaded


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what tells a file from its successor, None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino

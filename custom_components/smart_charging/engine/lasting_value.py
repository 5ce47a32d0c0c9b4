"""One value of a site that outlives a restart: the newest is written, and tried again until the ledger takes it."""

import asyncio
import logging
from typing import Final

from .clock import Clock
from .ledger import SiteLedger
from .model import Json, StoreError

_LOGGER = logging.getLogger(__name__)

RETRY_S: Final = 5.0


class LastingValue:
    """A value by its name in the site's memory; whoever puts one never waits for the ledger."""

    def __init__(self, ledger: SiteLedger, clock: Clock, name: str) -> None:
        """Have nothing to write before `put`."""
        self._ledger = ledger
        self._clock = clock
        self._name = name
        self._value: Json = None
        self._saved: Json = None
        self._due = asyncio.Event()

    async def load(self) -> Json:
        """Return what was kept, None where there is nothing; raises StoreError when it can't be read."""
        self._value = self._saved = (await self._ledger.load_memory()).get(self._name)
        return self._saved

    def put(self, value: Json, *, soon: bool = True) -> None:
        """Take the newest value; without `soon` it is written with the next one, or by `flush`."""
        self._value = value
        if soon and value != self._saved:
            self._due.set()

    async def flush(self) -> None:
        """Write what is not written yet; raises StoreError when that fails."""
        value = self._value
        if value != self._saved:
            await self._ledger.save_memory(self._name, value)
            self._saved = value

    async def run(self) -> None:
        """Write whatever is put, until cancelled."""
        failing = False
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.flush()
                failing = False
            except StoreError as error:
                if not failing:
                    _LOGGER.warning("What is known of grid signals could not be kept, it is tried again: %s", error)
                failing = True
                self._due.set()
                await self._clock.sleep(RETRY_S)

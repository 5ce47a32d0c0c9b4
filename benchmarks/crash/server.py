"""The engine as a process that is killed: OCPP server, site and ledger."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.authorization import AcceptEveryone
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.site import Site

from .fast_clock import FastClock

SITE_ID = "crash"
READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What stays the same over all lives of the process."""

    database: str | Path
    key: Path
    port: int
    stations: tuple[str, ...]
    clock: FastClock


class Server:
    """One life after the other; each begins as a copy of a process that has everything imported."""

    def __init__(self, setting: Setting) -> None:
        """Take what each life begins with."""
        self._setting = setting
        self._processes = get_context("forkserver")
        self._processes.set_forkserver_preload([__name__])
        self._process: BaseProcess | None = None
        self._told: Connection | None = None
        self._listening = False

    def start(self) -> None:
        """Begin a life."""
        self._listening = False
        self._told, ready = self._processes.Pipe(duplex=False)
        self._process = self._processes.Process(target=live, args=(self._setting, ready), daemon=True)
        self._process.start()
        ready.close()

    async def until_listening(self) -> None:
        """Wait until stations can dial; RuntimeError where it ended by itself."""
        if self._listening:
            return
        assert self._told is not None
        try:
            there = await asyncio.to_thread(self._told.poll, READY_WITHIN_S)
            if there:
                self._told.recv()
                self._listening = True
                return
        except EOFError:
            pass
        raise RuntimeError("the engine did not start")

    def kill(self) -> None:
        """End it by SIGKILL; RuntimeError where it ended before by itself."""
        assert self._process is not None
        if not self._process.is_alive():
            raise RuntimeError(f"the engine ended by itself: {self._process.exitcode}")
        self._process.kill()
        self._process.join()
        self._process.close()
        self._process = None
        if self._told is not None:
            self._told.close()

    @contextmanager
    def running(self) -> Generator[None]:
        """Begin the first life, and see that none is left."""
        self.start()
        try:
            yield
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.join()


def live(setting: Setting, ready: Connection) -> None:
    """Run the engine until it is killed, or the process that would do so is gone."""
    asyncio.run(_serve(setting, ready))


async def _serve(setting: Setting, ready: Connection) -> None:
    opened = await Ledger.open(setting.database, setting.key)
    ledger = opened.site(SITE_ID)
    csms = CentralSystem(
        clock=setting.clock, transactions=ledger, memory=ledger, authorizer=AcceptEveryone(), lease=LeaseTimes()
    )
    config = SiteConfig(SITE_ID, "Crash", fuse_a=20.0 * len(setting.stations), has_meter=False)
    site = Site(config, csms=csms, ledger=ledger, clock=setting.clock)
    await site.start()
    await site.add_chargers([StationConfig(name, name, allow_without_password=True) for name in setting.stations])
    await site.listen("127.0.0.1", setting.port)
    ready.send(None)
    parent = parent_process()
    assert parent is not None
    await asyncio.to_thread(parent.join)  # nobody is left to kill it

"""Child processes of the demo, each in a session of its own so that Ctrl-C reaches only the demo itself."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
import signal


class EndedError(Exception):
    """A process ended by itself."""


class ChildProcess:
    """One process with its output in a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        """Name the process for messages; nothing starts yet."""
        self.name = name
        self.log = log
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, adding to its log."""
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """Return how it ended; None while it runs, negative for a signal."""
        return None if self._process is None else self._process.returncode

    @property
    def pid(self) -> int:
        """Return its number; EndedError where it does not run."""
        self.check()
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raise EndedError with the end of its log where it does not run."""
        if not self.running:
            last = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
            raise EndedError("\n".join([f"{self.name} ended by itself; the end of {self.log}:", *last]))

    async def wait(self) -> None:
        """Wait until it ends."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self, patience_s: float = 40.0) -> None:
        """Ask it to end, and end it where it does not within this many seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

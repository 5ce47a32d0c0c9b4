"""What every measured server does as a process: stay on one core, tell its port, answer for its memory."""

import asyncio
from collections.abc import Awaitable, Callable
import gc
import os
from pathlib import Path
import sys


async def serve(start: Callable[[], Awaitable[int]]) -> None:
    """Start on the first core allowed; then answer each line `rss` with KiB, until standard input ends."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(await start(), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        gc.collect()
        print(resident_kib(), flush=True)


def resident_kib() -> int:
    """Return this process's resident memory in KiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024

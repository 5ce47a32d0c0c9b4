"""How much of a processor a process takes, told by the kernel: it says what a busy machine's clock can not."""

from dataclasses import dataclass
import os
from pathlib import Path
import time

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time used so far, by all threads and by the first one, which has the event loop."""

    at: float
    all_s: float
    loop_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read what a process used until now; FileNotFoundError where it is gone."""
        return cls(time.monotonic(), _used_s(Path(f"/proc/{pid}/stat")), _used_s(Path(f"/proc/{pid}/task/{pid}/stat")))

    def shares_until(self, later: Usage) -> tuple[float, float]:
        """Return the shares of one core that were used since, by all threads and by the first."""
        seconds = later.at - self.at
        return (later.all_s - self.all_s) / seconds, (later.loop_s - self.loop_s) / seconds


def _used_s(stat: Path) -> float:
    """Return utime and stime of proc_pid_stat(5), which follow the name in brackets."""
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

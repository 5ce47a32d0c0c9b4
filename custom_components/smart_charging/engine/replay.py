"""Recorded cycles decided again: `python -m custom_components.smart_charging.engine.replay FILE`.

FILE is what the action `dump_decisions` or the download of diagnostics holds. Prints what this version
would have told each EVSE and battery otherwise; ends with 0 where that is nothing, 1 where it is something,
and 2 for a file that cannot be read.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import json
from pathlib import Path
import sys
from typing import Final

from .control.decision import decide
from .control.snapshot import Decision
from .model import Json, Reason
from .recorded_json import RecordedJsonError
from .recording import Cycle, load, load_lines

KEYS: Final = ("decisions", "lines")  # under which diagnostics and the action `dump_decisions` hold them
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a decision says otherwise than the recorded one did."""

    at: datetime
    about: str
    recorded: str
    decided: str

    def __str__(self) -> str:
        """Return a line to print."""
        return f"{self.at.isoformat()} {self.about}: {self.recorded} -> {self.decided}"


def differences(cycles: Sequence[Cycle]) -> Iterator[Difference]:
    """Yield what is decided otherwise now, each cycle being decided from its own recorded memory."""
    for cycle in cycles:
        decided, _ = decide(cycle.snapshot, cycle.state, cycle.now, may_raise=cycle.may_raise)
        before, after = _told(cycle.decision), _told(decided)
        for about in {**before, **after}:
            old, new = before.get(about, _NOTHING), after.get(about, _NOTHING)
            if old != new:
                yield Difference(cycle.now, about, old, new)


def read(text: str) -> tuple[Cycle, ...]:
    """Return the cycles of recorded lines or of a JSON file that holds them; RecordedJsonError for others."""
    try:
        whole: Json = json.loads(text)
    except json.JSONDecodeError:
        return load(text)  # several lines are no JSON as a whole
    held = _find(whole)
    if isinstance(held, str):
        return load(held)
    if isinstance(held, list):
        return load_lines(held)
    if isinstance(whole, dict) and "format" in whole:
        return load(text)
    raise RecordedJsonError("it holds no recorded decisions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay a file named on the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="replay", description="Decide recorded cycles again and print what differs.")
    parser.add_argument("file", type=Path, help="from the action dump_decisions or the download of diagnostics")
    path: Path = parser.parse_args(arguments).file
    try:
        cycles = read(path.read_text(encoding="utf-8"))
    except OSError as error:
        return _fail(f"{path} can't be read: {error.strerror}")
    except UnicodeDecodeError:
        return _fail(f"{path} can't be read: it is no text")
    except RecordedJsonError as error:
        return _fail(f"{path} can't be read: {error}")
    count = 0
    for difference in differences(cycles):
        count += 1
        sys.stdout.write(f"{difference}\n")
    sys.stdout.write(f"{len(cycles)} cycles decided again: {count or 'no'} differences\n")
    return 1 if count else 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 2


def _find(value: Json) -> Json:
    """Return what is under the first of `KEYS`, however deep."""
    if isinstance(value, dict):
        for key in KEYS:
            if key in value:
                return value[key]
        value = [*value.values()]
    if isinstance(value, list):
        return next((found for item in value if (found := _find(item)) is not None), None)
    return None


def _told(decision: Decision) -> Mapping[str, str]:
    """Return in words what a decision tells each EVSE, battery and PV system."""
    told: dict[str, str] = {}
    for key, setpoint in decision.setpoints.items():
        told[f"EVSE {key} setpoint"] = f"{setpoint.current_a:.6g} A"
        told[f"EVSE {key} reason"] = _reason(setpoint.reason)
        told[f"EVSE {key} phases"] = "as they are" if setpoint.phases is None else str(setpoint.phases)
    for key, bound in decision.bounds.items():
        where = (bound.circuit_id, None if bound.phase is None else f"L{bound.phase + 1}")
        told[f"EVSE {key} limited by"] = " ".join([bound.source, *(part for part in where if part)])
    for battery_id, command in decision.batteries.items():
        told[f"battery {battery_id}"] = f"{command.action} {command.power_w:.6g} W ({command.reason})"
    for pv_id, allowed in decision.pv.items():
        most = "all" if allowed.ceiling_w is None else f"{allowed.ceiling_w:.6g} W"
        told[f"PV {pv_id}"] = f"{most} ({allowed.reason})"
    return told


def _reason(reason: Reason) -> str:
    if not reason.params:
        return reason.code
    params = (
        f"{name}={value:.6g}" if isinstance(value, int | float) else f"{name}={value}"
        for name, value in sorted(reason.params.items())
    )
    return f"{reason.code} ({', '.join(params)})"


if __name__ == "__main__":
    sys.exit(main())

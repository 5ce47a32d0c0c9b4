"""Command line of the benchmarks: `python -m benchmarks SCENARIO [--quick] [--json]`."""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys

from .report import page
from .scenarios import MODULES, Figures, scenario

REPORT = Path(__file__).parent.parent / "docs" / "performance.md"
FULL = "allocator"  # the scenario whose instances can be had by the million
MOST_KILLS = 10_000
CRASH = "crash"  # the scenario that runs on both databases


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a scenario, or `all`; with --json the last line printed is one JSON object.

    `all` names the scenarios in that object, and writes docs/performance.md unless it is --quick.
    """
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("scenario", choices=[*MODULES, "all"])
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="take a small part of the data, seconds instead of minutes")
    size.add_argument("--full", action="store_true", help=f"{FULL}: check a million random instances")
    parser.add_argument("--kills", type=_count, help=f"{CRASH}: how often the engine is killed")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help=f"{CRASH}: where the ledger is")
    options = parser.parse_args(arguments)
    of_crash = options.kills is not None or options.database is not None
    if of_crash and (options.scenario != CRASH or options.quick):
        parser.error(f"--kills and --database are for the scenario {CRASH} in full")
    if options.full and options.scenario != FULL:
        parser.error(f"--full is for the scenario {FULL}")
    if options.scenario == "all":
        figures = {name: _run(name, quick=options.quick) for name in MODULES}
        if not options.quick:
            REPORT.write_text(page(figures), encoding="utf-8")
            print(f"written: docs/{REPORT.name}")
        if options.json:
            print(json.dumps(figures))
        return 0
    if of_crash:
        single = _run_crash(options.database or "sqlite", options.kills)
    else:
        single = _run(options.scenario, quick=options.quick, full=options.full)
    if options.json:
        print(json.dumps(single))
    return 0


def _run(name: str, *, quick: bool, full: bool = False) -> Figures:
    """Return the figures of one scenario, and print them as sentences."""
    chosen = scenario(name)
    if full:
        from .allocator.scenario import run_full  # noqa: PLC0415 - scenarios are imported when asked for

        figures = run_full()
    else:
        figures = chosen.run(quick=quick)
    print(f"{name}: {chosen.describe(figures)}", flush=True)
    return figures


def _run_crash(database: str, kills: int | None) -> Figures:
    """Return the figures of the crash scenario with options of its own, and print them as sentences."""
    from .crash.scenario import KILLS, Database, describe, run_on  # noqa: PLC0415 - scenarios are imported when asked for

    figures = run_on(Database(database), KILLS if kills is None else kills)
    print(f"{CRASH} on {database}: {describe(figures)}", flush=True)
    return figures


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_KILLS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_KILLS}")
    return number


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the benchmarks: `python -m benchmarks SCENARIO [--json]`."""

import argparse
import asyncio
import json
import sys

from .throughput.comparison import compare, describe


def main() -> int:
    """Run a scenario; with --json the last line printed is one JSON object."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("scenario", choices=["throughput"])
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of each server")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    arguments = parser.parse_args()
    figures = asyncio.run(compare(rounds=arguments.rounds, seconds=arguments.seconds))
    print(json.dumps(figures) if arguments.json else describe(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

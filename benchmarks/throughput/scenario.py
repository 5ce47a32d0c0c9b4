"""The scenario `throughput`: how many messages per second pass the whole server path."""

import asyncio

from .comparison import Figures, compare, describe

__all__ = ["describe", "run"]


def run(*, quick: bool) -> Figures:
    """Return messages/s beside the bare package's, their ratio, and KiB per station."""
    return asyncio.run(compare(rounds=1, seconds=1.0) if quick else compare(rounds=5, seconds=4.0))

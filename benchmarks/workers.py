"""Independent parts of a benchmark spread over the cores of the machine."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import os


def spread[Task, Result](work: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    """Return the result of each task in their order; `work` is a function of a module."""
    workers = min(len(tasks), os.process_cpu_count() or 1)
    if workers < 2:
        return [work(task) for task in tasks]
    # Forked, a worker need not import everything again, which would take longer than a quick run.
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        return list(pool.map(work, tasks))

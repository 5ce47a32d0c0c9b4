"""The scenario `fuzz`: a million damaged frames of all versions against the running transport."""

import asyncio
from dataclasses import dataclass
import logging
import time

from benchmarks.scenarios import Figures
from benchmarks.workers import spread

from .frames import Frames
from .judge import Verdict
from .messages import PACKAGES, Messages
from .wires import Answering, dialled, exchange, fed

_FRAMES, _FRAMES_QUICK = 1_000_000, 6_000
_FRAMES_PER_TASK = 10_000
_SOCKET_SHARE = 0.02  # the rest is fed to connections without a socket, ten times as fast


@dataclass(frozen=True, slots=True)
class Task:
    """A row of frames of one version."""

    protocol: str
    seed: int
    frames: int


def run(*, quick: bool) -> Figures:
    """Return how many frames there were, how many failed and in what way, and frames per second."""
    total = _FRAMES_QUICK if quick else _FRAMES
    each = min(_FRAMES_PER_TASK, total // len(PACKAGES))
    protocols = list(PACKAGES)
    tasks: list[Task] = []
    while (left := total - sum(task.frames for task in tasks)) > 0:
        tasks.append(Task(protocols[len(tasks) % len(protocols)], len(tasks), min(each, left)))
    began = time.monotonic()
    whole = Verdict()
    for verdict in spread(work, tasks):
        whole.add(verdict)
    for frame in whole.bad:
        print(f"fuzz: failed: {frame!r}")
    return {
        "frames": whole.frames,
        "unanswered": whole.unanswered,
        "wrong_answers": whole.wrong,
        "dropped_connections": whole.dropped_connections,
        "frames_per_s": round(whole.frames / (time.monotonic() - began)),
    }


def describe(figures: Figures) -> str:
    """Return the figures as a sentence."""
    return (
        f"{figures['frames']:.0f} frames: {figures['unanswered']:.0f} unanswered, "
        f"{figures['wrong_answers']:.0f} answered wrongly, {figures['dropped_connections']:.0f} connections dropped; "
        f"{figures['frames_per_s']:.0f} frames/s"
    )


def work(task: Task) -> Verdict:
    """Send a row of frames, most of them without a socket."""
    logging.getLogger("custom_components.smart_charging").setLevel(logging.ERROR)
    return asyncio.run(_send(task))


async def _send(task: Task) -> Verdict:
    messages = Messages(task.protocol)
    handler = Answering(messages)
    over_socket = round(task.frames * _SOCKET_SHARE)
    frames = Frames(task.protocol, task.seed, messages)
    verdict = Verdict()
    for way, count in ((fed, task.frames - over_socket), (dialled, over_socket)):
        async with way(task.protocol, handler) as wire:
            verdict.add(await exchange(wire, task.protocol, frames, count))
    return verdict

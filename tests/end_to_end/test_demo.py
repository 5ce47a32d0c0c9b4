"""The demo's own command, as somebody types it."""

import asyncio
from asyncio.subprocess import PIPE, Process
from pathlib import Path
import signal
import sys

import pytest

from demo.client import open_client

from .conftest import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="session")

START_S = 120.0


async def read_until(process: Process, text: str) -> str:
    """Read what the demo prints until a line with this text, and return that line."""
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while line := (await process.stdout.readline()).decode():
            if text in line:
                return line
    raise AssertionError(f"the demo ended without {text!r}")


async def test_the_demo_gets_ready_survives_a_restart_and_ends_cleanly(tmp_path: Path) -> None:
    ports = free_ports()
    numbers = {"port": ports.http, "ocpp-port": ports.ocpp, "modbus-port": ports.modbus, "control-port": ports.control}
    options = [f"--{name}={number}" for name, number in numbers.items()]
    command = [sys.executable, "-m", "demo", *options, "--chargers=1", f"--config={tmp_path / 'config'}"]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        url = f"http://127.0.0.1:{ports.http}"
        assert await read_until(process, "READY") == f"READY {url} (demo/demo)\n"
        async with open_client(url, "demo", "demo") as client:
            await client.act("homeassistant", "restart", {})
        await read_until(process, "starts again")
        async with asyncio.timeout(START_S):
            while not await answers(ports.http):
                await asyncio.sleep(0.2)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(port: int) -> bool:
    """Return whether something listens at a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True

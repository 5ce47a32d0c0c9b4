"""One real Home Assistant and one simulated site for all end-to-end tests, as the demo sets them up."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path
import socket

import pytest
import pytest_asyncio
import pytest_socket

from demo.stage import Ports, open_stage

from .scene import LEASE_HOLD_S, LEASE_RENEW_S, SUN_W, Scene


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "end_to_end: starts a real Home Assistant; takes minutes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this directory."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)


@pytest.fixture
def verify_cleanup() -> None:
    """Leave out Home Assistant's own check: the processes outlive a test on purpose."""


@pytest.fixture(autouse=True)
def allow_sockets(socket_enabled: None) -> None:
    """Let the tests talk to their processes on 127.0.0.1."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    """Start everything once, with leases short enough to be waited for."""
    pytest_socket.enable_socket()
    async with open_stage(tmp_path_factory.mktemp("home"), free_ports(), chargers=2) as stage:
        await stage.simulator.hold_house(200, 200, 200)
        await stage.simulator.hold_sun(SUN_W)
        site = await stage.set_up(lease_s=(LEASE_HOLD_S, LEASE_RENEW_S))
        yield await Scene.open(stage, site)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(running_scene: Scene) -> Scene:
    """Return the scene with a quiet house, steady sun, a meter that works and a charger that is connected."""
    await running_scene.calm()
    return running_scene


def free_ports() -> Ports:
    """Return ports that nobody uses now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(4)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))

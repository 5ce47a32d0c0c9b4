"""The simulator's tests use real sockets on this host."""

import pytest


@pytest.fixture(autouse=True)
def real_sockets(socket_enabled: None) -> None:
    """Let sockets be opened, which the Home Assistant test plugin forbids."""

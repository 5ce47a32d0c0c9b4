"""A ledger in a new file."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "smart_charging.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncGenerator[Ledger]:
    opened = await Ledger.open(path)
    yield opened
    await opened.close()


@pytest.fixture
def site(ledger: Ledger) -> SiteLedger:
    return ledger.site("home")

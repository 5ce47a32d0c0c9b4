"""A ledger in a new file, and for the tests of what is behaviour in a new database of a PostgreSQL server too."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from itertools import count
import os
from pathlib import Path

from psycopg import sql
import pytest
import pytest_socket

from benchmarks.postgres_server import MISSING, PostgresServer, postgres_server, programs
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, tables

# What these modules ask for has to be the same in both databases.
IN_BOTH = {
    "test_grid_proof",
    "test_id_tokens",
    "test_late_stop",
    "test_meter_values",
    "test_objects",
    "test_origins",
    "test_sessions",
    "test_site_memory",
    "test_transactions",
}
SHARED = "ledger_shared"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of those modules in both databases, but those that look into the file."""
    if "database" not in metafunc.fixturenames:
        return
    both = metafunc.module.__name__.rpartition(".")[2] in IN_BOTH
    in_file = "path" in metafunc.definition._fixtureinfo.argnames
    metafunc.parametrize("database", ["sqlite", "postgresql"] if both and not in_file else ["sqlite"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "smart_charging.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a running server, for all tests of this process."""
    if programs() is None:
        assert "REQUIRE_POSTGRES" not in os.environ, f"{MISSING}, though one is required"
        pytest.skip(MISSING)
    pytest_socket.enable_socket()  # a free port is found by taking it
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a ledger for all tests, which is faster than to make each its own, and return its URL."""
    url = postgres.create_database(SHARED)

    async def make() -> None:
        await (await Ledger.open(url, tmp_path_factory.mktemp("shared") / "ledger.key")).close()

    asyncio.run(make())
    return url


@pytest.fixture
def url(postgres: PostgresServer, migrated: str) -> str:
    """Return the URL of a ledger in PostgreSQL with nothing in it, not even the sign of a key."""
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables.metadata.sorted_tables)
    postgres.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names), SHARED)
    return migrated


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    return (f"ledger_{number}" for number in count(1))


@pytest.fixture
def empty_url(postgres: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    """Give the URL of a new database without any table."""
    name = next(database_names)
    yield postgres.create_database(name)
    postgres.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def key_path(path: Path) -> Path:
    """Return where the key of a ledger in PostgreSQL is."""
    return path.with_suffix(".key")


@pytest.fixture
def address(database: str, path: Path, request: pytest.FixtureRequest) -> str | Path:
    """Return where the test's ledger is."""
    return path if database == "sqlite" else str(request.getfixturevalue("url"))


@pytest.fixture
async def ledger(address: str | Path, key_path: Path) -> AsyncGenerator[Ledger]:
    opened = await Ledger.open(address, key_path)
    yield opened
    await opened.close()


@pytest.fixture
def site(ledger: Ledger) -> SiteLedger:
    return ledger.site("home")

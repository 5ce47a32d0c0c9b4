"""Each test that shows a certification case carries the case's id in its own: `script/test -k TC_K_01`."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger
from custom_components.smart_charging.engine.registry_authorizer import RegistryAuthorizer
from tests.engine.certification.catalogue import known
from tests.engine.csms_stations.conftest import *  # noqa: F403  the same central system with a clock moved by hand
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.manual_clock import ManualClock


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "certification(case_id): the certification case that the test shows")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Put the case's id into the test's id, if the public description of the case is known."""
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("certification")]
    if marks:
        metafunc.fixturenames.append("certification_case")
        cases = sorted({known(case_id).case_id for case_id in marks})
        metafunc.parametrize("certification_case", ["+".join(cases)], ids=["+".join(cases)])


@pytest.fixture
async def known_tags(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[Bench]:
    """A central system with the station CP1 at a site that lets in only who is in its registry of tags."""
    ledger = await Ledger.open(tmp_path / "ledger.db")
    clock, store, tokens = ManualClock(), MemoryStore(), ledger.site("home").tokens
    now = clock.now()
    for value, details in {
        "TAG": TokenDetails("Ada"),
        "OLD": TokenDetails("Ben", valid_until=now - timedelta(days=1)),
        "BAD": TokenDetails("Cy", blocked=True),
        "KID1": TokenDetails("Dee", group="family"),
        "KID2": TokenDetails("Eve", group="family"),
    }.items():
        await tokens.add(value, details, now)
    authorizer = RegistryAuthorizer(tokens, clock, AccessPolicy(AccessMode.KNOWN_ONLY))
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=authorizer,
        lease=LeaseTimes(),
        settings=SETTINGS,
    )
    bench = Bench(csms, clock, store)
    csms.subscribe(bench.events.append)
    bench.port = await csms.start("127.0.0.1", 0)
    await csms.add_station(CONFIG)
    yield bench
    for client in bench.clients:
        await client.close()
    await csms.stop()
    await ledger.close()

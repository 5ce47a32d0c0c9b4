"""OCPP 2.0.1, C: tokens are known, unknown, blocked or of a group, by the registry and the records of a real site."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.local_list import LocalListEntry
from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.registry_authorizer import RegistryAuthorizer
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready
from tests.manual_clock import ManualClock

from .session_201 import ACCEPTED, Session, token_info

FAMILY, POLICE = "Family", "Police"
OURS = {"TAG1": FAMILY, "TAG2": FAMILY, "OTHER": None, "PASS": POLICE}


@dataclass
class Home:
    """A site that knows its drivers, and a station of it."""

    bench: Bench
    client: RawStation2
    records: SiteLedger
    access: RegistryAuthorizer

    def accepted(self, group: str | None = None) -> Payload:
        """Return what is told of a token that may charge, of one of a group that its group is."""
        if group is None:
            return ACCEPTED
        return {**ACCEPTED, "groupIdToken": {"idToken": self.records.tokens.group_value(group), "type": "Central"}}

    def session(self, token: str, evse: int = 1) -> Session:
        return Session(self.bench, self.client, f"tx-{evse}", evse, token)

    async def running(self) -> list[tuple[str, str]]:
        """Return the transactions that the records have open, and whose they are."""
        return [(one.transaction_id, one.id_token) for one in await self.records.open_transactions("CP1")]

    async def start_both(self) -> tuple[Session, Session]:
        one, other = self.session("TAG1"), self.session("OTHER", 2)
        await one.start()
        await other.start()
        assert await self.running() == [("tx-1", "TAG1"), ("tx-2", "OTHER")]
        return one, other


@pytest.fixture
async def home(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Home]:
    ledger, clock, memory = await Ledger.open(tmp_path / "ledger.db"), ManualClock(), MemoryStore()
    records = ledger.site("home")
    access = RegistryAuthorizer(records.tokens, clock, AccessPolicy(AccessMode.KNOWN_ONLY))
    for value, group in OURS.items():
        await records.tokens.add(value, TokenDetails(f"Driver of {value}", group=group), clock.now())
    csms = CentralSystem(
        clock=clock, transactions=records, memory=memory, authorizer=access, lease=LeaseTimes(), settings=SETTINGS
    )
    bench = Bench(csms, clock, memory)
    csms.subscribe(bench.events.append)
    bench.port = await csms.start("127.0.0.1", 0)
    await csms.add_station(CONFIG)
    client = await ready(bench, RawStation2())
    yield Home(bench, client, records, access)
    await client.close()
    await csms.stop()
    await ledger.close()
    assert client.broken == []


async def end_by(session: Session, token: str, group: Payload) -> None:
    """End a session with another token of its driver's group, until the car has left."""
    assert await session.authorize_stop(token) == group
    await session.cut_power()
    assert await session.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    assert session.evse.transaction is None


@pytest.mark.certification("TC_C_02")
async def test_an_unknown_token_is_invalid(home: Home) -> None:
    assert await token_info(home.client, "STRANGER") == {"status": "Invalid"}


@pytest.mark.certification("TC_C_06")
async def test_a_blocked_token_is_told_as_such(home: Home) -> None:
    await home.records.tokens.add("LOST", TokenDetails("Lost", blocked=True), home.bench.clock.now())
    assert await token_info(home.client, "LOST") == {"status": "Blocked"}


@pytest.mark.certification("TC_C_07")
async def test_an_expired_token_is_told_as_such(home: Home) -> None:
    now = home.bench.clock.now()
    await home.records.tokens.add("OLD", TokenDetails("Old", valid_until=now - timedelta(days=1)), now)
    assert await token_info(home.client, "OLD") == {"status": "Expired"}


@pytest.mark.certification("TC_C_08")
async def test_a_token_that_the_station_knew_by_itself_is_accepted_in_its_transaction(home: Home) -> None:
    session = home.session("OTHER")
    assert await session.tell("EVDetected") == {}
    await session.plug_in()
    assert await session.tell("Authorized", token="OTHER") == {"idTokenInfo": ACCEPTED}
    assert await home.running() == [("tx-1", "OTHER")]


@pytest.mark.certification("TC_C_20")
async def test_a_token_that_the_station_knew_wrongly_is_invalid_in_its_transaction(home: Home) -> None:
    session = home.session("STRANGER")
    assert await session.tell("EVDetected") == {}
    await session.plug_in()
    assert await session.tell("Authorized", token="STRANGER") == {"idTokenInfo": {"status": "Invalid"}}
    assert session.running


@pytest.mark.certification("TC_C_39")
async def test_a_token_of_the_same_group_ends_the_transaction(home: Home) -> None:
    family = home.accepted(FAMILY)
    session = home.session("TAG1")
    await session.plug_in()
    assert await token_info(home.client, "TAG2") == family
    assert await session.tell("Authorized", token="TAG1") == {"idTokenInfo": family}
    await session.charge()
    assert await token_info(home.client, "TAG2") == family
    await end_by(session, "TAG2", family)
    assert await home.running() == []


@pytest.mark.certification("TC_C_40")
async def test_tokens_of_a_group_in_the_list_of_the_station_end_each_others_transactions(home: Home) -> None:
    listed = await home.access.local_list(home.bench.clock.now())
    entries = [LocalListEntry(one.value, one.status, one.expires_at, one.parent_value) for one in listed.entries]
    await home.bench.station.operations.local_list.replace(entries, listed.version)
    (sent,) = home.client.sent("SendLocalList")
    told = {one["idToken"]["idToken"]: one["idTokenInfo"] for one in sent["localAuthorizationList"]}
    family = home.accepted(FAMILY)
    assert told == {"TAG1": family, "TAG2": family, "OTHER": ACCEPTED, "PASS": home.accepted(POLICE)}
    session = home.session("TAG1")
    await session.plug_in()
    assert await session.tell("Authorized", token="TAG1") == {"idTokenInfo": family}
    await session.charge()
    assert await session.tell("StopAuthorized", token="TAG2") == {"idTokenInfo": family}
    assert await home.running() == [("tx-1", "TAG1")]
    await session.cut_power()
    assert await session.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    assert await home.running() == []


@pytest.mark.certification("TC_C_43")
async def test_a_token_that_the_list_calls_invalid_is_asked_for_and_ends_its_groups_transaction(home: Home) -> None:
    family = home.accepted(FAMILY)
    session = home.session("TAG1")
    await session.plug_in()
    assert await session.tell("Authorized", token="TAG1") == {"idTokenInfo": family}
    await session.charge()
    await end_by(session, "TAG2", family)
    assert await home.running() == []


@pytest.mark.certification("TC_C_47")
async def test_a_token_of_the_master_groups_ends_all_transactions(home: Home) -> None:
    police = home.accepted(POLICE)
    sessions = await home.start_both()
    assert await token_info(home.client, "PASS") == police
    for session in sessions:
        answer = await session.end("StopAuthorized", "Idle", token="PASS", stoppedReason="MasterPass")
        assert answer == {"idTokenInfo": police}
        assert session.evse.transaction is None
    assert await home.running() == []


@pytest.mark.certification("TC_C_48")
async def test_a_token_of_the_master_groups_ends_a_chosen_transaction(home: Home) -> None:
    police = home.accepted(POLICE)
    _, chosen = await home.start_both()
    assert await token_info(home.client, "PASS") == police
    answer = await chosen.end("StopAuthorized", "Idle", token="PASS", stoppedReason="MasterPass")
    assert answer == {"idTokenInfo": police}
    assert await home.running() == [("tx-1", "TAG1")]


@pytest.mark.certification("TC_C_49")
async def test_a_station_without_a_display_ends_all_transactions_with_their_own_tokens(home: Home) -> None:
    sessions = await home.start_both()
    assert await token_info(home.client, "PASS") == home.accepted(POLICE)
    for session, info in zip(sessions, (home.accepted(FAMILY), ACCEPTED), strict=True):
        answer = await session.end("StopAuthorized", "Idle", token=session.token, stoppedReason="MasterPass")
        assert answer == {"idTokenInfo": info}
        assert session.evse.transaction is None
    assert await home.running() == []


@pytest.mark.certification("TC_C_37")
async def test_the_stations_cache_is_cleared(home: Home) -> None:
    await home.bench.station.clear_cache()
    assert home.client.sent("ClearCache") == [{}]


@pytest.mark.certification("TC_C_38")
async def test_a_cache_that_is_not_cleared_is_told(home: Home) -> None:
    home.client.answers["ClearCache"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await home.bench.station.clear_cache()
    assert error.value.code is CommandErrorCode.REJECTED
    assert home.client.sent("ClearCache") == [{}]

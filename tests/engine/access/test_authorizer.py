"""The registry's authorizer: policy, learning, expected starts, and lists for stations, over a real ledger."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.driver import AccessRefusal
from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, IdToken, TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, SiteTokens
from custom_components.smart_charging.engine.model import AuthorizationStatus as Status, StoreError, TransactionStart
from custom_components.smart_charging.engine.presented_tags import PresentedTags
from custom_components.smart_charging.engine.registry_authorizer import EXPECTED_S, AlreadyLearning, RegistryAuthorizer
from custom_components.smart_charging.engine.view import SiteEvent
from tests.manual_clock import ManualClock

KNOWN_ONLY = AccessPolicy(AccessMode.KNOWN_ONLY)
LEARN = AccessPolicy(AccessMode.LEARN)
ANNA = TokenDetails("Anna")


class Bench:
    """A site's registry and the authorizer in front of it, with a clock turned by hand."""

    def __init__(self, records: SiteLedger) -> None:
        self.records, self.tokens, self.clock = records, records.tokens, ManualClock()
        self.access = RegistryAuthorizer(records.tokens, self.clock)
        self.learnt: list[tuple[str, IdToken]] = []
        self.masters: list[tuple[str, str]] = []
        self.access.subscribe_learnt(lambda station_id, token: self.learnt.append((station_id, token)))
        self.access.subscribe_master_pass(lambda station_id, token: self.masters.append((station_id, token.token_id)))

    async def add(self, value: str = "TAG1", details: TokenDetails = ANNA) -> IdToken:
        return await self.tokens.add(value, details, self.clock.now())

    async def ask(self, value: str = "TAG1", station_id: str = "CP1", evse_id: int | None = None) -> Status:
        return (await self.access.authorize(station_id, value, self.clock.now(), evse_id)).status

    async def begin(self, value: str = "TAG1", station_id: str = "CP1", evse_id: int = 1) -> None:
        now = self.clock.now()
        await self.records.start_transaction(TransactionStart(station_id, evse_id, value, now, 0, now))

    async def may_stop(self, value: str | None, *, remote: bool = False) -> bool:
        return await self.access.may_stop("CP1", 1, value, self.clock.now(), remote=remote)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    yield Bench(ledger.site("home"))
    await ledger.close()


async def test_a_site_where_nobody_chose_accepts_everybody(bench: Bench) -> None:
    assert await bench.ask("ANY") is Status.ACCEPTED
    assert await bench.ask("") is Status.ACCEPTED
    assert await bench.tokens.all() == ()


async def test_a_site_for_those_it_knows_refuses_strangers(bench: Bench) -> None:
    bench.access.policy = KNOWN_ONLY
    kept = await bench.add()
    assert await bench.ask("tag1") is Status.ACCEPTED
    assert (await bench.tokens.token(kept.token_id)).last_used_at == bench.clock.now()
    assert await bench.ask("TAG2") is Status.INVALID
    assert await bench.ask("") is Status.INVALID
    await bench.tokens.change(kept.token_id, lambda details: replace(details, blocked=True))
    assert await bench.ask() is Status.BLOCKED
    await bench.tokens.delete(kept.token_id, bench.clock.now())
    assert await bench.ask() is Status.INVALID


async def test_a_stranger_that_charges_when_the_policy_changes_may_end_it(bench: Bench) -> None:
    await bench.begin("TAG2")
    for bench.access.policy in (KNOWN_ONLY, LEARN):
        assert await bench.ask("TAG2") is Status.ACCEPTED
        assert await bench.ask("TAG2", "CP2") is Status.INVALID
    assert await bench.ask("TAG2") is Status.ACCEPTED  # though it is nobody's


async def test_a_token_charges_at_one_place_only(bench: Bench) -> None:
    await bench.add()
    await bench.begin()
    assert await bench.ask(station_id="CP2") is Status.CONCURRENT_TX
    assert await bench.ask() is Status.ACCEPTED  # to end it, or the same start once more
    assert await bench.ask(evse_id=1) is Status.ACCEPTED
    assert await bench.ask(evse_id=2) is Status.CONCURRENT_TX


async def test_tokens_of_a_group_share_a_parent_and_may_be_allowed_to_charge_twice(bench: Bench) -> None:
    await bench.add("TAG1", TokenDetails("Anna", group="Family"))
    await bench.add("TAG2", TokenDetails("Ben", group="family"))
    answers = [await bench.access.authorize("CP1", value, bench.clock.now()) for value in ("TAG1", "TAG2")]
    assert answers[0].parent_id_token == answers[1].parent_id_token is not None
    await bench.begin()
    assert await bench.ask(station_id="CP2") is Status.CONCURRENT_TX
    bench.access.policy = AccessPolicy(groups_share=True)
    assert await bench.ask(station_id="CP2") is Status.ACCEPTED


async def test_same_token_group_master_and_remote_may_end_a_transaction(bench: Bench) -> None:
    await bench.add("TAG1", TokenDetails("Anna", group="Family"))
    await bench.add("TAG2", TokenDetails("Ben", group="Family"))
    await bench.add("TAG3", TokenDetails("Guard", master_pass=True))
    await bench.add("TAG4", TokenDetails("Cleo"))
    assert not await bench.may_stop("TAG1")
    await bench.begin()
    assert [await bench.may_stop(value) for value in ("tag1", "TAG2", "TAG3")] == [True] * 3
    assert [await bench.may_stop(value) for value in ("TAG4", "TAG5", None)] == [False] * 3
    assert await bench.may_stop(None, remote=True)


async def test_a_master_pass_begins_nothing_and_is_told_of(bench: Bench) -> None:
    kept = await bench.add("TAG3", TokenDetails("Guard", master_pass=True))
    assert await bench.ask("TAG3") is Status.INVALID
    assert bench.masters == [("CP1", kept.token_id)]
    await bench.tokens.change(kept.token_id, lambda details: replace(details, blocked=True))
    assert await bench.ask("TAG3") is Status.BLOCKED
    assert len(bench.masters) == 1


async def test_a_start_that_we_asked_for_is_accepted_for_a_while(bench: Bench) -> None:
    bench.access.policy = LEARN
    bench.access.expect_start("CP1", "REMOTE")
    assert await bench.ask("remote") is Status.ACCEPTED
    assert await bench.ask("REMOTE", "CP2") is Status.INVALID
    await bench.clock.advance(EXPECTED_S)
    bench.access.expect_start("CP2", "OTHER")
    assert await bench.ask("REMOTE") is Status.INVALID
    kept = await bench.add()
    bench.access.expect_start("CP1", "TAG1")
    await bench.tokens.change(kept.token_id, lambda details: replace(details, blocked=True))
    assert await bench.ask() is Status.BLOCKED


async def test_a_learning_site_remembers_strangers_and_waits_for_somebody_to_assign_them(bench: Bench) -> None:
    bench.access.policy = LEARN
    assert await bench.ask("TAG1") is Status.INVALID
    assert await bench.ask("tag1") is Status.INVALID
    assert await bench.ask("T" * 37) is Status.INVALID
    assert await bench.ask("") is Status.INVALID
    ((station_id, token),) = bench.learnt
    assert (station_id, token.details.label) == ("CP1", None)
    assert await bench.tokens.all() == (token,)
    await bench.tokens.change(token.token_id, lambda details: replace(details, label="Anna"))
    assert await bench.ask("TAG1") is Status.ACCEPTED
    for number in range(40):
        await bench.ask(f"STRANGER{number}")
    assert len(await bench.tokens.all()) == 33


async def test_the_next_unknown_tag_at_a_station_becomes_what_was_asked_for(bench: Bench) -> None:
    bench.access.policy = KNOWN_ONLY
    await bench.add("TAG1")
    learning = asyncio.ensure_future(bench.access.learn("CP1", TokenDetails("Ben", group="Family"), 60))
    await asyncio.sleep(0)
    with pytest.raises(AlreadyLearning):
        await bench.access.learn("CP1", ANNA, 60)
    assert await bench.ask("TAG1") is Status.ACCEPTED
    assert await bench.ask("TAG2", "CP2") is Status.INVALID
    assert await bench.ask("TAG3") is Status.ACCEPTED
    learnt = await learning
    assert (learnt.details.label, learnt.details.group) == ("Ben", "Family")
    assert bench.learnt == [("CP1", learnt)]
    assert await bench.ask("TAG4") is Status.INVALID


async def test_a_tag_that_was_nobodys_yet_can_be_learnt(bench: Bench) -> None:
    bench.access.policy = LEARN
    await bench.ask("TAG2")
    learning = asyncio.ensure_future(bench.access.learn("CP1", ANNA, 60))
    await asyncio.sleep(0)
    assert await bench.ask("TAG2") is Status.ACCEPTED
    assert (await learning).token_id == bench.learnt[0][1].token_id
    assert len(await bench.tokens.all()) == 1


async def test_two_tags_at_once_are_told_apart(bench: Bench) -> None:
    bench.access.policy = KNOWN_ONLY
    learning = asyncio.ensure_future(bench.access.learn("CP1", ANNA, 60))
    await asyncio.sleep(0)
    assert await asyncio.gather(bench.ask("TAG2"), bench.ask("TAG2")) == [Status.ACCEPTED] * 2
    await learning
    assert len(await bench.tokens.all()) == 1


async def test_learning_ends_when_no_tag_comes(bench: Bench) -> None:
    learning = asyncio.ensure_future(bench.access.learn("CP1", ANNA, 60))
    await bench.clock.advance(61)
    with pytest.raises(TimeoutError):
        await learning
    assert await bench.ask("TAG2") is Status.ACCEPTED
    assert await bench.tokens.all() == ()


async def test_a_use_that_cannot_be_noted_keeps_nobody_from_charging(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(_self: SiteTokens, _token_id: str, _at: object) -> None:
        raise StoreError("no space left")

    await bench.add("04SECRET")
    monkeypatch.setattr(SiteTokens, "used", full)
    assert await bench.ask("04SECRET") is Status.ACCEPTED
    assert "no space left" in caplog.text
    assert "04SECRET" not in caplog.text


async def test_a_registry_that_cannot_be_read_answers_nobody(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "closed.db")
    bench = Bench(ledger.site("home"))
    await ledger.close()
    with pytest.raises(StoreError):
        await bench.ask()


async def test_a_local_list_grows_a_version_with_each_change_and_with_time(bench: Bench) -> None:
    now, soon = bench.clock.now(), bench.clock.now() + timedelta(seconds=60)
    assert await bench.access.local_list(now) == await bench.access.local_list(now)
    kept = await bench.add("TAG1", TokenDetails("Anna", valid_until=soon, group="Family"))
    await bench.add("T" * 30, TokenDetails("Ben"))
    made = await bench.access.local_list(now, 20)
    (entry,) = made.entries
    assert (entry.value, entry.status, entry.expires_at) == ("TAG1", Status.ACCEPTED, soon)
    assert entry.parent_value == bench.tokens.group_value("Family")
    await bench.ask()  # a use is no change
    assert await bench.access.local_list(now, 20) == made
    assert len((await bench.access.local_list(now)).entries) == 2
    expired = await bench.access.local_list(soon, 20)
    assert (expired.version, expired.entries[0].status) == (made.version + 1, Status.EXPIRED)
    await bench.tokens.delete(kept.token_id, now)
    emptied = await bench.access.local_list(now, 20)
    assert (emptied.version, emptied.entries) == (made.version + 2, ())


async def test_a_master_pass_where_no_station_is_any_more_does_nothing(bench: Bench) -> None:
    announced: list[SiteEvent] = []
    csms = CentralSystem(
        clock=bench.clock,
        transactions=bench.records,
        memory=bench.records,
        authorizer=bench.access,
        lease=LeaseTimes(),
    )
    tags = PresentedTags(bench.access, csms, bench.clock, announced.append)
    await bench.add("TAG3", TokenDetails("Guard", master_pass=True))
    await bench.ask("TAG3")
    await asyncio.sleep(0)
    bench.access._tell(
        bench.access._master_listeners, "CP1", await bench.tokens.token((await bench.tokens.all())[0].token_id)
    )
    await tags.stop()
    assert announced == []
    assert len(bench.masters) == 2


async def test_a_listener_that_went_hears_nothing_more(bench: Bench) -> None:
    heard: list[str] = []
    leave = [
        subscribe(lambda station_id, _token: heard.append(station_id))
        for subscribe in (bench.access.subscribe_learnt, bench.access.subscribe_master_pass)
    ]
    for stop in leave:
        stop()
    bench.access.policy = LEARN
    await bench.add("TAG3", TokenDetails("Guard", master_pass=True))
    await bench.ask("TAG3")
    await bench.ask("TAG4")
    assert heard == []


class Gate:
    """Refuses the drivers of these tokens for this reason, at one station."""

    def __init__(self) -> None:
        self.refused: dict[str, AccessRefusal] = {}

    async def refusal(self, station_id: str, token: IdToken, now: datetime) -> AccessRefusal | None:
        return (await self.refusals(station_id, now)).get(token.token_id)

    async def refusals(self, station_id: str, now: datetime) -> Mapping[str, AccessRefusal]:
        return self.refused if station_id == "CP1" else {}


async def test_a_driver_who_may_not_charge_here_is_refused_told_of_and_not_listed(bench: Bench) -> None:
    gate, told = Gate(), list[tuple[str, str | None, str]]()
    access = RegistryAuthorizer(bench.tokens, bench.clock, KNOWN_ONLY, gate)
    stop = access.subscribe_refused(
        lambda station_id, token, why: told.append((station_id, token and token.token_id, why))
    )
    kept = await bench.add()
    gate.refused[kept.token_id] = AccessRefusal.STATION
    result = await access.authorize("CP1", "tag1", bench.clock.now())
    assert (result.status, result.refusal) == (Status.BLOCKED, AccessRefusal.STATION)
    assert (await access.authorize("CP2", "tag1", bench.clock.now())).status is Status.ACCEPTED
    await access.authorize("CP1", "stranger", bench.clock.now())
    await access.authorize("CP1", "stranger", bench.clock.now(), in_person=False)
    assert told == [("CP1", kept.token_id, "station"), ("CP1", None, "unknown")]
    (here,) = (await access.local_list(bench.clock.now(), 20, "CP1")).entries
    (there,) = (await access.local_list(bench.clock.now(), 20, "CP2")).entries
    assert (here.status, there.status) == (Status.BLOCKED, Status.ACCEPTED)
    stop()
    await access.authorize("CP1", "stranger", bench.clock.now())
    assert len(told) == 2

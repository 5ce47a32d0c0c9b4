"""A VEN reads a real server over a socket, in both versions, loses it and finds it again, and makes itself known."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count
import sys

import pytest

from custom_components.smart_charging.engine.grid import openadr_http
from custom_components.smart_charging.engine.grid.openadr_client import VtnClient
from custom_components.smart_charging.engine.grid.openadr_config import VenConfig
from custom_components.smart_charging.engine.grid.openadr_http import VenError, VenProblem
from custom_components.smart_charging.engine.grid.openadr_memory import memory_from_json
from custom_components.smart_charging.engine.grid.openadr_values import MAX_EVENTS, OpenAdrVersion, Refusal
from custom_components.smart_charging.engine.grid.openadr_ven import Registration, Ven
from tests.engine.grid.conftest import ADDRESSEE, capacity, config_for, limits, poll
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

MakeVen = Callable[..., Ven]


# Reading


async def test_an_anonymous_server_is_read(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    capacity(vtn, 11)
    state = await poll(make_ven())
    assert (state.problem, state.failures, state.last_heard, state.lost) == (None, 0, clock.now(), False)
    assert limits(state) == [11_000]
    assert vtn.count("POST auth/token") == 0


async def test_changed_and_deleted_events_are_noticed(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    kept, deleted = capacity(vtn, 11), capacity(vtn, 7)
    assert limits(await poll(ven)) == [7000, 11_000]
    vtn.change_event(kept, intervals=[limit_interval(9)])
    vtn.delete_event(deleted)
    assert limits(await poll(ven)) == [9000]
    vtn.events.clear()
    assert limits(await poll(ven)) == []


async def test_a_signal_keeps_the_time_at_which_it_was_first_heard(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    event, first = capacity(vtn, 11), clock.now()
    ven = make_ven()
    await poll(ven)
    await clock.advance(60)
    assert (await poll(ven)).signals()[0].received_at == first
    vtn.change_event(event, intervals=[limit_interval(9)])
    assert (await poll(ven)).signals()[0].received_at == clock.now()


async def test_a_malformed_event_does_not_keep_others_from_being_heard(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.events += [None, {"id": 3}, {"id": "odd", "intervals": [{"id": "x"}]}]
    capacity(vtn, 11)
    capacity(vtn, "much")
    state = await poll(make_ven())
    assert limits(state) == [11_000]
    assert state.reading.refused == {Refusal.SHAPE: 1, Refusal.INTERVALS: 1, Refusal.VALUE: 1}
    assert state.problem is None


async def test_only_programmes_of_the_name_set_up_count(vtn: Vtn, make_ven: MakeVen) -> None:
    ours, other = vtn.add_program("Netbewust laden"), vtn.add_program("Prices")
    vtn.add_event(ours, [limit_interval(11)])
    vtn.add_event(other, [limit_interval(5)])
    assert limits(await poll(make_ven(program_name="Netbewust laden"))) == [11_000]
    missing = await poll(make_ven(program_name="Netbewust"))
    assert (missing.problem, missing.detail) == (VenProblem.NO_PROGRAM, "Netbewust")


async def test_programmes_are_read_again_once_an_event_names_an_unknown_one(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    await poll(ven)
    await poll(ven)
    assert vtn.count("GET programs") == 1
    capacity(vtn, 11, payloadDescriptors=None)
    vtn.programs[0]["payloadDescriptors"] = [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "W"}]
    await poll(ven)
    assert limits(await poll(ven)) == [11]


# Pages and sizes


@pytest.mark.parametrize("page", [50, 7])
async def test_all_pages_are_read_however_small_the_server_makes_them(vtn: Vtn, make_ven: MakeVen, page: int) -> None:
    vtn.trouble.page = page
    for kw in range(120):
        capacity(vtn, kw)
    assert limits(await poll(make_ven())) == [kw * 1000 for kw in range(120)]


async def test_a_server_that_knows_no_pages_is_read_once(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.ignores_paging = True
    for kw in range(120):
        capacity(vtn, kw)
    assert len(limits(await poll(make_ven()))) == 120
    assert vtn.count("GET events") == 2


async def test_events_without_an_id_do_not_make_a_server_without_pages_endless(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.ignores_paging = True
    vtn.events += [None, {}]
    capacity(vtn, 11)
    assert limits(await poll(make_ven())) == [11_000]
    assert vtn.count("GET events") == 2


async def test_a_list_has_a_latest_end_however_many_pages_it_has(vtn: Vtn, clock: ManualClock) -> None:
    seconds = count(0, 50)
    client = VtnClient(config_for(vtn), clock.now, lambda: float(next(seconds)))
    for kw in range(300):
        capacity(vtn, kw)
    with pytest.raises(VenError, match="timeout: events"):
        await asyncio.to_thread(client.events, None)
    assert vtn.count("GET events") < 4
    client.close()


async def test_ten_thousand_events_are_read_and_more_are_counted(vtn: Vtn, make_ven: MakeVen) -> None:
    for kw in range(MAX_EVENTS + 60):
        capacity(vtn, kw % 50)
    state = await poll(make_ven())
    assert state.reading.events == MAX_EVENTS + 1
    assert limits(state) == [0]  # the strictest of all that hold without an end
    assert state.reading.refused == {Refusal.TOO_MANY_EVENTS: 1}


async def test_half_a_list_changes_nothing(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    for kw in range(60):
        capacity(vtn, kw)
    await poll(ven)
    vtn.events.clear()
    for kw in range(200, 260):
        capacity(vtn, kw)
    vtn.trouble.fails_at_skip = 50
    state = await poll(ven)
    assert state.problem is VenProblem.SERVER
    assert limits(state) == [kw * 1000 for kw in range(60)]


async def test_an_answer_that_is_too_large_is_not_read(
    vtn: Vtn, make_ven: MakeVen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openadr_http, "ANSWER_BYTES", 100_000)
    vtn.trouble.body = b"[" + b" " * 200_000 + b"]"
    assert (await poll(make_ven(register=False))).problem is VenProblem.TOO_LARGE


# Lost and found


async def test_a_lost_server_leaves_its_word_and_its_fail_safe(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    capacity(vtn, 11)
    capacity(vtn, 4, eventName="Safe mode")
    ven = make_ven(lost_after=timedelta(minutes=15))
    assert limits(await poll(ven)) == [11_000]
    await vtn.stop()
    await clock.advance(899)
    assert limits(await poll(ven)) == [11_000]
    await clock.advance(1)
    assert ven.state().lost
    assert limits(ven.state()) == [4000, 11_000]
    await vtn.start()
    assert limits(await poll(ven)) == [11_000]
    assert not ven.state().lost


async def test_an_announced_limit_ends_on_time_while_the_server_is_away(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    vtn.add_event(vtn.add_program(), [limit_interval(11)], intervalPeriod=period("2026-06-01T10:00:00Z", "PT30M"))
    ven = make_ven()
    assert limits(await poll(ven)) == [11_000]
    await vtn.stop()
    await clock.advance(1801)
    assert not [signal for signal in ven.state().signals() if signal.live(clock.now())]
    assert limits(await poll(ven)) == []


async def test_after_a_restart_the_last_word_holds_before_the_server_is_heard(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    program = vtn.add_program(payloadDescriptors=[{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "W"}])
    vtn.add_event(program, [limit_interval(11_000)])
    vtn.add_event(program, [limit_interval(4000)], eventName="SAFE_MODE")
    vtn.add_event(program, [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.3]}]}])
    ven = make_ven()
    await poll(ven)
    memory = ven.memory()
    assert memory is not None
    await clock.advance(60)
    again = make_ven(memory=memory_from_json(memory.to_json()))
    assert limits(again.state()) == [11_000]
    await clock.advance(840)
    assert limits(again.state()) == [4000, 11_000]
    assert again.state().reading.series == ()
    assert again.state().signals()[0].received_at == memory.last_heard


async def test_a_server_that_was_never_heard_has_no_memory(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.status = 500
    ven = make_ven()
    await poll(ven)
    assert ven.memory() is None
    assert ven.state().lost


# Registration


async def test_the_ven_and_its_resources_are_made_known_once(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    state = await poll(ven)
    assert (state.registration, state.ven_id) == (Registration.DONE, vtn.vens[0]["id"])
    assert [each["venName"] for each in vtn.vens] == ["home"]
    assert [(each["resourceName"], each["venID"]) for each in vtn.resources] == [("wallbox", state.ven_id)]
    await poll(ven)
    await poll(make_ven())
    assert (len(vtn.vens), len(vtn.resources)) == (1, 1)


async def test_a_server_that_forgot_the_ven_is_told_again_within_a_day(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ven = make_ven()
    await poll(ven)
    vtn.vens.clear()
    vtn.resources.clear()
    await clock.advance(86_400)
    await poll(ven)
    assert (len(vtn.vens), len(vtn.resources)) == (1, 1)


@pytest.mark.parametrize("answer", [b"{}", b"created", b'{"id": "x"}'])
async def test_what_was_created_counts_whatever_the_server_answers(vtn: Vtn, make_ven: MakeVen, answer: bytes) -> None:
    vtn.trouble.odd_answer = answer
    state = await poll(make_ven())
    assert (state.registration, state.problem, len(vtn.resources)) == (Registration.DONE, None, 1)


async def test_a_ven_that_was_made_known_meanwhile_is_as_good(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.statuses = {"POST vens": 409}
    state = await poll(make_ven())
    assert (state.registration, state.problem) == (Registration.REFUSED, None)


@pytest.mark.parametrize("refused", ["GET vens", "POST vens"])
async def test_a_server_that_lets_nobody_register_is_read_all_the_same(
    vtn: Vtn, make_ven: MakeVen, refused: str
) -> None:
    vtn.trouble.statuses = {refused: 403}
    capacity(vtn, 11)
    ven = make_ven()
    state = await poll(ven)
    assert (state.registration, state.problem, limits(state)) == (Registration.REFUSED, None, [11_000])
    await poll(ven)
    assert vtn.count(refused) == 1


async def test_nothing_is_registered_where_that_is_switched_off(vtn: Vtn, make_ven: MakeVen) -> None:
    assert (await poll(make_ven(register=False))).registration is Registration.NOT_WANTED
    assert not [request for request in vtn.requests if "vens" in request]


async def test_a_round_has_a_latest_end_however_many_lists_it_reads(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    capacity(vtn, 11)
    ven = make_ven()
    await poll(ven)
    seconds = count(0, 60)
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(seconds)))
    late = make_ven()
    assert (await poll(late)).problem is VenProblem.TIMEOUT
    vtn.vens.clear()  # so that it would have to be created as well
    client = VtnClient(config_for(vtn), clock.now, lambda: float(next(seconds)))
    client.begin(30.0)
    with pytest.raises(VenError, match="timeout: creating"):
        await asyncio.to_thread(client.create_ven, "home")
    client.close()
    assert vtn.vens == []


async def test_a_ven_that_is_closed_asks_nothing_more(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    await poll(ven)
    ven.close()
    asked = len(vtn.requests)
    assert (await poll(ven)).problem is VenProblem.UNREACHABLE
    assert len(vtn.requests) == asked


# The library


def test_a_missing_library_is_a_clear_error(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openadr3_client.ven.http_factory", None)
    config = VenConfig(vtn_url="https://vtn.example.com", addressee=ADDRESSEE, version=OpenAdrVersion.V3_1)
    state = Ven(config, clock, lambda: 0.5).poll()
    assert state.problem is VenProblem.LIBRARY
    assert "openadr3_client" in state.detail

"""A VEN reads a real server over a socket, in both versions: logins, changes, trouble of every kind, and its own name."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count
import logging
from pathlib import Path
import ssl
import sys

import pytest

from custom_components.smart_charging.engine.grid import openadr_http
from custom_components.smart_charging.engine.grid.openadr_client import VtnClient
from custom_components.smart_charging.engine.grid.openadr_config import (
    ClientCredentials,
    ConfigError,
    ConfigProblem,
    VenConfig,
)
from custom_components.smart_charging.engine.grid.openadr_http import VenError, VenProblem
from custom_components.smart_charging.engine.grid.openadr_memory import memory_from_json
from custom_components.smart_charging.engine.grid.openadr_values import MAX_EVENTS, Addressee, OpenAdrVersion, Refusal
from custom_components.smart_charging.engine.grid.openadr_ven import Registration, Ven, VenState
from tests.engine.csms_transport.certificates import Issuer
from tests.engine.grid.conftest import SECRET, config_for, poll
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

MakeVen = Callable[..., Ven]
ADDRESSEE = Addressee(ven_name="home")


def limits(state: VenState) -> list[float | None]:
    return sorted(signal.value or 0 for signal in state.signals())


def capacity(vtn: Vtn, kw: object, **more: object) -> str:
    program = str(vtn.programs[0]["id"]) if vtn.programs else vtn.add_program()
    return vtn.add_event(program, [limit_interval(kw)], intervalPeriod=period("2026-06-01T10:00:00Z"), **more)


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
    assert len(state.reading.signals) == MAX_EVENTS
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


# Logins


@pytest.mark.parametrize("secret_in", ["basic", "body"])
async def test_client_credentials_are_sent_as_the_server_wants_them(
    vtn: Vtn, make_ven: MakeVen, secret_in: str
) -> None:
    vtn.client_secret, vtn.secret_in = SECRET, secret_in
    capacity(vtn, 11)
    ven = make_ven()
    assert limits(await poll(ven)) == [11_000]
    assert len(vtn.tokens) == 1
    assert vtn.count("GET auth/server") == (0 if vtn.version == "3.0.1" else 1)


async def test_a_token_is_renewed_before_it_ends(vtn: Vtn, make_ven: MakeVen, clock: ManualClock) -> None:
    vtn.client_secret, vtn.token_lifetime = SECRET, 1000
    ven = make_ven()
    await poll(ven)
    await clock.advance(899)
    await poll(ven)
    assert ven.client.tokens_fetched == 1
    await clock.advance(2)
    await poll(ven)
    assert ven.client.tokens_fetched == 2


async def test_a_token_that_the_server_revoked_is_replaced_at_once(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    capacity(vtn, 11)
    ven = make_ven()
    await poll(ven)
    vtn.tokens.clear()
    state = await poll(ven)
    assert (state.problem, limits(state)) == (None, [11_000])


async def test_wrong_credentials_are_told_and_stay_secret(
    vtn: Vtn, make_ven: MakeVen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vtn.client_secret = "another"
    login = ClientCredentials(client_id="ven-client", client_secret=SECRET)
    ven = make_ven(login=login)
    state = await poll(ven)
    assert (state.problem, state.detail) == (VenProblem.LOGIN, "invalid_client")
    for text in (caplog.text, repr(state), repr(login), repr(config_for(vtn, login=login)), repr(ven)):
        assert SECRET not in text


async def test_tokens_stay_secret_even_if_a_server_repeats_them(
    vtn: Vtn, make_ven: MakeVen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vtn.client_secret = SECRET
    vtn.trouble.echo = True
    vtn.trouble.statuses = {"GET events": 500}
    state = await poll(make_ven())
    assert state.problem is VenProblem.SERVER
    assert not [token for token in vtn.tokens if token in caplog.text + repr(state)]


@pytest.mark.parametrize("version", ["3.1.0"], indirect=True)
async def test_a_secret_goes_to_no_url_without_tls_that_a_server_names(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    vtn.token_url = "http://tokens.example.com/token"
    state = await poll(make_ven())
    assert state.problem is VenProblem.LOGIN
    assert vtn.count("POST auth/token") == 0


@pytest.mark.parametrize(
    "answer", [{}, [], "token", {"access_token": ""}, {"access_token": 7}, {"access_token": "a\nb"}]
)
async def test_an_answer_without_a_usable_token_is_no_login(vtn: Vtn, make_ven: MakeVen, answer: object) -> None:
    vtn.client_secret = SECRET
    vtn.trouble.token_answer = answer
    assert (await poll(make_ven())).problem is VenProblem.LOGIN


@pytest.mark.parametrize(("expires_in", "seconds"), [("soon", 3600), (-1, 3600), (True, 3600), (10**8, 86_400)])
async def test_odd_lifetimes_of_tokens_are_bounded(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock, expires_in: object, seconds: int
) -> None:
    vtn.client_secret = SECRET
    vtn.tokens.add("odd")
    vtn.trouble.token_answer = {"access_token": "odd", "expires_in": expires_in}
    ven = make_ven()
    await poll(ven)
    await clock.advance(seconds - 1)
    await poll(ven)
    assert ven.client.tokens_fetched == 1
    await clock.advance(1)
    await poll(ven)
    assert ven.client.tokens_fetched == 2


@pytest.mark.parametrize("version", ["3.1.0"], indirect=True)
@pytest.mark.parametrize(("answer", "problem"), [({}, VenProblem.MALFORMED), ({"tokenURL": "token"}, VenProblem.LOGIN)])
async def test_a_server_that_tells_no_token_url_is_no_login(
    vtn: Vtn, make_ven: MakeVen, answer: object, problem: VenProblem
) -> None:
    vtn.client_secret = SECRET
    vtn.trouble.auth_server_answer = answer
    assert (await poll(make_ven())).problem is problem
    vtn.trouble.statuses = {"GET auth": 503}
    assert (await poll(make_ven())).problem is VenProblem.SERVER


async def test_the_scopes_set_up_are_asked_for(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.client_secret = SECRET
    login = ClientCredentials(
        client_id="ven-client",
        client_secret=SECRET,
        token_url=f"{vtn.url}/auth/token",
        scopes=("read_all", "write_reports"),
    )
    assert (await poll(make_ven(login=login))).problem is None
    assert vtn.scopes == ["read_all write_reports"]
    assert vtn.count("GET auth/server") == 0


# TLS and URLs


async def test_a_certificate_is_verified(vtn: Vtn, make_ven: MakeVen, tmp_path: Path) -> None:
    authority = Issuer(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("vtn"))
    vtn.client_secret = SECRET
    await vtn.stop()
    await vtn.start(context)
    capacity(vtn, 11)
    assert (await poll(make_ven(allow_http=False))).problem is VenProblem.TLS
    assert not [request for request in vtn.requests if request.startswith("POST")]
    state = await poll(make_ven(allow_http=False, ca_file=authority.file))
    assert (state.problem, limits(state)) == (None, [11_000])


async def test_redirects_are_not_followed(vtn: Vtn, make_ven: MakeVen) -> None:
    vtn.trouble.status = 302
    vtn.trouble.headers = {"Location": f"{vtn.url}/elsewhere"}
    assert (await poll(make_ven(register=False))).problem is VenProblem.REFUSED
    assert vtn.requests == ["GET programs"]


@pytest.mark.parametrize(
    ("url", "allow_http", "problem"),
    [
        ("https://vtn.example.com/openadr3", False, None),
        ("https://vtn.example.com:8443/openadr3/", False, None),
        ("http://127.0.0.1:8080/openadr3", True, None),
        ("http://192.168.1.5/openadr3", True, None),
        ("http://[fd00::5]/openadr3", True, None),
        ("http://vtn.local/openadr3", True, None),
        ("http://127.0.0.1/openadr3", False, ConfigProblem.URL_NOT_HTTPS),
        ("http://vtn.example.com/openadr3", True, ConfigProblem.URL_NOT_HTTPS),
        ("http://8.8.8.8/openadr3", True, ConfigProblem.URL_NOT_HTTPS),
        ("ftp://vtn.example.com", True, ConfigProblem.URL),
        ("vtn.example.com", True, ConfigProblem.URL),
        ("https://", True, ConfigProblem.URL),
        ("https://user:password@vtn.example.com", True, ConfigProblem.URL),
        ("https://vtn.example.com?token=x", True, ConfigProblem.URL),
        ("https://vtn.example.com:port", True, ConfigProblem.URL),
        ("https://[::1", True, ConfigProblem.URL),
        ("https://vtn .example.com", True, ConfigProblem.URL),
    ],
)
def test_http_is_for_this_host_and_private_networks_and_only_if_allowed(
    url: str, allow_http: bool, problem: ConfigProblem | None
) -> None:
    if problem is None:
        VenConfig(vtn_url=url, addressee=ADDRESSEE, allow_http=allow_http)
        return
    with pytest.raises(ConfigError) as refused:
        VenConfig(vtn_url=url, addressee=ADDRESSEE, allow_http=allow_http)
    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"addressee": Addressee(ven_name="")}, ConfigProblem.VEN_NAME),
        ({"addressee": Addressee(ven_name="x" * 129)}, ConfigProblem.VEN_NAME),
        ({"addressee": Addressee(ven_name="home", resources={"": None})}, ConfigProblem.RESOURCE_NAME),
        ({"poll_interval": timedelta(seconds=1)}, ConfigProblem.POLL_INTERVAL),
        ({"poll_interval": timedelta(days=1)}, ConfigProblem.POLL_INTERVAL),
        ({"report_interval": timedelta(0)}, ConfigProblem.POLL_INTERVAL),
        ({"lost_after": timedelta(seconds=119)}, ConfigProblem.LOST_AFTER),
        ({"login": ClientCredentials(client_id="", client_secret="x")}, ConfigProblem.CREDENTIALS),
        ({"login": ClientCredentials(client_id="x", client_secret="")}, ConfigProblem.CREDENTIALS),
        (
            {"login": ClientCredentials(client_id="x", client_secret="y", token_url="http://t.example.com")},
            ConfigProblem.TOKEN_URL_NOT_HTTPS,
        ),
        (
            {"login": ClientCredentials(client_id="x", client_secret="y", token_url="token")},
            ConfigProblem.TOKEN_URL,
        ),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, object], problem: ConfigProblem) -> None:
    with pytest.raises(ConfigError) as refused:
        VenConfig(**({"vtn_url": "https://vtn.example.com", "addressee": ADDRESSEE} | settings))  # type: ignore[arg-type]
    assert refused.value.problem is problem


# Trouble


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (400, VenProblem.REFUSED),
        (401, VenProblem.LOGIN),
        (403, VenProblem.FORBIDDEN),
        (404, VenProblem.NOT_FOUND),
        (429, VenProblem.RATE_LIMITED),
        (500, VenProblem.SERVER),
        (503, VenProblem.SERVER),
    ],
)
async def test_each_refusal_of_the_server_is_told_apart(
    vtn: Vtn, make_ven: MakeVen, status: int, problem: VenProblem
) -> None:
    vtn.trouble.status = status
    state = await poll(make_ven(register=False))
    assert (state.problem, state.detail) == (problem, f"HTTP {status} as told")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'"events"', b"null", b"\xff\xfe", b"[" * 200_000, b'[{"id": }]']
)
async def test_answers_that_can_not_be_read_change_nothing(vtn: Vtn, make_ven: MakeVen, body: bytes) -> None:
    ven = make_ven()
    capacity(vtn, 11)
    await poll(ven)
    vtn.trouble.body = body
    state = await poll(ven)
    assert (state.problem, limits(state)) == (VenProblem.MALFORMED, [11_000])


async def test_an_absurd_number_spoils_one_event_only(vtn: Vtn, make_ven: MakeVen) -> None:
    good = b'{"id": "good", "programID": "p", "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT",'
    vtn.trouble.body = (
        b"[" + good + b' "values": [11]}]}]}, {"id": "odd", "intervals": [], "priority": ' + b"9" * 5000 + b"}]"
    )
    state = await poll(make_ven(register=False))
    assert limits(state) == [11_000]
    assert state.reading.refused == {Refusal.PRIORITY: 1}


async def test_a_server_that_hangs_up_or_is_gone_is_unreachable(vtn: Vtn, make_ven: MakeVen) -> None:
    ven = make_ven()
    vtn.trouble.hang_up = True
    assert (await poll(ven)).problem is VenProblem.UNREACHABLE
    await vtn.stop()
    assert (await poll(ven)).problem is VenProblem.UNREACHABLE


async def test_a_slow_server_is_not_waited_for_for_ever(
    vtn: Vtn, make_ven: MakeVen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openadr_http, "READ_TIMEOUT_S", 0.05)
    vtn.trouble.delay = 0.3
    assert (await poll(make_ven())).problem is VenProblem.TIMEOUT


async def test_an_answer_that_trickles_has_a_latest_end(
    vtn: Vtn, make_ven: MakeVen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openadr_http, "ANSWER_TIMEOUT_S", -1.0)
    capacity(vtn, 11)
    assert (await poll(make_ven(register=False))).problem is VenProblem.TIMEOUT


async def test_waits_grow_with_each_failure_and_end_with_the_first_success(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    ven = make_ven()
    vtn.trouble.status = 500
    waits = []
    for _ in range(10):
        state = await poll(ven)
        assert state.next_attempt is not None
        waits.append((state.next_attempt - clock.now()).total_seconds())
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900]
    vtn.trouble.status = None
    state = await poll(ven)
    assert (state.failures, state.next_attempt) == (0, clock.now() + timedelta(seconds=60))


async def test_waits_are_spread_by_chance(vtn: Vtn, clock: ManualClock) -> None:
    for chance, seconds in ((0.0, 54.0), (0.999_999, 66.0)):
        state = await poll(Ven(config_for(vtn), clock, lambda chance=chance: chance))
        assert state.next_attempt is not None
        assert (state.next_attempt - clock.now()).total_seconds() == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(("stated", "seconds"), [("300", 300), ("999999", 3600), ("soon", 10), ("1", 10)])
async def test_a_server_that_asks_for_time_gets_up_to_an_hour(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock, stated: str, seconds: int
) -> None:
    vtn.trouble.status, vtn.trouble.headers = 429, {"Retry-After": stated}
    state = await poll(make_ven())
    assert state.next_attempt == clock.now() + timedelta(seconds=seconds)


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


async def test_a_memory_keeps_the_fail_safe_first_and_no_more_than_it_has_room_for(vtn: Vtn, make_ven: MakeVen) -> None:
    for kw in range(60):
        capacity(vtn, kw, padding="x" * 10_000)
    safe = capacity(vtn, 4, eventName="safe mode")
    ven = make_ven()
    await poll(ven)
    memory = ven.memory()
    assert memory is not None
    assert isinstance(memory.events[0], dict)
    assert memory.events[0]["id"] == safe
    assert 20 < len(memory.events) < 30


@pytest.mark.parametrize("raw", [None, [], {}, {"last_heard": 7}, {"last_heard": "2026-06-01T10:00:00Z", "events": 3}])
def test_a_memory_that_can_not_be_read_is_none(raw: object) -> None:
    assert memory_from_json(raw).events == ()


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

"""A VEN meets every kind of trouble with a real server, and waits as long as it should."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.grid import openadr_http
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_values import Refusal
from custom_components.smart_charging.engine.grid.openadr_ven import Ven
from tests.engine.grid.conftest import capacity, config_for, limits, poll
from tests.engine.grid.vtn import Vtn
from tests.manual_clock import ManualClock

MakeVen = Callable[..., Ven]


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

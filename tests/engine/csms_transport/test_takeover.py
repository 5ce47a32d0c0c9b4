"""A station that dials again: who may take the place of whom, and when."""

import asyncio

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.connection import NotConnected
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.server import Access, Admission
from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

from .station_side import Client, Port, RecordingSink, eventually

PASSWORD = "correct horse 16"
LOCKED = Access(Admission.KNOWN, password_hashes=(hash_password(PASSWORD),))


@pytest.fixture
def locked(sink: RecordingSink) -> None:
    sink.default = LOCKED


async def dial_hung(port: Port, sink: RecordingSink, password: str | None = None) -> Client:
    """Connect a station that will not answer anything any more."""
    client = await port.dial(password=password, autoping=False)
    await eventually(lambda: len(sink.connections) == 1)
    return client


@pytest.mark.usefixtures("locked")
async def test_trap_19_newcomer_with_the_password_wins_at_once_over_a_hung_socket(
    port: Port, sink: RecordingSink
) -> None:
    await dial_hung(port, sink, PASSWORD)
    newcomer = await port.dial(password=PASSWORD)
    assert await newcomer.alive()  # no time has passed: the clock stands still
    old, new = sink.connections
    assert old.closed and not new.closed


@pytest.mark.usefixtures("locked")
async def test_trap_19_newcomer_with_the_password_wins_over_a_healthy_socket(port: Port, sink: RecordingSink) -> None:
    first = await port.dial(password=PASSWORD)
    assert await first.alive()
    second = await port.dial(password=PASSWORD)
    assert await first.close_code() == 1001
    assert await second.alive()


@pytest.mark.usefixtures("locked")
async def test_trap_19_newcomer_with_a_wrong_password_changes_nothing(port: Port, sink: RecordingSink) -> None:
    first = await port.dial(password=PASSWORD)
    assert await port.status_of(password="wrong") == 401
    assert await port.status_of() == 401
    assert await first.alive()
    assert len(sink.connections) == 1 and not sink.ended


@pytest.mark.usefixtures("locked")
async def test_trap_19_end_of_the_old_socket_leaves_the_new_one_alone(port: Port, sink: RecordingSink) -> None:
    first = await port.dial(password=PASSWORD)
    assert await first.alive()
    second = await port.dial(password=PASSWORD)
    assert await second.alive()
    await first.socket.close()
    await eventually(lambda: sink.ended == [sink.connections[0]])
    assert await second.alive()
    third = await port.dial(password=PASSWORD)  # the port still knows who serves the station
    assert await second.close_code() == 1001
    assert await third.alive()


@pytest.mark.usefixtures("locked")
async def test_trap_19_pending_call_of_the_old_socket_fails_at_the_takeover(port: Port, sink: RecordingSink) -> None:
    await dial_hung(port, sink, PASSWORD)
    call = asyncio.ensure_future(sink.connections[0].call("ClearCache", {}))
    await asyncio.sleep(0)
    await port.dial(password=PASSWORD)
    with pytest.raises(NotConnected):
        await call


@pytest.mark.usefixtures("locked")
async def test_message_being_answered_is_finished_before_the_new_socket_is_served(
    port: Port, sink: RecordingSink
) -> None:
    gate = asyncio.Event()

    async def answer(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if len(sink.handler.calls) == 1:
            await gate.wait()
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = answer
    first = await port.dial(password=PASSWORD)
    await first.send([2, "old", "Heartbeat", {}])
    await eventually(lambda: len(sink.handler.calls) == 1)
    second = await port.dial(password=PASSWORD)
    await second.send([2, "new", "Heartbeat", {}])
    assert await first.close_code() == 1001
    assert len(sink.connections) == 1
    gate.set()
    assert (await second.receive())[:2] == [3, "new"]
    assert len(sink.connections) == 2


@pytest.mark.usefixtures("locked")
async def test_message_that_never_ends_holds_the_new_socket_up_for_five_seconds(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    async def answer(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if len(sink.handler.calls) == 1:
            await asyncio.Event().wait()
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = answer
    first = await port.dial(password=PASSWORD)
    await first.send([2, "old", "Heartbeat", {}])
    await eventually(lambda: len(sink.handler.calls) == 1)
    second = await port.dial(password=PASSWORD)
    await eventually(lambda: sink.connections[0].closed)
    await clock.advance(5, settle=0.01)
    assert await second.alive()


async def test_trap_19_newcomer_without_password_is_refused_while_the_standing_one_answers(
    port: Port, sink: RecordingSink
) -> None:
    first = await port.dial()
    listening = asyncio.ensure_future(first.socket.receive())  # answers pings, as any client does
    assert await port.status_of() == 409
    await first.send([2, "x", "Heartbeat", {}])
    assert (await listening).type is aiohttp.WSMsgType.TEXT
    assert len(sink.connections) == 1 and not sink.ended


async def test_trap_19_newcomer_without_password_gets_in_after_one_failed_ping(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    await dial_hung(port, sink)
    newcomer = asyncio.ensure_future(port.dial())
    await clock.advance(4.9, settle=0.02)
    assert not newcomer.done() and not sink.connections[0].closed
    await clock.advance(0.2, settle=0.02)
    assert await (await newcomer).alive()
    assert sink.connections[0].closed


async def test_second_newcomer_is_refused_while_the_first_one_waits(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    await dial_hung(port, sink)
    newcomer = asyncio.ensure_future(port.dial())
    await clock.advance(1, settle=0.02)
    assert await port.status_of() == 409
    await clock.advance(5, settle=0.02)
    assert await (await newcomer).alive()


async def test_newcomer_waiting_is_dropped_when_the_port_closes(port: Port, sink: RecordingSink) -> None:
    await dial_hung(port, sink)
    newcomer = asyncio.ensure_future(port.dial())
    await eventually(lambda: len(sink.admitted) == 2)
    await port.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await newcomer


async def test_socket_that_ended_needs_no_ping(port: Port, sink: RecordingSink) -> None:
    first = await port.dial()
    assert await first.alive()
    await first.socket.close()
    await eventually(lambda: len(sink.ended) == 1)
    assert await (await port.dial()).alive()


async def test_pending_station_cannot_be_pushed_out_by_a_namesake(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.PENDING)
    first = await port.dial(password="anything")
    listening = asyncio.ensure_future(first.socket.receive())
    assert await port.status_of(password="anything else") == 409
    listening.cancel()


async def test_password_opens_over_a_connection_from_before_it_was_set(port: Port, sink: RecordingSink) -> None:
    first = await port.dial()
    listening = asyncio.ensure_future(first.close_code())
    sink.default = LOCKED
    assert await (await port.dial(password=PASSWORD)).alive()
    assert await listening == 1001

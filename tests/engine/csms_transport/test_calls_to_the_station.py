"""Our requests reach the station one at a time and end in exactly one way."""

import asyncio

import pytest

from custom_components.smart_charging.engine.csms.connection import CallFailed, CallTimeout, Connection, NotConnected
from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

from .station_side import Client, RecordingSink, eventually


@pytest.fixture
def connection(station: Client, sink: RecordingSink) -> Connection:
    return sink.connections[0]


async def started(call: asyncio.Task[dict[str, Json]], station: Client) -> str:
    """Return the message id of a call that has reached the station."""
    frame = await station.receive()
    assert frame[0] == 2
    return str(frame[1])


def begin(connection: Connection, key: str = "a", timeout_s: float = 30.0) -> asyncio.Task[dict[str, Json]]:
    return asyncio.ensure_future(connection.call("GetConfiguration", {"key": [key]}, timeout_s=timeout_s))


async def test_answer_is_returned(station: Client, connection: Connection) -> None:
    call = begin(connection)
    frame = await station.receive()
    assert frame[0] == 2 and frame[2:] == ["GetConfiguration", {"key": ["a"]}]
    await station.send([3, frame[1], {"unknownKey": ["a"]}])
    assert await call == {"unknownKey": ["a"]}


async def test_trap_20_second_call_waits_for_the_first_answer(station: Client, connection: Connection) -> None:
    calls = [begin(connection, "a"), begin(connection, "b")]
    first = await station.receive()
    assert await station.alive()  # nothing else came in between
    await station.send([3, first[1], {}])
    second = await station.receive()
    await station.send([3, second[1], {}])
    assert (first[3], second[3]) == ({"key": ["a"]}, {"key": ["b"]})
    assert await asyncio.gather(*calls) == [{}, {}]


async def test_error_of_the_station_is_raised(station: Client, connection: Connection) -> None:
    call = begin(connection)
    await station.send([4, await started(call, station), "NotSupported", "not here", {}])
    with pytest.raises(CallFailed) as failed:
        await call
    assert (failed.value.code, failed.value.description) == ("NotSupported", "not here")


@pytest.mark.parametrize("rest", [[], ["Weird"], [None, 5, {}], [["list"], {"a": 1}]])
async def test_misshapen_error_still_ends_the_call(rest: list[Json], station: Client, connection: Connection) -> None:
    call = begin(connection)
    await station.send([4, await started(call, station), *rest])
    with pytest.raises(CallFailed):
        await call


async def test_answer_that_is_no_object_ends_the_call(station: Client, connection: Connection) -> None:
    call = begin(connection)
    await station.send([3, await started(call, station), "Accepted"])
    with pytest.raises(CallFailed, match="FormatViolation"):
        await call


async def test_answer_outside_the_schema_is_used_and_counted(
    station: Client, connection: Connection, sink: RecordingSink
) -> None:
    call = begin(connection)
    await station.send([3, await started(call, station), {"vendorThing": 1}])
    assert await call == {"vendorThing": 1}
    assert sink.handler.deviations == ["GetConfiguration answer: additionalProperties vendorThing"]


async def test_large_answer_outside_the_schema_is_used_and_its_first_violation_counted(
    station: Client, connection: Connection, sink: RecordingSink
) -> None:
    call = begin(connection)
    keys: list[Json] = [{"key": "k", "readonly": False}] * 5000
    answer: dict[str, Json] = {"configurationKey": [*keys, {"key": 1, "readonly": 2}], "vendorThing": 1}
    await station.send([3, await started(call, station), answer])
    assert await call == answer
    assert len(sink.handler.deviations) == 1


async def test_trap_20_silence_ends_in_a_timeout_and_the_late_answer_does_no_harm(
    station: Client, connection: Connection, sink: RecordingSink, clock: ManualClock
) -> None:
    late = begin(connection, timeout_s=10)
    late_id = await started(late, station)
    await clock.advance(10)
    with pytest.raises(CallTimeout):
        await late
    call = begin(connection, "b")
    call_id = await started(call, station)
    await station.send([3, late_id, {"unknownKey": ["late"]}])
    await station.send([3, call_id, {"unknownKey": ["b"]}])
    assert await call == {"unknownKey": ["b"]}
    assert sink.handler.deviations == ["answer without a call"]


async def test_time_spent_waiting_for_another_call_is_no_timeout(
    station: Client, connection: Connection, clock: ManualClock
) -> None:
    first = begin(connection, timeout_s=30)
    second = begin(connection, timeout_s=30)
    first_id = await started(first, station)
    await clock.advance(25)
    await station.send([3, first_id, {}])
    second_id = await started(second, station)
    await clock.advance(25)
    await station.send([3, second_id, {}])
    assert await second == {}


async def test_cancelled_call_frees_the_way_for_the_next(station: Client, connection: Connection) -> None:
    call = begin(connection)
    await started(call, station)
    call.cancel()
    following = begin(connection)
    await station.send([3, await started(following, station), {}])
    assert await following == {}


async def test_end_of_the_socket_fails_calls_that_wait(station: Client, connection: Connection) -> None:
    calls = [begin(connection), begin(connection)]
    await started(calls[0], station)
    await station.socket.close()
    for call in calls:
        with pytest.raises(NotConnected):
            await call
    with pytest.raises(NotConnected):
        await connection.call("ClearCache", {})


async def test_trap_20_handler_may_call_the_station_while_it_answers(
    station: Client, connection: Connection, sink: RecordingSink, clock: ManualClock
) -> None:
    async def ask_back(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if action == "Heartbeat":
            assert (await connection.call("ClearCache", {}))["status"] == "Accepted"
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = ask_back
    await station.send([2, "outer", "Heartbeat", {}])
    for number in range(300):  # a station that doesn't wait for its answers
        await station.send([2, f"n{number}", "FirmwareStatusNotification", {"status": "Idle"}])
    inner = await station.receive()
    assert inner[2] == "ClearCache"
    await station.send([3, inner[1], {"status": "Accepted"}])
    await clock.advance(12, settle=0.0005)
    assert (await station.receive())[:2] == [3, "outer"]


async def test_trap_06_stop_before_the_answer_to_remote_stop_is_answered_at_once(
    station: Client, connection: Connection, sink: RecordingSink
) -> None:
    async def nothing(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return {}

    sink.handler.answer = nothing
    call = asyncio.ensure_future(connection.call("RemoteStopTransaction", {"transactionId": 1}))
    frame = await station.receive()
    stop: dict[str, Json] = {"transactionId": 1, "meterStop": 5, "timestamp": "2026-06-01T10:00:00.000Z"}
    assert (await station.ask([2, "stop", "StopTransaction", stop]))[:2] == [3, "stop"]
    await station.send([3, frame[1], {"status": "Accepted"}])
    assert await call == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStopTransaction", {}),
        ("RemoteStopTransaction", {"transactionId": "7"}),
        ("RemoteStopTransaction", {"transactionId": 7, "extra": 1}),
        ("RemoteStopTransaction", {"transactionId": float("nan")}),
        ("TransactionEvent", {}),
        ("DataTransfer", {"vendorId": "\ud800"}),
    ],
)
async def test_request_outside_the_schema_is_never_sent(
    action: str, payload: dict[str, Json], station: Client, connection: Connection
) -> None:
    with pytest.raises(ValueError):
        await connection.call(action, payload)
    assert await station.alive()


async def test_limit_with_one_decimal_is_within_the_schema(station: Client, connection: Connection) -> None:
    profile: dict[str, Json] = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
        },
    }
    call = asyncio.ensure_future(
        connection.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    )
    frame = await station.receive()
    await station.send([3, frame[1], {"status": "Accepted"}])
    assert await call == {"status": "Accepted"}


async def test_close_by_us_reaches_the_station_with_its_code(
    station: Client, connection: Connection, sink: RecordingSink
) -> None:
    closing = asyncio.ensure_future(connection.close(1008, "removed"))
    assert await station.close_code() == 1008
    await closing
    assert connection.closed and sink.ended == [connection]


async def test_handler_may_close_its_own_connection(
    station: Client, connection: Connection, sink: RecordingSink
) -> None:
    async def close(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        await connection.close(1000)
        return {}

    sink.handler.answer = close
    await station.send([2, "x", "Heartbeat", {}])
    assert await station.close_code() == 1000
    await eventually(lambda: sink.ended == [connection])

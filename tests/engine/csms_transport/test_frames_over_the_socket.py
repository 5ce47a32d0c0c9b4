"""Messages of a station are answered in order, and nothing it sends ends its connection."""

import asyncio
import json

import pytest

from custom_components.smart_charging.engine.csms.rpc import ErrorCode, RpcError
from custom_components.smart_charging.engine.model import Json

from .station_side import Client, Port, RecordingSink, eventually

METER_VALUES: dict[str, Json] = {
    "connectorId": 1,
    "transactionId": 7,
    "meterValue": [{"timestamp": "2026-06-01T10:00:00.000Z", "sampledValue": [{"value": "12"}]}],
}


async def test_message_is_answered_under_its_id(station: Client, sink: RecordingSink) -> None:
    answer = await station.ask([2, "a1", "Heartbeat", {}])
    assert answer == [3, "a1", {"currentTime": "2026-06-01T10:00:00.000Z"}]
    assert sink.handler.calls == [("Heartbeat", {}, ())]


async def test_messages_are_handled_one_after_the_other_in_the_order_sent(station: Client, sink: RecordingSink) -> None:
    running = 0

    async def slow_at_first(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.02 if len(sink.handler.calls) == 1 else 0)
        running -= 1
        return {}

    sink.handler.answer = slow_at_first
    for number in range(5):
        await station.send([2, f"m{number}", "MeterValues", METER_VALUES])
    assert [(await station.receive())[1] for _ in range(5)] == ["m0", "m1", "m2", "m3", "m4"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"x","Heartbeat",[]]', "FormationViolation"),
        ('[2,"x","Heartbeat"]', "FormationViolation"),
        ('[2,"x",["Heartbeat"],{}]', "FormationViolation"),
        ('[2,"x","Heartbeat",{"a":tru}]', "FormationViolation"),
        ('[2,"x","NoSuchAction",{}]', "NotImplemented"),
        ('[2,"x","TransactionEvent",{}]', "NotImplemented"),
    ],
)
async def test_what_cannot_be_handled_gets_an_error_in_the_spelling_of_1_6(
    frame: str, code: str, station: Client, sink: RecordingSink
) -> None:
    answer = await station.ask(frame)
    assert answer[:3] == [4, "x", code]
    assert len(answer) == 5 and isinstance(answer[3], str) and answer[4] == {}
    assert sink.handler.calls == []
    assert len(sink.handler.deviations) == 1


@pytest.mark.parametrize(
    ("code", "spelled"),
    [
        (ErrorCode.NOT_SUPPORTED, "NotSupported"),
        (ErrorCode.FORMAT_VIOLATION, "FormationViolation"),
        (ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "OccurenceConstraintViolation"),
        (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "PropertyConstraintViolation"),
    ],
)
async def test_handler_refuses_with_an_error_of_its_choice(
    code: ErrorCode, spelled: str, station: Client, sink: RecordingSink
) -> None:
    async def refuse(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        raise RpcError(code, "no")

    sink.handler.answer = refuse
    assert await station.ask([2, "x", "Heartbeat", {}]) == [4, "x", spelled, "no", {}]


@pytest.mark.parametrize("wrong", [{"a": float("nan")}, {"a": "\ud800"}, {"a": 10**30}, {1: 2}])
async def test_answer_that_json_cannot_carry_becomes_an_internal_error_or_sound_json(
    wrong: dict[str, Json], station: Client, sink: RecordingSink
) -> None:
    async def answer(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return wrong

    sink.handler.answer = answer
    reply = await station.ask([2, "x", "Heartbeat", {}])
    assert reply[:3] == [4, "x", "InternalError"] or reply == [3, "x", {"a": None}]


async def test_bug_in_a_handler_tells_the_station_nothing_but_internal_error(
    station: Client, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        raise KeyError("inner secrets")

    sink.handler.answer = fail
    assert await station.ask([2, "x", "Heartbeat", {}]) == [4, "x", "InternalError", "", {}]
    assert "Answering Heartbeat failed" in caplog.text


async def test_telemetry_outside_the_schema_is_handled_with_its_deviations_told(
    station: Client, sink: RecordingSink
) -> None:
    payload = json.loads(json.dumps(METER_VALUES))
    payload["transactionId"] = "secret"
    payload["meterValue"][0]["sampledValue"][0] |= {"unit": "Celcius!", "vendorThing": 1}
    sink.handler.answer = lambda action, payload: _nothing()
    assert (await station.ask([2, "x", "MeterValues", payload]))[0] == 3
    _, handled, deviations = sink.handler.calls[0]
    assert handled == payload
    assert set(deviations) == {
        "transactionId type",
        "meterValue[].sampledValue[].unit enum",
        "meterValue[].sampledValue[] additionalProperties vendorThing",
    }


async def _nothing() -> dict[str, Json]:
    return {}


async def test_missing_transaction_id_of_aefa_is_read_as_null(station: Client, sink: RecordingSink) -> None:
    sink.handler.answer = lambda action, payload: _nothing()
    frame = json.dumps([2, "x", "MeterValues", METER_VALUES]).replace('"transactionId": 7', '"transactionId":')
    assert (await station.ask(frame))[0] == 3
    _, payload, deviations = sink.handler.calls[0]
    assert payload["transactionId"] is None
    assert "JSON mended: value missing" in deviations


async def test_trap_20_repeated_message_is_answered_again_but_not_executed_again(
    station: Client, sink: RecordingSink
) -> None:
    answers = iter(range(10))

    async def count(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return {"currentTime": f"2026-06-01T10:00:0{next(answers)}.000Z"}

    sink.handler.answer = count
    first = await station.ask([2, "same", "Heartbeat", {}])
    assert await station.ask([2, "same", "Heartbeat", {}]) == first
    assert len(sink.handler.calls) == 1
    assert sink.handler.deviations == ["message repeated"]


async def test_trap_20_other_message_under_a_used_id_is_executed(station: Client, sink: RecordingSink) -> None:
    sink.handler.answer = lambda action, payload: _nothing()
    await station.ask([2, "same", "MeterValues", METER_VALUES])
    await station.ask([2, "same", "MeterValues", METER_VALUES | {"transactionId": 8}])
    assert [payload["transactionId"] for _, payload, _ in sink.handler.calls] == [7, 8]
    assert sink.handler.deviations == ["message id reused"]


async def test_trap_20_message_that_failed_is_executed_when_sent_again(station: Client, sink: RecordingSink) -> None:
    async def fail_once(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if len(sink.handler.calls) == 1:
            raise RpcError(ErrorCode.INTERNAL_ERROR, "not kept")
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = fail_once
    assert (await station.ask([2, "same", "Heartbeat", {}]))[0] == 4
    assert (await station.ask([2, "same", "Heartbeat", {}]))[0] == 3


async def test_number_as_message_id_is_echoed(station: Client, sink: RecordingSink) -> None:
    assert (await station.ask([2, 17, "Heartbeat", {}]))[:2] == [3, 17]
    assert sink.handler.calls[0][2] == ("message id is a number",)


async def test_message_in_a_binary_frame_is_read(station: Client) -> None:
    await station.socket.send_bytes(b'[2,"b","Heartbeat",{}]')
    assert (await station.receive())[:2] == [3, "b"]


async def test_message_over_256_kib_ends_the_connection_with_message_too_big(
    station: Client, sink: RecordingSink
) -> None:
    await station.send(b'[2,"x","Heartbeat",{"a":"' + b"a" * 256 * 1024 + b'"}]')
    assert await station.close_code() == 1009
    await eventually(lambda: len(sink.ended) == 1)


async def test_message_just_below_256_kib_is_read(station: Client) -> None:
    sound = b'[2,"x","DataTransfer",{"vendorId":"v","data":"' + b"a" * (256 * 1024 - 100) + b'"}]'
    assert (await station.ask(sound))[1] == "x"


async def test_compression_offered_is_not_taken(port: Port) -> None:
    socket = await port.session.ws_connect(f"http://127.0.0.1:{port.number}/CP1", protocols=["ocpp1.6"], compress=15)
    assert socket.compress == 0
    await socket.close()

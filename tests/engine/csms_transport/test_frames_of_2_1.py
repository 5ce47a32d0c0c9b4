"""What OCPP 2.1 adds to the frames: messages that are never answered, and answers that are refused."""

import asyncio
from dataclasses import dataclass, field

import pytest

from custom_components.smart_charging.engine.csms.connection import CallFailed, NotConnected
from custom_components.smart_charging.engine.csms.rpc import ErrorCode, RpcError
from custom_components.smart_charging.engine.model import Json

from .station_side import Handler, RecordingSink, Speak, eventually

STREAM: dict[str, Json] = {
    "id": 1,
    "pending": 0,
    "basetime": "2026-06-01T10:00:00.000Z",
    "data": [{"t": 0, "v": "230.1"}, {"t": 1, "v": "230.4"}],
}
ACTION = "NotifyPeriodicEventStream"
REFUSAL: list[Json] = ["FormatViolation", "no currentTime", {}]


@dataclass
class CuriousHandler(Handler):
    """Also keeps which of its answers were refused."""

    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def answer_refused(self, action: str, code: str, description: str) -> None:
        self.refused.append((action, code, description))


@pytest.fixture
def curious(sink: RecordingSink) -> CuriousHandler:
    sink.handler = CuriousHandler()
    return sink.handler


async def test_unconfirmed_message_is_handled_and_not_answered(speak: Speak, sink: RecordingSink) -> None:
    station = await speak("ocpp2.1")
    await station.send([6, "s1", ACTION, STREAM])
    assert await station.alive()
    assert sink.handler.calls[0] == (ACTION, STREAM, ())


@pytest.mark.parametrize("failure", [RpcError(ErrorCode.NOT_SUPPORTED), KeyError("x"), NotConnected()])
async def test_unconfirmed_message_that_fails_is_not_answered_either(
    failure: Exception, speak: Speak, sink: RecordingSink
) -> None:
    async def fail(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if action == ACTION:
            raise failure
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = fail
    station = await speak("ocpp2.1")
    await station.send([6, "s1", ACTION, STREAM])
    assert await station.alive()
    assert len(sink.handler.calls) == 2


@pytest.mark.parametrize(
    "frame",
    [
        b"[6]",
        b'[6,"s"]',
        b"[6,null,3]",
        b'[6,"s","NotifyPeriodicEventStream"]',
        b'[6,"s","NotifyPeriodicEventStream",[]]',
        b'[6,"s",{},{}]',
        b'[6,"s","NoSuchAction",{}]',
        b'[6,"s","NotifyPeriodicEventStream",{]',
        b"[5]",
        b'[5,"s"]',
        b"[5,null,{}]",
        b'[5,"s",{]',
        b'[5,"s",[],{},3]',
    ],
)
async def test_misshapen_frame_of_a_kind_that_is_never_answered_gets_no_answer(
    frame: bytes, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak("ocpp2.1")
    await station.send(frame)
    assert await station.alive()
    assert [action for action, _, _ in sink.handler.calls] == ["Heartbeat"]
    assert sink.handler.deviations[0]


async def test_unconfirmed_message_outside_the_schema_is_handled_with_its_deviations_told(
    speak: Speak, sink: RecordingSink
) -> None:
    station = await speak("ocpp2.1")
    await station.send([6, "s1", ACTION, STREAM | {"id": "one"}])
    assert await station.alive()
    assert sink.handler.calls[0][2] == ("id type",)


async def test_kind_of_sending_that_does_not_fit_the_action_is_told(speak: Speak, sink: RecordingSink) -> None:
    async def nothing(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return {}

    sink.handler.answer = nothing
    station = await speak("ocpp2.1")
    await station.send([6, "s1", "Heartbeat", {}])
    assert await station.ask([2, "c1", ACTION, STREAM]) == [3, "c1", {}]
    assert [deviations for _, _, deviations in sink.handler.calls] == [("sent unconfirmed",), ("sent as a call",)]


async def test_message_without_an_answer_is_never_sent_as_a_call(speak: Speak, sink: RecordingSink) -> None:
    await speak("ocpp2.1")
    with pytest.raises(ValueError, match="no call of"):
        await sink.connections[0].call(ACTION, STREAM)


@pytest.mark.parametrize("kind", [5, 6])
@pytest.mark.parametrize(("version", "told"), [("ocpp1.6", None), ("ocpp2.0.1", "MessageTypeNotSupported")])
async def test_older_versions_do_not_know_these_kinds(
    kind: int, version: str, told: str | None, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    await station.send([kind, "s1", ACTION, STREAM])
    if told:
        assert (await station.receive())[:3] == [4, "s1", told]
    assert await station.alive()
    assert sink.handler.deviations == ["message type is unknown"]


async def test_refused_answer_is_counted_logged_and_told_once(
    curious: CuriousHandler, speak: Speak, caplog: pytest.LogCaptureFixture
) -> None:
    station = await speak("ocpp2.1")
    await station.ask([2, "h1", "Heartbeat", {}])
    await station.send([5, "h1", *REFUSAL])
    await station.send([5, "h1", *REFUSAL])
    assert await station.alive()
    assert curious.refused == [("Heartbeat", "FormatViolation", "no currentTime")]
    assert curious.deviations == ["Heartbeat answer refused", "refusal of an answer not given"]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["CP1 could not use our answer to Heartbeat"]


async def test_refusal_of_an_answer_never_given_is_counted_only(curious: CuriousHandler, speak: Speak) -> None:
    station = await speak("ocpp2.1")
    await station.send([5, "other", *REFUSAL])
    assert await station.alive()
    assert curious.refused == []
    assert curious.deviations == ["refusal of an answer not given"]


async def test_handler_need_not_care_for_refusals(speak: Speak, sink: RecordingSink) -> None:
    station = await speak("ocpp2.1")
    await station.ask([2, "h1", "Heartbeat", {}])
    await station.send([5, "h1"])
    assert await station.alive()
    assert sink.handler.deviations == ["Heartbeat answer refused"]


async def test_bug_in_taking_note_of_a_refusal_does_not_end_the_connection(
    curious: CuriousHandler, speak: Speak, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*told: str) -> None:
        raise KeyError

    monkeypatch.setattr(curious, "answer_refused", fail)
    station = await speak("ocpp2.1")
    await station.ask([2, "h1", "Heartbeat", {}])
    await station.send([5, "h1", *REFUSAL])
    assert await station.alive()
    assert "Noting a refused answer failed" in caplog.text


async def test_refusals_are_remembered_no_longer_than_the_answers(
    curious: CuriousHandler, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak("ocpp2.1")
    for number in range(100):
        await station.ask([2, str(number), "Heartbeat", {}])
        await station.send([5, str(number), *REFUSAL])
    await eventually(lambda: len(curious.refused) == 100)
    inbox = sink.connections[0]._inbox
    assert len(inbox._answers) == len(inbox._refused) == 16


@pytest.mark.parametrize("answer", ["Accepted", None, ["Accepted"]])
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_answer_that_is_no_object_ends_our_call_and_2_1_is_told_so(
    answer: Json, version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    call = asyncio.ensure_future(sink.connections[0].call("ClearCache", {}))
    request = await station.receive()
    await station.send([3, request[1], answer])
    if version == "ocpp2.1":
        told = await station.receive()
        assert told[:3] == [5, request[1], "FormatViolation"] and isinstance(told[3], str) and told[4] == {}
    with pytest.raises(CallFailed, match="FormatViolation"):
        await call
    assert await station.alive()
    assert sink.handler.deviations == ["answer's payload is not an object"]


async def test_late_answer_that_is_no_object_is_not_refused(speak: Speak, sink: RecordingSink) -> None:
    station = await speak("ocpp2.1")
    await station.send([3, "long-gone", "Accepted"])
    assert await station.alive()
    assert sink.handler.deviations == ["answer without a call"]


async def test_handler_whose_own_call_found_another_socket_gone_still_answers(
    speak: Speak, sink: RecordingSink
) -> None:
    async def fail_once(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        if len(sink.handler.calls) == 1:
            raise NotConnected
        return {"currentTime": "2026-06-01T10:00:00.000Z"}

    sink.handler.answer = fail_once
    station = await speak("ocpp2.1")
    assert (await station.ask([2, "x", "Heartbeat", {}]))[:3] == [4, "x", "InternalError"]
    assert await station.alive()

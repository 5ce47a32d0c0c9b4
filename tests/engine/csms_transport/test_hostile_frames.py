"""Whatever one frame holds: each version gets the answer it is due, or silence, and its socket goes on."""

import asyncio
import json

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.rpc import ErrorCode, RpcError
from custom_components.smart_charging.engine.csms.server import ServerSettings
from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

from .station_side import VERSIONS, OpenPort, RecordingSink, Speak, eventually

type Due = tuple[str | int, str] | None  # id and code of the CALLERROR, None for silence

UNREADABLE = (("-1", "RpcFrameworkError"),)
UNKNOWN_TYPE = (("h", "MessageTypeNotSupported"),)
MALFORMED = (("h", "RpcFrameworkError"), ("h", "FormationViolation"))
UNFIT = (("h", "FormatViolation"), ("h", "FormationViolation"))

# Each with what is due in 2.0.1 and 2.1, and after that what is due in 1.6, or silence there.
HOSTILE: dict[str, tuple[bytes, tuple[Due, ...]]] = {
    "not JSON": (b"hello", UNREADABLE),
    "empty": (b"", UNREADABLE),
    "not UTF-8": (b"\xff\xfe\x00[", UNREADABLE),
    "action is a list": (b'[2,"h",[1],{}]', MALFORMED),
    "action is an object": (b'[2,"h",{"a":1},{}]', MALFORMED),
    "action is null": (b'[2,"h",null,{}]', MALFORMED),
    "call nested 200,000 deep": (b'[2,"h","Heartbeat",' + b"[" * 200_000, UNFIT),
    "closed nesting of 120,000": (b'[2,"h","Heartbeat",' + b"[" * 120_000 + b"]" * 120_000 + b"]", UNFIT),
    "nothing but nesting": (b"[" * 200_000, UNREADABLE),
    "objects nested 40,000 deep": (b'[2,"h","Heartbeat",' + b'{"a":' * 40_000, UNFIT),
    "id is an integer of 5000 digits": (b"[2," + b"9" * 5000 + b',"Heartbeat",{}]', UNREADABLE),
    "type is an integer of 5000 digits": (b"[" + b"9" * 5000 + b',"h","Heartbeat",{}]', UNREADABLE),
    "integer of 5000 digits": (b'[2,"h","Heartbeat",{"a":' + b"9" * 5000 + b"}]", UNFIT),
    "lone surrogate in the id": (b'[2,"h\\ud800","Heartbeat",{}]', UNREADABLE),
    "lone surrogate in the action": (b'[2,"h","Heart\\udfffbeat",{}]', UNFIT),
    "lone surrogate in the payload": (b'[2,"h","Heartbeat",{"a":"\\ud800"}]', UNFIT),
    "id is a list": (b'[2,["h"],"Heartbeat",{}]', UNREADABLE),
    "id is an object": (b'[2,{"h":1},"Heartbeat",{}]', UNREADABLE),
    "id is infinite": (b'[2,Infinity,"Heartbeat",{}]', UNREADABLE),
    "id is no number": (b'[2,NaN,"Heartbeat",{}]', UNREADABLE),
    "id has 10 kB": (b'[2,"' + b"h" * 10_000 + b'","Heartbeat",{}]', UNREADABLE),
    "id is null": (b'[2,null,"Heartbeat",{}]', UNREADABLE),
    "id is true": (b'[2,true,"Heartbeat",{}]', UNREADABLE),
    "id is a fraction": (b'[2,1.5,"Heartbeat",{}]', UNREADABLE),
    "type is unknown": (b'[9,"h","Heartbeat",{}]', UNKNOWN_TYPE),
    "type is text": (b'["2","h","Heartbeat",{}]', UNKNOWN_TYPE),
    "type is a list": (b'[[2],"h","Heartbeat",{}]', UNKNOWN_TYPE),
    "type is true": (b'[true,"h","Heartbeat",{}]', UNKNOWN_TYPE),
    "type is negative": (b'[-2,"h","Heartbeat",{}]', UNKNOWN_TYPE),
    "type is no number": (b'[NaN,"h","Heartbeat",{}]', UNKNOWN_TYPE),
    "unknown type and id": (b"[9,null]", (("-1", "MessageTypeNotSupported"),)),
    "unknown type in broken JSON": (b'[9,"h",{]', (("-1", "MessageTypeNotSupported"),)),
    "call without anything": (b"[2]", UNREADABLE),
    "call with an id alone": (b'[2,"h"]', MALFORMED),
    "call without payload": (b'[2,"h","Heartbeat"]', MALFORMED),
    "call of five parts": (b'[2,"h","Heartbeat",{},{}]', MALFORMED),
    "call of 50,000 parts": (b'[2,"h"' + b",1" * 50_000 + b"]", MALFORMED),
    "payload is a list": (b'[2,"h","Heartbeat",[]]', UNFIT),
    "payload is null": (b'[2,"h","Heartbeat",null]', UNFIT),
    "payload is infinite": (b'[2,"h","Heartbeat",Infinity]', UNFIT),
    "payload breaks off": (b'[2,"h","Heartbeat",{"a":', UNFIT),
    "broken under a number": (b'[2,17,"Heartbeat",{]', ((17, "FormatViolation"), (17, "FormationViolation"))),
    "an object": (b'{"2":"h"}', UNREADABLE),
    "a number": (b"2", UNREADABLE),
    "an empty array": (b"[]", UNREADABLE),
    "quotes without end": (b'[2,"h","' + b'\\"' * 100_000, UNFIT),
    "unknown action": (b'[2,"h","NoSuchAction",{}]', (("h", "NotImplemented"), ("h", "NotImplemented"))),
    "empty action": (b'[2,"h","",{}]', (("h", "NotImplemented"), ("h", "NotImplemented"))),
    "action of 100 kB": (
        b'[2,"h","' + b"A" * 100_000 + b'",{}]',
        (("h", "NotImplemented"), ("h", "NotImplemented")),
    ),
    "prototype as action": (b'[2,"h","__proto__",{}]', (("h", "NotImplemented"), ("h", "NotImplemented"))),
    "answer nobody asked for": (b'[3,"h",{}]', ()),
    "answer without payload": (b'[3,"h"]', ()),
    "answer without anything": (b"[3]", ()),
    "answer under a number": (b"[3,5,{}]", ()),
    "answer under null": (b"[3,null,{}]", ()),
    "answer in broken JSON": (b'[3,"h",{]', ()),
    "error nobody asked for": (b'[4,"h",[],{},3]', ()),
    "error without a message id": (b'[4,"-1","RpcFrameworkError","",{}]', ()),
}


def due_in(version: str, due: tuple[Due, ...]) -> Due:
    """Return what is due in this version."""
    return (*due, None, None)[1 if version == "ocpp1.6" else 0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("frame", "due"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_frame_gets_what_it_is_due_and_the_connection_goes_on(
    frame: bytes, due: tuple[Due, ...], version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    await station.send(frame)
    await station.send([2, "next", "Heartbeat", {}])
    expected = due_in(version, due)
    if expected is not None:
        answer = await station.receive()
        assert (answer[0], answer[1], answer[2]) == (4, *expected)
        assert len(answer) == 5 and isinstance(answer[3], str) and answer[4] == {}
    assert (await station.receive())[:2] == [3, "next"]
    assert [action for action, _, _ in sink.handler.calls] == ["Heartbeat"]
    assert len(sink.handler.deviations) == 1
    assert not sink.ended


ODD_BUT_SOUND: dict[str, tuple[bytes, str | int, str]] = {
    "pretty-printed": (b'[\r\n\t2,\r\n\t"h",\r\n\t"Heartbeat",\r\n\t{\r\n\t}\r\n]\r\n', "h", ""),
    "NaN and infinities": (b'[2,"h","Heartbeat",{"a":[NaN,-Infinity,1]}]', "h", "JSON mended: not a number"),
    "Latin-1 in a string": (
        b'[2,"h","Heartbeat",{"customData":{"vendorId":"\xdf"}}]',
        "h",
        "JSON mended: invalid UTF-8",
    ),
    "byte order mark": (b'\xef\xbb\xbf[2,"h","Heartbeat",{}]', "h", "JSON mended: padding"),
    "trailing NUL": (b'[2,"h","Heartbeat",{}]\x00', "h", "JSON mended: padding"),
    "id of 36": (b'[2,"' + b"h" * 36 + b'","Heartbeat",{}]', "h" * 36, ""),
    "id of 37": (b'[2,"' + b"h" * 37 + b'","Heartbeat",{}]', "h" * 37, "message id is long"),
    "id of 256": (b'[2,"' + b"h" * 256 + b'","Heartbeat",{}]', "h" * 256, "message id is long"),
    "id is empty": (b'[2,"","Heartbeat",{}]', "", "message id is empty"),
    "id is a number": (b'[2,-7,"Heartbeat",{}]', -7, "message id is a number"),
    "id with markup": (b'[2,"<b>\\u0000{{1}}","Heartbeat",{}]', "<b>\x00{{1}}", ""),
    "nesting of 900": (b'[2,"h","Heartbeat",{"a":' + b"[" * 900 + b"]" * 900 + b"}]", "h", "nested too deep"),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("frame", "message_id", "told"), ODD_BUT_SOUND.values(), ids=ODD_BUT_SOUND.keys())
async def test_odd_but_readable_call_is_answered_and_its_oddity_told(
    frame: bytes, message_id: str | int, told: str, version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    assert (await station.ask(frame))[:2] == [3, message_id]
    deviations = sink.handler.calls[0][2]
    assert told in deviations if told else deviations == ()


@pytest.mark.parametrize("version", VERSIONS)
async def test_call_in_a_binary_frame_is_answered(version: str, speak: Speak) -> None:
    station = await speak(version)
    await station.socket.send_bytes(b'[2,"b","Heartbeat",{}]')
    assert (await station.receive())[:2] == [3, "b"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_known_action_that_is_not_served_is_not_supported(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    sink.handler.answer = refuse_as_unserved
    station = await speak(version)
    assert (await station.ask([2, "x", "Reset", {"type": "Soft"}]))[:3] == [4, "x", "NotSupported"]


@pytest.mark.parametrize(
    ("version", "foreign"),
    [("ocpp1.6", "TransactionEvent"), ("ocpp2.0.1", "StartTransaction"), ("ocpp2.0.1", "BatterySwap")],
)
async def test_action_of_another_version_is_not_implemented(
    version: str, foreign: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    assert (await station.ask([2, "x", foreign, {}]))[:3] == [4, "x", "NotImplemented"]
    assert sink.handler.deviations == ["unknown action"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_thousand_answers_nobody_asked_for_leave_nothing_behind(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    for number in range(1000):
        await station.send([3, f"u{number}", {"status": "Accepted"}])
    assert await station.alive()
    assert sink.handler.deviations == ["answer without a call"] * 1000
    assert sink.connections[0]._calls._pending == {}


@pytest.mark.parametrize("version", VERSIONS)
async def test_repetition_is_answered_from_memory_and_other_content_by_itself(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    vendor: dict[str, Json] = {"vendorId": "v"}
    numbers = iter(range(10))

    async def number(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        return {"status": "Accepted", "data": str(next(numbers))}

    sink.handler.answer = number
    first = await station.ask([2, "same", "DataTransfer", vendor])
    assert await station.ask([2, "same", "DataTransfer", vendor]) == first
    assert len(sink.handler.calls) == 1
    other = await station.ask([2, "same", "DataTransfer", {"vendorId": "other"}])
    assert other[:2] == [3, "same"]
    assert [payload["vendorId"] for _, payload, _ in sink.handler.calls] == ["v", "other"]
    assert sink.handler.deviations == ["message repeated", "message id reused"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_repetition_sent_before_the_first_answer_is_not_executed_either(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    gate = asyncio.Event()

    async def hold(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        await gate.wait()
        return {"status": "Accepted"}

    sink.handler.answer = hold
    for _ in range(3):
        await station.send([2, "same", "DataTransfer", {"vendorId": "v"}])
    gate.set()
    assert [(await station.receive())[:2] for _ in range(3)] == [[3, "same"]] * 3
    assert len(sink.handler.calls) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_call_is_answered_while_ours_is_pending_and_strange_answers_do_not_end_ours(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station = await speak(version)
    ours = asyncio.ensure_future(sink.connections[0].call("ClearCache", {}))
    request = await station.receive()
    assert request[0] == 2
    assert await station.alive()
    await station.send([3, "somebody-else", {"status": "Rejected"}])
    await station.send([4, "-1", "RpcFrameworkError", "", {}])
    await station.send([4, 5, "InternalError", "", {}])
    await station.send([3, request[1], {"status": "Accepted"}])
    assert await ours == {"status": "Accepted"}
    assert sink.handler.deviations == ["answer without a call", "error without a message id", "answer without a call"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_frame_too_big_ends_its_socket_only_and_the_station_is_back_at_once(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station, other = await speak(version), await speak(version, "/CP2")
    await station.send(b'[2,"x","Heartbeat",{"a":"' + b"a" * 256 * 1024 + b'"}]')
    assert await station.close_code() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await eventually(lambda: len(sink.ended) == 1)
    assert await other.alive()
    assert await (await speak(version)).alive()


@pytest.mark.parametrize("version", VERSIONS)
async def test_fragments_without_end_are_cut_off_at_the_size_of_a_frame(
    version: str, speak: Speak, sink: RecordingSink
) -> None:
    station, other = await speak(version), await speak(version, "/CP2")
    sent = 0
    while not station.cut_off and sent < 2000:
        await station.fragment(b"a" * 1000, first=sent == 0)
        await asyncio.sleep(0)
        sent += 1
    assert 256 < sent < 2000
    await eventually(lambda: len(sink.ended) == 1)
    assert await other.alive()


@pytest.mark.parametrize("version", VERSIONS)
async def test_empty_fragments_by_the_thousand_do_no_harm(version: str, speak: Speak, sink: RecordingSink) -> None:
    station, other = await speak(version), await speak(version, "/CP2")
    await station.fragment(b'[2,"h",', first=True)
    for number in range(20_000):
        await station.fragment(b"")
        if number % 1000 == 0:
            await asyncio.sleep(0)
    await station.fragment(b'"Heartbeat",{}]', last=True)
    assert await other.alive()
    assert (await station.receive())[:2] == [3, "h"]
    assert not sink.ended


@pytest.mark.parametrize("version", VERSIONS)
async def test_call_in_thousands_of_fragments_is_read(version: str, speak: Speak) -> None:
    station = await speak(version)
    call = b'[2,"h","DataTransfer",{"vendorId":"' + b"v" * 4000 + b'"}]'
    for place in range(len(call)):
        await station.fragment(call[place : place + 1], first=place == 0, last=place == len(call) - 1)
    assert (await station.receive())[1] == "h"


async def test_long_frame_counts_as_several_messages(
    open_port: OpenPort, sink: RecordingSink, clock: ManualClock
) -> None:
    port = await open_port(ServerSettings(message_burst=10, messages_per_s=10, close_timeout_s=0.05))
    station = await port.dial()
    long = json.dumps([2, "x", "DataTransfer", {"vendorId": "v", "data": "a" * 200_000}])
    await station.send(long)
    await station.send([2, "y", "Heartbeat", {}])
    await asyncio.sleep(0.02)
    assert sink.handler.calls == []  # thirteen messages' worth where ten are free
    await clock.advance(0.4, settle=0.005)
    assert [action for action, _, _ in sink.handler.calls] == ["DataTransfer", "Heartbeat"]


async def refuse_as_unserved(action: str, payload: dict[str, Json]) -> dict[str, Json]:
    raise RpcError(ErrorCode.NOT_SUPPORTED, "not served")

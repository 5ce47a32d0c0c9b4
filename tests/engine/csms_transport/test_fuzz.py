"""A hundred thousand damaged frames of all versions: every call is answered, no connection ends, no reader fails."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random

from hypothesis import HealthCheck, given, settings, strategies as st
import orjson
import pytest

from benchmarks.fuzz.frames import Frames
from benchmarks.fuzz.judge import Verdict
from benchmarks.fuzz.messages import Messages
from benchmarks.fuzz.wires import Answering, Wire, dial, dialled, exchange, fed
from custom_components.smart_charging.engine.csms.inbox import MessageHandler
from custom_components.smart_charging.engine.csms.rpc import Unreadable, decode, refusal_of
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from tests.engine.csms_stations.conftest import Bench, bench, empty_bench

from .station_side import VERSIONS

__all__ = ["bench", "empty_bench"]

ROW = 500
type Way = Callable[[str, MessageHandler], AbstractAsyncContextManager[Wire]]


@pytest.fixture(scope="module")
def messages() -> dict[str, Messages]:
    return {version: Messages(version) for version in VERSIONS}


async def verdict_of(version: str, messages: Messages, seed: int, count: int, way: Way) -> Verdict:
    async with way(version, Answering(messages)) as wire:
        return await exchange(wire, version, Frames(version, seed, messages), count)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=67, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_each_damaged_frame_gets_what_it_is_due(version: str, seed: int, messages: dict[str, Messages]) -> None:
    assert asyncio.run(verdict_of(version, messages[version], seed, ROW, fed)) == Verdict(frames=ROW)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("version", VERSIONS)
async def test_each_damaged_frame_over_a_socket_gets_what_it_is_due(
    version: str, messages: dict[str, Messages]
) -> None:
    assert await verdict_of(version, messages[version], 1, 1000, dialled) == Verdict(frames=1000)


PARTS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from([2, 3, 4, 5, 6, "-1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=1000, derandomize=True, deadline=None, database=None)
@given(st.lists(PARTS, max_size=5))
def test_any_array_is_read_and_its_refusal_can_be_written(parts: list[object]) -> None:
    try:
        data = orjson.dumps(parts)
    except TypeError:  # integers and surrogates that this writer can't carry
        return
    check_reading(data)


@settings(max_examples=2000, derandomize=True, deadline=None, database=None)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b'[2,"x",' + tail))
def test_any_bytes_are_read_and_their_refusal_can_be_written(data: bytes) -> None:
    check_reading(data)


def check_reading(data: bytes) -> None:
    for version in VERSIONS:
        frame = decode(data, version)
        if isinstance(frame, Unreadable) and (refusal := refusal_of(frame, version)) is not None:
            kind, _, code, description, details = orjson.loads(refusal)
            assert (kind, details) == (4, {})
            assert code and description


@pytest.mark.parametrize("version", VERSIONS)
def test_sound_frames_that_are_damaged_were_sound(version: str, messages: dict[str, Messages]) -> None:
    for action in messages[version].actions:
        for seed in range(3):
            payload = messages[version].request(action, Random(seed))
            assert isinstance(payload, dict)
            assert schemas_of(version).request_violations(action, payload) == (), action


@pytest.mark.parametrize(
    ("version", "frame", "answers", "count"),
    [
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [], "unanswered"),
        ("ocpp1.6", b'[2,"a"]', [], "unanswered"),
        ("ocpp1.6", b"hello", [], None),
        ("ocpp1.6", b"{}", [], None),
        ("ocpp2.1", b"{}", [], "unanswered"),
        ("ocpp2.1", b'[9,"a"]', [], "unanswered"),
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [b'[3,"a",{}]'], None),
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [b'[3,"b",{}]'], "wrong"),
        ("ocpp1.6", b'[2,5,"Heartbeat",{}]', [b'[3,"5",{}]'], "wrong"),
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [b'[3,"a",{}]'] * 2, "wrong"),
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [b'[2,"a","Heartbeat",{}]'], "wrong"),
        ("ocpp1.6", b'[2,"a","No",{}]', [b'[4,"a","FormatViolation","",{}]'], "wrong"),
        ("ocpp1.6", b'[2,"a","No",{}]', [b'[4,"a","FormationViolation","",{}]'], None),
        ("ocpp2.1", b'[2,"a","No",{}]', [b'[4,"a","FormationViolation","",{}]'], "wrong"),
        ("ocpp1.6", b'[2,"a","Heartbeat",{}]', [b'[4,"a","InternalError","",{}]'], "wrong"),
        ("ocpp1.6", b'[3,"a",{}]', [b'[4,"a","GenericError","",{}]'], "wrong"),
        ("ocpp2.1", b'[6,"a","No",{}]', [b'[4,"a","GenericError","",{}]'], "wrong"),
        ("ocpp2.0.1", b'[6,"a","No",{}]', [b'[4,"a","MessageTypeNotSupported","",{}]'], None),
        ("ocpp2.1", b"[" * 100_000, [b'[4,"-1","RpcFrameworkError","",{}]'], None),
    ],
)
def test_judge_tells_what_is_due(version: str, frame: bytes, answers: list[bytes], count: str | None) -> None:
    verdict = Verdict()
    verdict.judge(version, frame, answers)
    assert verdict.clean is (count is None)
    assert count is None or getattr(verdict, count) == 1


async def test_connection_that_ends_is_counted(messages: dict[str, Messages]) -> None:
    verdict = await exchange(HungUp(), "ocpp1.6", Frames("ocpp1.6", 0, messages["ocpp1.6"]), 50)
    assert (verdict.frames, verdict.dropped_connections, verdict.clean) == (1, 1, False)


class HungUp:
    """A server that hung up."""

    async def send(self, data: bytes) -> None:
        return

    async def receive(self) -> None:
        return None


class Served:
    """A station that refuses what the central system asks, and passes on all else."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.send = wire.send

    async def receive(self) -> bytes | None:
        while (data := await self._wire.receive()) is not None and data.startswith(b"[2,"):
            await self._wire.send(orjson.dumps([4, orjson.loads(data)[1], "NotSupported", "", {}]))
        return data


async def test_each_damaged_frame_to_a_central_system_gets_what_it_is_due(
    bench: Bench, messages: dict[str, Messages], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    async with dial(bench.port, "ocpp1.6", "CP1") as wire:
        frames = Frames("ocpp1.6", 2, messages["ocpp1.6"])
        assert await exchange(Served(wire), "ocpp1.6", frames, 1000) == Verdict(frames=1000)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []

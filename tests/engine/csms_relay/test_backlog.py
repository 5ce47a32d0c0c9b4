"""What waits for the second central system is bounded, ordered, and outlives a restart."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.csms.relay.backlog import Backlog
from custom_components.smart_charging.engine.csms.relay.messages import MessageKind, kind_of

from .conftest import RelayBench

BOUND = 64 * 1024


def fill(backlog: Backlog, count: int, size: int = 200) -> None:
    for number in range(count):
        backlog.add("MeterValues", {"n": number, "pad": "x" * size}, lasting=False)


def actions(backlog: Backlog) -> list[str]:
    waiting = []
    while (message := backlog.head) is not None:
        waiting.append(message.action)
        backlog.done(message)
    return waiting


def numbers(backlog: Backlog) -> list[Any]:
    waiting = []
    while (message := backlog.head) is not None:
        waiting.append(message.payload.get("n"))
        backlog.done(message)
    return waiting


def test_telemetry_is_thinned_oldest_first_and_stays_in_order() -> None:
    backlog = Backlog(BOUND)
    fill(backlog, 2000)
    assert backlog.size <= BOUND
    assert backlog.lost == 0
    thinned, left = backlog.thinned, numbers(backlog)
    assert left == sorted(left)
    assert len(left) + thinned == 2000
    assert left[-50:] == list(range(1950, 2000))  # the newest are whole
    assert left[0] == 0  # of the oldest there still is something
    gaps = [later - earlier for earlier, later in pairwise(left)]
    assert gaps[:5] > gaps[-5:] == [1] * 5


def test_no_transaction_message_gives_way_to_telemetry() -> None:
    backlog = Backlog(BOUND)
    for number in range(20):
        backlog.add("StartTransaction", {"n": number}, lasting=True, transaction_id=str(number + 1))
        fill(backlog, 100)
    assert actions(backlog).count("StartTransaction") == 20


def test_transaction_messages_go_beyond_the_bound_and_end_somewhere_all_the_same() -> None:
    backlog = Backlog(BOUND)
    for number in range(5000):
        backlog.add("StopTransaction", {"n": number, "pad": "x" * 200}, lasting=True, transaction_id=str(number + 1))
    assert BOUND < backlog.size <= 4 * BOUND
    assert backlog.lost > 0
    assert backlog.add("MeterValues", {}, lasting=False) is None
    assert numbers(backlog)[:3] == [0, 1, 2]


async def test_outage_with_more_telemetry_than_there_is_room_for_keeps_the_session(bench: RelayBench) -> None:
    station = await bench.station_and_relay(backlog_bytes=BOUND)
    await bench.second.stop()
    ours = (await station.start(bench.now()))["transactionId"]
    for number in range(400):
        await station.meter(bench.now(number), {"Energy.Active.Import.Register": str(number)}, ours)
    await station.stop(ours, bench.now(400))
    state = bench.relay.state
    assert state.thinned > 0
    assert state.waiting_bytes <= BOUND
    await bench.second.start()
    await bench.pass_time(60)
    await bench.drained()
    tail = [
        action for action in bench.second.actions if action in {"StartTransaction", "MeterValues", "StopTransaction"}
    ]
    first = tail.index("StartTransaction")
    assert tail[-1] == "StopTransaction"
    assert set(tail[first + 1 : -1]) == {"MeterValues"}


def restored(lines: list[bytes], bound: int = BOUND) -> Backlog:
    backlog = Backlog(bound)
    backlog.restore(lines)
    return backlog


operations = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.integers(1, 6)),
        st.tuples(st.just("stop"), st.integers(1, 6)),
        st.tuples(st.just("meter"), st.integers(1, 6)),
        st.tuples(st.just("done"), st.integers(1, 1000)),
        st.tuples(st.just("aside"), st.just(0)),
        st.tuples(st.just("boot"), st.integers(1, 3)),
        st.tuples(st.just("accepted"), st.just(0)),
        st.tuples(st.just("profile"), st.integers(1, 3)),
        st.tuples(st.just("clear"), st.integers(1, 3)),
        st.tuples(st.just("save"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
    ),
    max_size=60,
)


def operate(backlog: Backlog, kept: list[bytes], name: str, number: int) -> None:
    """Do one thing to a backlog whose store is `kept`."""
    head = backlog.head
    match name:
        case "start" | "stop":
            action = "StartTransaction" if name == "start" else "StopTransaction"
            backlog.add(action, {"n": number}, lasting=True, transaction_id=str(number))
        case "meter":
            backlog.add("MeterValues", {"n": number}, lasting=False, transaction_id=str(number))
        case "done" if head is not None:
            backlog.done(head, number if head.action == "StartTransaction" else None)
        case "aside" if head is not None:
            backlog.put_aside(head)
        case _:
            operate_facts(backlog, kept, name, number)


def operate_facts(backlog: Backlog, kept: list[bytes], name: str, number: int) -> None:
    match name:
        case "boot":
            backlog.booted({"n": number})
        case "accepted":
            backlog.boot_accepted()
        case "profile" | "clear":
            backlog.keep_profile(number, {"n": number} if name == "profile" else None)
        case "fail":
            lines, _ = backlog.take_changes()
            if lines:
                kept.extend(lines[: len(lines) // 2])
                backlog.not_kept()
        case "save":
            save(backlog, kept)


def save(backlog: Backlog, kept: list[bytes]) -> None:
    lines, replaces = backlog.take_changes()
    if replaces:
        kept.clear()
    kept.extend(lines)


def facts(backlog: Backlog) -> tuple[object, ...]:
    ids = {str(number): backlog.theirs(str(number)) for number in range(1, 7)}
    back = {number: backlog.ours(number) for number in range(1001)}
    waiting = []
    size = backlog.size
    while (message := backlog.head) is not None:
        waiting.append(message)
        backlog.done(message)
    return waiting, size, ids, back, backlog.aside, dict(backlog.profiles), backlog.boot, backlog.boot_told


@given(operations)
def test_backlog_read_again_is_the_one_that_was_saved(done: list[tuple[str, int]]) -> None:
    backlog, kept = Backlog(BOUND), list[bytes]()
    for name, number in done:
        operate(backlog, kept, name, number)
    save(backlog, kept)
    again = restored(kept)
    assert again.unreadable == 0
    assert facts(again) == facts(backlog)


@given(operations, st.integers(0, 2000))
def test_line_cut_off_by_a_crash_costs_only_itself(done: list[tuple[str, int]], cut: int) -> None:
    backlog, kept = Backlog(BOUND), list[bytes]()
    for name, number in done:
        operate(backlog, kept, name, number)
    save(backlog, kept)
    text = b"\n".join(kept)
    again = restored(text[: max(0, len(text) - cut)].split(b"\n"))
    assert again.unreadable <= 1
    again.add("MeterValues", {"n": 1}, lasting=False)
    save(again, kept)
    assert restored(kept).unreadable <= 1


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"5",
        b"[]",
        b'{"add":1}',
        b'{"add":"x","id":1,"action":2,"payload":3,"lasting":4,"transaction":5}',
        b'{"aside":7}',
        b'{"what":1}',
        b"\xff",
    ],
)
def test_line_of_another_kind_is_counted_and_left_out(line: bytes) -> None:
    backlog = Backlog(BOUND)
    backlog.add("MeterValues", {}, lasting=False)
    lines, _ = backlog.take_changes()
    again = restored([line, *lines])
    assert (again.unreadable, len(again)) == (1, 1)
    assert again.take_changes()[1]  # all is written anew


def test_what_is_kept_is_written_anew_before_it_grows_without_end() -> None:
    backlog, kept = Backlog(BOUND), list[bytes]()
    largest = 0
    for number in range(4000):
        message = backlog.add("StatusNotification", {"n": number, "pad": "x" * 100}, lasting=False)
        save(backlog, kept)
        assert message is not None
        backlog.done(message)
        largest = max(largest, sum(map(len, kept)))
    assert largest < 400 * 1024


def test_ended_transactions_are_forgotten_but_not_those_still_needed() -> None:
    backlog, kept = Backlog(4 * 1024 * 1024), list[bytes]()
    backlog.add("StartTransaction", {}, lasting=True, transaction_id="1")
    backlog.done(backlog.head, 7)  # type: ignore[arg-type]  # there is one
    backlog.add("StopTransaction", {}, lasting=True, transaction_id="1")
    for number in range(2, 1000):
        for action in ("StartTransaction", "StopTransaction"):
            backlog.add(action, {}, lasting=True, transaction_id=str(number))
            while len(backlog) > 1:
                message = list(backlog._waiting.values())[-1]
                backlog.done(message, number + 1000 if action == "StartTransaction" else None)
    save(backlog, kept)
    for each in (backlog, restored(kept, 4 * 1024 * 1024)):
        assert each.theirs("1") == 7
        assert each.theirs("2") is None
        assert each.theirs("999") == 1999
        assert len(each._links) <= 2 * 256 + 2


def test_messages_put_aside_are_bounded_too() -> None:
    backlog = Backlog(BOUND)
    for number in range(150):
        message = backlog.add("StopTransaction", {"n": number}, lasting=True, transaction_id=str(number + 1))
        assert message is not None
        backlog.put_aside(message)
    assert len(backlog.aside) == 100
    assert backlog.lost == 50


async def test_session_is_on_the_disk_before_the_station_is_answered(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.second.stop()
    bench.kept.hold = asyncio.Event()
    asked = asyncio.ensure_future(station.start(bench.now()))
    await asyncio.sleep(0.1)
    assert not asked.done()
    bench.kept.hold.set()
    await asked
    assert any(b'"StartTransaction"' in line for line in bench.kept.lines)


async def test_disk_that_hangs_holds_up_the_station_for_two_seconds_at_most(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.kept.hold = asyncio.Event()
    asked = asyncio.ensure_future(station.start(bench.now()))
    await asyncio.sleep(0.1)
    await bench.pass_time(2.1)
    assert (await asked)["transactionId"]
    bench.kept.hold.set()


async def test_disk_that_hangs_keeps_nobody_from_stopping(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.kept.hold = asyncio.Event()
    asked = asyncio.ensure_future(station.start(bench.now()))
    await asyncio.sleep(0.1)
    await bench.pass_time(2.1)
    await asked
    stopping = asyncio.ensure_future(bench.relay.stop())
    for _ in range(10):
        await bench.pass_time(1)
    async with asyncio.timeout(5):
        await stopping


async def test_disk_that_fails_costs_nothing_while_we_run_and_all_is_written_once_it_works(
    bench: RelayBench, caplog: pytest.LogCaptureFixture
) -> None:
    station = await bench.station_and_relay()
    await bench.second.stop()
    bench.kept.broken = True
    ours = (await station.start(bench.now()))["transactionId"]
    assert not bench.relay.state.kept
    bench.kept.broken = False
    await station.stop(ours, bench.now())
    assert bench.relay.state.kept
    assert bench.kept.replaces >= 1
    assert [
        name for name in (b"StartTransaction", b"StopTransaction") if any(name in line for line in bench.kept.lines)
    ] == [
        b"StartTransaction",
        b"StopTransaction",
    ]
    assert caplog.text.count("can't be kept") == 1


async def test_backlog_that_can_not_be_read_is_begun_anew(bench: RelayBench, caplog: pytest.LogCaptureFixture) -> None:
    bench.kept.broken = True
    await bench.relay_to()
    assert "can't be read" in caplog.text
    bench.kept.broken = False
    await bench.ready()
    await bench.drained()


async def test_telemetry_they_get_at_once_is_never_written(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.pass_time(31)
    before = list(bench.kept.lines)
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1"})
    await bench.drained()
    await bench.pass_time(31)
    assert bench.kept.lines == before


async def test_telemetry_that_waits_is_written_after_half_a_minute(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.second.stop()
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "4711"})
    await bench.pass_time(31)
    assert any(b"4711" in line for line in bench.kept.lines)


async def test_restart_in_an_outage_loses_nothing(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    ours = (await station.start(bench.now()))["transactionId"]
    await bench.drained()
    await bench.second.stop()
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1500"}, ours)
    await bench.relay.stop()
    await station.close()
    await bench.second.start()
    await bench.relay_to()
    station = await bench.dial()
    await station.stop(ours, bench.now())
    await bench.drained()
    assert bench.second.told("StopTransaction")[0]["transactionId"] == 9002
    assert [payload["transactionId"] for payload in bench.second.told("MeterValues") if "transactionId" in payload] == [
        9002
    ]
    assert bench.second.actions.count("BootNotification") == 1  # for them the station never restarted


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("TransactionEvent", {"eventType": "Started"}, MessageKind.TRANSACTION),
        ("TransactionEvent", {"eventType": "Updated"}, MessageKind.TELEMETRY),
        ("TransactionEvent", {"eventType": "Ended"}, MessageKind.TRANSACTION),
        ("NotifyReport", {"requestId": 1}, MessageKind.PRIVATE),
        ("NotifyReport", {"requestId": 7}, MessageKind.TELEMETRY),
        ("NotifyReport", {}, MessageKind.PRIVATE),
        ("FirmwareStatusNotification", {"status": "Idle"}, MessageKind.TELEMETRY),
        ("NotifyEvent", {}, MessageKind.TELEMETRY),
        ("Get15118EVCertificate", {}, MessageKind.PRIVATE),
        ("BootNotification", {}, MessageKind.BOOT),
        ("NoSuchThing", {}, MessageKind.PRIVATE),
    ],
)
def test_kinds_of_messages(action: str, payload: dict[str, Any], kind: MessageKind) -> None:
    assert kind_of(action, payload, frozenset({7})) is kind


def deep(levels: int) -> Any:
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize("levels", [*range(240, 260), 900])
def test_message_nested_more_deeply_than_can_be_kept_is_counted_and_harms_nothing(levels: int) -> None:
    backlog, kept = Backlog(BOUND), list[bytes]()
    message = backlog.add("StopTransaction", {"customData": deep(levels)}, lasting=True, transaction_id="1")
    if message is None:
        assert backlog.lost == 1
    else:
        save(backlog, kept)
        backlog.put_aside(message)
    lost = backlog.lost
    backlog.booted({"customData": deep(levels)})
    assert (backlog.boot is None) == (backlog.lost > lost)
    backlog.not_kept()
    save(backlog, kept)
    assert restored(kept).unreadable == 0

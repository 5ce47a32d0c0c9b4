"""What of a server's word is kept over a restart: all limits that there is room for, and nothing that spoils the rest."""

from collections.abc import Callable
from datetime import datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.smart_charging.engine.grid import openadr_memory
from custom_components.smart_charging.engine.grid.openadr_memory import VenMemory, memory_from_json, remember
from custom_components.smart_charging.engine.grid.openadr_received import Received
from custom_components.smart_charging.engine.grid.openadr_values import MAX_INTERVALS, Refusal
from custom_components.smart_charging.engine.grid.openadr_ven import Ven
from tests.engine.grid.conftest import capacity, limits, poll
from tests.engine.grid.events import NOW, event, prices, read, when
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

MakeVen = Callable[..., Ven]
ON: dict[str, Any] = {"intervalPeriod": period("2026-06-01T00:00:00Z", "P9999Y")}


def kept(*events: object, programs: tuple[object, ...] = ()) -> VenMemory:
    """Return what is known of these events after a restart."""
    memory = remember(NOW, events, programs, read(*events).limit_events, ["event-1/0/1"])
    return memory_from_json(json.loads(json.dumps(memory.to_json())))


def quarter_hours(number: int) -> list[dict[str, Any]]:
    """Return intervals with a period each."""
    begin = datetime.fromisoformat("2026-06-01T00:00:00+00:00")
    starts = [(begin + place * timedelta(minutes=15)).isoformat() for place in range(number)]
    return [limit_interval(2.0, place, intervalPeriod=period(at, "PT15M")) for place, at in enumerate(starts)]


def test_the_longest_event_there_is_is_kept_whole() -> None:
    longest = event(*quarter_hours(MAX_INTERVALS), intervalPeriod="leave out")
    memory = kept(longest)
    assert memory.left_out == 0
    assert read(*memory.events).signals == read(longest).signals
    assert (memory.last_heard, memory.sent) == (NOW, ("event-1/0/1",))


STATED = [
    event(limit_interval(11), limit_interval(4, 1), duration="PT90M"),
    event(limit_interval(11), prices(0.3), limit_interval(4, 2), priority=3, targets=["home"]),
    event(limit_interval(11), eventName="safe MODE", targets=[{"type": "VEN_NAME", "values": ["home"]}], priority=0),
    event(limit_interval(11, kind="import_capacity_limit"), limit_interval(2, 1, kind="SIMPLE")),
    event(limit_interval("6"), payloadDescriptors=[{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "A"}]),
    event(limit_interval(11), intervalPeriod={**period("0001-01-01T00:00:00Z", "PT2H"), "randomizeStart": "PT5M"}),
    event(limit_interval(11), id=7, modificationDateTime="2026-06-01T09:50:00Z"),
]


@pytest.mark.parametrize("stated", STATED)
def test_what_is_kept_says_the_same_of_limits(stated: dict[str, Any]) -> None:
    memory, said = kept(stated), read(stated)
    again = read(*memory.events)
    assert (when(again), again.failsafe, again.versions) == (when(said), said.failsafe, said.versions)
    assert [one.unit for one in again.signals] == [one.unit for one in said.signals]
    assert again.series == ()


def test_the_units_of_a_programme_are_kept_with_its_events() -> None:
    units = [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "W"}, {"payloadType": "PRICE", "units": "KWH"}, 5]
    programs = ({"id": "program-1", "payloadDescriptors": units, "padding": "x"}, {"id": "other"}, None)
    memory = kept(event(limit_interval(4_200)), programs=programs)
    assert memory.programs == ({"id": "program-1", "payloadDescriptors": units[:1]},)


def test_what_stands_beside_a_limit_takes_no_room_and_spoils_nothing() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    beside = {"type": "FOO", "values": [float("nan"), float("inf"), "\ud800", deep]}
    interval = limit_interval(2)
    interval["payloads"] += [beside, "x"]
    stated = event(interval, eventName="\ud800 \x00", padding="x" * 2_000_000, deep=deep)
    stated["payloadDescriptors"] = [{"payloadType": "FOO", "units": deep}, None]
    memory = remember(NOW, [stated], [], ["event-1"], [])
    assert memory.left_out == 0
    assert len(memory.to_json()["word"] or "") < 1_000
    assert [one.value for one in read(*memory.events).signals] == [2_000.0]


def test_an_event_that_json_can_not_hold_is_left_out_alone_and_counted() -> None:
    odd = event(limit_interval(2), id="odd", targets=[{"type": "EVENT_NAME", "values": ["x", float("nan")]}])
    memory = kept(odd, event(limit_interval(4), id="good"))
    assert (memory.left_out, [one["id"] for one in memory.events if isinstance(one, dict)]) == (1, ["good"])


def test_the_fail_safe_goes_first_and_what_does_not_fit_makes_way_for_what_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openadr_memory, "_MOST_BYTES", 10_000)
    small = event(limit_interval(4), id="small")
    safe = event(*(limit_interval(3, place) for place in range(50)), id="safe", eventName="safe mode")
    large = event(*(limit_interval(2, place) for place in range(200)), id="large")
    memory = kept(small, large, safe)
    assert [one["id"] for one in memory.events if isinstance(one, dict)] == ["safe", "small"]
    assert memory.left_out == 1


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"last_heard": 7, "word": "{}"},
        {"last_heard": "2026-06-01T10:00:00Z"},
        {"last_heard": "2026-06-01T10:00:00Z", "events": []},
        {"last_heard": "2026-06-01T10:00:00Z", "word": "["},
        {"last_heard": "2026-06-01T10:00:00Z", "word": "[" * 200_000},
        {"last_heard": "2026-06-01T10:00:00Z", "word": "[]"},
    ],
)
def test_a_memory_that_can_not_be_read_is_none(raw: object) -> None:
    assert memory_from_json(raw) == VenMemory()


def test_events_are_compared_by_what_they_say() -> None:
    one, other = Received.of([{"a": 1}, None]), Received.of(iter([{"a": 1}, None]))
    assert (one, hash(one), list(one), len(one)) == (other, hash(other), [{"a": 1}, None], 2)
    assert one != Received.of([{"a": 2}, None])
    assert {"a": 1} in one
    assert {"a": 2} not in one
    deep: list[object] = []
    for _ in range(200_000):
        deep = [deep]
    assert list(Received.of([deep, {"programID": "p"}])) == [None, {"programID": "p"}]
    while deep:
        deep = deep.pop()  # type: ignore[assignment]  # each holds the next one; freed at once it overflows


async def test_after_a_restart_it_is_known_whether_all_limits_are(
    vtn: Vtn, make_ven: MakeVen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openadr_memory, "_MOST_BYTES", 400)
    for kw in (11, 7, 5):
        capacity(vtn, kw)
    ven = make_ven()
    assert ven.state().complete
    await poll(ven)
    await poll(ven)
    memory = ven.memory()
    assert memory is not None
    assert memory.left_out == 2
    assert caplog.text.count("2 of its 3 events with limits are left out") == 1
    again = make_ven(memory=memory_from_json(memory.to_json()))
    assert (again.state().complete, limits(again.state())) == (False, [11_000])
    await vtn.stop()
    await poll(again)
    still = again.memory()
    assert still is not None
    assert still.left_out > 0
    await vtn.start()
    await poll(again)
    assert (again.state().complete, limits(again.state())) == (True, [5_000, 7_000, 11_000])


async def test_the_same_events_are_not_read_again_before_time_makes_a_difference(
    vtn: Vtn, make_ven: MakeVen, clock: ManualClock
) -> None:
    vtn.add_event(vtn.add_program(), [limit_interval(11)], intervalPeriod=period("2026-06-01T10:00:00Z", "PT30M"))
    capacity(vtn, 7)
    ven = make_ven()
    first = (await poll(ven)).reading
    memory = ven.memory()
    await clock.advance(1_799)
    assert (await poll(ven)).reading is first
    assert ven.memory() is not memory  # it was heard since
    await clock.advance(1)
    assert limits(await poll(ven)) == [7_000]
    second = ven.state().reading
    await clock.advance(3_600)
    assert (await poll(ven)).reading is not second


async def test_what_is_no_number_spoils_its_own_payload_only(vtn: Vtn, make_ven: MakeVen) -> None:
    program = b'"programID": "p", "intervals": [{"id": 0, "payloads": '
    good = b'[{"type": "IMPORT_CAPACITY_LIMIT", "values": [2]}, {"type": "FOO", "values": [NaN, -Infinity, 1e999]}]}]}'
    bad = b'[{"type": "IMPORT_CAPACITY_LIMIT", "values": [%s]}]}]}'
    numbers = [b"NaN", b"Infinity", b"1e999", b"9" * 5_000]
    odd = [b'{"id": "odd-%d", ' % place + program + bad % number for place, number in enumerate(numbers)]
    more = [b'{"id": "%d", "intervalPeriod": NaN, "intervals": []}' % place for place in range(3)]
    vtn.trouble.body = b"[" + b",".join([b'{"id": "good", ' + program + good, *odd, *more]) + b"]"
    ven = make_ven(register=False)
    state = await poll(ven)
    assert (state.problem, limits(state)) == (None, [2_000])
    assert state.reading.refused == {Refusal.VALUE: 4, Refusal.TIME: 3}
    memory = ven.memory()
    assert memory is not None
    json.dumps(memory.to_json(), allow_nan=False)
    assert memory.left_out == 0

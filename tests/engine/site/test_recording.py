"""What was decided can be written down and read again, exactly and without secrets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
import json

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, PeakConfig, PvConfig, SiteConfig, StationConfig
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import ControlState, Decision, EvseControl, Snapshot
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import EvseKey, Phases
from custom_components.smart_charging.engine.recorded_json import RecordedJsonError
from custom_components.smart_charging.engine.recording import (
    KEPT_CYCLES,
    KEPT_EVSES,
    VERSION,
    Cycle,
    CycleRecorder,
    dump,
    dump_lines,
    load,
    load_lines,
)
from custom_components.smart_charging.engine.relay_config import RelayConfig, Secret
from tests.engine.control.builders import NOW, SITE, evse, grid

FLOATS = st.floats(allow_nan=False)
TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))


def register_strategies() -> None:
    st.register_type_strategy(float, FLOATS)
    st.register_type_strategy(datetime, TIMES)
    st.register_type_strategy(LeaseTimes, st.builds(LeaseTimes, hold_s=st.floats(60, 900), renew_s=st.floats(1, 59)))
    st.register_type_strategy(PeakConfig, st.builds(PeakConfig, interval_min=st.sampled_from([15, 60])))
    st.register_type_strategy(PvConfig, st.builds(PvConfig, installed_w=st.floats(1, 1e6)))
    st.register_type_strategy(RelayConfig, st.just(RelayConfig("wss://billing.example", password=Secret("secret"))))
    st.register_type_strategy(Limit, st.builds(Limit, value=st.floats(0, 1e6)))


register_strategies()


def cycle(*stations: StationConfig, now: datetime = NOW, site: SiteConfig = SITE, load_a: float = 3.0) -> Cycle:
    """Return a decision about a car at each station, made without any memory."""
    chosen = stations or (StationConfig("CP1", "Garage"),)
    evses = tuple(evse(key=EvseKey(station.station_id, 1), station=station) for station in chosen)
    snapshot, before = Snapshot(site, grid(load_a), evses), ControlState()
    return Cycle(now, snapshot, before, True, decide(snapshot, before, now)[0])


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@given(st.lists(st.from_type(Cycle), max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_was_recorded_is_read_again_exactly(cycles: list[Cycle]) -> None:
    without_hashes = [
        replace(
            one,
            snapshot=replace(
                one.snapshot,
                evses=tuple(
                    replace(
                        evse,
                        station=replace(evse.station, password_hash=None, relay=None),
                        settings=replace(evse.settings, repeating=(), dated=()),
                    )
                    for evse in one.snapshot.evses
                ),
            ),
        )
        for one in cycles
    ]
    assert load(dump(cycles)) == tuple(without_hashes)


def test_a_number_keeps_its_last_bit_and_may_be_infinite() -> None:
    state = ControlState(surplus_w=0.1 + 0.2, surplus_slow_w=float("inf"))
    again = load(dump([replace(cycle(), state=state)]))[0].state
    assert again.surplus_w == 0.1 + 0.2
    assert again.surplus_slow_w == float("inf")


def test_the_recorder_keeps_the_newest_cycles() -> None:
    recorder = CycleRecorder()
    first = cycle()
    for number in range(KEPT_CYCLES + 3):
        recorder.record(replace(first, now=NOW + timedelta(seconds=number)))
    assert len(recorder.cycles) == KEPT_CYCLES
    assert recorder.cycles[0].now == NOW + timedelta(seconds=3)
    assert recorder.cycles[-1].now == NOW + timedelta(seconds=KEPT_CYCLES + 2)


def test_a_large_site_keeps_fewer_cycles() -> None:
    recorder = CycleRecorder()
    first = cycle(*(StationConfig(f"CP{number}", "Garage") for number in range(100)))
    for number in range(KEPT_EVSES // 100 + 3):
        recorder.record(replace(first, now=NOW + timedelta(seconds=number)))
    assert len(recorder.cycles) == KEPT_EVSES // 100


def test_what_did_not_change_is_kept_once_and_what_did_is_kept_as_it_was() -> None:
    recorder = CycleRecorder()
    stations = [StationConfig(f"CP{number}", "Garage") for number in range(3)]
    told = [cycle(*stations), cycle(*stations, load_a=9.0), cycle(*stations[1:])]
    for one in told:
        recorder.record(one)
    first, second, third = recorder.cycles
    assert list(recorder.cycles) == told
    assert first.snapshot.evses is second.snapshot.evses
    assert [id(evse) for evse in third.snapshot.evses] == [id(evse) for evse in first.snapshot.evses[1:]]


def test_a_dump_begins_with_its_format_and_the_version_that_wrote_it() -> None:
    lines = dump_lines([cycle(), cycle()])
    assert json.loads(lines[0]) == {"format": 1, "integration": VERSION}
    assert len(lines) == 3
    assert dump([cycle(), cycle()]) == "".join(f"{line}\n" for line in lines)


def test_the_hash_of_a_password_is_never_written() -> None:
    text = dump([cycle(StationConfig("CP1", "Garage", password_hash="scrypt$verysecret"))])
    assert "verysecret" not in text
    assert load(text)[0].snapshot.evses[0].station.password_hash is None


def test_what_stays_the_same_is_written_once() -> None:
    station = StationConfig("CP1", "A name that is nowhere else")
    text = dump([cycle(station, now=NOW + timedelta(seconds=number)) for number in range(20)])
    assert text.count("A name that is nowhere else") == 1


def test_a_changed_configuration_is_written_with_the_cycle_that_first_used_it() -> None:
    old, new = StationConfig("CP1", "Garage"), StationConfig("CP1", "Garage", max_current_a=32.0)
    cycles = [cycle(old), cycle(new), cycle(old)]
    again = load(dump(cycles))
    assert [one.snapshot.evses[0].station.max_current_a for one in again] == [16.0, 32.0, 16.0]


def test_ids_can_be_hidden_and_keep_their_order() -> None:
    stations = [StationConfig(f"SERIAL-{number}", "Garage") for number in ("9", "10", "1")]
    recorded = cycle(*stations)
    limit = Limit(
        "grid/check/SERIAL-77/1", LimitSource.GRID_SIGNAL, 6.0, LimitUnit.AMPERE, evse=EvseKey("SERIAL-77", 1)
    )
    recorded = replace(recorded, snapshot=replace(recorded.snapshot, limits=(limit,)))
    text = dump([recorded], hide_ids=True)
    assert "SERIAL" not in text
    again = load(text)[0]
    assert [one.key.station_id for one in again.snapshot.evses] == ["station 4", "station 2", "station 1"]
    assert [one.station.station_id for one in again.snapshot.evses] == ["station 4", "station 2", "station 1"]
    assert again.snapshot.limits[0].evse == EvseKey("station 3", 1)
    assert again.snapshot.limits[0].limit_id == "grid/check/station 3/1"
    before = recorded.decision.setpoints
    after = again.decision.setpoints
    assert after[EvseKey("station 4", 1)] == before[EvseKey("SERIAL-9", 1)]


def test_ten_stations_are_numbered_so_that_they_sort() -> None:
    recorded = cycle(*(StationConfig(f"CP{number:02}", "x") for number in range(10)))
    again = load(dump([recorded], hide_ids=True))[0]
    names = [one.key.station_id for one in again.snapshot.evses]
    assert names == sorted(names)
    assert names[0] == "station 01"


def test_a_name_with_line_ends_of_unicode_is_read_again() -> None:
    station = StationConfig("CP1", "a\u2028b\x85c\r\nd")
    assert load(dump([cycle(station)]))[0].snapshot.evses[0].station == station


def test_lines_may_come_as_objects_and_with_blank_ones_between() -> None:
    recorded = cycle()
    lines = dump_lines([recorded])
    assert load_lines([json.loads(line) for line in lines]) == (recorded,)
    assert load("\r\n\r\n".join(lines)) == (recorded,)


def changed(**fields: object) -> str:
    """Return a dump in which the meter's part of the snapshot has these fields too."""
    lines = objects(dump([cycle()]))
    content = lines[1]["cycle"]
    assert isinstance(content, dict)
    content["snapshot"]["grid"].update(fields)
    return "\n".join(json.dumps(line) for line in lines)


def test_a_field_that_an_older_version_did_not_write_takes_its_default() -> None:
    lines = objects(dump([cycle()]))
    content = lines[1]["cycle"]
    assert isinstance(content, dict)
    del content["snapshot"]["limits"]
    del content["state"]["peak"]
    assert load("\n".join(json.dumps(line) for line in lines)) == (cycle(),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(humidity=3), r"line 2: cycle.snapshot.grid.humidity: this version knows no such field"),
        (changed(quality="wet"), r'line 2: cycle.snapshot.grid.quality: this version knows no MeterQuality "wet"'),
        (changed(quality=[]), r"cycle.snapshot.grid.quality: this version knows no MeterQuality \[\]"),
        (changed(power_w="3"), r'cycle.snapshot.grid.power_w: "3" is no number'),
        (changed(power_w=True), r"cycle.snapshot.grid.power_w: true is no number"),
        (changed(power_w={"float": "3"}), r"cycle.snapshot.grid.power_w: .* is no number"),
        (changed(current_a=[1, 2]), r"cycle.snapshot.grid.current_a: \[1, 2\] is no object"),
        (changed(current_a={"l1": None}), r"cycle.snapshot.grid.current_a.l1: null is no number"),
    ],
)
def test_a_value_that_is_not_understood_is_named(text: str, message: str) -> None:
    with pytest.raises(RecordedJsonError, match=message):
        load(text)


def without_cycle_field(*path: str) -> list[object]:
    lines = objects(dump([cycle()]))
    found = lines[1]
    for name in path[:-1]:
        inner = found[name]
        assert isinstance(inner, dict)
        found = inner
    del found[path[-1]]
    return list(lines)


def with_cycle_field(value: object, *path: str) -> list[object]:
    lines = objects(dump([cycle()]))
    found = lines[1]
    for name in path[:-1]:
        inner = found[name]
        assert isinstance(inner, dict)
        found = inner
    found[path[-1]] = value
    return list(lines)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (without_cycle_field("cycle", "snapshot", "site"), r"cycle.snapshot.site: is missing"),
        (without_cycle_field("cycle"), r"line 2: is no cycle"),
        (with_cycle_field("x", "parts"), r"line 2: is no cycle"),
        (with_cycle_field(99, "cycle", "snapshot", "site"), r"cycle.snapshot.site: there is no part 99"),
        (with_cycle_field("noon", "cycle", "now"), r'cycle.now: "noon" is no time'),
        (with_cycle_field(5, "cycle", "now"), r"cycle.now: 5 is no time"),
        (with_cycle_field("2026-06-01T10:00:00", "cycle", "now"), r"cycle.now: .* has no zone"),
        (with_cycle_field(1, "cycle", "may_raise"), r"cycle.may_raise: 1 is no bool"),
        (with_cycle_field({}, "cycle", "snapshot", "evses"), r"cycle.snapshot.evses: {} is no list"),
        (with_cycle_field([[1]], "cycle", "state", "evses"), r"cycle.state.evses\[0\]: has 1 items, not 2"),
    ],
)
def test_a_line_that_is_not_understood_is_named(lines: list[object], message: str) -> None:
    with pytest.raises(RecordedJsonError, match=message):
        load("\n".join(json.dumps(line) for line in lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no cycle in it"),
        ("no json", "line 1: is no JSON"),
        ("[1]", "line 1: is no object"),
        ('{"cycle": 1}', "line 1: is no header"),
        ('{"format": 2, "integration": "9.0"}', "line 1: format 2 of Smart Charging 9.0 is not known, only 1 is"),
    ],
)
def test_a_text_that_is_no_dump_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecordedJsonError, match=message):
        load(text)


def test_a_limit_that_was_never_possible_is_refused() -> None:
    limit = Limit("grid/check/SERIAL-77/1", LimitSource.GRID_SIGNAL, 6.5, LimitUnit.AMPERE)
    recorded = cycle()
    text = dump([replace(recorded, snapshot=replace(recorded.snapshot, limits=(limit,)))])
    with pytest.raises(RecordedJsonError, match=r"cycle.snapshot.limits\[0\]: a limit is a finite number"):
        load(text.replace('"value":6.5', '"value":-6.5'))


def test_a_record_of_fifty_stations_can_be_attached_to_a_report() -> None:
    stations = [StationConfig(f"CP{number}", f"Bay {number}") for number in range(50)]
    recorded = cycle(*stations)
    cycles = [
        replace(
            recorded,
            now=NOW + timedelta(seconds=number),
            state=ControlState({key: EvseControl(setpoint_a=number) for key in recorded.decision.setpoints}),
            decision=Decision(NOW, recorded.decision.setpoints, Phases(), Phases(), None),
        )
        for number in range(20)
    ]
    assert len(dump(cycles)) / len(cycles) < 50e6 / KEPT_CYCLES


def test_a_second_central_system_is_in_no_recording() -> None:
    relay = RelayConfig("wss://billing.example/secretpath", password=Secret("verysecret"), identity="account")
    text = dump([cycle(StationConfig("CP1", "Garage", relay=relay))])
    assert [word for word in ("billing", "secretpath", "verysecret", "account") if word in text] == []
    assert load(text)[0].snapshot.evses[0].station == StationConfig("CP1", "Garage")

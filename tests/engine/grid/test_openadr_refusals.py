"""No OpenADR 3 event, however malformed or hostile, keeps another one from being heard."""

from datetime import datetime
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.grid import openadr_events
from custom_components.smart_charging.engine.grid.openadr_events import read_events
from custom_components.smart_charging.engine.grid.openadr_values import MAX_EVENTS, MAX_INTERVALS, Refusal
from custom_components.smart_charging.engine.grid.signal import RAW_LENGTH
from tests.engine.grid.events import NOW, SITE, at, event, prices, read
from tests.engine.grid.vtn import limit_interval, period

# What is refused


@pytest.mark.parametrize(
    ("malformed", "reason"),
    [
        (None, Refusal.SHAPE),
        ([], Refusal.SHAPE),
        ({}, Refusal.SHAPE),
        ({"id": ""}, Refusal.SHAPE),
        (event(limit_interval(11), priority=-1), Refusal.PRIORITY),
        (event(limit_interval(11), priority="high"), Refusal.PRIORITY),
        (event(limit_interval(11), priority=True), Refusal.PRIORITY),
        (event(limit_interval(11), targets="all"), Refusal.TARGETS),
        (event(limit_interval(11), targets=[7]), Refusal.TARGETS),
        (event(limit_interval(11), targets=[{"type": "VEN_NAME"}]), Refusal.TARGETS),
        (event(limit_interval(11), intervalPeriod="now"), Refusal.TIME),
        (event(limit_interval(11), intervalPeriod=period("tomorrow", "PT1H")), Refusal.TIME),
        (event(limit_interval(11), intervalPeriod=period("2026-13-01T00:00:00Z", "PT1H")), Refusal.TIME),
        (event(limit_interval(11), intervalPeriod=period("9999-12-01T00:00:00Z", "P1Y")), Refusal.TIME),
        (event(limit_interval(11), intervalPeriod=period("2026-06-01T10:00:00Z", "-PT1H")), Refusal.DURATION),
        (event(limit_interval(11), intervalPeriod=period("2026-06-01T10:00:00Z", "an hour")), Refusal.DURATION),
        (event(limit_interval(11), intervalPeriod=period("2026-06-01T10:00:00Z", "P")), Refusal.DURATION),
        (event(limit_interval(11), duration="PT"), Refusal.DURATION),
        (event(limit_interval(11), intervals="none"), Refusal.INTERVALS),
        (event("interval"), Refusal.INTERVALS),
        (event({"payloads": []}), Refusal.INTERVALS),
        (event({"id": 0, "payloads": ["x"]}), Refusal.INTERVALS),
        (event({"id": 0, "payloads": [{"type": "PRICE"}]}), Refusal.INTERVALS),
        (
            event(limit_interval(1), limit_interval(2, 1), intervalPeriod=period("2026-06-01T10:00:00Z")),
            Refusal.INTERVALS,
        ),
        (event(limit_interval(-1)), Refusal.VALUE),
        (event(limit_interval("eleven")), Refusal.VALUE),
        (event(limit_interval(True)), Refusal.VALUE),
        (event(limit_interval(None)), Refusal.VALUE),
        (event(limit_interval(float("nan"))), Refusal.VALUE),
        (event(limit_interval("inf")), Refusal.VALUE),
        (event(limit_interval({"x": 1, "y": 2})), Refusal.VALUE),
        (event({"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": []}]}), Refusal.VALUE),
        (event(limit_interval(4, kind="SIMPLE")), Refusal.VALUE),
        (event(limit_interval(1.5, kind="SIMPLE")), Refusal.VALUE),
        (
            event(limit_interval(4), payloadDescriptors=[{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "CELSIUS"}]),
            Refusal.UNIT,
        ),
        (event(prices(4), payloadDescriptors=[{"payloadType": "PRICE", "units": "THERMS"}]), Refusal.UNIT),
        (event(prices(4), payloadDescriptors=[{"payloadType": "PRICE", "currency": "<b>"}]), Refusal.UNIT),
        (event(*(limit_interval(1, n) for n in range(MAX_INTERVALS + 1))), Refusal.TOO_MANY_INTERVALS),
        (event(limit_interval(11), reportDescriptors=["usage"]), Refusal.SHAPE),
    ],
)
def test_a_malformed_event_is_refused_with_its_reason_and_takes_no_other_one_down(
    malformed: object, reason: Refusal
) -> None:
    reading = read(malformed, event(limit_interval(11), id="good"), malformed)
    assert reading.refused == {reason: 2}
    assert [signal.value for signal in reading.signals] == [11_000]


LAST_SECOND = "9999-12-31T23:59:59Z"
LATE = {"start": LAST_SECOND, "duration": "PT1H", "randomizeStart": "PT1H"}
EARLY = {"start": "0001-01-02T00:00:00+14:00", "duration": "PT1H", "randomizeStart": "P1D"}


@pytest.mark.parametrize(
    ("beyond", "draw"),
    [
        (event(limit_interval(4), intervalPeriod=LATE), 1.0),
        (event(limit_interval(4), intervalPeriod=EARLY), -1.0),
        (
            event(
                limit_interval(4, intervalPeriod=period("2026-06-01T10:00:00Z", "PT1H")),
                limit_interval(4, 1, intervalPeriod=LATE),
            ),
            1.0,
        ),
        (event(prices(4), intervalPeriod={"start": LAST_SECOND}), 0.0),
        (
            event(
                limit_interval(4, intervalPeriod=period("2025-06-01T10:00:00Z", "PT1H")),
                limit_interval(4, 1, intervalPeriod=period("9999-11-30T22:30:00Z", "PT1H")),
                limit_interval(4, 2, intervalPeriod=period("2025-06-01T11:00:00Z", "PT1H")),
                duration="P9999Y",  # what is repeated a year later is beyond the last day
            ),
            0.0,
        ),
    ],
)
def test_an_event_at_the_end_of_the_calendar_is_refused_alone(beyond: object, draw: float) -> None:
    reading = read(event(limit_interval(11), id="before"), beyond, event(limit_interval(11), id="after"), draw=draw)
    assert [signal.value for signal in reading.signals] == [11_000] * 2
    assert reading.refused == {Refusal.TIME: 1}


def test_a_number_beyond_all_floats_spoils_its_event_only() -> None:
    reading = read(event(limit_interval(10**400)), event(limit_interval(11), id="good"))
    assert reading.refused == {Refusal.VALUE: 1}
    assert [signal.value for signal in reading.signals] == [11_000]


def test_more_events_than_the_most_are_counted_and_left_out() -> None:
    reading = read(*(event(limit_interval(11), id=f"e{n}") for n in range(MAX_EVENTS + 5)))
    assert reading.refused == {Refusal.TOO_MANY_EVENTS: 5}
    assert len(reading.signals) == MAX_EVENTS


def test_events_may_not_state_more_values_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openadr_events, "MAX_PIECES", 5)
    three = [limit_interval(number, number) for number in range(3)]
    reading = read(event(*three, id="a"), event(*three, id="b"), event(limit_interval(11), id="c"))
    assert reading.refused == {Refusal.TOO_MANY_INTERVALS: 1}
    assert len(reading.signals) == 4


def test_an_event_may_not_state_thousands_of_values_in_each_interval() -> None:
    packed = {"id": 0, "payloads": [{"type": "PRICE", "values": [0.1] * MAX_INTERVALS}]}
    assert read(event(packed, packed, packed, packed)).refused == {Refusal.TOO_MANY_INTERVALS: 1}
    assert read(event(packed, packed, packed)).refused == {}


def test_hostile_text_is_cut_and_made_printable() -> None:
    stated = event(limit_interval(11), eventName="\x1b[31m<script>\u202e" + "x" * 5000)
    [signal] = read(stated).signals
    assert len(signal.raw) <= RAW_LENGTH
    assert signal.raw.isprintable()


def test_a_signal_keeps_the_time_at_which_its_version_of_the_event_was_first_heard() -> None:
    stated = event(limit_interval(11))
    first = read_events([stated], [], SITE, NOW, lambda text: 0.0)

    def heard(version: str) -> datetime:
        return at(9) if version in first.versions else NOW

    assert read_events([stated], [], SITE, NOW, lambda text: 0.0, heard).signals[0].received_at == at(9)
    changed = stated | {"modificationDateTime": "2026-06-01T09:59:00Z"}
    assert read_events([changed], [], SITE, NOW, lambda text: 0.0, heard).signals[0].received_at == NOW


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = (
    "id",
    "programID",
    "eventName",
    "priority",
    "targets",
    "reportDescriptors",
    "payloadDescriptors",
    "intervalPeriod",
    "intervals",
    "duration",
    "createdDateTime",
)


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON),
    st.dictionaries(st.sampled_from(("start", "duration", "randomizeStart")), JSON),
    st.dictionaries(st.sampled_from(("id", "payloads", "intervalPeriod")), JSON),
)
@settings(max_examples=300, deadline=None)
def test_no_json_makes_reading_fail_or_silences_a_good_event(
    broken: dict[str, Any], broken_period: dict[str, Any], broken_interval: dict[str, Any]
) -> None:
    good = event(limit_interval(11), id="good", priority=0)
    reading = read(
        event(limit_interval(3), id="broken") | broken,
        event(limit_interval(3), id="period", intervalPeriod=broken_period),
        event(limit_interval(3) | broken_interval, id="interval"),
        JSON,
        good,
    )
    assert 11_000 in [signal.value for signal in reading.signals]
    assert reading.events == 5

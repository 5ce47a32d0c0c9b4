"""The room's state as JSON and back."""

from dataclasses import replace
from datetime import timedelta
import json

import pytest

from custom_components.smart_charging.engine.grid import uk_rules
from custom_components.smart_charging.engine.grid.four_contacts import Contact
from custom_components.smart_charging.engine.grid.grid_room import GridState
from custom_components.smart_charging.engine.grid.memory import GridMemoryError, from_json, to_json
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source import (
    ContactSeen,
    HeartbeatSeen,
    InputKind,
    LimitStated,
    SignalAdded,
    SourceConfig,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.uk_rules import UkMemory
from custom_components.smart_charging.engine.grid.verification import Measured
from custom_components.smart_charging.engine.model import Json

from .builders import KEY, NOW, OTHER, Room, after, charger, click, eebus, messages, relay, signal


def full_state() -> GridState:
    """Return a state with something in every field."""
    box = SourceConfig(source_id="box", input=InputKind.CONTROL_BOX)
    room = Room(relay(), box, eebus(), messages(), devices=(charger(),))
    room.state = replace(
        room.state,
        uk=uk_rules.choose_hours(uk_rules.override(UkMemory(7), KEY, after(9_000.0)), OTHER, own=True),
    )
    device = signal(1_000.0, scope=SignalScope.DEVICE, evse=KEY, valid_from=after(1.0), valid_until=after(500.0))
    room.tell(
        click(True),
        *(ContactSeen("box", NOW, True, contact) for contact in Contact),
        HeartbeatSeen("eebus", NOW),
        LimitStated("eebus", NOW, 2_000.0, duration=timedelta(seconds=200)),
        SignalAdded("message", NOW, device),
        SignalAdded("message", NOW, signal()),
    )
    for seconds in (1.0, 15.0, 15.0, 40.0):
        room.wait(seconds, Measured({KEY: 500.0}, {KEY: 7_000.0}, after(1.0)))
    room.tell(SourceUnavailable("relay", room.now))
    room.wait(150.0)
    return room.state


def test_everything_comes_back_as_it_was() -> None:
    state = full_state()
    assert any(held.ramp is not None for held in state.held.values())
    kept = json.loads(json.dumps(to_json(state), allow_nan=False))
    assert from_json(kept) == state
    assert from_json(to_json(GridState())) == GridState()


def test_fields_of_a_later_version_are_passed_over() -> None:
    kept = to_json(full_state())
    kept["more"] = {"than": ["this"]}
    sources = kept["sources"]
    assert isinstance(sources, dict)
    for source in sources.values():
        assert isinstance(source, dict)
        source["more"] = 1
    assert from_json(kept) == full_state()


def test_fields_that_were_not_written_have_their_defaults() -> None:
    assert from_json({"version": 1}) == GridState()


SOURCE: dict[str, Json] = {"heard_at": "2026-06-01T10:00:00+00:00"}
SIGNAL: dict[str, Json] = {"source_id": "a", "kind": "block", "received_at": "2026-06-01T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("kept", "place"),
    [
        (None, "grid: None is no object"),
        ([], "grid: .* is no object"),
        ({}, "grid.version: None"),
        ({"version": 2}, "grid.version: 2"),
        ({"version": 1, "sources": []}, "grid.sources: .* is no object"),
        ({"version": 1, "sources": {"a": {"heard_at": 5}}}, "grid.sources.a.heard_at: 5 is no time"),
        ({"version": 1, "sources": {"a": {"heard_at": "2026-06-01T10:00:00"}}}, "has no zone"),
        ({"version": 1, "sources": {"a": {**SOURCE, "signals": {}}}}, "signals: {} is no list"),
        ({"version": 1, "sources": {"a": {"signals": [{}]}}}, r"signals\[0\].source_id: is missing"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "kind": "x"}]}}}, "'x' is no SignalKind"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "kind": []}]}}}, "is no SignalKind"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "value": 5.0}]}}}, "a block has no value"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "value": True}]}}}, "True is no number"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "value": float("nan")}]}}}, "nan is no number"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "raw": 5}]}}}, "5 is no str"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "evse": "CP1"}]}}}, "'CP1' is no EVSE"),
        ({"version": 1, "sources": {"a": {"signals": [{**SIGNAL, "evse": 1}]}}}, "1 is no EVSE"),
        ({"version": 1, "uk": {"seed": 1.5}}, "1.5 is no int"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_place(kept: Json, place: str) -> None:
    with pytest.raises(GridMemoryError, match=place):
        from_json(kept)


def test_what_is_no_value_can_t_be_kept() -> None:
    with pytest.raises(TypeError, match="object can't be kept"):
        to_json(GridState(sources={"a": object()}))  # type: ignore[dict-item]  # on purpose

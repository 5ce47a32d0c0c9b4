"""OCPP's schemas as checks: what they find is told without values, and often enough to help."""

import json

import pytest

from custom_components.smart_charging.engine.csms.schemas import Schemas, schemas_of
from custom_components.smart_charging.engine.model import Json

SAMPLE: dict[str, Json] = {"value": "1"}
NUMBERS: list[Json] = [{"value": 1}] * 90


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return schemas_of("ocpp1.6")


@pytest.mark.parametrize(("protocol", "actions"), [("ocpp1.6", 39), ("ocpp2.0.1", 64), ("ocpp2.1", 91)])
def test_every_message_of_a_version_is_there_with_its_answer(protocol: str, actions: int) -> None:
    book = schemas_of(protocol)
    assert "Heartbeat" in book and "HeartbeatResponse" not in book
    assert len(book._requests) == actions
    assert set(book._responses) <= set(book._requests)


@pytest.mark.parametrize(
    ("payload", "violations"),
    [
        ({"connectorId": 1, "meterValue": [{"timestamp": "2026-06-01T10:00:00Z", "sampledValue": [SAMPLE]}]}, ()),
        ({"connectorId": 1}, ("required meterValue",)),
        ({"connectorId": "SECRET", "meterValue": 5}, ("connectorId type", "meterValue type")),
        (
            {"connectorId": 1, "meterValue": [{"timestamp": "SECRET", "sampledValue": [SAMPLE]}]},
            ("meterValue[].timestamp format",),
        ),
        (
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": "2026-06-01T10:00:00Z", "sampledValue": NUMBERS}],
            },
            ("meterValue[].sampledValue[].value type",),
        ),
    ],
)
def test_violations_tell_place_and_rule_but_no_value(
    payload: dict[str, Json], violations: tuple[str, ...], schemas: Schemas
) -> None:
    assert set(schemas.request_violations("MeterValues", payload)) == set(violations)
    assert "SECRET" not in str(violations)


def test_celsius_is_accepted_in_both_spellings(schemas: Schemas) -> None:
    for unit in ("Celsius", "Celcius"):
        value: Json = {"timestamp": "2026-06-01T10:00:00Z", "sampledValue": [{"value": "1", "unit": unit}]}
        assert schemas.request_violations("MeterValues", {"connectorId": 1, "meterValue": [value]}) == ()


def test_names_of_unknown_fields_are_told_within_bounds(schemas: Schemas) -> None:
    payload: dict[str, Json] = {f"{number:03}" + "x" * 5000: 1 for number in range(300)}
    (told,) = schemas.request_violations("Heartbeat", payload)
    assert told.startswith("additionalProperties 000xxx")
    assert len(told) < 160


def test_value_of_any_depth_is_refused(schemas: Schemas) -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    assert schemas.request_violations("DataTransfer", {"vendorId": deep}) == ("nested too deep",)


def test_schemas_of_a_version_are_made_once() -> None:
    assert schemas_of("ocpp1.6") is schemas_of("ocpp1.6")


def test_large_message_is_told_its_first_violation_only_and_no_name_of_its_own(schemas: Schemas) -> None:
    payload: dict[str, Json] = {"connectorId": "SECRET", "meterValue": 5, "SECRET": 1}
    (told,) = schemas.request_violations("MeterValues", payload, size=5000)
    assert "SECRET" not in told
    assert schemas.response_violations("MeterValues", {"SECRET": 1}, size=5000) == ("additionalProperties SECRET",)


def test_check_is_made_when_its_message_is_first_met() -> None:
    book = Schemas("ocpp2.0.1")
    assert book._requests["Heartbeat"]._check is None
    assert book.request_violations("Heartbeat", {}) == ()
    assert book.request_violations("Heartbeat", {"a": 1}) == ("additionalProperties a",)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
def test_every_check_is_made_and_refuses_what_is_no_message(protocol: str) -> None:
    book = Schemas(protocol)
    for action in book._requests:
        assert book.request_violations(action, {"noSuchField": 1}), action
        assert not book.has_answer(action) or book.response_violations(action, {"noSuchField": 1}), action


def test_only_the_event_stream_has_no_answer() -> None:
    book = schemas_of("ocpp2.1")
    assert [action for action in book._requests if not book.has_answer(action)] == ["NotifyPeriodicEventStream"]
    stream: dict[str, Json] = {"id": 1, "pending": 0, "basetime": "2026-06-01T10:00:00Z", "data": [{"t": 0, "v": "1"}]}
    assert book.request_violations("NotifyPeriodicEventStream", stream) == ()
    assert book.request_violations("NotifyPeriodicEventStream", stream | {"data": []}) == ("data minItems",)
    assert book.response_violations("NotifyPeriodicEventStream", {"any": 1}) == ()

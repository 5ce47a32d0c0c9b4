"""Records as text: exact in every digit, without names, and read only as they were written."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.charge_record import ChargeRecord, DayEnergy, LineKind, RecordLine
from custom_components.smart_charging.engine.driver import Group, WeeklyWindow
from custom_components.smart_charging.engine.ledger.record_json import decode_record, encode_record, text_hash
from custom_components.smart_charging.engine.model import StoreError
from custom_components.smart_charging.engine.recorded_json import Decoder, Encoder, RecordedJsonError
from custom_components.smart_charging.engine.usage import EnergySource, SignedMark

from .billing_builders import JUNE, charged

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**12), max_value=10**12)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
names = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC, fold=0))
lines = st.builds(
    RecordLine,
    kind=st.sampled_from(LineKind),
    day=days,
    quantity=amounts,
    unit_price=st.none() | amounts,
    net=amounts,
    vat=amounts,
    gross=amounts,
    vat_percent=amounts,
    source=st.none() | st.sampled_from(EnergySource),
)
energies = st.builds(DayEnergy, day=days, energy_wh=amounts, solar_wh=amounts, battery_wh=amounts, grid_wh=amounts)


@st.composite
def records(draw: st.DrawFn) -> ChargeRecord:
    return replace(
        charged(),
        energy_wh=draw(amounts),
        days=tuple(draw(st.lists(energies, max_size=3))),
        lines=tuple(draw(st.lists(lines, max_size=3))),
        driver_name=draw(names),
        token_label=draw(names),
        vehicle_name=draw(names),
        vehicle_id=draw(st.none() | st.just("v1")),
        meter_start_wh=draw(st.none() | amounts),
        signed=draw(st.sampled_from(SignedMark)),
        lost=draw(st.booleans()),
        made_at=draw(st.none() | times),
        started_at=draw(times),
    )


def digits(record: object) -> str:
    """Return all that a record says, with every digit of its numbers."""
    return repr(record)


@settings(max_examples=50)
@given(records())
def test_a_record_comes_back_in_every_digit(record: ChargeRecord) -> None:
    frozen = encode_record(record)
    words = {one.digest: json.loads(one.content) for one in frozen.commitments}
    assert digits(decode_record(frozen.text, words)) == digits(record)
    assert frozen.hash == text_hash(frozen.text)
    assert frozen.text.isascii()


@settings(max_examples=50)
@given(records())
def test_without_the_words_the_same_text_tells_all_but_names(record: ChargeRecord) -> None:
    frozen = encode_record(record)
    bare = decode_record(frozen.text, {})
    assert bare == replace(record, driver_name=None, token_label=None, vehicle_name=None)
    for word in (record.driver_name, record.token_label, record.vehicle_name):
        assert word is None or len(word) < 4 or word not in frozen.text


def test_the_same_words_are_hidden_differently_each_time() -> None:
    first, second = encode_record(charged()), encode_record(charged())
    assert first.text != second.text
    assert {one.digest for one in first.commitments}.isdisjoint({one.digest for one in second.commitments})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ValueError):
        encode_record(charged(energy_wh=Decimal(number)))


def spoilt(**changes: Any) -> str:
    said = json.loads(encode_record(charged(name=None)).text)
    return json.dumps(said | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        spoilt(energy_wh=1.5),
        spoilt(energy_wh="NaN"),
        spoilt(energy_wh="much"),
        spoilt(days=[{"day": "2026-13-01", "energy_wh": "1"}]),
        spoilt(started_at="2026-06-01T08:00:00"),
        spoilt(version="1"),
        spoilt(surprise=1),
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        decode_record(text, {})


def test_a_field_that_has_its_default_is_not_written() -> None:
    """So that a record reads and hashes the same once a later version has more fields."""
    said = json.loads(encode_record(charged(name=None)).text)
    assert "lost" not in said
    assert "meter_start_wh" not in said
    assert json.loads(encode_record(charged(lost=True)).text)["lost"] is True
    zeros = charged(days=((JUNE, "0.00"),))
    assert decode_record(encode_record(zeros).text, {}).days == zeros.days


def test_times_of_day_sets_and_bytes_come_back() -> None:
    group = Group(
        "g", "G", stations=frozenset({"b", "a"}), hours=(WeeklyWindow(time(22, 30), time(6), frozenset({6, 0})),)
    )
    for sparse in (False, True):
        said = Encoder(sparse=sparse).encode(group)
        assert Decoder().decode(Group, said, "group") == group
    assert len(fields(group)) == len(json.loads(json.dumps(Encoder().encode(group))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hours", [{"start": "25:00", "end": "06:00"}]),
        ("stations", "CP1"),
        ("employer_share", 1),
        ("employer_share", "2"),
    ],
)
def test_what_is_no_group_is_refused_with_the_field(field: str, value: Any) -> None:
    with pytest.raises(RecordedJsonError, match="group"):
        Decoder().decode(Group, {"group_id": "g", "name": "G", field: value}, "group")


def test_a_zone_is_needed_and_kept_as_utc_by_the_ledger() -> None:
    record = charged(started_at=datetime(2026, 6, 1, 8, tzinfo=UTC) + timedelta(microseconds=1))
    assert decode_record(encode_record(record).text, {}).started_at == record.started_at

"""Statements as JSON: all of them and nothing else, and a hash that sees any change."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
import hashlib
import json
import string

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.statement_json import (
    canonical_json,
    statement_from_json,
    statement_hash,
    statement_to_json,
    verify,
)
from custom_components.smart_charging.engine.charge_record import DayEnergy, Statement
from tests.engine.billing.statement_builders import employer_statement, record, rich_statement, statement

FULL = (rich_statement(), employer_statement())


OTHER_SCALARS: dict[type, Callable[..., tuple[object, ...]]] = {
    str: lambda value: (value + " ",),
    bool: lambda value: (not value,),
    int: lambda value: (value + 1,),
    Decimal: lambda value: (value + Decimal("0.0001"), Decimal(f"{value:f}{'0' if '.' in f'{value:f}' else '.0'}")),
    datetime: lambda value: (value + timedelta(microseconds=1),),
    date: lambda value: (value + timedelta(days=1),),
    bytes: lambda value: (value + b"x",),
    dict: lambda value: (value | {"x": "y"},),
    type(None): lambda value: ("x",),
}


def _others(value: object) -> Iterator[object]:
    """Give values that differ from one, in what it says or in how it is written."""
    if isinstance(value, StrEnum):
        yield next(other for other in type(value) if other is not value)
    elif isinstance(value, tuple):
        yield (*value, *value[:1]) if value else ("x",)
        for index, one in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield from ((*value[:index], other, *value[index + 1 :]) for other in _others(one))
    elif is_dataclass(value):
        for one in fields(value):
            if one.name != "hash":
                yield from (replace(value, **{one.name: other}) for other in _others(getattr(value, one.name)))
    else:
        yield from OTHER_SCALARS[type(value)](value)


@pytest.mark.parametrize("original", FULL, ids=lambda made: made.kind.value)
def test_hash_sees_any_change_of_any_field(original: Statement) -> None:
    changed = 0
    seen = {original.hash}
    for other in _others(original):
        assert isinstance(other, Statement)
        assert statement_hash(other) not in seen
        assert not verify(other)
        changed += 1
    assert changed > 300
    assert verify(original)


def test_hash_is_that_of_the_canonical_json_without_it() -> None:
    content = json.loads(canonical_json(FULL[0]))
    told = content.pop("hash")

    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == told == FULL[0].hash


def test_statements_are_chained() -> None:
    first = statement([record(1, (date(2026, 6, 1), "1"))])
    second = statement([record(2, (date(2026, 6, 1), "1"))], previous_hash=first.hash)

    assert second.hash != statement([record(2, (date(2026, 6, 1), "1"))]).hash
    assert json.loads(canonical_json(second))["previous_hash"] == first.hash


@pytest.mark.parametrize("original", FULL, ids=lambda made: made.kind.value)
def test_json_holds_all_of_a_statement_in_one_form(original: Statement) -> None:
    text = canonical_json(original)
    again = statement_from_json(json.loads(text))

    assert again == original
    assert canonical_json(again) == text
    assert verify(again)
    assert not any(isinstance(leaf, float) for leaf in _leaves(json.loads(text)))


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def test_time_of_any_zone_is_kept_as_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    made = statement([], issued_at=datetime(2026, 7, 1, 0, 0, tzinfo=zone))

    assert statement_to_json(made)["issued_at"] == "2026-06-30T18:15:00+00:00"
    assert statement_from_json(statement_to_json(made)) == made


numbers = st.decimals(allow_nan=False, allow_infinity=False)
times = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        replace,
        st.sampled_from(FULL),
        number=texts,
        subject_name=texts,
        issued_at=times,
        gross=numbers,
        start=st.dates(),
        rate=st.none() | numbers,
        details=st.dictionaries(texts, texts, max_size=3),
        previous_hash=st.text(string.hexdigits, max_size=64),
        energy_wh=numbers,
    )
)
def test_json_round_trip_is_exact(made: Statement) -> None:
    again = statement_from_json(json.loads(canonical_json(made)))

    assert again == made
    assert (str(again.gross), str(again.rate)) == (str(made.gross), str(made.rate))
    assert statement_hash(again) == statement_hash(made)


def _places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in parts:
        yield from _places(one, (*path, name))


PLACES = tuple(_places(statement_to_json(FULL[0])))
nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES), nonsense)
def test_what_is_no_statement_is_refused_with_a_value_error(place: tuple[str | int, ...], wrong: object) -> None:
    data: object = json.loads(canonical_json(FULL[0]))
    inner = data
    for name in place[:-1]:
        inner = inner[name]  # type: ignore[index]
    if place:
        inner[place[-1]] = wrong  # type: ignore[index]
    else:
        data = wrong
    try:
        read = statement_from_json(data)  # type: ignore[arg-type]
    except ValueError:
        return
    assert read == FULL[0] or not verify(read)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gross", 12.5),
        ("gross", "NaN"),
        ("gross", "much"),
        ("issued_at", "2026-07-01T00:00:00"),
        ("issued_at", "0001-01-01T00:00:00+14:00"),
        ("issued_at", 3),
        ("start", "2026-13-01"),
        ("of", "planet"),
        ("issuer", {"name": "x", "logo": "?"}),
        ("details", {"x": 1}),
        ("records", {}),
        ("unheard_of", "x"),
        ("format_version", 2),
        ("format", "smart_charging.grid_proof"),
    ],
)
def test_fields_of_a_wrong_kind_are_refused(name: str, wrong: object) -> None:
    data = json.loads(canonical_json(FULL[0]))
    data[name] = wrong

    with pytest.raises(ValueError):
        statement_from_json(data)


def test_statement_lacks_no_field() -> None:
    data = json.loads(canonical_json(FULL[0]))
    del data["records"][0]["record"]["currency"]

    with pytest.raises(ValueError, match="ChargeRecord of a statement lacks a field"):
        statement_from_json(data)


def test_what_has_no_one_form_is_not_hashed() -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        statement_hash(replace(FULL[0], gross=Decimal("NaN")))
    with pytest.raises(ValueError, match="times with a zone"):
        statement_hash(replace(FULL[0], issued_at=datetime(2026, 7, 1)))
    with pytest.raises(TypeError, match="holds no float"):
        statement_hash(replace(FULL[0], gross=1.5))  # type: ignore[arg-type]


def test_field_with_its_default_is_left_out_but_not_one_that_is_only_equal_to_it() -> None:
    day = date(2026, 6, 3)
    plain = DayEnergy(day=day, energy_wh=Decimal(1), solar_wh=Decimal(0))
    exact = DayEnergy(day=day, energy_wh=Decimal(1), solar_wh=Decimal("0.0"))
    made = statement([replace(record(1, (day, "1")), days=(one,)) for one in (plain,)])
    other = statement([replace(record(1, (day, "1")), days=(one,)) for one in (exact,)])

    assert "solar_wh" not in json.loads(canonical_json(made))["records"][0]["days"][0]
    assert json.loads(canonical_json(other))["records"][0]["days"][0]["solar_wh"] == "0.0"
    assert made.hash != other.hash

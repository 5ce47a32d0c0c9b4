"""Tariffs as JSON: OCPI's own objects are read, what can't be is refused by its place, and writing is read the same."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
import json
from pathlib import Path

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.json_reading import TariffError, TariffFault
from custom_components.smart_charging.engine.billing.tariff_check import check_tariff
from custom_components.smart_charging.engine.billing.tariff_json import (
    not_kept,
    parse_tariff,
    read_tariff,
    write_tariff,
)
from custom_components.smart_charging.engine.tariff import DayOfWeek, MarketPrice, RoundingPlace, Tariff
from custom_components.smart_charging.engine.usage import EnergySource

from .stays import ENERGY, FLAT, NOON, PARKING, TIME, element, in_turn, price, record, tariff
from .strategies import tariffs

D = Decimal
VALID = datetime(2026, 1, 1, tzinfo=UTC)


def component(kind: str, amount: float, vat: float | None = None, step: int = 1) -> dict[str, object]:
    found: dict[str, object] = {"type": kind, "price": amount, "step_size": step}
    return found if vat is None else found | {"vat": vat}


def ocpi(*elements: dict[str, object], **beside: object) -> dict[str, object]:
    head = {"country_code": "DE", "party_id": "ALL", "id": "14", "currency": "EUR"}
    return head | {"elements": list(elements), "last_updated": "2015-06-29T20:39:09Z"} | beside


# The objects of OCPI 2.2.1's examples, by their facts.
START = {"price_components": [component("FLAT", 0.5, 20.0), component("ENERGY", 0.25, 10.0)]}
EXAMPLES = {
    "tariff_1_simple_2hour": ocpi({"price_components": [component("TIME", 2.0, 10.0, 60)]}),
    "tariff_2_alt_text": ocpi(
        {"price_components": [component("TIME", 1.9, 5.2, 300)]},
        tariff_alt_text=[{"language": "en", "text": "2.00 p/hour"}, {"language": "nl", "text": "2.00 p/uur"}],
    ),
    "tariff_3_alt_url": ocpi(
        {"price_components": [component("ENERGY", 0.25, 10.0, 100)]},
        type="PROFILE_CHEAP",
        tariff_alt_url="https://company.com/tariffs/13",
    ),
    "tariff_4_complex": ocpi(
        {"price_components": [component("FLAT", 2.5, 15.0)]},
        {"price_components": [component("TIME", 1.0, 20.0, 900)], "restrictions": {"max_current": 32.0}},
        {
            "price_components": [component("TIME", 2.0, 20.0, 600)],
            "restrictions": {"min_current": 32.0, "day_of_week": ["MONDAY", "FRIDAY"]},
        },
        {
            "price_components": [component("PARKING_TIME", 6.0, 10.0, 300)],
            "restrictions": {"start_time": "10:00", "end_time": "17:00", "day_of_week": ["SATURDAY"]},
        },
        type="REGULAR",
    ),
    "tariff_5_free_of_charge": ocpi({"price_components": [component("FLAT", 0.0, None, 0)]}),
    "tariff_6_025kwh_start_max_price": ocpi(
        START, max_price={"excl_vat": 10, "incl_vat": 11}, end_date_time="2019-06-30T23:59:59Z"
    ),
    "tariff_7_first_hour_kwh_free": ocpi(
        {
            "price_components": [component("PARKING_TIME", 0.0, None, 60)],
            "restrictions": {"min_duration": 0, "max_duration": 3600},
        },
        {"price_components": [component("ENERGY", 0.0)], "restrictions": {"max_kwh": 1.0}},
        {"price_components": [component("ENERGY", 0.2)], "restrictions": {"min_kwh": 1.0}},
    ),
    "tariff_12_025kwh_min_price": ocpi(
        {"price_components": [component("ENERGY", 0.25, 10.0)]}, min_price={"excl_vat": 0.5, "incl_vat": 0.55}
    ),
    "tariff_16_reservation": ocpi(
        {
            "price_components": [component("FLAT", 2.0, 20.0), component("TIME", 5.0, 20.0, 300)],
            "restrictions": {"reservation": "RESERVATION"},
        },
        START,
    ),
}


def parse(data: object) -> Tariff:
    return parse_tariff(data, version=1, valid_from=VALID)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_ocpi_are_read(name: str) -> None:
    found = parse(EXAMPLES[name])
    assert (found.tariff_id, found.name, found.currency, found.valid_from, found.vat_included) == (
        "14",
        "14",
        "EUR",
        VALID,
        False,
    )
    assert read_tariff(json.dumps(EXAMPLES[name]), version=1, valid_from=VALID) == found


def test_what_is_read_is_what_is_told() -> None:
    found = parse(EXAMPLES["tariff_4_complex"])
    assert found.elements[0] == element(price(FLAT, "2.5", vat=D(15)))
    assert found.elements[2] == element(
        price(TIME, "2", vat=D(20), step_size=600),
        min_current=D(32),
        day_of_week=frozenset({DayOfWeek.MONDAY, DayOfWeek.FRIDAY}),
    )
    assert found.elements[3].restrictions.start_time == time(10)
    assert parse(EXAMPLES["tariff_2_alt_text"]).text == "2.00 p/hour"
    assert parse(EXAMPLES["tariff_6_025kwh_start_max_price"]).max_price == 10
    assert record(in_turn(NOON, (60, "30000")), parse(EXAMPLES["tariff_6_025kwh_start_max_price"])).gross == D("8.85")


def test_reservations_are_left_out_and_told() -> None:
    example = EXAMPLES["tariff_16_reservation"]
    assert len(parse(example).elements) == 1
    assert not_kept(example) == ("country_code", "party_id", "last_updated", "elements[0]")
    assert not_kept({"id": "1"}) == ()


@given(tariffs())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_the_same(by: Tariff) -> None:
    try:
        check_tariff(by)
    except TariffError:
        return
    by = replace(by, text="A text", valid_from=VALID)
    data = json.loads(
        json.dumps(write_tariff(by, country_code="DE", party_id="ABC", last_updated=VALID, language="en"))
    )
    assert parse_tariff(data, version=by.version, valid_from=datetime(1999, 1, 1, tzinfo=UTC)) == by


def test_a_tariff_with_all_there_is_is_written_and_read() -> None:
    market = MarketPrice(D("0.3"), D("1.19"), D("-0.0123"), D("-0.1"), D("0.9"))
    by = tariff(
        element(
            price(ENERGY, "0.1", source=EnergySource.SOLAR, vat=D(7)),
            price(ENERGY, "0.333333", market=market),
            price(PARKING, "6", grace_s=900, cap=D("12.5"), step_size=60),
            start_time=time(22),
            end_time=time(6, 30),
            start_date=date(2026, 1, 1),
            end_date=date(2027, 1, 1),
            min_power=D(3),
            max_power=D("11.5"),
            min_duration=60,
            day_of_week=frozenset({DayOfWeek.SUNDAY}),
        ),
        vat=D(19),
        min_price=D("0.5"),
        max_price=D(50),
        rounding=RoundingPlace.TOTAL,
    )
    data = write_tariff(by, country_code="DE", party_id="ABC", last_updated=VALID, language="de")
    assert isinstance(data, dict)
    assert data["max_price"] == {"excl_vat": 42.0168, "incl_vat": 50}
    assert json.loads(json.dumps(data))["elements"][0]["price_components"][0] == {
        "type": "ENERGY",
        "price": 0.0935,
        "vat": 7,
        "step_size": 1,
        "smart_charging": {"price_incl_vat": 0.1, "source": "solar"},
    }
    assert parse_tariff(data, version=3, valid_from=VALID) == by


OWN = ocpi({"price_components": [component("ENERGY", 0.25) | {"smart_charging": {"market": {"fallback": 0.3}}}]})
FIRST = ("elements", 0, "price_components", 0)
IN = "elements[0].price_components[0]"
REFUSED: list[tuple[tuple[object, ...], object, str, TariffFault]] = [
    ((), [], "", TariffFault.NOT_AN_OBJECT),
    (("id",), None, "id", TariffFault.MISSING),
    (("id",), 5, "id", TariffFault.NOT_A_TEXT),
    (("id",), " ", "id", TariffFault.EMPTY),
    (("id",), "x" * 37, "id", TariffFault.TOO_LONG),
    (("currency",), "eur", "currency", TariffFault.UNKNOWN_VALUE),
    (("colour",), "red", "colour", TariffFault.UNKNOWN_FIELD),
    (("start_date_time",), "yesterday", "start_date_time", TariffFault.NOT_A_DATE_TIME),
    (("start_date_time",), "0001-01-01T00:00:00+09:00", "start_date_time", TariffFault.NOT_A_DATE_TIME),
    (("min_price",), {"incl_vat": 1}, "min_price.excl_vat", TariffFault.MISSING),
    (("tariff_alt_text",), [{"language": "en"}], "tariff_alt_text[0].text", TariffFault.MISSING),
    (("elements",), [], "elements", TariffFault.EMPTY),
    (("elements",), {}, "elements", TariffFault.NOT_A_LIST),
    (("elements",), [{}] * 101, "elements", TariffFault.TOO_MANY),
    (("elements",), ["x"], "elements[0]", TariffFault.NOT_AN_OBJECT),
    (
        ("elements", 0, "price_components"),
        [component("FLAT", 1)] * 21,
        "elements[0].price_components",
        TariffFault.TOO_MANY,
    ),
    (
        ("elements", 0, "price_components"),
        [component("FLAT", 1)] * 2,
        "elements[0].price_components[1].type",
        TariffFault.CONTRADICTION,
    ),
    (("elements", 0, "restrictions"), {"reservation": "RESERVATION"}, "elements", TariffFault.EMPTY),
    ((*FIRST, "type"), "GAS", f"{IN}.type", TariffFault.UNKNOWN_VALUE),
    ((*FIRST, "price"), None, f"{IN}.price", TariffFault.MISSING),
    ((*FIRST, "price"), "0.25", f"{IN}.price", TariffFault.NOT_A_NUMBER),
    ((*FIRST, "price"), True, f"{IN}.price", TariffFault.NOT_A_NUMBER),
    ((*FIRST, "price"), float("nan"), f"{IN}.price", TariffFault.NOT_A_NUMBER),
    ((*FIRST, "price"), D("Infinity"), f"{IN}.price", TariffFault.NOT_A_NUMBER),
    ((*FIRST, "price"), 1e7, f"{IN}.price", TariffFault.TOO_BIG),
    ((*FIRST, "price"), D("1e999999"), f"{IN}.price", TariffFault.TOO_BIG),
    ((*FIRST, "price"), D("1e-999999"), f"{IN}.price", TariffFault.TOO_PRECISE),
    ((*FIRST, "price"), 0.1234567, f"{IN}.price", TariffFault.TOO_PRECISE),
    ((*FIRST, "vat"), -1, f"{IN}.vat", TariffFault.TOO_SMALL),
    ((*FIRST, "vat"), 101, f"{IN}.vat", TariffFault.TOO_BIG),
    ((*FIRST, "step_size"), 1.5, f"{IN}.step_size", TariffFault.NOT_A_WHOLE_NUMBER),
    ((*FIRST, "step_size"), None, f"{IN}.step_size", TariffFault.MISSING),
    ((*FIRST, "smart_charging", "source"), "unknown", f"{IN}.smart_charging.source", TariffFault.UNKNOWN_VALUE),
    ((*FIRST, "smart_charging", "speed"), 1, f"{IN}.smart_charging.speed", TariffFault.UNKNOWN_FIELD),
    ((*FIRST, "smart_charging", "cap"), 1, f"{IN}.smart_charging.cap", TariffFault.NOT_FOR_THIS_TYPE),
    ((*FIRST, "smart_charging", "grace_s"), 1, f"{IN}.smart_charging.grace_s", TariffFault.NOT_FOR_THIS_TYPE),
    ((*FIRST, "type"), "TIME", f"{IN}.smart_charging.market", TariffFault.NOT_FOR_THIS_TYPE),
    ((*FIRST, "smart_charging", "market"), {}, f"{IN}.smart_charging.market.fallback", TariffFault.MISSING),
    (
        (*FIRST, "smart_charging", "market"),
        {"fallback": 1, "floor": 2, "cap": 1},
        f"{IN}.smart_charging.market.cap",
        TariffFault.CONTRADICTION,
    ),
    (("smart_charging",), {"vat_included": 1}, "smart_charging.vat_included", TariffFault.NOT_A_BOOLEAN),
    (("smart_charging",), {"vat_included": True}, f"{IN}.smart_charging.price_incl_vat", TariffFault.MISSING),
    (("smart_charging",), {"rounding": "up"}, "smart_charging.rounding", TariffFault.UNKNOWN_VALUE),
    (("smart_charging",), {"x": 1}, "smart_charging.x", TariffFault.UNKNOWN_FIELD),
    (
        ("elements", 0, "restrictions"),
        {"start_time": "24:00"},
        "elements[0].restrictions.start_time",
        TariffFault.NOT_A_TIME,
    ),
    (
        ("elements", 0, "restrictions"),
        {"start_date": "2026-02-30"},
        "elements[0].restrictions.start_date",
        TariffFault.NOT_A_DATE,
    ),
    (("elements", 0, "restrictions"), {"start_date": 5}, "elements[0].restrictions.start_date", TariffFault.NOT_A_DATE),
    (
        ("elements", 0, "restrictions"),
        {"day_of_week": ["TODAY"]},
        "elements[0].restrictions.day_of_week[0]",
        TariffFault.UNKNOWN_VALUE,
    ),
    (("elements", 0, "restrictions"), {"max_kwh": 0}, "elements[0].restrictions.max_kwh", TariffFault.CONTRADICTION),
    (
        ("elements", 0, "restrictions"),
        {"min_power": 5, "max_power": 5},
        "elements[0].restrictions.max_power",
        TariffFault.CONTRADICTION,
    ),
    (
        ("elements", 0, "restrictions"),
        {"start_date": "2026-02-01", "end_date": "2026-02-01"},
        "elements[0].restrictions.end_date",
        TariffFault.CONTRADICTION,
    ),
    (
        ("elements", 0, "tariff_restrictions"),
        {"max_kwh": 1},
        "elements[0].tariff_restrictions",
        TariffFault.UNKNOWN_FIELD,
    ),
]


@pytest.mark.parametrize(("where", "value", "path", "code"), REFUSED)
def test_what_cannot_be_is_refused_with_its_place(
    where: tuple[object, ...], value: object, path: str, code: TariffFault
) -> None:
    data: object = deepcopy(OWN)
    if where:
        inner: object = data
        for name in where[:-1]:
            inner = inner.setdefault(name, {}) if isinstance(inner, dict) else inner[name]  # type: ignore[index]
        inner[where[-1]] = value  # type: ignore[index]
    else:
        data = value
    with pytest.raises(TariffError) as refused:
        parse(data)
    assert (refused.value.path, refused.value.code) == (path, code)
    assert code.value in str(refused.value)


def test_prices_of_both_kinds_must_fit_each_other() -> None:
    one = component("ENERGY", 0.25, 19) | {"smart_charging": {"price_incl_vat": 0.2975}}
    beside = {"vat_included": True}
    assert parse(ocpi({"price_components": [one]}, smart_charging=beside)).elements[0].components[0].price == D(
        "0.2975"
    )
    with pytest.raises(TariffError) as refused:
        parse(ocpi({"price_components": [one | {"price": 0.35}]}, smart_charging=beside))
    assert (refused.value.path, refused.value.code) == (f"{IN}.price", TariffFault.CONTRADICTION)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", TariffFault.NOT_JSON),
        ("[" * 100_000, TariffFault.NOT_JSON),
        ('{"id":"' + "x" * 300_000 + '"}', TariffFault.TOO_LARGE),
        ('{"id":"1","currency":"EUR","elements":' + "9" * 5000 + "}", TariffFault.NOT_JSON),
    ],
)
def test_text_that_is_no_tariff_is_refused(text: str, code: TariffFault) -> None:
    with pytest.raises(TariffError) as refused:
        read_tariff(text, version=1, valid_from=VALID)
    assert (refused.value.path, refused.value.code) == ("", code)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda by: replace(by, elements=()), "elements"),
        (lambda by: replace(by, vat=D(-1)), "smart_charging.vat"),
        (lambda by: replace(by, min_price=D("NaN")), "min_price"),
        (lambda by: replace(by, elements=(element(price(FLAT, "Infinity")),)), "elements[0].price_components[0].price"),
        (
            lambda by: replace(by, elements=(element(price(FLAT, "1", vat=D(101))),)),
            "elements[0].price_components[0].vat",
        ),
        (
            lambda by: replace(by, elements=(element(price(PARKING, "1", cap=D("0.0000001"))),)),
            "elements[0].price_components[0].smart_charging.cap",
        ),
        (
            lambda by: replace(by, elements=(element(price(ENERGY, "1", market=MarketPrice(D("NaN")))),)),
            "elements[0].price_components[0].smart_charging.market.fallback",
        ),
        (
            lambda by: replace(by, elements=(element(price(FLAT, "1"), min_kwh=D(-1)),)),
            "elements[0].restrictions.min_kwh",
        ),
        (lambda by: replace(by, elements=(element(),)), "elements[0].price_components"),
        (lambda by: replace(by, min_price=D(2), max_price=D(1)), "max_price"),
        (
            lambda by: replace(by, elements=(element(price(FLAT, "1"), start_time=time(1, 2, 3)),)),
            "elements[0].restrictions.start_time",
        ),
    ],
)
def test_a_tariff_that_makes_no_sense_is_refused(change: Callable[[Tariff], Tariff], path: str) -> None:
    with pytest.raises(TariffError) as refused:
        check_tariff(change(tariff(element(price(FLAT, "1")))))
    assert refused.value.path == path


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    (
                        "id",
                        "currency",
                        "elements",
                        "price_components",
                        "type",
                        "price",
                        "smart_charging",
                        "restrictions",
                    )
                ),
                one,
                max_size=5,
            )
        ),
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_is_read_or_refused(data: object) -> None:
    with suppress(TariffError):
        assert parse(data).elements


def test_the_example_of_the_docs_is_a_tariff() -> None:
    text = (Path(__file__).parents[3] / "docs/tariffs.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]
    assert read_tariff(example, version=1, valid_from=VALID).elements[0].components[0].price == D("0.12")

"""Statements as CDRs: against the rules of OCPI 2.2.1, and what they say."""

from dataclasses import replace
from datetime import date
import json

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.billing.ocpi_cdr import OcpiConnector, OcpiExport, OcpiPlace, ocpi_cdrs
from custom_components.smart_charging.engine.billing.statement import listed_in, make_statement
from custom_components.smart_charging.engine.charge_record import LineKind
from custom_components.smart_charging.engine.id_token import TokenType
from custom_components.smart_charging.engine.model import Json
from tests.engine.billing.ocpi_rules import wrong_in_cdr
from tests.engine.billing.statement_builders import (
    JULY,
    employer_statement,
    other_line,
    record,
    request,
    rich_statement,
    statement,
)

PLACE = OcpiPlace(
    address="Am Weiher 7",
    city="Starnberg",
    country="DEU",
    latitude="47.99732",
    longitude="11.34105",
    postal_code="82319",
)
EXPORT = OcpiExport(country_code="DE", party_id="SOH", place=PLACE)
JUNE_3 = date(2026, 6, 3)
TARIFF: Json = {
    "country_code": "DE",
    "party_id": "SOH",
    "id": "home",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.2521, "vat": 19, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize("made", [rich_statement(), employer_statement()], ids=lambda made: made.kind.value)
def test_each_cdr_keeps_to_the_rules(made) -> None:  # type: ignore[no-untyped-def]
    cdrs = ocpi_cdrs(made, EXPORT)

    assert len(cdrs) == len(made.records)
    assert [wrong_in_cdr(cdr) for cdr in cdrs] == [[]] * len(cdrs)
    assert len({cdr["id"] for cdr in cdrs}) == len(cdrs)
    assert json.loads(json.dumps(cdrs, allow_nan=False)) == cdrs


def test_the_rules_find_what_is_wrong() -> None:
    (cdr,) = ocpi_cdrs(statement([record(1, (JUNE_3, "1"))]), EXPORT)
    wrong: tuple[dict[str, object], ...] = (
        {"id": "x" * 37},
        {"id": "ü"},
        {"total_energy": "1"},
        {"total_energy": 0.00001},
        {"total_cost": {}},
        {"currency": "Euro"},
        {"end_date_time": "2026-06-03T19:00:00+00:00"},
        {"charging_periods": []},
        {"auth_method": "RFID"},
        {"credit": True},
        {"colour": "red"},
        {"home_charging_compensation": "no"},
    )

    assert all(wrong_in_cdr(cdr | change) for change in wrong)
    assert wrong_in_cdr({name: value for name, value in cdr.items() if name != "cdr_location"})


def test_what_a_cdr_says() -> None:
    stay = replace(
        record(7, (JUNE_3, "12.345")),
        lines=(*record(7, (JUNE_3, "12.345")).lines, other_line(LineKind.FLAT, JUNE_3, "1.00")),
    )
    export = replace(EXPORT, token_types={"token-1": TokenType.RFID}, tariffs={("home", 1): TARIFF})
    (cdr,) = ocpi_cdrs(statement([stay]), export)

    assert cdr == {
        "country_code": "DE",
        "party_id": "SOH",
        "id": "r7",
        "start_date_time": "2026-06-03T16:00:00Z",
        "end_date_time": "2026-06-03T19:00:00Z",
        "session_id": "7",
        "cdr_token": {
            "country_code": "DE",
            "party_id": "SOH",
            "uid": "token-1",
            "type": "RFID",
            "contract_id": "anna",
        },
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "home",
            "name": "Sonnenhof",
            "address": "Am Weiher 7",
            "city": "Starnberg",
            "postal_code": "82319",
            "country": "DEU",
            "coordinates": {"latitude": "47.99732", "longitude": "11.34105"},
            "evse_uid": "CP1/1",
            "evse_id": "DE*SOH*ECP1*1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "CABLE",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "tariffs": [TARIFF],
        "charging_periods": [
            {
                "start_date_time": "2026-06-03T16:00:00Z",
                "dimensions": [
                    {"type": "ENERGY", "volume": 12.345},
                    {"type": "TIME", "volume": 2.5},
                    {"type": "PARKING_TIME", "volume": 0.5},
                ],
                "tariff_id": "home",
            }
        ],
        "total_cost": {"excl_vat": 3.95, "incl_vat": 4.7},
        "total_fixed_cost": {"excl_vat": 0.84, "incl_vat": 1.0},
        "total_energy": 12.345,
        "total_energy_cost": {"excl_vat": 3.11, "incl_vat": 3.7},
        "total_time": 3.0,
        "total_parking_time": 0.5,
        "home_charging_compensation": False,
        "invoice_reference_id": "2026-0001",
        "last_updated": "2026-07-01T08:00:00Z",
    }
    assert wrong_in_cdr(cdr) == []


def test_credit_cdr_names_the_one_it_takes_back_and_only_its_cost_is_negative() -> None:
    wrong, right = record(1, (JUNE_3, "10")), record(1, (JUNE_3, "8"), version=2)
    june = statement([wrong])
    july = make_statement(request(JULY, "2026-0002"), [right], listed_in(june))
    (first,) = ocpi_cdrs(june, EXPORT)
    credit, new = ocpi_cdrs(july, EXPORT)

    assert (credit["id"], credit["credit"], credit["credit_reference_id"]) == ("r1-C", True, first["id"])
    assert credit["total_cost"] == {"excl_vat": -2.52, "incl_vat": -3.0}
    told_apart = {"id", "credit", "credit_reference_id", "total_cost", "invoice_reference_id", "last_updated"}
    assert {name: credit[name] for name in credit.keys() - told_apart} == {
        name: first[name] for name in first.keys() - told_apart
    }
    assert (new["id"], "credit" in new, new["total_energy"]) == ("r1.2", False, 8.0)


def test_parts_of_a_stay_are_cdrs_of_their_own_that_sum_to_it() -> None:
    stay = record(1, (date(2026, 6, 30), "6"), (date(2026, 7, 1), "7"))
    june = statement([stay])
    july = make_statement(request(JULY, "2026-0002"), [stay], listed_in(june))
    corrected = replace(stay, version=2)
    august = make_statement(
        request((date(2026, 8, 1), date(2026, 8, 31)), "2026-0003"), [corrected], [*listed_in(june), *listed_in(july)]
    )
    (first,), (second,) = ocpi_cdrs(june, EXPORT), ocpi_cdrs(july, EXPORT)

    assert (first["id"], second["id"]) == ("r1@2026-0001", "r1@2026-0002")
    assert (first["start_date_time"], first["end_date_time"]) == ("2026-06-30T16:00:00Z", "2026-06-30T22:00:00Z")
    assert (second["start_date_time"], second["end_date_time"]) == ("2026-06-30T22:00:00Z", "2026-07-01T19:00:00Z")
    assert (first["total_energy"], second["total_energy"]) == (6.0, 7.0)
    assert "total_parking_time" not in first
    last = ocpi_cdrs(august, EXPORT)
    assert [cdr.get("credit_reference_id") for cdr in last] == [first["id"], second["id"], None]
    assert [wrong_in_cdr(cdr) for cdr in (first, second, *last)] == [[]] * 5


def test_each_day_of_a_stay_is_a_period() -> None:
    days = (date(2026, 6, 3), date(2026, 6, 4), date(2026, 6, 5))
    (cdr,) = ocpi_cdrs(statement([record(1, *((day, "2") for day in days))]), EXPORT)

    assert cdr["charging_periods"] == [
        {
            "start_date_time": start,
            "dimensions": [{"type": "ENERGY", "volume": 2.0}],
            "tariff_id": "home",
        }
        for start in ("2026-06-03T16:00:00Z", "2026-06-03T22:00:00Z", "2026-06-04T22:00:00Z")
    ]


def test_record_for_an_employer_is_a_compensation_of_home_charging() -> None:
    assert {cdr["home_charging_compensation"] for cdr in ocpi_cdrs(employer_statement(), EXPORT)} == {True}


def test_stay_without_token_and_tariff() -> None:
    stay = replace(
        record(1, (JUNE_3, "0")),
        days=(),
        lines=(other_line(LineKind.FLAT, JUNE_3, "1.00"),),
        token_id=None,
        driver_id=None,
        tariff_id=None,
    )
    (cdr,) = ocpi_cdrs(
        statement([stay], of="site", subject_id="home"), replace(EXPORT, place=replace(PLACE, postal_code=None))
    )

    assert wrong_in_cdr(cdr) == []
    assert cdr["tariffs"] == []
    assert cdr["cdr_token"] == {
        "country_code": "DE",
        "party_id": "SOH",
        "uid": "r1",
        "type": "AD_HOC_USER",
        "contract_id": "r1",
    }


def test_what_the_owner_knows_of_connectors_and_signatures_is_told() -> None:
    signed: Json = {
        "encoding_method": "OCMF",
        "signed_values": [{"nature": "Start", "plain_data": "x", "signed_data": "eA=="}],
    }
    export = replace(
        EXPORT,
        connectors={("CP1", 1): OcpiConnector("IEC_62196_T2_COMBO", "CABLE", "DC")},
        signed_data={"r1": signed},
    )
    (cdr,) = ocpi_cdrs(statement([record(1, (JUNE_3, "1"))]), export)

    assert wrong_in_cdr(cdr) == []
    assert cdr["signed_data"] == signed
    assert cdr["cdr_location"]["connector_power_type"] == "DC"  # type: ignore[call-overload,index]


names = st.text(max_size=60)


@settings(max_examples=80, deadline=None)
@given(names, names, names, names, st.integers(0, 99))
def test_no_name_breaks_the_rules(station: str, record_id: str, token: str, site_name: str, evse: int) -> None:
    stay = record(
        1, (JUNE_3, "1"), station_id=station, record_id=record_id, token_id=token, tariff_id=station, evse_id=evse
    )
    export = replace(EXPORT, place=replace(PLACE, address=f"x{site_name}", city=f"y{site_name}"))
    (cdr,) = ocpi_cdrs(statement([stay], number=site_name), export)

    assert wrong_in_cdr(cdr) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": ""},
        {"country": "DE"},
        {"latitude": "47.99"},
        {"longitude": "east"},
    ],
)
def test_place_that_ocpi_does_not_allow_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        replace(PLACE, **wrong)


def test_operator_that_ocpi_does_not_allow_is_refused() -> None:
    with pytest.raises(ValueError, match="country code of two letters"):
        OcpiExport(country_code="de", party_id="SOH", place=PLACE)

"""The field rules of OCPI 2.2.1 for a CDR, written down from its tables (sections 8.4, 10.3, 10.4, 11.3, 12.3 and 16).

Each object is a table of names with a type and a cardinality: "1" is required, "?" optional, "*" a list, "+" a list of
at least one.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
import re

type Check = Callable[[object], str | None]
type Rules = dict[str, tuple[Check, str]]

ENUMS = {
    "AuthMethod": {"AUTH_REQUEST", "COMMAND", "WHITELIST"},
    "TokenType": {"AD_HOC_USER", "APP_USER", "OTHER", "RFID"},
    "CdrDimensionType": {  # those that are not for sessions only
        *("ENERGY", "MAX_CURRENT", "MIN_CURRENT", "MAX_POWER", "MIN_POWER", "PARKING_TIME", "RESERVATION_TIME", "TIME"),
    },
    "ConnectorFormat": {"SOCKET", "CABLE"},
    "PowerType": {"AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"},
    "ConnectorType": {
        *("CHADEMO", "CHAOJI", "GBT_AC", "GBT_DC", "IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2"),
        *("IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C", "TESLA_R", "TESLA_S", "PANTOGRAPH_BOTTOM_UP"),
        *("PANTOGRAPH_TOP_DOWN", "IEC_60309_2_single_16", "IEC_60309_2_three_16", "IEC_60309_2_three_32"),
        *("IEC_60309_2_three_64", "NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30"),
        *("NEMA_14_50", *(f"DOMESTIC_{letter}" for letter in "ABCDEFGHIJKLMNO")),
    },
    "TariffDimensionType": {"ENERGY", "FLAT", "PARKING_TIME", "TIME"},
}


def ci_string(longest: int) -> Check:
    """Return the check of a CiString: printable ASCII."""
    return _text(re.compile(rf"[\x20-\x7e]{{1,{longest}}}"))


def string(longest: int) -> Check:
    """Return the check of a string: printable UTF-8."""
    return _text(re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{longest}}}"))


def pattern(form: str) -> Check:
    """Return the check of a text of a form."""
    return _text(re.compile(form))


def _text(form: re.Pattern[str]) -> Check:
    return lambda value: None if isinstance(value, str) and form.fullmatch(value) else f"{value!r} is no {form.pattern}"


def enum(name: str) -> Check:
    """Return the check of an enumeration's value."""
    return lambda value: None if value in ENUMS[name] else f"{value!r} is no {name}"


def number(value: object) -> str | None:
    """Check a number: of up to 4 decimals."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is no number"
    return None if round(value, 4) == value else f"{value!r} has more than 4 decimals"


def boolean(value: object) -> str | None:
    """Check a boolean."""
    return None if isinstance(value, bool) else f"{value!r} is no boolean"


def date_time(value: object) -> str | None:
    """Check a DateTime: RFC 3339 in UTC, without an offset."""
    if not isinstance(value, str) or len(value) > 25:
        return f"{value!r} is no string(25)"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z?", value) is None:
        return f"{value!r} is no DateTime"
    datetime.fromisoformat(value)
    return None


def class_of(rules: Rules) -> Check:
    """Return the check of an object."""
    return lambda value: next(problems(value, rules), None)


def problems(value: object, rules: Rules) -> Iterator[str]:
    """Give what is wrong with an object."""
    if not isinstance(value, dict):
        yield f"{value!r} is no object"
        return
    yield from (f"{name} is no field" for name in value.keys() - rules.keys())
    for name, (check, cardinality) in rules.items():
        if name not in value:
            if cardinality in "1+":
                yield f"{name} is missing"
            continue
        content = value[name]
        if cardinality in "1?":
            content = [content]
        elif not isinstance(content, list) or (cardinality == "+" and not content):
            yield f"{name} is no list of its cardinality"
            continue
        yield from (f"{name}: {wrong}" for one in content if (wrong := check(one)) is not None)


PRICE: Rules = {"excl_vat": (number, "1"), "incl_vat": (number, "?")}
CDR_TOKEN: Rules = {
    "country_code": (ci_string(2), "1"),
    "party_id": (ci_string(3), "1"),
    "uid": (ci_string(36), "1"),
    "type": (enum("TokenType"), "1"),
    "contract_id": (ci_string(36), "1"),
}
GEO_LOCATION: Rules = {
    "latitude": (pattern(r"-?[0-9]{1,2}\.[0-9]{5,7}"), "1"),
    "longitude": (pattern(r"-?[0-9]{1,3}\.[0-9]{5,7}"), "1"),
}
CDR_LOCATION: Rules = {
    "id": (ci_string(36), "1"),
    "name": (string(255), "?"),
    "address": (string(45), "1"),
    "city": (string(45), "1"),
    "postal_code": (string(10), "?"),
    "state": (string(20), "?"),
    "country": (pattern("[A-Z]{3}"), "1"),
    "coordinates": (class_of(GEO_LOCATION), "1"),
    "evse_uid": (ci_string(36), "1"),
    "evse_id": (pattern(r"(?=.{1,48}$)[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}"), "1"),  # eMI3 part 2
    "connector_id": (ci_string(36), "1"),
    "connector_standard": (enum("ConnectorType"), "1"),
    "connector_format": (enum("ConnectorFormat"), "1"),
    "connector_power_type": (enum("PowerType"), "1"),
}
CHARGING_PERIOD: Rules = {
    "start_date_time": (date_time, "1"),
    "dimensions": (class_of({"type": (enum("CdrDimensionType"), "1"), "volume": (number, "1")}), "+"),
    "tariff_id": (ci_string(36), "?"),
}
SIGNED_DATA: Rules = {
    "encoding_method": (ci_string(36), "1"),
    "encoding_method_version": (number, "?"),
    "public_key": (string(512), "?"),
    "signed_values": (
        class_of(
            {"nature": (ci_string(32), "1"), "plain_data": (string(512), "1"), "signed_data": (string(5000), "1")}
        ),
        "+",
    ),
    "url": (string(512), "?"),
}
PRICE_COMPONENT: Rules = {
    "type": (enum("TariffDimensionType"), "1"),
    "price": (number, "1"),
    "vat": (number, "?"),
    "step_size": (number, "1"),
}
TARIFF: Rules = {
    "country_code": (ci_string(2), "1"),
    "party_id": (ci_string(3), "1"),
    "id": (ci_string(36), "1"),
    "currency": (pattern("[A-Z]{3}"), "1"),
    "elements": (class_of({"price_components": (class_of(PRICE_COMPONENT), "+")}), "+"),
    "last_updated": (date_time, "1"),
}
CDR: Rules = {
    "country_code": (pattern("[A-Z]{2}"), "1"),
    "party_id": (ci_string(3), "1"),
    "id": (ci_string(39), "1"),
    "start_date_time": (date_time, "1"),
    "end_date_time": (date_time, "1"),
    "session_id": (ci_string(36), "?"),
    "cdr_token": (class_of(CDR_TOKEN), "1"),
    "auth_method": (enum("AuthMethod"), "1"),
    "authorization_reference": (ci_string(36), "?"),
    "cdr_location": (class_of(CDR_LOCATION), "1"),
    "meter_id": (string(255), "?"),
    "currency": (pattern("[A-Z]{3}"), "1"),
    "tariffs": (class_of(TARIFF), "*"),
    "charging_periods": (class_of(CHARGING_PERIOD), "+"),
    "signed_data": (class_of(SIGNED_DATA), "?"),
    "total_cost": (class_of(PRICE), "1"),
    "total_fixed_cost": (class_of(PRICE), "?"),
    "total_energy": (number, "1"),
    "total_energy_cost": (class_of(PRICE), "?"),
    "total_time": (number, "1"),
    "total_time_cost": (class_of(PRICE), "?"),
    "total_parking_time": (number, "?"),
    "total_parking_cost": (class_of(PRICE), "?"),
    "total_reservation_cost": (class_of(PRICE), "?"),
    "remark": (string(255), "?"),
    "invoice_reference_id": (ci_string(39), "?"),
    "credit": (boolean, "?"),
    "credit_reference_id": (ci_string(39), "?"),
    "home_charging_compensation": (boolean, "?"),
    "last_updated": (date_time, "1"),
}


def wrong_in_cdr(cdr: dict[str, object]) -> list[str]:
    """Return what of a CDR is against the rules, those between fields included."""
    found = list(problems(cdr, CDR))
    credit = cdr.get("credit") is True
    if credit != ("credit_reference_id" in cdr):
        found.append("a credit CDR names the one that it takes back, no other one does")
    if not credit and len(str(cdr["id"])) > 36:
        found.append("only a credit CDR has an id of more than 36 characters")
    if str(cdr["start_date_time"]) > str(cdr["end_date_time"]):
        found.append("it ends before it begins")
    starts = [period["start_date_time"] for period in cdr["charging_periods"]]  # type: ignore[attr-defined]
    if starts != sorted(starts) or starts[:1] != [cdr["start_date_time"]]:
        found.append("periods follow one another from the begin on")
    return found

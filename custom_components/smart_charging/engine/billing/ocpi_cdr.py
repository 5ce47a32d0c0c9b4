"""Statements as CDR objects of OCPI 2.2.1 (sections 10 "CDRs module" and 16 "Types")."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
import hashlib
import re
from typing import Final
from zoneinfo import ZoneInfo

from ..charge_record import (
    ChargeRecord,
    DayEnergy,
    LineKind,
    RecordLine,
    Statement,
    StatementKind,
    StatementRecord,
    exact_sum,
)
from ..id_token import TokenType
from ..model import Json
from .document_format import rounded

MAX_ID: Final = 36
_CREDIT: Final = "-C"  # section 10.1.1: what makes the id of a credit CDR another one
_DECIMALS: Final = 4  # section 16.4
_HOUR_S: Final = 3600
_CI_STRING = re.compile(r"[\x20-\x7e]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NOT_IN_EVSE_ID = re.compile(r"[^A-Z0-9]+")
_COUNTRY, _PARTY, _COUNTRY_3 = re.compile(r"[A-Z]{2}"), re.compile(r"[A-Z0-9]{3}"), re.compile(r"[A-Z]{3}")
_LATITUDE, _LONGITUDE = re.compile(r"-?\d{1,2}\.\d{5,7}"), re.compile(r"-?\d{1,3}\.\d{5,7}")

_TOKEN_TYPES: Final = {
    TokenType.RFID: "RFID",
    TokenType.APP: "APP_USER",
    TokenType.REMOTE: "OTHER",
    TokenType.VEHICLE: "OTHER",
}
_COSTS: Final = {
    "total_fixed_cost": LineKind.FLAT,
    "total_energy_cost": LineKind.ENERGY,
    "total_time_cost": LineKind.TIME,
    "total_parking_cost": LineKind.PARKING,
}


@dataclass(frozen=True, slots=True)
class OcpiConnector:
    """The connector of an EVSE, in the words of OCPI 2.2.1 section 8.4 (ConnectorType, ConnectorFormat, PowerType)."""

    standard: str = "IEC_62196_T2"
    format: str = "CABLE"
    power_type: str = "AC_3_PHASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiPlace:
    """Where a site is; `country` by ISO 3166-1 alpha-3, coordinates in degrees with 5 to 7 decimals.

    ValueError for another form.
    """

    address: str
    city: str
    country: str
    latitude: str
    longitude: str
    postal_code: str | None = None

    def __post_init__(self) -> None:
        """Refuse what OCPI does not allow."""
        if not (self.address and self.city and _COUNTRY_3.fullmatch(self.country)):
            raise ValueError("a place has an address, a city and a country code of three letters")
        if not (_LATITUDE.fullmatch(self.latitude) and _LONGITUDE.fullmatch(self.longitude)):
            raise ValueError("coordinates are degrees with 5 to 7 decimals")


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiExport:
    """What CDRs say that no charge record knows.

    `country_code` (ISO 3166-1 alpha-2) and `party_id` (three letters or digits) name the operator; ValueError for
    another form. `connectors` are by station and EVSE, for those that have another one. `token_types` are by token id,
    `tariffs` by id and version in the shape of OCPI, `signed_data` by record id.
    """

    country_code: str
    party_id: str
    place: OcpiPlace
    connector: OcpiConnector = OcpiConnector()
    connectors: Mapping[tuple[str, int], OcpiConnector] = field(default_factory=dict)
    token_types: Mapping[str, TokenType] = field(default_factory=dict)
    tariffs: Mapping[tuple[str, int], Json] = field(default_factory=dict)
    signed_data: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what OCPI does not allow."""
        if not (_COUNTRY.fullmatch(self.country_code) and _PARTY.fullmatch(self.party_id)):
            raise ValueError("an operator has a country code of two letters and a party id of three letters or digits")


def ocpi_cdrs(statement: Statement, export: OcpiExport) -> list[dict[str, Json]]:
    """Return a CDR for each record of a statement; what takes back an earlier one is a credit CDR that names it.

    A stay that reaches over the end of a period has a CDR in each statement, with the part that is listed there. The
    token's `uid` is the id of our registry, never what a station reads. Periods are whole days: records know no more.
    """
    return [_cdr(statement, entry, export) for entry in statement.records]


def _cdr(statement: Statement, entry: StatementRecord, export: OcpiExport) -> dict[str, Json]:
    record, zone = entry.record, ZoneInfo(statement.time_zone)
    credit = entry.corrects is not None
    whole = len(entry.lines) == len(record.lines) and len(entry.days) == len(record.days)
    start, end = (record.started_at, record.ended_at) if whole else _span(entry, zone)
    sign = -1 if credit else 1
    cdr: dict[str, Json] = {
        "country_code": export.country_code,
        "party_id": export.party_id,
        "id": _id(record, None if whole else entry.corrects or statement.number) + (_CREDIT if credit else ""),
        "start_date_time": _time(start),
        "end_date_time": _time(end),
        "session_id": _ci(str(record.session_id)),
        "cdr_token": _token(record, export),
        "auth_method": "WHITELIST",
        "cdr_location": _location(statement, record, export),
        "currency": record.currency,
        "tariffs": _tariffs(record, export),
        "charging_periods": _periods(entry, (start, end), zone, sign),
        # Section 10.1.1: a credit CDR has the data of the original one, only its total cost is negative.
        "total_cost": _price(entry.lines, 1),
        "total_energy": _number(sign * entry.energy_wh / 1000),
        "total_time": _hours(_seconds(end - start)),
        "home_charging_compensation": statement.kind is StatementKind.EMPLOYER,
        "invoice_reference_id": _ci(statement.number),
        "last_updated": _time(statement.issued_at),
    }
    if whole:
        cdr["total_parking_time"] = _hours(min(Decimal(record.parking_s), _seconds(end - start)))
    for name, kind in _COSTS.items():
        lines = [line for line in entry.lines if line.kind is kind]
        if lines:
            cdr[name] = _price(lines, sign)
    if credit:
        cdr |= {"credit": True, "credit_reference_id": str(cdr["id"]).removesuffix(_CREDIT)}
    if record.record_id in export.signed_data:
        cdr["signed_data"] = export.signed_data[record.record_id]
    return cdr


def _id(record: ChargeRecord, part_of: str | None) -> str:
    """Return what names a version of a record, or the part of it that stands in a statement."""
    text = record.record_id if record.version == 1 else f"{record.record_id}.{record.version}"
    return _ci(text if part_of is None else f"{text}@{part_of}")


def _ci(text: str) -> str:
    """Return a text as CiString of up to 36 characters: a digest of one that can't be one."""
    if _CI_STRING.fullmatch(text) is not None and len(text) <= MAX_ID:
        return text
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:MAX_ID]


def _string(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub(" ", text)[:longest]


def _span(entry: StatementRecord, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the part of a stay that is on the days of an entry."""
    days = [*(line.day for line in entry.lines), *(day.day for day in entry.days)]
    record = entry.record
    start = max(record.started_at, _midnight(min(days), zone))
    return start, max(start, min(record.ended_at, _midnight(max(days) + timedelta(days=1), zone)))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _token(record: ChargeRecord, export: OcpiExport) -> Json:
    if record.token_id is None:
        # Nobody presented a token: each such stay is of somebody unknown.
        kind, uid = "AD_HOC_USER", record.record_id
    else:
        known = export.token_types.get(record.token_id)
        kind, uid = "OTHER" if known is None else _TOKEN_TYPES[known], record.token_id
    return {
        "country_code": export.country_code,
        "party_id": export.party_id,
        "uid": _ci(uid),
        "type": kind,
        "contract_id": _ci(record.driver_id or uid),
    }


def _location(statement: Statement, record: ChargeRecord, export: OcpiExport) -> Json:
    place = export.place
    connector = export.connectors.get((record.station_id, record.evse_id), export.connector)
    name = _NOT_IN_EVSE_ID.sub("*", record.station_id.upper()).strip("*")[:30] or "0"
    location: dict[str, Json] = {
        "id": _ci(statement.site_id),
        "name": _string(statement.site_name, 255),
        "address": _string(place.address, 45),
        "city": _string(place.city, 45),
        "country": place.country,
        "coordinates": {"latitude": place.latitude, "longitude": place.longitude},
        "evse_uid": _ci(f"{record.station_id}/{record.evse_id}"),
        "evse_id": f"{export.country_code}*{export.party_id}*E{name}*{record.evse_id}",
        "connector_id": "1",
        "connector_standard": connector.standard,
        "connector_format": connector.format,
        "connector_power_type": connector.power_type,
    }
    if place.postal_code:
        location["postal_code"] = _string(place.postal_code, 10)
    return location


def _tariffs(record: ChargeRecord, export: OcpiExport) -> Json:
    if record.tariff_id is None or record.tariff_version is None:
        return []
    tariff = export.tariffs.get((record.tariff_id, record.tariff_version))
    return [] if tariff is None else [tariff]


def _periods(entry: StatementRecord, span: tuple[datetime, datetime], zone: ZoneInfo, sign: int) -> Json:
    """Return a period for each day, with its energy; the times of charging and parking where all is on one day."""
    record, (start, end) = entry.record, span
    days: tuple[DayEnergy | None, ...] = entry.days or (None,)
    periods: list[Json] = []
    for day in days:
        dimensions: list[Json] = []
        if day is not None:
            dimensions.append({"type": "ENERGY", "volume": _number(sign * day.energy_wh / 1000)})
        if day is None or (len(days) == 1 and len(record.days) == 1):
            dimensions.append({"type": "TIME", "volume": _hours(Decimal(record.charging_s))})
            dimensions.append({"type": "PARKING_TIME", "volume": _hours(Decimal(record.parking_s))})
        begin = start if day is None or not periods else min(end, max(start, _midnight(day.day, zone)))
        period: dict[str, Json] = {"start_date_time": _time(begin), "dimensions": dimensions}
        if record.tariff_id is not None:
            period["tariff_id"] = _ci(record.tariff_id)
        periods.append(period)
    return periods


def _price(lines: Iterable[RecordLine], sign: int) -> Json:
    """Return what lines sum to (section 16.5 Price)."""
    lines = tuple(lines)
    return {
        "excl_vat": _number(sign * exact_sum(line.net for line in lines)),
        "incl_vat": _number(sign * exact_sum(line.gross for line in lines)),
    }


def _number(value: Decimal) -> float:
    return float(rounded(value, _DECIMALS))


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)


def _hours(seconds: Decimal) -> float:
    return _number(seconds / _HOUR_S)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

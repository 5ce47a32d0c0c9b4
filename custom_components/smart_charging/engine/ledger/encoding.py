"""How values are written into columns: times, readings and energy counts, compact and dialect-free."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
import json
import math
from typing import Any, override

import orjson
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from ..energy_count import EnergyCount, Run
from ..model import Json, Measurand, MeterValue, SampledValue

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# A reading is `[code, value]`, then phase, context and location where they differ from the default.
_CODES: Mapping[Measurand, str] = {
    Measurand.ENERGY_IMPORT_REGISTER: "E",
    Measurand.ENERGY_IMPORT_INTERVAL: "Ei",
    Measurand.ENERGY_EXPORT_REGISTER: "Ex",
    Measurand.POWER_IMPORT: "P",
    Measurand.POWER_EXPORT: "Px",
    Measurand.POWER_OFFERED: "Po",
    Measurand.POWER_FACTOR: "Pf",
    Measurand.CURRENT_IMPORT: "I",
    Measurand.CURRENT_EXPORT: "Ix",
    Measurand.CURRENT_OFFERED: "Io",
    Measurand.VOLTAGE: "U",
    Measurand.FREQUENCY: "f",
    Measurand.TEMPERATURE: "T",
    Measurand.SOC: "SoC",
}
_MEASURANDS = {code: measurand for measurand, code in _CODES.items()}
_DEFAULTS = (None, "Sample.Periodic", "Outlet")  # phase, context, location
_UNKNOWN_WH = -1


def to_microseconds(time: datetime) -> int:
    """Return the microseconds since 1970 in UTC; ValueError for a time without zone."""
    if time.tzinfo is None:
        raise ValueError("a time needs its zone")
    return (time - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the aware time in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware time as whole microseconds since 1970 in UTC: exact, short and ordered in every database."""

    impl = sa.BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Return the number to store."""
        return None if value is None else to_microseconds(value)

    @override
    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        """Return the aware time stored."""
        return None if value is None else from_microseconds(value)


def dump_json(value: object) -> str:
    """Return compact JSON; ValueError for what JSON can't say."""
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        return _JSON.encode(value)
    # A null may stand for a number that is none, which the slower one refuses.
    return _JSON.encode(value) if b"null" in text else text.decode()


def encode_values(values: Iterable[SampledValue]) -> list[Json]:
    """Return the readings of one moment; a value that is not finite is no reading and is left out."""
    return [_encode_value(value) for value in values if math.isfinite(value.value)]


def decode_values(stored: Sequence[Sequence[Any]]) -> tuple[SampledValue, ...]:
    """Return the readings that `encode_values` wrote."""
    return tuple(
        SampledValue(_MEASURANDS[code], value, *rest, *_DEFAULTS[len(rest) :]) for code, value, *rest in stored
    )


def encode_meter_values(values: Iterable[MeterValue]) -> list[Json]:
    """Return readings with their times, for a column that keeps several moments."""
    return [[to_microseconds(value.time), encode_values(value.values)] for value in values]


def encode_register(register_wh: int | None) -> int:
    """Return a register as the column holds it, which knows no NULL: less than 0 where it is unknown."""
    return _UNKNOWN_WH if register_wh is None else register_wh


def decode_register(register_wh: int) -> int | None:
    """Return the register that `encode_register` wrote."""
    return None if register_wh == _UNKNOWN_WH else register_wh


def encode_count(count: EnergyCount) -> dict[str, Json]:
    """Return what is needed to go on counting after a restart; the energy has its own column."""
    runs = {"last": count.last, "before": count.before, "doubt": count.doubt}
    return {
        name: [run.register_wh, to_microseconds(run.at), run.zero_wh] for name, run in runs.items() if run is not None
    }


def decode_count(energy_wh: float, stored: Mapping[str, Sequence[Any]]) -> EnergyCount:
    """Return the count that `encode_count` wrote."""
    runs = {
        name: Run(register_wh, from_microseconds(at), zero_wh) for name, (register_wh, at, zero_wh) in stored.items()
    }
    return EnergyCount(energy_wh, runs.get("last"), runs.get("before"), runs.get("doubt"))


def _encode_value(value: SampledValue) -> Json:
    code, number = _CODES[value.measurand], value.value
    if value.location != _DEFAULTS[2]:
        return [code, number, value.phase, value.context, value.location]
    if value.context != _DEFAULTS[1]:
        return [code, number, value.phase, value.context]
    return [code, number] if value.phase is None else [code, number, value.phase]

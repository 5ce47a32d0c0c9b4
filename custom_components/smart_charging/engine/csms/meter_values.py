"""Reads OCPP 1.6 meter values as stations really send them; what can't be read is dropped and counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
import math
import re

from ..model import Json, Measurand, MeterValue, SampledValue
from .timestamps import StationTime, parse_time

_WORDS = 256  # distinct spellings kept in mind
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_PHASE = re.compile(r"(L[123]|N)(-(L[123]|N))?")

type _Conversion = Callable[[float], float]


def _times(factor: float) -> _Conversion:
    return lambda value: value * factor


_ENERGY: Mapping[str, _Conversion] = {"": _times(1), "wh": _times(1), "kwh": _times(1000), "mwh": _times(1e6)}
_POWER: Mapping[str, _Conversion] = {"": _times(1), "w": _times(1), "kw": _times(1000)}
_CURRENT: Mapping[str, _Conversion] = {"": _times(1), "a": _times(1), "ma": _times(0.001)}
_VOLTAGE: Mapping[str, _Conversion] = {"": _times(1), "v": _times(1), "mv": _times(0.001), "kv": _times(1000)}
_RATIO: Mapping[str, _Conversion] = {"": _times(1), "percent": _times(1), "%": _times(1)}
_FREQUENCY: Mapping[str, _Conversion] = {"": _times(1), "hertz": _times(1), "hz": _times(1)}
_TEMPERATURE: Mapping[str, _Conversion] = {
    "": _times(1),
    "celsius": _times(1),
    "celcius": _times(1),  # spelled so in the OCPP 1.6 schema
    "c": _times(1),
    "fahrenheit": lambda value: (value - 32) / 1.8,
    "k": lambda value: value - 273.15,
}

_LARGEST_EXPONENT = 12

# Units by measurand; the empty unit is the default of OCPP 1.6 section 7.45.
_UNITS: Mapping[Measurand, Mapping[str, _Conversion]] = {
    Measurand.ENERGY_IMPORT_REGISTER: _ENERGY,
    Measurand.ENERGY_IMPORT_INTERVAL: _ENERGY,
    Measurand.ENERGY_EXPORT_REGISTER: _ENERGY,
    Measurand.POWER_IMPORT: _POWER,
    Measurand.POWER_EXPORT: _POWER,
    Measurand.POWER_OFFERED: _POWER,
    Measurand.POWER_FACTOR: _RATIO,
    Measurand.CURRENT_IMPORT: _CURRENT,
    Measurand.CURRENT_EXPORT: _CURRENT,
    Measurand.CURRENT_OFFERED: _CURRENT,
    Measurand.VOLTAGE: _VOLTAGE,
    Measurand.FREQUENCY: _FREQUENCY,
    Measurand.TEMPERATURE: _TEMPERATURE,
    Measurand.SOC: _RATIO,
}
_BY_NAME = {measurand.value.lower(): measurand for measurand in Measurand}


@dataclass(frozen=True, slots=True)
class ParsedMeterValues:
    """What could be read of a list of meter values, and how many readings could not."""

    values: tuple[MeterValue, ...]
    times: tuple[StationTime, ...]
    dropped: int = 0


def parse_number(raw: object) -> float | None:
    """Read a number, also "12,5" and " 12"; None for what is none, for NaN and infinities."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    if isinstance(raw, str) and (not raw.isascii() or "_" in raw):  # Python's float reads those too
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    except ValueError:
        return _parse_unusual(str(raw))
    return value if math.isfinite(value) else None


def _parse_unusual(raw: str) -> float | None:
    """Read a number with a decimal comma, and perhaps points between thousands or the other way round."""
    text = raw.strip()
    if "," in text and "." in text:
        thousands = "," if text.rfind(",") < text.rfind(".") else "."
        text = text.replace(thousands, "")
    text = text.replace(",", ".")
    return parse_number(text) if _NUMBER.fullmatch(text) else None


def parse_measurand(raw: object) -> tuple[Measurand | None, str | None]:
    """Return the measurand and a phase that some stations append to it (`Voltage.L1-N`).

    None for a measurand that is not used here. Missing means the energy register (section 7.31).
    """
    if not isinstance(raw, str) or not raw.strip():
        return Measurand.ENERGY_IMPORT_REGISTER, None
    return _named_measurand(raw)


@lru_cache(maxsize=_WORDS)
def _named_measurand(raw: str) -> tuple[Measurand | None, str | None]:
    name = raw.strip().lower()
    if name in _BY_NAME:
        return _BY_NAME[name], None
    head, _, tail = name.rpartition(".")
    return _BY_NAME.get(head), _phase(tail) if head in _BY_NAME else None


@lru_cache(maxsize=_WORDS)
def _phase(raw: str) -> str | None:
    phase = raw.strip().upper()
    return phase if _PHASE.fullmatch(phase) else None


@lru_cache(maxsize=_WORDS)
def _conversion(measurand: Measurand, unit: str) -> _Conversion | None:
    return _UNITS[measurand].get(unit.strip().lower())


def parse_sampled_value(raw: Json) -> SampledValue | None:
    """Read one sampledValue of a quantity that is used here, converted to A, V, W, Wh, %, Hz or °C.

    None for a quantity that is not used.

    Raises:
        ValueError: the reading can't be understood.
    """
    if not isinstance(raw, dict):
        raise ValueError("a reading is not an object")  # noqa: TRY004 - input, not a programmer's mistake
    measurand, suffix = parse_measurand(raw.get("measurand"))
    if measurand is None or raw.get("format") == "SignedData":
        return None
    unit, phase = raw.get("unit"), raw.get("phase")
    value = parse_number(raw.get("value"))
    if isinstance(scale := raw.get("unitOfMeasure"), dict):  # OCPP 2
        unit, value = scale.get("unit"), _scaled(value, scale.get("multiplier"))
    conversion = _conversion(measurand, unit if isinstance(unit, str) else "")
    if conversion is None or value is None:
        raise ValueError("a reading without a usable value or unit")
    context, location = raw.get("context"), raw.get("location")
    return SampledValue(
        measurand,
        conversion(value),
        phase=(_phase(phase) if isinstance(phase, str) else None) or suffix,
        context=context if isinstance(context, str) and context else "Sample.Periodic",
        location=location if isinstance(location, str) and location else "Outlet",
    )


def _scaled(value: float | None, multiplier: Json) -> float | None:
    """Return a value times a power of ten (OCPP 2.0.1 part 2 UnitOfMeasureType)."""
    exponent = parse_number(multiplier) or 0.0
    if value is None or abs(exponent) > _LARGEST_EXPONENT:
        return None
    return value * 10.0 ** int(exponent)


def parse_meter_values(raw: Json, received_at: datetime) -> ParsedMeterValues:
    """Read a meterValue or transactionData list; readings without a time get the time they came in."""
    values: list[MeterValue] = []
    times: list[StationTime] = []
    dropped = 0
    for element in raw if isinstance(raw, list) else []:
        if not isinstance(element, dict):
            dropped += 1
            continue
        sampled, bad = _parse_sampled_values(element.get("sampledValue"))
        dropped += bad
        time = parse_time(element.get("timestamp"))
        if time is not None:
            times.append(time)
        if sampled:
            values.append(MeterValue(received_at if time is None else time.at, sampled))
    return ParsedMeterValues(tuple(values), tuple(times), dropped)


def _parse_sampled_values(raw: Json | Sequence[Json]) -> tuple[tuple[SampledValue, ...], int]:
    sampled: list[SampledValue] = []
    dropped = 0
    for element in raw if isinstance(raw, list) else []:
        try:
            value = parse_sampled_value(element)
        except ValueError:
            dropped += 1
            continue
        if value is not None:
            sampled.append(value)
    return tuple(sampled), dropped

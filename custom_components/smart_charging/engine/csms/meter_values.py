"""Reads OCPP 1.6 meter values as stations really send them; what can't be read is dropped and counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
import math
import re

from ..model import Json, Measurand, MeterValue, SampledValue, SignedValue
from .signed_readings import SIGNED, looks_signed, signed_value
from .timestamps import StationTime, parse_time

_MOST_SIGNED = 8  # of one moment
_KINDS = 1024  # of readings, as spelled, kept in mind
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
_FULL_PERCENT = 100.0

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
    if isinstance(raw, str):
        if not raw.isascii() or "_" in raw:  # Python's float reads those too
            return None
    elif isinstance(raw, bool) or not isinstance(raw, int | float):
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
    name = raw.strip().lower()
    if name in _BY_NAME:
        return _BY_NAME[name], None
    head, _, tail = name.rpartition(".")
    return _BY_NAME.get(head), _phase(tail) if head in _BY_NAME else None


def _phase(raw: str) -> str | None:
    phase = raw.strip().upper()
    return phase if _PHASE.fullmatch(phase) else None


def parse_sampled_value(raw: Json) -> SampledValue | None:
    """Read one sampledValue of a quantity that is used here, converted to A, V, W, Wh, %, Hz or °C.

    None for a quantity that is not used.

    Raises:
        ValueError: the reading can't be understood.
    """
    if not isinstance(raw, dict):
        raise ValueError("a reading is not an object")  # noqa: TRY004 - input, not a programmer's mistake
    get = raw.get
    unit, value = get("unit"), parse_number(get("value"))
    if isinstance(scale := get("unitOfMeasure"), dict):  # OCPP 2
        unit, value = scale.get("unit"), _scaled(value, scale.get("multiplier"))
    words = (get("measurand"), unit, get("phase"), get("context"), get("location"))
    try:
        kind = _kind_of(*words)  # type: ignore[arg-type]  # lists and objects raise TypeError
    except TypeError:  # what is no word can't be looked up
        kind = _kind_of(*(word if isinstance(word, str) else None for word in words))
    if kind is None or (value is None and looks_signed(raw)) or get("format") == SIGNED:
        return None
    if kind.conversion is None or value is None:
        raise ValueError("a reading without a usable value or unit")
    if kind.measurand is Measurand.SOC and not 0 <= value <= _FULL_PERCENT:  # 255 is how some cars say "unknown"
        raise ValueError("a state of charge beyond 0 to 100 %")
    return SampledValue(kind.measurand, kind.conversion(value), kind.phase, kind.context, kind.location)


@dataclass(frozen=True, slots=True)
class _Kind:
    """All of a reading but its value; no conversion where its unit is none of its measurand."""

    measurand: Measurand
    conversion: _Conversion | None
    phase: str | None
    context: str
    location: str


@lru_cache(maxsize=_KINDS)
def _kind_of(measurand: Json, unit: Json, phase: Json, context: Json, location: Json) -> _Kind | None:
    """Return what the words of a reading say, None for a quantity that is not used.

    What is no text counts as not said. Raises TypeError for lists and objects.
    """
    named, suffix = parse_measurand(measurand)
    if named is None:
        return None
    conversion = _UNITS[named].get(unit.strip().lower() if isinstance(unit, str) else "")
    said = _phase(phase) if isinstance(phase, str) else None
    context = context if isinstance(context, str) and context else "Sample.Periodic"
    return _Kind(
        named, conversion, said or suffix, context, location if isinstance(location, str) and location else "Outlet"
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
        sampled, signed, bad = _parse_sampled_values(element.get("sampledValue"))
        dropped += bad
        time = parse_time(element.get("timestamp"))
        if time is not None:
            times.append(time)
        if sampled or signed:
            values.append(MeterValue(received_at if time is None else time.at, sampled, signed))
    return ParsedMeterValues(tuple(values), tuple(times), dropped)


def _parse_sampled_values(
    raw: Json | Sequence[Json],
) -> tuple[tuple[SampledValue, ...], tuple[SignedValue, ...], int]:
    sampled: list[SampledValue] = []
    signed: list[SignedValue] = []
    dropped = 0
    for element in raw if isinstance(raw, list) else []:
        value = None
        try:
            value = parse_sampled_value(element)
        except ValueError:
            dropped += 1
        if value is not None:
            sampled.append(value)
        if isinstance(element, dict) and (value is None or "signedMeterValue" in element):
            found = signed_value(element)
            if found is not None and len(signed) < _MOST_SIGNED:
                signed.append(found)
    return tuple(sampled), tuple(signed), dropped

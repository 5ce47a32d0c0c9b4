"""The forms in which providers tell their forecast of the sun; all they send is checked before it counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from .pv import MAX_SLOTS, SunInterval, interval_ends
from .series import HOUR

MAX_POWER_W: Final = 1e9  # a gigawatt: whatever says more means something else
_TIMES: Final = ("period_start", "datetime", "start", "time")
_POWERS: Final = {"pv_estimate": 1000.0, "watts": 1.0, "power_w": 1.0, "power": 1.0}  # in W
_ENERGIES: Final = ("wh", "energy_wh", "wh_period")
_MAPPINGS: Final = ("wh_period", "wh_hours")
_LISTS: Final = ("detailedForecast", "detailedHourly", "forecast", "forecasts")


class UnknownForm(ValueError):
    """Something is in no form that a forecast of the sun is known to have; the text says what is wrong."""


def from_energies(values: object) -> list[SunInterval]:
    """Return the intervals of a mapping from their beginning (ISO 8601 with zone) to Wh, as of the Energy dashboard.

    Raises UnknownForm.
    """
    known = _mapping(values)
    ends = interval_ends(known)
    return [SunInterval(start, ends[start], wh / ((ends[start] - start) / HOUR)) for start, wh in known.items()]


def from_powers(values: object) -> list[SunInterval]:
    """Return the intervals of a mapping from their beginning to mean W, as in the attribute `watts`; raises UnknownForm."""
    known = _mapping(values)
    ends = interval_ends(known)
    return [SunInterval(start, ends[start], power) for start, power in known.items()]


def from_list(values: object) -> list[SunInterval]:
    """Return the intervals of a list of mappings, as of Solcast (kW) or with W or Wh; raises UnknownForm."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > MAX_SLOTS:
        raise UnknownForm("no list of periods")
    items = [(_begin(item), item) for item in values]
    ends = interval_ends(start for start, _ in items)
    return [_listed(start, ends[start], item) for start, item in items]


def from_attributes(attributes: Mapping[str, object]) -> list[SunInterval]:
    """Return the forecast that an entity tells in its attributes, the finest one; raises UnknownForm without any.

    Known are Solcast's lists, mappings of Wh (`wh_period`, `wh_hours`) or W (`watts`) by time, and lists named `forecast`.
    """
    for name in _LISTS:
        if attributes.get(name):
            return from_list(attributes[name])
    for name in _MAPPINGS:
        if isinstance(attributes.get(name), Mapping):
            return from_energies(attributes[name])
    if isinstance(attributes.get("watts"), Mapping):
        return from_powers(attributes["watts"])
    raise UnknownForm("no forecast in the attributes")


def _mapping(values: object) -> dict[datetime, float]:
    if not isinstance(values, Mapping) or len(values) > MAX_SLOTS:
        raise UnknownForm("no mapping from times to values")
    return {_time(key): _number(value) for key, value in values.items()}


def _begin(item: object) -> datetime:
    if not isinstance(item, Mapping):
        raise UnknownForm("a period is no mapping")
    for name in _TIMES:
        if name in item:
            return _time(item[name])
    raise UnknownForm("a period without its beginning")


def _listed(start: datetime, end: datetime, item: Mapping[str, object]) -> SunInterval:
    """Return one period of a list."""
    for name, watts in _POWERS.items():
        if name in item:
            low, high = item.get(f"{name}10"), item.get(f"{name}90")
            banded = low is not None and high is not None
            return SunInterval(
                start,
                end,
                _number(item[name]) * watts,
                _number(low) * watts if banded else None,
                _number(high) * watts if banded else None,
            )
    for name in _ENERGIES:
        if name in item:
            return SunInterval(start, end, _number(item[name]) / ((end - start) / HOUR))
    raise UnknownForm("a period without power or energy")


def _time(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UnknownForm("a time is not in ISO 8601") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise UnknownForm("a time without its zone")
    return value - timedelta(seconds=value.second, microseconds=value.microsecond)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UnknownForm("a value is no number")
    if not -MAX_POWER_W <= value <= MAX_POWER_W:
        raise UnknownForm("a value is out of all proportion")
    return float(value)

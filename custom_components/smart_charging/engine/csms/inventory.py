"""All settings of a station as they were last read, kept so that showing them asks the station for nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..model import Json
from .capabilities import Configuration
from .meter_values import parse_number
from .redaction import names_secret
from .v2_settings import read_setting

MAX_VALUE = 2500  # OCPP 2.0.1 part 2 section 3.7: what a report may carry of one value


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting: a configuration key of OCPP 1.6, or one attribute of a variable of the device model.

    `value` is None where there is none, where it can't be read, and where it is a secret. `minimum` and `maximum`
    are in `unit`; `choices` is empty where anything of the type will do.
    """

    name: str
    value: str | None
    attribute: str = "Actual"
    mutability: str = "ReadWrite"
    data_type: str | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class Inventory:
    """The settings of one station; empty until all were read once."""

    def __init__(self) -> None:
        """Begin without any."""
        self._variables: dict[tuple[str, str], Variable] = {}

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Return what was read last, in the station's order; nothing where that was never done."""
        return tuple(self._variables.values())

    def keep(self, variables: Iterable[Variable]) -> None:
        """Replace what was known."""
        self._variables = {(one.name.lower(), one.attribute): one for one in variables}

    def forget(self) -> None:
        """Know nothing any more, as after somebody else wrote."""
        self._variables = {}

    def wrote(self, name: str, value: str) -> None:
        """Take over a value that the station accepted."""
        key = (name.lower(), "Actual")
        if key in self._variables and not names_secret(name):
            self._variables[key] = replace(self._variables[key], value=value)

    def flag(self, name: str) -> bool | None:
        """Return a setting as a truth value, None where it is none or unknown."""
        known = self._variables.get((name.lower(), "Actual"))
        text = "" if known is None else (known.value or "").strip().lower()
        return {"true": True, "false": False}.get(text)

    def maximum(self, name: str) -> int | None:
        """Return the most that a setting may be as a positive whole number, None where that is not told."""
        known = self._variables.get((name.lower(), "Actual"))
        most = None if known is None else known.maximum
        return int(most) if most is not None and most >= 1 else None

    def integer(self, name: str) -> int | None:
        """Return a setting as a positive whole number, None where it is none or unknown."""
        known = self._variables.get((name.lower(), "Actual"))
        number = None if known is None else parse_number(known.value)
        return int(number) if number is not None and number >= 1 else None


def from_configuration(read: Configuration) -> tuple[Variable, ...]:
    """Return the configuration keys of OCPP 1.6."""
    return tuple(
        Variable(one.key, _shown(one.key, one.value), mutability="ReadOnly" if one.readonly else "ReadWrite")
        for one in read.values
    )


def from_report(data: Iterable[Json]) -> tuple[Variable, ...]:
    """Return the variables of NotifyReport pages; entries that make no sense are passed over."""
    variables: list[Variable] = []
    for entry in data:
        setting = read_setting(entry) if isinstance(entry, dict) else None
        if setting is None or not isinstance(entry, dict):
            continue
        attributes, told = entry.get("variableAttribute"), entry.get("variableCharacteristics")
        traits: Mapping[str, Json] = told if isinstance(told, dict) else {}
        listed = attributes if isinstance(attributes, list) else []
        variables += [_variable(setting.name, one, traits) for one in listed if isinstance(one, dict)]
    return tuple(variables)


def _variable(name: str, attribute: Mapping[str, Json], traits: Mapping[str, Json]) -> Variable:
    choices = traits.get("valuesList")
    return Variable(
        name,
        _shown(name, attribute.get("value")),
        _text(attribute.get("type")) or "Actual",
        _text(attribute.get("mutability")) or "ReadWrite",
        _text(traits.get("dataType")),
        _text(traits.get("unit")),
        _number(traits.get("minLimit")),
        _number(traits.get("maxLimit")),
        tuple(choices[:MAX_VALUE].split(",")) if isinstance(choices, str) and choices else (),
    )


def _shown(name: str, value: Json) -> str | None:
    return None if names_secret(name) else _text(value)


def _text(raw: Json) -> str | None:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    return raw[:MAX_VALUE] if isinstance(raw, str) else None


def _number(raw: Json) -> float | None:
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None

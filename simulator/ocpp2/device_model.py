"""Components and their variables, with the rules for reading and writing them (OCPP 2.0.1 part 2 B05-B08)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.ocpp.json import Json, Payload, mapping, optional_integer, optional_text, text


class Mutability(StrEnum):
    """Who may do what with an attribute."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class DataType(StrEnum):
    """What a value is."""

    TEXT = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    MOMENT = "dateTime"
    BOOLEAN = "boolean"
    OPTION = "OptionList"
    SEQUENCE = "SequenceList"
    MEMBERS = "MemberList"


@dataclass(frozen=True, slots=True)
class Component:
    """A component: the station's, an EVSE's, or a connector's."""

    name: str
    instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None

    def payload(self) -> Payload:
        """Write it as a ComponentType."""
        written: Payload = {"name": self.name}
        if self.instance is not None:
            written["instance"] = self.instance
        if self.evse_id is not None:
            connector: Payload = {} if self.connector_id is None else {"connectorId": self.connector_id}
            written["evse"] = {"id": self.evse_id, **connector}
        return written

    def fits(self, wanted: Component) -> bool:
        """Tell whether a criterion, in which what is left out does not matter, means this component."""
        return (
            self.name.lower() == wanted.name.lower()
            and wanted.instance in (None, self.instance)
            and wanted.evse_id in (None, self.evse_id)
            and wanted.connector_id in (None, self.connector_id)
        )


@dataclass(frozen=True, slots=True)
class VariableName:
    """A variable of a component."""

    name: str
    instance: str | None = None

    def payload(self) -> Payload:
        """Write it as a VariableType."""
        return {"name": self.name, **({} if self.instance is None else {"instance": self.instance})}


def read_component(payload: Payload) -> Component:
    """Read a ComponentType; FormatError when it is not one."""
    evse = mapping(payload, "evse") if "evse" in payload else {}
    return Component(
        text(payload, "name"),
        optional_text(payload, "instance"),
        optional_integer(evse, "id"),
        optional_integer(evse, "connectorId"),
    )


def read_variable(payload: Payload) -> VariableName:
    """Read a VariableType; FormatError when it is not one."""
    return VariableName(text(payload, "name"), optional_text(payload, "instance"))


def _anything(value: str) -> bool:
    del value
    return True


@dataclass(slots=True)
class Variable:
    """A variable's value, what it may be, and what a change of it asks for."""

    value: str
    kind: DataType = DataType.TEXT
    mutability: Mutability = Mutability.READ_ONLY
    unit: str | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    valid: Callable[[str], bool] = _anything
    needs_reboot: bool = False
    monitored: bool = False
    pending: str | None = None
    other_attributes: dict[str, str] = field(default_factory=dict)
    """Read-only values of the attributes Target, MinSet and MaxSet."""

    def refuses(self, value: str) -> str | None:
        """Return why this value can not be, or None."""
        if self.kind in {DataType.INTEGER, DataType.DECIMAL} and not self._in_range(value):
            return "ValueOutOfRange"
        if self.kind is DataType.BOOLEAN and value.lower() not in {"true", "false"}:
            return "InvalidValue"
        if self.kind is DataType.OPTION and self.choices and value not in self.choices:
            return "InvalidValue"
        if self.kind in {DataType.SEQUENCE, DataType.MEMBERS} and self.choices:
            items = [item.strip() for item in value.split(",") if item.strip()]
            if any(item not in self.choices for item in items):
                return "InvalidValue"
        return None if self.valid(value) else "InvalidValue"

    def _in_range(self, value: str) -> bool:
        try:
            number = int(value) if self.kind is DataType.INTEGER else float(value)
        except ValueError:
            return False
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def characteristics(self) -> Payload:
        """Write VariableCharacteristicsType."""
        written: Payload = {"dataType": self.kind, "supportsMonitoring": self.monitored}
        if self.unit is not None:
            written["unit"] = self.unit
        if self.least is not None:
            written["minLimit"] = self.least
        if self.most is not None:
            written["maxLimit"] = self.most
        if self.choices:
            written["valuesList"] = ",".join(self.choices)
        return written


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of reading or writing an attribute; `reason` explains a refusal."""

    status: str
    value: str | None = None
    reason: str | None = None


type Key = tuple[Component, VariableName]


class DeviceModel:
    """All variables of a station; names are compared without regard to case."""

    def __init__(self, variables: dict[Key, Variable]) -> None:
        """Begin with these."""
        self.variables = variables

    def text(self, component: str, variable: str, instance: str | None = None) -> str:
        """Return the value of one of the station's own variables."""
        return self.variables[Component(component), VariableName(variable, instance)].value

    def integer(self, component: str, variable: str, instance: str | None = None) -> int:
        """Return a value as a number."""
        return int(self.text(component, variable, instance))

    def flag(self, component: str, variable: str, instance: str | None = None) -> bool:
        """Return a value as a truth value."""
        return self.text(component, variable, instance).lower() == "true"

    def items(self, component: str, variable: str, instance: str | None = None) -> list[str]:
        """Return the values of a list."""
        return [item.strip() for item in self.text(component, variable, instance).split(",") if item.strip()]

    def put(self, component: Component | str, variable: str, value: str, instance: str | None = None) -> None:
        """Set a value from inside, past all rules."""
        owner = Component(component) if isinstance(component, str) else component
        self.variables[owner, VariableName(variable, instance)].value = value

    def find(self, component: Component, variable: VariableName) -> Variable | str:
        """Return a variable, or the status that says what is unknown."""
        same = [key for key in self.variables if _same_component(key[0], component)]
        if not same:
            return "UnknownComponent"
        wanted = (variable.name.lower(), variable.instance)
        found = next((key for key in same if (key[1].name.lower(), key[1].instance) == wanted), None)
        return "UnknownVariable" if found is None else self.variables[found]

    def read(self, component: Component, name: VariableName, attribute: str) -> Outcome:
        """Read an attribute for the central system."""
        variable = self.find(component, name)
        if isinstance(variable, str):
            return Outcome(variable)
        if attribute != "Actual":
            value = variable.other_attributes.get(attribute)
            return Outcome("NotSupportedAttributeType") if value is None else Outcome("Accepted", value)
        if variable.mutability is Mutability.WRITE_ONLY:
            return Outcome("Rejected", reason="WriteOnly")
        return Outcome("Accepted", variable.value)

    def write(self, component: Component, name: VariableName, attribute: str, value: str) -> Outcome:
        """Write an attribute for the central system."""
        variable = self.find(component, name)
        if isinstance(variable, str):
            return Outcome(variable)
        if attribute != "Actual":
            known = attribute in variable.other_attributes
            return Outcome("Rejected", reason="ReadOnly") if known else Outcome("NotSupportedAttributeType")
        if variable.mutability is Mutability.READ_ONLY:
            return Outcome("Rejected", reason="ReadOnly")
        refusal = variable.refuses(value)
        if refusal is not None:
            return Outcome("Rejected", reason=refusal)
        if variable.needs_reboot:
            variable.pending = value
            return Outcome("RebootRequired")
        variable.value = value
        return Outcome("Accepted")

    def boot(self) -> None:
        """Let the changes act that waited for a boot."""
        for variable in self.variables.values():
            if variable.pending is not None:
                variable.value, variable.pending = variable.pending, None

    def report(self, wanted: Callable[[Component, VariableName, Variable], bool]) -> list[Json]:
        """Return ReportDataType objects of the variables that are wanted."""
        return list(self._rows(wanted))

    def _rows(self, wanted: Callable[[Component, VariableName, Variable], bool]) -> Iterator[Payload]:
        for (component, name), variable in self.variables.items():
            if not wanted(component, name, variable):
                continue
            actual: Payload = {"type": "Actual", "mutability": variable.mutability, "persistent": True}
            if variable.mutability is not Mutability.WRITE_ONLY:
                actual["value"] = variable.value
            others: list[Json] = [
                {"type": kind, "value": value, "mutability": Mutability.READ_ONLY}
                for kind, value in variable.other_attributes.items()
            ]
            yield {
                "component": component.payload(),
                "variable": name.payload(),
                "variableAttribute": [actual, *others],
                "variableCharacteristics": variable.characteristics(),
            }


def _same_component(known: Component, asked: Component) -> bool:
    return known.name.lower() == asked.name.lower() and (known.instance, known.evse_id, known.connector_id) == (
        asked.instance,
        asked.evse_id,
        asked.connector_id,
    )

"""Messages made out of the package's schemas, so that a message nobody thought of can't be left out."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
import json
from typing import Any

from jsonschema import Draft6Validator  # type: ignore[import-untyped]  # its stubs are apart

type Schema = dict[str, Any]

PACKAGES = {"ocpp1.6": ("ocpp.v16", ""), "ocpp2.0.1": ("ocpp.v201", "Request"), "ocpp2.1": ("ocpp.v21", "Request")}
_YES = ("Accepted", "Unlocked")
# Neither a yes nor a no: there is nothing to be done or told.
_NEUTRAL = {"Scheduled", "RebootRequired", "AcceptedCanceled", "Unknown", "EmptyResultSet", "NoTariff", "NotFound"}


def actions(protocol: str) -> tuple[str, ...]:
    """Return every action of a version that has an answer, in either direction."""
    package, suffix = PACKAGES[protocol]
    names = [file.name.removesuffix(".json") for file in files(package).joinpath("schemas").iterdir()]
    found = {name.removesuffix(suffix) for name in names if not name.endswith("Response") and name != "__init__.py"}
    return tuple(sorted(action for action in found if f"{action}Response" in names))


@cache
def schema(protocol: str, action: str, *, answer: bool = False) -> Schema:
    """Return the schema of a request or of its answer."""
    package, suffix = PACKAGES[protocol]
    name = f"{action}Response" if answer else f"{action}{suffix}"
    text = files(package).joinpath(f"schemas/{name}.json").read_bytes()
    read: Schema = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    return read


def violations(protocol: str, action: str, payload: Mapping[str, Any], *, answer: bool = False) -> list[str]:
    """Return what of a message does not fit its schema."""
    found = Draft6Validator(schema(protocol, action, answer=answer)).iter_errors(payload)
    return [f"{action}: {error.message}" for error in found]


def sample(protocol: str, action: str, *, full: bool, answer: bool = False) -> dict[str, Any]:
    """Return a message with what is required, or with every field there is."""
    definition = schema(protocol, action, answer=answer)
    made: dict[str, Any] = _value(definition, definition, "", full=full)
    return made


def refusing_status(protocol: str, action: str) -> str | None:
    """Return the status by which an answer says no, None where it has no status or none that means no."""
    definition = schema(protocol, action, answer=True)
    status = _resolved(definition.get("properties", {}).get("status", {}), definition).get("enum", [])
    refusals = [word for word in status if word not in _YES and word not in _NEUTRAL]
    return "Rejected" if "Rejected" in refusals else next(iter(refusals), None)


def _resolved(part: Schema, root: Schema) -> Schema:
    reference = part.get("$ref")
    return part if reference is None else root["definitions"][reference.rpartition("/")[2]]


def _value(part: Schema, root: Schema, name: str, *, full: bool) -> Any:
    part = _resolved(part, root)
    if "enum" in part:
        return next((word for word in _YES if word in part["enum"]), part["enum"][0])
    match part.get("type"):
        case "object":
            wanted = part.get("properties", {}) if full else part.get("required", ())
            return {key: _value(part["properties"][key], root, key, full=full) for key in wanted if key != "customData"}
        case "array":
            return [_value(part["items"], root, name, full=full)] * max(1, part.get("minItems", 1))
        case "integer" | "number":
            return min(max(1, part.get("minimum", 1)), part.get("maximum", 1))
        case "boolean":
            return False
        case _:
            return _text(part, name)


def _text(part: Schema, name: str) -> str:
    if part.get("format") == "date-time":
        return "2026-06-01T10:00:00Z"
    if part.get("format") == "uri":
        return "http://files.test/1"
    return "Component" if name == "name" else "1"

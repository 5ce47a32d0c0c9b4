"""OCPP's own JSON schemas as compiled checks, made once per protocol version."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
import re
from typing import Final

import fastjsonschema  # type: ignore[import-untyped]  # ships no types
from jsonschema import Draft4Validator, ValidationError  # type: ignore[import-untyped]  # its stubs are apart
import orjson

from ..model import Json

# Package of schemas, and how it names the file of a request.
_SOURCES: Final = {
    "ocpp1.6": ("ocpp.v16", ""),
    "ocpp2.0.1": ("ocpp.v201", "Request"),
    "ocpp2.1": ("ocpp.v21", "Request"),
}
_MAX_ERRORS: Final = 64  # looked at in one message
_MAX_VIOLATIONS: Final = 8  # told of one message
_MAX_NAME_LENGTH: Final = 40
_INDEX: Final = re.compile(r"\[\d+\]")

type _Check = Callable[[Mapping[str, Json]], object]


class _Schema:
    """One message: a compiled check that says yes or no, and a slow one that says what is wrong."""

    __slots__ = ("_check", "_definition")

    def __init__(self, definition: dict[str, Json]) -> None:
        self._definition = definition
        self._check: _Check = fastjsonschema.compile(definition, detailed_exceptions=False)

    def violations(self, payload: Mapping[str, Json]) -> tuple[str, ...]:
        try:
            self._check(payload)
        except fastjsonschema.JsonSchemaValueException as error:
            return self._explained(payload) or (_INDEX.sub("[]", error.message)[:120],)
        return ()

    def _explained(self, payload: Mapping[str, Json]) -> tuple[str, ...]:
        errors: Iterator[ValidationError] = Draft4Validator(self._definition).iter_errors(payload)
        try:
            told = dict.fromkeys(_explain(error) for error in islice(errors, _MAX_ERRORS))
        except RecursionError:  # the library prints what it refuses, however deep that is
            return ()
        return tuple(told)[:_MAX_VIOLATIONS]


def _explain(error: ValidationError) -> str:
    """Return where and which rule, never a value."""
    where = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    detail = ""
    if error.validator == "required":
        detail = ",".join(sorted(name for name in error.validator_value if name not in error.instance))
    elif error.validator == "additionalProperties":
        extra = sorted(
            str(name)[:_MAX_NAME_LENGTH] for name in error.instance if name not in error.schema["properties"]
        )
        detail = ",".join(extra[:3])
    return f"{where.removeprefix('.')} {error.validator} {detail}".strip()


class Schemas:
    """The messages of one protocol version."""

    def __init__(self, protocol: str) -> None:
        """Read and compile all of them: file access and about 0.2 s, so not for the event loop."""
        package, request_suffix = _SOURCES[protocol]
        self.protocol = protocol
        self._requests: dict[str, _Schema] = {}
        self._responses: dict[str, _Schema] = {}
        for file in files(package).joinpath("schemas").iterdir():
            if not file.name.endswith(".json"):
                continue
            name = file.name.removesuffix(".json")
            schema = _Schema(orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf")))
            if name.endswith("Response"):
                self._responses[name.removesuffix("Response")] = schema
            else:
                self._requests[name.removesuffix(request_suffix)] = schema

    def __contains__(self, action: object) -> bool:
        """Return whether this version has the action, in either direction."""
        return action in self._requests

    def request_violations(self, action: str, payload: Mapping[str, Json]) -> tuple[str, ...]:
        """Return what breaks the schema of a known action's request: short texts without values."""
        return self._requests[action].violations(payload)

    def response_violations(self, action: str, payload: Mapping[str, Json]) -> tuple[str, ...]:
        """Return what breaks the schema of a known action's answer: short texts without values."""
        return self._responses[action].violations(payload)


@cache
def schemas_of(protocol: str) -> Schemas:
    """Return the schemas of a version ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"); slow at the first time."""
    return Schemas(protocol)

"""OCPP's own JSON schemas as compiled checks, made when a message is first met."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Final

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from ..model import Json

# Package of schemas, and how it names the file of a request.
_SOURCES: Final = {
    "ocpp1.6": ("ocpp.v16", ""),
    "ocpp2.0.1": ("ocpp.v201", "Request"),
    "ocpp2.1": ("ocpp.v21", "Request"),
}
# What a larger frame breaks is told by the first violation only: to find all in the largest takes
# 300 ms, to find one 0.1.
_MAX_EXPLAINED_BYTES: Final = 4 * 1024
_MAX_ERRORS: Final = 64  # looked at in one message
_MAX_VIOLATIONS: Final = 8  # told of one message
_MAX_NAME_LENGTH: Final = 40


class _Schema:
    """One message; its check is made at the first time, which takes up to 3 ms, most below 1."""

    __slots__ = ("_check", "_definition")

    def __init__(self, definition: str) -> None:
        self._definition = definition
        self._check: jsonschema_rs.Validator | None = None

    def violations(self, payload: Mapping[str, Json], *, explain: bool) -> tuple[str, ...]:
        check = self._check
        if check is None:
            check = self._check = jsonschema_rs.validator_for(self._definition)
        try:
            if check.is_valid(payload):
                return ()
            if explain:
                told = dict.fromkeys(_explain(error) for error in islice(check.iter_errors(payload), _MAX_ERRORS))
                return tuple(told)[:_MAX_VIOLATIONS]
            check.validate(payload)
        except ValidationError as error:
            return (_explain(error),)
        except ValueError:  # told apart from the above by its class only
            return ("nested too deep",)
        return ()


def _explain(error: ValidationError) -> str:
    """Return where and which rule, never a value."""
    where = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    detail = ""
    match error.kind:
        case ValidationErrorKind.Required(name):
            detail = name
        case ValidationErrorKind.AdditionalProperties(unexpected):
            detail = ",".join(name[:_MAX_NAME_LENGTH] for name in sorted(unexpected)[:3])
    return f"{where.removeprefix('.')} {error.kind.name} {detail}".strip()


class Schemas:
    """The messages of one protocol version."""

    def __init__(self, protocol: str) -> None:
        """Read all of them: file access, some 30 ms, so not for the event loop.

        Checks are made when they are first needed: a station uses few of them.
        """
        package, request_suffix = _SOURCES[protocol]
        self.protocol = protocol
        self._requests: dict[str, _Schema] = {}
        self._responses: dict[str, _Schema] = {}
        for file in files(package).joinpath("schemas").iterdir():
            if not file.name.endswith(".json"):
                continue
            name = file.name.removesuffix(".json")
            schema = _Schema(file.read_text(encoding="utf-8-sig"))
            if name.endswith("Response"):
                self._responses[name.removesuffix("Response")] = schema
            else:
                self._requests[name.removesuffix(request_suffix)] = schema

    def __contains__(self, action: object) -> bool:
        """Return whether this version has the action, in either direction."""
        return action in self._requests

    def has_answer(self, action: str) -> bool:
        """Return whether the action is one that is answered; others are sent unconfirmed (OCPP 2.1)."""
        return action in self._responses

    def request_violations(self, action: str, payload: Mapping[str, Json], size: int = 0) -> tuple[str, ...]:
        """Return what breaks the schema of a known action's request: short texts without values.

        `size` is the frame's in bytes: of a large one only the first violation is told.
        """
        return self._requests[action].violations(payload, explain=size <= _MAX_EXPLAINED_BYTES)

    def response_violations(self, action: str, payload: Mapping[str, Json], size: int = 0) -> tuple[str, ...]:
        """Return the same for the answer to a known action; nothing for one without an answer."""
        schema = self._responses.get(action)
        return () if schema is None else schema.violations(payload, explain=size <= _MAX_EXPLAINED_BYTES)


@cache
def schemas_of(protocol: str) -> Schemas:
    """Return the schemas of a version ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"); slow at the first time."""
    return Schemas(protocol)

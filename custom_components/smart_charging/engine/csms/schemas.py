"""OCPP's own JSON schemas as compiled checks, made when a message is first met."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
import re
import time
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
# What a larger frame breaks is told by the first violation only: to look for all in the largest takes
# 800 ms, in this one 10.
_MAX_EXPLAINED_BYTES: Final = 4 * 1024
_MAX_ERRORS: Final = 64  # looked at in one message
_MAX_VIOLATIONS: Final = 8  # told of one message
_MAX_NAME_LENGTH: Final = 40
_FUNCTION: Final = re.compile(r"^(?=def )", re.MULTILINE)
_INDEX: Final = re.compile(r"\[\d+\]")

type _Check = Callable[[Mapping[str, Json]], object]


class _Schema:
    """One message: a compiled check that says yes or no, and a slow one that says what is wrong."""

    __slots__ = ("_check", "_definition", "_explainer")

    def __init__(self, definition: dict[str, Json]) -> None:
        self._definition = definition
        self._check: _Check | None = None
        self._explainer: Draft4Validator | None = None

    def compile(self) -> _Check:
        """Return the check, made at the first time: up to 20 ms, most below 1."""
        if self._check is None:
            self._check = _compiled(self._definition)
        return self._check

    def violations(self, payload: Mapping[str, Json], *, explain: bool) -> tuple[str, ...]:
        check = self._check or self.compile()
        try:
            check(payload)
        except fastjsonschema.JsonSchemaValueException as error:
            told = self._explained(payload) if explain else ()
            return told or (_plain(error.message),)
        return ()

    def _explained(self, payload: Mapping[str, Json]) -> tuple[str, ...]:
        if self._explainer is None:
            self._explainer = Draft4Validator(self._definition)
        errors: Iterator[ValidationError] = self._explainer.iter_errors(payload)
        try:
            told = dict.fromkeys(_explain(error) for error in islice(errors, _MAX_ERRORS))
        except RecursionError:  # the library prints what it refuses, however deep that is
            return ()
        return tuple(told)[:_MAX_VIOLATIONS]


def _compiled(definition: dict[str, Json]) -> _Check:
    """Return a schema's check.

    The library would compile the source of all its functions at once, up to 10 ms in which the
    interpreter runs nothing else, also when it is done in a thread; function by function it is below 1.
    """
    source: str = fastjsonschema.compile_to_code(definition, detailed_exceptions=False)
    head, *functions = _FUNCTION.split(source)
    names: dict[str, _Check] = {}
    for part in (head, *functions):
        exec(part, names)  # noqa: S102 - generated from a package's own schemas, as the library itself does
        time.sleep(0)  # lets the event loop's thread have its turn
    return names[functions[0].removeprefix("def ").partition("(")[0]]


def _plain(message: str) -> str:
    """Return the compiled check's message without places in lists and without names that it refuses."""
    where, refused, _ = message.partition(" must not contain ")
    return _INDEX.sub("[]", where)[:120] + (" must not contain others" if refused else "")


def _explain(error: ValidationError) -> str:
    """Return where and which rule, never a value."""
    where = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    detail = ""
    if error.validator == "required":
        detail = ",".join(sorted(name for name in error.validator_value if name not in error.instance))
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = sorted(str(name)[:_MAX_NAME_LENGTH] for name in error.instance if name not in known)
        detail = ",".join(extra[:3])
    return f"{where.removeprefix('.')} {error.validator} {detail}".strip()


class Schemas:
    """The messages of one protocol version."""

    def __init__(self, protocol: str) -> None:
        """Read all of them: file access, some 30 ms, so not for the event loop.

        Checks are made when they are first needed, see `prepare`: those of all versions take 0.5 s,
        and a station uses few of them.
        """
        package, request_suffix = _SOURCES[protocol]
        self.protocol = protocol
        self._requests: dict[str, _Schema] = {}
        self._responses: dict[str, _Schema] = {}
        self._prepared: set[str] = set()
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

    def has_answer(self, action: str) -> bool:
        """Return whether the action is one that is answered; others are sent unconfirmed (OCPP 2.1)."""
        return action in self._responses

    async def prepare(self, action: str) -> None:
        """Make the checks of an action apart from the event loop, at its first use only."""
        if action in self._prepared or action not in self._requests:
            return
        await asyncio.get_running_loop().run_in_executor(None, self.compile, action)

    def compile(self, action: str) -> None:
        """Make the checks of a known action now."""
        self._requests[action].compile()
        if response := self._responses.get(action):
            response.compile()
        self._prepared.add(action)

    def compile_all(self) -> None:
        """Make all checks now."""
        for action in self._requests:
            self.compile(action)

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
    schemas = Schemas(protocol)
    if protocol == "ocpp1.6":
        schemas.compile_all()  # 0.05 s for what almost every station speaks
    return schemas

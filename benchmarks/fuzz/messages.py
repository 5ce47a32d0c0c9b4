"""Sound payloads made up from the schemas of a protocol version."""

from importlib.resources import files
import json
from random import Random

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
type Schema = dict[str, Json]

PACKAGES = {"ocpp1.6": "ocpp.v16", "ocpp2.0.1": "ocpp.v201", "ocpp2.1": "ocpp.v21"}
_OPTIONAL_SHARE = 0.4
_MAX_DEPTH = 6


class Messages:
    """The actions of a version with a schema for the request and, where there is one, for the answer."""

    def __init__(self, protocol: str) -> None:
        """Read the schemas."""
        self.requests: dict[str, Schema] = {}
        self.answers: dict[str, Schema] = {}
        for file in files(PACKAGES[protocol]).joinpath("schemas").iterdir():
            name, _, ending = file.name.rpartition(".")
            if ending != "json":
                continue
            schema = json.loads(file.read_text(encoding="utf-8-sig"))
            if name.endswith("Response"):
                self.answers[name.removesuffix("Response")] = schema
            else:
                self.requests[name.removesuffix("Request")] = schema
        self.actions = sorted(self.requests)

    def request(self, action: str, random: Random) -> Json:
        """Return a payload that fits the action's schema."""
        return _sample(self.requests[action], self.requests[action], random, 0)

    def answer(self, action: str) -> Json:
        """Return the shortest answer that fits the action's schema."""
        schema = self.answers.get(action)
        return {} if schema is None else _sample(schema, schema, Random(0), _MAX_DEPTH)


def _sample(schema: Schema, root: Schema, random: Random, depth: int) -> Json:
    if isinstance(reference := schema.get("$ref"), str):
        target = _dict(_dict(root["definitions"])[reference.rpartition("/")[2]])
        return _sample(target, root, random, depth)
    if isinstance(choices := schema.get("enum"), list):
        return random.choice(choices)
    match schema.get("type"):
        case "object":
            return _object(schema, root, random, depth)
        case "array":
            least = _whole(schema.get("minItems"), 0)
            length = least + (random.randrange(3) if depth < _MAX_DEPTH else 0)
            length = min(length, _whole(schema.get("maxItems"), length))
            return [_sample(_dict(schema["items"]), root, random, depth + 1) for _ in range(length)]
        case "integer":
            return _whole(schema.get("minimum"), 0) + random.randrange(3)
        case "number":
            value = _whole(schema.get("minimum"), 0) + random.choice((0, 0.1, 16.0))
            return min(value, _whole(schema.get("maximum"), 1000))
        case "boolean":
            return random.random() < 0.5
        case _:
            return _text(schema, random)


def _object(schema: Schema, root: Schema, random: Random, depth: int) -> Json:
    properties = _dict(schema.get("properties", {}))
    required = schema.get("required", [])
    assert isinstance(required, list)
    return {
        name: _sample(_dict(inner), root, random, depth + 1)
        for name, inner in properties.items()
        if name in required or (depth < _MAX_DEPTH and random.random() < _OPTIONAL_SHARE)
    }


def _text(schema: Schema, random: Random) -> str:
    if schema.get("format") == "date-time":
        return f"2026-06-01T10:00:{random.randrange(60):02}Z"
    if schema.get("format") == "uri":
        return "https://example.invalid/x"
    return "".join(random.choices("abcXYZ012-é漢", k=random.randrange(1, 12)))[: _whole(schema.get("maxLength"), 12)]


def _dict(value: Json) -> Schema:
    assert isinstance(value, dict)
    return value


def _whole(value: Json, otherwise: int) -> int:
    return int(value) if isinstance(value, (int, float)) else otherwise

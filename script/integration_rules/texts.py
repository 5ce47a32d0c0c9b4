"""Rules for translations: their shape, the texts themselves, and that all languages say the same things."""

from collections.abc import Iterator, Mapping
import re
import string

from .integration import Integration, Json, tree

TRANSLATION_KEY = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
ADDRESS = re.compile(r"((https?|ftps?|mqtts?|wss?)://|www\.)[a-z0-9]", re.IGNORECASE)
MARKUP = re.compile(r"<[a-z/!][^>]*>", re.IGNORECASE)

# A shape is either a text, the keys an object may have, or (with "*") what every one of its values is.
type Shape = str | dict[str, Shape]
TEXT = "text"
PLAIN = "text without placeholders"
ANY: Shape = {"*": TEXT}

STEP: Shape = {
    "title": TEXT, "description": TEXT, "submit": TEXT, "data": ANY, "data_description": ANY,
    "menu_options": ANY, "menu_option_descriptions": ANY,
    "sections": {"*": {"name": TEXT, "description": TEXT, "data": ANY, "data_description": ANY}},
}  # fmt: skip
FLOW: dict[str, Shape] = {
    "flow_title": TEXT, "step": {"*": STEP}, "error": ANY, "abort": ANY, "progress": ANY, "create_entry": ANY,
    "initiate_flow": ANY,
}  # fmt: skip
NAMED: Shape = {
    "name": TEXT,
    "description": TEXT,
    "fields": {"*": {"name": TEXT, "description": TEXT, "example": TEXT}},
    "sections": {"*": {"name": TEXT, "description": TEXT}},
}
STATES: Shape = {"*": PLAIN}
SHAPE: Shape = {
    "title": TEXT,
    "common": ANY,
    "config": FLOW,
    "options": FLOW,
    "config_subentries": {"*": {**FLOW, "entry_type": TEXT}},
    "entity": {"*": {"*": {
        "name": TEXT, "state": STATES, "unit_of_measurement": PLAIN,
        "state_attributes": {"*": {"name": PLAIN, "state": STATES}},
    }}},
    "device": {"*": {"name": TEXT}},
    "exceptions": {"*": {"message": TEXT}},
    "issues": {"*": {"title": TEXT, "description": TEXT, "fix_flow": FLOW}},
    "selector": {"*": {"options": ANY, "choices": ANY, "unit_of_measurement": ANY, "fields": ANY}},
    "services": {"*": NAMED},
    "triggers": {"*": NAMED},
    "conditions": {"*": NAMED},
    "system_health": {"info": ANY},
}  # fmt: skip


def check(integration: Integration) -> Iterator[str]:
    """Yield what is wrong with the translations."""
    if not integration.english:
        yield "translations/en.json: missing or empty"
        return
    for language, texts in integration.translations.items():
        for problem in _check_shape(dict(texts), SHAPE, ()):
            yield f"translations/{language}.json: {problem}"
        for problem in _check_flows(texts):
            yield f"translations/{language}.json: {problem}"
    english = dict(_leaves(integration.english))
    for language, texts in integration.translations.items():
        for problem in _compare(english, dict(_leaves(texts))):
            yield f"translations/{language}.json: {problem}"


def _check_shape(value: Json, shape: Shape, path: tuple[str, ...]) -> Iterator[str]:
    where = ".".join(path)
    if isinstance(shape, str):
        if not isinstance(value, str):
            yield f"{where} must be a text"
            return
        for problem in _check_text(value, placeholders=shape == TEXT):
            yield f"{where} {problem}"
        return
    if not isinstance(value, dict):
        yield f"{where} must be an object"
        return
    for key, below in value.items():
        if key not in shape and "*" not in shape:
            yield f"{'.'.join((*path, key))} is not known to Home Assistant"
            continue
        if "*" in shape and key not in shape and not TRANSLATION_KEY.fullmatch(key):
            yield f"{'.'.join((*path, key))} is not a valid key: lower case letters, digits, single _ or -"
        yield from _check_shape(below, shape.get(key, shape.get("*", TEXT)), (*path, key))


def _check_text(text: str, *, placeholders: bool) -> Iterator[str]:
    if not text:
        yield "is empty"
    if text != text.strip():
        yield "starts or ends with a space"
    if "[%key:" in text:
        yield "holds a [%key:...%] reference, which nobody resolves in a custom integration"
        return
    if ADDRESS.search(text):
        yield "holds an address; pass it as a placeholder"
    if MARKUP.search(text):
        yield "holds HTML"
    if re.search(r"'\{\w+\}'", text):
        yield "has a placeholder inside single quotes, which is shown as it is"
    names = placeholders_of(text)
    if names is None:
        yield "has unbalanced braces"
    elif names and not placeholders:
        yield "may not have placeholders"
    elif names and not all(name.isidentifier() for name in names):
        yield "has a placeholder that is not a name"


def placeholders_of(text: str) -> set[str] | None:
    """Return the names in braces, None where the braces do not match."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return None


def _check_flows(texts: Mapping[str, Json]) -> Iterator[str]:
    flows = {kind: tree(texts.get(kind)) for kind in ("config", "options")}
    for name, flow in tree(texts.get("config_subentries")).items():
        flows[f"config_subentries.{name}"] = tree(flow)
        if "entry_type" not in tree(flow):
            yield f"config_subentries.{name}.entry_type is missing"
        if "user" not in tree(tree(flow).get("initiate_flow")):
            yield f"config_subentries.{name}.initiate_flow.user is missing"
    for name, issue in tree(texts.get("issues")).items():
        flows[f"issues.{name}.fix_flow"] = tree(tree(issue).get("fix_flow"))
        if "title" not in tree(issue):
            yield f"issues.{name}.title is missing"
        if ("description" in tree(issue)) == ("fix_flow" in tree(issue)):
            yield f"issues.{name} must have either a description or a fix_flow"
    for name, flow in flows.items():
        for step, parts in tree(flow.get("step")).items():
            undescribed = tree(tree(parts).get("data_description")).keys() - tree(tree(parts).get("data")).keys()
            for key in sorted(undescribed):
                yield f"{name}.step.{step}.data_description.{key} has no entry in data"


def _leaves(value: Json | Mapping[str, Json], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, str):
        yield ".".join(path), value


def _compare(english: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(english.keys() - other.keys()):
        yield f"{key} is missing"
    for key in sorted(other.keys() - english.keys()):
        yield f"{key} is not in en.json"
    for key in sorted(english.keys() & other.keys()):
        if placeholders_of(english[key]) != placeholders_of(other[key]):
            yield f"{key} has other placeholders than en.json"

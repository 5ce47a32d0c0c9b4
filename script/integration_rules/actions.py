"""Rules for services.yaml, triggers.yaml and conditions.yaml: in step with the texts, the icons and the code."""

from collections.abc import Iterator
import re

from homeassistant.helpers import selector
import voluptuous as vol

from .integration import ACTION_KINDS, Integration, Json, called, inside, literal, tree

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
ENTRY_KEYS = ("name", "description", "target", "fields")
FIELD_KEYS = (
    "name", "description", "required", "advanced", "default", "example", "selector", "filter", "context",
    "fields", "collapsed",
)  # fmt: skip
REGISTERING = ("async_register", "async_register_admin_service", "async_register_platform_entity_service")
PLATFORM_OF = {"triggers": ("trigger.py", "async_get_triggers"), "conditions": ("condition.py", "async_get_conditions")}


def check(integration: Integration) -> Iterator[str]:
    """Yield where actions, triggers and conditions are described in one place and not in another."""
    for kind in ACTION_KINDS:
        described = integration.actions.get(kind, {})
        for name, entry in described.items():
            if not name.startswith("."):  # YAML anchors that are no actions themselves
                for problem in _check_entry(integration, kind, name, tree(entry)):
                    yield f"{kind}.yaml: {name} {problem}"
        for name in inside(dict(integration.english), kind):
            if name not in described:
                yield f"translations/en.json: {kind}.{name} is not in {kind}.yaml"
    yield from _check_code(integration)


def _check_entry(integration: Integration, kind: str, name: str, entry: dict[str, Json]) -> Iterator[str]:
    words = inside(dict(integration.english), kind, name)
    if not NAME.fullmatch(name):
        yield "is not a valid name"
    if name not in inside(dict(integration.icons), kind):
        yield "has no icon in icons.json"
    for part in ("name", "description"):
        if part not in words:
            yield f"has no {part} in translations/en.json"
    for key in entry:
        if key not in ENTRY_KEYS:
            yield f"has the unknown key {key}"
    fields = dict(_fields(tree(entry.get("fields"))))
    for field, detail in fields.items():
        for problem in _check_field(integration, detail, inside(words, "fields", field)):
            yield f"field {field} {problem}"
    for field in inside(words, "fields").keys() - fields.keys():
        yield f"field {field} is translated, but does not exist"


def _fields(fields: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    for name, detail in fields.items():
        if "fields" in tree(detail):
            yield from _fields(inside(detail, "fields"))
        else:
            yield name, tree(detail)


def _check_field(integration: Integration, detail: dict[str, Json], words: dict[str, Json]) -> Iterator[str]:
    for part in ("name", "description"):
        if part not in words:
            yield f"has no {part} in translations/en.json"
    for key in detail:
        if key not in FIELD_KEYS:
            yield f"has the unknown key {key}"
    if "selector" not in detail:
        return
    try:
        selector.validate_selector(detail["selector"])
    except vol.Invalid as err:
        yield f"has a selector that Home Assistant refuses: {err}"
        return
    choice = inside(detail["selector"], "select")
    reference = choice.get("translation_key")
    if reference is None:
        return
    texts = inside(dict(integration.english), "selector", str(reference), "options")
    options = choice.get("options")
    for option in options if isinstance(options, list) else []:
        if isinstance(option, str) and option not in texts:
            yield f"has the option {option} without a text in selector.{reference}"


def _check_code(integration: Integration) -> Iterator[str]:
    services = integration.actions.get("services", {})
    for file, node in integration.calls():
        if called(node) not in REGISTERING:
            continue
        if not services:
            yield f"services.yaml: missing, though {file} registers actions"
            return
        for argument in node.args[:3]:
            name = literal(argument)
            # The domain comes first where both are given as texts.
            if name and name != integration.path.name and name not in services and NAME.fullmatch(name):
                yield f"services.yaml: {name}, registered in {file}, is not described"
    for kind, (file, function) in PLATFORM_OF.items():
        module = integration.modules.get(file)
        if (
            module
            and not integration.actions.get(kind)
            and any(getattr(n, "name", "") == function for n in module.body)
        ):
            yield f"{kind}.yaml: missing, though there is {file}"

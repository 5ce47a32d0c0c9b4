"""Rules for icons.json: known keys only, each icon for something that exists, no state that repeats the default."""

from collections.abc import Iterator
import re

from .integration import ACTION_KINDS, Integration, Json, inside, tree

SECTIONS = ("entity", "services", "triggers", "conditions", "config", "config_subentries", "options", "issues")
ENTITY_KEYS = ("default", "state", "range", "state_attributes")
# What an icon of a service, a trigger or a condition is called.
ACTION_KEYS = {"services": ("service", "sections"), "triggers": ("trigger",), "conditions": ("condition",)}
ICON = re.compile(r"mdi:[a-z0-9]+(-[a-z0-9]+)*")


def check(integration: Integration) -> Iterator[str]:
    """Yield what is wrong with the icons."""
    for section in integration.icons:
        if section not in SECTIONS:
            yield f"icons.json: {section} is not known to Home Assistant"
    for platform, icons in inside(dict(integration.icons), "entity").items():
        for key, icon in tree(icons).items():
            words = inside(dict(integration.english), "entity", platform, key)
            for problem in _check_entity(tree(icon), words):
                yield f"icons.json: entity.{platform}.{key} {problem}"
    for kind in ACTION_KINDS:
        for name, icon in inside(dict(integration.icons), kind).items():
            for problem in _check_action(icon, kind, known=name in integration.actions.get(kind, {})):
                yield f"icons.json: {kind}.{name} {problem}"


def _check_entity(icon: dict[str, Json], words: dict[str, Json]) -> Iterator[str]:
    if not words:
        yield "has no entity of that name in translations/en.json"
    yield from _check_part(icon, words, ENTITY_KEYS)
    for name, part in inside(icon, "state_attributes").items():
        for problem in _check_part(tree(part), inside(words, "state_attributes", name), ENTITY_KEYS[:3]):
            yield f"state_attributes.{name} {problem}"


def _check_part(icon: dict[str, Json], words: dict[str, Json], allowed: tuple[str, ...]) -> Iterator[str]:
    for key in icon:
        if key not in allowed:
            yield f"has the unknown key {key}"
    default = icon.get("default")
    if "default" in icon:
        yield from _check_icon(default)
    states, named = inside(icon, "state"), inside(words, "state")
    for state, value in states.items():
        yield from _check_icon(value)
        if value == default:
            yield f"state {state} repeats the default icon"
        if named and state not in named:
            yield f"state {state} is not a state of translations/en.json"
    for value in inside(icon, "range").values():
        yield from _check_icon(value)


def _check_action(icon: Json, kind: str, *, known: bool) -> Iterator[str]:
    if not known:
        yield f"is not in {kind}.yaml"
    if not isinstance(icon, dict):
        yield "must be an object"
        return
    for key, value in icon.items():
        if key not in ACTION_KEYS[kind]:
            yield f"has the unknown key {key}"
        elif key != "sections":
            yield from _check_icon(value)


def _check_icon(value: Json) -> Iterator[str]:
    if not isinstance(value, str) or not ICON.fullmatch(value):
        yield f"{value!r} is not an icon such as mdi:ev-station"

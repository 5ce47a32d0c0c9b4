"""Rules for the keys that the sources use: each step, error, abort, exception, issue and entity has its text."""

import ast
from collections.abc import Iterator, Mapping

from homeassistant.const import BASE_PLATFORMS

from .integration import Integration, Json, called, inside, keyword, literal, tree

# Aborts that Home Assistant's own flow methods end with.
IMPLIED_ABORTS = {
    "_abort_if_unique_id_configured": "already_configured",
    "_async_abort_entries_match": "already_configured",
    "_abort_if_unique_id_mismatch": "unique_id_mismatch",
}
# Methods that end a flow with the reason they are given.
ABORTS = ("async_abort", "async_update_and_abort", "async_update_reload_and_abort")
EXCEPTIONS = ("Error", "Exception", "NotReady", "AuthFailed", "UpdateFailed")
ISSUES = ("async_create_issue", "create_issue")


def check(integration: Integration) -> Iterator[str]:
    """Yield keys that are used in the sources and have no English text."""
    flows = tuple(_flows(integration.english))
    steps, errors, aborts = (_keys(flows, part) for part in ("step", "error", "abort"))
    for file, node in integration.calls():
        name = called(node)
        if any(item.arg == "translation_domain" and name in ABORTS for item in node.keywords):
            continue  # the text is another integration's
        if name in ("async_show_form", "async_show_menu") and (step := keyword(node, "step_id")):
            yield from _missing(file, "step", step, steps)
        elif name in ABORTS and (reason := keyword(node, "reason")):
            yield from _missing(file, "abort", reason, aborts)
        elif name in IMPLIED_ABORTS:
            yield from _missing(file, "abort", keyword(node, "reason") or IMPLIED_ABORTS[name], aborts)
        if key := keyword(node, "translation_key"):
            yield from _check_translation_key(integration, file, name, key)
    for file, module in integration.modules.items():
        if file == "config_flow.py" or file.startswith("flows/"):
            for error in sorted(set(_error_keys(module))):
                yield from _missing(file, "error", error, errors)
        yield from _check_attributes(integration, file, module)


def _flows(english: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    yield inside(dict(english), "config")
    yield inside(dict(english), "options")
    for flow in inside(dict(english), "config_subentries").values():
        yield tree(flow)
    for issue in inside(dict(english), "issues").values():
        yield inside(issue, "fix_flow")


def _keys(flows: tuple[dict[str, Json], ...], part: str) -> set[str]:
    return {key for flow in flows for key in inside(flow, part)}


def _missing(file: str, part: str, key: str, known: set[str]) -> Iterator[str]:
    if key not in known:
        yield f"translations/en.json: {part} {key}, used in {file}, is missing"


def _check_translation_key(integration: Integration, file: str, name: str, key: str) -> Iterator[str]:
    english = dict(integration.english)
    if name.endswith(EXCEPTIONS):
        yield from _missing(file, "exception", key, set(inside(english, "exceptions")))
    elif name in ISSUES:
        yield from _missing(file, "issue", key, set(inside(english, "issues")))
    elif name.endswith("Description"):
        platform = _platform(file)
        yield from _missing(file, f"entity.{platform}", key, set(inside(english, "entity", platform)))
    elif name.endswith("SelectorConfig"):
        yield from _missing(file, "selector", key, set(inside(english, "selector")))


def _platform(file: str) -> str:
    """Return the platform that a file such as sensor.py or sensor_descriptions.py belongs to."""
    stem = file.removesuffix(".py")
    fitting = (platform for platform in BASE_PLATFORMS if stem == platform or stem.startswith(f"{platform}_"))
    return max(fitting, key=len, default=stem)


def _check_attributes(integration: Integration, file: str, module: ast.Module) -> Iterator[str]:
    platform = _platform(file)
    known = set(inside(dict(integration.english), "entity", platform))
    for node in ast.walk(module):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {getattr(target, "attr", getattr(target, "id", "")) for target in targets}
        if "_attr_translation_key" in names and (key := literal(node.value)):
            yield from _missing(file, f"entity.{platform}", key, known)


def _error_keys(module: ast.Module) -> Iterator[str]:
    """Yield the texts put into a dictionary called errors."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, value = node.target, node.value
        elif isinstance(node, ast.keyword) and node.arg == "errors":
            target, value = ast.Name("errors"), node.value
        else:
            continue
        if isinstance(target, ast.Subscript):
            target, found = target.value, [value]
        else:
            found = list(value.values) if isinstance(value, ast.Dict) else []
        if isinstance(target, ast.Name) and target.id == "errors":
            yield from (text for item in found if (text := literal(item)))

"""Rules for imports: what the sources use must be declared in the manifest or come with Home Assistant.

A module may state in `REQUIREMENTS_WHEN_CHOSEN` what the integration installs itself once the user wants it; that may be
imported inside functions only.
"""

import ast
from collections.abc import Iterator
from importlib import metadata
import re
import sys

from homeassistant.const import BASE_PLATFORMS

from .integration import Integration, Json

# Always set up, or nothing to set up: usable without being declared.
FREE = frozenset({
    *BASE_PLATFORMS, "alert", "automation", "blueprint", "conversation", "default_config", "device_automation", "frontend",
    "group", "homeassistant", "input_boolean", "input_button", "input_datetime", "input_number", "input_select",
    "input_text", "media_source", "mjpeg", "onboarding", "panel_custom", "persistent_notification", "person", "script",
    "shopping_list", "stream", "sun", "system_health", "system_log", "timer", "webhook", "websocket_api", "zone",
})  # fmt: skip
# A manifest key of this name makes Home Assistant set the component up.
DISCOVERY = ("bluetooth", "dhcp", "mqtt", "ssdp", "usb", "zeroconf")
WHEN_CHOSEN = "REQUIREMENTS_WHEN_CHOSEN"


def check(integration: Integration) -> Iterator[str]:
    """Yield components and packages that are imported, but not declared."""
    manifest = integration.manifest
    declared = {*_texts(manifest.get("dependencies")), *_texts(manifest.get("after_dependencies"))}
    declared |= {key for key in DISCOVERY if key in manifest}
    packages = _available_packages(_texts(manifest.get("requirements")))
    chosen = [text for module in integration.modules.values() for text in _when_chosen(module)]
    yield from (f"{WHEN_CHOSEN}: {text} must be pinned" for text in chosen if "==" not in text)
    later = _available_packages(chosen) - packages
    for file, module in integration.modules.items():
        for imported in sorted(set(_imports(module))):
            component = _component(imported)
            if component is not None:
                # diagnostics.py may use diagnostics: the component loads the file, not the other way round.
                own_platform = f"{component}.py" in integration.modules
                if component not in FREE | declared | {integration.path.name} and not own_platform:
                    yield f"{file}: uses the component {component}, which the manifest does not declare"
            elif (package := imported.partition(".")[0]) in later:
                if imported in _imports(ast.Module(_at_import(module), [])):
                    yield f"{file}: imports {package} at once, which is installed only when it is chosen"
            elif package not in packages:
                yield f"{file}: imports {package}, which is in no requirement of the manifest"


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _imports(module: ast.Module) -> Iterator[str]:
    skipped: set[ast.AST] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(below for statement in node.body for below in ast.walk(statement))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "homeassistant.components":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _when_chosen(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=items))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Tuple(elts=items))
            ) if name == WHEN_CHOSEN:
                yield from (str(item.value) for item in items if isinstance(item, ast.Constant))


def _at_import(module: ast.Module) -> list[ast.stmt]:
    """Return what of a module runs when it is imported, as far as imports go: all but its functions and classes."""
    return [node for node in module.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def _component(imported: str) -> str | None:
    parts = imported.split(".")
    return parts[2] if parts[:2] == ["homeassistant", "components"] and len(parts) > 2 else None


def _available_packages(requirements: list[str]) -> set[str]:
    """Return the importable names of the standard library, Home Assistant's own needs and these requirements.

    What a requirement itself always brings along counts too.
    """
    wanted = {_normal(text) for text in (*requirements, *(metadata.requires("homeassistant") or ()))}
    for text in requirements:
        extras = re.findall(r"[A-Za-z0-9._-]+", text.partition("[")[2].partition("]")[0])
        for below in _required_by(_normal(text)):
            marker = below.partition("extra ==")[2]
            if not marker or any(extra in marker for extra in extras):
                wanted.add(_normal(below))
    names = {"homeassistant", "custom_components", "voluptuous", *sys.stdlib_module_names}
    for module, distributions in metadata.packages_distributions().items():
        if wanted & {_normal(name) for name in distributions}:
            names.add(module)
    return names


def _required_by(distribution: str) -> list[str]:
    try:
        return metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []


def _normal(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""

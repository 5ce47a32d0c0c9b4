"""Rules for imports: what the sources use must be declared in the manifest or come with Home Assistant."""

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


def check(integration: Integration) -> Iterator[str]:
    """Yield components and packages that are imported, but not declared."""
    manifest = integration.manifest
    declared = {*_texts(manifest.get("dependencies")), *_texts(manifest.get("after_dependencies"))}
    declared |= {key for key in DISCOVERY if key in manifest}
    packages = _available_packages(_texts(manifest.get("requirements")))
    for file, module in integration.modules.items():
        for imported in sorted(set(_imports(module))):
            component = _component(imported)
            if component is not None:
                # diagnostics.py may use diagnostics: the component loads the file, not the other way round.
                own_platform = f"{component}.py" in integration.modules
                if component not in FREE | declared | {integration.path.name} and not own_platform:
                    yield f"{file}: uses the component {component}, which the manifest does not declare"
            elif imported.partition(".")[0] not in packages:
                yield f"{file}: imports {imported.partition('.')[0]}, which is in no requirement of the manifest"


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


def _component(imported: str) -> str | None:
    parts = imported.split(".")
    return parts[2] if parts[:2] == ["homeassistant", "components"] and len(parts) > 2 else None


def _available_packages(requirements: list[str]) -> set[str]:
    """Return the importable names of the standard library, Home Assistant's own needs and these requirements.

    What a requirement itself always brings along counts too.
    """
    wanted = {_normal(text) for text in (*requirements, *(metadata.requires("homeassistant") or ()))}
    for text in requirements:
        wanted |= {_normal(below) for below in _required_by(_normal(text)) if "extra ==" not in below}
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

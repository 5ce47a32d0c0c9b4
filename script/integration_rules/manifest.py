"""Rules for manifest.json: what must be there, in which order, and how requirements are pinned."""

from collections.abc import Iterator
import re

from packaging.requirements import InvalidRequirement, Requirement

from .integration import Integration, Json, Tree, in_core

REQUIRED = (
    "domain",
    "name",
    "codeowners",
    "documentation",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "version",
)
OPTIONAL = (
    "after_dependencies", "bluetooth", "config_flow", "dependencies", "dhcp", "homekit", "import_executor", "loggers",
    "mqtt", "quality_scale", "requirements", "single_config_entry", "ssdp", "usb", "zeroconf",
)  # fmt: skip
LISTS = ("after_dependencies", "codeowners", "dependencies", "loggers", "requirements")
IOT_CLASSES = ("assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push")
TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system")
QUALITY = ("bronze", "silver", "gold", "platinum", "custom")
# Home Assistant pins these exactly, so that an integration with a pin of its own would stop loading.
PINNED_BY_CORE = ("sqlalchemy",)
VERSION = re.compile(r"\d+\.\d+(\.\d+)*((a|b|rc|\.dev|-[a-z]+\.?)\d+)?")


def check(integration: Integration) -> Iterator[str]:
    """Yield what is wrong with the manifest."""
    manifest = integration.manifest
    if not manifest:
        yield "manifest.json: missing or empty"
        return
    for key in REQUIRED:
        if key not in manifest:
            yield f"manifest.json: {key} is missing"
    for key in manifest:
        if key not in REQUIRED + OPTIONAL:
            yield f"manifest.json: {key} is not a key that Home Assistant knows"
    if list(manifest) != sorted(manifest, key=_rank):
        yield "manifest.json: keys must be in order: domain, name, then the alphabet"
    for key in LISTS:
        if not _is_text_list(manifest.get(key, [])):
            yield f"manifest.json: {key} must be a list of texts"
    yield from _check_values(integration)
    yield from _check_dependencies(manifest)
    yield from _check_requirements(manifest.get("requirements"))


def _rank(key: str) -> tuple[int, str]:
    first = ("domain", "name")
    return (first.index(key) if key in first else len(first), key)


def _is_text_list(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _check_values(integration: Integration) -> Iterator[str]:
    manifest, domain = integration.manifest, str(integration.manifest.get("domain", ""))
    if domain != integration.path.name:
        yield f"manifest.json: domain {domain} is not the name of its directory"
    if in_core(domain):
        yield f"manifest.json: domain {domain} belongs to an integration of Home Assistant"
    for key, allowed in (("iot_class", IOT_CLASSES), ("integration_type", TYPES), ("quality_scale", QUALITY)):
        if key in manifest and manifest[key] not in allowed:
            yield f"manifest.json: {key} must be one of {', '.join(allowed)}"
    for key in ("documentation", "issue_tracker"):
        if key in manifest and not re.fullmatch(r"https://\S+\.\S+", str(manifest[key])):
            yield f"manifest.json: {key} must be an https address"
    if "version" in manifest and not VERSION.fullmatch(str(manifest["version"])):
        yield f"manifest.json: {manifest['version']} is not a version"
    if bool(manifest.get("config_flow")) != ("config_flow.py" in integration.modules):
        yield "manifest.json: config_flow must be true where there is a config_flow.py, and only there"


def _check_dependencies(manifest: Tree) -> Iterator[str]:
    for key in ("dependencies", "after_dependencies"):
        listed = manifest.get(key)
        for name in listed if isinstance(listed, list) else []:
            if not in_core(str(name)):
                yield f"manifest.json: {key} names {name}, which Home Assistant does not have"


def _check_requirements(value: Json) -> Iterator[str]:
    for text in value if isinstance(value, list) else []:
        try:
            wanted = Requirement(str(text))
        except InvalidRequirement:
            yield f"manifest.json: requirement {text} cannot be read"
            continue
        pinned = [part.operator for part in wanted.specifier] == ["=="]
        if wanted.name.lower() in PINNED_BY_CORE:
            if pinned:
                yield f"manifest.json: requirement {text} must be a range, since Home Assistant pins {wanted.name}"
        elif not pinned:
            yield f"manifest.json: requirement {text} must be pinned with =="

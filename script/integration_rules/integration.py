"""One integration as its files say it is: read once, judged by every rule."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path

import homeassistant.components
import yaml

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
type Tree = Mapping[str, Json]

CORE = Path(homeassistant.components.__path__[0])
ACTION_KINDS = ("services", "triggers", "conditions")


def in_core(domain: str) -> bool:
    """Return True where Home Assistant itself has an integration of this domain."""
    return bool(domain) and (CORE / domain / "manifest.json").is_file()


def tree(value: Json) -> dict[str, Json]:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def inside(value: Json, *keys: str) -> dict[str, Json]:
    """Return the object below these keys, empty where there is none."""
    for key in keys:
        value = tree(value).get(key)
    return tree(value)


@dataclass(frozen=True, slots=True)
class Integration:
    """The files of an integration; `unreadable` holds what could not be parsed."""

    path: Path
    manifest: Tree = field(default_factory=dict)
    translations: Mapping[str, Tree] = field(default_factory=dict)
    icons: Tree = field(default_factory=dict)
    actions: Mapping[str, Tree] = field(default_factory=dict)
    modules: Mapping[str, ast.Module] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @property
    def english(self) -> Tree:
        """Return the texts that Home Assistant falls back to."""
        return self.translations.get("en", {})

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call of the sources with the name of its file."""
        for name, module in self.modules.items():
            for node in ast.walk(module):
                if isinstance(node, ast.Call):
                    yield name, node


def load(path: Path) -> Integration:
    """Read an integration's directory; a broken file is recorded, not raised."""
    broken: list[str] = []

    def read(file: Path) -> Tree:
        if not file.is_file():
            return {}
        try:
            text = file.read_text(encoding="utf-8")
            content: Json = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as err:
            broken.append(f"{file.name}: {str(err).splitlines()[0]}")
            return {}
        if not isinstance(content, dict):
            broken.append(f"{file.name}: does not hold an object")
        return tree(content)

    modules: dict[str, ast.Module] = {}
    for source in sorted(path.rglob("*.py")):
        name = source.relative_to(path).as_posix()
        try:
            modules[name] = ast.parse(source.read_text(encoding="utf-8"))
        except SyntaxError as err:
            broken.append(f"{name}: {err.msg} in line {err.lineno}")
    return Integration(
        path=path,
        manifest=read(path / "manifest.json"),
        translations={file.stem: read(file) for file in sorted(path.glob("translations/*.json"))},
        icons=read(path / "icons.json"),
        actions={kind: read(path / f"{kind}.yaml") for kind in ACTION_KINDS},
        modules=modules,
        unreadable=tuple(broken),
    )


def called(node: ast.Call) -> str:
    """Return the last part of the name that is called, empty where it has none."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def literal(node: ast.expr | None) -> str | None:
    """Return the text of a string literal, None for every other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def keyword(node: ast.Call, name: str) -> str | None:
    """Return the string literal passed under a keyword, if one is."""
    return next((literal(item.value) for item in node.keywords if item.arg == name), None)

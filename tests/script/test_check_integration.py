"""The offline check finds each kind of mistake in an otherwise sound integration, and nothing in a sound one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from script.check_integration import main, problems

from .sample_integration import Json, drop, edit_json, png, set_at, write_sample

type Change = Callable[[dict[str, Json]], object]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return a sound integration that a test may break."""
    return write_sample(tmp_path)


def test_a_sound_integration_has_no_problem(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(sample) == []
    assert main([str(sample)]) == 0
    assert "in order" in capsys.readouterr().out


def test_a_problem_fails_the_command_and_is_printed(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sample / "manifest.json").write_text("{")
    assert main([str(sample)]) == 1
    assert "manifest.json" in capsys.readouterr().out


def test_the_integration_of_this_repository_is_found_sound() -> None:
    assert problems(Path(__file__).parents[2] / "custom_components/smart_charging") == []


def reordered(content: dict[str, Json]) -> None:
    """Move the first key to the end."""
    first = next(iter(content))
    content[first] = content.pop(first)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop("version"), "version is missing"),
        (drop("codeowners"), "codeowners is missing"),
        (drop("config_flow"), "config_flow must be true"),
        (set_at("version", value="one"), "one is not a version"),
        (set_at("domain", value="kettle"), "not the name of its directory"),
        (set_at("iot_class", value="local"), "iot_class must be one of"),
        (set_at("documentation", value="http://example.com"), "documentation must be an https address"),
        (set_at("colour", value="red"), "colour is not a key"),
        (set_at("loggers", value="ocpp"), "loggers must be a list"),
        (set_at("requirements", value=["ocpp>=2.1.0"]), "ocpp>=2.1.0 must be pinned"),
        (set_at("requirements", value=["ocpp==2.1.0", "SQLAlchemy==2.0.54"]), "must be a range"),
        (set_at("requirements", value=["ocpp=2"]), "ocpp=2 cannot be read"),
        (set_at("dependencies", value=["recorder", "toaster_of_nobody"]), "names toaster_of_nobody"),
        (reordered, "keys must be in order"),
    ],
)
def test_a_broken_manifest_is_found(sample: Path, change: Change, expected: str) -> None:
    edit_json(sample / "manifest.json", change)
    assert [problem for problem in problems(sample) if expected in problem]


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_an_unreadable_manifest_is_found(sample: Path, text: str) -> None:
    (sample / "manifest.json").write_text(text)
    assert [problem for problem in problems(sample) if problem.startswith("manifest.json")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop("entity", "sensor", "heat"), "entity.sensor.heat.name is missing"),
        (drop("config", "error", "port_taken"), "config.error.port_taken is missing"),
        (set_at("config", "error", "new", value="New"), "config.error.new is not in en.json"),
        (
            set_at("config", "error", "port_taken", value="Anschluss {nummer}"),
            "error.port_taken has other placeholders",
        ),
        (set_at("config", "error", "port_taken", value="Anschluss"), "error.port_taken has other placeholders"),
        (set_at("config", "error", "port_taken", value="{port"), "has unbalanced braces"),
        (set_at("config", "error", "port_taken", value="'{port}'"), "inside single quotes"),
        (set_at("config", "error", "port_taken", value="{port} <b>"), "holds HTML"),
        (set_at("config", "error", "port_taken", value="{port} https://a.example"), "holds an address"),
        (set_at("config", "error", "port_taken", value=" {port}"), "starts or ends with a space"),
        (set_at("config", "error", "port_taken", value="[%key:common::error%]"), "reference"),
        (set_at("config", "error", "Port-Taken", value="x"), "config.error.Port-Taken is not a valid key"),
        (set_at("config", "steps", value={}), "config.steps is not known"),
        (set_at("title", value=[]), "title must be a text"),
        (set_at("entity", "sensor", "heat", "state", "hot", value="{how} hot"), "may not have placeholders"),
        (drop("config_subentries", "cup", "entry_type"), "config_subentries.cup.entry_type is missing"),
        (drop("config_subentries", "cup", "initiate_flow"), "config_subentries.cup.initiate_flow.user is missing"),
        (drop("config", "step", "user", "data"), "data_description.port has no entry in data"),
        (drop("issues", "dry", "description"), "must have either a description or a fix_flow"),
    ],
)
def test_a_mistake_in_a_translation_is_found(sample: Path, change: Change, expected: str) -> None:
    edit_json(sample / "translations/de.json", change)
    assert [problem for problem in problems(sample) if "de.json" in problem and expected in problem]


def test_missing_english_texts_are_found(sample: Path) -> None:
    (sample / "translations/en.json").unlink()
    assert "translations/en.json: missing or empty" in problems(sample)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("config", "step", "user"), "step user, used in config_flow.py"),
        (("config", "error", "port_taken"), "error port_taken, used in config_flow.py"),
        (("config", "abort", "already_configured"), "abort already_configured, used in config_flow.py"),
        (("exceptions", "too_hot"), "exception too_hot, used in sensor.py"),
        (("entity", "sensor", "heat"), "entity.sensor heat, used in sensor.py"),
    ],
)
def test_a_key_of_the_code_without_a_text_is_found(sample: Path, keys: tuple[str, ...], expected: str) -> None:
    for language in ("en", "de"):
        edit_json(sample / f"translations/{language}.json", drop(*keys))
        edit_json(sample / f"translations/{language}.json", drop("config_subentries"))
    assert [problem for problem in problems(sample) if expected in problem]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (set_at("entity", "sensor", "steam", value={"default": "mdi:fire"}), "entity.sensor.steam has no entity"),
        (set_at("entity", "sensor", "heat", "colour", value="red"), "has the unknown key colour"),
        (set_at("entity", "sensor", "heat", "default", value="kettle"), "'kettle' is not an icon"),
        (set_at("entity", "sensor", "heat", "state", "hot", value="mdi:kettle"), "state hot repeats the default"),
        (set_at("entity", "sensor", "heat", "state", "warm", value="mdi:fire"), "warm is not a state"),
        (set_at("entities", value={}), "entities is not known"),
        (set_at("services", "cool", value={"service": "mdi:fan"}), "services.cool is not in services.yaml"),
        (set_at("services", "boil", value={"icon": "mdi:fan"}), "services.boil has the unknown key icon"),
        (drop("services", "boil"), "boil has no icon"),
    ],
)
def test_a_mistake_in_the_icons_is_found(sample: Path, change: Change, expected: str) -> None:
    edit_json(sample / "icons.json", change)
    assert [problem for problem in problems(sample) if expected in problem]


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        ("from homeassistant.components.modbus import async_get_unit", "uses the component modbus"),
        ("from homeassistant.components import energy", "uses the component energy"),
        ("import homeassistant.components.http.auth", "uses the component http"),
        ("import alembic.config", "imports alembic"),
        ("def late():\n    from package_of_nobody import thing", "imports package_of_nobody"),
    ],
)
def test_an_undeclared_dependency_is_found(sample: Path, imported: str, expected: str) -> None:
    (sample / "extra.py").write_text(f"{imported}\n")
    assert [problem for problem in problems(sample) if problem.startswith(f"extra.py: {expected}")]


CHOSEN = 'REQUIREMENTS_WHEN_CHOSEN = ("alembic==1.20.1",)\n\n\n'


def test_what_is_installed_when_chosen_may_be_imported_late(sample: Path) -> None:
    (sample / "extra.py").write_text(f"{CHOSEN}def late():\n    import alembic.config\n    import mako\n")
    assert problems(sample) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"import alembic\n{CHOSEN}", "extra.py: imports alembic at once"),
        (f"{CHOSEN}if True:\n    from mako import template\n", "extra.py: imports mako at once"),
        (CHOSEN.replace("==1.20.1", ""), "REQUIREMENTS_WHEN_CHOSEN: alembic must be pinned"),
        (f"{CHOSEN}def late():\n    import openadr3_client\n", "extra.py: imports openadr3_client, which is in no"),
    ],
)
def test_what_is_installed_when_chosen_is_pinned_and_not_imported_at_once(
    sample: Path, text: str, expected: str
) -> None:
    (sample / "extra.py").write_text(text)
    assert [problem for problem in problems(sample) if problem.startswith(expected)]


def test_a_platform_may_use_the_component_that_loads_it(sample: Path) -> None:
    (sample / "diagnostics.py").write_text("from homeassistant.components.diagnostics import async_redact_data\n")
    assert problems(sample) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("boil:", "Boil-It:", "Boil-It is not a valid name"),
        ("mode:", "speed:", "field speed has no name"),
        ("mode:", "speed:", "field mode is translated, but does not exist"),
        ("[slow, fast]", "[slow, fast, turbo]", "option turbo without a text"),
        ("required: true", "requirred: true", "unknown key requirred"),
        ("select:", "selekt:", "selector that Home Assistant refuses"),
        ("boil:", "boil: [", "services.yaml"),
    ],
)
def test_a_mistake_in_the_actions_is_found(sample: Path, old: str, new: str, expected: str) -> None:
    file = sample / "services.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    assert [problem for problem in problems(sample) if expected in problem]


def test_actions_registered_without_a_description_are_found(sample: Path) -> None:
    (sample / "services.yaml").unlink()
    assert [problem for problem in problems(sample) if problem.startswith("services.yaml: missing")]


def test_an_undescribed_action_is_found(sample: Path) -> None:
    source = (sample / "__init__.py").read_text()
    (sample / "__init__.py").write_text(source.replace('"boil"', '"evaporate"'))
    assert "services.yaml: evaporate, registered in __init__.py, is not described" in problems(sample)


def test_a_source_that_does_not_parse_is_found(sample: Path) -> None:
    (sample / "broken.py").write_text("def (:\n")
    assert [problem for problem in problems(sample) if problem.startswith("broken.py")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("icon.png", png(64, 64), "brand/icon.png: must be 256 x 256"),
        ("icon.png", b"GIF89a", "brand/icon.png: missing or not a PNG"),
        ("dark_icon@2x.png", png(256, 256), "brand/dark_icon@2x.png: must be 512 x 512"),
        ("logo.png", png(400, 100), "brand/logo.png: the shorter side"),
    ],
)
def test_a_wrong_brand_image_is_found(sample: Path, name: str, content: bytes, expected: str) -> None:
    (sample / "brand" / name).write_bytes(content)
    assert [problem for problem in problems(sample) if problem.startswith(expected)]

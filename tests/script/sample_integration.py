"""A small integration in good order, written to a directory so that a test can break one thing in it."""

from collections.abc import Callable
import json
from pathlib import Path
import struct
import zlib

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

DOMAIN = "sample_kettle"

MANIFEST: dict[str, Json] = {
    "domain": DOMAIN,
    "name": "Sample kettle",
    "codeowners": ["@nobody"],
    "config_flow": True,
    "dependencies": ["recorder"],
    "documentation": "https://example.com/kettle",
    "integration_type": "hub",
    "iot_class": "local_push",
    "issue_tracker": "https://example.com/kettle/issues",
    "requirements": ["ocpp==2.1.0", "SQLAlchemy>=2.0,<3"],
    "version": "1.2.0",
}
TRANSLATIONS: dict[str, Json] = {
    "config": {
        "step": {
            "user": {"title": "Kettle", "data": {"port": "Port"}, "data_description": {"port": "Where it listens"}}
        },
        "error": {"port_taken": "Port {port} is taken"},
        "abort": {"already_configured": "Already there"},
    },
    "config_subentries": {
        "cup": {
            "entry_type": "Cup",
            "initiate_flow": {"user": "Add cup"},
            "step": {"user": {"data": {"size": "Size"}}},
        }
    },
    "entity": {"sensor": {"heat": {"name": "Heat", "state": {"cold": "Cold", "hot": "Hot"}}}},
    "exceptions": {"too_hot": {"message": "{degrees} degrees are too hot"}},
    "issues": {"dry": {"title": "No water", "description": "Fill it"}},
    "services": {
        "boil": {
            "name": "Boil",
            "description": "Boils the water",
            "fields": {"mode": {"name": "Mode", "description": "How fast"}},
        }
    },
    "selector": {"mode": {"options": {"slow": "Slow", "fast": "Fast"}}},
}
ICONS: dict[str, Json] = {
    "entity": {"sensor": {"heat": {"default": "mdi:kettle", "state": {"hot": "mdi:kettle-steam"}}}},
    "services": {"boil": {"service": "mdi:kettle-steam"}},
}
SERVICES = """\
boil:
  fields:
    mode:
      required: true
      selector:
        select:
          translation_key: mode
          options: [slow, fast]
"""
CONFIG_FLOW = '''\
"""Ask for the port."""
from homeassistant.config_entries import ConfigFlow


class KettleFlow(ConfigFlow, domain="sample_kettle"):
    async def async_step_user(self, user_input=None):
        errors = {}
        self._abort_if_unique_id_configured()
        errors["base"] = "port_taken"
        return self.async_show_form(step_id="user", errors=errors)
'''
SENSOR = '''\
"""Show the heat."""
from typing import TYPE_CHECKING

from homeassistant.components.recorder import get_instance
from homeassistant.components.sensor import SensorEntityDescription
from homeassistant.exceptions import HomeAssistantError
import ocpp
import sqlalchemy

if TYPE_CHECKING:
    from homeassistant.components.zha import Nothing

HEAT = SensorEntityDescription(key="heat", translation_key="heat")


def refuse():
    raise HomeAssistantError(translation_domain="sample_kettle", translation_key="too_hot")
'''
INIT = '''\
"""Set the kettle up."""


async def async_setup(hass, config):
    hass.services.async_register("sample_kettle", "boil", print)
'''


def png(width: int, height: int) -> bytes:
    """Return a black PNG of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_sample(parent: Path) -> Path:
    """Write the integration below this directory and return its path."""
    path = parent / DOMAIN
    for folder in ("translations", "brand"):
        (path / folder).mkdir(parents=True)
    for name, content in (
        ("manifest.json", MANIFEST),
        ("icons.json", ICONS),
        ("translations/en.json", TRANSLATIONS),
        ("translations/de.json", TRANSLATIONS),
    ):
        (path / name).write_text(json.dumps(content))
    for name, source in (
        ("services.yaml", SERVICES),
        ("config_flow.py", CONFIG_FLOW),
        ("sensor.py", SENSOR),
        ("__init__.py", INIT),
    ):
        (path / name).write_text(source)
    (path / "brand/icon.png").write_bytes(png(256, 256))
    return path


def edit_json(file: Path, change: Callable[[dict[str, Json]], object]) -> None:
    """Change an object in a JSON file in place."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def set_at(*keys: str, value: Json) -> Callable[[dict[str, Json]], None]:
    """Return a change that sets the value below these keys."""

    def change(content: dict[str, Json]) -> None:
        for key in keys[:-1]:
            below = content[key]
            assert isinstance(below, dict)
            content = below
        content[keys[-1]] = value

    return change


def drop(*keys: str) -> Callable[[dict[str, Json]], None]:
    """Return a change that removes what is below these keys."""

    def change(content: dict[str, Json]) -> None:
        for key in keys[:-1]:
            below = content[key]
            assert isinstance(below, dict)
            content = below
        del content[keys[-1]]

    return change

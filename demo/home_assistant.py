"""A headless Home Assistant of the demo's own: its directory, its process, and when it is ready."""

import asyncio
from collections.abc import Sequence
import json
from pathlib import Path
import sys
import time

import aiohttp

from .json import Json, as_list, as_object
from .process import ChildProcess

COMPONENTS = Path(__file__).resolve().parents[1] / "custom_components"
START_TIMEOUT_S = 120.0

# Not default_config: it wants Bluetooth, USB and programs that a bare machine lacks.
OWN_MARK = "# Made by script/demo."
CONFIGURATION = f"""\
{OWN_MARK}
homeassistant:
  name: Demo home
  unit_system: metric
  time_zone: Europe/Amsterdam
  country: NL
  currency: EUR
  language: en
  latitude: 52.37
  longitude: 4.89
  elevation: 0
config:
diagnostics:
energy:
frontend:
history:
logbook:
my:
recorder:
  commit_interval: 1
sun:
system_health:
logger:
  default: warning
  logs:
    custom_components.smart_charging: info
modbus: !include modbus.yaml
rest_command: !include rest_command.yaml
template: !include template.yaml
"""


class NotOursError(Exception):
    """A directory holds a Home Assistant that the demo did not make."""


class HomeAssistant:
    """One instance over its directory; it may be started again after it was stopped or killed."""

    def __init__(self, config: Path, port: int) -> None:
        """Keep everything in `config` and listen on 127.0.0.1 at `port`."""
        self.config = config
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        hass = Path(sys.executable).with_name("hass")
        command = (str(hass), "--config", str(config), "--skip-pip", "--log-no-color")
        self.process = ChildProcess("Home Assistant", command, config / "console.log")

    def prepare(
        self,
        modbus: list[Json],
        rest_command: dict[str, Json],
        configuration_yaml: str = CONFIGURATION,
        *,
        template: Sequence[Json] = (),
    ) -> None:
        """Write what is needed before the start; a directory in use keeps all but these three keys and the port.

        NotOursError for a directory that somebody else made.
        """
        configuration, storage = self.config / "configuration.yaml", self.config / ".storage"
        is_new = not configuration.exists()
        if not is_new and not configuration.read_text().startswith(OWN_MARK):
            raise NotOursError(f"{self.config} holds another Home Assistant; choose an empty directory")
        storage.mkdir(parents=True, exist_ok=True)
        if is_new:
            configuration.write_text(configuration_yaml)
            # These two steps would fetch weather and radio stations from the internet.
            write_store(storage, "onboarding", 4, 1, {"done": ["core_config", "analytics"]})
        # JSON is YAML.
        (self.config / "modbus.yaml").write_text(json.dumps(modbus, indent=1))
        (self.config / "rest_command.yaml").write_text(json.dumps(rest_command, indent=1))
        (self.config / "template.yaml").write_text(json.dumps(list(template), indent=1))
        write_store(storage, "http", 2, 2, _http_settings(self.port))
        components = self.config / "custom_components"
        if components.is_symlink():
            components.unlink()
        components.symlink_to(COMPONENTS, target_is_directory=True)

    async def start(self) -> None:
        """Start and wait until everything is set up; TimeoutError or EndedError where that fails."""
        await self.process.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while not await self._answers(session):
                self.process.check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Home Assistant did not come up; see {self.process.log}")
                await asyncio.sleep(0.2)

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self.url + self._first_page()) as answer:
                return answer.status == 200
        except aiohttp.ClientError, TimeoutError:
            return False

    def _first_page(self) -> str:
        """Return a page that is there once somebody can log in, or make the first user."""
        onboarding: Json = json.loads((self.config / ".storage" / "onboarding").read_text())
        done = as_list(as_object(as_object(onboarding).get("data")).get("done"))
        return "/auth/providers" if "user" in done else "/api/onboarding"


def write_store(storage: Path, key: str, version: int, minor_version: int, data: dict[str, Json]) -> None:
    """Write what Home Assistant keeps under a key, as it would itself; for while it does not run."""
    content = {"version": version, "minor_version": minor_version, "key": key, "data": data}
    (storage / key).write_text(json.dumps(content))


def _http_settings(port: int) -> dict[str, Json]:
    # What YAML says about http holds for a trial of five minutes only; this is the place that lasts.
    stable: dict[str, Json] = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {"stable": stable, "pending": None, "yaml_migration_done": True}

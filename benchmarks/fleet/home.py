"""A real Home Assistant with a site of many chargers, each with ten entities that change with every reading."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
import socket
import time

from demo.client import HomeClient, open_client
from demo.home_assistant import OWN_MARK, HomeAssistant, write_store
from demo.json import Json, as_list, as_object

DOMAIN = "smart_charging"
ENTRY_ID = "01BENCHFLEET00000000000000"
PREFIX = "FLEET"
USER = PASSWORD = "bench"
SET_UP_TIMEOUT_S = 600.0
SHARED_A = 12.0  # for each charger: less than its car takes, so that every decision has something to share out
RESERVED_A = 10.0

# What a station's readings move; the tenth follows the minutes of the session.
ENTITIES = (
    "power",
    *(f"{quantity}_l{phase}" for quantity in ("current", "voltage") for phase in (1, 2, 3)),
    "session_energy",
    "lifetime_energy",
    "session_duration",
)

CONFIGURATION = f"""\
{OWN_MARK}
homeassistant:
  name: Fleet
  unit_system: metric
  time_zone: Europe/Amsterdam
  country: NL
  currency: EUR
  language: en
  latitude: 52.37
  longitude: 4.89
  elevation: 0
config:
energy:
frontend:
history:
logbook:
recorder:
sun:
system_health:
logger:
  default: warning
modbus: !include modbus.yaml
rest_command: !include rest_command.yaml
"""


@asynccontextmanager
async def home_with_chargers(config: Path, chargers: int) -> AsyncGenerator[tuple[HomeAssistant, int]]:
    """Run Home Assistant in this directory until the context ends; give it and the port that chargers dial."""
    http_port, ocpp_port = free_port(), free_port()
    home = HomeAssistant(config, http_port)
    home.prepare([], {}, CONFIGURATION)
    _write_site(config / ".storage", chargers, ocpp_port)
    try:
        await home.start()
        async with open_client(home.url, USER, PASSWORD) as client:
            await _wait_until_loaded(client, home)
            await _wait_for_recorder(client)
        yield home, ocpp_port
    finally:
        await home.process.stop()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _write_site(storage: Path, chargers: int, port: int) -> None:
    """Keep the site as its flows would have; what a user does not want to see of a thousand chargers is off."""
    entry: dict[str, Json] = {
        "entry_id": ENTRY_ID,
        "domain": DOMAIN,
        "title": "Fleet",
        "version": 1,
        "minor_version": 1,
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
        "pref_disable_new_entities": True,
        "pref_disable_polling": False,
        "created_at": "2026-01-01T00:00:00+00:00",
        "modified_at": "2026-01-01T00:00:00+00:00",
        "discovery_keys": {},
        "options": {},
        "data": {
            "fuse_a": RESERVED_A + SHARED_A * chargers,
            "phases": "3",
            "reserved_house_a": RESERVED_A,
            "port": port,
            "bind_address": "127.0.0.1",
        },
        "subentries": [_charger(number) for number in range(1, chargers + 1)],
    }
    write_store(storage, "core.config_entries", 1, 5, {"entries": [entry]})
    entities: list[Json] = [_entity(number, key) for number in range(1, chargers + 1) for key in ENTITIES]
    write_store(storage, "core.entity_registry", 1, 1, {"entities": entities, "deleted_entities": []})


def _charger(number: int) -> dict[str, Json]:
    station_id = f"{PREFIX}-{number}"
    return {
        "subentry_id": _subentry_id(number),
        "subentry_type": "charger",
        "title": f"Charger {number}",
        "unique_id": station_id,
        "data": {
            "station_id": station_id,
            "password_hash": None,
            "no_password": True,
            "max_current_a": 16,
            "phases": "3",
            "rotation": "RST",
            "safe_current_a": 6,
            "priority": 0,
            "writes_flash": False,
        },
    }


def _entity(number: int, key: str) -> dict[str, Json]:
    return {
        "entity_id": f"sensor.charger_{number}_{key}",
        "unique_id": f"{_subentry_id(number)}_1_{key}",
        "platform": DOMAIN,
        "config_entry_id": ENTRY_ID,
    }


def _subentry_id(number: int) -> str:
    return f"01BENCHCHARGER{number:012}"


async def _wait_until_loaded(client: HomeClient, home: HomeAssistant) -> None:
    """Wait until the site is loaded and everything else is, too; TimeoutError where it does not come in time."""
    deadline = time.monotonic() + SET_UP_TIMEOUT_S
    while True:
        entries = as_list(await client.get(f"/api/config/config_entries/entry?domain={DOMAIN}"))
        loaded = [as_object(entry).get("state") for entry in entries] == ["loaded"]
        if loaded and as_object(await client.get("/api/config")).get("state") == "RUNNING":
            return
        home.process.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the site was not set up in time; see {home.process.log}")
        await asyncio.sleep(1.0)


async def _wait_for_recorder(client: HomeClient) -> None:
    """Wait until the recorder has written what the set-up of so many entities told it."""
    deadline = time.monotonic() + SET_UP_TIMEOUT_S
    while True:
        backlog = as_object(await client.command("recorder/info")).get("backlog")
        if isinstance(backlog, int) and backlog < 100:
            return
        if time.monotonic() > deadline:
            raise TimeoutError("the recorder did not catch up")
        await asyncio.sleep(1.0)

"""The integration's entities, found by unique ids since Home Assistant makes the entity ids."""

import asyncio
from collections.abc import Mapping
import time

from .client import HomeClient
from .json import as_list, as_object
from .site import Charger, Site

CHARGER_ENTITIES = (
    "charging", "current_limit", "departure", "limit_source", "max_current", "mode", "next_start", "phases_in_use", "plan",
    "planned_cost", "power", "priority", "reason", "session_average_price", "session_energy", "session_solar_share", "status",
    "target_energy",
)  # fmt: skip
PHASE_ENTITIES = tuple(f"{name}_l{n}" for name in ("load", "headroom", "binding_limit") for n in (1, 2, 3))
GRID_ENTITIES = ("grid_limit_active", "grid_limit", "grid_limit_source", "grid_limit_reason")
REGISTERED_WITHIN_S = 60.0

type Entities = Mapping[str, str]
"""Entity ids by unique id."""


def charger_key(charger: Charger, name: str) -> str:
    """Return the unique id of an entity of the charger's first EVSE."""
    return f"{charger.subentry_id}_1_{name}"


def garage_key(site: Site, name: str) -> str:
    """Return the unique id of an entity of the garage."""
    return f"{site.garage_id}_{name}"


async def registered_entities(client: HomeClient) -> Entities:
    """Return all enabled entities that have a unique id."""
    listed = [as_object(item) for item in as_list(await client.command("config/entity_registry/list"))]
    return {str(item["unique_id"]): str(item["entity_id"]) for item in listed if not item.get("disabled_by")}


async def wait_for_entities(client: HomeClient, site: Site) -> Entities:
    """Return the entities once those of the garage and all chargers are there; TimeoutError where they don't come."""
    wanted = {charger_key(charger, name) for charger in site.chargers for name in CHARGER_ENTITIES}
    wanted |= {garage_key(site, name) for name in PHASE_ENTITIES}
    wanted |= {f"{site.entry_id}_{name}" for name in GRID_ENTITIES}
    deadline = time.monotonic() + REGISTERED_WITHIN_S
    while missing := wanted - (entities := await registered_entities(client)).keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"entities are missing: {', '.join(sorted(missing))}")
        await asyncio.sleep(0.5)
    return entities

"""What the end-to-end tests look at and act on: the truth in the simulator, and Home Assistant as a user has it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import time
from typing import Self

from demo.entities import CHARGER_ENTITIES, charger_key, registered_entities
from demo.json import Json, as_list, as_object
from demo.site import Site
from demo.stage import Stage

LEASE_HOLD_S = 20
LEASE_RENEW_S = 8
STATION = "SIM-1"
SUN_W = 6000.0


@dataclass(frozen=True, slots=True)
class Truth:
    """The simulated site at one moment; currents in A per phase, energy in Wh."""

    at: float
    import_wh: float
    grid_l1_a: float
    grid_w: float
    online: bool
    connections: int
    plugged: bool
    offered_a: float
    power_w: float
    register_wh: float
    transaction: int | None
    meter_start_wh: float

    @classmethod
    def read(cls, state: dict[str, Json]) -> Self:
        """Take what matters from the simulator's state."""
        grid = as_object(state["grid"])
        station = as_object(as_object(state["stations"])[STATION])
        connector = as_object(as_object(station["connectors"])["1"])
        transaction = as_object(connector["transaction"])
        number = transaction.get("id")
        return cls(
            at=time.monotonic(),
            import_wh=_number(grid["import_wh"]),
            grid_l1_a=_number(as_list(grid["current_a"])[0]),
            grid_w=_number(grid["power_w"]),
            online=station["online"] is True,
            connections=int(_number(station["connections"])),
            plugged=connector["plugged"] is True,
            offered_a=_number(connector["offered_a"]),
            power_w=_number(connector["power_w"]),
            register_wh=_number(connector["register_wh"]),
            transaction=int(number) if isinstance(number, int) else None,
            meter_start_wh=_number(transaction.get("meter_start", 0)),
        )


def _number(value: Json) -> float:
    assert isinstance(value, int | float), value
    return float(value)


class Scene:
    """The running stage with its one charger."""

    def __init__(self, stage: Stage, site: Site, entities: dict[str, str]) -> None:
        """Know the charger's entities by their names in the integration."""
        self.stage = stage
        self.site = site
        self.simulator = stage.simulator
        self.entities = entities

    @classmethod
    async def open(cls, stage: Stage, site: Site) -> Self:
        """Look up the charger's entities."""
        async with stage.client() as client:
            registered = await registered_entities(client)
        entities = {name: registered[charger_key(site.chargers[0], name)] for name in CHARGER_ENTITIES}
        return cls(stage, site, entities)

    async def calm(self) -> None:
        """Undo what an earlier test did to the surroundings; the car stays as it is."""
        await self.simulator.hold_house(200, 200, 200)
        await self.simulator.hold_sun(SUN_W)
        await self.simulator.connect_meter(online=True)
        await self.until("the charger is connected", lambda truth: truth.online, within_s=40)

    async def truth(self) -> Truth:
        """Return what really is."""
        return Truth.read(await self.simulator.state())

    async def until(self, what: str, holds: Callable[[Truth], bool], *, within_s: float) -> Truth:
        """Wait until something is so and return that moment; fails after this many seconds."""
        deadline = time.monotonic() + within_s
        while True:
            truth = await self.truth()
            if holds(truth):
                return truth
            assert time.monotonic() < deadline, f"not within {within_s} s: {what}; last seen {truth}"
            await asyncio.sleep(0.2)

    async def until_shown(self, key: str, state: str, *, within_s: float) -> None:
        """Wait until an entity of the charger shows a state."""

        async def shows() -> str | None:
            async with self.stage.client() as client:
                return await client.state(self.entities[key])

        await eventually(shows, state, within_s=within_s)

    async def charge(self, mode: str, max_a: float = 16) -> None:
        """Let the car charge in a mode, at most this fast, and plug it in if it is not."""
        async with self.stage.client() as client:
            await client.act("number", "set_value", {"entity_id": self.entities["max_current"], "value": max_a})
            await client.act("select", "select_option", {"entity_id": self.entities["mode"], "option": mode})
        if not (await self.truth()).plugged:
            await self.simulator.tell(STATION, plug=True)

    async def unplug(self) -> None:
        """Pull the car's plug."""
        await self.simulator.tell(STATION, plug=False)

    async def sessions(self) -> list[dict[str, Json]]:
        """Return the sessions that the ledger has, oldest first."""
        async with self.stage.client() as client:
            answer = await client.act(
                "smart_charging", "get_sessions", {"config_entry_id": self.site.entry_id}, answers=True
            )
        return [as_object(item) for item in as_list(as_object(answer).get("sessions"))]


async def eventually(read: Callable[[], Awaitable[object]], wanted: object, *, within_s: float) -> None:
    """Wait until a reading is what is wanted; fails after this many seconds."""
    deadline = time.monotonic() + within_s
    while (value := await read()) != wanted:
        assert time.monotonic() < deadline, f"still {value!r} after {within_s} s, not {wanted!r}"
        await asyncio.sleep(0.5)

"""What the end-to-end tests look at and act on: the truth in the simulator, and Home Assistant as a user has it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import time
from typing import Self

from demo.entities import CHARGER_ENTITIES, Entities, charger_key, registered_entities
from demo.json import Json, as_list, as_object
from demo.simulated_site import GARAGE
from demo.site import Site
from demo.stage import Stage

LEASE_HOLD_S = 20
LEASE_RENEW_S = 8
STATION = "SIM-1"  # changes its phases; its car takes three
NO_NUMBER = (None, "unknown", "unavailable")
GARAGE_STATION = "SIM-2"  # hangs on the garage; its car takes one phase, L1
SUN_W = 6000.0


@dataclass(frozen=True, slots=True)
class Truth:
    """The simulated site at one moment, as one of its stations has it; currents in A per phase, energy in Wh."""

    at: float
    import_wh: float
    grid_l1_a: float
    grid_w: float
    garage_l1_a: float
    online: bool
    connections: int
    plugged: bool
    offered_a: float
    phases: int
    power_w: float
    register_wh: float
    transaction: int | None
    meter_start_wh: float

    @classmethod
    def read(cls, state: dict[str, Json], station_id: str) -> Self:
        """Take what matters for one station from the simulator's state."""
        grid = as_object(state["grid"])
        garage = as_object(as_object(state["circuits"])[GARAGE])
        station = as_object(as_object(state["stations"])[station_id])
        connector = as_object(as_object(station["connectors"])["1"])
        transaction = as_object(connector["transaction"])
        number = transaction.get("id")
        return cls(
            at=time.monotonic(),
            import_wh=_number(grid["import_wh"]),
            grid_l1_a=_number(as_list(grid["current_a"])[0]),
            grid_w=_number(grid["power_w"]),
            garage_l1_a=_number(as_list(garage["current_a"])[0]),
            online=station["online"] is True,
            connections=int(_number(station["connections"])),
            plugged=connector["plugged"] is True,
            offered_a=_number(connector["offered_a"]),
            phases=sum(1 for current in as_list(connector["current_a"]) if _number(current) > 0),
            power_w=_number(connector["power_w"]),
            register_wh=_number(connector["register_wh"]),
            transaction=int(number) if isinstance(number, int) else None,
            meter_start_wh=_number(transaction.get("meter_start", 0)),
        )


def _number(value: Json) -> float:
    assert isinstance(value, int | float), value
    return float(value)


class Scene:
    """The running stage with its two chargers; what concerns a charger takes the id of its station."""

    def __init__(self, stage: Stage, site: Site, entities: Entities) -> None:
        """Know all entities by their unique ids."""
        self.stage = stage
        self.site = site
        self.simulator = stage.simulator
        self._entities = entities

    @classmethod
    async def open(cls, stage: Stage, site: Site) -> Self:
        """Look up the entities."""
        async with stage.client() as client:
            return cls(stage, site, await registered_entities(client))

    def entity(self, key: str, station_id: str = STATION) -> str:
        """Return the id of a charger's entity by its name in the integration."""
        assert key in CHARGER_ENTITIES
        charger = next(charger for charger in self.site.chargers if charger.station_id == station_id)
        return self._entities[charger_key(charger, key)]

    async def calm(self) -> None:
        """Undo what an earlier test did to the surroundings; the first car stays as it is, the garage's leaves."""
        await self.simulator.hold_house(200, 200, 200)
        await self.simulator.hold_garage(0, 0, 0)
        await self.simulator.hold_sun(SUN_W)
        await self.simulator.connect_meter(online=True)
        await self.unplug(GARAGE_STATION)
        await self.until("the charger is connected", lambda truth: truth.online, within_s=40)
        await eventually(self.are_set_up, True, within_s=60)  # before, a charger holds no limit of ours

    async def are_set_up(self) -> bool:
        """Return whether every charger went through all steps of its set-up."""
        async with self.stage.client() as client:
            diagnostics = as_object(await client.get(f"/api/diagnostics/config_entry/{self.site.entry_id}"))
        chargers = as_object(as_object(as_object(diagnostics["data"])["view"])["chargers"])
        setups = [as_list(as_object(as_object(charger)["station"])["setup"]) for charger in chargers.values()]
        return all(setup and all(as_object(step)["status"] != "pending" for step in setup) for setup in setups)

    async def truth(self, station_id: str = STATION) -> Truth:
        """Return what really is."""
        return Truth.read(await self.simulator.state(), station_id)

    async def until(
        self, what: str, holds: Callable[[Truth], bool], *, within_s: float, station_id: str = STATION
    ) -> Truth:
        """Wait until something is so and return that moment; fails after this many seconds."""
        deadline = time.monotonic() + within_s
        while True:
            truth = await self.truth(station_id)
            if holds(truth):
                return truth
            assert time.monotonic() < deadline, f"not within {within_s} s: {what}; last seen {truth}"
            await asyncio.sleep(0.2)

    async def until_shown(self, key: str, state: str, *, within_s: float, station_id: str = STATION) -> None:
        """Wait until an entity of a charger shows a state."""

        async def shows() -> str | None:
            async with self.stage.client() as client:
                return await client.state(self.entity(key, station_id))

        await eventually(shows, state, within_s=within_s)

    async def until_measured(self, least_w: float, *, within_s: float, station_id: str = STATION) -> None:
        """Wait until the site knows that a car draws so much: before, it has to take the difference for the house's."""

        async def draws() -> bool:
            async with self.stage.client() as client:
                power = await client.state(self.entity("power", station_id))
            # Until the first reading of a session there is none to show.
            return power not in NO_NUMBER and float(power) >= least_w

        await eventually(draws, True, within_s=within_s)

    async def charge(self, mode: str, max_a: float = 16, station_id: str = STATION) -> None:
        """Let a car charge in a mode, at most this fast, and plug it in if it is not."""
        async with self.stage.client() as client:
            limit = {"entity_id": self.entity("max_current", station_id), "value": max_a}
            await client.act("number", "set_value", limit)
            await client.act("select", "select_option", {"entity_id": self.entity("mode", station_id), "option": mode})
        if not (await self.truth(station_id)).plugged:
            await self.simulator.tell(station_id, plug=True)

    async def unplug(self, station_id: str = STATION) -> None:
        """Pull a car's plug."""
        await self.simulator.tell(station_id, plug=False)

    async def lead(self, *, observe_only: bool) -> None:
        """Let the site only observe, or lead the chargers again."""
        mode = {
            "entity_id": self._entities[f"{self.site.entry_id}_site_mode"],
            "option": "observe" if observe_only else "control",
        }
        async with self.stage.client() as client:
            await client.act("select", "select_option", mode)

    async def decision(self, station_id: str = STATION) -> dict[str, Json]:
        """Return what the action tells of a charger."""
        asked: dict[str, Json] = {"entity_id": [self.entity("reason", station_id)]}
        async with self.stage.client() as client:
            answer = await client.act("smart_charging", "get_decision", asked, answers=True)
        (only,) = as_list(as_object(answer)["decisions"])
        return as_object(only)

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

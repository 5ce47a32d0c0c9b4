"""The demo's site set up through the integration's own flows: grid connection, meter, sun, chargers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
import time

from .client import HomeClient, RefusedError
from .flows import FLOWS, OPTIONS_FLOWS, Answers, Page, continue_flow, run_flow, suggested_values
from .json import Json, as_list, as_object
from .modbus import GRID_EXPORT, GRID_IMPORT, GRID_PHASES, GRID_POWER, SOLAR_ENERGY, SOLAR_POWER, Reading

DOMAIN = "smart_charging"
SITE_NAME = "Demo site"
DISCOVERY_TIMEOUT_S = 90.0
FUSES_A = (25, 35, 50, 63, 80, 100, 125, 160, 200, 250)
RESERVED_HOUSE_A = 10
MARGIN_A = 1
SAFE_CURRENT_A = 6


@dataclass(frozen=True, slots=True)
class Charger:
    """A configured charger: its name and the id of its subentry, which its entities' unique ids start with."""

    name: str
    station_id: str
    subentry_id: str


@dataclass(frozen=True, slots=True)
class Site:
    """The set-up site, its chargers, and the id of the garage's subentry."""

    entry_id: str
    chargers: tuple[Charger, ...]
    garage_id: str


def main_fuse_a(chargers: int) -> int:
    """Return the smallest usual fuse under which every charger's safe current fits beside the house."""
    needed = RESERVED_HOUSE_A + SAFE_CURRENT_A * chargers + MARGIN_A
    fitting = [fuse for fuse in FUSES_A if fuse >= needed]
    if not fitting:
        raise ValueError(f"{chargers} chargers are more than the demo's largest fuse can serve")
    return fitting[0]


async def set_up_energy_dashboard(client: HomeClient) -> None:
    """Tell the Energy dashboard of the meter and the sun; the site's flow takes its suggestions from there."""
    await client.command("energy/save_prefs", energy_sources=[_grid_source(), _solar_source()])


async def set_up_site(client: HomeClient, ocpp_port: int, chargers: int) -> str:
    """Add the site, or fit the one that is there to this port and these chargers; return its entry id."""
    entries = [
        as_object(entry) for entry in as_list(await client.get(f"/api/config/config_entries/entry?domain={DOMAIN}"))
    ]
    if entries:
        entry_id = str(entries[0]["entry_id"])
        await _fit(client, entry_id, ocpp_port, main_fuse_a(chargers))
        return entry_id

    def site(page: Page) -> Mapping[str, Json]:
        own: dict[str, Json] = {
            "name": SITE_NAME,
            "fuse_a": main_fuse_a(chargers),
            "phases": "3",
            "reserved_house_a": RESERVED_HOUSE_A,
            "port": ocpp_port,
            "bind_address": "127.0.0.1",
        }
        return suggested_values(page) | own

    def grid_meter(page: Page) -> Mapping[str, Json]:
        own: dict[str, Json] = {"total": {"power": GRID_POWER.entity_id}, "phase_powers": phase_fields(GRID_PHASES)}
        return suggested_values(page) | own

    done = await run_flow(
        client,
        {"handler": DOMAIN},
        {
            "user": site,
            "grid_meter": grid_meter,
            "pv": lambda _: {"power": [SOLAR_POWER.entity_id]},
            "grid_operator": suggested_values,
            "charger_url": lambda _: {},
        },
    )
    if done.get("type") != "create_entry":
        raise RefusedError(f"the site was not added: {done.get('reason')}")
    return str(as_object(done["result"])["entry_id"])


def phase_fields(readings: Sequence[Reading]) -> dict[str, Json]:
    """Return what to enter for a meter's power of each phase."""
    return {f"power_l{n}": reading.entity_id for n, reading in enumerate(readings, start=1)}


async def _fit(client: HomeClient, entry_id: str, ocpp_port: int, fuse_a: int) -> None:
    page = as_object(await client.post(FLOWS, {"handler": DOMAIN, "entry_id": entry_id}))
    values = suggested_values(page)
    kept_a = values.get("fuse_a")
    fits_a = max(fuse_a, kept_a) if isinstance(kept_a, int | float) else fuse_a
    await continue_flow(client, page, {"reconfigure": lambda _: values | {"port": ocpp_port, "fuse_a": fits_a}})


async def shorten_lease(client: HomeClient, entry_id: str, hold_s: int, renew_s: int) -> None:
    """Let limits hold for less time than they do by default."""
    times: dict[str, Json] = {"lease_hold_s": hold_s, "lease_renew_s": renew_s}
    answers: Answers = {"init": lambda _: {"next_step_id": "expert"}, "expert": lambda _: times}
    await run_flow(client, {"handler": entry_id}, answers, OPTIONS_FLOWS)


async def follow_sun(client: HomeClient, entry_id: str, preset: str, times: Mapping[str, Json] | None = None) -> None:
    """Choose how patiently surplus is followed; `times` are what the preset `custom` asks for."""
    answers: Answers = {
        "init": lambda _: {"next_step_id": "solar"},
        "solar": lambda page: suggested_values(page) | {"solar_preset": preset},
        "solar_custom": lambda page: {**suggested_values(page), **(times or {})},
    }
    await run_flow(client, {"handler": entry_id}, answers, OPTIONS_FLOWS)


async def confirm_chargers(
    client: HomeClient, entry_id: str, count: int, let_dial: Callable[[], Awaitable[None]]
) -> tuple[Charger, ...]:
    """Confirm chargers as they are discovered until the site has this many; TimeoutError where they don't come."""
    deadline = time.monotonic() + DISCOVERY_TIMEOUT_S
    while True:
        await let_dial()
        for flow in await _discovered(client):
            await continue_flow(client, flow, {"confirm": _confirmation})
        chargers = await _chargers(client, entry_id)
        if len(chargers) >= count:
            return chargers
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(chargers)} of {count} chargers dialled in")
        await asyncio.sleep(1.0)


def _confirmation(page: Page) -> Mapping[str, Json]:
    station_id = str(as_object(page.get("description_placeholders")).get("station_id"))
    return suggested_values(page) | {
        "name": charger_name(station_id),
        "no_password": True,
        "max_current_a": 16,
        "phases": "3",
        "safe_current_a": SAFE_CURRENT_A,
    }


def charger_name(station_id: str) -> str:
    """Return a name that ends like the station's id."""
    number = "".join(char for char in station_id if char.isdigit()).lstrip("0")
    return f"Charger {number}" if number else station_id


async def _discovered(client: HomeClient) -> list[Page]:
    flows = [as_object(flow) for flow in as_list(await client.command("config_entries/flow/progress"))]
    own = [flow for flow in flows if flow.get("handler") == DOMAIN and flow.get("step_id") == "confirm"]
    return [as_object(await client.get(f"{FLOWS}/{flow['flow_id']}")) for flow in own]


async def _chargers(client: HomeClient, entry_id: str) -> tuple[Charger, ...]:
    found = [
        Charger(str(item["title"]), str(item["unique_id"]), str(item["subentry_id"]))
        for item in await subentries(client, entry_id, "charger")
    ]
    return tuple(sorted(found, key=lambda charger: (len(charger.name), charger.name)))


async def subentries(client: HomeClient, entry_id: str, kind: str) -> list[dict[str, Json]]:
    """Return the site's parts of one kind."""
    listed = as_list(await client.command("config_entries/subentries/list", entry_id=entry_id))
    return [item for item in map(as_object, listed) if item.get("subentry_type") == kind]


def _grid_source() -> dict[str, Json]:
    return {
        "type": "grid",
        "stat_energy_from": GRID_IMPORT.entity_id,
        "stat_energy_to": GRID_EXPORT.entity_id,
        "stat_cost": None,
        "entity_energy_price": None,
        "number_energy_price": None,
        "stat_compensation": None,
        "entity_energy_price_export": None,
        "number_energy_price_export": None,
        "power_config": {"stat_rate": GRID_POWER.entity_id},
        "cost_adjustment_day": 0,
    }


def _solar_source() -> dict[str, Json]:
    return {
        "type": "solar",
        "stat_energy_from": SOLAR_ENERGY.entity_id,
        "stat_rate": SOLAR_POWER.entity_id,
        "config_entry_solar_forecast": None,
    }

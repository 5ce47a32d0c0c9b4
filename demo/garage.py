"""The demo's garage: a circuit with a fuse and a meter of its own, and the chargers wired as the simulator has them."""

from collections.abc import Mapping

from .client import HomeClient, RefusedError
from .flows import SUBENTRY_FLOWS, Answers, Page, run_flow, suggested_values
from .json import Json, as_object
from .modbus import GARAGE_PHASES, GARAGE_POWER
from .site import Charger, Site, phase_fields, subentries

GARAGE_NAME = "Garage"
GARAGE_FUSE_A = 20
GARAGE_RESERVED_A = 5
AT_GRID_CONNECTION = "grid_connection"


async def set_up_garage(client: HomeClient, entry_id: str) -> str:
    """Add the garage where the site has none yet; return the id of its subentry."""
    if (known := await _garage_id(client, entry_id)) is not None:
        return known

    def circuit(page: Page) -> Mapping[str, Json]:
        own: dict[str, Json] = {
            "name": GARAGE_NAME,
            "fuse_a": GARAGE_FUSE_A,
            "reserved_a": GARAGE_RESERVED_A,
            "total": {"power": GARAGE_POWER.entity_id},
            "phase_powers": phase_fields(GARAGE_PHASES),
        }
        return suggested_values(page) | own

    done = await run_flow(client, {"handler": [entry_id, "circuit"]}, {"user": circuit}, SUBENTRY_FLOWS)
    added = await _garage_id(client, entry_id)
    if added is None:
        raise RefusedError(f"the garage was not added: {done.get('reason')}")
    return added


async def wire_chargers(client: HomeClient, site: Site, *, switching: str, in_garage: str) -> None:
    """Tell which station switches its phases and which one the garage feeds, as far as it is not known yet."""
    for charger in site.chargers:
        circuit = site.garage_id if charger.station_id == in_garage else AT_GRID_CONNECTION
        await _wire(client, site, charger, circuit, "ocpp" if charger.station_id == switching else "none")


async def _wire(client: HomeClient, site: Site, charger: Charger, circuit: str, phase_switching: str) -> None:
    def changed(page: Page) -> Mapping[str, Json]:
        values = suggested_values(page)
        advanced = as_object(values["advanced"]) | {"phase_switching": phase_switching}
        return values | {"circuit": circuit, "advanced": advanced}

    answers: Answers = {"reconfigure": changed}
    start: dict[str, Json] = {"handler": [site.entry_id, "charger"], "subentry_id": charger.subentry_id}
    await run_flow(client, start, answers, SUBENTRY_FLOWS)


async def _garage_id(client: HomeClient, entry_id: str) -> str | None:
    circuits = await subentries(client, entry_id, "circuit")
    return next((str(item["subentry_id"]) for item in circuits if item.get("title") == GARAGE_NAME), None)

"""The dashboard that shows what the demo's site does and why, with levers to disturb it."""

import json

from .client import HomeClient
from .entities import GRID_ENTITIES, PHASE_ENTITIES, Entities, charger_key, garage_key
from .garage import GARAGE_FUSE_A, GARAGE_NAME
from .json import Json, as_list, as_object
from .modbus import GRID_POWER, SOLAR_POWER
from .simulated_site import GARAGE
from .site import Charger, Site

URL_PATH = "charging"
PLAN_PATH = "plan"
GRID_LABELS = dict(zip(GRID_ENTITIES, ("Dimmed", "May draw", "By", "Because"), strict=True))
WIDE: Json = {"columns": "full"}
LEVERS: dict[str, tuple[str, str, str, dict[str, Json]]] = {
    "unplug_meter": ("Unplug the meter", "mdi:meter-electric-outline", "/meter", {"online": False}),
    "plug_in_meter": ("Plug the meter in", "mdi:meter-electric", "/meter", {"online": True}),
    "cook": ("Cook: 15 A on L1", "mdi:stove", "/house", {"phases_w": [3450, 300, 300]}),
    "stop_cooking": ("Stop cooking", "mdi:home-lightning-bolt-outline", "/house", {"phases_w": None}),
    "weld": ("Weld in garage: 12 A", "mdi:flash", f"/circuits/{GARAGE}", {"phases_w": [2760, 0, 0]}),
    "stop_welding": ("Stop welding", "mdi:garage-variant", f"/circuits/{GARAGE}", {"phases_w": None}),
    "dim": ("Grid operator dims", "mdi:transmission-tower-export", "/relay", {"closed": True}),
    "release": ("Grid operator releases", "mdi:transmission-tower", "/relay", {"closed": False}),
    "full_sun": ("Full sun", "mdi:weather-sunny", "/pv", {"power_w": 9000}),
    "thin_clouds": ("Thin clouds", "mdi:weather-hazy", "/pv", {"power_w": 4000}),
    "clouds": ("Dark clouds", "mdi:weather-cloudy", "/pv", {"power_w": 1500}),
    "real_sky": ("Sky as it comes", "mdi:weather-partly-cloudy", "/pv", {"power_w": None}),
}


def rest_commands(control_url: str) -> dict[str, Json]:
    """Return the content of the `rest_command:` key: an action for each lever."""
    return {
        name: {
            "url": control_url + path,
            "method": "post",
            "content_type": "application/json",
            "payload": json.dumps(body),
        }
        for name, (_, _, path, body) in LEVERS.items()
    }


async def show_dashboard(client: HomeClient, site: Site, entities: Entities) -> None:
    """Make the dashboard, or bring it up to date, and let it be the first page."""
    known = {as_object(item).get("url_path") for item in as_list(await client.command("lovelace/dashboards/list"))}
    if URL_PATH not in known:
        await client.command(
            "lovelace/dashboards/create",
            url_path=URL_PATH,
            title="Charging",
            icon="mdi:ev-station",
            show_in_sidebar=True,
            require_admin=False,
            allow_single_word=True,
        )
        await client.command("frontend/set_system_data", key="core", value={"default_panel": URL_PATH})
    await client.command("lovelace/config/save", url_path=URL_PATH, config=dashboard(site, entities))


def dashboard(site: Site, entities: Entities) -> dict[str, Json]:
    """Return the dashboard's configuration for the entities there are."""
    sections: list[Json] = [_power_section(site, entities)]
    sections += [_charger_section(charger, entities) for charger in site.chargers]
    sections += [_site_section(site, entities), _lever_section()]
    view: dict[str, Json] = {"title": "Charging", "type": "sections", "max_columns": 4, "sections": sections}
    return {"views": [view, _plan_view(site, entities)]}


def _plan_view(site: Site, entities: Entities) -> Json:
    """Return the page on prices and on what is planned by them."""
    prices: list[Json] = [
        _heading("Prices", "mdi:cash-clock"),
        _tile(entities[f"{site.entry_id}_price"]),
        _tile(entities[f"{site.entry_id}_feed_in_price"]),
        {"type": "calendar", "initial_view": "listWeek", "grid_options": WIDE, "entities": _plans(site, entities)},
    ]
    sections: list[Json] = [_section(prices), *(_wish_section(charger, entities) for charger in site.chargers)]
    return {"title": "Plan", "path": PLAN_PATH, "type": "sections", "max_columns": 3, "sections": sections}


def _plans(site: Site, entities: Entities) -> list[Json]:
    return [entities[charger_key(charger, "plan")] for charger in site.chargers]


def _wish_section(charger: Charger, entities: Entities) -> Json:
    """Return what the car at a charger is to have and when, and what follows from that."""
    keys = (
        "mode",
        "reason",
        "departure",
        "target_energy",
        "next_start",
        "planned_cost",
        "session_average_price",
        "session_solar_share",
    )
    rows: list[Json] = [{"entity": entities[charger_key(charger, key)], "name": {"type": "entity"}} for key in keys]
    return _section(
        [_heading(charger.name, "mdi:ev-station"), {"type": "entities", "grid_options": WIDE, "entities": rows}]
    )


def _power_section(site: Site, entities: Entities) -> Json:
    readings = [(SOLAR_POWER.entity_id, "Solar", "amber"), (GRID_POWER.entity_id, "Grid", "blue")]
    readings += [(entities[charger_key(charger, "power")], charger.name, "green") for charger in site.chargers]
    cards: list[Json] = [_heading("Power", "mdi:solar-power")]
    cards += [{"type": "tile", "entity": entity, "name": name, "color": color} for entity, name, color in readings]
    cards.append(_graph("The last 15 minutes", [{"entity": entity, "name": name} for entity, name, _ in readings]))
    limits: list[Json] = [
        {"entity": entities[charger_key(charger, "current_limit")], "name": charger.name} for charger in site.chargers
    ]
    cards.append(_graph("Current limits", limits))
    return _section(cards)


def _site_section(site: Site, entities: Entities) -> Json:
    def key(name: str) -> str:
        return f"{site.entry_id}_{name}"

    mode: dict[str, Json] = {"grid_options": WIDE, "features": [{"type": "select-options"}]}
    return _section(
        [
            _heading("Grid connection", "mdi:transmission-tower"),
            _tile(entities[key("site_mode")]) | mode,
            *(_tile(entities[key(name)]) for name in ("surplus", "active_limit", "limit_source")),
            _tile(entities[key("grid_meter_quality")]) | {"name": "Meter"},
            _phases({name: entities[key(name)] for name in PHASE_ENTITIES}),
            _heading("Grid operator", "mdi:transmission-tower-export"),
            *(_tile(entities[key(name)]) | {"name": label} for name, label in GRID_LABELS.items()),
            _heading(f"{GARAGE_NAME}, {GARAGE_FUSE_A} A", "mdi:garage"),
            _phases({name: entities[garage_key(site, name)] for name in PHASE_ENTITIES}),
        ]
    )


def _phases(entities: Entities) -> Json:
    """Return a table of what a circuit carries, has left and is bound by on each phase."""
    cells: list[Json] = [
        {"entity": entities[f"{name}_l{n}"], "name": f"{label} L{n}"}
        for name, label in {"load": "Load", "headroom": "Headroom", "binding_limit": "Limit"}.items()
        for n in (1, 2, 3)
    ]
    return {"type": "glance", "columns": 3, "show_icon": False, "grid_options": WIDE, "entities": cells}


def _charger_section(charger: Charger, entities: Entities) -> Json:
    def tile(key: str, **more: Json) -> Json:
        return _tile(entities[charger_key(charger, key)]) | more

    slider: Json = [{"type": "numeric-input", "style": "slider"}]
    return _section(
        [
            _heading(charger.name, "mdi:ev-station"),
            tile("mode", grid_options=WIDE, features=[{"type": "select-options"}]),
            tile("reason", grid_options=WIDE),
            *(tile(key) for key in ("status", "power", "current_limit", "limit_source", "phases_in_use")),
            tile("session_energy", name="Session"),
            tile("max_current", grid_options=WIDE, features=slider),
            tile("charging", name="Allowed"),
            tile("priority"),
        ]
    )


def _lever_section() -> Json:
    buttons: list[Json] = [
        {
            "type": "button",
            "name": name,
            "icon": icon,
            "grid_options": {"columns": 3, "rows": 2},
            "tap_action": {"action": "perform-action", "perform_action": f"rest_command.{action}"},
        }
        for action, (name, icon, _, _) in LEVERS.items()
    ]
    return _section([_heading("Disturb it", "mdi:gesture-tap-button"), *buttons])


def _graph(title: str, lines: list[Json]) -> Json:
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": 0.25,
        "entities": lines,
        "grid_options": WIDE,
    }


def _tile(entity_id: str) -> dict[str, Json]:
    return {"type": "tile", "entity": entity_id, "name": {"type": "entity"}}


def _heading(text: str, icon: str) -> Json:
    return {"type": "heading", "heading": text, "icon": icon}


def _section(cards: list[Json]) -> dict[str, Json]:
    return {"type": "grid", "cards": cards}

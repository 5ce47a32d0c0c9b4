"""What was decided about a circuit, as the action `get_decision` tells it: its limits, what it carries, who gets what."""

from homeassistant.util.json import JsonValueType

from .const import SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.control.wiring import PHASE_NAMES
from .engine.limit import Limit
from .engine.model import Phases
from .engine.view import ChargerView, EvseView
from .measurements import live_measurement
from .sensor_descriptions import phase_names, reason_params
from .settings import circuit_parents, circuits_above, station_configs


def circuit_decision(entry: SmartChargingConfigEntry, circuit_id: str) -> JsonValueType:
    """Return a circuit's limit on each phase with its source, the limits set on it, and all it feeds."""
    view, subentry = entry.runtime_data.site.view, entry.subentries[circuit_id]
    circuit = view.circuits[circuit_id]
    phases: list[JsonValueType] = [
        {
            "phase": PHASE_NAMES[phase],
            "limit_a": _at(circuit.limit_a, phase),
            "limit_source": circuit.sources[phase].value,
            "load_a": _at(circuit.load_a, phase),
            "headroom_a": _at(circuit.headroom_a, phase),
        }
        for phase in range(entry.runtime_data.site.config.phases)
    ]
    limits: list[JsonValueType] = [
        _limit(limit) for limit in view.limits if limit.circuit_id == circuit_id and limit.evse is None
    ]
    chargers: list[JsonValueType] = [
        _share(entry, view.chargers[station_id], evse)
        for station_id in _fed_by(entry, circuit_id)
        if station_id in view.chargers
        for evse in view.chargers[station_id].evses.values()
    ]
    return {
        "site": entry.title,
        "circuit": subentry.title,
        "meter": circuit.quality.value,
        "fuse_a": float(subentry.data["fuse_a"]),
        "phases": phases,
        "limits": limits,
        "chargers": chargers,
        "observe_only": view.observe_only,
    }


def _fed_by(entry: SmartChargingConfigEntry, circuit_id: str) -> list[str]:
    """Return the ids of the stations on a circuit and on those below it."""
    parents = circuit_parents(entry)
    stations = station_configs(entry)
    fed = []
    for charger in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        own = stations[charger.subentry_id].circuit_id
        if own in parents and circuit_id in (own, *circuits_above(own, parents)):
            fed.append(str(charger.unique_id))
    return fed


def _share(entry: SmartChargingConfigEntry, charger: ChargerView, evse: EvseView) -> JsonValueType:
    """Return what an EVSE gets and draws, and why it is no more."""
    measured = live_measurement(charger, evse, entry.runtime_data.site.view.at)
    drawn = None if measured is None or measured.current_a is None else max(measured.current_a)
    in_use: list[JsonValueType] = list(phase_names(evse))
    params: dict[str, JsonValueType] = dict(reason_params(evse))
    return {
        "charger": charger.name,
        "evse": evse.key.evse_id,
        "setpoint_a": round(evse.setpoint.current_a, 2),
        "drawn_a": None if drawn is None else round(drawn, 2),
        "phases_in_use": in_use,
        "priority": evse.priority,
        "reason": evse.setpoint.reason.code.value,
        "params": params,
        "limit_source": evse.limit_source.value,
    }


def _limit(limit: Limit) -> JsonValueType:
    """Return a limit that somebody set, until when it holds, and whether it is on chargers alone."""
    return {
        "source": limit.source.value,
        "value": limit.value,
        "unit": limit.unit.value,
        "controllable_only": limit.controllable_only,
        "until": None if limit.valid_until is None else limit.valid_until.isoformat(),
    }


def _at(current_a: Phases | None, phase: int) -> float | None:
    return None if current_a is None else round(current_a[phase], 2)

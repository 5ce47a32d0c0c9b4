"""The actions that tell what was decided and why: in words for automations, and as a dump to be decided again."""

from functools import partial
from typing import Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.service import async_get_config_entry, async_get_device_and_config_entry
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util.json import JsonValueType
import probatio

from .circuit_decisions import circuit_decision
from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey
from .engine.recording import KEPT_CYCLES, dump
from .engine.view import EvseView, SiteView
from .sensor_descriptions import limiting_circuit, phase_names, reason_params
from .service_targets import ATTR_EVSE, EVSE_NUMBER, evses_of, whole_number

ATTR_CYCLES: Final = "cycles"
ATTR_HIDE_IDS: Final = "hide_ids"

_IDS: Final = probatio.All(probatio.EnsureList(), [cv.string])
DECISION_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        probatio.Optional(ATTR_DEVICE_ID): _IDS,
        probatio.Optional(ATTR_ENTITY_ID): _IDS,
        probatio.Optional(ATTR_EVSE): EVSE_NUMBER,
    }
)
DUMP_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        probatio.Optional(ATTR_CYCLES, default=KEPT_CYCLES): probatio.All(
            whole_number, probatio.Range(min=1, max=KEPT_CYCLES)
        ),
        probatio.Optional(ATTR_HIDE_IDS, default=True): cv.boolean,
    }
)


async def get_decision(call: ServiceCall) -> ServiceResponse:
    """Return what each EVSE asked about is told, and why; and of each circuit, who gets what of it."""
    sentences = await async_get_translations(call.hass, call.hass.config.language, "entity", {DOMAIN})
    decisions: list[JsonValueType] = []
    evses, asked_circuits = _asked(call)
    for entry, key in evses:
        cycles, view = entry.runtime_data.site.recent_cycles, entry.runtime_data.site.view
        charger = view.chargers[key.station_id]
        evse = charger.evses[key.evse_id]
        code = evse.setpoint.reason.code.value
        decisions.append(
            {
                "site": entry.title,
                "charger": charger.name,
                "evse": key.evse_id,
                "decided_at": cycles[-1].now.isoformat() if cycles else None,
                **_told(evse, view),
                "text": sentences.get(f"component.{DOMAIN}.entity.sensor.reason.state.{code}", code),
                "wanted": _wanted(evse),
            }
        )
    circuits = [circuit_decision(entry, circuit_id) for entry, circuit_id in asked_circuits]
    return {"decisions": decisions, "circuits": circuits}


async def dump_decisions(call: ServiceCall) -> ServiceResponse:
    """Return the newest cycles as text that `engine.replay` decides again."""
    entry: SmartChargingConfigEntry = async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
    cycles = entry.runtime_data.site.recent_cycles[-call.data[ATTR_CYCLES] :]
    lines = await call.hass.async_add_executor_job(partial(dump, cycles, hide_ids=call.data[ATTR_HIDE_IDS]))
    return {"cycles": len(cycles), "lines": lines}


def _told(evse: EvseView, view: SiteView) -> dict[str, JsonValueType]:
    """Return what an EVSE is told and what kept it from more."""
    reason = evse.setpoint.reason
    params: dict[str, JsonValueType] = dict(reason_params(evse))
    phases_in_use: list[JsonValueType] = list(phase_names(evse))
    return {
        "mode": evse.mode.value,
        "setpoint_a": round(evse.setpoint.current_a, 2),
        "phases": evse.setpoint.phases,
        "give_w": round(evse.setpoint.give_w),
        "phases_in_use": phases_in_use,
        "reason": reason.code.value,
        "params": params,
        "limit_source": evse.limit_source.value,
        "limit_circuit": limiting_circuit(evse, view),
        "observe_only": view.observe_only,
    }


def _wanted(evse: EvseView) -> dict[str, JsonValueType]:
    """Return what the user wants of an EVSE."""
    settings = evse.settings
    energy_wh, boost_until, departure = settings.target_energy_wh, settings.boost_until, settings.departure
    return {
        "charging_allowed": evse.enabled,
        "max_current_a": evse.max_current_a,
        "priority": evse.priority,
        "target_energy_kwh": None if energy_wh is None else energy_wh / 1000,
        "target_soc": settings.target_soc_percent,
        "min_soc": settings.min_soc_percent,
        "boost_until": None if boost_until is None else boost_until.isoformat(),
        "departure": None if departure is None else departure.isoformat(),
    }


type _Evses = list[tuple[SmartChargingConfigEntry, EvseKey]]
type _Circuits = list[tuple[SmartChargingConfigEntry, str]]


def _asked(call: ServiceCall) -> tuple[_Evses, _Circuits]:
    """Return the EVSEs and circuits asked about, each once: of the devices and entities named, or all EVSEs of a site."""
    device_ids = [*call.data.get(ATTR_DEVICE_ID, ())]
    device_ids += [_device_of(call.hass, entity_id) for entity_id in call.data.get(ATTR_ENTITY_ID, ())]
    if not device_ids:
        if ATTR_EVSE in call.data:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="evse_without_charger")
        entry = async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
        return [(entry, key) for key in _all_evses(entry)], []
    found: dict[tuple[str, EvseKey], SmartChargingConfigEntry] = {}
    circuits: dict[str, SmartChargingConfigEntry] = {}
    for device_id in device_ids:
        device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
        if device.config_subentry_id in entry.runtime_data.site.view.circuits:
            if ATTR_EVSE in call.data:
                raise ServiceValidationError(translation_domain=DOMAIN, translation_key="evse_without_charger")
            circuits[str(device.config_subentry_id)] = entry
            continue
        whole_site = device.config_subentry_id is None and ATTR_EVSE not in call.data
        keys = _all_evses(entry) if whole_site else evses_of(call, entry, device)
        found |= {(entry.entry_id, key): entry for key in keys}
    return (
        [(entry, key) for (_, key), entry in found.items()],
        [(entry, circuit_id) for circuit_id, entry in circuits.items()],
    )


def _all_evses(entry: SmartChargingConfigEntry) -> tuple[EvseKey, ...]:
    """Return every EVSE of a site."""
    return tuple(
        evse.key for charger in entry.runtime_data.site.view.chargers.values() for evse in charger.evses.values()
    )


def _device_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return the device of one of our entities."""
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or entity.platform != DOMAIN or entity.device_id is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_a_charger", translation_placeholders={"device": entity_id}
        )
    return entity.device_id

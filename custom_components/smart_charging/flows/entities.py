"""Entities that a user may choose as a meter: selectors, checks, and what the Energy dashboard already knows."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import ATTR_DEVICE_CLASS, ATTR_UNIT_OF_MEASUREMENT, PERCENTAGE
from homeassistant.core import HomeAssistant, callback, split_entity_id, valid_entity_id
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig, EntityWithDeviceFilterSelectorConfig
from homeassistant.util.unit_conversion import ElectricCurrentConverter, ElectricPotentialConverter, PowerConverter

from ..own_entities import is_own_entity


class Quantity(Enum):
    """What an entity measures, with its device class and the units it may have."""

    POWER = (SensorDeviceClass.POWER, PowerConverter.VALID_UNITS)
    CURRENT = (SensorDeviceClass.CURRENT, ElectricCurrentConverter.VALID_UNITS)
    VOLTAGE = (SensorDeviceClass.VOLTAGE, ElectricPotentialConverter.VALID_UNITS)
    SOC = (SensorDeviceClass.BATTERY, {PERCENTAGE})

    def __init__(self, device_class: SensorDeviceClass, units: Collection[str | None]) -> None:
        """Name the two parts."""
        self.device_class = device_class
        self.units = units

    def selector(self, hidden: Iterable[str] = (), *, multiple: bool = False) -> EntitySelector:
        """Return a selector that offers sensors of this quantity, but none that are `hidden`."""
        offered = EntityWithDeviceFilterSelectorConfig(domain="sensor", device_class=self.device_class.value)
        return _OfferingSelector(EntitySelectorConfig(filter=offered, multiple=multiple, exclude_entities=list(hidden)))


class Command(Enum):
    """What an entity can be told, with the domains it may have: the entity's own and that of its input helper.

    A number has one of these units, or tells none.
    """

    SWITCH = (("switch", "input_boolean"), None)
    SELECT = (("select", "input_select"), None)
    NUMBER = (("number", "input_number"), PowerConverter.VALID_UNITS)
    LIMIT = (("number", "input_number"), PowerConverter.VALID_UNITS | {PERCENTAGE})

    def __init__(self, domains: tuple[str, ...], units: Collection[str | None] | None) -> None:
        """Name the two parts."""
        self.domains = domains
        self.units = units

    def selector(self) -> EntitySelector:
        """Return a selector that offers entities of these domains."""
        offered = EntityWithDeviceFilterSelectorConfig(domain=list(self.domains))
        return _OfferingSelector(EntitySelectorConfig(filter=offered, multiple=False))


class _OfferingSelector(EntitySelector):
    """Leaves entities out of what it offers; that a user names one all the same the flow refuses, and says why."""

    @override
    def __call__(self, data: Any) -> str | list[str]:
        """Check the shape of what was chosen."""
        return EntitySelector(EntitySelectorConfig(multiple=self.config["multiple"]))(data)


@dataclass(frozen=True, slots=True)
class EnergyDashboard:
    """The power sensors that the Energy dashboard was told of."""

    grid: str | None = None
    grid_inverted: bool = False
    solar: tuple[str, ...] = ()


@callback
def unusable(hass: HomeAssistant, entity_id: str, domains: Collection[str], unfit: str) -> str | None:
    """Return the key of why this entity can't be chosen: not there, the site's own, or `unfit` for its domain; or None."""
    if hass.states.get(entity_id) is None and er.async_get(hass).async_get(entity_id) is None:
        return "entity_not_found"
    if is_own_entity(hass, entity_id):
        return "entity_own"
    return None if split_entity_id(entity_id)[0] in domains else unfit


@callback
def unit_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return an entity's unit, by the registry where its state tells none; None where neither does."""
    state, registered = hass.states.get(entity_id), er.async_get(hass).async_get(entity_id)
    unit = None if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    return unit or (None if registered is None else registered.unit_of_measurement)


@callback
def entity_error(hass: HomeAssistant, entity_id: str, quantity: Quantity) -> str | None:
    """Return the key of what speaks against this entity, None where it fits."""
    if error := unusable(hass, entity_id, ("sensor",), "entity_not_a_sensor"):
        return error
    state, registered = hass.states.get(entity_id), er.async_get(hass).async_get(entity_id)
    device_class = None if state is None else state.attributes.get(ATTR_DEVICE_CLASS)
    if registered is not None:
        device_class = device_class or registered.device_class or registered.original_device_class
    if unit_of(hass, entity_id) not in quantity.units or device_class not in {None, quantity.device_class}:
        return f"entity_not_{quantity.name.lower()}"
    return None


@callback
def command_error(hass: HomeAssistant, entity_id: str, command: Command) -> str | None:
    """Return the key of what speaks against telling this entity something, None where it fits.

    A number that tells no unit is taken to be in W.
    """
    what = "number" if command is Command.LIMIT else command.name.lower()
    if error := unusable(hass, entity_id, command.domains, f"entity_not_a_{what}"):
        return error
    if command.units is None or unit_of(hass, entity_id) in {None, *command.units}:
        return None
    return "entity_not_limit" if command is Command.LIMIT else "entity_not_power"


@callback
def first_command_error(
    hass: HomeAssistant, chosen: Iterable[tuple[str, Command]]
) -> tuple[str | None, dict[str, str]]:
    """Return the first error among these entities to be told something and the placeholders its text wants."""
    for entity_id, command in chosen:
        if error := command_error(hass, entity_id, command):
            return error, {"entity": entity_id}
    return None, {"entity": ""}


@callback
def first_entity_error(
    hass: HomeAssistant, chosen: Iterable[tuple[str, Quantity]]
) -> tuple[str | None, dict[str, str]]:
    """Return the first error among these entities and the placeholders its text wants."""
    for entity_id, quantity in chosen:
        if error := entity_error(hass, entity_id, quantity):
            return error, {"entity": entity_id}
    return None, {"entity": ""}


@callback
def entity_name(hass: HomeAssistant, entity_id: str) -> str:
    """Return what the user calls this entity."""
    state = hass.states.get(entity_id)
    return entity_id if state is None else state.name


async def async_energy_dashboard(hass: HomeAssistant) -> EnergyDashboard:
    """Return the power sensors of the Energy dashboard's settings, none where it isn't used."""
    if "energy" not in hass.config.components:
        return EnergyDashboard()
    # Energy draws in the recorder and the frontend; where it is set up, they are loaded already.
    from homeassistant.components.energy.data import async_get_manager  # noqa: PLC0415

    sources = ((await async_get_manager(hass)).data or {"energy_sources": []})["energy_sources"]
    grid: str | None = None
    inverted = False
    solar: list[str] = []
    for source in sources:
        if source["type"] == "grid" and grid is None:
            # The user's own sensor is better than the template sensor made of it: one step less to go stale.
            own = source.get("power_config", {}).get("stat_rate_inverted")
            grid, inverted = own or source.get("stat_rate"), own is not None
        elif source["type"] == "solar" and (rate := source.get("stat_rate")):
            solar.append(rate)
    if grid is not None and not _may_measure(hass, grid):
        grid, inverted = None, False
    return EnergyDashboard(grid, inverted, tuple(rate for rate in solar if _may_measure(hass, rate)))


def _may_measure(hass: HomeAssistant, statistic_id: str) -> bool:
    """Return False for external statistics, which are no entities, and for the integration's own."""
    return valid_entity_id(statistic_id) and not is_own_entity(hass, statistic_id)

"""The sensor of what PV systems may yield while feed-in is limited."""

from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import UnitOfPower

from .engine.control.pv import PvCommand, PvReason
from .engine.view import PvView, SiteView
from .sensor_descriptions import Details, SiteSensorDescription, rounded


def _told(view: SiteView) -> list[tuple[PvView, PvCommand]]:
    """Return the systems that something was decided of, each with that."""
    return [(system, system.command) for system in view.pv.values() if system.command is not None]


def _ceiling(view: SiteView) -> float | None:
    """Return what the systems may yield together, None while all are free; one that is free counts with its rating."""
    told = _told(view)
    if all(command.ceiling_w is None for _, command in told):
        return None
    shares = (system.installed_w if command.ceiling_w is None else command.ceiling_w for system, command in told)
    return rounded(sum(shares))


def _details(view: SiteView) -> Details | None:
    """Return why, and what each system may yield by its name, None for all it can."""
    if not (told := _told(view)):
        return None
    # The reason of one that is held counts for all, first of one that can't be held as low as is needed.
    _, first = min(told, key=lambda one: (one[1].reason is not PvReason.LOWEST, one[1].ceiling_w is None))
    return {
        "reason": first.reason.value,
        "systems": {system.name: rounded(command.ceiling_w) for system, command in told},
    }


PV_CEILING: Final = SiteSensorDescription(
    key="pv_ceiling",
    translation_key="pv_ceiling",
    device_class=SensorDeviceClass.POWER,
    native_unit_of_measurement=UnitOfPower.WATT,
    state_class=SensorStateClass.MEASUREMENT,
    needs_curtailing=True,
    value_fn=_ceiling,
    details_fn=_details,
)

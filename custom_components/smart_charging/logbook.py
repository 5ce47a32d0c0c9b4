"""Sentences in the logbook for what happened at the chargers, and at the site by the grid operator's demands."""

from collections.abc import Callable
from typing import Final

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .engine.view import SiteEventType
from .event import ATTR_TYPE, EVENT_SMART_CHARGING
from .logbook_grid import grid_sentence

_UNKNOWN: Final = "Charger"  # its device was removed since


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Tell the logbook how to put our events into words."""
    devices = dr.async_get(hass)

    @callback
    def describe(event: Event) -> dict[str, str]:
        """Return who did what."""
        device = devices.async_get(event.data[ATTR_DEVICE_ID] or "")
        return {
            LOGBOOK_ENTRY_NAME: _UNKNOWN if device is None else _full_name(devices, device),
            LOGBOOK_ENTRY_MESSAGE: grid_sentence(event.data) or _message(event),
        }

    async_describe_event(DOMAIN, EVENT_SMART_CHARGING, describe)


def _full_name(devices: dr.DeviceRegistry, device: dr.AnyDeviceEntry) -> str:
    """Return a device's name, after that of the station it is a part of."""
    name = device.name_by_user or device.name or _UNKNOWN
    if not isinstance(device, dr.ChildDeviceEntry):
        return name
    station = devices.async_get(device.parent_device_id)
    return name if station is None else f"{station.name_by_user or station.name} {name}"


def _message(event: Event) -> str:
    """Return the sentence without its subject."""
    tag = event.data.get("tag_label")
    match event.data[ATTR_TYPE]:
        case SiteEventType.SESSION_STARTED:
            return "started a session"
        case SiteEventType.SESSION_ENDED:
            minutes = round(event.data["duration_s"] / 60)
            return f"ended a session: {event.data['energy_kwh']:.2f} kWh in {minutes // 60}:{minutes % 60:02d} h"
        case SiteEventType.TRANSACTION_REFUSED:
            return "ends a transaction that the second central system refuses"
        case SiteEventType.TARGET_UNREACHABLE:
            return f"will miss its target by {event.data['missing_kwh']:.1f} kWh"
        case SiteEventType.TAG_LEARNT:
            return "learnt a tag that is nobody's yet" if tag is None else f"learnt tag {tag}"
        case SiteEventType.TAG_PRESENTED:
            return "was shown a tag" if tag is None else f"was shown tag {tag}"
        case SiteEventType.TAG_REFUSED:
            reason = str(event.data.get("reason", "")).replace("_", " ")
            return f"refused {'a tag' if tag is None else f'tag {tag}'}: {reason}"
        case _:
            return _notice(event)


def _notice(event: Event) -> str:
    """Return what a station told beside charging."""
    match event.data[ATTR_TYPE]:
        case SiteEventType.SECURITY_EVENT:
            return f"reported the security event {event.data.get('kind')}"
        case SiteEventType.ALERT:
            return f"raised an alert: {event.data.get('variable')} is {event.data.get('value')}"
        case SiteEventType.RESERVATION_ENDED:
            return f"ended a reservation: {event.data.get('reason')}"
        case SiteEventType.PRIORITY_CHARGING:
            return "charges with priority" if event.data.get("activated") else "no longer charges with priority"
        case SiteEventType.DER_ALARM:
            return f"raised a grid alarm: {event.data.get('fault') or event.data.get('control')}"
        case SiteEventType.DER_CONTROL:
            return "started to support the grid" if event.data.get("started") else "stopped supporting the grid"
        case _:
            return _file(event)


def _file(event: Event) -> str:
    """Return what became of a file."""
    match event.data[ATTR_TYPE]:
        case SiteEventType.FILE_RECEIVED:
            return f"uploaded {event.data.get('file')}"
        case SiteEventType.UPLOAD_FAILED:
            return f"could not upload a file: {event.data.get('reason')}"
        case SiteEventType.FIRMWARE_INSTALLED:
            return f"installed firmware {event.data.get('version', '')}".rstrip()
        case _:
            return f"could not install firmware: {event.data.get('reason')}"

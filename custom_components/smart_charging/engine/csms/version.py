"""What differs between versions of OCPP, as one value for each: who answers, who asks, how settings are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..model import Json
from .capabilities import INTERVAL_KEY, MEASURANDS_KEY, NEEDED_KEYS, Configuration, read_capabilities
from .commands import Commands
from .connection import MessageHandler
from .core import StationCore
from .reception import Reception
from .rpc import OCPP16
from .state import Capabilities
from .transactions import TransactionBook
from .v2 import V2Handler
from .v2_commands import V2Commands
from .v2_reports import Reports
from .v2_settings import INTERVAL, MEASURANDS, NEEDED, read_capabilities as read_capabilities_2
from .v16 import V16Handler
from .v16_commands import V16Commands


class StationHandler(MessageHandler, Protocol):
    """Serves a station's messages."""

    def take_boot(self, payload: Mapping[str, Json]) -> None:
        """Take over what a BootNotification tells of the station."""


@dataclass(frozen=True, slots=True)
class SettingNames:
    """How a version calls what is read and set up; `most_at_once` bounds what may be asked for by name."""

    interval: str
    measurands: str
    needed: tuple[str, ...]
    most_at_once: str
    read_capabilities: Callable[[Configuration, Capabilities], Capabilities]


@dataclass(frozen=True, slots=True)
class Version:
    """A station's adapters for the version it speaks."""

    handler: StationHandler
    commands: Commands
    settings: SettingNames


def speak(protocol: str, core: StationCore, book: TransactionBook, reception: Reception) -> Version:
    """Return the adapters for a sub-protocol ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")."""
    if protocol == OCPP16:
        names = SettingNames(INTERVAL_KEY, MEASURANDS_KEY, NEEDED_KEYS, "GetConfigurationMaxKeys", read_capabilities)
        return Version(V16Handler(core, book, reception), V16Commands(core), names)
    reports = Reports(core.clock)
    names = SettingNames(INTERVAL, MEASURANDS, NEEDED, "DeviceDataCtrlr.ItemsPerMessage", read_capabilities_2)
    return Version(V2Handler(core, book, reception, reports), V2Commands(core, reports), names)

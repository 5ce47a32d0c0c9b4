"""What differs between versions of OCPP, as one value for each: who answers, who asks, how settings are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ..model import Json
from .capabilities import INTERVAL_KEY, MEASURANDS_KEY, NEEDED_KEYS, Configuration, read_capabilities
from .certificates import Certificates
from .commands import Commands
from .connection import MessageHandler
from .core import StationCore
from .customer_information import CustomerInformation
from .der_controls import DerControls
from .display_messages import DisplayMessages
from .installed_profiles import InstalledProfiles
from .inventory import Inventory
from .local_list import LocalList, V2ListMessages, V16ListMessages
from .maintenance import V2Maintenance, V16Maintenance
from .monitoring import Monitoring
from .network_profiles import NetworkProfiles
from .operations import Operations
from .reception import Reception
from .reservations import Reservations, v2_reservation, v16_reservation
from .rpc import OCPP16, OCPP21
from .state import Capabilities
from .station_files import StationFiles
from .tariffs import Tariffs
from .transaction_services import DynamicCharging, TransactionServices
from .transactions import TransactionBook
from .v2 import V2Handler
from .v2_commands import V2Commands
from .v2_reports import Reports
from .v2_settings import INTERVAL, MEASURANDS, NEEDED, read_capabilities as read_capabilities_2
from .v16 import V16Handler
from .v16_commands import V16Commands
from .variables import Variables


class StationHandler(MessageHandler, Protocol):
    """Serves a station's messages."""

    def take_boot(self, payload: Mapping[str, Json]) -> None:
        """Take over what a BootNotification tells of the station."""


@dataclass(frozen=True, slots=True)
class SettingNames:
    """How a version calls what is read and set up; `most_at_once` bounds what may be asked for by name.

    With `told_at_length` reading takes so long that a car is given its safe limit before.
    """

    interval: str
    measurands: str
    needed: tuple[str, ...]
    most_at_once: str
    read_capabilities: Callable[[Configuration, Capabilities], Capabilities]
    told_at_length: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """A station's adapters for the version it speaks."""

    handler: StationHandler
    commands: Commands
    operations: Operations
    settings: SettingNames


def speak(protocol: str, core: StationCore, book: TransactionBook, reception: Reception) -> Version:
    """Return the adapters for a sub-protocol ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")."""
    inventory = Inventory()
    if protocol == OCPP16:
        names = SettingNames(INTERVAL_KEY, MEASURANDS_KEY, NEEDED_KEYS, "GetConfigurationMaxKeys", read_capabilities)
        commands: Commands = V16Commands(core, inventory)
        operations = Operations(
            Variables(commands, inventory),
            Reservations(core, reception.notices, v16_reservation, tells_end=False),
            LocalList(core, commands, V16ListMessages(), inventory),
            StationFiles(core, V16Maintenance(core), reception.notices),
            Certificates(core, typed=False),
        )
        return Version(V16Handler(core, book, reception, operations), commands, operations, names)
    reports = Reports(core.clock)
    names = SettingNames(
        INTERVAL, MEASURANDS, NEEDED, "DeviceDataCtrlr.ItemsPerMessage", read_capabilities_2, told_at_length=True
    )
    commands = V2Commands(core, reports, inventory)
    local_list = LocalList(core, commands, V2ListMessages(), inventory)
    operations = Operations(
        Variables(commands, inventory),
        Reservations(core, reception.notices, v2_reservation, tells_end=True),
        local_list,
        StationFiles(core, V2Maintenance(core), reception.notices),
        Certificates(core, typed=True),
        DisplayMessages(core, reports),
        CustomerInformation(core, reports, local_list),
        NetworkProfiles(core, commands, protocol),
        Monitoring(core, reports),
        TransactionServices(core),
        InstalledProfiles(core, reports),
    )
    if protocol == OCPP21:
        operations = replace(
            operations, dynamic=DynamicCharging(core), tariffs=Tariffs(core), der=DerControls(core, reports)
        )
    return Version(V2Handler(core, book, reception, reports, operations), commands, operations, names)

"""What may be asked of a station beside charging, one value for each version: a subject it lacks is None."""

from dataclasses import dataclass

from .certificates import Certificates
from .commands import CommandError, CommandErrorCode
from .customer_information import CustomerInformation
from .der_controls import DerControls
from .display_messages import DisplayMessages
from .installed_profiles import InstalledProfiles
from .local_list import LocalList
from .monitoring import Monitoring
from .network_profiles import NetworkProfiles
from .reservations import Reservations
from .station_files import StationFiles
from .tariffs import Tariffs
from .transaction_services import DynamicCharging, TransactionServices
from .variables import Variables


@dataclass(frozen=True, slots=True)
class Operations:
    """The subjects; all of their methods raise CommandError."""

    variables: Variables
    reservations: Reservations
    local_list: LocalList
    files: StationFiles
    certificates: Certificates
    display: DisplayMessages | None = None
    customers: CustomerInformation | None = None
    network: NetworkProfiles | None = None
    monitoring: Monitoring | None = None
    transactions: TransactionServices | None = None
    profiles: InstalledProfiles | None = None
    dynamic: DynamicCharging | None = None
    tariffs: Tariffs | None = None
    der: DerControls | None = None


def supported[T](subject: T | None) -> T:
    """Return a subject of `Operations`; NOT_SUPPORTED where the station's version does not have it."""
    if subject is None:
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "not part of the charger's version of OCPP")
    return subject

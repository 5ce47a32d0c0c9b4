"""What a station tells of its logs and firmware (OCPP 2.0.1 part 2 L, N)."""

from typing import TYPE_CHECKING

from simulator.ocpp.json import Payload

if TYPE_CHECKING:
    from .station import SimulatedStation2

LAST_STEPS = frozenset({"Installed", "DownloadFailed", "InvalidSignature", "InstallationFailed"})


class Upkeep:
    """How far uploads and updates are, for those who ask."""

    def __init__(self, station: SimulatedStation2) -> None:
        """Begin with nothing to do."""
        self._station = station
        self.firmware_status: Payload = {"status": "Idle"}
        self.log_status: Payload = {"status": "Idle"}
        self.journal: list[str] = []
        """What a log file says."""
        self.flashed: bytes | None = None
        """The firmware that was installed last, as it came."""
        self.installed_by: int | None = None
        """The request whose firmware the next boot brings."""

    def tell_firmware(self, status: str, request_id: int | None) -> None:
        """Tell how an update of the firmware goes."""
        told: Payload = {"status": status, "requestId": request_id}
        self.firmware_status = {"status": "Idle"} if status in LAST_STEPS else told
        self._station.send("FirmwareStatusNotification", told)
        self._station.wake.set()

    def tell_log(self, status: str, request_id: int | None) -> None:
        """Tell how the upload of a log goes."""
        told: Payload = {"status": status, "requestId": request_id}
        self.log_status = told if status == "Uploading" else {"status": "Idle"}
        self._station.send("LogStatusNotification", told)
        self._station.wake.set()

    def booted(self) -> None:
        """Tell that new firmware runs, if that was why the station started."""
        if self.installed_by is not None:
            self.tell_firmware("Installed", self.installed_by)
            self.installed_by = None

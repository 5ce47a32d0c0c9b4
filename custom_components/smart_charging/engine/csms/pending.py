"""Serves stations that nobody configured yet: harmless answers until somebody confirms them."""

from collections.abc import Callable, Mapping

from ..clock import Clock
from ..model import Json
from . import payloads
from .connection import Connection, MessageHandler
from .rpc import OCPP16, ErrorCode, RpcError
from .state import UnknownStation
from .timestamps import format_time

BOOT_RETRY_S = 30  # how soon an unconfirmed station sends its BootNotification again
_REFUSED: Json = {"status": "Invalid"}


class PendingStation:
    """An unknown station's socket and what it told of itself; fulfils `MessageHandler`.

    Once `adopted_by` is set, that handler answers on the same socket.
    """

    def __init__(self, connection: Connection, clock: Clock, announce: Callable[[PendingStation], None]) -> None:
        """Take a socket of a station that was never heard of; `announce` is called once it named itself."""
        self.connection = connection
        self._announce = announce
        self.adopted_by: MessageHandler | None = None
        self.boot: dict[str, Json] = {}
        self.announced = False
        self._clock = clock
        self._first_seen = clock.now()

    @property
    def unknown(self) -> UnknownStation:
        """Return what is known of the station."""
        told = self.boot.get("chargingStation")
        station = told if isinstance(told, dict) else {}
        return UnknownStation(
            self.connection.info.station_id,
            payloads.text(self.boot, "chargePointVendor") or payloads.text(station, "vendorName"),
            payloads.text(self.boot, "chargePointModel") or payloads.text(station, "model"),
            self._first_seen,
            self.connection.info.offered_password,
        )

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> dict[str, Json]:
        """Answer without taking on any obligation; raises RpcError for what is no message of a station."""
        if self.adopted_by is not None:
            return await self.adopted_by.handle_call(action, payload, deviations)
        if action == "BootNotification":
            self.boot = payload
            self._announce(self)
        now = format_time(self._clock.now())
        if self.connection.protocol != OCPP16 and action != "BootNotification":
            # B02.FR.09: before it is accepted a station has nothing else to say.
            raise RpcError(ErrorCode.SECURITY_ERROR, "not before the station is confirmed")
        answers: Mapping[str, dict[str, Json]] = {
            "Authorize": {"idTagInfo": _REFUSED},
            "BootNotification": {"status": "Pending", "currentTime": now, "interval": BOOT_RETRY_S},
            "DataTransfer": {"status": "UnknownVendorId"},
            "DiagnosticsStatusNotification": {},
            "FirmwareStatusNotification": {},
            "Heartbeat": {"currentTime": now},
            "MeterValues": {},
            "StartTransaction": {"transactionId": 0, "idTagInfo": _REFUSED},
            "StatusNotification": {},
            "StopTransaction": {},
        }
        if action not in answers:
            raise RpcError(ErrorCode.NOT_SUPPORTED, "not before the station is confirmed")
        return answers[action]

    def note_deviation(self, kind: str) -> None:
        """Count an oddity once the station is known."""
        if self.adopted_by is not None:
            self.adopted_by.note_deviation(kind)

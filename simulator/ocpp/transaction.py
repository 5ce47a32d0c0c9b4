"""A transaction as a station knows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .profile_stack import RunningTransaction


class StopReason(StrEnum):
    """Why a transaction ended (OCPP 1.6 ed. 2 section 7.36)."""

    DEAUTHORIZED = "DeAuthorized"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK = "UnlockCommand"


@dataclass(slots=True)
class Transaction:
    """A running or ended transaction; `number` is unknown until the central system gave one."""

    connector_id: int
    id_tag: str
    started: datetime
    meter_start: int
    register_at_start: int
    number: int | None = None
    ended: bool = False

    def running(self) -> RunningTransaction:
        """Return what matters to charging profiles."""
        return RunningTransaction(self.number, self.started)

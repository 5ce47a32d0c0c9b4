"""What may be asked and told about a running transaction, in OCPP 2."""

from dataclasses import dataclass

from ..model import Json
from .commands import Caller, ask


@dataclass(frozen=True, slots=True)
class TransactionProgress:
    """Whether a transaction goes on, None where none was named, and whether messages wait in the station's queue."""

    ongoing: bool | None
    messages_in_queue: bool


class TransactionServices:
    """Transactions of one station, by their ids."""

    def __init__(self, caller: Caller) -> None:
        """Ask through this caller."""
        self._caller = caller

    async def status(self, transaction_id: str | None = None) -> TransactionProgress:
        """Ask after a transaction, or only after the station's queue (E14); raises CommandError."""
        payload: dict[str, Json] = {} if transaction_id is None else {"transactionId": transaction_id}
        answer = await self._caller.call("GetTransactionStatus", payload)
        ongoing = answer.get("ongoingIndicator")
        return TransactionProgress(
            ongoing if isinstance(ongoing, bool) else None, answer.get("messagesInQueue") is True
        )

    async def show_cost(self, transaction_id: str, total: float) -> None:
        """Let the station show what the transaction costs so far, in the currency it is set to (I02)."""
        await self._caller.call("CostUpdated", {"transactionId": transaction_id, "totalCost": total})


@dataclass(frozen=True, slots=True)
class DynamicLimits:
    """Live values of a charging profile of kind Dynamic, in its unit, all phases or L1 first; None leaves one out."""

    limit: float | None = None
    limit_l2: float | None = None
    limit_l3: float | None = None
    discharge_limit: float | None = None
    setpoint: float | None = None

    def to_json(self) -> dict[str, Json]:
        """Return ChargingScheduleUpdateType."""
        fields = {
            "limit": self.limit,
            "limit_L2": self.limit_l2,
            "limit_L3": self.limit_l3,
            "dischargeLimit": self.discharge_limit,
            "setpoint": self.setpoint,
        }
        return {name: value for name, value in fields.items() if value is not None}


class DynamicCharging:
    """What OCPP 2.1 adds to charging profiles."""

    def __init__(self, caller: Caller) -> None:
        """Ask through this caller."""
        self._caller = caller

    async def use_priority(self, transaction_id: str, *, activate: bool) -> None:
        """Let a transaction charge by its priority profile, or no longer (K22); raises CommandError."""
        payload: dict[str, Json] = {"transactionId": transaction_id, "activate": activate}
        await ask(self._caller, "UsePriorityCharging", payload)

    async def update_schedule(self, profile_id: int, limits: DynamicLimits) -> None:
        """Move the live values of a dynamic profile (K28); raises CommandError."""
        payload: dict[str, Json] = {"chargingProfileId": profile_id, "scheduleUpdate": limits.to_json()}
        await ask(self._caller, "UpdateDynamicSchedule", payload)

"""One way to speak as a charger of any version, so that a trap is laid the same way for all of them."""

from abc import ABC, abstractmethod
from typing import Any

from tests.engine.csms_stations.raw_station import Payload, RawStation
from tests.engine.csms_stations.raw_station_2 import RawStation2, RawStation21

REGISTER = "Energy.Active.Import.Register"


class Charger(ABC):
    """A charging station with its version's messages; transaction ids are texts for all versions."""

    version: str
    raw: RawStation

    @abstractmethod
    async def start(
        self, at: str, register: float = 1000, *, tag: str = "TAG", evse: int = 1, offline: bool = False
    ) -> str:
        """Announce a transaction that began, and return its id."""

    @abstractmethod
    async def stop(
        self, tx: str, at: str, register: float = 2000, *, offline: bool = False, reason: str = "EVDisconnected"
    ) -> Payload:
        """Announce the end of a transaction."""

    @abstractmethod
    async def sample(self, tx: str, at: str, *samples: Payload, evse: int = 1, offline: bool = False) -> None:
        """Send readings of one moment, as they are, for a transaction."""

    @abstractmethod
    async def loose(self, at: str, *samples: Payload, evse: int = 1) -> None:
        """Send readings of one moment that name no transaction."""

    @abstractmethod
    async def status(self, status: str, at: str, evse: int = 1) -> None:
        """Tell the state of an EVSE, in the words of 1.6."""

    @abstractmethod
    async def authorize(self, tag: str) -> Payload:
        """Present a tag and return what is said of it."""

    async def meter(self, tx: str, at: str, register: Any, *, evse: int = 1, offline: bool = False) -> None:
        """Send one energy register, in Wh."""
        await self.sample(tx, at, self.energy(register), evse=evse, offline=offline)

    @abstractmethod
    def energy(self, value: Any, unit: str | None = None, **more: Any) -> Payload:
        """Return a reading of the energy register as this version writes it."""

    def reading(self, measurand: str, value: Any, unit: str | None = None, **more: Any) -> Payload:
        """Return a reading of any quantity as this version writes it."""
        return self.energy(value, unit, measurand=measurand, **more)

    @property
    @abstractmethod
    def stop_request(self) -> str:
        """Return the message that asks for the end of a transaction."""

    @property
    @abstractmethod
    def start_request(self) -> str:
        """Return the message that asks for a transaction."""


class Charger16(Charger):
    """OCPP 1.6: the central system gives transactions their ids."""

    version = "1.6"
    stop_request, start_request = "RemoteStopTransaction", "RemoteStartTransaction"

    def __init__(self, station_id: str = "CP1") -> None:
        self.raw = RawStation(station_id)
        self.answer: Payload = {}

    async def start(
        self, at: str, register: float = 1000, *, tag: str = "TAG", evse: int = 1, offline: bool = False
    ) -> str:
        self.answer = await self.raw.start(at, int(register), tag, evse)
        return str(self.answer["transactionId"])

    async def stop(
        self, tx: str, at: str, register: float = 2000, *, offline: bool = False, reason: str = "EVDisconnected"
    ) -> Payload:
        payload = {"transactionId": int(tx), "timestamp": at, "meterStop": int(register), "reason": reason}
        return await self.raw.ask("StopTransaction", payload)

    async def sample(self, tx: str, at: str, *samples: Payload, evse: int = 1, offline: bool = False) -> None:
        value = {"timestamp": at, "sampledValue": list(samples)}
        await self.raw.ask("MeterValues", {"connectorId": evse, "transactionId": int(tx), "meterValue": [value]})

    async def loose(self, at: str, *samples: Payload, evse: int = 1) -> None:
        value = {"timestamp": at, "sampledValue": list(samples)}
        await self.raw.ask("MeterValues", {"connectorId": evse, "meterValue": [value]})

    async def status(self, status: str, at: str, evse: int = 1) -> None:
        await self.raw.status(status, evse, timestamp=at)

    async def authorize(self, tag: str) -> Payload:
        info: Payload = (await self.raw.ask("Authorize", {"idTag": tag}))["idTagInfo"]
        return info

    def energy(self, value: Any, unit: str | None = None, **more: Any) -> Payload:
        written = value if isinstance(value, str) else f"{value}"
        return {"measurand": REGISTER, "value": written} | ({} if unit is None else {"unit": unit}) | more


class Charger2(Charger):
    """OCPP 2.0.1: the station gives transactions their ids and numbers their events."""

    version = "2.0.1"
    stop_request, start_request = "RequestStopTransaction", "RequestStartTransaction"
    make: type[RawStation2] = RawStation2

    def __init__(self, station_id: str = "CP1") -> None:
        self.raw: RawStation2 = self.make(station_id)
        self.answer: Payload = {}
        self.count = 0

    async def start(
        self, at: str, register: float = 1000, *, tag: str = "TAG", evse: int = 1, offline: bool = False
    ) -> str:
        self.count += 1
        tx = f"{self.raw.station_id}-tx-{self.count}"
        self.answer = await self.raw.event(
            "Started", at, tx=tx, evse=evse, token=tag, energy=register, offline=offline, chargingState="EVConnected"
        )
        return tx

    async def stop(
        self, tx: str, at: str, register: float = 2000, *, offline: bool = False, reason: str = "EVDisconnected"
    ) -> Payload:
        return await self.raw.event("Ended", at, tx=tx, energy=register, offline=offline, stoppedReason=reason)

    async def sample(self, tx: str, at: str, *samples: Payload, evse: int = 1, offline: bool = False) -> None:
        await self.event("Updated", at, tx, samples=samples, offline=offline)

    async def event(
        self,
        kind: str,
        at: str,
        tx: str,
        *,
        samples: tuple[Payload, ...] = (),
        reason: str = "MeterValuePeriodic",
        seq: int | None = None,
        offline: bool = False,
        **more: Any,
    ) -> Payload:
        """Send an event with readings as they are; `more` are fields of the message."""
        number = self.raw.sequences.get(tx, -1) + 1 if seq is None else seq
        self.raw.sequences[tx] = number
        payload: Payload = {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": reason,
            "seqNo": number,
            "transactionInfo": {"transactionId": tx},
            **more,
        }
        if offline:
            payload["offline"] = True
        if samples:
            payload["meterValue"] = [{"timestamp": at, "sampledValue": list(samples)}]
        return await self.raw.ask("TransactionEvent", payload)

    async def loose(self, at: str, *samples: Payload, evse: int = 1) -> None:
        value = {"timestamp": at, "sampledValue": list(samples)}
        await self.raw.ask("MeterValues", {"evseId": evse, "meterValue": [value]})

    async def status(self, status: str, at: str, evse: int = 1) -> None:
        occupied = status in {"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"}
        await self.raw.connector("Occupied" if occupied else status, at, evse=evse)

    async def authorize(self, tag: str) -> Payload:
        token = {"idToken": tag, "type": "ISO14443"}
        info: Payload = (await self.raw.ask("Authorize", {"idToken": token}))["idTokenInfo"]
        return info

    def energy(self, value: Any, unit: str | None = None, **more: Any) -> Payload:
        return (
            {"measurand": REGISTER, "value": value} | ({} if unit is None else {"unitOfMeasure": {"unit": unit}}) | more
        )


class Charger21(Charger2):
    """The same in OCPP 2.1."""

    version = "2.1"
    make = RawStation21


CHARGERS: dict[str, type[Charger]] = {
    "1.6": Charger16,
    "2.0.1": Charger2,
    "2.1": Charger21,
}

"""A charging station of OCPP 2 for tests: raw frames over a real socket, checked against the package's schemas."""

import asyncio
from collections.abc import Coroutine
from functools import cache
from importlib.resources import files
import json
from typing import Any

from jsonschema import Draft6Validator  # type: ignore[import-untyped]  # its stubs are apart

from .raw_station import Payload, RawStation

VARIABLES = {
    ("SmartChargingCtrlr", "ProfileStackLevel"): "5",
    ("SmartChargingCtrlr", "RateUnit"): "A,W",
    ("SmartChargingCtrlr", "PeriodsPerSchedule"): "24",
    ("SmartChargingCtrlr", "Enabled"): "true",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "60",
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): "Energy.Active.Import.Register",
    ("SecurityCtrlr", "BasicAuthPassword"): "",
}


@cache
def _validator(package: str, name: str) -> Draft6Validator:
    text = files(package).joinpath(f"schemas/{name}.json").read_bytes()
    return Draft6Validator(json.loads(text.removeprefix(b"\xef\xbb\xbf")))


class RawStation2(RawStation):
    """A station with two EVSEs that keeps a device model; each frame of the central system must fit its schema."""

    protocol = "ocpp2.0.1"
    package = "ocpp.v201"

    def __init__(self, station_id: str = "CP1") -> None:
        super().__init__(station_id)
        self.variables = dict(VARIABLES)
        self.profiles_found: list[Payload] = []
        self.sequences: dict[str, int] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.broken: list[str] = []
        self.evses = 2
        self.answers |= {
            "GetBaseReport": self._report,
            "GetChargingProfiles": self._report_profiles,
            "GetVariables": self._get_variables,
            "SetVariables": self._set_variables,
            "GetCompositeSchedule": {"status": "Rejected"},
        }

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()  # a report that nobody will take any more
        await super().close()

    async def _answer(self, socket: Any, frame: list[Any]) -> None:
        self._check(f"{frame[2]}Request", frame[3])
        await super()._answer(socket, frame)

    def _check(self, name: str, payload: Payload) -> None:
        self.broken += [f"{name}: {error.message}" for error in _validator(self.package, name).iter_errors(payload)]

    async def ask(self, action: str, payload: Payload | None = None) -> Payload:
        answer = await super().ask(action, payload)
        self._check(f"{action}Response", answer)
        return answer

    def later(self, action: str, payload: Payload) -> None:
        """Send a call once the answer under way is out."""
        self.run(self.ask(action, payload))

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside the answers."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _report(self, payload: Payload) -> Payload:
        data = [
            {
                "component": {"name": component},
                "variable": {"name": variable},
                "variableAttribute": [{"value": value, "mutability": "ReadWrite"}],
            }
            for (component, variable), value in self.variables.items()
        ]
        data += [
            {
                "component": {"name": "EVSE", "evse": {"id": evse}},
                "variable": {"name": "SupplyPhases"},
                "variableAttribute": [{"type": "Actual", "value": "3", "mutability": "ReadOnly"}],
            }
            for evse in range(1, self.evses + 1)
        ]
        half = len(data) // 2
        for number, page in enumerate((data[:half], data[half:])):
            report = {"requestId": payload["requestId"], "generatedAt": "2026-06-01T10:00:00Z", "seqNo": number}
            self.later("NotifyReport", {**report, "tbc": number == 0, "reportData": page})
        return {"status": "Accepted"}

    def _report_profiles(self, payload: Payload) -> Payload:
        if not self.profiles_found:
            return {"status": "NoProfiles"}
        report = {"requestId": payload["requestId"], "chargingLimitSource": "CSO", "evseId": 1}
        self.later("ReportChargingProfiles", {**report, "chargingProfile": self.profiles_found})
        return {"status": "Accepted"}

    def _get_variables(self, payload: Payload) -> Payload:
        results = []
        for one in payload["getVariableData"]:
            value = self.variables.get((one["component"]["name"], one["variable"]["name"]))
            status = {"attributeStatus": "UnknownVariable"} if value is None else {"attributeStatus": "Accepted"}
            results.append({**one, **status} | ({} if value is None else {"attributeValue": value}))
        return {"getVariableResult": results}

    def _set_variables(self, payload: Payload) -> Payload:
        results = []
        for one in payload["setVariableData"]:
            key = (one["component"]["name"], one["variable"]["name"])
            known = key in self.variables
            if known:
                self.variables[key] = one["attributeValue"]
            status = "Accepted" if known else "UnknownVariable"
            results.append({"attributeStatus": status, "component": one["component"], "variable": one["variable"]})
        return {"setVariableResult": results}

    async def boot(self, reason: str = "PowerUp", **more: str) -> Payload:
        station = {"vendorName": "Acme", "model": "Two", "firmwareVersion": "2.0", "serialNumber": "S1"} | more
        return await self.ask("BootNotification", {"reason": reason, "chargingStation": station})

    async def connector(self, status: str, timestamp: str, evse: int = 1, connector: int = 1) -> Payload:
        return await self.ask(
            "StatusNotification",
            {"timestamp": timestamp, "connectorStatus": status, "evseId": evse, "connectorId": connector},
        )

    async def event(
        self,
        kind: str,
        timestamp: str,
        *,
        tx: str = "tx-1",
        reason: str = "CablePluggedIn",
        evse: int | None = None,
        token: str | None = None,
        energy: float | None = None,
        values: dict[str, float] | None = None,
        context: str = "Sample.Periodic",
        seq: int | None = None,
        offline: bool = False,
        **info: Any,
    ) -> Payload:
        """Send a TransactionEvent with the next sequence number of its transaction."""
        number = self.sequences.get(tx, -1) + 1 if seq is None else seq
        self.sequences[tx] = number
        payload: Payload = {
            "eventType": kind,
            "timestamp": timestamp,
            "triggerReason": reason,
            "seqNo": number,
            "transactionInfo": {"transactionId": tx, **info},
        }
        if offline:
            payload["offline"] = True
        if evse is not None:
            payload["evse"] = {"id": evse, "connectorId": 1}
        if token is not None:
            payload["idToken"] = {"idToken": token, "type": "ISO14443"}
        readings = dict(values or {})
        if energy is not None:
            readings["Energy.Active.Import.Register"] = energy
        if readings:
            sampled = [{"measurand": name, "value": value, "context": context} for name, value in readings.items()]
            payload["meterValue"] = [{"timestamp": timestamp, "sampledValue": sampled}]
        return await self.ask("TransactionEvent", payload)

    def set_profiles(self, purpose: str | None = None) -> list[Payload]:
        """Return the charging profiles that were sent, of one purpose if named."""
        found = [payload["chargingProfile"] for payload in self.sent("SetChargingProfile")]
        return [one for one in found if purpose in {None, one["chargingProfilePurpose"]}]


class RawStation21(RawStation2):
    """The same of OCPP 2.1."""

    protocol = "ocpp2.1"
    package = "ocpp.v21"

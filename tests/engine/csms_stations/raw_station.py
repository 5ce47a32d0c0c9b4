"""A charging station for tests: raw OCPP frames over a real socket, answering calls from a table."""

import asyncio
from collections.abc import Callable
import json
from typing import Any

import aiohttp

type Payload = dict[str, Any]
type Answer = Payload | tuple[str, str] | Callable[[Payload], Payload | tuple[str, str] | None]

CONFIGURATION = {
    "NumberOfConnectors": "1",
    "ChargeProfileMaxStackLevel": "8",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "ChargingScheduleMaxPeriods": "24",
    "SupportedFeatureProfiles": "Core, SmartCharging,[RemoteTrigger]",
    "MeterValueSampleInterval": "60",
    "MeterValuesSampledData": "Energy.Active.Import.Register",
}


def configuration_answer(values: dict[str, str], readonly: frozenset[str] = frozenset()) -> Payload:
    """Build a GetConfiguration response."""
    return {"configurationKey": [{"key": k, "readonly": k in readonly, "value": v} for k, v in values.items()]}


class RawStation:
    """One socket of a station; `calls` are what the central system asked, `answers` what it gets."""

    protocol = "ocpp1.6"

    def __init__(self, station_id: str = "CP1") -> None:
        self.station_id = station_id
        self.calls: list[tuple[str, Payload]] = []
        self.configuration = dict(CONFIGURATION)
        self.answers: dict[str, Answer] = {
            "GetConfiguration": lambda _: configuration_answer(self.configuration),
            "GetCompositeSchedule": {"status": "Rejected"},
            "TriggerMessage": {"status": "Accepted"},
            "UnlockConnector": {"status": "Unlocked"},
        }
        self._pending: dict[str, asyncio.Future[list[Any]]] = {}
        self._count = 0
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, port: int, *, password: str | None = None) -> None:
        self._session = aiohttp.ClientSession()
        headers = {} if password is None else {"Authorization": aiohttp.encode_basic_auth(self.station_id, password)}
        self._socket = await self._session.ws_connect(
            f"http://127.0.0.1:{port}/{self.station_id}", protocols=(self.protocol,), headers=headers
        )
        self._begin_reading()

    def _begin_reading(self) -> None:
        assert self._socket is not None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.wait([self._reader])
        if self._session is not None:
            await self._session.close()

    @property
    def closed(self) -> bool:
        return self._socket is None or self._socket.closed

    async def ask(self, action: str, payload: Payload | None = None) -> Payload:
        """Send a call and return its answer; an error answer raises ValueError with its code."""
        frame = await self.ask_raw(action, payload or {})
        if frame[0] == 4:
            raise ValueError(frame[2])
        answer: Payload = frame[2]
        return answer

    async def ask_raw(self, action: str, payload: Payload) -> list[Any]:
        self._count += 1
        message_id = f"{self.station_id}-{self._count}"
        self._pending[message_id] = asyncio.get_running_loop().create_future()
        assert self._socket is not None
        await self._socket.send_str(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(5):
            return await self._pending[message_id]

    async def boot(self, **more: str) -> Payload:
        return await self.ask(
            "BootNotification",
            {"chargePointVendor": "Acme", "chargePointModel": "One", "firmwareVersion": "1.0"} | more,
        )

    async def status(self, status: str, connector: int = 1, **more: str) -> Payload:
        return await self.ask(
            "StatusNotification", {"connectorId": connector, "status": status, "errorCode": "NoError", **more}
        )

    async def start(self, timestamp: str, meter: int = 1000, tag: str = "TAG", connector: int = 1) -> Payload:
        return await self.ask(
            "StartTransaction",
            {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": timestamp},
        )

    async def stop(self, transaction_id: int, timestamp: str, meter: int = 2000) -> Payload:
        return await self.ask(
            "StopTransaction", {"transactionId": transaction_id, "timestamp": timestamp, "meterStop": meter}
        )

    async def meter(
        self, timestamp: str, values: dict[str, str], transaction_id: int | None = None, connector: int = 1
    ) -> Payload:
        sampled = [{"measurand": name, "value": value} for name, value in values.items()]
        payload: Payload = {
            "connectorId": connector,
            "meterValue": [{"timestamp": timestamp, "sampledValue": sampled}],
        }
        if transaction_id is not None:
            payload["transactionId"] = transaction_id
        return await self.ask("MeterValues", payload)

    def sent(self, action: str) -> list[Payload]:
        """Return the payloads of one action that the central system sent."""
        return [payload for name, payload in self.calls if name == action]

    def profiles(self, purpose: str | None = None) -> list[Payload]:
        """Return the charging profiles that were sent, of one purpose if named."""
        profiles = [payload["csChargingProfiles"] for payload in self.sent("SetChargingProfile")]
        return [p for p in profiles if purpose in {None, p["chargingProfilePurpose"]}]

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            await self._take(socket, message.data)

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            await self._answer(socket, frame)
        elif frame[1] in self._pending and not self._pending[frame[1]].done():
            self._pending[frame[1]].set_result(frame)

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self.calls.append((action, payload))
        answer: Any = self.answers.get(action, {"status": "Accepted"})
        if callable(answer):
            answer = answer(payload)
        if answer is None:
            return
        if isinstance(answer, tuple):
            await socket.send_str(json.dumps([4, message_id, *answer, {}]))
        else:
            await socket.send_str(json.dumps([3, message_id, answer]))

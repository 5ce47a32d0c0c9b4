"""Many light OCPP 1.6 stations at once, to see how a central system bears them; they have no plant behind them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
import logging
import math

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWSTimeout, TCPConnector

from .clock import Clock
from .ocpp.dialler import credentials
from .ocpp.json import FormatError, Json, Payload, integer, optional_text, text
from .ocpp.link import Answer, CallFailed, Link, LinkLost
from .ocpp.meter import timestamp
from .ocpp.quirks import NO_QUIRKS

_LOGGER = logging.getLogger(__name__)
METER_S = 10.0
TIMEOUT_S = 30.0
RETRY_S = 5.0
POWER_W = 11_040.0

CONFIGURATION = {
    "ChargeProfileMaxStackLevel": "8",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "24",
    "HeartbeatInterval": "300",
    "MaxChargingProfilesInstalled": "20",
    "MeterValueSampleInterval": "10",
    "NumberOfConnectors": "1",
    "SupportedFeatureProfiles": "Core,RemoteTrigger,SmartCharging",
}


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How many stations dial where; `spread_s` is the time over which they come, at most a quarter of `seconds`."""

    url: str
    stations: int
    seconds: float
    prefix: str = "FLEET"
    password: str | None = None
    spread_s: float = METER_S


@dataclass(slots=True)
class Counts:
    """What the fleet lived through; latencies in s."""

    connected: int = 0
    most_connected: int = 0
    boots: int = 0
    transactions: int = 0
    meter_values: int = 0
    messages: int = 0
    commands: int = 0
    errors: int = 0
    drops: int = 0
    failed_dials: int = 0
    latencies: list[float] = field(default_factory=list)

    def report(self, options: FleetOptions) -> Payload:
        """Return one line's worth of results, latencies in ms."""
        ordered = sorted(self.latencies)
        return {
            "stations": options.stations,
            "seconds": options.seconds,
            "connected": self.most_connected,
            "boots": self.boots,
            "transactions": self.transactions,
            "meter_values": self.meter_values,
            "messages": self.messages,
            "commands": self.commands,
            "errors": self.errors,
            "drops": self.drops,
            "failed_dials": self.failed_dials,
            "p50_ms": _percentile_ms(ordered, 0.5),
            "p99_ms": _percentile_ms(ordered, 0.99),
        }


def _percentile_ms(ordered: list[float], share: float) -> Json:
    if not ordered:
        return None
    return round(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)], 2)


class LightStation:
    """One station: boots, plugs in, and tells its meter, over a connection or the next."""

    def __init__(self, station_id: str, options: FleetOptions, clock: Clock, counts: Counts) -> None:
        """Come into being; `run` dials."""
        self._station_id = station_id
        self._options = options
        self._clock = clock
        self._counts = counts
        self._energy_wh = 0.0
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    async def run(self, session: ClientSession, wait_s: float) -> None:
        """Stay connected until cancelled."""
        await self._clock.sleep(wait_s)
        headers = {}
        if self._options.password:
            headers["Authorization"] = credentials(self._station_id, self._options.password)
        url = f"{self._options.url.rstrip('/')}/{self._station_id}"
        while True:
            try:
                socket = await session.ws_connect(
                    url, protocols=("ocpp1.6",), headers=headers, timeout=ClientWSTimeout(ws_close=1.0), autoping=False
                )
            except (ClientError, OSError) as error:
                _LOGGER.debug("%s: no connection: %s", self._station_id, error)
                self._counts.failed_dials += 1
            else:
                link = Link(socket, self._clock, self._obey, TIMEOUT_S)
                await self._serve(link)
                await socket.close()
                self._counts.drops += 1
            await self._clock.sleep(RETRY_S)

    async def _serve(self, link: Link) -> None:
        self._counts.connected += 1
        self._counts.most_connected = max(self._counts.most_connected, self._counts.connected)
        tasks = [asyncio.create_task(each) for each in (link.run(), self._live(link), self._answer_triggers(link))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(LinkLost, ConnectionError):
                    task.result()
        finally:
            self._counts.connected -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, link: Link) -> None:
        """Boot, begin a transaction, and tell the meter until the connection ends."""
        while True:
            answer = await self._call(link, "BootNotification", self._boot())
            if answer is not None and answer.get("status") == "Accepted":
                break
            await self._clock.sleep(RETRY_S)
        self._counts.boots += 1
        for status in ("Available", "Preparing", "Charging"):
            await self._call(link, "StatusNotification", self._status(status))
        started = await self._call(link, "StartTransaction", self._start())
        transaction_id = 0
        with suppress(FormatError):
            transaction_id = integer(started or {}, "transactionId")
            self._counts.transactions += 1
        while True:
            await self._clock.sleep(METER_S)
            self._energy_wh += POWER_W * METER_S / 3600
            await self._call(link, "MeterValues", self._values(transaction_id))
            self._counts.meter_values += 1

    async def _answer_triggers(self, link: Link) -> None:
        messages: dict[str, Callable[[], Payload]] = {
            "BootNotification": self._boot,
            "StatusNotification": lambda: self._status("Charging"),
            "MeterValues": lambda: self._values(0),
            "Heartbeat": dict,
        }
        while True:
            action = await self._wanted.get()
            if action in messages:
                await self._call(link, action, messages[action]())

    async def _call(self, link: Link, action: str, payload: Payload) -> Payload | None:
        """Send a call and time its answer; None where there was none that could be used."""
        begin = self._clock.monotonic()
        try:
            answer = await link.call(action, payload)
        except CallFailed, TimeoutError:
            self._counts.errors += 1
            return None
        self._counts.messages += 1
        self._counts.latencies.append(self._clock.monotonic() - begin)
        return answer

    async def _obey(self, action: str, payload: Payload) -> Answer:
        self._counts.commands += 1
        match action:
            case "GetConfiguration":
                asked = payload.get("key") or list(CONFIGURATION)
                names = asked if isinstance(asked, list) else []
                known: list[Json] = [
                    {"key": str(name), "readonly": False, "value": CONFIGURATION[str(name)]}
                    for name in names
                    if name in CONFIGURATION
                ]
                return Answer({"configurationKey": known, "unknownKey": [n for n in names if n not in CONFIGURATION]})
            case "TriggerMessage":
                requested = text(payload, "requestedMessage")
                return Answer({"status": "Accepted"}, lambda: self._wanted.put_nowait(requested))
            case "GetLocalListVersion":
                return Answer({"listVersion": -1})
            case "GetCompositeSchedule":
                return Answer({"status": "Rejected"})
            case "GetDiagnostics" | "UpdateFirmware":
                optional_text(payload, "location")
                return Answer({})
            case _:
                return Answer({"status": "Accepted"})

    def _boot(self) -> Payload:
        return {
            "chargePointVendor": "Simulated",
            "chargePointModel": "LIGHT",
            "chargePointSerialNumber": self._station_id[:25],
            "firmwareVersion": "1.0.0",
        }

    def _status(self, status: str) -> Payload:
        return {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": self._now()}

    def _start(self) -> Payload:
        return {
            "connectorId": 1,
            "idTag": "FREEVEND",
            "meterStart": int(self._energy_wh),
            "timestamp": self._now(),
        }

    def _values(self, transaction_id: int) -> Payload:
        def sampled(measurand: str, value: str, unit: str, **more: str) -> Payload:
            return {"measurand": measurand, "value": value, "unit": unit, "context": "Sample.Periodic", **more}

        values: list[Json] = [
            sampled("Energy.Active.Import.Register", str(int(self._energy_wh)), "Wh"),
            sampled("Power.Active.Import", f"{POWER_W:.1f}", "W"),
            *(sampled("Current.Import", "16.00", "A", phase=f"L{n}") for n in (1, 2, 3)),
            *(sampled("Voltage", "230.0", "V", phase=f"L{n}-N") for n in (1, 2, 3)),
        ]
        transaction: Payload = {"transactionId": transaction_id} if transaction_id else {}
        return {"connectorId": 1, **transaction, "meterValue": [{"timestamp": self._now(), "sampledValue": values}]}

    def _now(self) -> str:
        return timestamp(self._clock.now(), NO_QUIRKS)


async def run_fleet(options: FleetOptions, clock: Clock) -> Payload:
    """Let the fleet live for its seconds and return what it lived through."""
    counts = Counts()
    names = (f"{options.prefix}-{n}" for n in count(1))
    stations = [LightStation(next(names), options, clock, counts) for _ in range(options.stations)]
    gap_s = min(options.spread_s, options.seconds / 4) / max(1, options.stations)
    async with ClientSession(
        connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None, sock_connect=10)
    ) as session:
        tasks = [asyncio.create_task(station.run(session, n * gap_s)) for n, station in enumerate(stations)]
        await clock.sleep(options.seconds)
        report = counts.report(options)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return report

"""A light OCPP 1.6 station: it boots, charges, meters, and queues what it could not tell; no plant is behind it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
import logging
import random

from aiohttp import ClientError, ClientSession, ClientWSTimeout

from .clock import Clock
from .fleet_options import Counts, FleetOptions
from .ocpp.dialler import credentials
from .ocpp.json import FormatError, Json, Payload, integer, mapping, number, optional_text, text
from .ocpp.link import Answer, CallFailed, Link, LinkLost
from .ocpp.meter import timestamp
from .ocpp.outbox import Outbox, Outgoing
from .ocpp.quirks import NO_QUIRKS

_LOGGER = logging.getLogger(__name__)
TIMEOUT_S = 30.0
ATTEMPTS = 3
CAR_A = 16.0
VOLTAGE_V = 230.0
NOISE = 0.02  # of what is measured: no meter reads the same twice

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


@dataclass(slots=True)
class Charge:
    """A transaction as the station lives it; energies are its meter's register in Wh."""

    started: datetime
    meter_start: int
    transaction_id: int = 0
    meter_stop: int | None = None
    values: int = 0

    def record(self) -> Payload:
        """Return what the central system is to know of it in the end."""
        return {
            "started": timestamp(self.started, NO_QUIRKS),
            "meter_start": self.meter_start,
            "meter_stop": self.meter_stop,
            "values": self.values,
        }


@dataclass(slots=True)
class Meter:
    """What flows: as much as the car takes and the newest profiles allow, with a meter's noise."""

    noise: random.Random
    energy_wh: float = 0.0
    limits_a: dict[tuple[str, int], float] = field(default_factory=dict)

    def take(self, profile: Payload) -> None:
        """Take a charging profile, of which the first period counts."""
        schedule = mapping(profile, "chargingSchedule")
        periods = schedule.get("chargingSchedulePeriod")
        first = periods[0] if isinstance(periods, list) and periods else None
        if not isinstance(first, dict):
            raise FormatError("chargingSchedulePeriod must hold a period")
        volts = 3 * VOLTAGE_V if schedule.get("chargingRateUnit") == "W" else 1.0
        level = (text(profile, "chargingProfilePurpose"), integer(profile, "stackLevel"))
        self.limits_a[level] = number(first, "limit") / volts

    def values(self, seconds: float, context: str = "Sample.Periodic") -> list[Json]:
        """Return eight samples of what flowed for this long."""
        purposes = {purpose for purpose, _ in self.limits_a}
        purpose = "TxProfile" if "TxProfile" in purposes else "TxDefaultProfile"
        highest = max((key for key in self.limits_a if key[0] == purpose), default=None)
        current_a = CAR_A if highest is None else min(CAR_A, self.limits_a[highest])
        currents = [current_a * (1 - NOISE * self.noise.random()) for _ in range(3)]
        voltages = [VOLTAGE_V * (1 + NOISE * (self.noise.random() - 0.5)) for _ in range(3)]
        power_w = sum(amps * volts for amps, volts in zip(currents, voltages, strict=True))
        self.energy_wh += power_w * seconds / 3600

        def sampled(measurand: str, value: str, unit: str, **more: str) -> Payload:
            return {"measurand": measurand, "value": value, "unit": unit, "context": context, **more}

        return [
            sampled("Energy.Active.Import.Register", str(int(self.energy_wh)), "Wh"),
            sampled("Power.Active.Import", f"{power_w:.1f}", "W"),
            *(sampled("Current.Import", f"{amps:.2f}", "A", phase=f"L{n}") for n, amps in enumerate(currents, 1)),
            *(sampled("Voltage", f"{volts:.1f}", "V", phase=f"L{n}-N") for n, volts in enumerate(voltages, 1)),
        ]


class LightStation:
    """One station; cars come and go whether it is connected or not, and what it owes the central system waits."""

    def __init__(self, number: int, options: FleetOptions, clock: Clock, counts: Counts) -> None:
        """Come into being; `run` dials."""
        self.station_id = f"{options.prefix}-{number}"
        self.charges: list[Charge] = []
        self._options = options
        self._clock = clock
        self._counts = counts
        self._meter = Meter(random.Random(number))
        self._outbox = Outbox()
        self._news = asyncio.Event()
        self._booted = asyncio.Event()
        self._away = asyncio.Event()
        self._last_car_left = False
        self._served = False
        self._status = "Available"

    async def run(self, session: ClientSession, wait_s: float) -> None:
        """Live, and stay connected, until cancelled."""
        await self._clock.sleep(wait_s)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live())
            tasks.create_task(self._dial(session))

    async def _dial(self, session: ClientSession) -> None:
        headers = {}
        if self._options.password:
            headers["Authorization"] = credentials(self.station_id, self._options.password)
        url = f"{self._options.url.rstrip('/')}/{self.station_id}"
        while True:
            try:
                socket = await session.ws_connect(
                    url, protocols=("ocpp1.6",), headers=headers, timeout=ClientWSTimeout(ws_close=1.0), autoping=False
                )
            except (ClientError, OSError) as error:
                _LOGGER.debug("%s: no connection: %s", self.station_id, error)
                self._counts.failed_dials += 1
            else:
                link = Link(socket, self._clock, self._obey, TIMEOUT_S)
                await self._serve(link)
                await socket.close()
                self._counts.drops += 1
                self._booted.clear()  # here, for it may be back before the car takes note
                self._away.set()
            await self._clock.sleep(self._options.retry_s)

    async def _serve(self, link: Link) -> None:
        self._counts.connected += 1
        self._counts.most_connected = max(self._counts.most_connected, self._counts.connected)
        tasks = [asyncio.create_task(each) for each in (link.run(), self._tell(link))]
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

    async def _tell(self, link: Link) -> None:
        """Boot, then tell what is owed, oldest first, until the connection ends."""
        self._outbox.drop_passing()
        while True:
            answer = await self._call(link, "BootNotification", self._boot())
            if answer is not None and answer.get("status") == "Accepted":
                break
            await self._clock.sleep(self._options.retry_s)
        self._counts.boots += 1
        self._pass("StatusNotification", lambda: self._status_notification(self._status))
        self._booted.set()
        while True:
            self._news.clear()
            due = self._outbox.next(self._clock.monotonic(), triggered_only=False)
            if due is not None:
                await self._deliver(link, due[0])
            elif len(self._outbox):
                await self._clock.sleep(self._options.retry_s)
            else:
                self._note_served()
                await self._news.wait()

    async def _deliver(self, link: Link, message: Outgoing) -> None:
        answer = await self._call(link, message.action, message.write())
        if answer is None:
            self._outbox.refused(message, self._clock.monotonic(), ATTEMPTS, self._options.retry_s)
            return
        self._outbox.done(message)
        message.answered(answer)

    def _note_served(self) -> None:
        """Tell when nothing is owed any more after the outage that cars came and went in."""
        if self._last_car_left and not self._served:
            self._served = True
            self._counts.served.append(self._clock.now())

    async def _live(self) -> None:
        """Let a car charge; with an outage to come, let others come and go as long as that lasts."""
        await self._booted.wait()
        charge = self._plug_in()
        if not self._options.outage:
            while True:
                await self._sample(charge, self._options.meter_s)
        while not self._away.is_set():
            await self._sample(charge, self._options.meter_s)
        while True:
            for _ in range(self._options.outage_values):
                await self._sample(charge, self._options.outage_meter_s)
            self._unplug(charge)
            if self._booted.is_set():
                break
            charge = self._plug_in()
        self._last_car_left = True
        self._news.set()

    async def _sample(self, charge: Charge, after_s: float) -> None:
        """Meter after this long, counted from the last time, so that a slow answer delays nothing."""
        await self._clock.sleep(after_s)
        meter_value: Json = {"timestamp": self._now(), "sampledValue": self._meter.values(after_s)}
        charge.values += 1

        def write() -> Payload:
            transaction: Payload = {"transactionId": charge.transaction_id} if charge.transaction_id else {}
            return {"connectorId": 1, **transaction, "meterValue": [meter_value]}

        self._keep("MeterValues", write)

    def _plug_in(self) -> Charge:
        charge = Charge(self._clock.now(), int(self._meter.energy_wh))
        self.charges.append(charge)

        def started(answer: Payload) -> None:
            with suppress(FormatError):
                charge.transaction_id = integer(answer, "transactionId")
                self._counts.transactions += 1

        start: Payload = {
            "connectorId": 1,
            "idTag": "FREEVEND",
            "meterStart": charge.meter_start,
            "timestamp": timestamp(charge.started, NO_QUIRKS),
        }
        self._show("Preparing")
        self._show("Charging")
        self._keep("StartTransaction", lambda: start, started)
        return charge

    def _unplug(self, charge: Charge) -> None:
        charge.meter_stop = int(self._meter.energy_wh)
        stopped, meter_stop = self._now(), charge.meter_stop
        self._keep(
            "StopTransaction",
            lambda: {"transactionId": charge.transaction_id, "meterStop": meter_stop, "timestamp": stopped},
        )
        self._show("Available")

    def _show(self, status: str) -> None:
        self._status = status
        self._pass("StatusNotification", lambda: self._status_notification(status))

    def _pass(self, action: str, write: Callable[[], Payload]) -> None:
        self._outbox.add(Outgoing(action, write), keep=False)
        self._news.set()

    def _keep(
        self, action: str, write: Callable[[], Payload], answered: Callable[[Payload], None] | None = None
    ) -> None:
        message = Outgoing(action, write) if answered is None else Outgoing(action, write, answered)
        message.failed = self._give_up
        self._outbox.add(message, keep=True)
        self._news.set()

    def _give_up(self) -> None:
        self._counts.given_up += 1

    async def _call(self, link: Link, action: str, payload: Payload) -> Payload | None:
        """Send a call and time its answer; None where there was none that could be used."""
        begin = self._clock.monotonic()
        try:
            answer = await link.call(action, payload)
        except CallFailed:
            self._counts.errors += 1
            return None
        except TimeoutError:
            self._counts.errors += 1
            self._counts.unanswered += 1
            return None
        except LinkLost:
            self._counts.unanswered += 1
            raise
        self._counts.answered(action, self._clock.monotonic() - begin)
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
            case "SetChargingProfile":
                self._meter.take(mapping(payload, "csChargingProfiles"))
                return Answer({"status": "Accepted"})
            case "TriggerMessage":
                requested = text(payload, "requestedMessage")
                return Answer({"status": "Accepted"}, lambda: self._answer_trigger(requested))
            case "GetLocalListVersion":
                return Answer({"listVersion": -1})
            case "GetCompositeSchedule":
                return Answer({"status": "Rejected"})
            case "GetDiagnostics" | "UpdateFirmware":
                optional_text(payload, "location")
                return Answer({})
            case _:
                return Answer({"status": "Accepted"})

    def _answer_trigger(self, action: str) -> None:
        messages: dict[str, Callable[[], Payload]] = {
            "BootNotification": self._boot,
            "StatusNotification": lambda: self._status_notification(self._status),
            "MeterValues": lambda: {
                "connectorId": 1,
                "meterValue": [{"timestamp": self._now(), "sampledValue": self._meter.values(0.0, "Trigger")}],
            },
            "Heartbeat": dict,
        }
        if action in messages:
            self._pass(action, messages[action])

    def _boot(self) -> Payload:
        return {
            "chargePointVendor": "Simulated",
            "chargePointModel": "LIGHT",
            "chargePointSerialNumber": self.station_id[:25],
            "firmwareVersion": "1.0.0",
        }

    def _status_notification(self, status: str) -> Payload:
        return {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": self._now()}

    def _now(self) -> str:
        return timestamp(self._clock.now(), NO_QUIRKS)

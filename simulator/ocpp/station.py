"""A simulated charging station: hardware, habits and memory, apart from the connection it speaks over."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
import math
import re

from simulator.clock import Clock
from simulator.plant.outlet import Outlet

from .configuration import default_configuration
from .connector import Connector, Permission, Status
from .errands import Upkeep
from .file_transfer import Errand
from .json import Json, Payload, integer, mapping, text
from .local_list import LocalList
from .meter import SampledMeter, next_aligned, timestamp
from .options import Interruption, StartMode, StationOptions
from .outbox import Outbox, Outgoing
from .profile_stack import Abilities, Limit, ProfileStack
from .profiles import Profile
from .transaction import StopReason, Transaction


class SimulatedStation:
    """One station: events come in by its methods, `tick` lets time pass, messages wait in its outbox."""

    def __init__(self, options: StationOptions, outlets: Sequence[Outlet], clock: Clock) -> None:
        """Mount the station before these outlets, one for each connector."""
        self.options = options
        self.quirks = options.quirks
        self.clock = clock
        self.powered = True
        self.booted = False
        self.boot_at = 0.0
        self.restarting_until: float | None = None
        self.password = options.password
        self.outbox = Outbox()
        self.errands: asyncio.Queue[Errand] = asyncio.Queue()
        self.firmware = options.firmware
        self.upkeep = Upkeep(self)
        self.wake = asyncio.Event()
        self.configuration = default_configuration(options)
        self.local_list = LocalList(options.local_list_entries)
        self.profiles = ProfileStack(
            Abilities(
                max_a=options.max_a,
                phases=options.phases,
                max_stack_level=options.stack_levels,
                switches_phases=options.switches_phases,
            ),
            options.connectors,
            options.quirks,
        )
        self.connectors = {n: Connector(n, outlet, self, options) for n, outlet in enumerate(outlets, start=1)}
        self.online = False
        self._meters = {
            n: SampledMeter(connector, options.quirks, options.phases, reports_soc=options.reports_soc)
            for n, connector in self.connectors.items()
        }
        self._sample_at: dict[int, float] = {}
        self._aligned_at: datetime | None = None
        self._heartbeat_at = math.inf
        self._reset: tuple[float, StopReason] | None = None

    # Events at the station

    def plug(self, plugged: bool, connector_id: int = 1) -> None:
        """Put a car's cable in or pull it out."""
        connector = self.connectors[connector_id]
        connector.plug(plugged, self.clock.monotonic())
        self.vend(connector)

    def present_tag(self, id_tag: str, connector_id: int = 1) -> None:
        """Hold a tag before the reader: begins a transaction, or ends the one it began."""
        connector = self.connectors[connector_id]
        transaction = connector.transaction
        if transaction is not None:
            if transaction.id_tag.lower() == id_tag.lower():
                connector.stop(StopReason.LOCAL)
                connector.tick(self.clock.monotonic())
        elif self.options.start_mode is StartMode.TAG:
            self.authorize(id_tag, connector)
        self.wake.set()

    def fail(self, error: str, connector_id: int = 1) -> None:
        """Break a connector with an OCPP error code, or mend it with NoError."""
        connector = self.connectors[connector_id]
        connector.error = error
        connector.tick(self.clock.monotonic())
        if connector.status is Status.PREPARING:
            self.vend(connector)
        self.wake.set()

    def vend(self, connector: Connector) -> None:
        """Begin a transaction with the station's own tag, if a cable is in and nobody needs to be asked."""
        if self.options.start_mode is StartMode.FREE_VEND and connector.outlet.plugged and self.powered:
            connector.permit(Permission(self.options.free_vend_tag, math.inf), self.clock.monotonic())
        self.wake.set()

    def reset(self, reason: StopReason, after_s: float = 0.2) -> None:
        """Reboot soon, for this reason; a soft reset first ends its transactions."""
        if reason is StopReason.SOFT_RESET:
            self._interrupt(reason)
        self._reset = (self.clock.monotonic() + after_s, reason)

    def authorize(self, id_tag: str, connector: Connector, profile: Profile | None = None) -> None:
        """Ask whether a tag may charge, and permit it then; offline, follow LocalAuthorizeOffline."""

        def permit() -> None:
            until = self.clock.monotonic() + self.configuration.integer("ConnectionTimeOut")
            connector.permit(Permission(id_tag, until, profile), self.clock.monotonic())
            self.wake.set()

        def answered(payload: Payload) -> None:
            if text(mapping(payload, "idTagInfo"), "status") == "Accepted":
                permit()

        def unanswered() -> None:
            known = self.local_list.knows(id_tag)
            allowed = known is None or known.accepted(self.station_time())
            if allowed and self.configuration.flag("LocalAuthorizeOffline"):
                permit()

        if not self.online:
            unanswered()
            return
        self.outbox.add(Outgoing("Authorize", lambda: {"idTag": id_tag}, answered, unanswered), keep=False)

    # Time

    def station_time(self) -> datetime:
        """Return the time by the station's own clock."""
        return self.clock.now() + timedelta(seconds=self.options.clock_offset_s)

    def tick(self) -> None:
        """Let time pass: statuses, samples, heartbeat and resets that are due."""
        monotonic = self.clock.monotonic()
        if self.restarting_until is not None and monotonic >= self.restarting_until:
            self.restarting_until = None
            self._power_up()
        if self._reset is not None and monotonic >= self._reset[0]:
            self._reboot(self._reset[1])
        if self.powered:
            for connector in self.connectors.values():
                connector.tick(monotonic)
                self._obey_minimum(connector)
                self._sample_when_due(connector, monotonic)
            self._sample_aligned()
            self._beat(monotonic)
        self.wake.set()

    def accepted(self, interval_s: int) -> None:
        """Take up work after the central system accepted the station."""
        self.booted = True
        if interval_s > 0:
            self.configuration.keys["HeartbeatInterval"].value = str(interval_s)
        self._heartbeat_at = self.clock.monotonic() + self.configuration.integer("HeartbeatInterval")
        self.upkeep.booted()
        self.send_status(0)
        for connector_id in self.connectors:
            self.send_status(connector_id)

    # What connectors ask and report

    def limit(self, connector: Connector, now: datetime) -> Limit:
        """Return what profiles and hardware allow on a connector at this plant time."""
        local = now + timedelta(seconds=self.options.clock_offset_s)
        running = connector.transaction.running() if connector.transaction else None
        limit = self.profiles.limit(connector.connector_id, local, running)
        step = self.options.step_a
        phases = self.options.phases if self.quirks.ignores_number_of_phases else limit.phases
        return Limit(math.floor(limit.current_a / step + 1e-6) * step, phases)

    def status_changed(self, connector: Connector) -> None:
        """Send a connector's new status."""
        if self.online:
            self.send_status(connector.connector_id)

    def started(self, connector: Connector, transaction: Transaction, profile: Profile | None) -> None:
        """Send StartTransaction and begin to sample."""
        if profile is not None:
            self.profiles.install(connector.connector_id, profile)
        sample_s = self.configuration.integer("MeterValueSampleInterval")
        self._sample_at[connector.connector_id] = self.clock.monotonic() + sample_s
        repeats = 2 if self.quirks.repeats_start else 1

        def write() -> Payload:
            return {
                "connectorId": self.told_connector(connector.connector_id),
                "idTag": transaction.id_tag,
                "meterStart": transaction.meter_start,
                "timestamp": timestamp(transaction.started, self.quirks),
            }

        def answered(payload: Payload) -> None:
            transaction.number = integer(payload, "transactionId")
            accepted = text(mapping(payload, "idTagInfo"), "status") == "Accepted"
            if not accepted and self.configuration.flag("StopTransactionOnInvalidId") and not transaction.ended:
                connector.stop(StopReason.DEAUTHORIZED)

        for turn in range(1, repeats + 1):
            message = (
                Outgoing("StartTransaction", write, answered)
                if turn == repeats
                else Outgoing("StartTransaction", write)
            )
            self.outbox.add(message, keep=True)

    def stopped(self, connector: Connector, transaction: Transaction, meter_stop: int, reason: StopReason) -> None:
        """Send StopTransaction and forget the transaction's profiles."""
        self.profiles.end_transaction(connector.connector_id)
        ended = timestamp(self.station_time(), self.quirks)
        invented = 999_999_999 if self.quirks.stops_unknown_transaction else None
        measurands = self.configuration.items("StopTxnSampledData")
        samples = self._meters[connector.connector_id].sample(measurands, "Transaction.End")
        data: list[Json] = [{"timestamp": ended, "sampledValue": samples}] if samples else []

        def write() -> Payload:
            number = -1 if transaction.number is None else transaction.number
            return {
                **({"transactionData": data} if data else {}),
                "transactionId": number if invented is None else invented,
                "idTag": transaction.id_tag,
                "meterStop": meter_stop,
                "timestamp": ended,
                "reason": reason,
            }

        self.outbox.add(Outgoing("StopTransaction", write), keep=True)
        if self.quirks.values_after_stop:
            self.send_values(connector.connector_id, "Transaction.End", transaction)

    # Messages

    def send_status(self, connector_id: int, *, triggered: bool = False) -> None:
        """Queue a StatusNotification with the present status; connector 0 is the station."""
        if connector_id == 0 and self.quirks.everything_on_connector_zero:
            return
        connector = self.connectors.get(connector_id)
        at = timestamp(self.station_time(), self.quirks)
        status = connector.status if connector else self._own_status()
        error = connector.error if connector else "NoError"

        def write() -> Payload:
            return self._with_habits(
                {
                    "connectorId": self.told_connector(connector_id),
                    "errorCode": error,
                    "status": status,
                    "timestamp": at,
                }
            )

        self.outbox.add(Outgoing("StatusNotification", write, triggered=triggered), keep=False)

    def send_values(self, connector_id: int, context: str, transaction: Transaction | None = None) -> None:
        """Queue MeterValues with what the meter shows now."""
        if self.quirks.no_meter_values:
            return
        aligned = context == "Sample.Clock"
        measurands = self.configuration.items("MeterValuesAlignedData" if aligned else "MeterValuesSampledData")
        values = self._meters[connector_id].sample(measurands, context)
        if not values:
            return
        meter_value: list[Json] = [{"timestamp": timestamp(self.station_time(), self.quirks), "sampledValue": values}]

        def write() -> Payload:
            payload: Payload = {"connectorId": self.told_connector(connector_id)}
            if transaction is not None and transaction.number is not None:
                payload["transactionId"] = transaction.number
            return self._with_habits({**payload, "meterValue": meter_value})

        message = Outgoing("MeterValues", write, triggered=context == "Trigger")
        self.outbox.add(message, keep=transaction is not None and context != "Trigger")

    def send_plain(self, action: str, payload: Payload, *, triggered: bool = False) -> None:
        """Queue a passing message."""
        self.outbox.add(Outgoing(action, lambda: payload, triggered=triggered), keep=False)

    def boot_notification(self) -> Payload:
        """Return what the station says of itself."""
        options = self.options
        payload: Payload = {
            "chargePointVendor": options.vendor,
            "chargePointModel": options.model,
            "chargePointSerialNumber": options.serial or options.station_id,
            "firmwareVersion": self.firmware,
            "meterType": "simulated",
        }
        return self._with_habits(payload)

    def spoil(self, action: str, frame: str) -> str:
        """Return the frame's text as this station really writes it."""
        if self.quirks.invalid_meter_json and action == "MeterValues":
            return re.sub(r'"transactionId":-?\d+', '"transactionId":', frame)
        return frame

    def told_connector(self, connector_id: int) -> int:
        """Return the connector number the station uses towards the central system."""
        return 0 if self.quirks.everything_on_connector_zero else connector_id

    # Inside

    def _own_status(self) -> Status:
        operative = any(connector.operative for connector in self.connectors.values())
        return Status.AVAILABLE if operative else Status.UNAVAILABLE

    def _with_habits(self, payload: Payload) -> Payload:
        return {**payload, "vendorExtension": "1"} if self.quirks.extra_field else payload

    def _obey_minimum(self, connector: Connector) -> None:
        if self.quirks.ends_transaction_below_minimum and connector.status is Status.SUSPENDED_EVSE:
            connector.stop(StopReason.OTHER)

    def _sample_when_due(self, connector: Connector, monotonic: float) -> None:
        interval_s = self.configuration.integer("MeterValueSampleInterval")
        transaction = connector.transaction
        if transaction is None or interval_s == 0:
            return
        due = min(self._sample_at[connector.connector_id], monotonic + interval_s)
        if monotonic >= due:
            self.send_values(connector.connector_id, "Sample.Periodic", transaction)
            due = due + interval_s if due + interval_s > monotonic else monotonic + interval_s
        self._sample_at[connector.connector_id] = due

    def _sample_aligned(self) -> None:
        interval_s = self.configuration.integer("ClockAlignedDataInterval")
        now = self.station_time()
        if interval_s == 0:
            self._aligned_at = None
        elif self._aligned_at is None or now >= self._aligned_at:
            if self._aligned_at is not None:
                for connector in self.connectors.values():
                    self.send_values(connector.connector_id, "Sample.Clock", connector.transaction)
            self._aligned_at = next_aligned(now, interval_s)

    def _beat(self, monotonic: float) -> None:
        interval_s = self.configuration.integer("HeartbeatInterval")
        if self.online and self.booted and interval_s and monotonic >= min(self._heartbeat_at, monotonic + interval_s):
            self.send_plain("Heartbeat", {})
            self._heartbeat_at = monotonic + interval_s

    def _power_up(self) -> None:
        self.powered = True
        for connector in self.connectors.values():
            self.vend(connector)

    def _interrupt(self, reason: StopReason) -> None:
        if self.options.reboot_transaction is Interruption.STOPS:
            for connector in self.connectors.values():
                connector.stop(reason)

    def _reboot(self, reason: StopReason) -> None:
        self._reset = None
        self._interrupt(reason)
        self.powered = False
        self.booted = False
        self.boot_at = 0.0
        self.firmware = self.upkeep.version
        self.configuration.boot()
        self.outbox.drop_passing()
        self.restarting_until = self.clock.monotonic() + self.options.boot_s
        if self.quirks.loses_profiles_on_reboot:
            self.profiles.installed.clear()

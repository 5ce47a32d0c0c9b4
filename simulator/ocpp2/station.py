"""A simulated OCPP 2.x station: hardware, habits and memory, apart from the connection it speaks over."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
import math
from typing import TYPE_CHECKING

from simulator.clock import Clock
from simulator.ocpp.json import Payload
from simulator.ocpp.options import Interruption, StartMode
from simulator.ocpp.outbox import Outbox, Outgoing
from simulator.plant.outlet import Outlet

from .authorizing import authorize
from .certificates import Certificates
from .charging_needs import tell_needs
from .device_model import Component
from .display import Display
from .evse import Connector2, Evse
from .factory_model import factory_model
from .local_limits import ScheduleUpdates, tell_limit
from .meter import Meter2, timestamp
from .monitoring import Monitoring, Told
from .network import Network, NetworkProfile
from .options import StationOptions2, Version
from .profile_rules import abilities_of
from .profile_stack import Limit, ProfileStack, Situation
from .reservation import Reservations
from .sampling import Sampler
from .tokens import Judgement, Token, TokenMemory
from .transaction import Authorization, StoppedReason, Transaction2, Trigger
from .transaction_events import TransactionEvents
from .upkeep import Upkeep

if TYPE_CHECKING:
    from simulator.ocpp.file_transfer import Errand


class SimulatedStation2:
    """One station: events come in by its methods, `tick` lets time pass, messages wait in its outbox."""

    def __init__(self, options: StationOptions2, outlets: Sequence[Outlet], clock: Clock) -> None:
        """Mount the station before these outlets, one for each EVSE."""
        self.options = options
        self.quirks = options.quirks
        self.clock = clock
        self.powered = True
        self.operative = True
        self.connected = False
        self.boot_status = ""
        """What the central system answered to the last boot; "" before that."""
        self.boot_reason = "PowerUp"
        self.boot_at = 0.0
        self.restarting_until: float | None = None
        self.password = options.password
        self.outbox = Outbox(interleaves=options.interleaves_replay)
        self.wake = asyncio.Event()
        self.errands: asyncio.Queue[Errand] = asyncio.Queue()
        """Uploads and downloads for the dialler to run."""
        self.model = factory_model(options)
        self.network = Network(NetworkProfile(options.url, options.security_profile), self.model)
        self.certificates = Certificates(options, self.model)
        self.memory = TokenMemory(self.model)
        self.display = Display(self.model)
        self.profiles = ProfileStack(abilities_of(options), options.quirks)
        self.reservations = Reservations(self)
        self.schedule_updates = ScheduleUpdates(self)
        self.tariffs: dict[int, Payload] = {}
        self.upkeep = Upkeep(self)
        self._heartbeat_at = math.inf
        self._offline_since: float | None = None
        self._reset: tuple[float, Callable[[], bool], Callable[[], None]] | None = None
        self._build(outlets)

    def _build(self, outlets: Sequence[Outlet]) -> None:
        """Put the EVSEs together with what measures and watches them."""
        options = self.options
        self.evses = {n: Evse(n, outlet, self, options) for n, outlet in enumerate(outlets, start=1)}
        meters = {
            n: Meter2(evse.outlet, options.quirks, options.phases, reports_soc=options.reports_soc)
            for n, evse in self.evses.items()
        }
        self.events = TransactionEvents(self, meters)
        self.sampler = Sampler(self.model, meters, self.events)
        self.monitoring = Monitoring(self)

    @property
    def online(self) -> bool:
        """Tell whether the central system is there and accepted the station."""
        return self.connected and self.booted

    @property
    def booted(self) -> bool:
        """Tell whether the central system accepted the station since it started."""
        return self.boot_status == "Accepted"

    # Events at the station

    def plug(self, plugged: bool, evse_id: int = 1, connector_id: int = 1) -> None:
        """Put a car's cable in or pull it out."""
        evse = self.evses[evse_id]
        if plugged and not evse.outlet.plugged:
            self.vend(evse, cable_comes=True)
        evse.plug(plugged, connector_id, self.clock.monotonic())
        self.wake.set()

    def present_token(self, value: str, evse_id: int = 1, kind: str = "ISO14443") -> None:
        """Hold a token before the reader: permits charging, or ends what it (or its group) began."""
        token = Token(value, kind)
        evse = self.evses[evse_id]
        if evse.authorization is None:
            if self.options.start_mode is StartMode.TAG:
                authorize(self, token, evse)
        elif evse.authorization.token.key == token.key:
            self.deauthorize(evse_id)
        else:
            authorize(self, token, evse, stops=True)
        self.wake.set()

    def deauthorize(self, evse_id: int = 1) -> None:
        """End the permission by the driver's own will."""
        self.evses[evse_id].forbid(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL, self.clock.monotonic())
        self.wake.set()

    def fail(
        self, fault: str | None, evse_id: int = 1, connector_id: int = 1, *, ends_transaction: bool = False
    ) -> None:
        """Break a connector, or mend it with None."""
        evse = self.evses[evse_id]
        evse.connectors[connector_id].fault = fault
        place = Component("Connector", evse_id=evse_id, connector_id=connector_id)
        self.model.put(place, "Problem", str(fault is not None).lower())
        if fault is not None and ends_transaction:
            evse.end(Trigger.ABNORMAL_CONDITION, StoppedReason.GROUND_FAULT)
        evse.tick(self.clock.monotonic())
        self.monitoring.notify(place, "Problem", str(fault is not None).lower(), info=fault)
        self.wake.set()

    def lose_power(self) -> None:
        """Cut the power: what runs is interrupted, nothing is sent until `restore_power`."""
        self._go_down(StoppedReason.POWER_LOSS, Trigger.ABNORMAL_CONDITION, keep=self._resumes)
        self.boot_reason = "PowerUp"

    def restore_power(self) -> None:
        """Give the power back; the station boots."""
        self.restarting_until = self.clock.monotonic() + self.options.boot_s
        self.wake.set()

    def reboot(self, reason: str = "LocalReset") -> None:
        """Restart as somebody at the station would make it."""
        self.restart(reason, StoppedReason.REBOOT, Trigger.ABNORMAL_CONDITION, keep=self._resumes)

    def set_local_limit(self, limit_a: float | None, source: str = "EMS", evse_id: int = 0) -> None:
        """Let a local controller bound the current (A per phase), or give it free with None (K11-K14)."""
        tell_limit(self, limit_a, source, evse_id)
        self.wake.set()

    def use_priority(self, active: bool, evse_id: int = 1) -> None:
        """Let the driver ask for priority at the station, or give it up (2.1)."""
        transaction = self.evses[evse_id].transaction
        if transaction is not None:
            transaction.priority = active
            told: Payload = {"transactionId": transaction.transaction_id, "activated": active}
            self.send("NotifyPriorityCharging", told)
            self.wake.set()

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
        if self.powered:
            for evse in self.evses.values():
                evse.tick(monotonic)
            now = self.station_time()
            for evse_id, values in self.sampler.tick(list(self.evses.values()), monotonic, now):
                self.send("MeterValues", {"evseId": evse_id, "meterValue": values})
            self.reservations.expire(now)
            self.display.expire(now)
            self._beat(monotonic)
            self.schedule_updates.tick(monotonic)
            self.profiles.drop_offline(self.offline_s())
            self.monitoring.tick(monotonic)
            if self._reset is not None and monotonic >= self._reset[0] and self._reset[1]():
                act, self._reset = self._reset[2], None
                act()
        self.wake.set()

    def offline_s(self) -> float:
        """Return for how long there has been no connection."""
        return 0.0 if self._offline_since is None else self.clock.monotonic() - self._offline_since

    def accepted(self, interval_s: int, *, reconnected: bool = False) -> None:
        """Take up work after the central system accepted the station, or came back."""
        self.boot_status = "Accepted"
        if interval_s > 0:
            self.model.put("OCPPCommCtrlr", "HeartbeatInterval", str(interval_s))
        self._heartbeat_at = self.clock.monotonic() + self.model.integer("OCPPCommCtrlr", "HeartbeatInterval")
        long = self.offline_s() > self.model.integer("OCPPCommCtrlr", "OfflineThreshold")
        self._offline_since = None
        self.upkeep.booted()
        if self.options.security_events and not reconnected:
            event: Payload = {"type": "StartupOfTheDevice", "timestamp": timestamp(self.station_time())}
            self.send("SecurityEventNotification", event)
        for evse in self.evses.values():
            for connector in evse.connectors.values():
                if long or not reconnected or connector.told is not connector.status:
                    self.send_status(evse, connector)

    def link_changed(self, *, connected: bool) -> None:
        """Hear of the connection's begin or end."""
        self.connected = connected
        if not connected:
            self._offline_since = self.clock.monotonic()

    def when_idle(self, idle: Callable[[], bool], act: Callable[[], None], after_s: float = 0.2) -> None:
        """Do something once this condition holds, soon at the earliest."""
        self._reset = (self.clock.monotonic() + after_s, idle, act)

    def restart(self, boot_reason: str, stopped: StoppedReason, trigger: Trigger, *, keep: bool) -> None:
        """Go down and come up again; `keep` lets transactions go on afterwards."""
        self._go_down(stopped, trigger, keep=keep)
        self.boot_reason = boot_reason
        self.restarting_until = self.clock.monotonic() + self.options.boot_s

    # What EVSEs ask and report

    def limit(self, evse: Evse, now: datetime) -> Limit:
        """Return what profiles and hardware allow on an EVSE at this plant time."""
        local = now + timedelta(seconds=self.options.clock_offset_s)
        limit = self.profiles.limit(evse.evse_id, local, self.situation(evse))
        step = self.options.step_a
        current_a = math.floor(limit.current_a / step + 1e-6) * step
        mode = limit.mode if self.options.version is Version.V21 else None
        return Limit(current_a, limit.phases, limit.phase_to_use, mode, limit.taken_back_a)

    def situation(self, evse: Evse | None) -> Situation:
        """Return what of an EVSE matters to its profiles."""
        sharers = sum(1 for each in self.evses.values() if each.energised)
        if evse is None or evse.transaction is None:
            return Situation(sharers=sharers, offline_s=self.offline_s())
        running = evse.transaction
        return Situation(running.transaction_id, running.started, running.priority, sharers, self.offline_s())

    def points(self, variable: str) -> set[str]:
        """Return the items of TxStartPoint or TxStopPoint."""
        return set(self.model.items("TxCtrlr", variable))

    def may_begin(self) -> bool:
        """Tell whether a transaction may begin, which some want only once they are accepted."""
        return self.booted or self.model.flag("TxCtrlr", "TxBeforeAcceptedEnabled")

    def stops_without_cable(self) -> bool:
        """Tell whether pulling the cable ends the permission."""
        return self.model.flag("TxCtrlr", "StopTxOnEVSideDisconnect")

    def status_changed(self, evse: Evse, connector: Connector2) -> None:
        """Send a connector's new status."""
        place = Component("Connector", evse_id=evse.evse_id, connector_id=connector.connector_id)
        self.model.put(place, "AvailabilityState", connector.status)
        self.model.put(Component("EVSE", evse_id=evse.evse_id), "AvailabilityState", connector.status)
        if self.online:
            self.send_status(evse, connector)

    def began(self, evse: Evse, trigger: Trigger) -> None:
        """Begin a transaction."""
        transaction = self.events.started(evse, trigger)
        self.reservations.use_up(evse)
        self._install_profile(evse, transaction)
        tell_needs(self, evse)

    def went_on(self, evse: Evse, trigger: Trigger) -> None:
        """Tell what happened in a transaction."""
        self.reservations.use_up(evse)
        if evse.transaction is not None:
            self._install_profile(evse, evse.transaction)
        self.events.updated(evse, trigger)

    def ended(self, evse: Evse, trigger: Trigger, reason: StoppedReason) -> None:
        """End a transaction and forget its profiles."""
        transaction = evse.transaction
        if transaction is not None:
            self.events.ended(evse, trigger, reason)
            self.profiles.end_transaction(transaction.transaction_id)

    def judged(self, token: Token, judgement: Judgement, evse: Evse, transaction: Transaction2) -> None:
        """Hear what the central system says of a transaction's token; a refused one gets no more energy."""
        now = self.station_time()
        self.memory.remember(token, judgement, now)
        if judgement.accepted(now):
            transaction.group = judgement.group or transaction.group
            return
        if evse.transaction is not transaction:
            return
        if self.model.flag("TxCtrlr", "StopTxOnInvalidId"):
            evse.forbid(Trigger.DEAUTHORIZED, StoppedReason.DEAUTHORIZED, self.clock.monotonic())
        else:
            transaction.refused = True

    # Messages

    def send(self, action: str, payload: Payload, *, asked: bool = False, told: Told | None = None) -> None:
        """Queue a passing message; `asked` lets it out before the station is accepted, `told` hears of the answer."""

        def answered(answer: Payload) -> None:
            del answer
            if told is not None:
                told()

        self.outbox.add(Outgoing(action, lambda: payload, answered, triggered=asked), keep=False)

    def send_status(self, evse: Evse, connector: Connector2, *, asked: bool = False) -> None:
        """Queue the present status of a connector: by NotifyEvent in 2.1, unless StatusNotification is asked for."""
        told = partial(setattr, connector, "told", connector.status)
        if self.options.version is Version.V21 and not asked:
            place = Component("Connector", evse_id=evse.evse_id, connector_id=connector.connector_id)
            self.monitoring.notify(place, "AvailabilityState", connector.status, told=told)
            return
        payload: Payload = {
            "timestamp": timestamp(self.station_time()),
            "connectorStatus": connector.status,
            "evseId": evse.evse_id,
            "connectorId": connector.connector_id,
        }
        self.send("StatusNotification", payload, asked=asked, told=told)

    def boot_notification(self, reason: str | None = None) -> Payload:
        """Return what the station says of itself."""
        options = self.options
        about: Payload = {
            "vendorName": options.vendor,
            "model": options.model,
            "serialNumber": options.serial or options.station_id,
            "firmwareVersion": self.model.text("ChargingStation", "FirmwareVersion"),
        }
        return {"chargingStation": about, "reason": reason or self.boot_reason}

    @property
    def _resumes(self) -> bool:
        return self.options.reboot_transaction is Interruption.RESUMES

    def vend(self, evse: Evse, *, cable_comes: bool = False) -> None:
        """Permit charging with the station's own token, if a cable is in and nobody needs to be asked."""
        waiting = cable_comes or (evse.outlet.plugged and not evse.finished)
        if self.options.start_mode is StartMode.FREE_VEND and waiting and self.powered and evse.free:
            token = Token(self.options.free_vend_token, "Central")
            if cable_comes:
                evse.authorization = Authorization(token, math.inf)
            else:
                evse.permit(Authorization(token, math.inf), self.clock.monotonic())

    def _install_profile(self, evse: Evse, transaction: Transaction2) -> None:
        """Bind the profile of a remote start to the transaction that came of it."""
        authorization = evse.authorization
        if authorization is None or authorization.profile is None:
            return
        profile = authorization.profile.of_transaction(transaction.transaction_id)
        if not any(entry.profile.profile_id == profile.profile_id for entry in self.profiles.installed):
            self.profiles.install(evse.evse_id, profile)
        evse.authorization = authorization.without_profile()

    def _beat(self, monotonic: float) -> None:
        interval_s = self.model.integer("OCPPCommCtrlr", "HeartbeatInterval")
        if self.online and monotonic >= min(self._heartbeat_at, monotonic + interval_s):
            self.send("Heartbeat", {})
            self._heartbeat_at = monotonic + interval_s

    def _go_down(self, reason: StoppedReason, trigger: Trigger, *, keep: bool) -> None:
        self._reset = None
        if reason is StoppedReason.POWER_LOSS:
            self.connected = False
        if not keep:
            for evse in self.evses.values():
                evse.end(trigger, reason)
        self.powered = False
        self.boot_status = ""
        self.boot_at = 0.0
        self.outbox.drop_passing()
        self.wake.set()

    def _power_up(self) -> None:
        self.powered = True
        self.model.boot()
        if self.quirks.loses_profiles_on_reboot:
            self.profiles.installed.clear()
        for evse in self.evses.values():
            if evse.transaction is not None:
                newer = self.options.version is Version.V21
                self.events.updated(evse, Trigger.TX_RESUMED if newer else Trigger.ABNORMAL_CONDITION)
            evse.finished = False
            self.vend(evse)

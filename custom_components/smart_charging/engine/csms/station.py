"""One charging station: what is known of it, what may be asked of it, and the limit it is kept at."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ..config import StationConfig
from ..model import EvseStatus, Json, MeterValue
from .commands import CommandError, CommandErrorCode
from .composite import CompositeSchedule, parse_composite
from .connection import Connection
from .core import EventListener, StationCore, Surroundings
from .operations import Operations
from .quirks import Quirks
from .raw_calls import RawAnswer, RawCalls
from .reception import Reception
from .reconciler import Reconciler
from .rpc import OCPP16
from .set_points import check_setpoint, most_given_w
from .setup import StationSetup
from .state import Capabilities, RateUnit, StationEvent, StationEventType, StationState
from .station_access import StationAccess
from .station_watch import StationWatch
from .transactions import TransactionBook
from .transfers import Received
from .version import Version, speak

__all__ = ["CommandError", "CommandErrorCode", "CompositeSchedule", "Station"]

BOOT_WAIT_S = 10.0
RESET_WAIT_S = 120.0
SCHEDULE_S = 30.0  # limits that were asked for again within this time were written already
# After these another transaction may be bound, which asks for another profile.
_MOVES_LIMITS = frozenset(
    {StationEventType.TRANSACTION_STARTED, StationEventType.TRANSACTION_ENDED, StationEventType.CHANGED}
)


class Station:
    """A configured station, connected or not; made and ended by the central system."""

    def __init__(self, config: StationConfig, around: Surroundings, listener: EventListener) -> None:
        """Begin disconnected; `start` reads what was learnt before."""
        self._listener = listener
        self._core = StationCore(config, around, self._tell)
        self.access = StationAccess(self._core)
        self._watch = StationWatch(self._core, lambda: self._set_up)
        self._book = TransactionBook(self._core)
        self._heard = asyncio.Event()
        self._reception = Reception(self._core, self._book, self)
        self._reconciler = Reconciler(self._core, self._reception.expect_tag)
        self._raw_calls = RawCalls(self._core, self._reconciler)
        self._wanted_at = float("-inf")
        self._versions: dict[str, Version] = {}
        self._speak(OCPP16)
        self._set_up = False
        self._ready = asyncio.Event()
        self._bring_up_task: asyncio.Task[None] | None = None

    def _speak(self, protocol: str) -> None:
        """Use the adapters of the version that the station speaks from now on."""
        if protocol not in self._versions:
            self._versions[protocol] = speak(protocol, self._core, self._book, self._reception)
        version = self._versions[protocol]
        self.handler, self._core.commands = version.handler, version.commands
        self._operations = version.operations
        self._setup = StationSetup(self._core, self._reception, self._reconciler, version)

    @property
    def config(self) -> StationConfig:
        """Return the configuration in force."""
        return self._core.config

    @property
    def state(self) -> StationState:
        """Return what is known of the station now."""
        return self._core.state

    @property
    def quirks(self) -> Quirks:
        """Return what is done differently for this kind of station."""
        return self._core.quirks

    @property
    def connection(self) -> Connection | None:
        """Return the socket that serves the station."""
        return self._core.connection

    def _tell(self, event: StationEvent) -> None:
        self._listener(event)
        if event.type in _MOVES_LIMITS:
            self._reconciler.wake()

    def set_limit(self, evse_id: int, current_a: float, safe_a: float, phases: int | None = None) -> None:
        """Set the limit an EVSE shall hold, in A per phase, and what it falls to without us.

        This is a wish: it is written in the way the station takes, renewed, verified and written again
        after boot, reconnect and transaction start. Values below the minimum count as 0.
        `phases` 1 or 3 is told to a station of three phases (`numberPhases`), None leaves it to its
        wiring; ValueError for others. `AppliedLimit.phases` tells what it took, `Capabilities.switches_phases` False
        that it follows no number of phases: a limit meant for one phase is then no more than the safe current.
        """
        if phases not in {None, 1, 3}:
            raise ValueError(f"a station uses 1 or 3 phases, not {phases}")
        self._reconciler.set_limit(evse_id, current_a, safe_a, phases)

    def release(self, evse_id: int) -> None:
        """Wish nothing of an EVSE any more: no limit is written, renewed or cleared until the next `set_limit`.

        What was written ends with its lease; then the safe default holds, as far as it was written.
        """
        self._reconciler.let_go(evse_id)

    @property
    def operations(self) -> Operations:
        """Return what may be asked of the station beside charging, in the version it spoke last."""
        return self._operations

    async def call(self, action: str, payload: Mapping[str, Json]) -> RawAnswer:
        """Send any message of the station's version; see `RawCalls.call`. Our limits are made to hold again."""
        return await self._raw_calls.call(action, payload, self._operations.variables)

    async def start_transaction(self, evse_id: int, id_token: str, profile: Mapping[str, Json] | None = None) -> None:
        """Ask for a transaction with this tag, or the only one that the station takes; raises CommandError.

        `profile` is a TxProfile that leads it from its beginning.
        """
        tag, longest = self._core.start_tag or id_token, self.quirks.longest_tag
        if longest is not None and len(tag) > longest:
            raise CommandError(CommandErrorCode.FAILED, f"a tag has at most {longest} characters here")
        if self.quirks.reset_from_finishing and self._core.evse(evse_id).status is EvseStatus.FINISHING:
            await self._reset_and_wait()
        self._reception.expect_tag(tag)
        await self._core.commands.start_transaction(evse_id, tag, profile)

    async def _reset_and_wait(self) -> None:
        """Bring a station back to where it takes a start; raises CommandError."""
        self._ready.clear()
        await self._core.commands.reset(hard=False)
        try:
            async with self._core.clock.timeout(RESET_WAIT_S):
                await self._ready.wait()
        except TimeoutError:
            raise CommandError(CommandErrorCode.TIMEOUT, "the station did not come back from its reset") from None

    async def set_setpoint(self, evse_id: int, power_w: float, duration_s: float) -> None:
        """Have the car at an EVSE take this power, or give it where it is negative, in W of all phases (OCPP 2.1).

        It goes out within the EVSE's limit, never above it, and ends with its time, its transaction or
        `withdraw_setpoint`. Raises CommandError: NOT_SUPPORTED where station or car can't, INVALID beyond what they told
        or above the limit that holds now, NO_TRANSACTION where nobody charges.
        """
        running = self._book.running_id(evse_id)
        if running is None:
            raise CommandError(CommandErrorCode.NO_TRANSACTION, str(evse_id))
        check_setpoint(self._core, evse_id, power_w)
        keeper = self._reconciler.keeper(evse_id)
        if keeper.released:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "the site only observes")
        taken = keeper.set_points.order(power_w, duration_s, running)
        self._reconciler.write_again(evse_id)
        await keeper.set_points.wait_for(taken)

    def most_given_w(self, evse_id: int) -> float:
        """Return how much the car at an EVSE can give back, in W of all phases; 0 where car or station can't."""
        return most_given_w(self._core, evse_id)

    def lead_setpoint(self, evse_id: int, power_w: float | None) -> None:
        """Have a car give or take this power as long as this is repeated, None for its limit alone; a wish, as a limit."""
        self._reconciler.lead(evse_id, power_w, self._book.running_id(evse_id))

    def withdraw_setpoint(self, evse_id: int) -> bool:
        """End an EVSE's set-point: its limit holds alone again. False where there was none."""
        return self._reconciler.withdraw(evse_id)

    async def stop_transaction(self, evse_id: int) -> None:
        """Ask for the end of the EVSE's transaction; raises CommandError."""
        transaction_id = self._book.running_id(evse_id)
        if transaction_id is None:
            raise CommandError(CommandErrorCode.NO_TRANSACTION, str(evse_id))
        await self._core.commands.stop_transaction(transaction_id)

    async def change_availability(self, evse_id: int, operative: bool, connector_id: int | None = None) -> None:
        """Enable or disable an EVSE, 0 for the whole station, also over restarts; raises CommandError.

        `EvseState.operative` tells what was ordered: a station that charges carries it out later. An order to
        one connector of OCPP 2 lies with the station alone.
        """
        await self._core.commands.change_availability(evse_id, operative=operative, connector_id=connector_id)
        if connector_id is not None and self._core.state.protocol != OCPP16:
            return
        disabled = self._core.learnt.inoperative
        if operative:
            disabled = frozenset() if evse_id == 0 else disabled - {evse_id, 0}
        else:
            disabled |= {evse_id}
        await self._core.learn(replace(self._core.learnt, inoperative=disabled))
        for each in sorted(self.state.evses) if evse_id == 0 else [evse_id]:
            self._core.change_evse(each, operative=operative)
        self._core.emit(StationEventType.CHANGED, evse_id or None)

    async def reset(self, hard: bool, evse_id: int | None = None) -> None:
        """Restart the station, or one EVSE of it in OCPP 2, at once if `hard`; raises CommandError."""
        await self._core.commands.reset(hard=hard, evse_id=evse_id)

    async def unlock(self, evse_id: int, connector_id: int = 1) -> None:
        """Release the cable of a connector; raises CommandError."""
        await self._core.commands.unlock(evse_id, connector_id)

    async def trigger(self, message: str, evse_id: int | None = None, connector_id: int | None = None) -> None:
        """Make the station send a message; raises CommandError."""
        if message == "StatusNotification":
            self._reception.expect_status()
        await self._core.commands.trigger(message, evse_id, connector_id)

    async def get_configuration(self, keys: Sequence[str] = ()) -> dict[str, str | None]:
        """Read configuration keys, all without any named; raises CommandError."""
        return (await self._core.commands.get_configuration(keys)).as_dict()

    async def change_configuration(self, key: str, value: str) -> None:
        """Set a configuration key, perhaps only from the next reboot on; raises CommandError."""
        await self._core.commands.change_configuration(key, value)

    async def clear_cache(self) -> None:
        """Empty the station's authorisation cache; raises CommandError."""
        await self._core.commands.clear_cache()

    async def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
        """Send a vendor's own message and return its data; raises CommandError."""
        return await self._core.commands.data_transfer(vendor_id, message_id, data)

    async def get_composite_schedule(
        self, evse_id: int, duration_s: int, unit: RateUnit | None = None
    ) -> CompositeSchedule:
        """Ask what limits the station will apply, in its own unit if none is named; raises CommandError."""
        answer = await self._core.commands.get_composite_schedule(evse_id, duration_s, unit and unit.value)
        return parse_composite(answer, self._core.wiring)

    async def clear_charging_profiles(self) -> None:
        """Remove every charging profile of the station and write ours again; raises CommandError."""
        await self._core.commands.clear_charging_profile()
        self._reconciler.reassert(booted=True)

    async def forget_learnt(self) -> None:
        """Learn anew what was found out by trying, now or once the station is back.

        Ids of profiles, what the user disabled, passwords and what the station proved stay.
        """
        core = self._core
        await core.learn(core.learnt.unlearnt())
        core.change(capabilities=Capabilities())
        self._set_up = False
        if core.connection is None:
            core.emit(StationEventType.CHANGED)
        else:
            self.booted()

    async def start(self) -> None:
        """Read what was learnt before and begin to work; raises StoreError."""
        await self._core.load_learnt()
        await self.access.follow()
        await self._book.load()
        self._operations.reservations.resume()
        self._core.spawn(self._reconciler.run(), "reconciler")
        self._watch.start()

    async def stop(self) -> None:
        """End all work; the socket is the central system's to close."""
        self._reconciler.hold_back()
        await self._core.cancel_tasks()

    async def update(self, config: StationConfig) -> None:
        """Work with another configuration from now on."""
        before = self._core.config
        self._core.config = config
        await self.access.follow(before)
        self._reception.rewire()
        self._reconciler.reassert(booted=False)
        self._core.emit(StationEventType.CHANGED)

    async def pass_on(self, action: str, payload: Mapping[str, Json], timeout_s: float) -> dict[str, Json]:
        """Send a message of a second central system as it is; raises CommandError."""
        return await self._core.call(action, payload, timeout_s=timeout_s)

    async def take_back_profiles(self) -> None:
        """Remove the charging profiles we installed, as far as the station can be reached."""
        self._stop_bringing_up()
        self._reconciler.hold_back()
        for profile_id in sorted(self._core.learnt.profile_ids):
            try:
                await self._core.commands.clear_charging_profile(profile_id)
            except CommandError as error:
                if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                    return

    async def attach(self, connection: Connection, boot: dict[str, Json] | None = None) -> None:
        """Be served by this socket; `boot` is what the station told before it was known. Raises StoreError."""
        core = self._core
        self._stop_bringing_up()
        self._reconciler.hold_back()
        await self._book.load()
        await self.access.logged_in(connection.info)
        now = core.clock.now()
        if connection.protocol != core.state.protocol:
            self._set_up = self._set_up and core.state.protocol is None
            self._speak(connection.protocol)
        core.connection = connection
        core.change(connected=True, connected_since=now, last_seen=now, protocol=connection.protocol)
        core.recognise()
        if boot is not None:
            self.handler.take_boot(boot)
        self._heard.clear()
        core.emit(StationEventType.CONNECTED)
        self._bring_up_task = core.spawn(self._bring_up(adopted=boot is not None), "bring-up")

    def detach(self, connection: Connection) -> None:
        """Take note of a socket's end; that of an older one changes nothing."""
        core = self._core
        if core.connection is not connection:
            return
        self._reception.show_held()
        core.connection = None
        self._stop_bringing_up()
        self._reconciler.disconnected()
        self._book.disconnected()
        core.change(connected=False)
        core.emit(StationEventType.DISCONNECTED)

    def received(self, file: Received) -> None:
        """Tell that a file of the station arrived whole."""
        details = {"transfer": file.transfer_id, "kind": file.kind.value, "size": file.size, "sha256": file.sha256}
        self._reception.notices.tell(StationEventType.FILE_RECEIVED, {**details, "file": file.path.name})

    def heard(self) -> None:
        """Take note that the station sends messages: it does not wait to be booted."""
        self._heard.set()

    def measured(self, evse_id: int) -> None:
        """Compare the newest measurement with the limit."""
        self._reconciler.measured(evse_id)

    def measured_late(self, evse_id: int, values: Sequence[MeterValue]) -> None:
        """Learn from what flowed while the station was out of reach."""
        self._reconciler.measured_late(evse_id, values)

    def schedule_wanted(self, evse_id: int) -> bool:
        """Write the limits of an EVSE that charges anew, where there are some."""
        if self._book.running_id(evse_id) is None or self._reconciler.keeper(evse_id).released:
            return False
        now = self._core.clock.monotonic()
        if now - self._wanted_at >= SCHEDULE_S:
            self._wanted_at = now
            self._reconciler.reassert(booted=False)
        return True

    def live_numbers(self, number: int) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where that is none of ours."""
        return self._reconciler.live_numbers(number)

    def booted(self) -> None:
        """Set the station up anew after its reply went out."""
        self._reconciler.hold_back()
        self._reconciler.reassert(booted=True)
        self._stop_bringing_up()
        self._bring_up_task = self._core.spawn(self._run_setup(), "set-up")

    async def _bring_up(self, *, adopted: bool) -> None:
        """Set the station up without a boot of its own, asking for one only where none was seen by us."""
        if not adopted:
            with suppress(TimeoutError):
                async with self._core.clock.timeout(BOOT_WAIT_S):
                    await self._wait_for_talk()
        if self._set_up or self._core.learnt.profile_ids:
            self._reconciler.reassert(booted=False)
            await self._setup.refresh()
        if not self._set_up:
            with suppress(CommandError):
                await self._core.commands.trigger("BootNotification")
                await self._core.clock.sleep(BOOT_WAIT_S)
            await self._run_setup()

    async def _wait_for_talk(self) -> None:
        """Wait until a station that we know shows that it means to send no BootNotification."""
        if self._set_up or self._core.learnt.profile_ids:
            await self._heard.wait()
        else:
            await asyncio.Event().wait()

    async def _run_setup(self) -> None:
        await self._setup.run()
        self._set_up = True
        self._ready.set()

    def _stop_bringing_up(self) -> None:
        if self._bring_up_task is not None:
            self._bring_up_task.cancel()
            self._bring_up_task = None

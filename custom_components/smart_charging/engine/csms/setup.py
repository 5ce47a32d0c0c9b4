"""Sets a station up after it booted or dialled in: independent steps, a failing one hurts no other."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from .capabilities import Configuration
from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .payloads import MAX_CONNECTORS
from .reception import Reception
from .reconciler import Reconciler
from .state import SetupStep, StationEventType, StepStatus
from .version import Version

METER_INTERVALS_S = (10, 30, 60)  # the first is wanted; some stations take no less than the others
# What control and ledger use. More is never asked for: some stations accept all there is and then crash.
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Current.Offered",
    "Voltage",
)
GIVEN_MEASURANDS = ("Power.Active.Export", "Energy.Active.Export.Register")  # where cars can give energy back
_WITHOUT_OFFER = tuple(name for name in MEASURANDS if name != "Current.Offered")

type _Step = Callable[[], Awaitable[str]]


class Skipped(Exception):
    """A step that has nothing to do, and why."""


class StationSetup:
    """The list of steps for one station."""

    def __init__(self, core: StationCore, reception: Reception, reconciler: Reconciler, version: Version) -> None:
        """Take the parts that the steps touch; `version` names the settings."""
        self._core = core
        self._reception = reception
        self._reconciler = reconciler
        self._settings = version.settings
        self._configuration: Configuration | None = None

    async def run(self) -> None:
        """Do all steps; limits are sent as soon as it is known how to write them."""
        await self._learn_firmware()
        reading: tuple[tuple[str, _Step], ...] = (("capabilities", self._read_capabilities),)
        limiting: tuple[tuple[str, _Step], ...] = (
            ("foreign_profiles", self._clear_foreign_profiles),
            ("safe_default", self._write_safe_default),
        )
        known = (*limiting, *reading) if self._settings.told_at_length else (*reading, *limiting)
        steps: tuple[tuple[str, _Step], ...] = (
            *known,
            ("statuses", self._trigger_statuses),
            ("meter_interval", self._set_meter_interval),
            ("measurands", self._set_measurands),
            ("availability", self._restore_availability),
            ("meter_values", self._trigger_meter_values),
        )
        if self._core.quirks.settings:
            steps = (*steps, ("settings", self._write_settings))
        self._core.change(setup=tuple(SetupStep(name, StepStatus.PENDING) for name, _ in steps))
        for name, step in steps:
            self._note(await _outcome(name, step))
            if name == known[-1][0]:
                self._reconciler.release()

    async def refresh(self) -> None:
        """Ask only for what may have changed while the station was away."""
        self._reconciler.release()
        for name, step in (("statuses", self._trigger_statuses), ("meter_values", self._trigger_meter_values)):
            self._note(await _outcome(name, step))

    def _note(self, done: SetupStep) -> None:
        steps = tuple(done if step.name == done.name else step for step in self._core.state.setup)
        self._core.change(setup=steps)
        self._core.emit(StationEventType.CHANGED)

    async def _learn_firmware(self) -> None:
        core = self._core
        known = core.learnt.for_firmware(core.state.firmware_version or core.learnt.firmware)
        if core.state.vendor is not None or core.state.model is not None:
            known = replace(known, vendor=core.state.vendor, model=core.state.model)
        changed = known.firmware != core.learnt.firmware
        if changed:
            core.change(capabilities=known.shown())
        await core.learn(known)
        if changed:
            self._reconciler.reassert(booted=True)  # what worked before may not any more

    async def _read_capabilities(self) -> str:
        commands = self._core.commands
        configuration = await commands.get_configuration()
        missing = [key for key in self._needed_keys() if configuration.get(key) is None]
        if missing:  # the answer may be cut at GetConfigurationMaxKeys
            allowed = configuration.integer(self._settings.most_at_once) or len(missing)
            try:
                rest = await commands.get_configuration(missing[:allowed])
            except CommandError:
                rest = Configuration(())
            configuration = configuration.joined(rest)
        self._configuration = configuration
        tag_key = self._core.quirks.start_tag_key
        self._core.start_tag = None if tag_key is None else configuration.text(tag_key) or None
        await self._take_capabilities(configuration)
        if not len(configuration):
            raise CommandError(CommandErrorCode.FAILED, "no configuration key was told")
        return f"{len(configuration)} keys"

    def _needed_keys(self) -> list[str]:
        """Return the settings that are asked for by name where the station does not tell them by itself."""
        quirks = self._core.quirks
        keys = [
            key for key in self._settings.needed if not (quirks.measurands_unread and key == self._settings.measurands)
        ]
        if quirks.start_tag_key is not None:
            keys.append(quirks.start_tag_key)
        return keys + [key for key, _ in quirks.settings]

    async def _take_capabilities(self, configuration: Configuration) -> None:
        core = self._core
        capabilities = self._settings.read_capabilities(configuration, core.state.capabilities)
        core.change(capabilities=capabilities)
        for evse_id in range(1, min(capabilities.connectors or 1, MAX_CONNECTORS) + 1):
            if evse_id not in core.state.evses:
                core.change_evse(evse_id)
        await core.learn(replace(core.learnt, capabilities=capabilities))

    async def _clear_foreign_profiles(self) -> str:
        """Remove profiles that another central system left: they would lie over ours, or forbid them."""
        core = self._core
        found = await core.commands.installed_profiles()
        if found is None:
            raise Skipped("the version has no read-back")
        foreign = sorted(found - core.learnt.profile_ids)
        for number in foreign:
            await core.commands.clear_charging_profile(number)
        if not foreign:
            raise Skipped("none")
        return f"{len(foreign)} removed"

    async def _write_safe_default(self) -> str:
        async def write(evse_id: int) -> None:
            keeper = self._reconciler.keeper(evse_id)
            if not keeper.released and not keeper.default.is_written(keeper.safe_a):
                await keeper.write_default()

        return await self._for_each_evse(write)

    async def _trigger_statuses(self) -> str:
        self._reception.expect_status()
        try:
            await self._core.commands.trigger("StatusNotification")
        except CommandError as error:
            if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                raise
            # Some answer for one connector only.
            return await self._for_each_evse(lambda evse_id: self._core.commands.trigger("StatusNotification", evse_id))
        return ""

    async def _set_meter_interval(self) -> str:
        current = self._read(self._settings.interval)
        least_s = self._core.quirks.meter_interval_s
        wanted = max(METER_INTERVALS_S[0], least_s)
        if current.text == str(wanted):
            raise Skipped(f"{wanted} s")
        current.refuse_readonly()
        intervals = dict.fromkeys(max(seconds, least_s) for seconds in METER_INTERVALS_S)
        choices = [seconds for seconds in intervals if current.number in {None, 0} or seconds < current.number]
        return await self._write_first(self._settings.interval, [str(seconds) for seconds in choices or [wanted]])

    async def _set_measurands(self) -> str:
        known = self._core.quirks.measurands
        if known:
            return await self._set_known_measurands(known)
        current = self._read(self._settings.measurands)
        have = {name.lower() for name in current.words}
        given = GIVEN_MEASURANDS if self._core.state.capabilities.two_way else ()
        if have.issuperset(name.lower() for name in (*MEASURANDS, *given)):
            raise Skipped(current.text or "")
        if self._core.learnt.measurands_written and (not given or have.intersection(name.lower() for name in given)):
            raise Skipped("as accepted before")
        current.refuse_readonly()
        kept = tuple(name for name in current.words if name.lower() == "soc")  # told by a few: the car's charge
        plain = (MEASURANDS, _WITHOUT_OFFER, MEASURANDS[:3], MEASURANDS[:1])
        wanted = [(*MEASURANDS, *given), (*MEASURANDS, *given[:1]), *plain] if given else [*plain]
        choices = [(*names, *kept) for names in wanted]
        taken = await self._write_first(self._settings.measurands, [",".join(names) for names in choices])
        await self._keep_measurands(taken)
        return taken

    async def _set_known_measurands(self, names: Sequence[str]) -> str:
        """Write what this kind of station can do once per firmware, whether or not it tells what it has."""
        wanted = ",".join(names)
        told = self._configuration.words(self._settings.measurands) if self._configuration is not None else ()
        if self._core.learnt.measurands_written or {name.lower() for name in told} == {name.lower() for name in names}:
            raise Skipped(wanted)
        await self._core.commands.change_configuration(self._settings.measurands, wanted)
        await self._keep_measurands(wanted)
        return wanted

    async def _keep_measurands(self, taken: str) -> None:
        core = self._core
        core.change(capabilities=replace(core.state.capabilities, measurands=frozenset(taken.split(","))))
        await core.learn(replace(core.learnt, measurands_written=True, capabilities=core.state.capabilities))

    async def _write_settings(self) -> str:
        """Write what this kind of station needs to be set to and is not."""
        written = []
        for key, value in self._core.quirks.settings:
            entry = None if self._configuration is None else self._configuration.get(key)
            if entry is not None and (entry.readonly or (entry.value or "").strip().lower() == value.lower()):
                continue
            await self._core.commands.change_configuration(key, value)
            written.append(key)
        if not written:
            raise Skipped("set already, or read-only")
        return ", ".join(written)

    def _read(self, key: str) -> _Current:
        """Return what a key is set to; nothing is written that could not be read."""
        configuration = self._configuration
        if configuration is None or configuration.get(key) is None:
            raise Skipped("the station does not tell its configuration")
        return _Current(configuration, key)

    async def _write_first(self, key: str, values: Sequence[str]) -> str:
        """Write the first value that the station takes; raises CommandError."""
        refusal: CommandError | None = None
        for value in values:
            try:
                await self._core.commands.change_configuration(key, value)
            except CommandError as error:
                if error.code is not CommandErrorCode.REJECTED:
                    raise
                refusal = refusal or error
                continue
            return value
        raise refusal or CommandError(CommandErrorCode.REJECTED, key)

    async def _restore_availability(self) -> str:
        """Enable what is disabled without the user's wish, and disable what he wants disabled."""
        core = self._core
        if core.quirks.no_change_availability:
            raise Skipped("the station can't be enabled or disabled")
        disabled = core.learnt.inoperative
        for evse_id in sorted(disabled):
            await core.commands.change_availability(evse_id, operative=False)
        if disabled:
            return "disabled"
        if all(evse.operative for evse in core.state.evses.values()):
            raise Skipped("operative")
        await core.commands.change_availability(0, operative=True)
        return "enabled"

    async def _trigger_meter_values(self) -> str:
        return await self._for_each_evse(lambda evse_id: self._core.commands.trigger("MeterValues", evse_id))

    async def _for_each_evse(self, work: Callable[[int], Awaitable[None]]) -> str:
        """Do the same for each EVSE; one that fails hurts no other. Raises CommandError."""
        refusal: CommandError | None = None
        for evse_id in sorted(self._core.state.evses):
            try:
                await work(evse_id)
            except CommandError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        return ""


class _Current:
    """What one configuration key is set to."""

    def __init__(self, configuration: Configuration, key: str) -> None:
        entry = configuration.get(key)
        self._readonly = entry is not None and entry.readonly
        self.text = configuration.text(key)
        self.number = configuration.integer(key)
        self.words = configuration.words(key)

    def refuse_readonly(self) -> None:
        if self._readonly:
            raise Skipped(f"read-only: {self.text}")


async def _outcome(name: str, step: _Step) -> SetupStep:
    try:
        return SetupStep(name, StepStatus.DONE, await step())
    except Skipped as reason:
        return SetupStep(name, StepStatus.SKIPPED, str(reason))
    except CommandError as error:
        return SetupStep(name, StepStatus.FAILED, str(error))

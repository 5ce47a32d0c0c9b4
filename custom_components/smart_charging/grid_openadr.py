"""Sources of grid signals that are OpenADR 3 servers: polled, kept over a restart, and told of when they are lost."""

import asyncio
import random
from typing import TYPE_CHECKING, Final, cast

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_URL
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.requirements import RequirementsNotFound

from .const import CONF_PROGRAM_NAME, CONF_RESOURCES, CONF_VEN_NAME, DOMAIN, LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.clock import SystemClock
from .engine.grid.openadr_memory import VenMemory, memory_from_json
from .engine.grid.openadr_values import Series
from .engine.grid.signal import GridSignal
from .engine.grid.source import SignalsStated, SourceEvent, SourceHeard, SourceUnavailable
from .engine.lasting_value import LastingValue
from .engine.model import Json, StoreError
from .grid_entity_inputs import Tell
from .openadr_figures import OpenAdrFigures
from .openadr_issues import OpenAdrIssues
from .openadr_library import async_install
from .openadr_settings import ven_config

if TYPE_CHECKING:
    from .engine.grid.openadr_runner import VenRunner
    from .engine.grid.openadr_ven import VenState

FIRST_RETRY_S: Final = 60.0  # of an installation that failed
LONGEST_RETRY_S: Final = 3600.0


class OpenAdrInput:
    """Hears one server. `async_load` comes before anything else."""

    def __init__(
        self, hass: HomeAssistant, entry: SmartChargingConfigEntry, subentry: ConfigSubentry, on_series: CALLBACK_TYPE
    ) -> None:
        """Ask nothing yet. `on_series` is called when other prices or GHG are announced."""
        self._hass = hass
        self._entry = entry
        self._subentry = subentry
        self._on_series = on_series
        self._clock = SystemClock()
        self._config = ven_config(hass, entry, subentry.data, subentry.subentry_id)
        self._memory = LastingValue(entry.runtime_data.ledger, self._clock, f"openadr_{subentry.subentry_id}")
        self._issues = OpenAdrIssues(hass, entry, subentry)
        self._runner: VenRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._tell: Tell = _tell_nobody
        self._said: tuple[tuple[GridSignal, ...], tuple[GridSignal, ...]] | None = None
        self._kept: Json = None
        self.series: tuple[Series, ...] = ()

    @property
    def is_current(self) -> bool:
        """Return whether it is still who it was made as, after chargers may have changed."""
        data, source_id = self._subentry.data, self._subentry.subentry_id
        return ven_config(self._hass, self._entry, data, source_id) == self._config

    @property
    def was_asked(self) -> bool:
        """Return whether the server was asked since the start, so that what it does not announce is known to be none."""
        return self._runner is not None and self._runner.state().last_attempt is not None

    async def async_load(self) -> None:
        """Take up what the server said before a restart; raises StoreError."""
        memory = self._remembered(await self._memory.load())
        make = await self._hass.async_add_import_executor_job(_runner)
        self._runner = make(
            self._config,
            self._clock,
            random.random,
            self._changed,
            memory=memory,
            figures=OpenAdrFigures(self._hass, self._entry, self._subentry.data.get(CONF_RESOURCES, {})),
            run_blocking=self._hass.async_add_executor_job,
        )

    def first(self) -> tuple[SourceEvent, ...]:
        """Return the server's last word and its fail-safe, as old as they are: one that is lost by that holds it at once."""
        state = self._running.state()
        if state.last_heard is None:
            return ()
        self._said = state.reading.signals, state.reading.failsafe
        return (SignalsStated(self._subentry.subentry_id, state.last_heard, *self._said),)

    @callback
    def async_start(self, tell: Tell) -> None:
        """Poll from now on, once the library is there."""
        self._tell = tell
        self._task = self._entry.async_create_background_task(self._hass, self._async_run(), f"{DOMAIN} OpenADR")

    async def async_stop(self) -> None:
        """Poll no more, and keep what is known."""
        self._tell = _tell_nobody
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._runner is not None:
            await self._runner.stop()
        self._issues.async_clear()
        await self._async_flush()

    async def async_forget(self) -> None:
        """Keep nothing of a server that was removed."""
        self._memory.put(None)
        await self._async_flush()

    def told(self) -> dict[str, object]:
        """Return what diagnostics tell: how it stands with the server, without what it said in words."""
        state = self._running.state()
        reading = state.reading
        return {
            "problem": state.problem,
            "failures": state.failures,
            "lost": state.lost,
            "last_heard": state.last_heard,
            "last_attempt": state.last_attempt,
            "next_attempt": state.next_attempt,
            "registration": state.registration,
            "notifications": self._running.notifications,
            "reports_sent": state.reports_sent,
            "report_problem": state.report_problem,
            "events": reading.events,
            "signals": len(reading.signals),
            "failsafe": len(reading.failsafe),
            "series": sorted({one.kind.value for one in reading.series}),
            "refused": {reason.value: number for reason, number in reading.refused.items()},
            "not_understood": reading.not_understood,
            "not_ours": reading.not_ours,
        }

    @property
    def _running(self) -> VenRunner:
        assert self._runner is not None  # `async_load` comes first
        return self._runner

    async def _async_run(self) -> None:
        """Have the library, then poll; keep what is said, until cancelled."""
        await self._async_installed()
        self._running.start()
        await self._memory.run()

    async def _async_installed(self) -> None:
        """Wait until the library is there; a failure is shown, and tried again with growing patience."""
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await async_install(self._hass)
            except RequirementsNotFound as err:
                if wait_s == FIRST_RETRY_S:
                    LOGGER.warning("What OpenADR needs could not be installed, it is tried again: %s", err)
                self._issues.async_not_installed()
                await self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            else:
                self._issues.async_clear()
                return

    @callback
    def _changed(self, state: VenState) -> None:
        """Hand on what a poll brought, or that the server became lost."""
        source_id = self._subentry.subentry_id
        said = state.reading.signals, state.reading.failsafe
        self._keep()
        if state.problem is None and state.last_heard is not None:
            event: SourceEvent = SourceHeard(source_id, state.last_heard)
            if said != self._said:
                event = SignalsStated(source_id, state.last_heard, *said)
            self._said = said
            self._tell(event)
        elif state.lost:
            self._tell(SourceUnavailable(source_id, self._clock.now()))
        self._issues.async_show(state)
        if state.series() != self.series:
            self.series = state.series()
            self._on_series()

    def _keep(self) -> None:
        """Have the server's word kept: soon where it changed, else when something is written anyway."""
        memory = self._running.memory()
        if memory is None:
            return
        kept = _json(memory)
        word = {key: value for key, value in kept.items() if key != "last_heard"}
        self._memory.put({"server": self._server, "memory": kept}, soon=word != self._kept)
        self._kept = word

    def _remembered(self, kept: Json) -> VenMemory | None:
        """Return what was kept of this server; what another one said is not taken for its word."""
        if not isinstance(kept, dict) or kept.get("server") != self._server:
            return None
        return memory_from_json(kept.get("memory"))

    @property
    def _server(self) -> Json:
        data = self._subentry.data
        return [data[CONF_URL], data[CONF_VEN_NAME], data.get(CONF_PROGRAM_NAME)]

    async def _async_flush(self) -> None:
        try:
            await self._memory.flush()
        except StoreError as err:
            LOGGER.warning("What the OpenADR server %s said could not be kept: %s", self._subentry.title, err)


def _tell_nobody(*_events: SourceEvent) -> None:
    """Drop what a poll brings that was under way at the end."""


def _json(memory: VenMemory) -> dict[str, Json]:
    return cast("dict[str, Json]", memory.to_json())  # all in it was read from JSON


def _runner() -> type[VenRunner]:
    from .engine.grid.openadr_runner import VenRunner  # noqa: PLC0415 - loaded where a server is set up

    return VenRunner

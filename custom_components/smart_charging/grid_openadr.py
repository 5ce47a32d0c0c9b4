"""Sources of grid signals that are OpenADR 3 servers: polled, kept over a restart, and told of when they are lost."""

import asyncio
import random
from typing import TYPE_CHECKING, Final

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
from .engine.grid.source import SignalsRemembered, SignalsStated, SourceEvent, SourceHeard, SourceUnavailable
from .engine.lasting_value import LastingValue
from .engine.model import Json, StoreError
from .grid_entity_inputs import Tell
from .openadr_figures import OpenAdrFigures
from .openadr_issues import OpenAdrIssues
from .openadr_library import async_install
from .openadr_settings import ven_config

if TYPE_CHECKING:
    from .engine.grid.openadr_runner import VenRunner
    from .engine.grid.openadr_ven import Ven, VenState

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
        self._stated = False  # what was said last was heard since the start
        self._kept_word: str | None = None
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
        kept = await self._memory.load()
        make_ven, make_runner = await self._hass.async_add_import_executor_job(_parts)
        # A month of quarter hours takes its time to be read.
        ven = await self._hass.async_add_executor_job(
            lambda: make_ven(self._config, self._clock, random.random, self._remembered(kept))
        )
        self._runner = make_runner(
            ven,
            self._config,
            self._clock,
            self._changed,
            figures=OpenAdrFigures(self._hass, self._entry, self._subentry.data.get(CONF_RESOURCES, {})),
            run_blocking=self._hass.async_add_executor_job,
        )

    def first(self) -> tuple[SourceEvent, ...]:
        """Return the server's last word and its fail-safe, as old as they are: one that is lost by that holds it at once."""
        return self._news(self._running.state())

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
            "polling": self._running.is_polling,
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
        self._keep()
        if state.last_attempt is not None and state.problem is None and not state.lost:
            self._tell(self._heard(state))
        else:
            away = (SourceUnavailable(self._subentry.subentry_id, self._clock.now()),) if state.lost else ()
            self._tell(*self._news(state), *away)
        self._issues.async_show(state)
        if state.series() != self.series:
            self.series = state.series()
            self._on_series()

    def _heard(self, state: VenState) -> SourceEvent:
        """Return that the server was heard, with what it says where that is another word."""
        assert state.last_heard is not None  # of a poll that went well
        source_id, before = self._subentry.subentry_id, self._said if self._stated else None
        self._said, self._stated = (state.ahead.signals, state.reading.failsafe), True
        if self._said == before:
            return SourceHeard(source_id, state.last_heard)
        return SignalsStated(source_id, state.last_heard, *self._said)

    def _news(self, state: VenState) -> tuple[SourceEvent, ...]:
        """Return what holds or comes next by the last word of a server that is not heard, where that is to be told."""
        said = state.ahead.signals, state.reading.failsafe
        if state.last_heard is None or said == self._said:
            return ()
        self._said, self._stated = said, False
        return (SignalsRemembered(self._subentry.subentry_id, state.last_heard, *said, complete=state.complete),)

    def _keep(self) -> None:
        """Have the server's word kept: soon where it changed, else when something is written anyway."""
        kept = self._running.kept()
        if kept is None:
            return
        self._memory.put({"server": self._server, "memory": dict(kept)}, soon=kept["word"] != self._kept_word)
        self._kept_word = kept["word"]

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


def _parts() -> tuple[type[Ven], type[VenRunner]]:
    from .engine.grid.openadr_runner import VenRunner  # noqa: PLC0415 - loaded where a server is set up
    from .engine.grid.openadr_ven import Ven  # noqa: PLC0415 - as above

    return Ven, VenRunner

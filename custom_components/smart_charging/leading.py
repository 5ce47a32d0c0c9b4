"""Leading what a user mapped to a battery or a PV system: orders are told when due, tried again, and undone at the end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final, Protocol, Self

from homeassistant.core import CALLBACK_TYPE, Context, CoreState, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .back_off import BackOff
from .const import LOGGER
from .coordinator import SmartChargingConfigEntry
from .entity_writes import Steps, UserActions, Write, WriteError, async_write, is_done
from .issues import Issue, async_clear, async_raise

WRITE_INTERVAL_S: Final = 5.0  # inverters take no more, and some store what they are told
ROUND_TIMEOUT_S: Final = 20.0  # for all writes of one order; a silent integration must not hold the others up


class Order(Protocol):
    """What a thing is to do, as a value."""

    def is_like(self, other: Self | None) -> bool:
        """Return whether going over to this from the other order is not worth a write."""

    def is_of_a_kind_with(self, other: Self | None) -> bool:
        """Return whether one that failed says that this one will fail, too."""


class Means[O: Order](Protocol):
    """What one thing is led with, as a value: where that changes, it is let go and led anew."""

    @property
    def name(self) -> str:
        """What the user calls the thing."""

    @property
    def normal(self) -> O:
        """The order that leaves the thing to its own control."""

    @property
    def renew_s(self) -> float | None:
        """After how many seconds any other order is told again, None for never."""

    @property
    def sequences(self) -> Mapping[str, Steps]:
        """The user's own actions by name."""

    def writes(self, order: O) -> tuple[Write, ...]:
        """Return what the mapped entities are set to for an order, one after the other."""

    def sequence(self, order: O) -> tuple[str, Mapping[str, float]]:
        """Return the name of an order's own actions, and their variables."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that is led: its repair, the repair's placeholder for its name, and what the log calls it."""

    issue: str
    placeholder: str
    noun: str


class Leads[O: Order]:
    """Leads the things of one kind at one running site, and lets them go when that ends."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, kind: Kind) -> None:
        """Lead nothing yet."""
        self._hass = hass
        self._entry = entry
        self._kind = kind
        self._leads: dict[str, _Lead[O]] = {}
        self._stopped = False

    @callback
    def async_update(
        self, mapped: Mapping[str, Means[O]], orders: Mapping[str, O | None], *, observe_only: bool
    ) -> None:
        """Lead what is mapped by its order, None before there is one; let go what is mapped no more, or otherwise."""
        if self._stopped or self._hass.state is not CoreState.running:
            return  # what is mapped may not be there yet, or no longer
        for about, lead in list(self._leads.items()):
            if mapped.get(about) != lead.means and not lead.is_let_go:
                self._entry.async_create_task(self._hass, self._async_let_go(about, lead))
        for about, means in mapped.items():
            if about not in self._leads:
                self._leads[about] = _Lead(self._hass, self._entry, self._kind, about, means)
        for about, lead in self._leads.items():
            if (order := orders.get(about)) is not None:
                lead.async_follow(order, observe_only=observe_only)

    async def async_stop(self) -> None:
        """Let everything go, once and for all."""
        self._stopped = True
        await asyncio.gather(*(lead.async_let_go() for lead in self._leads.values()))
        self._leads.clear()

    async def _async_let_go(self, about: str, lead: _Lead[O]) -> None:
        """Let a thing go; only then may it be led anew."""
        await lead.async_let_go()
        if self._leads.get(about) is lead:
            del self._leads[about]


class _Lead[O: Order]:
    """One thing: what it was told, and whether that went well."""

    def __init__(
        self, hass: HomeAssistant, entry: SmartChargingConfigEntry, kind: Kind, about: str, means: Means[O]
    ) -> None:
        """Know nothing of what an earlier run left."""
        self.means = means
        self.is_let_go = False
        self._hass = hass
        self._entry = entry
        self._kind = kind
        self._about = about
        self._actions = UserActions(hass, means.name, means.sequences)
        self._lock = asyncio.Lock()
        self._wanted: O | None = None
        self._order: O | None = None  # tried last, whatever came of it
        self._tried_at = float("-inf")
        self._cancel_wait: CALLBACK_TYPE | None = None
        self._failed = False
        self._back_off = BackOff()
        self._told: dict[str, Write] = {}  # what each entity took last

    @callback
    def async_follow(self, order: O, *, observe_only: bool) -> None:
        """Tell the thing its order as soon as that may be; a site that only observes undoes what was told."""
        if not (observe_only and self._order is None):
            self._wanted = self.means.normal if observe_only else order
            self._async_look()

    async def async_let_go(self) -> None:
        """Give the thing back to its own control, if it was ever led, and end what still runs."""
        self.is_let_go = True
        self._async_stop_waiting()
        async with self._lock:
            if self._order is not None and (self._order != self.means.normal or self._failed):
                await self._async_try(self.means.normal, again=False)
                if self._failed:
                    LOGGER.warning(
                        "The %s %s could not be given back to its own control", self._kind.noun, self.means.name
                    )
            self._order = None
            await self._actions.async_unload()
            async_clear(self._hass, self._kind.issue, self._about)

    @callback
    def _async_look(self, _now: datetime | None = None) -> None:
        """Tell what is wanted if that is due, or once the last time is long enough ago."""
        self._async_stop_waiting()
        order, since_s = self._wanted, monotonic() - self._tried_at
        if order is None or self.is_let_go or self._lock.locked() or not self._is_due(order, since_s):
            return
        if since_s < WRITE_INTERVAL_S:
            self._cancel_wait = async_call_later(self._hass, WRITE_INTERVAL_S - since_s, self._async_look)
        else:
            self._entry.async_create_task(self._hass, self._async_tell(order, again=order.is_like(self._order)))

    @callback
    def _async_stop_waiting(self) -> None:
        if self._cancel_wait is not None:
            self._cancel_wait()
            self._cancel_wait = None

    def _is_due(self, order: O, since_s: float) -> bool:
        """Return whether an order has to be told: a new one, one that failed, or one that is to be renewed."""
        if self._failed and order.is_of_a_kind_with(self._order):
            return self._back_off.is_over(monotonic())
        if not order.is_like(self._order):
            return True
        renew_s = self.means.renew_s
        return renew_s is not None and order != self.means.normal and since_s >= renew_s

    async def _async_tell(self, order: O, *, again: bool) -> None:
        """Tell the thing, unless it was let go meanwhile, and then what was wanted meanwhile."""
        async with self._lock:
            if not self.is_let_go:
                await self._async_try(order, again=again)
        self._async_look()

    async def _async_try(self, order: O, *, again: bool) -> None:
        """Write, and show whether it went well."""
        if not order.is_of_a_kind_with(self._order):
            self._back_off.reset()
        self._order, self._tried_at = order, monotonic()
        try:
            async with asyncio.timeout(ROUND_TIMEOUT_S):
                await self._async_write(order, again=again)
        except (WriteError, TimeoutError) as err:
            self._back_off.failed(self._tried_at)
            self._async_show_failure(str(err) or "no answer in time")
        else:
            if self._failed:
                LOGGER.info("The %s %s can be led again", self._kind.noun, self.means.name)
            self._failed = False
            self._back_off.reset()
            async_clear(self._hass, self._kind.issue, self._about)

    async def _async_write(self, order: O, *, again: bool) -> None:
        """Set what is not set yet, or all of it again, and run the order's own actions; WriteError if any fails.

        Where one of the entities fails the others are set all the same.
        """
        context, errors = Context(), list[WriteError]()
        for write in self.means.writes(order):
            told = self._told.get(write.entity_id)
            if not again and (told == write or (told is None and is_done(self._hass, write))):
                continue
            self._told.pop(write.entity_id, None)
            try:
                await async_write(self._hass, write, context)
                self._told[write.entity_id] = write
            except WriteError as err:
                errors.append(err)
        name, variables = self.means.sequence(order)
        await self._actions.async_run(name, variables, context)
        if errors:
            raise errors[0]

    @callback
    def _async_show_failure(self, detail: str) -> None:
        """Log a failure once and show it as a repair until a write succeeds."""
        if not self._failed:
            LOGGER.warning("The %s %s could not be led: %s", self._kind.noun, self.means.name, detail)
        self._failed = True
        placeholders = {"site": self._entry.title, self._kind.placeholder: self.means.name, "detail": detail}
        async_raise(self._hass, Issue(self._kind.issue, self._about, placeholders=placeholders))

"""What the handlers of all versions do with what a station tells: clock, presented tags, statuses, measurements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
import logging
import re
from typing import Protocol

from ..model import AuthorizationStatus, Json, MeterValue, Transaction, TransactionStop
from .capabilities import measured_phases
from .composite import parse_composite
from .core import StationCore
from .measurement import MeasurementReader
from .meter_values import ParsedMeterValues
from .notices import Notices
from .payloads import text
from .shown_pace import ShownPace
from .state import StationEventType
from .store import AuthorizationResult
from .timestamps import StationTime, parse_time
from .transactions import TransactionBook

_LOGGER = logging.getLogger(__name__)

LIVE_S = 60.0  # older than this on its own clock, a message comes from the offline queue
TRANSACTION_LIVE_S = 120.0  # a start may be repeated for a while before it gets through
CLOCK_NOT_SET = datetime(2020, 1, 1, tzinfo=UTC)  # what a clock that was never set shows lies before
_ALL_PHASES = 3
_STATUS_ASKED_S = 15.0  # within which a station answers a trigger
_TAG_REPEAT_S = 120.0  # the tag of an Authorize comes again in the transaction it allowed
_SECURITY_EVENT = re.compile(r"[^A-Za-z0-9]")  # names are words without spaces; nothing else goes to the log


class Reactions(Protocol):
    """What the station does upon messages, beside what is recorded; none of it may wait."""

    def booted(self) -> None:
        """Set the station up anew."""

    def heard(self) -> None:
        """Note that the station talks of other things than its boot."""

    def measured(self, evse_id: int) -> None:
        """Look at the EVSE's newest measurement."""

    def measured_late(self, evse_id: int, values: Sequence[MeterValue]) -> None:
        """Look at readings from a time when the station was out of reach."""

    def schedule_wanted(self, evse_id: int) -> bool:
        """Write the EVSE's limits anew; return whether there are some for its transaction."""

    def live_numbers(self, number: int) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where that is none of ours."""


class Reception:
    """One station's live side: what is of the present is shown, what is late only recorded."""

    def __init__(self, core: StationCore, book: TransactionBook, reactions: Reactions) -> None:
        """Take the station's parts and what is to be done upon a message."""
        self._core = core
        self._book = book
        self._reactions = reactions
        self._readers: dict[int, MeasurementReader] = {}
        self._measured_times: dict[int, datetime] = {}
        self._status_times: dict[int, datetime] = {}
        self._status_asked_until = float("-inf")
        self._shown_offset_s = 0.0
        self._tag: tuple[str, float] = ("", float("-inf"))
        self._start_asked = False  # with that tag, and nothing was heard of it yet
        self._pace = ShownPace(core.clock)
        self.notices = Notices(core)

    def heard(self, action: str, deviations: Iterable[str]) -> None:
        """Take note of a message and of what was odd about it."""
        for deviation in deviations:
            self._core.note_deviation(deviation)
        if action != "MeterValues":
            self.show_held()  # what happened is told in its order
        self._core.change(last_seen=self._core.clock.now())
        if action != "BootNotification":
            self._reactions.heard()

    def booted(self) -> None:
        """Begin anew with the station: it sets its clock by our answer."""
        self._core.offset.reset()
        self._measured_times.clear()
        self._status_times.clear()
        self._shown_offset_s = 0.0
        self._core.change(booted_at=self._core.clock.now(), clock_offset_s=0.0)
        self._core.emit(StationEventType.BOOTED)
        self._reactions.booted()

    def rewire(self) -> None:
        """Read measurements anew after the configuration changed."""
        self._readers.clear()

    async def authorize(self, id_token: str, evse_id: int | None = None, *, live: bool = True) -> AuthorizationResult:
        """Return whether a token may charge here now, at this EVSE where a transaction starts. Raises StoreError."""
        core = self._core
        in_person = live and id_token.lower() != (core.start_tag or "").lower()
        return await core.around.authorizer.authorize(
            core.config.station_id, id_token, core.clock.now(), evse_id, in_person=in_person
        )

    def answered(self, result: AuthorizationResult, evse_id: int | None = None) -> None:
        """Show what a live answer means to the EVSE, or to those that wait for a tag where none is named."""
        evses = self._core.state.evses.values()
        concerned = [
            evse for evse in evses if evse.evse_id == evse_id or (evse_id is None and evse.transaction is None)
        ]
        if evse_id is None and any(evse.status is not None and evse.status.plugged for evse in concerned):
            concerned = [evse for evse in concerned if evse.status is not None and evse.status.plugged]
        refused = result.status is not AuthorizationStatus.ACCEPTED
        for evse in concerned:
            if evse.refused is not refused:
                self._core.change_evse(evse.evse_id, refused=refused)
                self._core.emit(StationEventType.CHANGED, evse.evse_id)

    def present(self, id_token: str, evse_id: int | None, at: datetime | None) -> None:
        """Tell that a token was presented; one that an Authorize told of is not told again by its transaction.

        A station may ask whether the token may charge that we ourselves asked for a start with (F02).
        """
        now = self._core.clock.monotonic()
        shown, shown_at = self._tag
        asked, self._start_asked = self._start_asked, False
        self._tag = (id_token.lower(), now)
        again = shown == id_token.lower() and now - shown_at <= _TAG_REPEAT_S
        if not again or (evse_id is None and not asked):
            self._core.emit(StationEventType.TAG_PRESENTED, evse_id, at=at, id_token=id_token)

    def expect_tag(self, id_token: str) -> None:
        """Note that we asked for a start with this token: nobody will have presented it."""
        self._tag = (id_token.lower(), self._core.clock.monotonic())
        self._start_asked = True

    def expect_status(self) -> None:
        """Take statuses of the next seconds for the present ones, whatever time they name."""
        self._status_asked_until = self._core.clock.monotonic() + _STATUS_ASKED_S

    def status_is_present(self, evse_id: int, time: StationTime | None) -> bool:
        """Tell a present status from a replayed one; some stations date it from the last change."""
        if time is None:
            return True
        known = self._core.state.status if evse_id == 0 else self._core.evse(evse_id).status
        newest = self._newest(self._status_times, evse_id)
        wanted = known is None or self._core.clock.monotonic() < self._status_asked_until
        if not self.is_live(time.at, LIVE_S) and not (wanted and (newest is None or time.at >= newest)):
            return False
        if newest is None or time.at >= newest:
            self._status_times[evse_id] = time.at
        return True

    def observe_clock(self, time: StationTime) -> None:
        """Learn from a time how far the station's clock is off."""
        offset = self._core.offset
        offset.observe(time, self._core.clock.now(), self._core.clock.monotonic())
        if self._shown_offset_s != offset.total_s:
            self._shown_offset_s = offset.total_s
            self._core.change(clock_offset_s=offset.total_s)

    def is_live(self, at: datetime, limit_s: float) -> bool:
        """Return whether a message tells of the present; a clock that was never set can't say otherwise."""
        if at < CLOCK_NOT_SET:
            return True
        age = self._core.clock.now() - self._core.offset.to_ours(at)
        return age.total_seconds() <= limit_s

    def is_first_measured(self, evse_id: int) -> bool:
        """Return whether nothing was measured of an EVSE yet."""
        return evse_id not in self._measured_times

    async def take_readings(
        self, evse_id: int, transaction_id: str | None, parsed: ParsedMeterValues, *, queued: bool = False
    ) -> None:
        """Keep readings and show those of the present; EVSE 0 is the station's own meter. Raises StoreError.

        `queued` are those of which the station says that it could not send them in time.
        """
        core, now = self._core, self._core.clock.now()
        core.drop_values(parsed.dropped)
        due = queued or evse_id == 0 or self._pace.due(evse_id)
        for time in parsed.times[-1:] if due and not queued else ():
            self.observe_clock(time)
        if not parsed.values:
            return
        store = core.around.transactions
        transaction = await store.record_meter_values(
            core.config.station_id, evse_id, transaction_id, parsed.values, now
        )
        live = [value for value in parsed.values if not queued and self.is_live(value.time, LIVE_S)]
        if not due and transaction is not None and len(live) == len(parsed.values):
            self._hold(evse_id, transaction, live)
            return
        self.show_held()
        self._book.measured(transaction, live=bool(live))
        if live:
            self._book.note_unknown(evse_id, transaction_id if transaction is None else None)
        if evse_id > 0:
            await self.show_readings(evse_id, parsed.values, live)
        core.emit(
            StationEventType.MEASURED,
            evse_id or None,
            at=parsed.values[-1].time,
            transaction=transaction,
            live=bool(live),
        )

    def _hold(self, evse_id: int, transaction: Transaction, live: Sequence[MeterValue]) -> None:
        """Let readings wait that come faster than they are shown."""
        if not self._pace.may_hold(evse_id, transaction):
            self.show_held()
        if (delay_s := self._pace.hold(evse_id, transaction, live)) is not None:
            self._core.spawn(self._show_in(delay_s), "show held readings")

    async def _show_in(self, delay_s: float) -> None:
        await self._core.clock.sleep(delay_s)
        self.show_held()

    def show_held(self) -> None:
        """Show the readings that wait."""
        core = self._core
        while self._pace.held:
            evse_id, held = self._pace.held.popitem()
            self._book.measured(held.transaction, live=True)
            self._measure(evse_id, held.values, core.clock.now())
            if core.capabilities.phases != _ALL_PHASES:
                core.spawn(self._learn_phases(measured_phases(held.values)), "learn phases")
            at = max(value.time for value in held.values)
            core.emit(StationEventType.MEASURED, evse_id, at=at, transaction=held.transaction)

    async def show_readings(self, evse_id: int, values: Sequence[MeterValue], live: Sequence[MeterValue]) -> None:
        """Show live readings of an EVSE and learn from the late ones."""
        self._measure(evse_id, live, self._core.clock.now())
        if self._core.capabilities.phases != _ALL_PHASES:
            await self._learn_phases(measured_phases(values))
        if len(live) < len(values):
            self._reactions.measured_late(evse_id, [value for value in values if value not in live])

    def security_event(self, payload: Mapping[str, Json]) -> None:
        """Tell of a security event of the station; the log hears of its kind only."""
        core = self._core
        name = _SECURITY_EVENT.sub("", text(payload, "type") or "")[:50]
        time = parse_time(payload.get("timestamp"))
        told = self.notices.tell(
            StationEventType.SECURITY_EVENT,
            {"kind": name or "unknown", "info": text(payload, "techInfo")},
            at=None if time is None else core.offset.to_ours(time.at),
        )
        if told:
            _LOGGER.warning("%s reports the security event %s", core.config.station_id, name or "of an unknown kind")

    def schedule_wanted(self, evse_id: int) -> bool:
        """Write an EVSE's limits anew, for a car that asks for them; False where there are none to be written."""
        return self._reactions.schedule_wanted(evse_id)

    def live_numbers(self, number: int) -> dict[str, Json] | None:
        """Return the present values of the dynamic profile of this id, None where that is none of ours."""
        return self._reactions.live_numbers(number)

    def limited_elsewhere(self, evse_id: int, schedule: Mapping[str, Json] | None, by_grid: str | None = None) -> None:
        """Note what somebody else limits an EVSE to, 0 for the whole station; None where that ended.

        `by_grid` tells in words that it is the grid operator, None that it is somebody else.
        """
        core = self._core
        limits = {key: value for key, value in core.state.limited_elsewhere_a.items() if key != evse_id}
        if schedule is not None:
            composite = parse_composite({"chargingSchedule": dict(schedule)}, core.wiring)
            start = composite.start
            elapsed_s = 0.0 if start is None else (core.clock.now() - core.offset.to_ours(start)).total_seconds()
            limit_a = composite.limit_at(max(0.0, elapsed_s))
            if limit_a is None or limit_a < 0:
                core.note_deviation("NotifyChargingLimit without a limit")
                return
            limits[evse_id] = limit_a
        grid = {key: words for key, words in core.state.limited_by_grid.items() if key != evse_id}
        if schedule is not None and by_grid is not None:
            grid[evse_id] = by_grid
        if (limits, grid) != (core.state.limited_elsewhere_a, core.state.limited_by_grid):
            core.change(limited_elsewhere_a=limits, limited_by_grid=grid)
            core.emit(StationEventType.CHANGED, evse_id or None)

    async def end_transaction(self, stop: TransactionStop, *, live: bool) -> AuthorizationResult | None:
        """Keep the end of a transaction; return what is to be told of the token that ended it."""
        authorization = await self.authorize(stop.id_token, live=live) if stop.id_token else None
        await self._book.stop(stop, live=live)
        return authorization

    def _newest(self, times: Mapping[int, datetime], evse_id: int) -> datetime | None:
        """Return the newest time seen, unless the station's clock was put back since."""
        newest = times.get(evse_id)
        put_back = newest is not None and self.is_live(newest, -LIVE_S)
        return None if put_back else newest

    async def _learn_phases(self, count: int | None) -> None:
        """Keep the most phases that were ever told apart, or that the configuration names."""
        core = self._core
        known = core.state.capabilities.phases
        if count is not None and (known is None or count > known):
            core.change(capabilities=replace(core.state.capabilities, phases=count))
            await core.learn(replace(core.learnt, capabilities=replace(core.learnt.capabilities, phases=count)))

    def _measure(self, evse_id: int, values: Sequence[MeterValue], now: datetime) -> None:
        """Bring the live quantities up to date; an older reading never moves them back."""
        config = self._core.config
        reader = self._readers.setdefault(evse_id, MeasurementReader(config.phases, config.max_current_a))
        evse = self._core.evse(evse_id)
        measurement, phases_told = evse.measurement, None if evse.applied is None else evse.applied.phases
        told = [value for value in values if value.values]  # what is signed only tells of no quantity here
        for value in sorted(told, key=lambda value: value.time):
            newest = self._newest(self._measured_times, evse_id)
            if newest is None or value.time >= newest:
                self._measured_times[evse_id] = value.time
                measurement = reader.merge(measurement, value, phases_told)
                if self._core.quirks.distrusts_offer:
                    measurement = replace(measurement, offered_a=None)
                if self._book.car_is_gone(evse_id):  # some stations repeat what the last car told
                    measurement = replace(measurement, soc_percent=None)
                self._core.change_evse(evse_id, measurement=measurement, measured_at=now)
        if told:
            self._reactions.measured(evse_id)

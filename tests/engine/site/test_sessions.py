"""Sessions from plug-in to plug-out, as stations report them and the ledger keeps them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.csms.state import EvseState, StationEvent, StationEventType, StationState
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import (
    EvseKey,
    EvseStatus,
    Measurand,
    MeterValue,
    SampledValue,
    Transaction,
    TransactionStart,
    TransactionStop,
)
from custom_components.smart_charging.engine.session_tracking import SessionTracker, fingerprint
from custom_components.smart_charging.engine.view import SiteEvent, SiteEventType

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
KEY = EvseKey("CP1", 1)


def minute(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[SiteLedger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened.site("site")
    await opened.close()


def register(at: datetime, register_wh: float) -> MeterValue:
    return MeterValue(at, (SampledValue(Measurand.ENERGY_IMPORT_REGISTER, register_wh),))


class Station:
    """A station's events, fed to a tracker as the central system would."""

    def __init__(self, ledger: SiteLedger) -> None:
        self.ledger = ledger
        self.events: list[SiteEvent] = []
        self.tracker = SessionTracker("site", ledger, self.events.append)
        self.evse = EvseState(1)

    async def event(self, kind: StationEventType, at: datetime, *, live: bool = True, **fields: object) -> None:
        state = StationState("CP1", connected=True, evses={1: self.evse})
        event = StationEvent(kind, state, at, 1, live=live)
        self.tracker.take(replace(event, **fields))  # type: ignore[arg-type]  # fields by name
        task = asyncio.create_task(self.tracker.run(lambda: None))
        await self.tracker.settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def status(self, status: EvseStatus, at: datetime, *, live: bool = True) -> None:
        self.evse = replace(self.evse, status=status)
        await self.event(StationEventType.STATUS, at, live=live)

    async def start(
        self, at: datetime, register_wh: int, token: str = "04AA", *, received_at: datetime | None = None
    ) -> Transaction:
        live = received_at is None
        announced = TransactionStart("CP1", 1, token, at, register_wh, received_at or at, live)
        transaction = await self.ledger.start_transaction(announced)
        self.evse = replace(self.evse, transaction=transaction)
        await self.event(StationEventType.TRANSACTION_STARTED, at, transaction=transaction, live=live)
        return transaction

    async def meter(self, transaction: Transaction, at: datetime, register_wh: float) -> None:
        values = [register(at, register_wh)]
        updated = await self.ledger.record_meter_values("CP1", 1, transaction.transaction_id, values, at)
        await self.event(StationEventType.MEASURED, at, transaction=updated)

    async def stop(
        self,
        transaction: Transaction,
        at: datetime,
        register_wh: int,
        *,
        live: bool = True,
        running: Transaction | None = None,
    ) -> None:
        stop = TransactionStop("CP1", transaction.transaction_id, at, register_wh, "EVDisconnected", None, at)
        _, stopped = await self.ledger.stop_transaction(stop)
        self.evse = replace(self.evse, transaction=running)
        await self.event(StationEventType.TRANSACTION_ENDED, at, transaction=stopped, live=live)

    def kinds(self) -> list[SiteEventType]:
        return [event.type for event in self.events]


async def test_a_session_runs_from_plug_in_to_plug_out_with_its_energy(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    transaction = await station.start(minute(1), 1000)
    await station.status(EvseStatus.CHARGING, minute(1))
    await station.meter(transaction, minute(31), 4000)
    assert station.tracker.record(KEY).session.energy_wh == 3000  # type: ignore[union-attr]  # there is one
    assert station.tracker.record(KEY).lifetime_wh == 3000
    await station.stop(transaction, minute(61), 6500)
    await station.status(EvseStatus.AVAILABLE, minute(62))
    assert station.kinds() == [SiteEventType.SESSION_STARTED, SiteEventType.SESSION_ENDED]
    ended = station.events[-1]
    assert ended.session is not None
    assert ended.session.energy_wh == 5500
    assert ended.session.plugged_out_at == minute(62)
    assert ended.tag_label == fingerprint("site", "04aa")
    assert station.tracker.record(KEY).lifetime_wh == 5500


async def test_two_transactions_of_one_stay_are_one_session(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    first = await station.start(minute(1), 0)
    await station.stop(first, minute(10), 1000)
    second = await station.start(minute(20), 1000)
    await station.stop(second, minute(30), 1700)
    await station.status(EvseStatus.AVAILABLE, minute(31))
    session = station.events[-1].session
    assert session is not None
    assert [one.energy_wh for one in session.transactions] == [1000, 700]
    assert session.energy_wh == 1700


async def test_available_before_the_stop_ends_the_session_with_all_energy(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    transaction = await station.start(minute(1), 0)
    await station.status(EvseStatus.AVAILABLE, minute(10))
    assert SiteEventType.SESSION_ENDED not in station.kinds()
    await station.stop(transaction, minute(10), 2222)
    assert station.kinds()[-1] is SiteEventType.SESSION_ENDED
    assert station.events[-1].session.energy_wh == 2222  # type: ignore[union-attr]  # there is one


async def test_a_car_that_comes_before_the_old_stop_has_a_session_of_its_own(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    await station.start(minute(1), 0)
    await station.status(EvseStatus.AVAILABLE, minute(10))
    station.evse = replace(station.evse, transaction=None)
    await station.status(EvseStatus.PREPARING, minute(11))
    assert station.kinds() == [
        SiteEventType.SESSION_STARTED,
        SiteEventType.SESSION_ENDED,
        SiteEventType.SESSION_STARTED,
    ]


async def test_available_before_a_stop_from_the_queue_ends_the_session(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    transaction = await station.start(minute(1), 0)
    await station.status(EvseStatus.AVAILABLE, minute(20))
    await station.stop(transaction, minute(10), 2222, live=False)
    assert station.kinds() == [SiteEventType.SESSION_STARTED, SiteEventType.SESSION_ENDED]
    assert station.events[-1].session.energy_wh == 2222  # type: ignore[union-attr]  # there is one
    assert await ledger.open_session(KEY) is None


async def test_the_end_of_an_older_transaction_does_not_end_the_session(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(0))
    older = await station.start(minute(1), 0)
    running = await station.start(minute(5), 500)
    await station.status(EvseStatus.AVAILABLE, minute(20))
    await station.stop(older, minute(4), 500, live=False, running=running)
    assert SiteEventType.SESSION_ENDED not in station.kinds()
    await station.stop(running, minute(10), 900, live=False)
    assert station.events[-1].session.energy_wh == 900  # type: ignore[union-attr]  # there is one


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_session_known_by_its_transaction_only_ends_once_the_plug_is_free(
    ledger: SiteLedger, restarted: bool
) -> None:
    station = Station(ledger)
    transaction = await station.start(minute(1), 0)
    if restarted:
        station = Station(ledger)
        await station.tracker.load(KEY)
    await station.stop(transaction, minute(10), 700)
    assert station.kinds() == []
    await station.status(EvseStatus.AVAILABLE, minute(12))
    await station.status(EvseStatus.AVAILABLE, minute(13))
    (ended,) = station.events
    assert ended.type is SiteEventType.SESSION_ENDED
    assert ended.session is not None
    assert (ended.session.energy_wh, ended.session.plugged_out_at) == (700, minute(10))
    assert station.tracker.record(KEY).session == ended.session


async def test_a_session_goes_on_over_a_restart(ledger: SiteLedger) -> None:
    before = Station(ledger)
    await before.status(EvseStatus.PREPARING, minute(0))
    transaction = await before.start(minute(1), 0)
    after = Station(ledger)
    await after.tracker.load(KEY)
    await after.status(EvseStatus.CHARGING, minute(20))
    assert after.kinds() == []
    await after.meter(transaction, minute(21), 900)
    assert after.tracker.record(KEY).session.energy_wh == 900  # type: ignore[union-attr]  # there is one


async def test_a_queued_start_that_goes_on_is_the_session_of_the_car_that_is_there(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.CHARGING, minute(30))
    transaction = await station.start(minute(10), 0, received_at=minute(31))
    await station.meter(transaction, minute(32), 1500)
    await station.stop(transaction, minute(40), 2000)
    await station.status(EvseStatus.AVAILABLE, minute(41))
    (session,) = await ledger.sessions()
    assert session == station.events[-1].session
    assert (session.plugged_in_at, session.energy_wh) == (minute(10), 2000)


async def test_a_queued_transaction_that_ended_is_a_session_of_its_own(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.CHARGING, minute(30))
    past = await station.start(minute(1), 0, received_at=minute(31))
    await station.stop(past, minute(10), 700)
    running = await station.start(minute(30), 700)
    await station.meter(running, minute(35), 1200)
    newest, oldest = await ledger.sessions()
    assert (oldest.energy_wh, oldest.plugged_out_at) == (700, minute(10))
    assert (newest.energy_wh, newest.plugged_out_at) == (500, None)


async def test_a_station_whose_clock_is_hours_off_still_has_its_transaction_in_the_session(
    ledger: SiteLedger,
) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.PREPARING, minute(300))
    announced = TransactionStart("CP1", 1, "04AA", minute(0), 0, minute(301), live=True)
    transaction = await ledger.start_transaction(announced)
    session = await ledger.open_session(KEY)
    assert session is not None
    assert transaction.session_id == session.session_id


async def test_a_session_of_a_clock_that_was_never_set_begins_when_it_was_heard(ledger: SiteLedger) -> None:
    never_set = datetime(1970, 1, 1, tzinfo=UTC)
    await ledger.start_transaction(TransactionStart("CP1", 1, "04AA", never_set, 0, minute(0), live=True))
    session = await ledger.open_session(KEY)
    assert session is not None
    assert session.plugged_in_at == minute(0)


async def test_lifetime_energy_counts_each_transaction_once_when_events_lag_behind_the_ledger(
    ledger: SiteLedger,
) -> None:
    before = Station(ledger)
    await before.status(EvseStatus.PREPARING, minute(0))
    past = await before.start(minute(1), 0)
    await before.stop(past, minute(5), 1000)
    running = await before.start(minute(6), 1000)
    after = Station(ledger)
    await after.tracker.load(KEY)
    early = await ledger.record_meter_values("CP1", 1, running.transaction_id, [register(minute(7), 1500)], minute(7))
    await ledger.record_meter_values("CP1", 1, running.transaction_id, [register(minute(8), 1900)], minute(8))
    await after.event(StationEventType.MEASURED, minute(7), transaction=early)
    await after.meter(running, minute(9), 2000)
    assert after.tracker.record(KEY).lifetime_wh == 2000


async def test_what_a_station_replays_from_its_queue_is_no_news(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.status(EvseStatus.CHARGING, minute(0), live=False)
    assert station.kinds() == []


async def test_a_presented_tag_is_told_without_its_value(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.event(StationEventType.TAG_PRESENTED, minute(0), id_token="04A1B2C3")
    (event,) = station.events
    assert event.type is SiteEventType.TAG_PRESENTED
    assert event.tag_label == fingerprint("site", "04a1b2c3")
    assert "A1B2" not in repr(event)


async def test_a_tag_at_a_reader_without_connector_is_told_for_the_station(ledger: SiteLedger) -> None:
    station = Station(ledger)
    await station.event(StationEventType.TAG_PRESENTED, minute(0), evse_id=None, id_token="04A1B2C3")
    assert [event.key for event in station.events] == [EvseKey("CP1", 0)]


def test_fingerprints_tell_tags_and_sites_apart() -> None:
    assert fingerprint("site", "04AA") == fingerprint("site", "04aa")
    assert fingerprint("site", "04AA") != fingerprint("site", "04AB")
    assert fingerprint("site", "04AA") != fingerprint("other", "04AA")

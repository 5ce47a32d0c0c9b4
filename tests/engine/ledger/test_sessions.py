"""Sessions: from plug-in to plug-out, with the transactions in between."""

from datetime import datetime
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import EvseKey

from .builders import EVSE, after, register, started, stopped

OTHER = EvseKey("CP1", 2)


async def test_a_session_lasts_from_plug_in_to_plug_out(site: SiteLedger) -> None:
    assert await site.open_session(EVSE) is None
    begun = await site.plug_in(EVSE, after(0))
    assert (begun.station_id, begun.evse_id, begun.plugged_in_at, begun.plugged_out_at) == ("CP1", 1, after(0), None)
    assert await site.open_session(EVSE) == begun
    ended = await site.plug_out(EVSE, after(600))
    assert ended is not None
    assert (ended.session_id, ended.plugged_out_at, ended.energy_wh) == (begun.session_id, after(600), 0)
    assert await site.open_session(EVSE) is None


async def test_plugging_in_twice_is_one_session(site: SiteLedger) -> None:
    begun = await site.plug_in(EVSE, after(0))
    assert await site.plug_in(EVSE, after(50)) == begun


async def test_plugging_out_twice_ends_one_session(site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(0))
    await site.plug_out(EVSE, after(10))
    assert await site.plug_out(EVSE, after(20)) is None
    assert [session.plugged_out_at for session in await site.sessions()] == [after(10)]


async def test_a_plug_out_dated_before_the_plug_in_ends_the_session_at_its_begin(site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(100))
    ended = await site.plug_out(EVSE, after(40))
    assert ended is not None
    assert ended.plugged_out_at == after(100)


async def test_evses_have_sessions_of_their_own(site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(0))
    assert await site.open_session(OTHER) is None
    assert await site.plug_out(OTHER, after(10)) is None


async def test_a_session_holds_several_transactions_and_their_energy(site: SiteLedger) -> None:
    begun = await site.plug_in(EVSE, after(0))
    first = await site.start_transaction(started(10))
    await site.stop_transaction(stopped(first.transaction_id, 3600, 5000))
    second = await site.start_transaction(started(4000, meter_wh=5000))
    await site.record_meter_values("CP1", 1, second.transaction_id, (register(4100, 5100),), after(4100))
    assert {first.session_id, second.session_id} == {begun.session_id}
    session = await site.open_session(EVSE)
    assert session is not None
    assert session.energy_wh == 4100
    assert [held.transaction_id for held in session.transactions] == [first.transaction_id, second.transaction_id]


async def test_plug_out_tells_the_energy_of_readings_that_came_with_it(site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(0))
    kept = await site.start_transaction(started(10))
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(20, 1100),), after(20))
    ended = await site.plug_out(EVSE, after(30))
    assert ended is not None
    assert ended.energy_wh == 100


@pytest.mark.parametrize(("seconds", "same"), [(-60, True), (-61, False), (500, True)])
async def test_a_transaction_joins_the_session_unless_it_began_well_before(
    site: SiteLedger, seconds: int, same: bool
) -> None:
    session = await site.plug_in(EVSE, after(0))
    kept = await site.start_transaction(started(seconds, received=501))
    assert (kept.session_id == session.session_id) is same


async def test_a_replayed_transaction_has_a_session_of_its_own_in_the_past(site: SiteLedger) -> None:
    going_on = await site.plug_in(EVSE, after(0))
    kept = await site.start_transaction(started(-7200, received=5))
    assert await site.open_session(EVSE) == going_on
    await site.stop_transaction(stopped(kept.transaction_id, -3600, 6000))
    assert await site.open_session(EVSE) == going_on
    (past,) = await site.sessions(end=after(-1))
    assert (past.plugged_in_at, past.plugged_out_at, past.energy_wh) == (after(-7200), after(-3600), 5000)


async def test_a_replayed_transaction_alone_does_not_make_the_past_present(site: SiteLedger) -> None:
    await site.start_transaction(started(-7200, received=5))
    assert await site.open_session(EVSE) is None
    assert await site.plug_out(EVSE, after(6)) is None
    assert (await site.plug_in(EVSE, after(7))).plugged_in_at == after(7)


async def test_a_live_transaction_without_plug_in_is_a_session_until_its_stop(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0, received=1))
    session = await site.open_session(EVSE)
    assert session is not None
    assert (session.session_id, session.plugged_in_at) == (kept.session_id, after(0))
    await site.stop_transaction(stopped(kept.transaction_id, 600, 1500))
    assert await site.open_session(EVSE) is None
    assert [ended.plugged_out_at for ended in await site.sessions()] == [after(600)]


async def test_a_plug_in_seen_after_the_start_joins_and_outlives_the_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0, received=1))
    session = await site.plug_in(EVSE, after(2))
    assert (session.session_id, session.plugged_in_at) == (kept.session_id, after(0))
    await site.stop_transaction(stopped(kept.transaction_id, 600, 1500))
    going_on = await site.open_session(EVSE)
    assert going_on is not None
    assert (going_on.session_id, going_on.energy_wh) == (kept.session_id, 500)


async def test_a_plug_out_during_a_transaction_ends_the_session_once(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0))
    ended = await site.plug_out(EVSE, after(300))
    assert ended is not None
    await site.stop_transaction(stopped(kept.transaction_id, 310, 1500))
    (session,) = await site.sessions()
    assert (session.plugged_out_at, session.energy_wh) == (after(300), 500)


async def test_a_lost_transaction_ends_its_own_session(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0))
    await site.close_lost_transaction(kept.transaction_id, "CP1", after(900))
    assert [session.plugged_out_at for session in await site.sessions()] == [after(900)]


async def test_a_session_goes_on_after_a_restart(path: Path) -> None:
    before = await Ledger.open(path)
    begun = await before.site("home").plug_in(EVSE, after(0))
    await before.close()
    again = await Ledger.open(path)
    site = again.site("home")
    assert await site.plug_in(EVSE, after(500)) == begun
    assert (await site.start_transaction(started(600))).session_id == begun.session_id
    await again.close()


@pytest.mark.parametrize(
    ("start", "end", "key", "found"),
    [
        (None, None, None, [300, 200, 100, 0]),
        (after(150), None, None, [300, 200, 100]),
        (None, after(200), None, [100, 0]),
        (after(120), after(130), None, [100]),
        (None, None, OTHER, [200]),
        (after(10_000), None, None, [300]),
    ],
)
async def test_sessions_are_found_by_time_and_evse_newest_first(
    site: SiteLedger, start: datetime | None, end: datetime | None, key: EvseKey | None, found: list[int]
) -> None:
    for evse, seconds in ((EVSE, 0), (EVSE, 100), (OTHER, 200)):
        await site.plug_in(evse, after(seconds))
        await site.plug_out(evse, after(seconds + 50))
    await site.plug_in(EVSE, after(300))
    sessions = await site.sessions(start=start, end=end, key=key)
    assert [session.plugged_in_at for session in sessions] == [after(seconds) for seconds in found]


async def test_a_limit_leaves_out_the_oldest_sessions(site: SiteLedger) -> None:
    for seconds in (0, 100, 200):
        await site.plug_in(EVSE, after(seconds))
        await site.plug_out(EVSE, after(seconds + 50))
    assert [session.plugged_in_at for session in await site.sessions(limit=2)] == [after(200), after(100)]

"""A station tells its meter before its queue: what belongs to a later car is given back once the queue says so."""

from custom_components.smart_charging.engine.ledger import SiteLedger
from custom_components.smart_charging.engine.model import StopOutcome

from .builders import EVSE, after, register, started, stopped


async def test_what_a_later_car_drew_is_not_left_with_the_one_whose_end_was_queued(site: SiteLedger) -> None:
    first = await site.start_transaction(started(0, meter_wh=1000))
    await site.record_meter_values("CP1", 1, first.transaction_id, [register(60, 1200)], after(60))
    await site.record_meter_values("CP1", 1, None, [register(3600, 5000)], after(3600))
    await site.record_meter_values("CP1", 1, first.transaction_id, [register(120, 1400)], after(3601))
    outcome, ended = await site.stop_transaction(stopped(first.transaction_id, 180, 1600))
    assert outcome is StopOutcome.STOPPED
    assert ended is not None
    assert ended.energy_wh == 600
    second = await site.start_transaction(started(1800, meter_wh=1600, received=3602))
    _, last = await site.stop_transaction(stopped(second.transaction_id, 3700, 5200))
    assert last is not None
    assert last.energy_wh == 3600
    assert await site.lifetime_energy_wh(EVSE) == 4200
    own = await site.meter_values(EVSE, transaction_id=first.transaction_id)
    assert [value.time for value in own] == [after(60), after(120)]
    assert len(await site.meter_values(EVSE)) == 3


async def test_a_clock_that_went_back_takes_nothing_from_a_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0, meter_wh=1000))
    await site.record_meter_values("CP1", 1, kept.transaction_id, [register(3600, 5000)], after(3600))
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 180, 5100))
    assert ended is not None
    assert ended.energy_wh == 4100
    assert len(await site.meter_values(EVSE, transaction_id=kept.transaction_id)) == 1


async def test_a_closing_register_too_low_takes_nothing_of_what_was_counted_before_it(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(0, meter_wh=1000))
    await site.record_meter_values("CP1", 1, kept.transaction_id, [register(60, 1200)], after(60))
    await site.record_meter_values("CP1", 1, None, [register(3600, 9000)], after(3600))
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 120, 1000))
    assert ended is not None
    assert ended.energy_wh == 200  # what was counted while it ran, whatever the closing register says

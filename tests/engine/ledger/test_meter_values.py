"""Readings: kept as received and bound to the transaction they belong to."""

from collections.abc import Sequence
from datetime import datetime
import math
from pathlib import Path

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, tables
from custom_components.smart_charging.engine.model import EvseKey, Measurand, MeterValue, SampledValue, Transaction

from .builders import EVSE, after, register, started, stopped


async def record(
    site: SiteLedger, transaction_id: str | None, *values: MeterValue, key: EvseKey = EVSE
) -> Transaction | None:
    return await site.record_meter_values(key.station_id, key.evse_id, transaction_id, values, after(9999))


async def test_readings_are_kept_as_received(site: SiteLedger) -> None:
    told = MeterValue(
        after(1.25),
        (
            *(SampledValue(measurand, 1.5) for measurand in Measurand),
            SampledValue(Measurand.VOLTAGE, 231.4, "L1-N"),
            SampledValue(Measurand.CURRENT_IMPORT, 15.9, "L2", "Sample.Clock"),
            SampledValue(Measurand.TEMPERATURE, -3.0, None, "Trigger", "Body"),
            SampledValue(Measurand.SOC, 55.0, location="EV"),
        ),
    )
    await record(site, None, told)
    assert await site.meter_values(EVSE) == (told,)


async def test_a_number_that_is_none_is_left_out_beside_good_ones(site: SiteLedger) -> None:
    good = SampledValue(Measurand.POWER_IMPORT, 7000.0)
    bad = tuple(SampledValue(Measurand.VOLTAGE, wrong) for wrong in (math.nan, math.inf, -math.inf))
    await record(site, None, MeterValue(after(1), (*bad, good)))
    assert await site.meter_values(EVSE) == (MeterValue(after(1), (good,)),)


async def test_the_time_of_arrival_is_kept_beside_the_stations_time(ledger: Ledger, site: SiteLedger) -> None:
    await record(site, None, register(5, 1000))
    await site.meter_values(EVSE)  # files them
    rows = await ledger.read(lambda connection: connection.execute(sa.select(tables.meter_values)).all())
    assert [(row.time, row.received_at) for row in rows] == [(after(5), after(9999))]


async def test_the_answer_tells_the_energy_so_far(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    bound = await record(site, kept.transaction_id, register(10, 1030), register(20, 1060))
    assert bound is not None
    assert (bound.transaction_id, bound.energy_wh) == (kept.transaction_id, 60)


@pytest.mark.parametrize("transaction_id", [None, "0", "-1", "12345"])
async def test_readings_without_a_valid_id_belong_to_the_transaction_of_their_time(
    site: SiteLedger, transaction_id: str | None
) -> None:
    kept = await site.start_transaction(started())
    bound = await record(site, transaction_id, register(10, 1030))
    assert bound is not None
    assert (bound.transaction_id, bound.energy_wh) == (kept.transaction_id, 30)


async def test_another_stations_id_binds_nothing(site: SiteLedger) -> None:
    foreign = await site.start_transaction(started(key=EvseKey("CP2", 1)))
    assert await record(site, foreign.transaction_id, register(10, 1030)) is None
    assert await site.open_transactions("CP2") == (foreign,)
    assert await site.meter_values(EVSE) == (register(10, 1030),)


async def test_readings_of_another_evse_or_an_earlier_time_belong_to_no_transaction(site: SiteLedger) -> None:
    await site.start_transaction(started())
    assert await record(site, None, register(10, 1030), key=EvseKey("CP1", 2)) is None
    assert await record(site, None, register(-10, 990)) is None


async def test_readings_of_one_message_are_bound_each_by_its_time(site: SiteLedger) -> None:
    first = await site.start_transaction(started(0))
    await site.stop_transaction(stopped(first.transaction_id, 100, 1200))
    second = await site.start_transaction(started(200, meter_wh=1200))
    values = [register(seconds, wh) for seconds, wh in ((50, 1100), (150, 1200), (210, 1240))]
    bound = await record(site, None, *values)
    assert bound is not None
    assert (bound.transaction_id, bound.energy_wh) == (second.transaction_id, 40)
    assert await site.meter_values(EVSE, transaction_id=first.transaction_id) == (values[0],)
    assert await site.meter_values(EVSE, transaction_id=second.transaction_id) == (values[2],)


async def test_a_late_reading_finds_the_ended_transaction_inside_a_lost_one(site: SiteLedger) -> None:
    await site.start_transaction(started(0))
    inner = await site.start_transaction(started(100))
    await site.stop_transaction(stopped(inner.transaction_id, 200, 1300))
    bound = await record(site, None, register(150, 1200))
    assert bound is not None
    assert bound.transaction_id == inner.transaction_id


async def test_an_open_transaction_gets_the_reading_if_it_began_after_the_ended_one(site: SiteLedger) -> None:
    ended = await site.start_transaction(started(0))
    newer = await site.start_transaction(started(50))
    await site.stop_transaction(stopped(ended.transaction_id, 100, 1300))
    bound = await record(site, None, register(80, 1040))
    assert bound is not None
    assert (bound.transaction_id, bound.energy_wh) == (newer.transaction_id, 40)


async def test_a_reading_without_register_changes_no_energy(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    power = MeterValue(after(20), (SampledValue(Measurand.POWER_IMPORT, 7000.0),))
    bound = await record(site, kept.transaction_id, register(10, 1030), power)
    assert bound is not None
    assert bound.energy_wh == 30
    assert await site.meter_values(EVSE, transaction_id=kept.transaction_id) == (register(10, 1030), power)


async def test_of_two_open_transactions_the_newer_one_gets_the_reading(site: SiteLedger) -> None:
    older = await site.start_transaction(started(0))
    newer = await site.start_transaction(started(100))
    for seconds, expected in ((50, older), (150, newer)):
        bound = await record(site, None, register(seconds, 1000))
        assert bound is not None
        assert bound.transaction_id == expected.transaction_id


@pytest.mark.parametrize("by_id", [True, False])
async def test_readings_after_the_stop_are_kept_but_change_no_energy(site: SiteLedger, by_id: bool) -> None:
    kept = await site.start_transaction(started())
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 60, 1200))
    late = register(60, 1500)
    assert await record(site, kept.transaction_id if by_id else None, late) == ended
    assert await site.meter_values(EVSE, transaction_id=kept.transaction_id) == (late,)
    assert await site.lifetime_energy_wh(EVSE) == 200
    assert (await site.sessions())[0].energy_wh == 200


async def test_a_message_without_readings_keeps_nothing(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    assert await record(site, kept.transaction_id) == kept
    assert await record(site, None) is None
    assert await site.meter_values(EVSE) == ()


async def test_a_reading_at_the_whole_station_finds_its_transaction_by_id(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    bound = await record(site, kept.transaction_id, register(10, 1030), key=EvseKey("CP1", 0))
    assert bound is not None
    assert bound.energy_wh == 30


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, (10, 20, 30)), (after(20), None, (20, 30)), (None, after(20), (10,)), (after(11), after(30), (20,))],
)
async def test_readings_are_found_by_time(
    site: SiteLedger, start: datetime | None, end: datetime | None, expected: Sequence[int]
) -> None:
    await record(site, None, register(30, 3), register(10, 1), register(20, 2))
    found = await site.meter_values(EVSE, start=start, end=end)
    assert [value.time for value in found] == [after(seconds) for seconds in expected]


async def test_a_glitch_in_the_middle_is_kept_but_not_counted(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    energies = []
    for seconds, wh in ((10, 1030), (20, 9_999_999), (30, 1060), (40, 0), (50, 1090)):
        bound = await record(site, kept.transaction_id, register(seconds, wh))
        assert bound is not None
        energies.append(bound.energy_wh)
    assert energies == [30, 30, 60, 60, 90]
    assert len(await site.meter_values(EVSE)) == 5


async def test_what_a_killed_process_kept_and_could_not_acknowledge_is_kept_once(
    address: str | Path, tmp_path: Path
) -> None:
    ledger = await Ledger.open(address, tmp_path / "ledger.key")
    site = ledger.site("home")
    kept = await site.start_transaction(started())
    told = (register(10, 1010), register(20, 1020))
    await site.record_meter_values("CP1", 1, kept.transaction_id, told, after(20))
    await ledger.close()
    ledger = await Ledger.open(address, tmp_path / "ledger.key")
    site = ledger.site("home")
    again = await site.record_meter_values("CP1", 1, kept.transaction_id, told, after(60))
    assert again is not None
    assert (again.transaction_id, again.energy_wh) == (kept.transaction_id, 20)
    other = (register(20, 1025),)  # a reading of the same time that says something else is one of its own
    counted = await site.record_meter_values("CP1", 1, kept.transaction_id, other, after(60))
    assert counted is not None
    assert counted.energy_wh == 25
    assert await site.meter_values(EVSE) == (*told, *other)
    await ledger.close()

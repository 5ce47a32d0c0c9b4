"""TransactionEvents as real stations send them: repeated, late, incomplete, out of order."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus

from .conftest import Bench
from .raw_station_2 import RawStation2
from .test_v2 import ready


async def test_an_update_without_a_start_begins_the_transaction(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Updated", bench.now(), tx="mid", evse=1, energy=700.0, chargingState="Charging")
    assert bench.evse.transaction is not None
    assert bench.evse.transaction.transaction_id == "mid"
    assert bench.evse.status is EvseStatus.CHARGING


async def test_a_start_without_a_register_counts_from_the_first_reading(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=1)
    assert bench.store.transactions["tx-1"].meter_start_wh is None
    await client.event("Updated", bench.now(), energy=800.0)
    await client.event("Updated", bench.now(), energy=950.0)
    assert bench.store.transactions["tx-1"].energy_wh == 150.0


async def test_a_blocked_token_is_told_so_and_the_start_is_kept(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    bench.store.blocked_tags.add("BAD")
    answer = await client.event("Started", bench.now(), evse=1, token="BAD", energy=10.0)
    assert answer["idTokenInfo"]["status"] == "Invalid"
    assert "tx-1" in bench.store.transactions


async def test_an_offline_session_keeps_its_own_times_and_touches_nothing_live(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.connector("Occupied", bench.now())
    await client.event("Started", bench.now(), tx="live", evse=1, energy=900.0, chargingState="Charging")
    for kind, ago, energy in (("Started", 7200, 100.0), ("Updated", 5400, 300.0), ("Ended", 3600, 600.0)):
        evse = 1 if kind == "Started" else None
        await client.event(kind, bench.now(-ago), tx="old", evse=evse, energy=energy, offline=True)
    old = bench.store.transactions["old"]
    assert old.started_at == (bench.clock.now() - timedelta(hours=2)).replace(microsecond=0)
    assert (old.meter_start_wh, old.meter_stop_wh) == (100, 600)
    assert bench.evse.transaction is not None
    assert bench.evse.transaction.transaction_id == "live"
    assert bench.evse.status is EvseStatus.CHARGING
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.energy_wh == 900.0
    assert [event.live for event in bench.told(StationEventType.TRANSACTION_ENDED)] == [False]


@pytest.mark.parametrize("tx", ["", "x" * 37])
async def test_an_id_that_no_transaction_has_is_refused(bench: Bench, tx: str) -> None:
    client = await ready(bench, RawStation2())
    with pytest.raises(ValueError, match="PropertyConstraintViolation"):
        await client.event("Started", bench.now(), tx=tx, evse=1)
    assert bench.store.transactions == {}


async def test_an_event_at_an_evse_that_no_station_has_is_refused(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    with pytest.raises(ValueError, match="PropertyConstraintViolation"):
        await client.event("Started", bench.now(), evse=4000)


async def test_a_start_that_could_not_be_kept_is_sent_again(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    bench.store.broken = True
    at = bench.now()
    with pytest.raises(ValueError, match="InternalError"):
        await client.event("Started", at, evse=1, energy=10.0)
    bench.store.broken = False
    await client.event("Started", at, evse=1, energy=10.0, seq=0)
    assert list(bench.store.transactions) == ["tx-1"]

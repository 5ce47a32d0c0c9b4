"""TransactionEvents as real stations send them: repeated, late, incomplete, out of order."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus

from .conftest import Bench
from .raw_station_2 import RawStation2
from .test_v2 import ready


async def test_a_repeated_event_is_kept_once(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    at = bench.now()
    await client.event("Started", at, evse=1, token="TAG", energy=10.0)
    await client.event("Started", at, evse=1, token="TAG", energy=10.0, seq=0)
    await client.event("Updated", at, energy=20.0, seq=1)
    kept = len(bench.store.readings)
    await client.event("Updated", at, energy=20.0, seq=1)
    assert len(bench.store.readings) == kept
    assert list(bench.store.transactions) == ["tx-1"]
    assert len(bench.told(StationEventType.TRANSACTION_STARTED)) == 1
    assert bench.station.state.deviations["TransactionEvent repeated"] == 2


async def test_a_station_that_always_counts_0_loses_nothing(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=1, energy=10.0, seq=0)
    for energy in (20.0, 30.0):
        await bench.pass_time(10.0)
        await client.event("Updated", bench.now(), energy=energy, seq=0)
    assert bench.store.transactions["tx-1"].energy_wh == 20.0


async def test_a_gap_is_counted(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=1, energy=10.0, seq=0)
    await client.event("Updated", bench.now(), energy=20.0, seq=3)
    assert bench.station.state.deviations["TransactionEvent seqNo has a gap"] == 1


async def test_an_end_without_a_start_makes_a_whole_record(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event(
        "Ended", bench.now(), tx="lost", evse=2, energy=500.0, token="TAG", stoppedReason="EVDisconnected"
    )
    kept = bench.store.transactions["lost"]
    assert (kept.evse_id, kept.id_token, kept.stop_reason, kept.meter_stop_wh) == (2, "TAG", "EVDisconnected", 500)
    assert bench.station.state.evses[2].transaction is None


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


async def test_a_token_that_comes_later_belongs_to_the_transaction(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=1, energy=10.0)
    answer = await client.event("Updated", bench.now(), token="LATER", reason="Authorized")
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert bench.store.transactions["tx-1"].id_token == "LATER"


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


async def test_a_transaction_goes_on_over_a_restart_of_the_central_system(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=2, energy=10.0)
    await client.close()
    again = await ready(bench, RawStation2())
    await again.event("Updated", bench.now(), energy=60.0, seq=1)
    assert bench.station.state.evses[2].transaction is not None
    assert bench.store.transactions["tx-1"].energy_wh == 50.0


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


async def test_units_with_multipliers_are_understood(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    reading = {
        "value": 1.5,
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": "Wh", "multiplier": 3},
    }
    power = {"value": 7.4, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}
    absurd = {"value": 1.0, "measurand": "Voltage", "unitOfMeasure": {"unit": "V", "multiplier": 400}}
    await client.ask(
        "MeterValues",
        {"evseId": 1, "meterValue": [{"timestamp": bench.now(), "sampledValue": [reading, power, absurd]}]},
    )
    assert bench.evse.measurement is not None
    assert (bench.evse.measurement.energy_wh, bench.evse.measurement.power_w) == (1500.0, 7400.0)
    assert bench.station.state.dropped_values == 1

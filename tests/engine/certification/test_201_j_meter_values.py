"""Certification cases of OCPP 2.0.1, block J: readings by the clock and by the transaction, plain and signed."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import TAG, authorize, charge, go_on, online, tell_event, tell_status

INTERVAL_S = 10.0
SIGNED = {"signedMeterData": "AA==", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "AA=="}


def sample(energy: float, context: str, *, signed: bool = False) -> dict[str, Any]:
    proof = {"signedMeterValue": SIGNED} if signed else {}
    return {"value": energy, "context": context, "measurand": "Energy.Active.Import.Register", **proof}


async def by_the_clock(bench: Bench, client: RawStation2, evse: int, energy: float) -> None:
    """Send a clock-aligned reading and the periodic event that goes with it; both have empty answers."""
    value = {"timestamp": bench.now(), "sampledValue": [sample(energy, "Sample.Clock")]}
    assert await client.ask("MeterValues", {"evseId": evse, "meterValue": [value]}) == {}
    await tell_event(bench, client, {"name": "FiscalMetering"}, "Energy", trigger="Periodic", actualValue=str(energy))


@pytest.mark.certification("TC_J_01")
async def test_readings_come_by_the_clock_while_nobody_charges(bench: Bench) -> None:
    client = await online(bench)
    for evse in (0, 1):
        for count in range(3):
            await by_the_clock(bench, client, evse, 100.0 * count)
            await bench.pass_time(INTERVAL_S)
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.energy_wh == 200.0
    assert len(bench.told(StationEventType.ALERT)) == 6
    assert bench.station.state.dropped_values == 0


@pytest.mark.certification("TC_J_02")
async def test_readings_come_by_the_clock_beside_a_charge(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    for count in range(1, 4):
        await bench.pass_time(INTERVAL_S)
        for evse in (0, 2):
            await by_the_clock(bench, client, evse, 5.0)
        told = await client.event(
            "Updated", bench.now(), reason="MeterValueClock", evse=1, energy=100.0 * count, context="Sample.Clock"
        )
        assert told == {}
        assert bench.evse.measurement is not None
        assert bench.evse.measurement.energy_wh == 100.0 * count
    assert bench.evse.status is EvseStatus.CHARGING


@pytest.mark.certification("TC_J_03")
@pytest.mark.certification("TC_J_04")
@pytest.mark.certification("TC_J_10")
@pytest.mark.certification("TC_J_11")
@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
@pytest.mark.parametrize("context", ["Sample.Clock", "Sample.Periodic"])
async def test_the_end_of_a_charge_carries_its_readings(bench: Bench, context: str, signed: bool) -> None:
    client = await online(bench)
    await charge(bench, client)
    await bench.pass_time(3 * INTERVAL_S)
    await tell_status(bench, client, "Available")
    readings = [
        {
            "timestamp": bench.now(-INTERVAL_S),
            "sampledValue": [sample(400.0, context, signed=signed)],
        },
        {
            "timestamp": bench.now(),
            "sampledValue": [
                sample(510.0, context, signed=signed),
                sample(510.0, "Transaction.End", signed=signed),
            ],
        },
    ]
    ended = {
        "eventType": "Ended",
        "timestamp": bench.now(),
        "triggerReason": "EVCommunicationLost",
        "seqNo": client.sequences["tx-1"] + 1,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "Idle", "stoppedReason": "EVDisconnected"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": readings,
    }
    assert await client.ask("TransactionEvent", ended) == {}
    kept = bench.store.transactions["tx-1"]
    assert (kept.meter_start_wh, kept.meter_stop_wh, kept.stop_reason) == (0, 510, "EVDisconnected")
    assert kept.stopped_at == bench.clock.now()
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert bench.evse.transaction is None
    assert bench.station.state.dropped_values == 0
    assert not {kind for kind in bench.station.state.deviations if kind.startswith("TransactionEvent")}


@pytest.mark.certification("TC_J_07")
async def test_the_start_of_a_charge_carries_its_first_reading(bench: Bench) -> None:
    client = await online(bench)
    await tell_status(bench, client, "Occupied")
    told = await client.event(
        "Started", bench.now(), evse=1, energy=70.0, context="Transaction.Begin", chargingState="EVConnected"
    )
    assert told == {}
    await go_on(bench, client)
    assert bench.store.transactions["tx-1"].meter_start_wh == 70


@pytest.mark.certification("TC_J_08")
@pytest.mark.parametrize("evse", [1, 2])
async def test_the_first_reading_comes_once_the_car_is_plugged_in_somewhere(bench: Bench, evse: int) -> None:
    client = await online(bench)
    await authorize(client)
    started = await client.event("Started", bench.now(), reason="Authorized", token=TAG)
    assert started["idTokenInfo"]["status"] == "Accepted"
    await tell_status(bench, client, "Occupied", evse)
    told = await client.event(
        "Updated", bench.now(), evse=evse, energy=70.0, context="Transaction.Begin", chargingState="EVConnected"
    )
    assert told == {}
    await go_on(bench, client, evse)
    shown = bench.station.state.evses[evse]
    assert shown.status is EvseStatus.CHARGING
    assert shown.measurement is not None
    assert shown.measurement.energy_wh == 70.0


async def test_a_tag_that_waits_for_its_car_does_not_disturb_who_charges(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    await client.event("Started", bench.now(), tx="tx-2", reason="Authorized", token="OTHER")
    await bench.pass_time(120.0)
    assert bench.evse.transaction is not None
    assert bench.evse.transaction.transaction_id == "tx-1"
    assert bench.store.transactions["tx-1"].stopped_at is None
    await client.event("Updated", bench.now(), tx="tx-2", evse=2, energy=7.0, chargingState="EVConnected")
    waited = bench.station.state.evses[2].transaction
    assert waited is not None
    assert (waited.transaction_id, waited.id_token, waited.meter_start_wh) == ("tx-2", "OTHER", None)
    assert bench.told(StationEventType.TAG_PRESENTED)[-1].evse_id == 2


async def test_a_tag_that_no_car_follows_leaves_no_session(bench: Bench) -> None:
    client = await online(bench)
    started = await client.event("Started", bench.now(), reason="Authorized", token=TAG)
    assert started["idTokenInfo"]["status"] == "Accepted"
    assert await client.event("Updated", bench.now(), reason="EVConnectTimeout") == {}
    assert await client.event("Ended", bench.now(), reason="EVConnectTimeout", stoppedReason="Timeout") == {}
    assert bench.store.transactions == {}
    await client.event("Started", bench.now(), tx="tx-2", evse=1, token=TAG, energy=0.0)
    assert list(bench.store.transactions) == ["tx-2"]


async def test_only_so_many_tags_wait_for_their_cars(bench: Bench) -> None:
    client = await online(bench)
    for number in range(65):
        await client.event("Started", bench.now(), tx=f"tx-{number}", reason="Authorized", token=f"TAG{number}")
    odd = "TransactionEvent of a transaction that never started"
    await client.event("Updated", bench.now(), tx="tx-64", evse=2, chargingState="EVConnected")
    assert bench.store.transactions["tx-64"].id_token == "TAG64"
    assert odd not in bench.station.state.deviations
    await client.event("Updated", bench.now(), tx="tx-0", evse=1, chargingState="EVConnected")
    assert bench.store.transactions["tx-0"].evse_id == 1
    assert odd in bench.station.state.deviations


@pytest.mark.certification("TC_J_09")
async def test_readings_come_while_a_car_charges(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    for count in range(1, 4):
        await bench.pass_time(INTERVAL_S)
        told = await client.event(
            "Updated", bench.now(), reason="MeterValuePeriodic", evse=1, energy=100.0 * count, chargingState="Charging"
        )
        assert told == {}
        assert bench.evse.measurement is not None
        assert bench.evse.measurement.energy_wh == 100.0 * count
    assert bench.clock.now() - bench.store.transactions["tx-1"].started_at == timedelta(seconds=3 * INTERVAL_S)

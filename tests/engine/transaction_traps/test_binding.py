"""Traps of what belongs to which transaction and which socket: ids that are missing, unknown, late or told twice."""

import asyncio
from typing import Any

import pytest

from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy, TokenDetails
from custom_components.smart_charging.engine.model import EvseKey, EvseStatus
from tests.engine.transaction_traps.conftest import KEY, Place

SECOND = EvseKey("CP1", 2)
MISSING: dict[str, Any] = {}


async def test_trap_03_readings_sent_before_the_answer_to_the_start_belong_to_it(place: Place) -> None:
    charger = await place.ready_16()
    at = place.now()
    starting = asyncio.ensure_future(charger.start(at, 1000))
    await asyncio.sleep(0)
    await charger.loose(at, charger.energy(1400))
    tx = await starting
    assert (await place.kept(tx)).energy_wh == 400.0


@pytest.mark.parametrize(
    "named",
    [{"transactionId": 0}, {"transactionId": -1}, {"transactionId": None}, MISSING],
    ids=["zero", "minus_one", "null", "missing"],
)
async def test_trap_03_readings_without_a_usable_id_are_bound_by_socket_and_time(
    place: Place, named: dict[str, Any]
) -> None:
    charger = await place.ready_16()
    first = await charger.start(place.now(), 1000)
    second = await charger.start(place.now(), 7000, evse=2, tag="OTHER")
    value = {"timestamp": place.now(), "sampledValue": [charger.energy(1400)]}
    await charger.raw.ask("MeterValues", {"connectorId": 1, "meterValue": [value], **named})
    assert (await place.kept(first)).energy_wh == 400.0
    assert (await place.kept(second, SECOND)).energy_wh == 0.0
    await charger.stop(first, place.now(), 1500)
    await place.pass_time(30)
    third = await charger.start(place.now(), 1500)
    late = {"timestamp": place.now(-30), "sampledValue": [charger.energy(1450)]}
    await charger.raw.ask("MeterValues", {"connectorId": 1, "meterValue": [late], **named})
    of_first = await place.records.meter_values(KEY, transaction_id=first)
    assert [one.values[0].value for one in of_first] == [1400.0, 1450.0]
    assert await place.records.meter_values(KEY, transaction_id=third) == ()


async def test_trap_03_readings_apart_from_events_are_bound_by_socket_and_time(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    tx = await charger.start(place.now(), 1000)
    await charger.loose(place.now(), charger.energy(1400))
    await charger.loose(place.now(), charger.energy(9000), evse=2)
    assert (await place.kept(tx)).energy_wh == 400.0


@pytest.mark.parametrize("tx", [999, 0, -1])
async def test_trap_04_end_of_an_unknown_transaction_is_acknowledged_and_kept_apart(place: Place, tx: int) -> None:
    charger = await place.ready_16()
    live = await charger.start(place.now(), 1000)
    for _ in range(2):
        assert await charger.stop(str(tx), place.now(-3), 1500) == {}
    assert await place.orphans() == [(str(tx), 1500)]
    assert place.running() == live
    assert [(one.transaction_id, one.stopped_at) for one in await place.all_kept()] == [(live, None)]


async def test_trap_04_end_of_another_stations_transaction_changes_nothing(place: Place) -> None:
    charger = await place.ready_16()
    live = await charger.start(place.now(), 1000)
    await place.site.add_charger(place.station.config.__class__("CP2", "CP2", allow_without_password=True))
    other = await place.ready("1.6", "CP2")
    assert await other.stop(live, place.now(), 1500) == {}
    assert place.running() == live
    assert await place.orphans() == [(live, 1500)]


async def test_trap_04_end_of_an_unknown_transaction_leaves_the_running_one_alone(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    live = await charger.start(place.now(), 1000)
    await charger.raw.event("Ended", place.now(-10), tx="unknown", evse=1, energy=900, stoppedReason="Local")
    assert place.running() == live
    assert (await place.kept("unknown")).energy_wh == 0.0
    assert await place.orphans() == []


async def test_trap_05_end_told_twice_counts_once(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    at = place.now()
    await charger.stop(tx, at, 2000)
    await charger.stop(tx, at, 3000)
    await place.settled()
    kept = await place.kept(tx)
    assert (kept.energy_wh, kept.meter_stop_wh) == (1000.0, 2000)
    assert place.shown.lifetime_energy_wh == 1000.0


async def test_trap_05_closing_readings_after_the_end_open_and_add_nothing(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await charger.stop(tx, place.now(), 2000)
    await charger.sample(tx, place.now(), charger.energy(2001, context="Transaction.End"))
    await place.settled()
    kept = await place.kept(tx)
    assert (kept.energy_wh, kept.stopped_at) == (1000.0, place.at())
    assert place.running() is None
    assert "TransactionEvent of a transaction that never started" not in place.deviations
    assert await place.records.open_transactions("CP1") == ()


async def test_trap_06_end_before_the_answer_to_the_remote_stop_is_no_deadlock(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    charger.raw.answers[charger.stop_request] = lambda _: None if not held.done() else {"status": "Accepted"}
    asking = asyncio.ensure_future(place.site.stop_charging(KEY))
    await place.until(lambda: charger.raw.sent(charger.stop_request) != [])
    await charger.stop(tx, place.now(), 1500)
    assert place.running() is None
    assert (await place.kept(tx)).energy_wh == 500.0
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_trap_11_available_with_an_open_transaction_closes_it_as_lost_after_a_grace(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await charger.meter(tx, place.now(), 1800)
    await charger.status("Preparing", place.now())
    await charger.status("Available", place.now())
    await place.pass_time(55)
    assert place.running() == tx
    await place.pass_time(10)
    await place.until(lambda: place.running() is None)
    kept = await place.kept(tx)
    assert (kept.stop_reason, kept.energy_wh) == ("Lost", 800.0)
    await charger.stop(tx, place.now(-60), 2000)
    kept = await place.kept(tx)
    assert (kept.stop_reason, kept.energy_wh, kept.stopped_at) == ("EVDisconnected", 1000.0, place.at(-60))


async def test_trap_11_stop_within_the_grace_is_the_one_that_counts(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await charger.status("Preparing", place.now())
    await charger.status("Available", place.now())
    await place.pass_time(30)
    await charger.stop(tx, place.now(-30), 2000)
    await place.pass_time(90)
    assert (await place.kept(tx)).stop_reason == "EVDisconnected"


async def test_trap_12_connector_zero_is_the_station_and_never_a_socket(place: Place) -> None:
    charger = await place.ready_16()
    await charger.status("Preparing", place.now(), evse=1)
    await charger.status("Faulted", place.now(), evse=0)
    assert place.station.state.status is EvseStatus.FAULTED
    assert place.evse.status is EvseStatus.PREPARING
    await charger.status("Charging", place.now(), evse=0)  # of two sockets, nobody knows which
    assert place.evse.status is EvseStatus.PREPARING
    await charger.loose(place.now(), charger.reading("Power.Active.Import", 5000), evse=1)
    await charger.loose(place.now(), charger.reading("Power.Active.Import", 9000), evse=0)
    assert place.evse.measurement is not None
    assert place.evse.measurement.power_w == 5000
    assert 0 not in place.station.state.evses


async def test_trap_12_single_socket_that_reports_everything_on_zero_is_socket_one(place: Place) -> None:
    charger = await place.dial("1.6")
    await charger.raw.boot()
    await place.until(lambda: place.station.state.setup != ())
    await charger.status("Preparing", place.now(), evse=0)
    assert place.evse.status is EvseStatus.PREPARING
    tx = await charger.start(place.now(), 1000, evse=0)
    await charger.meter(tx, place.now(), 1300, evse=0)
    assert place.running() == tx
    assert (await place.kept(tx)).energy_wh == 300.0


async def test_trap_12_evse_zero_is_the_stations_own_meter(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.loose(place.now(), charger.reading("Power.Active.Import", 5000), evse=1)
    await charger.loose(place.now(), charger.reading("Power.Active.Import", 9000), evse=0)
    assert place.evse.measurement is not None
    assert place.evse.measurement.power_w == 5000
    assert 0 not in place.station.state.evses
    await charger.raw.connector("Unavailable", place.now(), evse=0, connector=0)
    assert place.station.state.status is EvseStatus.UNAVAILABLE
    assert 0 not in place.station.state.evses


@pytest.mark.parametrize("shares", [False, True])
async def test_trap_13_same_tag_at_a_second_socket_is_concurrent_by_policy(
    place: Place, version: str, shares: bool
) -> None:
    place.access.policy = AccessPolicy(AccessMode.KNOWN_ONLY, groups_share=shares)
    await place.records.tokens.add("TAG", TokenDetails("Anna", group="Family"), place.clock.now())
    charger = await place.ready(version)
    info = "idTagInfo" if version == "1.6" else "idTokenInfo"
    first = await charger.start(place.now(), 1000)
    second = await charger.start(place.now(), 7000, evse=2)
    assert charger.answer[info]["status"] == ("Accepted" if shares else "ConcurrentTx")  # type: ignore[attr-defined]  # both have it
    assert (place.running(1), place.running(2)) == (first, second)
    await charger.stop(first, place.now(), 1500)
    assert place.running(2) == second
    assert (await place.kept(first)).energy_wh == 500.0


async def test_trap_13_tag_told_later_is_concurrent_too(place: Place, version_2: str) -> None:
    place.access.policy = AccessPolicy(AccessMode.KNOWN_ONLY)
    await place.records.tokens.add("TAG", TokenDetails("Anna"), place.clock.now())
    charger = await place.ready_2(version_2)
    await charger.start(place.now(), 1000)
    await charger.raw.event("Started", place.now(), tx="b", evse=2, energy=10)
    answer = await charger.raw.event("Updated", place.now(), tx="b", token="TAG", reason="Authorized")
    assert answer["idTokenInfo"]["status"] == "ConcurrentTx"


async def test_trap_13_strangers_share_the_tag_of_a_station_that_charges_for_everybody(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    info = "idTagInfo" if version == "1.6" else "idTokenInfo"
    for evse in (1, 2):
        await charger.start(place.now(), 1000, evse=evse, tag="FREEVEND")
        assert charger.answer[info]["status"] == "Accepted"  # type: ignore[attr-defined]  # both have it

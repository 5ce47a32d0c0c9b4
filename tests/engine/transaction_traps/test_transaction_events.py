"""Trap 10: events of OCPP 2 that are numbered oddly, come out of order, or leave out what others told."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.view import SiteEventType
from tests.engine.transaction_traps.conftest import KEY, Place, charger_config

SECOND = EvseKey("CP1", 2)


async def test_trap_10_gap_in_the_numbers_is_counted_and_loses_nothing(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000, seq=0)
    await charger.raw.event("Updated", place.now(1), tx="a", energy=1300, seq=4)
    await charger.raw.event("Updated", place.now(2), tx="a", energy=1400, seq=5)
    assert place.deviations["TransactionEvent seqNo has a gap"] == 1
    assert (await place.kept("a")).energy_wh == 400.0


async def test_trap_10_duplicate_event_is_kept_once(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000, seq=0)
    for _ in range(3):
        await charger.raw.event("Updated", place.now(1), tx="a", energy=1300, seq=1)
    assert len(await place.records.meter_values(KEY, transaction_id="a")) == 2
    assert place.deviations["TransactionEvent repeated"] == 2
    for _ in range(2):
        await charger.raw.event("Ended", place.now(2), tx="a", energy=1500, seq=2, stoppedReason="Local")
    await place.settled()
    assert place.shown.lifetime_energy_wh == 500.0


async def test_trap_10_station_that_always_counts_zero_loses_nothing(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000, seq=0)
    for register in (1300, 1400):
        await place.pass_time(10)
        await charger.raw.event("Updated", place.now(), tx="a", energy=register, seq=0)
    await charger.raw.event("Ended", place.now(), tx="a", energy=1500, seq=0, stoppedReason="Local")
    assert (await place.kept("a")).energy_wh == 500.0


async def test_trap_10_update_that_overtakes_the_start_leaves_its_begin_to_the_start(
    place: Place, version_2: str
) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Updated", place.now(-30), tx="a", evse=1, energy=1300, seq=1)
    await charger.raw.event("Started", place.now(-60), tx="a", evse=1, energy=1000, seq=0, token="TAG")
    await charger.raw.event("Updated", place.now(), tx="a", energy=1400, seq=2)
    kept = await place.kept("a")
    assert (kept.started_at, kept.meter_start_wh, kept.energy_wh, kept.id_token) == (place.at(-60), 1000, 400.0, "TAG")
    assert place.running() == "a"
    assert place.evse.transaction is not None
    assert place.evse.transaction.id_token == "TAG"
    await charger.raw.event("Ended", place.now(1), tx="a", energy=1500, seq=3, stoppedReason="Local")
    assert (await place.kept("a")).energy_wh == 500.0
    await place.settled()
    assert place.shown.lifetime_energy_wh == 500.0


async def test_trap_10_end_that_overtakes_start_and_update_is_completed_by_them(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Ended", place.now(-10), tx="a", evse=1, energy=1500, seq=2, stoppedReason="Local")
    await charger.raw.event("Started", place.now(-60), tx="a", evse=1, energy=1000, seq=0, token="TAG")
    await charger.raw.event("Updated", place.now(-30), tx="a", energy=1300, seq=1)
    kept = await place.kept("a")
    assert (kept.started_at, kept.stopped_at) == (place.at(-60), place.at(-10))
    assert (kept.energy_wh, kept.id_token, kept.stop_reason) == (500.0, "TAG", "Local")
    assert place.running() is None
    (session,) = await place.records.sessions(key=KEY)
    assert (session.plugged_in_at, session.energy_wh) == (place.at(-60), 500.0)
    assert await place.records.lifetime_energy_wh(KEY) == 500.0


async def test_trap_10_start_of_an_older_register_that_makes_no_sense_adds_nothing(
    place: Place, version_2: str
) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Updated", place.now(-30), tx="a", evse=1, energy=9_000_000, seq=1)
    await charger.raw.event("Started", place.now(-60), tx="a", evse=1, energy=1000, seq=0)
    await charger.raw.event("Updated", place.now(), tx="a", energy=9_000_100, seq=2)
    assert (await place.kept("a")).energy_wh == 100.0


async def test_trap_10_start_without_a_register_that_comes_late_counts_from_what_is_known(
    place: Place, version_2: str
) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Updated", place.now(-30), tx="a", evse=1, energy=1300, seq=1)
    await charger.raw.event("Started", place.now(-60), tx="a", evse=1, seq=0)
    kept = await place.kept("a")
    assert (kept.started_at, kept.meter_start_wh, kept.energy_wh) == (place.at(-60), 1300, 0.0)


async def test_trap_10_register_told_by_the_start_only_counts_for_an_update_without_one(
    place: Place, version_2: str
) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Updated", place.now(-30), tx="a", evse=1, seq=1, chargingState="Charging")
    await charger.raw.event("Started", place.now(-60), tx="a", evse=1, energy=1000, seq=0)
    await charger.raw.event("Updated", place.now(), tx="a", energy=1400, seq=2)
    assert (await place.kept("a")).energy_wh == 400.0


async def test_trap_10_event_marked_offline_is_of_the_past_whatever_its_time(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(-5), tx="a", evse=1, energy=1000, offline=True)
    assert (await place.kept("a")).offline
    assert place.running() is None
    assert place.told(SiteEventType.TAG_PRESENTED) == []


async def test_trap_10_end_without_a_start_makes_a_whole_record(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    begin, end = charger.energy(1000, context="Transaction.Begin"), charger.energy(1600, context="Transaction.End")
    values = [
        {"timestamp": place.now(-600), "sampledValue": [begin]},
        {"timestamp": place.now(), "sampledValue": [end]},
    ]
    token = {"idToken": "TAG", "type": "ISO14443"}
    await charger.event("Ended", place.now(), "a", evse={"id": 2}, idToken=token, meterValue=values)
    kept = await place.kept("a", SECOND)
    assert (kept.started_at, kept.stopped_at, kept.energy_wh) == (place.at(-600), place.at(), 600.0)
    assert kept.id_token == "TAG"
    assert place.running(2) is None


async def test_trap_10_started_twice_is_one_transaction(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000, seq=0)
    await charger.raw.event("Started", place.now(5), tx="a", evse=1, energy=1100, seq=1, token="TAG")
    await charger.raw.event("Ended", place.now(9), tx="a", energy=1500, stoppedReason="Local")
    (kept,) = await place.all_kept()
    assert (kept.started_at, kept.meter_start_wh, kept.energy_wh, kept.id_token) == (place.at(), 1000, 500.0, "TAG")


async def test_trap_10_ids_are_texts_that_are_unique_only_at_their_station(place: Place, version_2: str) -> None:
    await place.site.add_charger(charger_config("CP2"))
    one, two = await place.ready_2(version_2), await place.ready_2(version_2, "CP2")
    tx = "0f2e-" + "x" * 31  # 36 characters
    for charger, register in ((one, 1000), (two, 5000)):
        await charger.raw.event("Started", place.now(), tx=tx, evse=1, energy=register)
        await charger.raw.event("Updated", place.now(1), tx=tx, energy=register + 400)
    await one.raw.event("Ended", place.now(2), tx=tx, energy=1500, stoppedReason="Local")
    other = EvseKey("CP2", 1)
    first, second = await place.kept(tx), await place.kept(tx, other)
    assert (first.energy_wh, first.stopped_at is None) == (500.0, False)
    assert (second.energy_wh, second.stopped_at is None) == (400.0, True)
    with pytest.raises(ValueError, match="PropertyConstraintViolation"):
        await one.raw.event("Started", place.now(), tx="x" * 37, evse=1)


START_POINTS: dict[str, dict[str, Any]] = {
    "ParkingBayOccupied": {"reason": "EVDetected"},
    "EVConnected": {"reason": "CablePluggedIn", "evse": 1, "chargingState": "EVConnected"},
    "Authorized": {"reason": "Authorized", "evse": 1, "token": "TAG"},
    "PowerPathClosed": {"reason": "ChargingStateChanged", "evse": 1, "token": "TAG", "chargingState": "Charging"},
    "EnergyTransfer": {"reason": "ChargingStateChanged", "evse": 1, "chargingState": "Charging", "energy": 1000},
}


@pytest.mark.parametrize("point", START_POINTS)
async def test_trap_10_transaction_may_start_at_any_point(place: Place, version_2: str, point: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", **START_POINTS[point])
    placed = "evse" in START_POINTS[point]
    assert place.running() == ("a" if placed else None)  # which of two EVSEs it is at is not known before
    answer = await charger.raw.event("Updated", place.now(1), tx="a", evse=1, token="TAG", energy=1000)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await charger.raw.event("Updated", place.now(2), tx="a", energy=1200, chargingState="Charging")
    await charger.raw.event("Ended", place.now(3), tx="a", energy=1500, stoppedReason="EVDisconnected")
    (kept,) = await place.all_kept()
    assert (kept.id_token, kept.energy_wh, kept.started_at) == ("TAG", 500.0, place.at(0 if placed else 1))


async def test_trap_10_token_that_comes_later_is_the_transactions_and_is_told(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000)
    await charger.raw.event("Updated", place.now(1), tx="a", token="TAG", reason="Authorized")
    await charger.raw.event("Updated", place.now(2), tx="a", token="TAG", reason="Deauthorized")
    assert place.evse.transaction is not None
    assert place.evse.transaction.id_token == "TAG"
    assert (await place.kept("a")).id_token == "TAG"
    await place.settled()
    assert [event.key for event in place.told(SiteEventType.TAG_PRESENTED)] == [KEY]


async def test_trap_10_evse_told_only_at_first_holds_for_all_that_follows(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=2, energy=1000)
    await charger.raw.event("Updated", place.now(1), tx="a", energy=1200)
    await place.restart()
    charger = await place.ready_2(version_2)
    await charger.raw.event("Updated", place.now(2), tx="a", energy=1300, seq=2)
    assert (place.running(1), place.running(2)) == (None, "a")
    await charger.raw.event("Ended", place.now(3), tx="a", energy=1500, stoppedReason="Local")
    assert (await place.kept("a", SECOND)).energy_wh == 500.0
    assert await place.all_kept() == []


async def test_trap_10_end_with_the_tag_that_stops_ends_and_begins_nothing(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    await charger.raw.event("Started", place.now(), tx="a", evse=1, energy=1000, token="TAG")
    answer = await charger.raw.event(
        "Ended", place.now(5), tx="a", energy=1500, token="OTHER", reason="StopAuthorized", stoppedReason="Local"
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
    kept = await place.kept("a")
    assert (kept.id_token, kept.energy_wh, kept.stop_reason) == ("TAG", 500.0, "Local")
    assert place.running() is None
    assert len(await place.all_kept()) == 1


async def test_trap_10_end_without_a_reason_is_one_at_the_station(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    if version == "1.6":
        payload = {"transactionId": int(tx), "timestamp": place.now(), "meterStop": 1500}
        await charger.raw.ask("StopTransaction", payload)
    else:
        await charger.raw.event("Ended", place.now(), tx=tx, energy=1500, reason="StopAuthorized")  # type: ignore[attr-defined]  # of OCPP 2
    assert (await place.kept(tx)).stop_reason == "Local"

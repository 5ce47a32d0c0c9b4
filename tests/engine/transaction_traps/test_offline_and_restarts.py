"""Traps of time that passed unseen: queues, repeated starts, restarts of either side."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError
from custom_components.smart_charging.engine.id_token import AccessMode, AccessPolicy
from custom_components.smart_charging.engine.model import AuthorizationStatus, StoreError
from custom_components.smart_charging.engine.view import SiteEventType
from tests.engine.transaction_traps.conftest import KEY, Place

HOUR, WEEK = 3600, 7 * 86400


@pytest.mark.parametrize("ago", [300, 2 * HOUR, 3 * WEEK], ids=["minutes", "hours", "weeks"])
async def test_trap_01_queued_transaction_keeps_its_own_times_and_is_marked_offline(
    place: Place, version: str, ago: int
) -> None:
    charger = await place.ready(version)
    await charger.status("Available", place.now())
    begun, metered, ended = place.at(-ago), place.now(-ago + 60), place.at(-ago + 120)
    tx = await charger.start(place.now(-ago), 1000, offline=True)
    await charger.meter(tx, metered, 1500, offline=True)
    await charger.stop(tx, place.now(-ago + 120), 2000, offline=True)
    kept = await place.kept(tx)
    assert (kept.started_at, kept.stopped_at, kept.energy_wh, kept.offline) == (begun, ended, 1000.0, True)
    (session,) = await place.records.sessions(start=begun, end=ended, key=KEY)
    assert (session.plugged_in_at, session.plugged_out_at, session.energy_wh) == (begun, ended, 1000.0)
    assert await place.records.sessions(start=ended + timedelta(seconds=1), key=KEY) == ()
    readings = await place.records.meter_values(KEY, transaction_id=tx)
    assert begun + timedelta(seconds=60) in [reading.time for reading in readings]


async def test_trap_01_live_transaction_is_not_marked_offline(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await place.pass_time(300)
    await charger.stop(tx, place.now(), 2000)
    assert not (await place.kept(tx)).offline


async def test_trap_01_queue_interleaved_with_live_messages_moves_nothing_that_is_shown_back(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    await charger.status("Charging", place.now())
    live = await charger.start(place.now(), 5000)
    await charger.meter(live, place.now(), 5600)
    await place.settled()
    shown = place.shown
    assert (shown.session_energy_wh, shown.lifetime_energy_wh) == (600.0, 600.0)
    old = await charger.start(place.now(-2 * HOUR), 1000, offline=True)
    totals = [shown.lifetime_energy_wh]
    for step, (register, live_register) in enumerate([(2000, 5700), (3000, 5800), (4000, 5900)]):
        await charger.meter(old, place.now(-2 * HOUR + 600 * step), register, offline=True)
        await place.pass_time(10)
        await charger.meter(live, place.now(), live_register)
        await place.settled()
        assert place.running() == live
        assert place.evse.measurement is not None
        assert place.evse.measurement.energy_wh == live_register
        assert place.shown.session_energy_wh == live_register - 5000
        totals.append(place.shown.lifetime_energy_wh)
    await charger.stop(old, place.now(-HOUR), 4500, offline=True)
    await place.settled()
    totals.append(place.shown.lifetime_energy_wh)
    assert totals == sorted(totals, key=lambda total: total or 0.0)
    assert place.shown.session_energy_wh == 900.0
    assert place.shown.lifetime_energy_wh == 900.0 + 3500.0
    assert [(tx.energy_wh, tx.offline) for tx in await place.all_kept()] == [(3500.0, True), (900.0, False)]


async def test_trap_01_transaction_that_ended_in_the_queue_only_is_marked_too(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await place.pass_time(1800)
    await charger.stop(tx, place.now(-600), 2000, offline=True)
    kept = await place.kept(tx)
    assert (kept.offline, kept.stopped_at) == (True, place.at(-600))


async def test_trap_01_reading_called_offline_is_not_shown_however_young(place: Place, version_2: str) -> None:
    charger = await place.ready(version_2)
    tx = await charger.start(place.now(), 1000)
    await charger.meter(tx, place.now(1), 1500, offline=True)
    assert place.evse.measurement is not None
    assert place.evse.measurement.energy_wh == 1000
    assert (await place.kept(tx)).energy_wh == 500


async def test_trap_02_retransmitted_start_gets_the_same_transaction_id(place: Place) -> None:
    charger = await place.ready_16()
    at = place.now()
    first = await charger.start(at, 1000)
    for tag in ("TAG", "tag"):  # an idTag knows no case
        assert await charger.start(at, 1000, tag=tag) == first
        assert charger.answer["idTagInfo"]["status"] == "Accepted"
    await place.restart()
    charger = await place.ready_16()
    assert await charger.start(at, 1000) == first
    await charger.stop(first, place.now(), 1500)
    assert await charger.start(at, 1000) == first
    assert place.running() is None
    assert len(await place.all_kept()) == 1


async def test_trap_02_start_that_differs_in_any_field_is_another_transaction(place: Place) -> None:
    charger = await place.ready_16()
    at = place.now()
    ids = {
        await charger.start(at, 1000),
        await charger.start(place.now(1), 1000),
        await charger.start(at, 1001),
        await charger.start(at, 1000, tag="OTHER"),
        await charger.start(at, 1000, evse=2),
    }
    assert len(ids) == 5


async def test_trap_02_repeated_start_event_is_one_transaction(place: Place, version_2: str) -> None:
    charger = await place.ready_2(version_2)
    at = place.now()
    for _ in range(2):
        answer = await charger.raw.event("Started", at, tx="a", evse=1, token="TAG", energy=1000, seq=0)
        assert answer["idTokenInfo"]["status"] == "Accepted"
    assert [tx.transaction_id for tx in await place.all_kept()] == ["a"]


@pytest.mark.parametrize(
    "broken",
    [
        {"idTag": "T" * 40},
        {"idTag": ""},
        {"meterStart": "12,5"},
        {"meterStart": None},
        {"meterStart": -1},
        {"timestamp": "yesterday"},
        {"reservationId": "x"},
        {"unheardOf": 1},
    ],
    ids=lambda broken: next(iter(broken)),
)
async def test_trap_02_start_that_breaks_the_schema_is_answered_and_never_an_error(
    place: Place, broken: dict[str, object]
) -> None:
    charger = await place.ready_16()
    sound = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": place.now()}
    answer = await charger.raw.ask("StartTransaction", sound | broken)
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert place.running() == str(answer["transactionId"])


async def test_trap_02_refused_tag_gets_an_answer_with_a_transaction_and_no_error(place: Place) -> None:
    charger = await place.ready_16()
    place.access.policy = AccessPolicy(AccessMode.KNOWN_ONLY)
    tx = await charger.start(place.now(), 1000)
    assert charger.answer["idTagInfo"]["status"] == AuthorizationStatus.INVALID
    assert (await place.kept(tx)).transaction_id == tx


async def test_trap_02_only_a_start_that_could_not_be_kept_is_an_error(
    place: Place, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_start: object) -> None:
        raise StoreError("disk full")

    charger = await place.ready(version)
    with monkeypatch.context() as broken:
        broken.setattr(place.records, "start_transaction", full)
        with pytest.raises(ValueError, match="InternalError"):
            await charger.start(place.now(), 1000)
    tx = await charger.start(place.now(), 1000)
    assert place.running() == tx


async def test_trap_08_transaction_is_on_the_disk_before_it_is_answered(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    (kept,) = await place.records.open_transactions("CP1")
    assert kept.transaction_id == tx


async def test_trap_08_transaction_goes_on_over_a_restart(place: Place, version: str) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await charger.meter(tx, place.now(), 1500)
    await place.restart()
    assert place.running() == tx
    again = await place.dial(version)
    await place.pass_time(15)  # no boot: the station never went away
    asked = [payload["requestedMessage"] for payload in again.raw.sent("TriggerMessage")]
    assert {"StatusNotification", "MeterValues"} <= set(asked)
    await place.pass_time(60)
    await again.meter(tx, place.now(), 1900)
    assert place.running() == tx
    await again.stop(tx, place.now(), 2000)
    kept = await place.kept(tx)
    assert (kept.energy_wh, kept.offline) == (1000.0, False)
    assert place.running() is None


async def test_trap_08_transaction_that_ended_while_we_were_away_gets_its_queued_end(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await place.restart()
    await place.pass_time(1200)
    again = await place.ready(version)
    await again.status("Available", place.now())
    await again.stop(tx, place.now(-600), 2000, offline=True)
    kept = await place.kept(tx)
    assert (kept.stopped_at, kept.energy_wh, kept.stop_reason) == (place.at(-600), 1000.0, "EVDisconnected")
    assert place.running() is None


async def test_trap_09_reboot_in_mid_charge_is_ended_by_the_late_stop_with_its_reason(
    place: Place, version: str
) -> None:
    charger = await place.ready(version)
    tx = await charger.start(place.now(), 1000)
    await place.pass_time(600)
    await place.boot(charger)
    assert place.running() == tx
    await charger.stop(tx, place.now(-500), 1500, reason="PowerLoss", offline=True)
    kept = await place.kept(tx)
    assert (kept.stop_reason, kept.stopped_at, kept.energy_wh) == ("PowerLoss", place.at(-500), 500.0)
    assert place.running() is None


@pytest.mark.parametrize("trigger", ["TxResumed", "AbnormalCondition"])
async def test_trap_09_transaction_resumed_after_a_reboot_goes_on(place: Place, trigger: str) -> None:
    charger = await place.ready_2("2.1")
    tx = await charger.start(place.now(), 1000)
    await place.pass_time(600)
    await place.boot(charger)
    await charger.event("Updated", place.now(), tx, reason=trigger, samples=(charger.energy(1600),))
    assert place.running() == tx
    await charger.stop(tx, place.now(), 1700)
    assert [(one.transaction_id, one.energy_wh) for one in await place.all_kept()] == [(tx, 700.0)]


async def test_trap_07_remote_start_without_a_transaction_leaves_nothing_behind(place: Place, version: str) -> None:
    charger = await place.ready(version)
    await charger.status("Available", place.now())
    await place.site.start_charging(KEY)
    assert len(charger.raw.sent(charger.start_request)) == 1
    await place.pass_time(90)  # longer than any ConnectionTimeOut
    await charger.status("Available", place.now())
    assert place.running() is None
    assert await place.all_kept() == []
    assert place.told(SiteEventType.SESSION_STARTED) == []
    await place.site.start_charging(KEY)
    tx = await charger.start(place.now(), 1000, tag="SMARTCHARGING")
    assert place.running() == tx


async def test_trap_07_remote_start_that_is_refused_is_an_error(place: Place, version: str) -> None:
    charger = await place.ready(version)
    charger.raw.answers[charger.start_request] = {"status": "Rejected"}
    with pytest.raises(CommandError):
        await place.site.start_charging(KEY)

"""Transactions as they go wrong: repeated, late, lost, unknown, and over restarts."""

import asyncio

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.station import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload

STARTED, ENDED = StationEventType.TRANSACTION_STARTED, StationEventType.TRANSACTION_ENDED


def running(bench: Bench) -> str | None:
    """Return the transaction bound to EVSE 1."""
    transaction = bench.evse.transaction
    return None if transaction is None else transaction.transaction_id


async def test_a_start_that_can_t_be_kept_is_an_error_so_that_the_station_repeats_it(bench: Bench) -> None:
    client = await bench.ready()
    bench.store.broken = True
    with pytest.raises(ValueError, match="InternalError"):
        await client.start(bench.now())
    assert running(bench) is None
    with pytest.raises(ValueError, match="InternalError"):
        await client.meter(bench.now(), {"Voltage": "230"})
    with pytest.raises(ValueError, match="InternalError"):
        await client.stop(7, bench.now())
    bench.store.broken = False
    assert (await client.start(bench.now()))["idTagInfo"]["status"] == "Accepted"


async def test_a_tag_that_may_not_charge_gets_its_transaction_recorded_and_refused(bench: Bench) -> None:
    client = await bench.ready()
    bench.store.blocked_tags.add("BAD")
    answer = await client.start(bench.now(), tag="BAD")
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert str(answer["transactionId"]) in bench.store.transactions


async def test_a_session_from_the_queue_keeps_its_times_and_leaves_the_present_alone(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Available", timestamp=bench.now())
    old = await client.start(bench.now(-7200), meter=100)
    await client.meter(bench.now(-7000), {"Energy.Active.Import.Register": "900"}, old["transactionId"])
    await client.stop(old["transactionId"], bench.now(-3600), meter=1000)
    assert running(bench) is None
    assert bench.evse.measurement is None
    assert bench.evse.measured_at is None
    kept = bench.store.transactions[str(old["transactionId"])]
    assert (bench.clock.now() - kept.started_at).total_seconds() == 7200
    assert kept.meter_stop_wh == 1000
    events = [e for e in bench.events if e.type in {STARTED, ENDED, StationEventType.MEASURED}]
    assert [event.live for event in events] == [False] * 3
    assert events[0].at == kept.started_at


async def test_queued_messages_between_live_ones_move_nothing_back(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    await client.status("Charging", timestamp=bench.now())
    await client.meter(bench.now(), {"Power.Active.Import": "7000"}, live)
    old = (await client.start(bench.now(-9000)))["transactionId"]
    await client.meter(bench.now(-8000), {"Power.Active.Import": "1000"}, old)
    await client.status("Available", timestamp=bench.now(-7900))
    await client.stop(old, bench.now(-7900))
    assert running(bench) == str(live)
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.power_w == 7000
    assert bench.evse.status is EvseStatus.CHARGING


async def test_an_older_reading_within_a_minute_does_not_replace_a_newer_one(bench: Bench) -> None:
    client = await bench.ready()
    await client.meter(bench.now(), {"Power.Active.Import": "7000"})
    await client.meter(bench.now(-20), {"Power.Active.Import": "1000"})
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.power_w == 7000


async def test_a_transaction_begun_offline_that_still_runs_becomes_the_present_one(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Charging", timestamp=bench.now())
    old = (await client.start(bench.now(-600)))["transactionId"]
    assert running(bench) is None
    await bench.pass_time(6)
    assert running(bench) == str(old)
    await bench.until(lambda: [p["transactionId"] for p in client.profiles("TxProfile")] in ([], [old]))


async def test_live_readings_show_which_transaction_runs(bench: Bench) -> None:
    client = await bench.ready()
    old = (await client.start(bench.now(-600)))["transactionId"]
    await client.meter(bench.now(), {"Power.Active.Import": "7000"}, old)
    assert running(bench) == str(old)


async def test_stop_that_comes_before_the_answer_to_remote_stop_is_no_deadlock(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    client.answers["RemoteStopTransaction"] = lambda _: None
    asking = asyncio.create_task(bench.station.stop_transaction(1))
    await bench.until(lambda: bool(client.sent("RemoteStopTransaction")))
    await client.stop(live, bench.now())
    assert running(bench) is None
    await bench.pass_time(31)
    with pytest.raises(CommandError) as error:
        await asking
    assert error.value.code is CommandErrorCode.TIMEOUT


async def test_available_with_an_open_transaction_ends_it_after_a_minute(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    await client.status("Available", timestamp=bench.now())
    await bench.pass_time(59)
    assert running(bench) == str(live)
    await bench.pass_time(2)
    assert running(bench) is None
    assert bench.store.transactions[str(live)].stop_reason == "lost"
    assert bench.told(ENDED)[0].live


async def test_a_stop_within_the_minute_is_the_one_that_counts(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    await client.status("Available", timestamp=bench.now())
    await bench.pass_time(30)
    await client.stop(live, bench.now(-30))
    await bench.pass_time(60)
    assert bench.store.transactions[str(live)].stop_reason == "Local"
    assert len(bench.told(ENDED)) == 1


async def test_a_replaying_queue_keeps_a_transaction_from_being_given_up(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    await client.status("Available", timestamp=bench.now())
    await bench.pass_time(50)
    await client.meter(bench.now(-4000), {"Voltage": "230"})
    await bench.pass_time(50)
    assert running(bench) == str(live)
    await bench.pass_time(20)
    assert running(bench) is None


async def test_a_lost_transaction_that_can_t_be_closed_is_closed_later(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    await client.status("Available", timestamp=bench.now())
    bench.store.broken = True
    await bench.pass_time(61)
    assert running(bench) is not None
    bench.store.broken = False
    await bench.pass_time(61)
    assert running(bench) is None


async def test_a_new_transaction_gives_the_one_before_it_a_minute_to_end(bench: Bench) -> None:
    client = await bench.ready()
    first = (await client.start(bench.now()))["transactionId"]
    await bench.pass_time(200)
    second = (await client.start(bench.now()))["transactionId"]
    assert running(bench) == str(second)
    await bench.pass_time(61)
    assert running(bench) == str(second)
    assert bench.store.transactions[str(first)].stop_reason == "lost"


async def test_nothing_is_given_up_while_the_station_is_out_of_reach(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    await client.status("Available", timestamp=bench.now())
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(600)
    assert running(bench) == str(live)


async def test_transactions_of_two_sockets_do_not_meet(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["NumberOfConnectors"] = "2"
    await client.boot()
    await bench.until(lambda: set(bench.station.state.evses) == {1, 2})
    one = (await client.start(bench.now(), connector=1))["transactionId"]
    two = (await client.start(bench.now(), connector=2))["transactionId"]
    await client.stop(one, bench.now())
    assert running(bench) is None
    transaction = bench.station.state.evses[2].transaction
    assert transaction is not None
    assert transaction.transaction_id == str(two)


async def test_a_start_without_a_register_takes_the_last_one_known_but_never_zero(bench: Bench) -> None:
    client = await bench.ready()
    payload: Payload = {"connectorId": 1, "idTag": "T", "meterStart": "NaN", "timestamp": bench.now(-60)}
    answer = await client.ask("StartTransaction", payload)
    assert bench.store.transactions[str(answer["transactionId"])].meter_start_wh is None
    await client.meter(bench.now(), {"Energy.Active.Import.Register": "4711"})
    answer = await client.ask("StartTransaction", payload | {"timestamp": bench.now()})
    assert bench.store.transactions[str(answer["transactionId"])].meter_start_wh == 4711
    assert bench.station.state.dropped_values == 2


async def test_a_tag_is_told_once_for_authorize_and_start(bench: Bench) -> None:
    client = await bench.ready()
    assert await client.ask("Authorize", {"idTag": "Tag1"}) == {"idTagInfo": {"status": "Accepted"}}
    await client.start(bench.now(), tag="TAG1")
    assert [event.id_token for event in bench.told(StationEventType.TAG_PRESENTED)] == ["Tag1"]


async def test_a_tag_that_needs_no_authorize_is_told_at_the_start(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now(), tag="LOCAL")
    (event,) = bench.told(StationEventType.TAG_PRESENTED)
    assert (event.id_token, event.evse_id) == ("LOCAL", 1)


async def test_a_start_that_we_asked_for_shows_no_tag(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.start_transaction(1, "HA")
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "HA"}]
    await client.start(bench.now(), tag="HA")
    assert not bench.told(StationEventType.TAG_PRESENTED)


async def test_a_stop_with_a_tag_and_readings_is_kept_whole(bench: Bench) -> None:
    client = await bench.ready()
    live = (await client.start(bench.now()))["transactionId"]
    answer = await client.ask(
        "StopTransaction",
        {
            "transactionId": live,
            "idTag": "TAG",
            "timestamp": bench.now(),
            "meterStop": 2000,
            "reason": "Local",
            "transactionData": [
                {"timestamp": bench.now(), "sampledValue": [{"value": "2000"}, {"value": "garbage"}]},
            ],
        },
    )
    assert answer == {"idTagInfo": {"status": "Accepted"}}
    (stop,) = bench.store.stops
    assert (stop.reason, stop.id_token, stop.meter_stop_wh) == ("Local", "TAG", 2000)
    assert stop.values[0].values[0].value == 2000
    assert bench.station.state.dropped_values == 1


async def test_readings_are_asked_for_where_none_come_by_themselves(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    asked = len(client.sent("TriggerMessage"))
    await bench.pass_time(46)
    await bench.until(lambda: len(client.sent("TriggerMessage")) == asked + 1)
    await client.meter(bench.now(), {"Voltage": "230"})
    await bench.pass_time(44)
    assert len(client.sent("TriggerMessage")) == asked + 1

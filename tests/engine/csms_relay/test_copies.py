"""What the station tells reaches the second central system, complete, in order, with its own transaction ids."""

import pytest

from .conftest import PASSWORD, RelayBench


async def test_they_see_the_station_as_if_it_were_connected_to_them(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await station.status("Available")
    await bench.drained()
    handshake = bench.second.handshakes[0]
    assert handshake.path == "/ocpp/CP1"
    assert handshake.headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert "Origin" not in handshake.headers
    assert "Sec-WebSocket-Extensions" not in handshake.headers
    assert bench.second.logins == [("CP1", PASSWORD)]
    assert bench.second.actions[0] == "BootNotification"
    assert bench.second.told("BootNotification") == [
        {"chargePointVendor": "Acme", "chargePointModel": "One", "firmwareVersion": "1.0"}
    ]
    assert bench.second.told("StatusNotification")[-1]["status"] == "Available"


async def test_identity_there_may_be_another_one(bench: RelayBench) -> None:
    await bench.station_and_relay(identity="DE*ABC*E1")
    assert bench.second.handshakes[0].raw_path in {"/ocpp/DE%2AABC%2AE1", "/ocpp/DE*ABC*E1"}
    assert bench.second.logins == [("DE*ABC*E1", PASSWORD)]


async def test_without_a_password_none_is_sent(bench: RelayBench) -> None:
    await bench.station_and_relay(password=None)
    assert "Authorization" not in bench.second.handshakes[0].headers


async def test_session_reaches_them_live_with_their_transaction_id(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    ours = (await station.start(bench.now()))["transactionId"]
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1500"}, ours)
    await station.stop(ours, bench.now())
    await bench.drained()
    assert ours != 9002
    assert bench.second.told("StartTransaction")[0]["idTag"] == "TAG"
    assert bench.second.told("MeterValues")[0]["transactionId"] == 9002
    assert bench.second.told("StopTransaction")[0]["transactionId"] == 9002


async def test_session_in_an_outage_of_an_hour_arrives_once_in_order_and_mapped(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    first = (await station.start(bench.now(), 1000))["transactionId"]
    await bench.drained()
    await bench.second.stop()
    before = len(bench.second.received)
    await bench.pass_time(600)
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1400"}, first)
    await station.stop(first, bench.now(), 2000)
    second = (await station.start(bench.now(), 2000, "OTHER"))["transactionId"]
    for number in range(6):
        await bench.pass_time(450)
        await station.meter(bench.now(), {"Energy.Active.Import.Register": f"{2100 + number}"}, second)
    await station.stop(second, bench.now(), 3000)
    await bench.pass_time(300)
    assert not bench.relay.state.connected
    assert bench.relay.state.waiting == 10
    await bench.second.start()
    await bench.pass_time(400)
    await bench.drained()
    after = [entry for entry in bench.second.received[before:] if entry[0] != "Heartbeat"]
    assert [action for action, _ in after] == [
        "MeterValues",
        "StopTransaction",
        "StartTransaction",
        *["MeterValues"] * 6,
        "StopTransaction",
    ]
    assert [payload.get("transactionId") for _, payload in after] == [9002, 9002, None, *[9003] * 6, 9003]
    assert [payload["meterStop"] for action, payload in after if action == "StopTransaction"] == [2000, 3000]
    readings = [
        payload["meterValue"][0]["sampledValue"][0]["value"] for name, payload in after if name == "MeterValues"
    ]
    assert readings == ["1400", *[f"{2100 + number}" for number in range(6)]]
    assert len(set(bench.second.message_ids)) == len(bench.second.message_ids)


async def test_start_repeated_by_the_station_reaches_them_once(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    at = bench.now()
    ours = (await station.start(at))["transactionId"]
    assert (await station.start(at))["transactionId"] == ours
    await station.stop(ours, at)
    await station.stop(ours, at)
    await bench.drained()
    assert bench.second.actions.count("StartTransaction") == 1
    assert bench.second.actions.count("StopTransaction") == 1


async def test_hanging_second_system_delays_no_answer_of_ours(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.silent = True
    ours = (await station.start(bench.now()))["transactionId"]
    for _ in range(50):
        await station.meter(bench.now(), {"Energy.Active.Import.Register": "1500"}, ours)
    assert (await station.ask("Heartbeat"))["currentTime"]
    assert bench.clock.monotonic() == 0.0  # all was answered without any time-out having to pass
    assert bench.relay.state.waiting >= 51


async def test_message_they_never_answered_is_sent_again_under_its_id_on_a_new_socket(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.silent = True
    await station.start(bench.now())
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    bench.second.silent = False
    await bench.pass_time(31)
    await bench.pass_time(10)
    await bench.drained()
    assert len(bench.second.told("StartTransaction")) == 2
    assert len(set(bench.second.message_ids[-2:])) == 1
    assert len(bench.second.handshakes) == 2


async def test_second_system_that_takes_no_data_is_left(bench: RelayBench) -> None:
    await bench.station_and_relay()
    bench.second.pongs = False
    bench.second.silent = True
    await bench.pass_time(50)
    await bench.until(lambda: len(bench.second.handshakes) > 1 or not bench.relay.state.connected)
    await bench.pass_time(10)
    await bench.until(lambda: len(bench.second.handshakes) == 2)


async def test_answered_pings_keep_the_socket(bench: RelayBench) -> None:
    await bench.station_and_relay()
    await bench.pass_time(300)
    assert len(bench.second.handshakes) == 1


async def test_heartbeats_of_our_own_keep_the_rhythm_they_wish(bench: RelayBench) -> None:
    bench.second.answers["BootNotification"] = {
        "status": "Accepted",
        "currentTime": "2026-06-01T10:00:00.000Z",
        "interval": 20,
    }
    await bench.station_and_relay()
    await bench.pass_time(65)
    assert bench.second.actions.count("Heartbeat") == 3


async def test_station_not_taken_in_yet_is_introduced_again_and_nothing_else_is_told(bench: RelayBench) -> None:
    pending = {"status": "Pending", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 60}
    bench.second.answers["BootNotification"] = pending
    await bench.relay_to()
    station = await bench.ready()
    await station.start(bench.now())
    await bench.until(lambda: bench.second.actions == ["BootNotification"])
    assert (await bench.second.command("GetConfiguration", {}))[0] == 3
    await bench.pass_time(61)
    await bench.until(lambda: bench.second.actions == ["BootNotification"] * 2)
    assert not bench.relay.state.accepted
    del bench.second.answers["BootNotification"]
    await bench.pass_time(61)
    await bench.drained()
    assert "StartTransaction" in bench.second.actions


async def test_boot_refused_with_an_error_is_tried_again(bench: RelayBench) -> None:
    bench.second.answers["BootNotification"] = "InternalError"
    await bench.relay_to()
    await bench.ready()
    await bench.until(lambda: bench.relay.state.error == "BootNotification refused with InternalError")
    del bench.second.answers["BootNotification"]
    await bench.pass_time(301)
    await bench.until(lambda: bench.relay.state.accepted)


async def test_station_that_boots_again_tells_them_so_and_its_statuses(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.second.stop()
    await bench.pass_time(1)
    await station.boot(firmwareVersion="2.0")
    await station.status("Available")
    await bench.pass_time(60)
    await bench.second.start()
    await bench.pass_time(400)
    await bench.drained()
    assert [payload["firmwareVersion"] for payload in bench.second.told("BootNotification")] == ["1.0", "2.0"]


async def test_known_statuses_follow_an_introduction_they_asked_for(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await station.status("Preparing")
    await bench.drained()
    told = len(bench.second.told("StatusNotification"))
    refusals = iter(["SecurityError"])
    bench.second.answers["StartTransaction"] = lambda _: next(
        refusals, {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
    )
    ours = (await station.start(bench.now()))["transactionId"]
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    await bench.pass_time(6)
    await bench.drained()
    assert bench.second.actions.count("BootNotification") == 2
    assert bench.second.told("StatusNotification")[told:] == [bench.second.told("StatusNotification")[told - 1]]
    await station.stop(ours, bench.now())
    await bench.drained()
    assert bench.second.told("StopTransaction")[0]["transactionId"] == 7


async def test_message_they_call_wrong_is_put_aside_after_three_tries(
    bench: RelayBench, caplog: pytest.LogCaptureFixture
) -> None:
    station = await bench.station_and_relay()
    bench.second.answers["StartTransaction"] = "FormationViolation"
    ours = (await station.start(bench.now()))["transactionId"]
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1500"}, ours)
    await station.stop(ours, bench.now())
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    await bench.pass_time(20)
    await bench.drained()
    assert bench.second.actions.count("StartTransaction") == 3
    assert "transactionId" not in bench.second.told("MeterValues")[0]  # it would be one they never gave
    assert bench.second.told("StopTransaction") == []
    assert bench.relay.state.set_aside == 2
    assert "refuses a StartTransaction" in caplog.text


@pytest.mark.parametrize("answer", ["InternalError", {}, {"transactionId": None}])
async def test_start_they_can_not_take_now_is_tried_for_half_an_hour(bench: RelayBench, answer: object) -> None:
    station = await bench.station_and_relay()
    bench.second.answers["StartTransaction"] = answer
    await station.start(bench.now())
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    await bench.pass_time(1000)
    assert bench.relay.state.waiting >= 1
    del bench.second.answers["StartTransaction"]
    await bench.pass_time(301)
    await bench.drained()
    assert bench.relay.state.set_aside == 0


async def test_telemetry_they_refuse_holds_up_nothing(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.answers["MeterValues"] = "InternalError"
    await station.meter(bench.now(), {"Energy.Active.Import.Register": "1500"})
    await station.start(bench.now())
    await bench.drained()
    assert bench.second.actions[-2:] == ["MeterValues", "StartTransaction"]
    assert (bench.relay.state.refused, bench.relay.state.set_aside) == (1, 0)


async def test_stop_of_a_transaction_from_before_the_relay_is_kept_apart(bench: RelayBench) -> None:
    station = await bench.ready()
    ours = (await station.start(bench.now()))["transactionId"]
    await station.close()
    await bench.relay_to()
    station = await bench.dial()
    await station.stop(ours, bench.now())
    await bench.until(lambda: bench.relay.state.set_aside == 1)
    assert bench.second.told("StopTransaction") == []


async def test_authorize_is_copied_while_they_listen_and_of_no_use_later(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await station.ask("Authorize", {"idTag": "NOW"})
    await bench.drained()
    await bench.second.stop()
    await bench.until(lambda: not bench.relay.state.connected)
    await station.ask("Authorize", {"idTag": "LATER"})
    await bench.second.start()
    await bench.pass_time(10)
    await bench.until(lambda: bench.relay.state.accepted)
    await bench.drained()
    assert bench.second.told("Authorize") == [{"idTag": "NOW"}]


async def test_authorize_they_did_not_answer_is_not_repeated_on_the_next_socket(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.silent = True
    await station.ask("Authorize", {"idTag": "T"})
    await station.ask("SecurityEventNotification", {"type": "x", "timestamp": bench.now()})
    await bench.until(lambda: bench.second.told("Authorize") != [])
    bench.second.silent = False
    await bench.pass_time(31)
    await bench.pass_time(10)
    await bench.drained()
    assert len(bench.second.handshakes) == 2
    assert len(bench.second.told("Authorize")) == 1
    assert len(bench.second.told("SecurityEventNotification")) == 1


async def test_what_is_between_the_station_and_us_is_not_copied(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await station.ask("DataTransfer", {"vendorId": "Acme", "data": "private"})
    await station.ask("SignCertificate", {"csr": "x"})
    await station.ask("LogStatusNotification", {"status": "Uploading", "requestId": 5})
    await station.ask("Heartbeat")
    await station.ask("SecurityEventNotification", {"type": "x", "timestamp": bench.now()})
    await bench.until(lambda: "SecurityEventNotification" in bench.second.actions)
    assert set(bench.second.actions) <= {
        "BootNotification",
        "StatusNotification",
        "MeterValues",
        "SecurityEventNotification",
    }


async def test_message_that_we_could_not_answer_is_not_copied(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    with pytest.raises(ValueError, match="PropertyConstraintViolation"):
        await station.ask("StatusNotification", {"connectorId": 999, "status": "Available", "errorCode": "NoError"})
    await station.ask("SecurityEventNotification", {"type": "x", "timestamp": bench.now()})
    await bench.until(lambda: "SecurityEventNotification" in bench.second.actions)
    assert [payload for payload in bench.second.told("StatusNotification") if payload["connectorId"] == 999] == []

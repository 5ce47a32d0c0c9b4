"""A 2.x station over a real socket: boot, transactions, being offline, reboots."""

from datetime import datetime

import pytest

from simulator.ocpp.options import Interruption, StartMode
from simulator.ocpp2.options import Version

from .virtual_station2 import VirtualStation2, virtual_station2

BOTH = pytest.mark.parametrize("version", list(Version))
PENDING = {"status": "Pending", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 30}


def sequence(virtual: VirtualStation2) -> list[tuple[str, str, int]]:
    return [(e["eventType"], e["triggerReason"], e["seqNo"]) for e in virtual.central.events()]


async def test_a_booted_station_tells_each_connector() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.heard("StatusNotification", 2)
        assert virtual.central.actions() == ["BootNotification", "StatusNotification", "StatusNotification"]
        assert virtual.central.of("BootNotification")[0]["reason"] == "PowerUp"
        told = [(s["evseId"], s["connectorId"], s["connectorStatus"]) for s in virtual.central.of("StatusNotification")]
        assert told == [(1, 1, "Available"), (2, 1, "Available")]


async def test_a_21_station_tells_its_connectors_by_events() -> None:
    async with virtual_station2(version=Version.V21) as virtual:
        event = (await virtual.heard("NotifyEvent"))["eventData"][0]
        assert event["component"] == {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
        assert (event["variable"]["name"], event["actualValue"]) == ("AvailabilityState", "Available")
        assert "StatusNotification" not in virtual.central.actions()


async def test_a_pending_station_sends_only_what_it_is_asked_for_and_boots_again() -> None:
    async with virtual_station2() as virtual:
        virtual.central.boot_answers = [PENDING]
        await virtual.heard("BootNotification")
        virtual.station.plug(True)
        await virtual.pass_time(15)
        assert virtual.central.actions() == ["BootNotification"]
        assert await virtual.set("OCPPCommCtrlr", "HeartbeatInterval", "77") == "Accepted"
        assert await virtual.status("GetBaseReport", requestId=1, reportBase="SummaryInventory") == "Accepted"
        await virtual.heard("NotifyReport")
        start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}
        assert await virtual.status("RequestStartTransaction", **start) == "Rejected CSNotAccepted"
        assert await virtual.status("TriggerMessage", requestedMessage="StatusNotification") == "Accepted"
        await virtual.heard("StatusNotification")
        await virtual.heard("BootNotification", 2)
        # What happened before the station was accepted is told afterwards.
        assert (await virtual.event("Started"))["offline"] is True


async def test_a_rejected_station_answers_no_command_until_it_is_accepted() -> None:
    async with virtual_station2() as virtual:
        virtual.central.boot_answers = [{**PENDING, "status": "Rejected"}]
        await virtual.heard("BootNotification")
        await virtual.pass_time(1)
        assert (await virtual.call("ClearCache"))["error"] == "SecurityError"
        await virtual.heard("BootNotification", 2)
        await virtual.heard("StatusNotification")


async def test_a_pending_station_can_be_asked_to_boot() -> None:
    async with virtual_station2() as virtual:
        virtual.central.boot_answers = [{**PENDING, "interval": 3000}]
        await virtual.heard("BootNotification")
        await virtual.pass_time(5)
        assert await virtual.status("TriggerMessage", requestedMessage="BootNotification") == "Accepted"
        assert (await virtual.heard("BootNotification", 2))["reason"] == "Triggered"
        await virtual.booted()
        assert (
            await virtual.status("TriggerMessage", requestedMessage="BootNotification") == "Rejected UnsupportedRequest"
        )


async def test_a_boot_answered_with_an_error_is_tried_again() -> None:
    async with virtual_station2() as virtual:
        virtual.central.refusals = {"BootNotification": 1}
        await virtual.heard("BootNotification", 2)
        await virtual.booted()


async def test_heartbeats_come_at_the_interval_of_the_boot_answer() -> None:
    async with virtual_station2() as virtual:
        virtual.central.boot_answers = [{**PENDING, "status": "Accepted"}]
        await virtual.booted()
        await virtual.pass_time(95)
        assert len(virtual.central.of("Heartbeat")) == 3


@BOTH
async def test_a_car_charges_and_the_events_tell_it_in_order(version: Version) -> None:
    async with virtual_station2(version=version, register_wh=5000.0) as virtual:
        await virtual.booted()
        transaction_id = await virtual.charging()
        await virtual.pass_time(25)
        virtual.station.plug(False)
        ended = await virtual.event("Ended")
        events = virtual.central.events()
        assert sequence(virtual) == [
            ("Started", "CablePluggedIn", 0),
            ("Updated", "ChargingStateChanged", 1),
            ("Updated", "MeterValuePeriodic", 2),
            ("Updated", "MeterValuePeriodic", 3),
            ("Ended", "EVCommunicationLost", 4),
        ]
        assert {e["transactionInfo"]["transactionId"] for e in events} == {transaction_id}
        assert [e.get("evse") for e in events] == [{"id": 1, "connectorId": 1}, None, None, None, None]
        assert [e.get("idToken", {}).get("idToken") for e in events] == ["FREEVEND", None, None, None, None]
        assert events[0]["meterValue"][0]["sampledValue"][0]["value"] == 5000.0
        assert events[1]["transactionInfo"]["chargingState"] == "Charging"
        assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
        assert ended["transactionInfo"]["timeSpentCharging"] >= 25
        contexts = [value["sampledValue"][0]["context"] for value in ended["meterValue"]]
        assert contexts == ["Transaction.Begin", "Transaction.End"]
        # 11.04 kW for 25 s, and the ramp before
        energy = ended["meterValue"][-1]["sampledValue"][0]["value"] - 5000
        assert 76 <= energy <= 90


async def test_a_tag_begins_and_ends_where_the_token_comes_after_the_cable() -> None:
    async with virtual_station2(start_mode=StartMode.TAG, tx_start_points="EVConnected") as virtual:
        await virtual.booted()
        virtual.station.plug(True)
        started = await virtual.event("Started")
        assert (started["triggerReason"], "idToken" in started) == ("CablePluggedIn", False)
        await virtual.pass_time(5)
        assert virtual.current_a[0] == 0.0
        virtual.station.present_token("04A1")
        assert (await virtual.heard("Authorize"))["idToken"] == {"idToken": "04A1", "type": "ISO14443"}
        authorized = await virtual.event("Updated", "Authorized")
        assert authorized["idToken"]["idToken"] == "04A1"
        assert "evse" not in authorized
        await virtual.until(lambda: virtual.current_a[0] == 16.0)
        virtual.station.present_token("04a1")
        ended = await virtual.event("Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("StopAuthorized", "Local")
        assert len(virtual.central.of("Authorize")) == 1
        assert virtual.evse.connectors[1].status == "Occupied"


async def test_a_transaction_that_starts_with_the_token_learns_its_connector_later() -> None:
    async with virtual_station2(start_mode=StartMode.TAG, tx_start_points="Authorized") as virtual:
        await virtual.booted()
        virtual.station.present_token("04A1")
        started = await virtual.event("Started")
        assert (started["triggerReason"], started["evse"]) == ("Authorized", {"id": 1})
        assert started["transactionInfo"]["chargingState"] == "Idle"
        virtual.station.plug(True)
        plugged = await virtual.event("Updated", "CablePluggedIn")
        assert plugged["evse"] == {"id": 1, "connectorId": 1}
        await virtual.until(lambda: virtual.current_a[0] == 16.0)


async def test_a_token_without_a_cable_times_out() -> None:
    async with virtual_station2(start_mode=StartMode.TAG, tx_start_points="Authorized") as virtual:
        await virtual.booted()
        assert await virtual.set("TxCtrlr", "EVConnectionTimeOut", "20") == "Accepted"
        virtual.station.present_token("04A1")
        ended = await virtual.event("Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("EVConnectTimeout", "Timeout")
        await virtual.until(lambda: virtual.evse.connectors[1].status == "Available")


async def test_a_transaction_that_ends_with_the_cable_goes_on_after_the_token() -> None:
    async with virtual_station2(start_mode=StartMode.TAG, tx_stop_points="EVConnected") as virtual:
        await virtual.booted()
        virtual.station.present_token("04A1")
        await virtual.heard("Authorize")
        await virtual.charging()
        virtual.station.present_token("04A1")
        stopped = await virtual.event("Updated", "StopAuthorized")
        assert "stoppedReason" not in stopped["transactionInfo"]
        await virtual.pass_time(5)
        assert virtual.current_a[0] == 0.0
        virtual.station.plug(False)
        assert (await virtual.event("Ended"))["transactionInfo"]["stoppedReason"] == "Local"


async def test_pulling_the_cable_only_pauses_where_the_token_alone_ends_it() -> None:
    async with virtual_station2(tx_stop_points="Authorized") as virtual:
        await virtual.booted()
        assert await virtual.set("TxCtrlr", "StopTxOnEVSideDisconnect", "false") == "Accepted"
        transaction_id = await virtual.charging()
        virtual.station.plug(False)
        lost = await virtual.event("Updated", "EVCommunicationLost")
        assert lost["transactionInfo"]["transactionId"] == transaction_id
        virtual.station.plug(True)
        await virtual.event("Updated", "CablePluggedIn")
        await virtual.until(lambda: virtual.current_a[0] == 16.0)
        assert virtual.central.events("Ended") == []


@pytest.mark.parametrize("stops", [True, False])
async def test_a_token_that_is_refused_afterwards_gets_no_more_energy(stops: bool) -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.set("TxCtrlr", "StopTxOnInvalidId", str(stops).lower()) == "Accepted"
        virtual.central.tokens = {"FREEVEND": {"status": "Blocked"}}
        virtual.station.plug(True)
        if stops:
            ended = await virtual.event("Ended")
            assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == (
                "Deauthorized",
                "DeAuthorized",
            )
        else:
            await virtual.event("Updated", "ChargingStateChanged")
            await virtual.pass_time(10)
            assert virtual.central.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
            assert virtual.central.events("Ended") == []
        await virtual.pass_time(5)
        assert virtual.current_a[0] == 0.0


@BOTH
async def test_remote_start_and_stop(version: Version) -> None:
    async with virtual_station2(start_mode=StartMode.REMOTE, version=version) as virtual:
        await virtual.booted()
        start = {"idToken": {"idToken": "R1", "type": "Central"}, "remoteStartId": 42, "evseId": 1}
        assert await virtual.status("RequestStartTransaction", **start) == "Accepted"
        assert await virtual.status("RequestStartTransaction", **start) == "Rejected TxInProgress"
        transaction_id = await virtual.charging()
        started = await virtual.event("Started")
        assert (started["triggerReason"], started["transactionInfo"]["remoteStartId"]) == ("CablePluggedIn", 42)
        assert await virtual.status("RequestStopTransaction", transactionId="other") == "Rejected TxNotFound"
        answer = await virtual.call("GetTransactionStatus", transactionId=transaction_id)
        assert answer == {"ongoingIndicator": True, "messagesInQueue": False}
        assert await virtual.status("RequestStopTransaction", transactionId=transaction_id) == "Accepted"
        ended = await virtual.event("Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
        assert await virtual.call("GetTransactionStatus") == {"messagesInQueue": False}
        # The cable is still in: another start needs no new one.
        assert await virtual.status("RequestStartTransaction", **start) == "Accepted"
        assert (await virtual.event("Started", count=2))["triggerReason"] == "RemoteStart"


async def test_remote_start_into_a_running_transaction_names_it() -> None:
    async with virtual_station2(start_mode=StartMode.REMOTE, tx_start_points="EVConnected") as virtual:
        await virtual.booted()
        virtual.station.plug(True)
        started = await virtual.event("Started")
        start = {"idToken": {"idToken": "R1", "type": "Central"}, "remoteStartId": 7}
        answer = await virtual.call("RequestStartTransaction", **start)
        assert answer == {"status": "Accepted", "transactionId": started["transactionInfo"]["transactionId"]}
        authorized = await virtual.event("Updated", "RemoteStart")
        assert authorized["transactionInfo"]["remoteStartId"] == 7


async def test_what_happens_offline_is_told_later_with_its_own_time() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.dialler.disconnect()
        await virtual.pass_time(2)
        known = len(virtual.central.events())
        await virtual.pass_time(30)
        at = virtual.clock.now()
        virtual.station.plug(False)
        await virtual.pass_time(40)
        virtual.dialler.reconnect()
        ended = await virtual.event("Ended")
        later = virtual.central.events()[known:]
        assert all(event["offline"] is True for event in later)
        assert [e["seqNo"] for e in virtual.central.events()] == list(range(known + len(later)))
        assert datetime.fromisoformat(ended["timestamp"]) == at
        # Longer away than OfflineThreshold: all statuses are told again, but the station did not boot.
        assert virtual.central.actions().count("BootNotification") == 1
        assert virtual.central.of("StatusNotification")[-1]["connectorStatus"] == "Available"


async def test_old_events_are_interleaved_with_live_ones_in_order_of_each_transaction() -> None:
    async with virtual_station2(interleaves_replay=True, sample_s=2) as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.dialler.disconnect()
        await virtual.pass_time(10)
        virtual.station.plug(False)
        await virtual.pass_time(2)
        virtual.station.plug(True)
        await virtual.pass_time(10)
        virtual.dialler.reconnect()
        first, second = [e["transactionInfo"]["transactionId"] for e in virtual.central.events("Started")] * 2
        await virtual.event("Ended")
        ids = [e["transactionInfo"]["transactionId"] for e in virtual.central.events()]
        other = next(i for i in ids if i != first)
        assert second == first
        assert ids.index(other) < len(ids) - 1 - ids[::-1].index(first)
        for transaction_id in (first, other):
            events = [e for e in virtual.central.events() if e["transactionInfo"]["transactionId"] == transaction_id]
            assert [e["seqNo"] for e in events] == list(range(len(events)))


async def test_a_station_may_wait_with_transactions_until_it_is_accepted() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.set("TxCtrlr", "TxBeforeAcceptedEnabled", "false") == "Accepted"
        virtual.central.boot_answers = [PENDING]
        virtual.station.reboot()
        await virtual.heard("BootNotification", 2)
        virtual.station.plug(True)
        await virtual.pass_time(5)
        assert virtual.evse.transaction is None


async def test_an_event_whose_answer_was_lost_is_sent_again_on_the_next_connection() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        virtual.central.answering = False
        virtual.station.plug(True)
        started = await virtual.event("Started")
        virtual.central.answering = True
        await virtual.central.drop()
        assert await virtual.event("Started", count=2) == started


async def test_a_refused_event_is_sent_again_unchanged() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        virtual.central.refusals = {"TransactionEvent": 2}
        virtual.station.plug(True)
        await virtual.until(lambda: len(virtual.central.events()) >= 4)
        first, second, third, fourth = virtual.central.events()[:4]
        assert first == second == third
        assert fourth["seqNo"] == 1


@BOTH
@pytest.mark.parametrize("interruption", list(Interruption))
async def test_a_loss_of_power_ends_or_interrupts_a_transaction(version: Version, interruption: Interruption) -> None:
    async with virtual_station2(version=version, reboot_transaction=interruption) as virtual:
        await virtual.booted()
        transaction_id = await virtual.charging()
        virtual.station.lose_power()
        await virtual.pass_time(30)
        assert virtual.current_a[0] == 0.0
        virtual.station.restore_power()
        assert (await virtual.heard("BootNotification", 2))["reason"] == "PowerUp"
        if interruption is Interruption.STOPS:
            ended = await virtual.event("Ended")
            assert ended["transactionInfo"]["transactionId"] == transaction_id
            assert (ended["transactionInfo"]["stoppedReason"], ended["offline"]) == ("PowerLoss", True)
            assert (await virtual.event("Started", count=2))["transactionInfo"]["transactionId"] != transaction_id
        else:
            trigger = "TxResumed" if version is Version.V21 else "AbnormalCondition"
            resumed = await virtual.event("Updated", trigger)
            assert resumed["transactionInfo"]["transactionId"] == transaction_id
        await virtual.until(lambda: virtual.current_a[0] == 16.0)


async def test_a_fault_pauses_and_its_mending_goes_on() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.station.fail("GroundFailure")
        await virtual.until(lambda: virtual.central.of("StatusNotification")[-1]["connectorStatus"] == "Faulted")
        event = (await virtual.heard("NotifyEvent"))["eventData"][0]
        assert (event["variable"]["name"], event["actualValue"], event["techInfo"]) == (
            "Problem",
            "true",
            "GroundFailure",
        )
        await virtual.until(lambda: virtual.central.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE")
        virtual.station.fail(None)
        await virtual.until(lambda: virtual.current_a[0] == 16.0)
        virtual.station.fail("GroundFailure", ends_transaction=True)
        assert (await virtual.event("Ended"))["transactionInfo"]["stoppedReason"] == "GroundFault"

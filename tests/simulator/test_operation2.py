"""Tokens, availability, triggers, reservations and displays of 2.x stations."""

from datetime import timedelta
from typing import Any

import pytest

from simulator.ocpp.options import StartMode
from simulator.ocpp2.options import Version
from tests.manual_clock import START

from .test_charging2 import settled
from .virtual_station2 import virtual_station2


def listed(*tokens: str, status: str | None = "Accepted") -> list[dict[str, Any]]:
    info = {} if status is None else {"idTokenInfo": {"status": status}}
    return [{"idToken": {"idToken": token, "type": "ISO14443"}, **info} for token in tokens]


async def test_local_lists_are_replaced_and_changed_by_version() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.call("GetLocalListVersion") == {"versionNumber": 0}
        full: dict[str, Any] = {"updateType": "Full", "localAuthorizationList": listed("A", "B"), "versionNumber": 4}
        assert await virtual.status("SendLocalList", **full) == "Accepted"
        change: dict[str, Any] = {"updateType": "Differential", "localAuthorizationList": listed("B", status=None)}
        assert await virtual.status("SendLocalList", **change, versionNumber=4) == "VersionMismatch"
        assert await virtual.status("SendLocalList", **change, versionNumber=5) == "Accepted"
        assert await virtual.call("GetLocalListVersion") == {"versionNumber": 5}
        assert await virtual.get("LocalAuthListCtrlr", "Entries") == "1"
        many = {**full, "localAuthorizationList": listed(*map(str, range(51)))}
        assert await virtual.status("SendLocalList", **many) == "Failed"
        assert await virtual.status("SendLocalList", updateType="Full", versionNumber=6) == "Accepted"
        assert await virtual.get("LocalAuthListCtrlr", "Entries") == "0"
        broken = await virtual.central.call(
            "SendLocalList", check=False, updateType="Full", versionNumber=7, localAuthorizationList=[1]
        )
        assert broken["error"] == "FormatViolation"
        await virtual.set("LocalAuthListCtrlr", "Enabled", "false")
        assert await virtual.call("GetLocalListVersion") == {"versionNumber": 0}
        assert await virtual.status("SendLocalList", **full) == "Failed"


async def test_a_listed_token_charges_offline_and_an_unknown_one_by_configuration() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        entries = [*listed("GOOD"), *listed("BAD", status="Blocked")]
        await virtual.status("SendLocalList", updateType="Full", versionNumber=1, localAuthorizationList=entries)
        await virtual.set("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
        virtual.dialler.disconnect()
        await virtual.pass_time(2)
        virtual.station.plug(True)
        for token in ("BAD", "STRANGE"):
            virtual.station.present_token(token)
            await virtual.pass_time(2)
            assert virtual.evse.transaction is None
        virtual.station.present_token("GOOD")
        await settled(virtual, 16.0, 16.0, 16.0)
        virtual.dialler.reconnect()
        started = await virtual.event("Started")
        assert (started["idToken"]["idToken"], started["offline"]) == ("GOOD", True)
        assert virtual.central.of("Authorize") == []


async def test_an_unknown_token_charges_offline_where_that_is_allowed() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        virtual.dialler.disconnect()
        await virtual.pass_time(1)
        virtual.station.plug(True)
        virtual.station.present_token("STRANGE")
        await settled(virtual, 16.0, 16.0, 16.0)


async def test_a_cached_token_needs_no_second_question_until_the_cache_is_cleared() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        await virtual.set("AuthCtrlr", "LocalPreAuthorize", "true")
        await virtual.set("AuthCacheCtrlr", "LifeTime", "3600")
        for n, asked in enumerate((1, 1, 2), start=1):
            virtual.station.plug(True)
            virtual.station.present_token("04A1")
            await virtual.event("Started", count=n)
            assert len(virtual.central.of("Authorize")) == asked
            virtual.station.plug(False)
            await virtual.event("Ended", count=n)
            if n == 2:
                assert await virtual.status("ClearCache") == "Accepted"
        await virtual.set("AuthCacheCtrlr", "Enabled", "false")
        assert await virtual.status("ClearCache") == "Rejected NotEnabled"


async def test_a_refused_token_starts_nothing_and_an_unanswered_one_counts_as_offline() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        virtual.central.tokens = {"BAD": {"status": "Invalid"}}
        virtual.station.plug(True)
        virtual.station.present_token("BAD")
        await virtual.heard("Authorize")
        await virtual.pass_time(2)
        assert virtual.evse.transaction is None
        virtual.central.refusals = {"Authorize": 1}
        virtual.station.present_token("GOOD")
        await virtual.event("Started")


async def test_another_token_of_the_group_ends_the_transaction() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        group = {"groupIdToken": {"idToken": "FAMILY", "type": "Central"}}
        virtual.central.tokens = {"A": {"status": "Accepted", **group}, "B": {"status": "Accepted", **group}}
        virtual.station.present_token("A")
        await virtual.heard("Authorize")
        await virtual.charging()
        virtual.station.present_token("STRANGER")
        await virtual.heard("Authorize", 2)
        await virtual.pass_time(2)
        assert virtual.central.events("Ended") == []
        virtual.station.present_token("B")
        assert (await virtual.event("Ended"))["triggerReason"] == "StopAuthorized"


async def test_without_authorization_every_token_charges_and_remote_starts_can_be_checked() -> None:
    async with virtual_station2(start_mode=StartMode.TAG, evses=2) as virtual:
        await virtual.booted()
        await virtual.set("AuthCtrlr", "AuthorizeRemoteStart", "true")
        start: dict[str, Any] = {"idToken": {"idToken": "R", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 2}
        await virtual.status("RequestStartTransaction", **start)
        assert (await virtual.heard("Authorize"))["idToken"]["idToken"] == "R"
        await virtual.set("AuthCtrlr", "Enabled", "false")
        virtual.station.present_token("ANY")
        await virtual.charging()
        assert len(virtual.central.of("Authorize")) == 1
        assert await virtual.status("RequestStartTransaction", **{**start, "evseId": 9}) == "Rejected UnknownEvse"


async def test_availability_is_changed_for_connector_evse_and_station() -> None:
    async with virtual_station2(evses=2, connectors_per_evse=2) as virtual:
        await virtual.heard("StatusNotification", 4)

        def unavailable() -> list[tuple[int, int]]:
            return [
                (evse.evse_id, c.connector_id)
                for evse in virtual.station.evses.values()
                for c in evse.connectors.values()
                if c.status == "Unavailable"
            ]

        async def change(to: str, **place: Any) -> str:
            return await virtual.status("ChangeAvailability", operationalStatus=to, **place)

        assert await change("Inoperative", evse={"id": 1, "connectorId": 2}) == "Accepted"
        assert unavailable() == [(1, 2)]
        assert await change("Inoperative", evse={"id": 2}) == "Accepted"
        assert unavailable() == [(1, 2), (2, 1), (2, 2)]
        await virtual.charging()
        assert await change("Inoperative", evse={"id": 1, "connectorId": 2}) == "Accepted"
        assert await change("Inoperative") == "Scheduled"
        await virtual.pass_time(5)
        assert virtual.current_a == (16.0, 16.0, 16.0)
        virtual.station.plug(False)
        await virtual.event("Ended")
        await virtual.pass_time(1)
        assert len(unavailable()) == 4
        virtual.station.plug(True)
        await virtual.pass_time(3)
        assert len(virtual.central.events("Started")) == 1
        assert await change("Operative") == "Accepted"
        await virtual.event("Started", count=2)
        assert await change("Operative", evse={"id": 5}) == "Rejected UnknownEvse"


async def test_unlocking_minds_an_authorized_transaction() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.status("UnlockConnector", evseId=1, connectorId=1) == "Unlocked"
        assert await virtual.status("UnlockConnector", evseId=1, connectorId=2) == "UnknownConnector"
        await virtual.charging()
        assert await virtual.status("UnlockConnector", evseId=1, connectorId=1) == "OngoingAuthorizedTransaction"
        virtual.station.plug(False)
        virtual.station.fail("Stuck")
        assert await virtual.status("UnlockConnector", evseId=1, connectorId=1) == "UnlockFailed"


@pytest.mark.parametrize("version", list(Version))
async def test_every_message_can_be_triggered(version: Version) -> None:
    async with virtual_station2(version=version) as virtual:
        await virtual.booted()

        async def trigger(message: str, **place: Any) -> str:
            return await virtual.status("TriggerMessage", requestedMessage=message, **place)

        for message in (
            "Heartbeat",
            "StatusNotification",
            "MeterValues",
            "FirmwareStatusNotification",
            "LogStatusNotification",
        ):
            assert await trigger(message) == "Accepted"
            await virtual.heard(message)
        assert virtual.central.of("MeterValues")[-1]["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        assert await trigger("SignChargingStationCertificate") == "Accepted"
        assert (await virtual.heard("SignCertificate"))["csr"].startswith("-----BEGIN CERTIFICATE REQUEST")
        assert await trigger("TransactionEvent") == "Rejected TxNotFound"
        await virtual.charging()
        assert await trigger("TransactionEvent", evse={"id": 1}) == "Accepted"
        assert "meterValue" in await virtual.event("Updated", "Trigger")
        assert await trigger("SignV2GCertificate") == "NotImplemented"
        assert await trigger("MeterValues", evse={"id": 4}) == "Rejected UnknownEvse"


async def test_a_21_station_can_be_asked_for_its_boot_notification_at_any_time() -> None:
    async with virtual_station2(version=Version.V21) as virtual:
        await virtual.booted()
        assert await virtual.status("TriggerMessage", requestedMessage="BootNotification") == "Accepted"
        assert (await virtual.heard("BootNotification", 2))["reason"] == "Triggered"


async def test_data_transfers_are_for_the_vendor() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.status("DataTransfer", vendorId="Other") == "UnknownVendorId"
        answer = await virtual.call("DataTransfer", vendorId="Simulated", data={"a": [1]})
        assert answer == {"status": "Accepted", "data": {"a": [1]}}


def reservation(number: int, token: str = "04A1", seconds: int = 60, **more: Any) -> dict[str, Any]:
    expires = (START + timedelta(seconds=seconds)).isoformat()
    return {"id": number, "expiryDateTime": expires, "idToken": {"idToken": token, "type": "ISO14443"}, **more}


async def test_a_reserved_place_is_kept_for_its_owner() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        assert await virtual.status("ReserveNow", **reservation(1)) == "Accepted"
        await virtual.until(lambda: virtual.central.of("StatusNotification")[-1]["connectorStatus"] == "Reserved")
        assert await virtual.status("ReserveNow", **reservation(2)) == "Occupied"
        assert await virtual.status("ReserveNow", **reservation(1, seconds=600)) == "Accepted"
        virtual.station.plug(True)
        virtual.station.present_token("STRANGER")
        await virtual.heard("Authorize")
        await virtual.pass_time(2)
        assert virtual.evse.transaction is None
        start: dict[str, Any] = {"idToken": {"idToken": "R", "type": "Central"}, "remoteStartId": 1}
        assert await virtual.status("RequestStartTransaction", **start) == "Rejected Unspecified"
        virtual.station.present_token("04A1")
        assert (await virtual.event("Started"))["reservationId"] == 1
        assert virtual.station.reservations.held == {}


async def test_reservations_end_by_time_by_fault_and_by_command() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.booted()
        assert await virtual.status("ReserveNow", **reservation(1, seconds=20, evseId=1)) == "Accepted"
        update = await virtual.heard("ReservationStatusUpdate")
        assert update == {"reservationId": 1, "reservationUpdateStatus": "Expired"}
        assert await virtual.status("ReserveNow", **reservation(2, seconds=600, evseId=1)) == "Accepted"
        virtual.station.fail("Broken")
        update = await virtual.heard("ReservationStatusUpdate", 2)
        assert update == {"reservationId": 2, "reservationUpdateStatus": "Removed"}
        assert await virtual.status("ReserveNow", **reservation(3, evseId=1)) == "Faulted"
        assert await virtual.status("ReserveNow", **reservation(3, evseId=9)) == "Rejected"
        assert await virtual.status("ReserveNow", **reservation(3, seconds=600)) == "Accepted"
        assert await virtual.status("CancelReservation", reservationId=3) == "Accepted"
        assert await virtual.status("CancelReservation", reservationId=3) == "Rejected NotFound"
        await virtual.status("ChangeAvailability", operationalStatus="Inoperative", evse={"id": 2})
        assert await virtual.status("ReserveNow", **reservation(4, evseId=2)) == "Unavailable"
        await virtual.set("ReservationCtrlr", "Enabled", "false")
        assert await virtual.status("ReserveNow", **reservation(4, evseId=2)) == "Rejected"


def message(number: int, **more: Any) -> dict[str, Any]:
    content = {"format": "UTF8", "content": "Hallo"}
    return {"message": {"id": number, "priority": "NormalCycle", "message": content, **more}}


async def test_display_messages_are_stored_told_and_cleared() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.status("SetDisplayMessage", **message(1)) == "Accepted"
        front = message(2, priority="AlwaysFront", endDateTime=(START + timedelta(seconds=30)).isoformat())
        assert await virtual.status("SetDisplayMessage", **front) == "Accepted"
        html = message(3, message={"format": "HTML", "content": "x"})
        assert await virtual.status("SetDisplayMessage", **html) == "NotSupportedMessageFormat"
        assert await virtual.status("SetDisplayMessage", **message(3, transactionId="x")) == "UnknownTransaction"
        assert await virtual.status("GetDisplayMessages", requestId=1) == "Accepted"
        assert [m["id"] for m in (await virtual.heard("NotifyDisplayMessages"))["messageInfo"]] == [1, 2]
        assert await virtual.status("GetDisplayMessages", requestId=1, id=[9]) == "Unknown"
        assert await virtual.status("SetDisplayMessage", **message(4, priority="AlwaysFront")) == "Accepted"
        assert sorted(virtual.station.display.messages) == [1, 4]
        assert await virtual.status("ClearDisplayMessage", id=1) == "Accepted"
        assert await virtual.status("ClearDisplayMessage", id=1) == "Unknown"
        short = message(5, endDateTime=(virtual.clock.now() + timedelta(seconds=30)).isoformat())
        await virtual.status("SetDisplayMessage", **short)
        await virtual.pass_time(31)
        assert await virtual.get("DisplayMessageCtrlr", "NumberOfDisplayMessages") == "1"
        transaction_id = await virtual.charging()
        await virtual.call("CostUpdated", totalCost=3.5, transactionId=transaction_id)
        assert virtual.station.display.cost == 3.5


async def test_customers_data_is_told_and_forgotten() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        virtual.station.present_token("04A1")
        await virtual.heard("Authorize")
        await virtual.pass_time(1)
        about: dict[str, Any] = {"idToken": {"idToken": "04A1", "type": "ISO14443"}, "requestId": 1}
        assert await virtual.status("CustomerInformation", **about, report=True, clear=True) == "Accepted"
        assert (await virtual.heard("NotifyCustomerInformation"))["data"] == "known to the cache"
        assert await virtual.status("CustomerInformation", **about, report=True, clear=False) == "Accepted"
        assert (await virtual.heard("NotifyCustomerInformation", 2))["data"] == ""
        assert await virtual.status("CustomerInformation", **about, report=False, clear=False) == "Invalid"


async def test_tariffs_are_kept_by_place() -> None:
    async with virtual_station2(version=Version.V21) as virtual:
        await virtual.booted()
        tariff = {"tariffId": "T1", "currency": "EUR"}
        assert await virtual.status("GetTariffs", evseId=0) == "NoTariff"
        assert await virtual.status("SetDefaultTariff", evseId=0, tariff=tariff) == "Accepted"
        assert await virtual.status("SetDefaultTariff", evseId=1, tariff=tariff) == "DuplicateTariffId"
        assert await virtual.status("SetDefaultTariff", evseId=4, tariff=tariff) == "Rejected UnknownEvse"
        assert await virtual.status("SetDefaultTariff", evseId=1, tariff={**tariff, "tariffId": "T2"}) == "Accepted"
        answer = await virtual.call("GetTariffs", evseId=1)
        assert [(t["tariffId"], t["evseIds"]) for t in answer["tariffAssignments"]] == [("T1", [1]), ("T2", [1])]
        transaction_id = await virtual.charging()
        change = {"tariff": tariff, "transactionId": transaction_id}
        assert await virtual.status("ChangeTransactionTariff", **change) == "Accepted"
        assert await virtual.status("ChangeTransactionTariff", **{**change, "transactionId": "x"}) == "TxNotFound"
        assert (await virtual.event("Updated", "TariffChanged"))["transactionInfo"]["tariffId"] == "T1"
        cleared = (await virtual.call("ClearTariffs", tariffIds=["T2", "T9"]))["clearTariffsResult"]
        assert [c["status"] for c in cleared] == ["Accepted", "NoTariff"]
        assert (await virtual.call("ClearTariffs"))["clearTariffsResult"] == [{"tariffId": "T1", "status": "Accepted"}]
        assert (await virtual.call("ClearTariffs"))["clearTariffsResult"] == [{"status": "NoTariff"}]

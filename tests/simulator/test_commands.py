"""The less common commands and messages of a station."""

import pytest

from simulator.ocpp.options import StartMode

from .test_station import charging, profile
from .virtual_site import virtual_site


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
        ("MeterValues", "MeterValues"),
        ("StatusNotification", "StatusNotification"),
    ],
)
async def test_each_message_can_be_triggered(message: str, action: str) -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        before = len(virtual.central.of(action))
        assert await virtual.call("TriggerMessage", requestedMessage=message) == {"status": "Accepted"}
        await virtual.heard(action, before + 1)
        assert virtual.central.invalid == []


async def test_triggers_it_does_not_know_or_can_not_place_are_refused() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        assert await virtual.call("TriggerMessage", requestedMessage="Song") == {"status": "NotImplemented"}
        answer = await virtual.call("TriggerMessage", requestedMessage="MeterValues", connectorId=5)
        assert answer == {"status": "Rejected"}


async def test_a_data_transfer_of_its_vendor_is_echoed() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        answer = await virtual.call("DataTransfer", vendorId="Simulated", data="ping")
        assert answer == {"status": "Accepted", "data": "ping"}


async def test_a_remote_start_may_bring_its_profile_and_be_authorised_first() -> None:
    async with virtual_site(start_mode=StartMode.REMOTE) as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.call("ChangeConfiguration", key="AuthorizeRemoteTxRequests", value="true")
        wrong = {"idTag": "X", "chargingProfile": profile(8.0)}
        assert await virtual.call("RemoteStartTransaction", **wrong) == {"status": "Rejected"}
        virtual.station.plug(True)
        right = {"idTag": "X", "chargingProfile": profile(8.0, purpose="TxProfile")}
        assert await virtual.call("RemoteStartTransaction", **right) == {"status": "Accepted"}
        assert await virtual.heard("Authorize") == {"idTag": "X"}
        await virtual.until(lambda: virtual.connector.outlet.current_a[0] == 8.0)
        assert await virtual.call("RemoteStartTransaction", idTag="Y") == {"status": "Rejected"}


async def test_a_composite_schedule_comes_in_watts_for_the_station_and_not_for_unknown_connectors() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        own = profile(10.0, purpose="ChargePointMaxProfile", chargingProfileKind="Absolute")
        own["chargingSchedule"] = {**own["chargingSchedule"], "startSchedule": "2026-06-01T09:00:00Z"}
        assert await virtual.call("SetChargingProfile", connectorId=0, csChargingProfiles=own) == {"status": "Accepted"}
        answer = await virtual.call("GetCompositeSchedule", connectorId=0, duration=60, chargingRateUnit="W")
        assert answer["chargingSchedule"]["chargingRateUnit"] == "W"
        assert answer["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 6900.0, "numberPhases": 3}
        ]
        answer = await virtual.call("GetCompositeSchedule", connectorId=4, duration=60)
        assert answer == {"status": "Rejected"}
        assert virtual.central.invalid == []


async def test_aligned_samples_come_at_the_clocks_full_intervals() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.call("ChangeConfiguration", key="ClockAlignedDataInterval", value="15")
        await virtual.pass_time(46)
        seconds = [payload["meterValue"][0]["timestamp"][17:19] for payload in virtual.central.of("MeterValues")]
        assert seconds == ["15", "30", "45"]


async def test_the_stop_carries_the_samples_that_are_configured_for_it() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        measurand = "Energy.Active.Import.Register"
        await virtual.call("ChangeConfiguration", key="StopTxnSampledData", value=measurand)
        virtual.station.plug(False)
        stop = await virtual.heard("StopTransaction")
        (sample,) = stop["transactionData"][0]["sampledValue"]
        assert (sample["context"], sample["value"]) == ("Transaction.End", str(stop["meterStop"]))
        assert virtual.central.invalid == []


async def test_a_station_offline_follows_its_own_rule_for_tags() -> None:
    async with virtual_site(start_mode=StartMode.TAG) as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.call("ChangeConfiguration", key="LocalAuthorizeOffline", value="false")
        virtual.site.diallers["SIM-1"].disconnect()
        await virtual.until(lambda: not virtual.station.online)
        virtual.station.plug(True)
        virtual.station.present_tag("04A1")
        await virtual.pass_time(1)
        assert virtual.connector.transaction is None
        virtual.station.configuration.change("LocalAuthorizeOffline", "true")
        virtual.station.present_tag("04A1")
        assert virtual.connector.transaction is not None


async def test_an_unanswered_transaction_message_is_given_up_after_its_attempts_and_the_next_one_follows() -> None:
    async with virtual_site() as virtual:
        virtual.central.refusals["StartTransaction"] = 3
        await virtual.heard("StatusNotification", 2)
        for key in ("TransactionMessageRetryInterval", "TransactionMessageAttempts"):
            await virtual.call("ChangeConfiguration", key=key, value="2")
        virtual.station.plug(True)
        await virtual.heard("StartTransaction", 2)
        virtual.station.plug(False)
        assert (await virtual.heard("StopTransaction"))["transactionId"] == -1
        assert len(virtual.central.of("StartTransaction")) == 2


async def test_a_car_that_waits_before_a_closed_station_charges_once_it_is_opened() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.call("ChangeAvailability", connectorId=1, type="Inoperative")
        virtual.station.plug(True)
        await virtual.pass_time(2)
        assert virtual.connector.status == "Unavailable"
        await virtual.call("ChangeAvailability", connectorId=1, type="Operative")
        await virtual.until(lambda: virtual.connector.status == "Charging")


async def test_a_mended_connector_goes_on() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        virtual.station.fail("OverVoltage")
        await virtual.pass_time(2)
        assert virtual.connector.outlet.power_w == 0
        virtual.station.fail("NoError")
        await virtual.until(lambda: virtual.connector.status == "Charging")
        assert len(virtual.central.of("StartTransaction")) == 1


async def test_a_phase_switching_station_obeys_the_number_of_phases() -> None:
    async with virtual_site(switches_phases=True) as virtual:
        await charging(virtual)
        one = profile(10.0)
        one["chargingSchedule"] = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0, "numberPhases": 1}],
        }
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=one)
        await virtual.until(lambda: virtual.connector.outlet.current_a == (10.0, 0.0, 0.0))
        table = await virtual.call("GetConfiguration", key=["ConnectorSwitch3to1PhaseSupported"])
        assert table["configurationKey"][0]["value"] == "true"


async def test_a_pending_station_that_is_asked_to_boot_is_booted_by_the_answer() -> None:
    async with virtual_site() as virtual:
        pending = {"status": "Pending", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 300}
        virtual.central.boot_answers = [pending]
        await virtual.heard("BootNotification")
        await virtual.pass_time(5)
        assert await virtual.call("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
        await virtual.heard("BootNotification", 2)
        virtual.station.plug(True)
        await virtual.heard("StartTransaction")

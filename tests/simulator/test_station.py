"""A station over a real socket: boot, transactions, profiles, being offline, reboots."""

from datetime import timedelta

from simulator.ocpp.options import Interruption, StartMode
from simulator.plant.car import Car, CarModel
from tests.manual_clock import START

from .virtual_site import VirtualSite, virtual_site


def profile(
    limit: float, *, purpose: str = "TxDefaultProfile", stack_level: int = 0, **more: object
) -> dict[str, object]:
    return {
        "chargingProfileId": 10 + stack_level,
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
        **more,
    }


async def charging(virtual: VirtualSite) -> None:
    virtual.station.plug(True)
    await virtual.until(lambda: virtual.connector.outlet.current_a[0] == 16.0)


async def test_a_booted_station_reports_itself_and_each_connector() -> None:
    async with virtual_site(connectors=2) as virtual:
        await virtual.heard("StatusNotification", 3)
        assert virtual.central.actions()[0] == "BootNotification"
        assert [s["connectorId"] for s in virtual.central.of("StatusNotification")] == [0, 1, 2]
        assert virtual.central.invalid == []


async def test_a_station_held_pending_sends_nothing_but_what_is_triggered() -> None:
    async with virtual_site() as virtual:
        pending = {"status": "Pending", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 30}
        virtual.central.boot_answers = [pending]
        await virtual.heard("BootNotification")
        virtual.station.plug(True)
        await virtual.pass_time(20)
        assert virtual.central.actions() == ["BootNotification"]
        answer = await virtual.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        assert answer == {"status": "Accepted"}
        assert (await virtual.heard("StatusNotification"))["connectorId"] == 1
        await virtual.heard("BootNotification", 2)
        await virtual.heard("StartTransaction")


async def test_a_car_charges_and_the_stop_tells_what_the_meter_counted() -> None:
    async with virtual_site(register_wh=5_000.7) as virtual:
        await charging(virtual)
        start = await virtual.heard("StartTransaction")
        assert start["meterStart"] == 5_000
        await virtual.pass_time(120)
        virtual.station.plug(False)
        stop = await virtual.heard("StopTransaction")
        assert stop["transactionId"] == 101
        assert stop["reason"] == "EVDisconnected"
        assert stop["meterStop"] == int(virtual.connector.outlet.energy_wh)
        # 11.04 kW for 120 s, and the ramp before
        assert 368 <= stop["meterStop"] - start["meterStart"] <= 378
        assert virtual.connector.status == "Available"
        assert virtual.central.invalid == []


async def test_meter_values_come_at_the_configured_interval_with_the_configured_measurands() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        for key, value in (("MeterValueSampleInterval", "5"), ("MeterValuesSampledData", "Voltage,Current.Import")):
            assert await virtual.call("ChangeConfiguration", key=key, value=value) == {"status": "Accepted"}
        await charging(virtual)
        await virtual.heard("MeterValues")
        before = len(virtual.central.of("MeterValues"))
        await virtual.pass_time(20)
        assert len(virtual.central.of("MeterValues")) == before + 4
        samples = virtual.central.of("MeterValues")[-1]["meterValue"][0]["sampledValue"]
        assert [(s["measurand"], s["phase"], s["value"]) for s in samples] == [
            ("Voltage", "L1-N", "230.0"),
            ("Voltage", "L2-N", "230.0"),
            ("Voltage", "L3-N", "230.0"),
            ("Current.Import", "L1", "16.00"),
            ("Current.Import", "L2", "16.00"),
            ("Current.Import", "L3", "16.00"),
        ]


async def test_a_tag_starts_and_the_same_tag_stops() -> None:
    async with virtual_site(start_mode=StartMode.TAG) as virtual:
        await virtual.heard("StatusNotification", 2)
        virtual.station.plug(True)
        await virtual.pass_time(5)
        assert virtual.connector.status == "Preparing"
        virtual.station.present_tag("04A1")
        assert (await virtual.heard("Authorize")) == {"idTag": "04A1"}
        assert (await virtual.heard("StartTransaction"))["idTag"] == "04A1"
        virtual.station.present_tag("04a1")
        assert (await virtual.heard("StopTransaction"))["reason"] == "Local"
        assert virtual.connector.status == "Finishing"


async def test_a_refused_tag_starts_nothing() -> None:
    async with virtual_site(start_mode=StartMode.TAG) as virtual:
        virtual.central.tag_status = "Blocked"
        await virtual.heard("StatusNotification", 2)
        virtual.station.plug(True)
        virtual.station.present_tag("04A1")
        await virtual.heard("Authorize")
        await virtual.pass_time(5)
        assert virtual.central.of("StartTransaction") == []


async def test_a_tag_refused_at_the_start_ends_the_transaction() -> None:
    async with virtual_site() as virtual:
        virtual.central.tag_status = "Invalid"
        virtual.station.plug(True)
        assert (await virtual.heard("StopTransaction"))["reason"] == "DeAuthorized"


async def test_remote_start_waits_for_the_cable_and_remote_stop_ends_it() -> None:
    async with virtual_site(start_mode=StartMode.REMOTE) as virtual:
        await virtual.heard("StatusNotification", 2)
        assert await virtual.call("RemoteStartTransaction", idTag="X", connectorId=1) == {"status": "Accepted"}
        await virtual.pass_time(30)
        assert virtual.connector.status == "Preparing"
        virtual.station.plug(True)
        await virtual.heard("StartTransaction")
        await virtual.until(lambda: virtual.connector.status == "Charging")
        assert await virtual.call("RemoteStopTransaction", transactionId=999) == {"status": "Rejected"}
        assert await virtual.call("RemoteStopTransaction", transactionId=101) == {"status": "Accepted"}
        assert (await virtual.heard("StopTransaction"))["reason"] == "Remote"


async def test_a_remote_start_without_a_cable_expires() -> None:
    async with virtual_site(start_mode=StartMode.REMOTE) as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.call("RemoteStartTransaction", idTag="X", connectorId=1)
        await virtual.pass_time(61)
        assert virtual.connector.status == "Available"
        virtual.station.plug(True)
        await virtual.pass_time(5)
        assert virtual.central.of("StartTransaction") == []


async def test_a_profile_bounds_the_current_and_falls_to_the_second_period() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        lease = profile(10.0, purpose="TxProfile", stack_level=1, transactionId=101, chargingProfileKind="Absolute")
        lease["chargingSchedule"] = {
            "chargingRateUnit": "A",
            "startSchedule": virtual.clock.now().isoformat(),
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}, {"startPeriod": 20, "limit": 6.0}],
        }
        answer = await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=lease)
        assert answer == {"status": "Accepted"}
        await virtual.pass_time(4)
        assert virtual.connector.outlet.current_a == (10.0, 10.0, 10.0)
        schedule = await virtual.call("GetCompositeSchedule", connectorId=1, duration=60)
        periods = schedule["chargingSchedule"]["chargingSchedulePeriod"]
        assert [p["limit"] for p in periods] == [10.0, 6.0]
        assert periods[1]["startPeriod"] in {15, 16, 17}
        await virtual.pass_time(20)
        assert virtual.connector.outlet.current_a == (6.0, 6.0, 6.0)
        assert virtual.central.invalid == []


async def test_zero_pauses_without_ending_the_transaction() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile(0.0))
        await virtual.until(lambda: virtual.connector.status == "SuspendedEVSE")
        await virtual.pass_time(2)
        assert virtual.connector.outlet.power_w == 0.0
        assert virtual.connector.transaction is not None
        assert await virtual.call("ClearChargingProfile", id=10) == {"status": "Accepted"}
        assert await virtual.call("ClearChargingProfile", id=10) == {"status": "Unknown"}
        await virtual.until(lambda: virtual.connector.status == "Charging")


async def test_a_tx_profile_ends_with_its_transaction_and_a_default_stays() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile(8.0))
        tx = profile(10.0, purpose="TxProfile", stack_level=1, transactionId=101)
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=tx)
        virtual.station.plug(False)
        await virtual.heard("StopTransaction")
        assert [entry.profile.profile_id for entry in virtual.station.profiles.installed] == [10]
        answer = await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=tx)
        assert answer == {"status": "Rejected"}


async def test_a_full_car_suspends_itself() -> None:
    async with virtual_site(Car(CarModel(), state_of_charge=1.0)) as virtual:
        virtual.station.plug(True)
        await virtual.until(lambda: virtual.connector.status == "SuspendedEV")


async def test_a_session_charged_offline_is_told_later_in_order_with_its_own_times() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        virtual.site.diallers["SIM-1"].disconnect()
        await virtual.until(lambda: not virtual.station.online)
        virtual.station.plug(True)
        plugged_at = virtual.clock.now()
        await virtual.pass_time(35)
        virtual.station.plug(False)
        unplugged_at = virtual.clock.now()
        await virtual.pass_time(60)
        assert virtual.central.of("StartTransaction") == []
        virtual.site.diallers["SIM-1"].reconnect()
        stop = await virtual.heard("StopTransaction")
        told = [h for h in virtual.central.heard if h.action in {"StartTransaction", "MeterValues", "StopTransaction"}]
        assert [h.action for h in told] == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]
        assert told[0].payload["timestamp"] == f"{plugged_at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        assert stop["timestamp"] == f"{unplugged_at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        assert {h.payload["transactionId"] for h in told[1:]} == {101}


async def test_a_refused_transaction_message_is_tried_again_later_each_time() -> None:
    async with virtual_site() as virtual:
        virtual.central.refusals["StartTransaction"] = 2
        await virtual.heard("StatusNotification", 2)
        virtual.station.plug(True)
        await virtual.heard("StartTransaction")
        await virtual.pass_time(9)
        assert len(virtual.central.of("StartTransaction")) == 1
        await virtual.pass_time(2)
        assert len(virtual.central.of("StartTransaction")) == 2
        await virtual.pass_time(18)
        assert len(virtual.central.of("StartTransaction")) == 2
        await virtual.pass_time(3)
        first, second, third = virtual.central.of("StartTransaction")
        assert first == second == third
        await virtual.until(lambda: virtual.connector.transaction.number == 101)


async def test_a_hard_reset_stops_the_transaction_and_boots_again() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        assert await virtual.call("Reset", type="Hard") == {"status": "Accepted"}
        assert (await virtual.heard("StopTransaction"))["reason"] == "HardReset"
        assert virtual.central.connections == 2
        assert len(virtual.central.of("BootNotification")) == 2


async def test_a_station_that_resumes_keeps_its_transaction_and_profiles_over_a_reboot() -> None:
    async with virtual_site(reboot_transaction=Interruption.RESUMES) as virtual:
        await charging(virtual)
        tx = profile(10.0, purpose="TxProfile", transactionId=101)
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=tx)
        await virtual.call("Reset", type="Hard")
        await virtual.heard("BootNotification", 2)
        await virtual.pass_time(5)
        assert virtual.central.of("StopTransaction") == []
        assert virtual.connector.transaction.number == 101
        assert virtual.connector.outlet.current_a[0] == 10.0


async def test_nothing_flows_while_a_station_boots() -> None:
    async with virtual_site(reboot_transaction=Interruption.RESUMES, boot_s=30.0) as virtual:
        await charging(virtual)
        await virtual.call("Reset", type="Hard")
        await virtual.until(lambda: not virtual.station.powered)
        await virtual.pass_time(1)
        register = virtual.connector.outlet.energy_wh
        await virtual.pass_time(25)
        assert virtual.connector.outlet.energy_wh == register


async def test_unlocking_ends_the_transaction() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        assert await virtual.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
        assert (await virtual.heard("StopTransaction"))["reason"] == "UnlockCommand"


async def test_switching_off_waits_for_the_transactions_end() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        answer = await virtual.call("ChangeAvailability", connectorId=1, type="Inoperative")
        assert answer == {"status": "Scheduled"}
        await virtual.pass_time(2)
        assert virtual.connector.status == "Charging"
        virtual.station.plug(False)
        await virtual.until(lambda: virtual.connector.status == "Unavailable")
        assert await virtual.call("ChangeAvailability", connectorId=0, type="Operative") == {"status": "Accepted"}
        await virtual.until(lambda: virtual.connector.status == "Available")


async def test_heartbeats_follow_the_interval_of_the_boot_answer() -> None:
    async with virtual_site() as virtual:
        boot = {"status": "Accepted", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 20}
        virtual.central.boot_answers = [boot]
        await virtual.heard("StatusNotification", 2)
        await virtual.pass_time(61)
        assert len(virtual.central.of("Heartbeat")) == 3


async def test_a_wrong_clock_shows_in_the_stations_times_and_in_its_schedules() -> None:
    async with virtual_site(clock_offset_s=-600.0) as virtual:
        await charging(virtual)
        start = await virtual.heard("StartTransaction")
        assert start["timestamp"] < (START - timedelta(seconds=590)).isoformat()
        late = profile(10.0, stack_level=2, chargingProfileKind="Absolute")
        late["chargingSchedule"] = {
            "chargingRateUnit": "A",
            "startSchedule": virtual.clock.now().isoformat(),
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        }
        await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=late)
        await virtual.pass_time(5)
        assert virtual.connector.outlet.current_a[0] == 16.0


async def test_a_hanging_station_answers_nothing_and_a_new_connection_leaves_the_old_one_open() -> None:
    async with virtual_site() as virtual:
        await charging(virtual)
        virtual.site.diallers["SIM-1"].hang()
        await virtual.pass_time(1)
        heard = len(virtual.central.heard)
        await virtual.pass_time(60)
        assert len(virtual.central.heard) == heard
        virtual.site.diallers["SIM-1"].reconnect()
        await virtual.heard("BootNotification", 2)
        assert virtual.central.connections == 2
        # What was measured meanwhile comes now.
        await virtual.heard("MeterValues", 5)


async def test_a_station_dials_until_the_server_is_there_and_after_it_was_gone() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        await virtual.central.stop()
        await virtual.pass_time(40)
        assert not virtual.station.online
        await virtual.central.start()
        await virtual.heard("BootNotification", 2)


async def test_a_new_key_is_used_at_the_next_connection() -> None:
    async with virtual_site(password="first password 1") as virtual:
        await virtual.heard("StatusNotification", 2)
        key = "00112233445566778899AABBCCDDEEFF"
        assert await virtual.call("ChangeConfiguration", key="AuthorizationKey", value="short") == {
            "status": "Rejected"
        }
        assert await virtual.call("ChangeConfiguration", key="AuthorizationKey", value=key) == {"status": "Accepted"}
        table = await virtual.call("GetConfiguration", key=["AuthorizationKey"])
        assert table["configurationKey"] == [{"key": "AuthorizationKey", "readonly": False}]
        await virtual.central.drop()
        await virtual.heard("BootNotification", 2)
        first, second = virtual.central.credentials
        assert (first.login, first.password) == ("SIM-1", "first password 1")
        assert second.password.encode("latin-1") == bytes.fromhex(key)


async def test_the_key_table_knows_read_only_unknown_and_reboot_keys() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        answers = {
            key: (await virtual.call("ChangeConfiguration", key=key, value=value))["status"]
            for key, value in {
                "NumberOfConnectors": "3",
                "heartbeatinterval": "60",
                "NoSuchKey": "1",
                "ConnectorPhaseRotation": "1.RST",
                "MeterValueSampleInterval": "often",
                "MeterValuesSampledData": "Weather",
            }.items()
        }
        assert list(answers.values()) == [
            "Rejected",
            "Accepted",
            "NotSupported",
            "RebootRequired",
            "Rejected",
            "Rejected",
        ]
        table = await virtual.call("GetConfiguration", key=["NumberOfConnectors", "NoSuchKey"])
        assert table["configurationKey"] == [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}]
        assert table["unknownKey"] == ["NoSuchKey"]
        assert len((await virtual.call("GetConfiguration"))["configurationKey"]) > 25


async def test_commands_it_can_not_carry_out_are_answered_with_errors() -> None:
    async with virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        assert await virtual.call("SendLocalList", listVersion=1, updateType="Full") == {"error": "NotSupported"}
        assert await virtual.call("MakeCoffee") == {"error": "NotImplemented"}
        assert await virtual.call("Reset") == {"error": "FormationViolation"}
        assert await virtual.call("DataTransfer", vendorId="Other") == {"status": "UnknownVendorId"}
        assert await virtual.call("ClearCache") == {"status": "Accepted"}

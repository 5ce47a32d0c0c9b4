"""The device model of 2.x stations, reports, network profiles, restarts, monitors."""

from typing import Any

import pytest

from simulator.ocpp.options import Interruption
from simulator.ocpp2.options import Version

from .small_central_system2 import SmallCentralSystem2
from .virtual_station2 import virtual_station2

EVSE_POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}


@pytest.mark.parametrize(
    ("component", "variable", "value", "status"),
    [
        ("TxCtrlr", "EVConnectionTimeOut", "30", "Accepted"),
        ("txctrlr", "evconnectiontimeout", "30", "Accepted"),
        ("TxCtrlr", "EVConnectionTimeOut", "soon", "Rejected"),
        ("TxCtrlr", "EVConnectionTimeOut", "-1", "Rejected"),
        ("TxCtrlr", "StopTxOnInvalidId", "perhaps", "Rejected"),
        ("TxCtrlr", "TxStartPoint", "EVConnected,Authorized", "Accepted"),
        ("TxCtrlr", "TxStartPoint", "Whenever", "Rejected"),
        ("TxCtrlr", "Nonsense", "1", "UnknownVariable"),
        ("Nonsense", "Nonsense", "1", "UnknownComponent"),
        ("ChargingStation", "Model", "Other", "Rejected"),
        ("SecurityCtrlr", "BasicAuthPassword", "short", "Rejected"),
        ("SecurityCtrlr", "BasicAuthPassword", "long-enough-password", "Accepted"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority", "1", "RebootRequired"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority", "3", "Rejected"),
        ("ClockCtrlr", "TimeSource", "Heartbeat", "Accepted"),
        ("ClockCtrlr", "TimeSource", "Sun", "Rejected"),
    ],
)
async def test_variables_are_set_by_their_rules(component: str, variable: str, value: str, status: str) -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.set(component, variable, value) == status


async def test_variables_are_read_by_attribute() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.get("ChargingStation", "Model") == "SIM2-22"
        assert await virtual.get("SecurityCtrlr", "BasicAuthPassword") == "Rejected"
        assert await virtual.get("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent") == "3"
        assert await virtual.get("OCPPCommCtrlr", "MessageAttempts") == "UnknownVariable"
        assert (await virtual.get("ClockCtrlr", "DateTime")).startswith("2026-06-01T10:00")
        asked = [{**EVSE_POWER, "attributeType": kind} for kind in ("MaxSet", "Target")]
        answer = (await virtual.call("GetVariables", getVariableData=asked))["getVariableResult"]
        assert [r.get("attributeValue", r["attributeStatus"]) for r in answer] == [
            "22080.0",
            "NotSupportedAttributeType",
        ]
        data = [{**EVSE_POWER, "attributeType": kind, "attributeValue": "1"} for kind in ("MaxSet", "Target")]
        answer = (await virtual.call("SetVariables", setVariableData=data))["setVariableResult"]
        assert [r["attributeStatus"] for r in answer] == ["Rejected", "NotSupportedAttributeType"]
        many = [EVSE_POWER] * 21
        assert (await virtual.call("GetVariables", getVariableData=many))["error"] == "OccurrenceConstraintViolation"
        many = [{**EVSE_POWER, "attributeValue": "1"}] * 21
        assert (await virtual.call("SetVariables", setVariableData=many))["error"] == "OccurrenceConstraintViolation"


async def test_malformed_commands_are_answered_with_an_error() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        for payload in ({}, {"getVariableData": []}, {"getVariableData": [1]}, {"getVariableData": "x"}):
            answer = await virtual.central.call("GetVariables", check=False, **payload)
            assert answer["error"] == "FormatViolation"
        assert (await virtual.central.call("Fly", check=False))["error"] == "NotImplemented"
        assert (await virtual.central.call("UnpublishFirmware", check=False))["error"] == "NotSupported"


@pytest.mark.parametrize("version", list(Version))
async def test_base_reports_come_in_numbered_pages(version: Version) -> None:
    async with virtual_station2(version=version, evses=2) as virtual:
        await virtual.booted()
        counts = {}
        for n, base in enumerate(("FullInventory", "ConfigurationInventory", "SummaryInventory")):
            assert await virtual.status("GetBaseReport", requestId=n, reportBase=base) == "Accepted"
            await virtual.until(
                lambda n=n: any(r["requestId"] == n and not r["tbc"] for r in virtual.central.of("NotifyReport"))
            )
            pages = [r for r in virtual.central.of("NotifyReport") if r["requestId"] == n]
            assert [p["seqNo"] for p in pages] == list(range(len(pages)))
            assert [p["tbc"] for p in pages] == [True] * (len(pages) - 1) + [False]
            counts[base] = [row for page in pages for row in page["reportData"]]
        assert len(counts["FullInventory"]) > len(counts["ConfigurationInventory"]) > len(counts["SummaryInventory"])
        assert all(r["variableAttribute"][0]["mutability"] != "ReadOnly" for r in counts["ConfigurationInventory"])
        assert {r["component"]["name"] for r in counts["SummaryInventory"]} == {"ChargingStation", "EVSE", "Connector"}


async def test_reports_by_criteria_hold_what_fits() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.booted()
        virtual.station.fail("Broken", 2)
        asked: dict[str, Any] = {
            "requestId": 1,
            "componentCriteria": ["Problem"],
            "componentVariable": [{"component": {"name": "Connector"}, "variable": {"name": "Problem"}}],
        }
        assert await virtual.status("GetReport", **asked) == "Accepted"
        rows = (await virtual.heard("NotifyReport"))["reportData"]
        assert [row["component"]["evse"]["id"] for row in rows] == [2]
        whole = {"requestId": 2, "componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 1}}}]}
        assert await virtual.status("GetReport", **whole) == "Accepted"
        rows = (await virtual.heard("NotifyReport", 2))["reportData"]
        assert {row["variable"]["name"] for row in rows} >= {"Power", "AllowReset"}
        none = {"requestId": 3, "componentVariable": [{"component": {"name": "Oven"}}]}
        assert await virtual.status("GetReport", **none) == "EmptyResultSet"


def connection(url: str, security: int = 0) -> dict[str, Any]:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": security,
        "ocppInterface": "Wired0",
    }


async def test_a_new_network_profile_is_used_after_a_reset() -> None:
    other = SmallCentralSystem2()
    await other.start()
    async with virtual_station2(password="a-password-of-length", boot_s=1.0) as virtual:
        await virtual.booted()
        assert virtual.central.credentials == [None]
        data = connection(other.url, 1)
        assert await virtual.status("SetNetworkProfile", configurationSlot=2, connectionData=data) == "Accepted"
        assert await virtual.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1") == "RebootRequired"
        assert await virtual.status("Reset", type="Immediate") == "Accepted"
        await virtual.until(lambda: len(other.of("StatusNotification")) == 1)
        credentials = other.credentials[0]
        assert credentials is not None
        assert (credentials.login, credentials.password) == ("SIM-1", "a-password-of-length")
        assert other.of("BootNotification")[0]["reason"] == "RemoteReset"
        assert virtual.station.network.security_profile == 1
        # What was less secure is not used again.
        assert virtual.station.network.order() == [2]
        assert virtual.station.model.text("OCPPCommCtrlr", "ActiveNetworkProfile") == "2"
    await other.stop()


async def test_a_dead_network_profile_gives_way_to_the_next() -> None:
    async with virtual_station2(boot_s=1.0) as virtual:
        await virtual.booted()
        data = connection("ws://127.0.0.1:1")
        assert await virtual.status("SetNetworkProfile", configurationSlot=2, connectionData=data) == "Accepted"
        await virtual.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1")
        await virtual.status("Reset", type="Immediate")
        await virtual.pass_time(4)
        assert virtual.dialler.slot == 2
        await virtual.heard("BootNotification", 2)
        assert virtual.dialler.slot == 1


@pytest.mark.parametrize(
    ("slot", "change", "reason"),
    [
        (9, {}, "InvalidConfSlot"),
        (2, {"ocppTransport": "SOAP"}, "InvalidNetworkConf"),
        (2, {"ocppCsmsUrl": "http://x"}, "InvalidNetworkConf"),
        (2, {"securityProfile": 2}, "InvalidNetworkConf"),
        (2, {"securityProfile": 2, "ocppCsmsUrl": "wss://x"}, "InvalidNetworkConf"),
        (2, {"securityProfile": 0}, "NoSecurityDowngrade"),
    ],
)
async def test_unfit_network_profiles_are_refused(slot: int, change: dict[str, Any], reason: str) -> None:
    async with virtual_station2(security_profile=1, password="a-password-of-length") as virtual:
        await virtual.booted()
        data = {**connection("ws://127.0.0.1:1", 1), **change}
        answer = await virtual.status("SetNetworkProfile", configurationSlot=slot, connectionData=data)
        assert answer == f"Rejected {reason}"


async def test_a_new_password_is_used_on_the_next_connection() -> None:
    async with virtual_station2(security_profile=1, password="a-password-of-length") as virtual:
        await virtual.booted()
        assert await virtual.set("SecurityCtrlr", "BasicAuthPassword", "another-password-ä!") == "Accepted"
        await virtual.central.drop()
        await virtual.until(lambda: virtual.central.connections == 2)
        assert [c and c.password for c in virtual.central.credentials][0] == "a-password-of-length"


async def test_a_reset_when_idle_waits_for_the_transaction() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        assert await virtual.status("Reset", type="OnIdle") == "Scheduled"
        await virtual.pass_time(20)
        assert virtual.central.actions().count("BootNotification") == 1
        virtual.station.plug(False)
        assert (await virtual.heard("BootNotification", 2))["reason"] == "ScheduledReset"


async def test_an_immediate_reset_ends_the_transaction() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        assert await virtual.status("Reset", type="Immediate") == "Accepted"
        ended = await virtual.event("Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("ResetCommand", "ImmediateReset")
        await virtual.heard("BootNotification", 2)


async def test_a_21_station_can_be_reset_without_ending_its_transaction() -> None:
    async with virtual_station2(version=Version.V21) as virtual:
        await virtual.booted()
        transaction_id = await virtual.charging()
        assert await virtual.status("Reset", type="ImmediateAndResume") == "Accepted"
        resumed = await virtual.event("Updated", "TxResumed")
        assert resumed["transactionInfo"]["transactionId"] == transaction_id
        assert virtual.central.events("Ended") == []


async def test_one_evse_can_be_reset_alone() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.booted()
        await virtual.charging()
        assert await virtual.status("Reset", type="Immediate", evseId=1) == "Accepted"
        await virtual.event("Ended")
        await virtual.until(
            lambda: "Unavailable" in [s["connectorStatus"] for s in virtual.central.of("StatusNotification")]
        )
        await virtual.until(lambda: virtual.central.of("StatusNotification")[-1]["connectorStatus"] == "Occupied")
        assert virtual.central.actions().count("BootNotification") == 1
        assert await virtual.status("Reset", type="Immediate", evseId=7) == "Rejected UnknownEvse"
        virtual.central.version = Version.V21
        assert await virtual.status("Reset", type="ImmediateAndResume") == "Rejected InvalidValue"


async def test_a_reboot_at_the_station_keeps_variables_and_availability() -> None:
    async with virtual_station2(reboot_transaction=Interruption.RESUMES) as virtual:
        await virtual.booted()
        await virtual.set("TxCtrlr", "EVConnectionTimeOut", "33")
        await virtual.status("ChangeAvailability", operationalStatus="Inoperative")
        virtual.station.reboot()
        assert (await virtual.heard("BootNotification", 2))["reason"] == "LocalReset"
        await virtual.until(lambda: virtual.central.of("StatusNotification")[-1]["connectorStatus"] == "Unavailable")
        assert await virtual.get("TxCtrlr", "EVConnectionTimeOut") == "33"


@pytest.mark.parametrize("version", list(Version))
async def test_monitors_tell_thresholds_changes_and_values_in_time(version: Version) -> None:
    async with virtual_station2(version=version) as virtual:
        await virtual.booted()
        state = {
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": "Problem"},
        }
        wanted = [
            {**EVSE_POWER, "value": 5000, "type": "UpperThreshold", "severity": 3},
            {**EVSE_POWER, "value": 1000, "type": "Delta", "severity": 4},
            {**EVSE_POWER, "value": 60, "type": "PeriodicClockAligned", "severity": 5},
            {**state, "value": 1, "type": "Delta", "severity": 4},
            {**EVSE_POWER, "value": 5000, "type": "UpperThreshold", "severity": 3},
            {**EVSE_POWER, "value": 5000, "type": "UpperThreshold", "severity": 3, "id": 77},
            {**EVSE_POWER, "component": {"name": "Oven"}, "value": 1, "type": "Delta", "severity": 3},
            {
                "component": {"name": "TxCtrlr"},
                "variable": {"name": "TxStartPoint"},
                "value": 1,
                "type": "Delta",
                "severity": 3,
            },
        ]
        results = (await virtual.call("SetVariableMonitoring", setMonitoringData=wanted))["setMonitoringResult"]
        assert [r["status"] for r in results] == [
            *["Accepted"] * 4,
            "Duplicate",
            "Rejected",
            "UnknownComponent",
            "UnsupportedMonitorType",
        ]
        await virtual.charging()
        await virtual.pass_time(60)
        virtual.station.plug(False)
        await virtual.pass_time(2)
        events = [e for n in virtual.central.of("NotifyEvent") for e in n["eventData"] if "variableMonitoringId" in e]
        by_id = {i: [e for e in events if e["variableMonitoringId"] == i] for i in (1, 2, 3, 4)}
        assert [e["cleared"] for e in by_id[1]] == [False, True]
        assert {e["trigger"] for e in by_id[2]} == {"Delta"}
        assert [e["trigger"] for e in by_id[3]] == ["Periodic"]
        asked: dict[str, Any] = {"requestId": 4, "monitoringCriteria": ["DeltaMonitoring"]}
        assert await virtual.status("GetMonitoringReport", **asked) == "Accepted"
        monitors = (await virtual.heard("NotifyMonitoringReport"))["monitor"]
        assert [m["variableMonitoring"][0]["id"] for m in monitors] == [2, 4]
        assert await virtual.status("SetMonitoringLevel", severity=10) == "Rejected ValueOutOfRange"

        def problems() -> list[str]:
            events = [e for n in virtual.central.of("NotifyEvent") for e in n["eventData"]]
            return [e["actualValue"] for e in events if e.get("variableMonitoringId") == 4]

        virtual.station.fail("Broken")
        await virtual.until(lambda: problems() == ["true"])
        assert await virtual.status("SetMonitoringLevel", severity=2) == "Accepted"
        virtual.station.fail(None)
        await virtual.pass_time(2)
        assert problems() == ["true"]
        cleared = (await virtual.call("ClearVariableMonitoring", id=[1, 99]))["clearMonitoringResult"]
        assert [c["status"] for c in cleared] == ["Accepted", "NotFound"]
        assert await virtual.status("SetMonitoringBase", monitoringBase="HardWiredOnly") == "Accepted"
        assert await virtual.status("GetMonitoringReport", requestId=5) == "EmptyResultSet"


async def test_a_21_station_streams_values_without_waiting_for_answers() -> None:
    async with virtual_station2(version=Version.V21) as virtual:
        await virtual.booted()
        stream = {"interval": 60, "values": 3}
        wanted = {**EVSE_POWER, "value": 2, "type": "Periodic", "severity": 5, "periodicEventStream": stream}
        answer = await virtual.call("SetVariableMonitoring", setMonitoringData=[wanted])
        assert answer["setMonitoringResult"][0]["status"] == "Accepted"
        opened = await virtual.heard("OpenPeriodicEventStream")
        assert opened["constantStreamData"] == {"id": 1, "params": stream, "variableMonitoringId": 1}
        sent = await virtual.heard("NotifyPeriodicEventStream")
        assert [element["t"] for element in sent["data"]] == [0.0, 2.0, 4.0]
        assert {h.kind for h in virtual.central.heard if h.action == "NotifyPeriodicEventStream"} == {6}
        assert await virtual.status("AdjustPeriodicEventStream", id=1, params={"values": 5}) == "Accepted"
        assert await virtual.status("AdjustPeriodicEventStream", id=2, params={}) == "Rejected NotFound"
        streams = await virtual.call("GetPeriodicEventStream")
        assert streams["constantStreamData"][0]["params"] == {"interval": 60, "values": 5}
        await virtual.call("ClearVariableMonitoring", id=[1])
        assert await virtual.heard("ClosePeriodicEventStream") == {"id": 1}
        assert await virtual.call("GetPeriodicEventStream") == {}

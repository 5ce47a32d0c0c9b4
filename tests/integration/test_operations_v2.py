"""What administrators ask of a charger of OCPP 2, through Home Assistant's actions and a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import probatio
import pytest

from custom_components.smart_charging.const import DOMAIN
from tests.engine.csms_stations.raw_station_2 import RawStation21

from .operating import ask, device_id, do, operated, station

RATE = "SmartChargingCtrlr.RateUnit"


@pytest.fixture
async def client(hass: HomeAssistant, free_port: int) -> AsyncIterator[RawStation21]:
    """Run a site with a charger of OCPP 2.1 that has two EVSEs; whatever it is sent fits the schemas."""
    async with operated(hass, free_port, RawStation21("CP-1")) as raw:
        yield raw
    assert raw.broken == []


def report_later(client: RawStation21, action: str, **page: Any) -> Any:
    """Return an answer that says yes and sends a page after it."""

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        client.later(action, {"requestId": payload["requestId"], **page})
        return {"status": "Accepted"}

    return answer


def variable(name: str = "RateUnit") -> dict[str, Any]:
    """Return a variable as messages carry it."""
    return {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": name}}


async def test_settings_are_called_by_component_and_variable(hass: HomeAssistant, client: RawStation21) -> None:
    answer = await ask(hass, "get_variables", names=[RATE, "Nonsense.Nothing"])
    assert answer == {"variables": {RATE: "A,W"}, "unknown": ["Nonsense.Nothing"]}
    interval = "SampledDataCtrlr.TxUpdatedInterval"
    assert await ask(hass, "set_variables", variables={interval: "20"}) == {"variables": {interval: "accepted"}}
    assert client.variables["SampledDataCtrlr", "TxUpdatedInterval"] == "20"
    model = await ask(hass, "get_device_model")
    shown = {one["name"]: one for one in model["variables"]}
    assert shown[interval]["value"] == "20"
    assert shown["EVSE(2).SupplyPhases"]["mutability"] == "ReadOnly"
    assert shown["SecurityCtrlr.BasicAuthPassword"]["value"] is None
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "get_variables", names=["HeartbeatInterval"])
    assert error.value.translation_key == "command_invalid"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "securityctrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": "x",
                    }
                ]
            },
        ),
        (
            "SetNetworkProfile",
            {
                "configurationSlot": 1,
                "connectionData": {
                    "ocppInterface": "Any",
                    "ocppTransport": "JSON",
                    "messageTimeout": 30,
                    "ocppCsmsUrl": "wss://x.test",
                    "securityProfile": 2,
                    "basicAuthPassword": "S3CRET",
                },
            },
        ),
    ],
)
async def test_passwords_have_another_place(
    hass: HomeAssistant, client: RawStation21, action: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "ocpp_call", action=action, payload=payload)
    assert error.value.translation_key == "command_protected"
    assert not [sent for sent in client.sent(action) if sent == payload]


async def test_what_can_be_set_is_asked_for(hass: HomeAssistant, client: RawStation21) -> None:
    entry = {**variable(), "variableAttribute": [{"value": "A,W"}]}
    page = {"seqNo": 0, "generatedAt": dt_util.utcnow().isoformat(), "reportData": [entry]}
    client.answers["GetBaseReport"] = report_later(client, "NotifyReport", **page)
    answer = await ask(hass, "get_device_model", settable=True)
    assert [one["name"] for one in answer["variables"]] == [RATE]
    assert client.sent("GetBaseReport")[-1]["reportBase"] == "ConfigurationInventory"


async def test_one_evse_is_restarted(hass: HomeAssistant, client: RawStation21) -> None:
    await do(hass, "restart", device_id=device_id(hass, "_2"))
    await do(hass, "restart", evse=1, at_once=True)
    await do(hass, "restart")
    assert client.sent("Reset") == [
        {"type": "OnIdle", "evseId": 2},
        {"type": "Immediate", "evseId": 1},
        {"type": "OnIdle"},
    ]


async def test_one_connector_is_taken_out_of_service(hass: HomeAssistant, client: RawStation21) -> None:
    await do(hass, "set_availability", device_id=device_id(hass, "_2"), connector=1, available=False)
    assert client.sent("ChangeAvailability")[-1] == {
        "operationalStatus": "Inoperative",
        "evse": {"id": 2, "connectorId": 1},
    }
    assert station(hass).state.evses[2].operative
    await do(hass, "unlock_connector", evse=2, connector=1)
    assert client.sent("UnlockConnector")[-1] == {"evseId": 2, "connectorId": 1}
    await do(hass, "trigger_message", message="StatusNotification", evse=2, connector=1)
    assert client.sent("TriggerMessage")[-1]["evse"] == {"id": 2, "connectorId": 1}
    with pytest.raises(ServiceValidationError) as error:
        await do(hass, "unlock_connector")
    assert error.value.translation_key == "evse_required"


async def test_a_message_is_shown_listed_and_cleared(hass: HomeAssistant, client: RawStation21) -> None:
    made = await ask(hass, "set_display_message", text="Grüß Gott", priority="in_front", state="idle", language="de")
    (sent,) = client.sent("SetDisplayMessage")
    assert sent["message"] == {
        "id": made["message_id"],
        "priority": "InFront",
        "state": "Idle",
        "message": {"format": "UTF8", "content": "Grüß Gott", "language": "de"},
    }
    client.answers["GetDisplayMessages"] = report_later(client, "NotifyDisplayMessages", messageInfo=[sent["message"]])
    listed = await ask(hass, "get_display_messages", message_id=[made["message_id"]], state="idle")
    (shown,) = listed["messages"]
    assert (shown["text"], shown["priority"], shown["state"]) == ("Grüß Gott", "in_front", "idle")
    await do(hass, "clear_display_message", message_id=made["message_id"])
    client.answers["ClearDisplayMessage"] = {"status": "Unknown"}
    with pytest.raises(HomeAssistantError) as error:
        await do(hass, "clear_display_message", message_id=5)
    assert error.value.translation_key == "command_rejected"
    with pytest.raises(probatio.Invalid, match="always_front"):
        await ask(hass, "set_display_message", text="x", priority="loud")
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, "set_display_message", text="x", start="2026-06-02 00:00:00", end="2026-06-01 00:00:00")
    assert refused.value.translation_key == "command_invalid"


async def test_customer_data_is_told(hass: HomeAssistant, client: RawStation21) -> None:
    client.answers["CustomerInformation"] = report_later(
        client, "NotifyCustomerInformation", data="name: Ada", seqNo=0, generatedAt="2026-06-01T10:00:00Z"
    )
    assert await ask(hass, "get_customer_information", tag="TAG", clear=True) == {"information": "name: Ada"}
    (sent,) = client.sent("CustomerInformation")
    assert (sent["report"], sent["clear"], sent["idToken"]["idToken"]) == (True, True, "TAG")
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "get_customer_information")
    assert error.value.translation_key == "command_invalid"


async def test_customer_data_is_deleted_untold(hass: HomeAssistant, client: RawStation21) -> None:
    client.answers["CustomerInformation"] = report_later(
        client, "NotifyCustomerInformation", data="", seqNo=0, generatedAt="2026-06-01T10:00:00Z"
    )
    answer = await ask(hass, "get_customer_information", tag="TAG", clear=True, report=False)
    assert answer == {"information": ""}
    (sent,) = client.sent("CustomerInformation")
    assert (sent["report"], sent["clear"]) == (False, True)


async def test_the_profiles_of_a_charger_are_told(hass: HomeAssistant, client: RawStation21) -> None:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.0}]}
    profile = {
        "id": 7,
        "stackLevel": 1,
        "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    client.answers["GetChargingProfiles"] = report_later(
        client, "ReportChargingProfiles", evseId=2, chargingLimitSource="SO", chargingProfile=[profile]
    )
    told = {"profiles": [{"evse": 2, "source": "SO", "profile": profile}]}
    assert await ask(hass, "get_charging_profiles") == told
    assert client.sent("GetChargingProfiles")[-1]["chargingProfile"] == {
        "chargingLimitSource": ["EMS", "Other", "SO", "CSO"]
    }
    assert await ask(hass, "get_charging_profiles", evse=2, purpose="TxProfile", stack_level=1) == told
    sent = client.sent("GetChargingProfiles")[-1]
    assert sent["evseId"] == 2
    assert sent["chargingProfile"] == {"chargingProfilePurpose": "TxProfile", "stackLevel": 1}
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "get_charging_profiles", profile_ids=[7], sources=["SO"])
    assert error.value.translation_key == "command_invalid"


async def test_a_network_profile_is_written_and_preferred(hass: HomeAssistant, client: RawStation21) -> None:
    client.variables["OCPPCommCtrlr", "NetworkConfigurationPriority"] = "1,2"
    await do(hass, "set_network_profile", slot=2, url="wss://home.test:9000/", security_profile=2, restart=True)
    (sent,) = client.sent("SetNetworkProfile")
    assert sent["connectionData"]["ocppCsmsUrl"] == "wss://home.test:9000/"
    assert client.variables["OCPPCommCtrlr", "NetworkConfigurationPriority"] == "2,1"
    assert client.sent("Reset") == [{"type": "OnIdle"}]


async def test_variables_are_monitored(hass: HomeAssistant, client: RawStation21) -> None:
    client.answers["SetVariableMonitoring"] = lambda payload: {
        "setMonitoringResult": [
            {**variable(), "id": 7, "status": "Accepted", "type": one["type"], "severity": one["severity"]}
            for one in payload["setMonitoringData"]
        ]
    }
    client.answers["ClearVariableMonitoring"] = {"clearMonitoringResult": [{"id": 3, "status": "NotFound"}]}
    monitor = {"variable": RATE, "type": "upper_threshold", "value": 3, "severity": 2}
    answer = await ask(hass, "set_variable_monitoring", base="all", clear=[3], monitors=[monitor], level=5)
    assert answer == {
        "cleared": [{"monitor_id": 3, "status": "NotFound"}],
        "monitors": [{"variable": RATE, "status": "Accepted", "monitor_id": 7}],
    }
    assert client.sent("SetMonitoringBase") == [{"monitoringBase": "All"}]
    assert client.sent("SetMonitoringLevel") == [{"severity": 5}]
    reported = {"id": 7, "transaction": False, "value": 3.0, "type": "UpperThreshold", "severity": 2}
    client.answers["GetMonitoringReport"] = report_later(
        client,
        "NotifyMonitoringReport",
        seqNo=0,
        generatedAt="2026-06-01T10:00:00Z",
        monitor=[
            {**variable(), "variableMonitoring": [{**reported, "eventNotificationType": "CustomMonitor"}]},
        ],
    )
    answer = await ask(hass, "get_monitoring_report", variables=[RATE])
    assert answer["monitors"] == [{"monitor_id": 7, "transaction": False, **monitor}]
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_variable_monitoring")
    assert error.value.translation_key == "nothing_to_monitor"


async def test_an_alert_of_a_monitor_is_shown(hass: HomeAssistant, client: RawStation21) -> None:
    event = {
        "eventId": 1,
        "timestamp": dt_util.utcnow().isoformat(),
        "trigger": "Alerting",
        "actualValue": "71.5",
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": 7,
        "severity": 2,
        "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": "Temperature"},
    }
    await client.ask("NotifyEvent", {"generatedAt": event["timestamp"], "seqNo": 0, "eventData": [event]})
    await hass.async_block_till_done()
    state = hass.states.get("event.charger_cp_1_notice")
    assert state is not None
    told = state.attributes
    assert (told["event_type"], told["variable"], told["value"], told["monitor_id"], told["severity"]) == (
        "alert",
        "Connector(2.1).Temperature",
        "71.5",
        7,
        2,
    )


async def test_transactions_are_asked_after_and_their_cost_is_shown(hass: HomeAssistant, client: RawStation21) -> None:
    client.answers["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": False}
    answer = await ask(hass, "get_transaction_status", transaction_id="tx-1")
    assert answer == {"ongoing": True, "messages_in_queue": False}
    client.answers["CostUpdated"] = {}
    await do(hass, "show_cost", transaction_id="tx-1", cost=2.5)
    assert client.sent("CostUpdated") == [{"transactionId": "tx-1", "totalCost": 2.5}]


async def test_tariffs_are_set_listed_and_cleared(hass: HomeAssistant, client: RawStation21) -> None:
    tariff = {"tariffId": "day", "currency": "EUR"}
    await do(hass, "set_tariff", tariff=tariff, evse=2)
    assert client.sent("SetDefaultTariff") == [{"evseId": 2, "tariff": tariff}]
    await do(hass, "set_tariff", tariff=tariff, transaction_id="tx-1")
    assert client.sent("ChangeTransactionTariff") == [{"transactionId": "tx-1", "tariff": tariff}]
    assignment = {"tariffId": "day", "tariffKind": "DriverTariff", "idTokens": ["TAG"]}
    client.answers["GetTariffs"] = {"status": "Accepted", "tariffAssignments": [assignment]}
    answer = await ask(hass, "get_tariffs")
    assert answer == {"tariffs": [{"tariffId": "day", "tariffKind": "DriverTariff"}]}
    client.answers["ClearTariffs"] = {"clearTariffsResult": [{"tariffId": "day", "status": "Accepted"}]}
    answer = await ask(hass, "clear_tariffs", tariff_ids=["day"])
    assert answer == {"tariffs": [{"tariffId": "day", "status": "Accepted"}]}
    assert client.sent("ClearTariffs") == [{"tariffIds": ["day"]}]
    await do(hass, "clear_tariffs", evse=1)
    assert client.sent("ClearTariffs")[-1] == {"evseId": 1}


async def test_priority_and_live_limits(hass: HomeAssistant, client: RawStation21) -> None:
    await do(hass, "use_priority_charging", transaction_id="tx-1")
    assert client.sent("UsePriorityCharging") == [{"transactionId": "tx-1", "activate": True}]
    await do(hass, "update_dynamic_schedule", profile_id=9, limit=8, setpoint=7)
    assert client.sent("UpdateDynamicSchedule") == [
        {"chargingProfileId": 9, "scheduleUpdate": {"limit": 8.0, "setpoint": 7.0}}
    ]


async def test_grid_settings_are_read_set_and_cleared(hass: HomeAssistant, client: RawStation21) -> None:
    gradient = {"id": "c1", "gradient": {"priority": 1, "gradient": 2.0, "softGradient": 1.0}}
    client.answers["GetDERControl"] = report_later(client, "ReportDERControl", gradient=[gradient])
    answer = await ask(hass, "get_der_controls", control_id="c1", default=True)
    assert answer == {"controls": [{"kind": "gradient", **gradient}]}
    client.answers["SetDERControl"] = {"status": "Accepted", "supersededIds": ["c0"]}
    setting = {"gradient": gradient["gradient"]}
    answer = await ask(hass, "set_der_control", control_id="c1", control_type="Gradients", setting=setting)
    assert answer == {"superseded": ["c0"]}
    await do(hass, "clear_der_controls", control_type="Gradients", default=True)
    assert client.sent("ClearDERControl") == [{"isDefault": True, "controlType": "Gradients"}]


async def test_firmware_and_logs_name_their_request(hass: HomeAssistant, client: RawStation21) -> None:
    made = await ask(hass, "update_firmware", url="https://files.test/fw", retries=3)
    assert client.sent("UpdateFirmware")[0]["requestId"] == made["request_id"]
    await client.ask("FirmwareStatusNotification", {"status": "Downloading", "requestId": made["request_id"]})
    assert station(hass).state.firmware_request_id == made["request_id"]
    made = await ask(hass, "get_diagnostics", url="https://files.test/in")
    assert client.sent("GetLog")[0]["logType"] == "DiagnosticsLog"
    await client.ask("LogStatusNotification", {"status": "Uploaded", "requestId": made["request_id"]})
    assert station(hass).state.log_request_id == made["request_id"]


async def test_a_station_says_that_a_reservation_ran_out(hass: HomeAssistant, client: RawStation21) -> None:
    made = await ask(hass, "reserve", tag="TAG", minutes=30, evse=2, group="G", tag_type="ISO14443")
    (sent,) = client.sent("ReserveNow")
    assert sent["idToken"]["type"] == "ISO14443"
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    group = entry.runtime_data.ledger.tokens.group_value("G")
    assert (sent["id"], sent["evseId"], sent["groupIdToken"]["idToken"]) == (made["reservation_id"], 2, group)
    ended = {"reservationId": made["reservation_id"], "reservationUpdateStatus": "Expired"}
    await client.ask("ReservationStatusUpdate", ended)
    await hass.async_block_till_done()
    state = hass.states.get("event.charger_cp_1_notice")
    assert state is not None
    told = state.attributes
    assert (told["reason"], told["reservation_id"], told["evse"]) == ("expired", made["reservation_id"], 2)
    assert station(hass).state.reservations == {}


async def test_a_car_is_told_to_give_energy_back_and_no_longer(hass: HomeAssistant, client: RawStation21) -> None:
    entry = hass.config_entries.async_get_entry("site1")
    assert entry is not None
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_v2x_setpoint", evse=1, power=-1000, minutes=30)
    assert error.value.translation_key == "command_invalid"  # there is no grid meter
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_v2x_setpoint", evse=1, power=1000, minutes=30)
    assert error.value.translation_key == "command_no_transaction"
    await client.event("Started", dt_util.utcnow().isoformat(), tx="tx-1", evse=1)
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_v2x_setpoint", evse=1, power=1000, minutes=30)
    assert error.value.translation_key == "command_not_supported"
    client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "ChargingOnly,CentralSetpoint"
    await client.boot()
    needs = {
        "requestedEnergyTransfer": "AC_BPT",
        "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": -11000},
    }
    await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
    async with asyncio.timeout(10):
        while (applied := station(hass).state.evses[1].applied) is None or not station(hass).state.capabilities.two_way:
            await asyncio.sleep(0.01)
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_v2x_setpoint", evse=1, power=applied.current_a * 690 + 500, minutes=30)
    assert error.value.translation_key == "command_invalid"
    answer = await ask(hass, "set_v2x_setpoint", evse=1, power=0, minutes=30)
    assert dt_util.parse_datetime(answer["until"]) is not None
    (schedule,) = client.sent("SetChargingProfile")[-1]["chargingProfile"]["chargingSchedule"]
    first = schedule["chargingSchedulePeriod"][0]
    assert (first["operationMode"], first["setpoint"], schedule["chargingRateUnit"]) == ("CentralSetpoint", 0.0, "W")
    assert await ask(hass, "withdraw_v2x_setpoint", evse=1) == {"withdrawn": True}
    assert await ask(hass, "withdraw_v2x_setpoint", evse=1) == {"withdrawn": False}
    for wrong in ({"power": float("nan")}, {"minutes": 241}, {"minutes": 0}):
        with pytest.raises((ServiceValidationError, probatio.Invalid)):
            await ask(hass, "set_v2x_setpoint", **{"evse": 1, "power": 0, "minutes": 30, **wrong})

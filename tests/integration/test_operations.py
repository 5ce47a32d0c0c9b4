"""What administrators ask of a charger of OCPP 1.6, through Home Assistant's actions and a real socket."""

from collections.abc import AsyncIterator
import logging
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import probatio
import pytest
import yaml

from custom_components import smart_charging
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.id_token import TokenDetails
from tests.engine.csms_stations.raw_station import RawStation

from .operating import ask, device_id, do, operated, station

SERVICES = Path(smart_charging.__file__).with_name("services.yaml")
STATION_ACTIONS: dict[str, dict[str, Any]] = {
    "ocpp_call": {"action": "Reset"},
    "get_variables": {"names": ["HeartbeatInterval"]},
    "set_variables": {"variables": {"HeartbeatInterval": "60"}},
    "get_device_model": {},
    "restart": {},
    "set_availability": {"available": True},
    "unlock_connector": {},
    "trigger_message": {"message": "Heartbeat"},
    "reserve": {"tag": "TAG", "minutes": 5},
    "cancel_reservation": {"reservation_id": 1},
    "send_local_list": {"entries": []},
    "get_local_list_version": {},
    "set_display_message": {"text": "Hello"},
    "get_display_messages": {},
    "clear_display_message": {"message_id": 1},
    "get_customer_information": {"tag": "TAG"},
    "get_charging_profiles": {},
    "set_network_profile": {"slot": 1, "url": "wss://home.test", "security_profile": 2},
    "set_variable_monitoring": {"level": 4},
    "get_monitoring_report": {},
    "get_log": {"url": "https://files.test/x"},
    "get_diagnostics": {"url": "https://files.test/x"},
    "update_firmware": {"url": "https://files.test/x"},
    "offer_firmware": {"file": "/media/fw.bin", "version": "2"},
    "withdraw_firmware": {},
    "list_files": {},
    "get_transaction_status": {},
    "show_cost": {"transaction_id": "1", "cost": 1},
    "set_tariff": {"tariff": {}},
    "get_tariffs": {},
    "clear_tariffs": {},
    "use_priority_charging": {"transaction_id": "1"},
    "update_dynamic_schedule": {"profile_id": 1, "limit": 8},
    "get_der_controls": {},
    "set_der_control": {"control_id": "a", "control_type": "VoltVar", "setting": {}},
    "clear_der_controls": {},
}
NOT_IN_16 = [
    "set_display_message",
    "get_display_messages",
    "clear_display_message",
    "get_customer_information",
    "get_charging_profiles",
    "set_network_profile",
    "set_variable_monitoring",
    "get_monitoring_report",
    "get_transaction_status",
    "show_cost",
    "set_tariff",
    "get_tariffs",
    "clear_tariffs",
    "use_priority_charging",
    "update_dynamic_schedule",
    "get_der_controls",
    "set_der_control",
    "clear_der_controls",
]


@pytest.fixture
async def client(hass: HomeAssistant, free_port: int) -> AsyncIterator[RawStation]:
    """Run a site with a charger of OCPP 1.6."""
    async with operated(hass, free_port, RawStation("CP-1")) as raw:
        yield raw


async def call(hass: HomeAssistant, action: str, data: dict[str, Any], context: Context | None = None) -> None:
    """Call an action whether it answers or not."""
    answers = hass.services.supports_response(DOMAIN, action) != "none"
    await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=answers, context=context)


@pytest.mark.usefixtures("client")
async def test_only_administrators_operate_chargers(hass: HomeAssistant, hass_read_only_user: User) -> None:
    context = Context(user_id=hass_read_only_user.id)
    for action, data in STATION_ACTIONS.items():
        with pytest.raises(Unauthorized):
            await call(hass, action, {"device_id": device_id(hass), **data}, context)


@pytest.mark.parametrize("action", NOT_IN_16)
async def test_what_the_version_does_not_have_is_said_so(hass: HomeAssistant, client: RawStation, action: str) -> None:
    client.calls.clear()
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, action, {"device_id": device_id(hass), **STATION_ACTIONS[action]})
    assert error.value.translation_key == "command_not_supported"
    assert client.calls == []


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("action", STATION_ACTIONS)
async def test_the_site_is_no_charger(hass: HomeAssistant, action: str) -> None:
    site = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "site1"), "site1")
    assert site is not None
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, action, {"device_id": site.id, **STATION_ACTIONS[action]})
    assert error.value.translation_key == "not_a_charger"


def test_every_action_for_one_charger_is_described() -> None:
    described = yaml.safe_load(SERVICES.read_text())
    assert described.keys() >= STATION_ACTIONS.keys()
    for action, data in STATION_ACTIONS.items():
        assert described[action]["fields"].keys() >= {"device_id", *data}


async def test_any_message_is_answered_with_the_reply_or_the_error(hass: HomeAssistant, client: RawStation) -> None:
    client.answers["GetLocalListVersion"] = {"listVersion": 4}
    answer = await ask(hass, "ocpp_call", action="GetLocalListVersion")
    assert answer == {"payload": {"listVersion": 4}, "error": None}
    client.answers["Reset"] = ("InternalError", "not now")
    answer = await ask(hass, "ocpp_call", action="Reset", payload={"type": "Soft"})
    assert answer == {"payload": None, "error": {"code": "InternalError", "description": "not now"}}


@pytest.mark.parametrize(
    ("action", "payload", "told"),
    [
        ("Reset", {"type": "Now"}, "Reset: type enum"),
        ("Reset", {}, "Reset: required type"),
        ("Reset", {"type": "Hard", "why": 1}, "Reset: additionalProperties why"),
        ("SetVariables", {"setVariableData": []}, "ocpp1.6"),
    ],
)
async def test_a_message_that_does_not_fit_is_not_sent(
    hass: HomeAssistant, client: RawStation, action: str, payload: dict[str, Any], told: str
) -> None:
    client.calls.clear()
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "ocpp_call", action=action, payload=payload)
    assert error.value.translation_key == "command_invalid"
    assert told in str(error.value)
    assert client.sent(action) == []


async def test_passwords_have_another_place(
    hass: HomeAssistant, client: RawStation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.smart_charging")
    client.calls.clear()
    for action, data in (
        ("ocpp_call", {"action": "ChangeConfiguration", "payload": {"key": "authorizationkey ", "value": "S3CRET"}}),
        ("set_variables", {"variables": {"HeartbeatInterval": "60", "AuthorizationKey": "S3CRET"}}),
    ):
        with pytest.raises(ServiceValidationError) as error:
            await ask(hass, action, **data)
        assert error.value.translation_key == "command_protected"
    assert client.sent("ChangeConfiguration") == []
    assert "S3CRET" not in caplog.text


async def test_raw_messages_are_limited_in_number(hass: HomeAssistant, client: RawStation) -> None:
    client.answers["ClearCache"] = {"status": "Accepted"}
    refused = []
    for _ in range(30):
        try:
            await ask(hass, "ocpp_call", action="ClearCache")
        except ServiceValidationError as error:
            refused.append(error.translation_key)
    assert set(refused) == {"command_too_often"}
    assert 10 <= len(client.sent("ClearCache")) == 30 - len(refused)


async def test_settings_are_read_and_written(hass: HomeAssistant, client: RawStation) -> None:
    answer = await ask(hass, "get_variables", names=["NumberOfConnectors", "Nonsense"])
    assert answer["variables"]["NumberOfConnectors"] == "1"
    assert answer["unknown"] == ["Nonsense"]
    client.answers["ChangeConfiguration"] = lambda payload: {
        "status": {"A": "Accepted", "B": "RebootRequired", "C": "Rejected"}.get(payload["key"], "NotSupported")
    }
    answer = await ask(hass, "set_variables", variables={"A": 1, "B": "2", "C": "3", "D": "4"})
    assert answer["variables"] == {"A": "accepted", "B": "reboot_required", "C": "rejected", "D": "unknown"}
    assert client.sent("ChangeConfiguration")[-4:] == [
        {"key": key, "value": value} for key, value in zip("ABCD", "1234", strict=True)
    ]


async def test_all_settings_are_shown_without_asking_again(hass: HomeAssistant, client: RawStation) -> None:
    client.calls.clear()
    answer = await ask(hass, "get_device_model")
    shown = {one["name"]: one["value"] for one in answer["variables"]}
    assert shown["ChargeProfileMaxStackLevel"] == "8"
    assert client.sent("GetConfiguration") == []
    client.configuration |= {"Light": "true", "AuthorizationKey": "S3CRET"}
    answer = await ask(hass, "get_device_model", refresh=True)
    shown = {one["name"]: one["value"] for one in answer["variables"]}
    assert (shown["Light"], shown["AuthorizationKey"]) == ("true", None)


async def test_a_charger_is_restarted(hass: HomeAssistant, client: RawStation) -> None:
    await do(hass, "restart")
    await do(hass, "restart", at_once=True)
    assert client.sent("Reset") == [{"type": "Soft"}, {"type": "Hard"}]
    with pytest.raises(ServiceValidationError) as error:
        await do(hass, "restart", evse=1)
    assert error.value.translation_key == "command_not_supported"


async def test_a_charger_is_taken_out_of_service(hass: HomeAssistant, client: RawStation) -> None:
    await do(hass, "set_availability", available=False)
    assert client.sent("ChangeAvailability")[-1] == {"connectorId": 0, "type": "Inoperative"}
    await do(hass, "set_availability", available=True, evse=1)
    assert client.sent("ChangeAvailability")[-1] == {"connectorId": 1, "type": "Operative"}
    with pytest.raises(ServiceValidationError) as error:
        await do(hass, "set_availability", available=True, evse=1, connector=2)
    assert error.value.translation_key == "command_not_supported"


async def test_a_cable_is_released(hass: HomeAssistant, client: RawStation) -> None:
    await do(hass, "unlock_connector", connector=1)
    assert client.sent("UnlockConnector")[-1] == {"connectorId": 1}
    client.answers["UnlockConnector"] = {"status": "UnlockFailed"}
    with pytest.raises(HomeAssistantError) as error:
        await do(hass, "unlock_connector")
    assert error.value.translation_key == "command_rejected"


async def test_messages_are_asked_for(hass: HomeAssistant, client: RawStation) -> None:
    await do(hass, "trigger_message", message="MeterValues", evse=1)
    assert client.sent("TriggerMessage")[-1] == {"requestedMessage": "MeterValues", "connectorId": 1}
    await do(hass, "trigger_message", message="SignChargingStationCertificate")
    assert client.sent("ExtendedTriggerMessage") == [{"requestedMessage": "SignChargePointCertificate"}]
    with pytest.raises(ServiceValidationError) as error:
        await do(hass, "trigger_message", message="Nonsense")
    assert error.value.translation_key == "command_invalid"


async def test_an_evse_is_reserved_and_freed(hass: HomeAssistant, client: RawStation) -> None:
    made = await ask(hass, "reserve", tag="TAG", minutes=30, evse=1)
    (sent,) = client.sent("ReserveNow")
    assert (sent["connectorId"], sent["idTag"], sent["reservationId"]) == (1, "TAG", made["reservation_id"])
    held = station(hass).state.reservation_of(1)
    assert held is not None
    assert held.until.isoformat() == made["until"]
    await do(hass, "cancel_reservation", reservation_id=made["reservation_id"])
    assert station(hass).state.reservation_of(1) is None
    state = hass.states.get("event.charger_cp_1_notice")
    assert state is not None
    assert (state.attributes["event_type"], state.attributes["reason"]) == ("reservation_ended", "cancelled")
    client.answers["ReserveNow"] = {"status": "Occupied"}
    with pytest.raises(HomeAssistantError) as error:
        await ask(hass, "reserve", tag="TAG", minutes=30)
    assert error.value.translation_key == "command_rejected"
    assert client.sent("ReserveNow")[-1]["connectorId"] == 0


async def test_a_reservation_for_a_group_names_what_its_tags_are_told_to_belong_to(
    hass: HomeAssistant, client: RawStation
) -> None:
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    tokens = entry.runtime_data.ledger.tokens
    await tokens.add("KID2", TokenDetails("Eve", group="Family"), dt_util.utcnow())
    told = await client.ask("Authorize", {"idTag": "KID2"})
    await ask(hass, "reserve", tag="KID1", minutes=30, group="family")
    (sent,) = client.sent("ReserveNow")
    assert sent["parentIdTag"] == told["idTagInfo"]["parentIdTag"]


async def test_a_local_list_is_sent(hass: HomeAssistant, client: RawStation) -> None:
    client.answers["GetLocalListVersion"] = {"listVersion": 4}
    entries = [{"tag": "A"}, {"tag": "B", "status": "blocked", "group": "G", "expires": "2030-01-01 00:00:00+00:00"}]
    assert await ask(hass, "send_local_list", entries=entries) == {"version": 5}
    (sent,) = client.sent("SendLocalList")
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    group = entry.runtime_data.ledger.tokens.group_value("G")  # as an answer to a presented tag names it
    info = {"status": "Blocked", "expiryDate": "2030-01-01T00:00:00.000Z", "parentIdTag": group}
    assert sent == {
        "listVersion": 5,
        "updateType": "Full",
        "localAuthorizationList": [
            {"idTag": "A", "idTagInfo": {"status": "Accepted"}},
            {"idTag": "B", "idTagInfo": info},
        ],
    }
    removal = [{"tag": "A", "status": "removed"}]
    assert await ask(hass, "send_local_list", entries=removal, update="differential", version=9) == {"version": 9}
    assert client.sent("SendLocalList")[-1]["localAuthorizationList"] == [{"idTag": "A"}]
    assert await ask(hass, "get_local_list_version") == {"version": 4}
    client.answers["GetLocalListVersion"] = {"listVersion": -1}
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "get_local_list_version")
    assert error.value.translation_key == "command_not_supported"


async def test_logs_are_uploaded(hass: HomeAssistant, client: RawStation) -> None:
    client.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
    url = "ftp://files.test/in"
    answer = await ask(hass, "get_diagnostics", url=url, retries=2, retry_interval=60, oldest="2026-06-01 00:00:00")
    assert answer == {"request_id": None, "filename": "diag.zip"}
    (sent,) = client.sent("GetDiagnostics")
    assert (sent["location"], sent["retries"], sent["retryInterval"]) == (url, 2, 60)
    assert "startTime" in sent
    client.answers["GetLog"] = {"status": "Accepted", "filename": "log.gz"}
    answer = await ask(hass, "get_log", url=url, log="security", latest="2026-06-01 00:00:00")
    (sent,) = client.sent("GetLog")
    assert (sent["logType"], sent["requestId"]) == ("SecurityLog", answer["request_id"])
    assert answer["filename"] == "log.gz"
    with pytest.raises(probatio.Invalid):
        await ask(hass, "get_log", url="file:///etc/passwd")


async def test_firmware_is_updated(hass: HomeAssistant, client: RawStation) -> None:
    client.answers["UpdateFirmware"] = {}
    assert await ask(hass, "update_firmware", url="https://files.test/fw") == {"request_id": None}
    assert client.sent("UpdateFirmware")[0]["location"] == "https://files.test/fw"
    signed = {"signature": "c2ln", "signing_certificate": "PEM", "install_at": "2030-01-01 03:00:00+00:00"}
    answer = await ask(hass, "update_firmware", url="https://files.test/fw", **signed)
    (sent,) = client.sent("SignedUpdateFirmware")
    assert sent["requestId"] == answer["request_id"]
    assert sent["firmware"]["installDateTime"] == "2030-01-01T03:00:00.000Z"
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "update_firmware", url="https://files.test/fw", signature="c2ln")
    assert error.value.translation_key == "command_invalid"


async def test_a_security_event_is_shown_without_what_does_not_belong_there(
    hass: HomeAssistant, client: RawStation
) -> None:
    info = "<b>{{ states('x') }}</b> https://user:pass@host.test/ \n door open"
    event = {"type": "TamperDetectionActivated", "timestamp": dt_util.utcnow().isoformat(), "techInfo": info}
    await client.ask("SecurityEventNotification", event)
    await hass.async_block_till_done()
    state = hass.states.get("event.charger_cp_1_notice")
    assert state is not None
    assert state.attributes["event_type"] == "security_event"
    assert state.attributes["kind"] == "TamperDetectionActivated"
    assert state.attributes["info"].endswith("door open")
    assert not {"<", "{", "\n"} & set(state.attributes["info"])
    assert "pass" not in state.attributes["info"]


async def test_a_charger_that_is_away_is_not_asked(hass: HomeAssistant, client: RawStation) -> None:
    await client.close()
    for _ in range(500):
        if not station(hass).state.connected:
            break
        await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError) as error:
        await ask(hass, "ocpp_call", action="ClearCache")
    assert error.value.translation_key == "command_not_connected"

"""What stations tell beside charging becomes state and events that are fit to be shown."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.reservations import ReservationRequest
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus

from .conftest import Bench
from .raw_station_2 import RawStation2, RawStation21
from .test_v2 import ready


def event(bench: Bench, name: str = "Temperature", **more: Any) -> dict[str, Any]:
    """Return an entry of a NotifyEvent."""
    return {
        "eventId": 1,
        "timestamp": bench.now(),
        "trigger": "Alerting",
        "actualValue": "71",
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": name},
        **more,
    }


async def notify(client: RawStation2, bench: Bench, *events: dict[str, Any]) -> None:
    """Send a NotifyEvent."""
    await client.ask("NotifyEvent", {"generatedAt": bench.now(), "seqNo": 0, "eventData": list(events)})


async def test_a_flood_of_notices_is_cut_and_counted(bench: Bench) -> None:
    client = await bench.ready()
    for number in range(40):
        await client.ask("SecurityEventNotification", {"type": f"Kind{number}", "timestamp": bench.now()})
    told = bench.told(StationEventType.SECURITY_EVENT)
    assert 20 <= len(told) < 30
    assert told[0].details == {"kind": "Kind0"}
    assert bench.station.state.deviations["too many notices: security_event"] == 40 - len(told)


async def test_alerts_carry_no_secrets_and_no_states(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    await notify(
        client,
        bench,
        event(bench, "AvailabilityState", component={"name": "ChargingStation"}),
        event(bench, "BasicAuthPassword", component={"name": "SecurityCtrlr"}, cleared=True, techInfo="hot\x07 {{x}}"),
    )
    (told,) = bench.told(StationEventType.ALERT)
    assert told.evse_id is None
    assert told.details["variable"] == "SecurityCtrlr.BasicAuthPassword"
    assert "value" not in told.details
    assert (told.details["cleared"], told.details["info"]) == (True, "hot x")
    frame = await client.ask_raw("NotifyEvent", {"generatedAt": bench.now(), "seqNo": 0, "eventData": [{"eventId": 1}]})
    assert frame[0] in {3, 4}
    assert len(bench.told(StationEventType.ALERT)) == 1


async def test_the_needs_of_a_car_are_kept_until_it_leaves(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.connector("Occupied", bench.now())
    needs: dict[str, Any] = {
        "requestedEnergyTransfer": "AC_three_phase",
        "departureTime": bench.now(3600),
        "acChargingParameters": {"energyAmount": 22000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400},
    }
    assert await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}) == {"status": "Rejected"}
    kept = bench.evse.charging_needs
    assert kept is not None
    assert (kept.energy_wh, kept.max_current_a, kept.transfer, kept.soc_percent) == (22000, 16, "AC_three_phase", None)
    assert kept.departure is not None
    assert (kept.departure - bench.clock.now()).total_seconds() == pytest.approx(3600, abs=2)
    dc = {"evMaxCurrent": 100, "evMaxVoltage": 500, "energyAmount": 30000, "stateOfCharge": 40}
    needs = {"requestedEnergyTransfer": "DC", "dcChargingParameters": dc}
    await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
    kept = bench.evse.charging_needs
    assert kept is not None
    assert (kept.energy_wh, kept.soc_percent, kept.departure) == (30000, 40, None)
    await client.connector("Available", bench.now())
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert bench.evse.charging_needs is None
    assert await client.ask("NotifyEVChargingNeeds", {"evseId": 99, "chargingNeeds": needs}) == {"status": "Rejected"}


async def test_a_car_that_charges_by_our_limits_is_promised_them(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.event("Started", bench.now(), evse=1, token="TAG", energy=0.0)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: client.set_profiles("TxProfile") != [])
    sent = len(client.set_profiles("TxProfile"))
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_three_phase"}}
    assert await client.ask("NotifyEVChargingNeeds", needs) == {"status": "Accepted"}
    await bench.until(lambda: len(client.set_profiles("TxProfile")) > sent)
    sent = len(client.set_profiles("TxProfile"))
    assert await client.ask("NotifyEVChargingNeeds", needs) == {"status": "Accepted"}
    await bench.pass_time(5.0)
    assert len(client.set_profiles("TxProfile")) == sent  # it has them already
    bench.station.release(1)
    assert await client.ask("NotifyEVChargingNeeds", needs) == {"status": "Rejected"}


async def test_priority_charging_belongs_to_the_evse_of_its_transaction(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    await client.event("Started", bench.now(), evse=1, token="TAG", energy=0.0)
    await client.ask("NotifyPriorityCharging", {"transactionId": "tx-1", "activated": True})
    assert bench.evse.priority_charging
    await client.ask("NotifyPriorityCharging", {"transactionId": "other", "activated": False})
    first, second = bench.told(StationEventType.PRIORITY_CHARGING)
    assert (first.evse_id, first.details) == (1, {"activated": True})
    assert (second.evse_id, second.details) == (None, {"activated": False})
    assert bench.evse.priority_charging


async def test_what_supports_the_grid_is_told(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    alarm = {"controlType": "VoltVar", "gridEventFault": "OverVoltage", "timestamp": bench.now(), "extraInfo": "L1"}
    await client.ask("NotifyDERAlarm", alarm)
    (told,) = bench.told(StationEventType.DER_ALARM)
    assert told.details == {"control": "VoltVar", "fault": "OverVoltage", "ended": False, "info": "L1"}
    await client.ask("NotifyDERStartStop", {"controlId": "c1", "started": True, "timestamp": bench.now()})
    (control,) = bench.told(StationEventType.DER_CONTROL)
    assert control.details == {"control_id": "c1", "started": True}


async def test_published_firmware_and_unasked_pages_are_noted(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    await client.ask("PublishFirmwareStatusNotification", {"status": "Downloading"})
    assert bench.station.state.published_firmware_status == "Downloading"
    await client.ask("NotifyDisplayMessages", {"requestId": 4})
    assert bench.station.state.deviations["report that nobody asked for"] == 1


async def test_the_security_extension_names_its_requests(bench: Bench) -> None:
    client = await bench.ready()
    await client.ask("LogStatusNotification", {"status": "Uploading", "requestId": 4})
    await client.ask("SignedFirmwareStatusNotification", {"status": "Downloading", "requestId": 5})
    state = bench.station.state
    assert (state.diagnostics_status, state.log_request_id) == ("Uploading", 4)
    assert (state.firmware_status, state.firmware_request_id) == ("Downloading", 5)
    await client.ask("FirmwareStatusNotification", {"status": "Idle"})
    assert bench.station.state.firmware_request_id is None


async def test_no_certificate_chain_is_vouched_for(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    identity = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}
    asked = {"certificateHashData": identity, "source": "OCSP", "urls": ["http://ocsp.test"]}
    answer = await client.ask("GetCertificateChainStatus", {"certificateStatusRequests": [asked]})
    (told,) = answer["certificateStatus"]
    assert (told["status"], told["certificateHashData"]) == ("Failed", identity)
    with pytest.raises(ValueError, match="OccurrenceConstraintViolation"):
        await client.ask("GetCertificateChainStatus", {"certificateStatusRequests": []})


async def test_a_reservation_of_ocpp_2_is_used_by_its_transaction(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    until = bench.clock.now() + timedelta(minutes=5)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(1, "TAG", until))
    started = {
        "eventType": "Started",
        "timestamp": bench.now(),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-9"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "TAG", "type": "ISO14443"},
        "reservationId": number,
    }
    await client.ask("TransactionEvent", started)
    (told,) = bench.told(StationEventType.RESERVATION_ENDED)
    assert (told.evse_id, told.details) == (1, {"reservation_id": number, "reason": "used"})


async def test_a_station_of_ocpp_2_tells_itself_that_a_reservation_ran_out(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    until = bench.clock.now() + timedelta(minutes=5)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(0, "TAG", until))
    await bench.pass_time(310.0)
    assert number in bench.station.state.reservations
    await client.ask("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Expired"})
    await bench.pass_time(120.0)
    (told,) = bench.told(StationEventType.RESERVATION_ENDED)
    assert (told.evse_id, told.details["reason"]) == (None, "expired")

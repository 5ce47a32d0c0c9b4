"""Certification cases of OCPP 2.0.1, block P: messages and fields of makers that nobody here knows."""

import pytest

from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench

from .f_to_p_station import TAG, online

CUSTOM = {"vendorId": "test.vendor", "someField": "someValue", "nested": {"deep": [1, 2]}}


@pytest.mark.certification("TC_P_02")
@pytest.mark.parametrize("message", [{}, {"messageId": "ping", "data": {"any": 1}}], ids=["vendor", "message"])
async def test_the_message_of_an_unknown_vendor_is_refused(bench: Bench, message: dict[str, object]) -> None:
    client = await online(bench)
    answer = await client.ask("DataTransfer", {"vendorId": "test.vendor", **message})
    assert answer == {"status": "UnknownVendorId"}
    assert client.broken == []


@pytest.mark.certification("TC_P_03")
async def test_fields_of_a_vendor_do_no_harm(bench: Bench) -> None:
    client = await online(bench)
    status = {"timestamp": bench.now(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    assert await client.ask("StatusNotification", {**status, "customData": CUSTOM}) == {}
    assert bench.evse.status is EvseStatus.PREPARING
    started = {
        "eventType": "Started",
        "timestamp": bench.now(),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": TAG, "type": "ISO14443"},
        "transactionInfo": {"transactionId": "tx-1", "customData": CUSTOM},
        "customData": CUSTOM,
    }
    answer = await client.ask("TransactionEvent", started)
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert bench.evse.transaction is not None
    assert bench.station.state.deviations.keys() <= {"transaction begins without a register"}
    assert client.broken == []

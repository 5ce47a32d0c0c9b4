"""What the tests of every message share between OCPP 2.0.1 and 2.1."""

from collections.abc import Mapping
from typing import Any

from custom_components.smart_charging.engine.csms.customer_information import Customer
from custom_components.smart_charging.engine.csms.display_messages import DisplayMessage
from custom_components.smart_charging.engine.csms.monitoring import Monitor, MonitoringBase, MonitorType
from custom_components.smart_charging.engine.csms.network_profiles import NetworkProfile
from custom_components.smart_charging.engine.csms.operations import supported

from .conftest import Bench
from .every_message import CHAIN, COMMON, Command
from .raw_station_2 import RawStation2
from .test_v2 import ready

INTERVAL = "SampledDataCtrlr.TxUpdatedInterval"
MONITOR = Monitor("SmartChargingCtrlr.RateUnit", MonitorType.DELTA, 1.0)

FROM_STATION = {
    "Authorize",
    "BootNotification",
    "ClearedChargingLimit",
    "DataTransfer",
    "FirmwareStatusNotification",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "SignCertificate",
    "StatusNotification",
    "TransactionEvent",
}
COMMANDS: Mapping[str, Command] = {
    **COMMON,
    "ClearDisplayMessage": lambda _, station: supported(station.operations.display).clear(7),
    "ClearVariableMonitoring": lambda _, station: supported(station.operations.monitoring).clear([7]),
    "CostUpdated": lambda _, station: supported(station.operations.transactions).show_cost("tx-1", 1.5),
    "CustomerInformation": lambda _, station: supported(station.operations.customers).read(Customer("TAG")),
    "GetBaseReport": lambda _, station: station.operations.variables.model(refresh=True),
    "GetDisplayMessages": lambda _, station: supported(station.operations.display).shown([7]),
    "GetInstalledCertificateIds": lambda _, station: station.operations.certificates.installed("CSMSRootCertificate"),
    "GetMonitoringReport": lambda _, station: supported(station.operations.monitoring).report([INTERVAL]),
    "GetTransactionStatus": lambda _, station: supported(station.operations.transactions).status("tx-1"),
    "GetVariables": lambda _, station: station.operations.variables.read([INTERVAL]),
    "InstallCertificate": lambda _, station: station.operations.certificates.install(CHAIN, "CSMSRootCertificate"),
    "RequestStartTransaction": lambda _, station: station.start_transaction(1, "TAG", PROFILE),
    "RequestStopTransaction": lambda _, station: station.stop_transaction(1),
    "SetDisplayMessage": lambda _, station: supported(station.operations.display).show(DisplayMessage("Hello")),
    "SetMonitoringBase": lambda _, station: supported(station.operations.monitoring).set_base(MonitoringBase.ALL),
    "SetMonitoringLevel": lambda _, station: supported(station.operations.monitoring).set_level(4),
    "SetNetworkProfile": lambda _, station: supported(station.operations.network).write(
        1, NetworkProfile("wss://home.test:9000/", 2)
    ),
    "SetVariableMonitoring": lambda _, station: supported(station.operations.monitoring).set([MONITOR]),
    "SetVariables": lambda _, station: station.change_configuration(INTERVAL, "30"),
}
# Sent by what keeps limits, or of use to nobody who charges cars at home: only as they are, by `Station.call`.
RAW = {"GetChargingProfiles", "GetReport", "PublishFirmware", "SetChargingProfile", "UnpublishFirmware"}

PROFILE: Mapping[str, Any] = {
    "chargingProfileId": 9,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]},
}


async def charging(bench: Bench, client: RawStation2) -> RawStation2:
    """Have a transaction run, at a station whose reports are short."""
    await ready(bench, client)
    await client.event("Started", bench.now(), evse=1, token="TAG", energy=0.0)
    client.answers |= {
        "GetMonitoringReport": {"status": "EmptyResultSet"},
        "GetDisplayMessages": {"status": "Unknown"},
        "GetDERControl": {"status": "NotFound"},
        "GetCompositeSchedule": {"status": "Accepted"},
        "CustomerInformation": lambda payload: _customer(client, payload),
    }
    return client


def _customer(client: RawStation2, payload: dict[str, Any]) -> dict[str, Any]:
    page = {"requestId": payload["requestId"], "generatedAt": "2026-06-01T10:00:00Z"}
    client.later("NotifyCustomerInformation", {**page, "data": "name: ", "seqNo": 0, "tbc": True})
    client.later("NotifyCustomerInformation", {**page, "data": "Ada", "seqNo": 1})
    return {"status": "Accepted"}

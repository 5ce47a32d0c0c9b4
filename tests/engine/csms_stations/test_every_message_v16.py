"""Every message of OCPP 1.6 with its security extension, in both directions, over a real socket."""

from collections.abc import Mapping

import pytest

from custom_components.smart_charging.engine.csms.maintenance import LogRequest

from .conftest import Bench
from .every_message import CHAIN, COMMON, IDENTITY, URL, Command, check_command, check_from_station, check_raw, firmware
from .schema_samples import actions

ACTIONS = actions("ocpp1.6")
FROM_STATION = {
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
}
COMMANDS: Mapping[str, Command] = {
    **COMMON,
    "ChangeConfiguration": lambda _, station: station.change_configuration("MeterValueSampleInterval", "30"),
    "DeleteCertificate": lambda _, station: station.operations.certificates.delete(IDENTITY),
    "ExtendedTriggerMessage": lambda _, station: station.trigger("SignChargingStationCertificate"),
    "GetConfiguration": lambda _, station: station.operations.variables.read(["NumberOfConnectors"]),
    "GetDiagnostics": lambda _, station: station.operations.files.get_diagnostics(LogRequest(URL)),
    "GetInstalledCertificateIds": lambda _, station: station.operations.certificates.installed(
        "CentralSystemRootCertificate"
    ),
    "InstallCertificate": lambda _, station: station.operations.certificates.install(
        CHAIN, "CentralSystemRootCertificate"
    ),
    "RemoteStartTransaction": lambda _, station: station.start_transaction(1, "TAG"),
    "RemoteStopTransaction": lambda _, station: station.stop_transaction(1),
    "SignedUpdateFirmware": lambda bench, station: station.operations.files.update_firmware(
        firmware(bench, signed=True)
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_a_station_sends_is_answered_as_the_schema_has_it(bench: Bench, action: str) -> None:
    client = await bench.ready()
    await check_from_station(client, action, ours=action in FROM_STATION)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one in COMMANDS])
async def test_what_we_send_fits_the_schema_and_a_refusal_is_an_error(bench: Bench, action: str) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    client.answers["GetCompositeSchedule"] = {"status": "Accepted"}
    await check_command(bench, client, action, COMMANDS[action])


@pytest.mark.parametrize("action", [one for one in ACTIONS if one not in FROM_STATION or one == "DataTransfer"])
async def test_any_message_can_be_sent_as_it_is(bench: Bench, action: str) -> None:
    client = await bench.ready()
    await check_raw(bench, client, action)


def test_every_message_to_a_station_has_words_of_its_own() -> None:
    assert set(ACTIONS) - FROM_STATION - set(COMMANDS) == {"SetChargingProfile"}  # sent by what keeps limits

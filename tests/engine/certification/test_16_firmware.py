"""OCPP 1.6, FirmwareManagement: firmware and diagnostics by addresses that are given."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.maintenance import FirmwareRequest, LogRequest, LogUpload, Retries
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.station_files import StartedUpdate, StartedUpload
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import RawStation

from .charging import say

FIRMWARE, UPLOAD = "https://files.example/firmware.bin", "https://files.example/upload/"


async def update(bench: Bench) -> RawStation:
    """Have a station fetch firmware."""
    client = await bench.ready()
    client.answers["UpdateFirmware"] = {}
    when = bench.clock.now() + timedelta(minutes=1)
    request = FirmwareRequest(FIRMWARE, when, retries=Retries(2, 60))
    assert await bench.station.operations.files.update_firmware(request) == StartedUpdate(None)
    assert client.sent("UpdateFirmware") == [
        {"location": FIRMWARE, "retrieveDate": "2026-06-01T10:01:00.000Z", "retries": 2, "retryInterval": 60}
    ]
    return client


async def tell(bench: Bench, client: RawStation, *statuses: str) -> None:
    """Tell how the firmware fares; each status is answered and known at once."""
    for status in statuses:
        before = len(bench.told(StationEventType.FIRMWARE))
        assert await client.ask("FirmwareStatusNotification", {"status": status}) == {}
        assert bench.station.state.firmware_status == status
        assert len(bench.told(StationEventType.FIRMWARE)) == before + 1


async def reboot(bench: Bench, client: RawStation) -> RawStation:
    """Restart as after an installation."""
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    again = await bench.dial()
    assert (await again.boot(firmwareVersion="2.0"))["status"] == "Accepted"
    return again


@pytest.mark.certification("TC_044_1")
async def test_firmware_is_fetched_and_installed(bench: Bench) -> None:
    client = await update(bench)
    await tell(bench, client, "Downloading", "Downloaded")
    for connector in (0, 1):
        assert await say(bench, client, "Unavailable", connector) == {}
    assert bench.evse.status is EvseStatus.UNAVAILABLE
    await tell(bench, client, "Installing")
    again = await reboot(bench, client)
    for connector in (0, 1):
        assert await say(bench, again, "Available", connector) == {}
    await tell(bench, again, "Installed")
    assert bench.station.state.firmware_version == "2.0"
    assert bench.evse.status is EvseStatus.AVAILABLE


@pytest.mark.certification("TC_044_2")
async def test_firmware_that_can_not_be_fetched_is_known(bench: Bench) -> None:
    await tell(bench, await update(bench), "Downloading", "DownloadFailed")


@pytest.mark.certification("TC_044_3")
async def test_firmware_that_can_not_be_installed_is_known(bench: Bench) -> None:
    client = await update(bench)
    await tell(bench, client, "Downloading", "Downloaded", "Installing")
    await tell(bench, await reboot(bench, client), "InstallationFailed")


async def upload(bench: Bench, *statuses: str) -> None:
    """Have a station upload its diagnostics, which takes this course."""
    client = await bench.ready()
    client.answers["GetDiagnostics"] = {"fileName": "cp1.log"}
    now = bench.clock.now()
    request = LogRequest(UPLOAD, oldest=now - timedelta(hours=1), latest=now, retries=Retries(1, 10))
    assert await bench.station.operations.files.get_diagnostics(request) == StartedUpload(LogUpload(None, "cp1.log"))
    assert client.sent("GetDiagnostics") == [
        {
            "location": UPLOAD,
            "startTime": "2026-06-01T09:00:00.000Z",
            "stopTime": "2026-06-01T10:00:00.000Z",
            "retries": 1,
            "retryInterval": 10,
        }
    ]
    for status in statuses:
        assert await client.ask("DiagnosticsStatusNotification", {"status": status}) == {}
        assert bench.station.state.diagnostics_status == status


@pytest.mark.certification("TC_045_1")
async def test_diagnostics_are_uploaded(bench: Bench) -> None:
    await upload(bench, "Uploading", "Uploaded")


@pytest.mark.certification("TC_045_2")
async def test_diagnostics_that_can_not_be_uploaded_are_known(bench: Bench) -> None:
    await upload(bench, "Uploading", "UploadFailed")

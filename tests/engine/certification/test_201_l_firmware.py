"""Certification cases of OCPP 2.0.1, block L: signed firmware, fetched, checked and installed, or not."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.maintenance import FirmwareRequest
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import charge, online, reboot, stop, tell_status

URL = "https://files.test/firmware.bin"
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
FETCHED = ("Downloading", "Downloaded", "SignatureVerified")
INSTALLED = ("Installing", "InstallRebooting")


async def update(bench: Bench, client: RawStation2, *, fetch_s: float = 0.0, install_s: float | None = None) -> int:
    """Ask for a signed update and return the request's id, all that the case demands of the message seen."""
    now = bench.clock.now()
    request = FirmwareRequest(
        URL,
        now + timedelta(seconds=fetch_s),
        None if install_s is None else now + timedelta(seconds=install_s),
        "c2lnbmVk",
        PEM,
    )
    number = (await bench.station.operations.files.update_firmware(request)).request_id
    assert number is not None
    sent = client.sent("UpdateFirmware")[-1]
    firmware = sent["firmware"]
    assert (sent["requestId"], firmware["location"]) == (number, URL)
    assert (firmware["signature"], firmware["signingCertificate"]) == ("c2lnbmVk", PEM)
    assert firmware["retrieveDateTime"][:19] == bench.now(fetch_s)[:19]
    assert ("installDateTime" in firmware) is (install_s is not None)
    if install_s is not None:
        assert firmware["installDateTime"][:19] == bench.now(install_s)[:19]
    assert client.broken == []
    return number


async def refused(bench: Bench, client: RawStation2, status: str) -> None:
    """Be refused an update, in the station's word."""
    client.answers["UpdateFirmware"] = {"status": status}
    request = FirmwareRequest(URL, bench.clock.now(), None, "c2lnbmVk", PEM)
    with pytest.raises(CommandError, match=status) as error:
        await bench.station.operations.files.update_firmware(request)
    assert error.value.code is CommandErrorCode.REJECTED


async def goes_through(bench: Bench, client: RawStation2, number: int, *statuses: str) -> None:
    """Tell the states of an update one after the other; each is shown, with the request it is about."""
    for status in statuses:
        told = {"status": status, "requestId": number}
        assert await client.ask("FirmwareStatusNotification", told) == {}
        state = bench.told(StationEventType.FIRMWARE)[-1].station
        assert (state.firmware_status, state.firmware_request_id) == (status, number)


async def comes_back(bench: Bench, client: RawStation2, number: int, *, outcome: str = "Installed") -> None:
    """Boot for the update, be accepted, and tell how it came out."""
    version = "2.1" if outcome == "Installed" else "2.0"
    await reboot(bench, client, "FirmwareUpdate", firmwareVersion=version)
    for evse in (1, 2):
        await tell_status(bench, client, "Available", evse)
    await goes_through(bench, client, number, outcome)
    assert bench.station.state.firmware_version == version


def security_events(bench: Bench) -> list[Any]:
    return [event.details["kind"] for event in bench.told(StationEventType.SECURITY_EVENT)]


@pytest.mark.certification("TC_L_01")
@pytest.mark.certification("TC_L_09")
@pytest.mark.parametrize("outcome", ["Installed", "InstallationFailed"])
async def test_firmware_is_installed_over_a_restart(bench: Bench, outcome: str) -> None:
    client = await online(bench)
    number = await update(bench, client)
    await goes_through(bench, client, number, *FETCHED, *INSTALLED)
    await comes_back(bench, client, number, outcome=outcome)


@pytest.mark.certification("TC_L_02")
async def test_firmware_is_installed_later(bench: Bench) -> None:
    client = await online(bench)
    number = await update(bench, client, install_s=60.0)
    await goes_through(bench, client, number, *FETCHED, "InstallScheduled")
    await bench.pass_time(60.0)
    await goes_through(bench, client, number, *INSTALLED)
    await comes_back(bench, client, number)


@pytest.mark.certification("TC_L_03")
async def test_firmware_is_fetched_later(bench: Bench) -> None:
    client = await online(bench)
    number = await update(bench, client, fetch_s=60.0)
    await goes_through(bench, client, number, "DownloadScheduled")
    await bench.pass_time(60.0)
    await goes_through(bench, client, number, *FETCHED, *INSTALLED)
    await comes_back(bench, client, number)


@pytest.mark.certification("TC_L_04")
async def test_a_revoked_certificate_is_told(bench: Bench) -> None:
    client = await online(bench)
    await refused(bench, client, "RevokedCertificate")
    assert len(client.sent("UpdateFirmware")) == 1
    assert bench.station.state.firmware_status is None


@pytest.mark.certification("TC_L_05")
async def test_an_invalid_certificate_is_told(bench: Bench) -> None:
    client = await online(bench)
    await refused(bench, client, "InvalidCertificate")
    event = {"type": "InvalidFirmwareSigningCertificate", "timestamp": bench.now()}
    assert await client.ask("SecurityEventNotification", event) == {}
    assert security_events(bench) == ["InvalidFirmwareSigningCertificate"]


@pytest.mark.certification("TC_L_06")
async def test_an_invalid_signature_is_told(bench: Bench) -> None:
    client = await online(bench)
    number = await update(bench, client)
    await goes_through(bench, client, number, "Downloading", "Downloaded", "InvalidSignature")
    event = {"type": "InvalidFirmwareSignature", "timestamp": bench.now()}
    assert await client.ask("SecurityEventNotification", event) == {}
    assert security_events(bench) == ["InvalidFirmwareSignature"]


@pytest.mark.certification("TC_L_07")
async def test_a_download_that_fails_is_told(bench: Bench) -> None:
    client = await online(bench)
    number = await update(bench, client)
    await goes_through(bench, client, number, "Downloading", "DownloadFailed")


@pytest.mark.certification("TC_L_08")
async def test_an_installation_that_can_not_be_verified_is_told(bench: Bench) -> None:
    client = await online(bench)
    number = await update(bench, client)
    await goes_through(bench, client, number, *FETCHED, "Installing", "InstallVerificationFailed")


@pytest.mark.certification("TC_L_10")
async def test_a_second_update_takes_the_place_of_the_first(bench: Bench) -> None:
    client = await online(bench)
    first = await update(bench, client)
    await goes_through(bench, client, first, "Downloading")
    client.answers["UpdateFirmware"] = {"status": "AcceptedCanceled"}
    second = await update(bench, client)
    assert second != first
    await goes_through(bench, client, second, *FETCHED, *INSTALLED)
    await comes_back(bench, client, second)


@pytest.mark.certification("TC_L_11")
async def test_a_first_update_goes_on_where_a_second_is_refused(bench: Bench) -> None:
    client = await online(bench)
    first = await update(bench, client)
    await goes_through(bench, client, first, "Downloading")
    await refused(bench, client, "Rejected")
    assert len(client.sent("UpdateFirmware")) == 2
    await goes_through(bench, client, first, "Downloaded", "SignatureVerified", *INSTALLED)
    await comes_back(bench, client, first)


@pytest.mark.certification("TC_L_13")
async def test_an_update_waits_for_the_car_that_charges(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    number = await update(bench, client)
    await goes_through(bench, client, number, "DownloadScheduled")
    await tell_status(bench, client, "Unavailable", 2)
    assert bench.station.state.evses[2].status is EvseStatus.UNAVAILABLE
    assert bench.evse.status is EvseStatus.CHARGING
    await stop(bench, client)
    await tell_status(bench, client, "Unavailable")
    assert bench.evse.status is EvseStatus.UNAVAILABLE
    await goes_through(bench, client, number, *FETCHED, *INSTALLED)
    await comes_back(bench, client, number)
    assert bench.evse.status is EvseStatus.AVAILABLE

"""OCPP 1.6 with its security extension: logins, roots, logs, signed firmware, and the version that is spoken."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import StationConfig
from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.maintenance import FirmwareRequest, LogKind, LogRequest, LogUpload
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.state import StationEventType
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation

from .charging import say
from .secure_station import boot_and_tell, enter, leave, refusal

FIRMWARE, UPLOAD = "https://files.example/firmware.bin", "https://files.example/upload/"
ROOT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
LISTED: Payload = {"issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "42"}
PASSWORD = bytes(range(100, 120))


@pytest.fixture
async def guarded(empty_bench: Bench) -> Bench:
    """A central system whose station CP1 has a password."""
    await empty_bench.csms.add_station(StationConfig("CP1", "Garage", password_hash=hash_password(PASSWORD)))
    return empty_bench


@pytest.mark.certification("TC_085")
async def test_a_login_needs_the_right_password(guarded: Bench) -> None:
    assert await refusal(guarded) == 401
    assert await refusal(guarded, password=b"another-password") == 401
    for spelled in (PASSWORD, PASSWORD.hex().encode()):
        client = await enter(guarded, password=spelled)
        await boot_and_tell(guarded, client)
        await leave(guarded, client)


@pytest.mark.certification("TC_073")
async def test_a_new_password_is_told_in_hexadecimal_digits_and_opens(guarded: Bench) -> None:
    client = await enter(guarded, password=PASSWORD)
    hashed = await guarded.station.access.rotate_password()
    told = client.sent("ChangeConfiguration")[-1]
    assert told["key"] == "AuthorizationKey"
    new = bytes.fromhex(told["value"])
    assert len(told["value"]) <= 40
    assert 16 <= len(new) <= 20
    await guarded.csms.update_station(StationConfig("CP1", "Garage", password_hash=hashed))
    for spelled in (new, told["value"].encode()):
        await leave(guarded, client)
        client = await enter(guarded, password=spelled)
    await leave(guarded, client)
    assert await refusal(guarded, password=PASSWORD) == 401


@pytest.mark.certification("TC_073")
async def test_a_password_that_the_station_rejects_is_told_and_the_old_one_stays(guarded: Bench) -> None:
    client = await enter(guarded, password=PASSWORD)
    client.answers["ChangeConfiguration"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await guarded.station.access.rotate_password()
    assert error.value.code is CommandErrorCode.REJECTED
    await leave(guarded, client)
    await enter(guarded, password=PASSWORD)


async def install(bench: Bench, kind: str) -> None:
    """Install a root of a kind and find it among those installed."""
    client = await bench.ready()
    certificates = bench.station.operations.certificates
    listed = {"hashAlgorithm": "SHA256", **LISTED}
    client.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashData": [listed]}
    await certificates.install(ROOT, kind)
    assert client.sent("InstallCertificate") == [{"certificateType": kind, "certificate": ROOT}]
    assert await certificates.installed(kind) == (listed,)
    assert client.sent("GetInstalledCertificateIds") == [{"certificateType": kind}]


@pytest.mark.certification("TC_075_1")
async def test_a_manufacturers_root_is_installed(bench: Bench) -> None:
    await install(bench, "ManufacturerRootCertificate")


@pytest.mark.certification("TC_075_2")
async def test_a_root_of_ours_is_installed(bench: Bench) -> None:
    await install(bench, "CentralSystemRootCertificate")


@pytest.mark.certification("TC_076")
async def test_a_root_is_deleted_by_what_the_station_says_of_it(bench: Bench) -> None:
    client = await bench.ready()
    certificates, kind = bench.station.operations.certificates, "CentralSystemRootCertificate"
    for algorithm in ("SHA256", "SHA384", "SHA512"):
        await certificates.install(ROOT, kind)
        listed = {"hashAlgorithm": algorithm, **LISTED}
        client.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashData": [listed]}
        (found,) = await certificates.installed(kind)
        await certificates.delete(found)
        assert client.sent("DeleteCertificate")[-1] == {"certificateHashData": listed}
        client.answers["GetInstalledCertificateIds"] = {"status": "NotFound"}
        assert await certificates.installed(kind) == ()
    client.answers["DeleteCertificate"] = {"status": "Failed"}
    with pytest.raises(CommandError, match="Failed") as error:
        await certificates.delete(found)
    assert error.value.code is CommandErrorCode.REJECTED


async def report(bench: Bench, client: RawStation, kind: str) -> None:
    """Report a security event, which is answered and told."""
    assert await client.ask("SecurityEventNotification", {"type": kind, "timestamp": bench.now()}) == {}
    assert bench.told(StationEventType.SECURITY_EVENT)[-1].details["kind"] == kind


@pytest.mark.certification("TC_078")
async def test_a_root_that_the_station_rejects_is_told_and_its_report_is_taken(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["InstallCertificate"] = {"status": "Rejected"}
    kind = "CentralSystemRootCertificate"
    with pytest.raises(CommandError) as error:
        await bench.station.operations.certificates.install(ROOT, kind)
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("InstallCertificate") == [{"certificateType": kind, "certificate": ROOT}]
    await report(bench, client, "InvalidCentralSystemCertificate")


@pytest.mark.certification("TC_079")
async def test_the_security_log_is_uploaded(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetLog"] = {"status": "Accepted", "filename": "security.log"}
    upload = (await bench.station.operations.files.get_log(LogRequest(UPLOAD, LogKind.SECURITY))).upload
    (sent,) = client.sent("GetLog")
    assert sent == {"logType": "SecurityLog", "requestId": upload.request_id, "log": {"remoteLocation": UPLOAD}}
    assert upload == LogUpload(sent["requestId"], "security.log")
    for status in ("Uploading", "Uploaded"):
        told = {"status": status, "requestId": sent["requestId"]}
        assert await client.ask("LogStatusNotification", told) == {}
        assert bench.station.state.diagnostics_status == status
        assert bench.station.state.log_request_id == sent["requestId"]


async def update(bench: Bench) -> tuple[RawStation, int]:
    """Have a station fetch signed firmware; return it and the request's id."""
    client = await bench.ready()
    when = bench.clock.now() + timedelta(minutes=1)
    request = FirmwareRequest(FIRMWARE, when, signature="c2lnbmVk", signing_certificate=ROOT)
    number = (await bench.station.operations.files.update_firmware(request)).request_id
    assert number is not None
    firmware = {
        "location": FIRMWARE,
        "retrieveDateTime": "2026-06-01T10:01:00.000Z",
        "signature": "c2lnbmVk",
        "signingCertificate": ROOT,
    }
    assert client.sent("SignedUpdateFirmware") == [{"requestId": number, "firmware": firmware}]
    return client, number


async def tell(bench: Bench, client: RawStation, number: int, *statuses: str) -> None:
    """Tell how the firmware fares; each status is answered and known at once."""
    for status in statuses:
        assert await client.ask("SignedFirmwareStatusNotification", {"status": status, "requestId": number}) == {}
        state = bench.station.state
        assert (state.firmware_status, state.firmware_request_id) == (status, number)


@pytest.mark.certification("TC_080")
async def test_signed_firmware_is_fetched_checked_and_installed(bench: Bench) -> None:
    client, number = await update(bench)
    await tell(bench, client, number, "Downloading", "Downloaded", "SignatureVerified")
    for connector in (0, 1):
        assert await say(bench, client, "Unavailable", connector) == {}
    await tell(bench, client, number, "Installing", "InstallRebooting")
    await leave(bench, client)
    again = await bench.dial()
    await boot_and_tell(bench, again)
    await report(bench, again, "FirmwareUpdated")
    await tell(bench, again, number, "Installed")


@pytest.mark.certification("TC_081")
async def test_a_signature_that_does_not_fit_the_firmware_is_known(bench: Bench) -> None:
    client, number = await update(bench)
    await tell(bench, client, number, "Downloading", "Downloaded", "InvalidSignature")
    assert (
        await client.ask("SecurityEventNotification", {"type": "InvalidFirmwareSignature", "timestamp": bench.now()})
        == {}
    )


@pytest.mark.certification("TC_088")
async def test_a_version_that_nobody_speaks_is_refused_and_one_that_we_speak_is_chosen(bench: Bench) -> None:
    assert await refusal(bench, offers=("ocpp0.1",)) == 400
    client = await enter(bench, offers=("ocpp0.1", "ocpp1.6"))
    assert client.spoken == "ocpp1.6"
    assert (await client.boot())["status"] == "Accepted"

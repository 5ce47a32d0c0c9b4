"""Security profiles, certificates, logs and firmware of 2.x stations."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
import pytest

from simulator.ocpp.file_transfer import Signing, verified
from simulator.ocpp2.options import Version
from tests.manual_clock import START

from .authority import Authority
from .file_server import file_server
from .small_central_system2 import SmallCentralSystem2
from .test_device2 import connection
from .virtual_station2 import virtual_station2

PASSWORD = "a-password-of-length"


def today() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("version", list(Version))
async def test_profile_2_checks_the_server_and_sends_the_password(version: Version, tmp_path: Path) -> None:
    authority = Authority("Root", today())
    central = SmallCentralSystem2(context=authority.server_context(tmp_path))
    options = {"security_profile": 2, "password": PASSWORD, "trusted_pem": authority.pem}
    async with virtual_station2(central=central, version=version, **options) as virtual:
        await virtual.booted()
        credentials = central.credentials[0]
        assert credentials is not None
        assert (credentials.login, credentials.password) == ("SIM-1", PASSWORD)
        assert central.peers == [None] or not central.peers[0]


async def test_a_server_that_nobody_vouches_for_is_not_talked_to(tmp_path: Path) -> None:
    central = SmallCentralSystem2(context=Authority("Other", today()).server_context(tmp_path))
    options = {"security_profile": 2, "password": PASSWORD, "trusted_pem": Authority("Root", today()).pem}
    async with virtual_station2(central=central, **options) as virtual:
        await virtual.until(lambda: virtual.dialler._failures >= 2)
        assert central.connections == 0


async def test_profile_3_shows_a_certificate_and_sends_no_password(tmp_path: Path) -> None:
    authority = Authority("Root", today())
    central = SmallCentralSystem2(context=authority.server_context(tmp_path, clients=authority))
    certificate, key = authority.issue("SIM-1")
    options = {"certificate_pem": certificate, "key_pem": key, "trusted_pem": authority.pem, "password": PASSWORD}
    async with virtual_station2(central=central, security_profile=3, **options) as virtual:
        await virtual.booted()
        assert central.credentials == [None]
        assert central.peers[0]["subject"] == ((("commonName", "SIM-1"),),)


async def test_a_station_climbs_from_a_password_to_a_certificate_of_its_own(tmp_path: Path) -> None:
    authority = Authority("Root", today())
    secure = SmallCentralSystem2(context=authority.server_context(tmp_path, clients=authority))
    await secure.start()
    async with virtual_station2(security_profile=1, password=PASSWORD, boot_s=1.0) as virtual:
        await virtual.booted()
        root = {"certificateType": "CSMSRootCertificate", "certificate": authority.pem}
        assert await virtual.status("InstallCertificate", **root) == "Accepted"
        await virtual.status("TriggerMessage", requestedMessage="SignChargingStationCertificate")
        csr = (await virtual.heard("SignCertificate"))["csr"]
        stranger = Authority("Stranger", today())
        assert await virtual.status("CertificateSigned", certificateChain=stranger.answer(csr)) == (
            "Rejected InvalidCertificate"
        )
        assert (await virtual.heard("SecurityEventNotification"))["type"] == "InvalidChargingStationCertificate"
        assert await virtual.status("CertificateSigned", certificateChain="nonsense") == "Rejected InvalidCertificate"
        v2g = {"certificateChain": authority.answer(csr), "certificateType": "V2GCertificate"}
        assert await virtual.status("CertificateSigned", **v2g) == "Rejected InvalidValue"
        chain = authority.answer(csr) + authority.pem
        assert await virtual.status("CertificateSigned", certificateChain=chain) == "Accepted"
        data = connection(secure.url, 3)
        assert await virtual.status("SetNetworkProfile", configurationSlot=2, connectionData=data) == "Accepted"
        await virtual.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1")
        await virtual.status("Reset", type="Immediate")
        await virtual.until(lambda: len(secure.of("BootNotification")) == 1)
        assert dict(entry[0] for entry in secure.peers[0]["subject"])["organizationName"] == "Simulated"
    await secure.stop()


async def test_a_21_network_profile_brings_its_own_name_and_password() -> None:
    other = SmallCentralSystem2(version=Version.V21)
    await other.start()
    async with virtual_station2(version=Version.V21, security_events=True, boot_s=1.0) as virtual:
        assert (await virtual.heard("SecurityEventNotification"))["type"] == "StartupOfTheDevice"
        data = {**connection(other.url, 1), "identity": "OTHER", "basicAuthPassword": PASSWORD}
        assert await virtual.status("SetNetworkProfile", configurationSlot=2, connectionData=data) == "Accepted"
        await virtual.set("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1")
        await virtual.status("Reset", type="OnIdle")
        await virtual.until(lambda: len(other.of("BootNotification")) == 1)
        credentials = other.credentials[0]
        assert credentials is not None
        assert (credentials.login, credentials.password) == ("OTHER", PASSWORD)
    await other.stop()


async def test_roots_are_installed_listed_and_deleted_by_their_hash() -> None:
    first, second = Authority("First", today()), Authority("Second", today())
    async with virtual_station2(trusted_pem=first.pem) as virtual:
        await virtual.booted()
        ids = await virtual.call("GetInstalledCertificateIds")
        assert [c["certificateType"] for c in ids["certificateHashDataChain"]] == ["CSMSRootCertificate"]
        maker = {"certificateType": "ManufacturerRootCertificate", "certificate": second.pem}
        assert await virtual.status("InstallCertificate", **maker) == "Accepted"
        assert await virtual.status("InstallCertificate", **{**maker, "certificate": "nonsense"}) == "Rejected"
        asked = {"certificateType": ["ManufacturerRootCertificate"]}
        ids = await virtual.call("GetInstalledCertificateIds", **asked)
        found = ids["certificateHashDataChain"][0]["certificateHashData"]
        assert int(found["serialNumber"], 16) == second.certificate.serial_number
        assert await virtual.status("DeleteCertificate", certificateHashData=found) == "Accepted"
        assert await virtual.status("DeleteCertificate", certificateHashData=found) == "NotFound"
        assert (await virtual.call("GetInstalledCertificateIds", **asked))["status"] == "NotFound"
        for n in range(9):
            extra = {**maker, "certificate": Authority(f"Root {n}", today()).pem}
            assert await virtual.status("InstallCertificate", **extra) == "Accepted"
        assert await virtual.status("InstallCertificate", **maker) == "Failed"
        unknown = await virtual.central.call(
            "InstallCertificate", check=False, certificateType="OvenRoot", certificate=first.pem
        )
        assert unknown == {"status": "Rejected"}


async def test_the_last_root_stays_where_it_is_needed(tmp_path: Path) -> None:
    authority = Authority("Root", today())
    central = SmallCentralSystem2(context=authority.server_context(tmp_path))
    options = {"security_profile": 2, "password": PASSWORD, "trusted_pem": authority.pem}
    async with virtual_station2(central=central, **options) as virtual:
        await virtual.booted()
        ids = await virtual.call("GetInstalledCertificateIds")
        found = ids["certificateHashDataChain"][0]["certificateHashData"]
        assert await virtual.status("DeleteCertificate", certificateHashData=found) == "Failed"


async def test_a_log_is_uploaded_and_its_progress_told() -> None:
    async with file_server() as files, virtual_station2() as virtual:
        await virtual.booted()
        virtual.station.upkeep.journal.append("something happened")
        files.failures = 1
        asked: dict[str, Any] = {"logType": "DiagnosticsLog", "requestId": 3, "retries": 1, "retryInterval": 5}
        answer = await virtual.call("GetLog", **asked, log={"remoteLocation": files.base})
        assert answer == {"status": "Accepted", "filename": "SIM-1-DiagnosticsLog-3.log"}
        await virtual.heard("LogStatusNotification", 2)
        told = virtual.central.of("LogStatusNotification")
        assert told == [{"status": "Uploading", "requestId": 3}, {"status": "Uploaded", "requestId": 3}]
        assert b"something happened" in files.uploads["/SIM-1-DiagnosticsLog-3.log"]
        files.failures = 9
        await virtual.call("GetLog", **asked, log={"remoteLocation": files.base})
        await virtual.until(lambda: virtual.central.of("LogStatusNotification")[-1]["status"] == "UploadFailure")
        ftp = {**asked, "log": {"remoteLocation": "ftp://127.0.0.1"}}
        assert await virtual.status("GetLog", **ftp) == "Rejected InvalidURL"


def update(location: str, **more: Any) -> dict[str, Any]:
    return {"requestId": 8, "firmware": {"location": location, "retrieveDateTime": START.isoformat(), **more}}


async def test_firmware_is_fetched_checked_and_runs_after_a_restart() -> None:
    maker = Authority("Maker", START)
    certificate, key_pem = maker.issue("Signer")
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    async with file_server() as files, virtual_station2(firmware_root_pem=maker.pem) as virtual:
        await virtual.booted()
        signature = base64.b64encode(key.sign(files.content, ec.ECDSA(hashes.SHA256()))).decode()
        signed = {"signingCertificate": certificate, "signature": signature}
        assert await virtual.status("UpdateFirmware", **update(f"{files.base}/2.0.0.bin", **signed)) == "Accepted"
        boot = await virtual.heard("BootNotification", 2)
        assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "2.0.0")
        await virtual.until(lambda: virtual.central.of("FirmwareStatusNotification")[-1]["status"] == "Installed")
        told = [f["status"] for f in virtual.central.of("FirmwareStatusNotification")]
        assert told == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
        files.content = b"something else"
        await virtual.status("UpdateFirmware", **update(f"{files.base}/3.0.0.bin", **signed))
        await virtual.until(
            lambda: virtual.central.of("FirmwareStatusNotification")[-1]["status"] == "InvalidSignature"
        )
        assert (await virtual.heard("SecurityEventNotification"))["type"] == "InvalidFirmwareSignature"


async def test_firmware_is_fetched_and_installed_when_it_is_time() -> None:
    async with file_server() as files, virtual_station2() as virtual:
        await virtual.booted()
        moments = [(START + timedelta(seconds=s)).isoformat() for s in (60, 120)]
        asked = update(f"{files.base}/2.0.0.bin", retrieveDateTime=moments[0], installDateTime=moments[1])
        assert await virtual.status("UpdateFirmware", **asked) == "Accepted"
        assert (await virtual.heard("FirmwareStatusNotification"))["status"] == "DownloadScheduled"
        await virtual.until(
            lambda: "Installed" in [f["status"] for f in virtual.central.of("FirmwareStatusNotification")]
        )
        told = [f["status"] for f in virtual.central.of("FirmwareStatusNotification")]
        assert told == ["DownloadScheduled", "Downloading", "Downloaded", "InstallScheduled", "Installing", "Installed"]
        assert (virtual.clock.now() - START).total_seconds() >= 120


async def test_firmware_of_strangers_or_from_nowhere_is_not_installed() -> None:
    stranger, _ = Authority("Stranger", START).issue("Signer")
    async with file_server() as files, virtual_station2(firmware_root_pem=Authority("Maker", START).pem) as virtual:
        await virtual.booted()
        signed = {"signingCertificate": stranger, "signature": "AAAA"}
        assert await virtual.status("UpdateFirmware", **update(files.base, **signed)) == "InvalidCertificate"
        assert (await virtual.heard("SecurityEventNotification"))["type"] == "InvalidFirmwareSigningCertificate"
        for broken in ({"signature": "?"}, {"signingCertificate": "nonsense"}):
            answer = await virtual.status("UpdateFirmware", **update(files.base, **{**signed, **broken}))
            assert answer == "InvalidCertificate"
        files.failures = 5
        assert await virtual.status("UpdateFirmware", **update(f"{files.base}/x.bin")) == "Accepted"
        await virtual.until(
            lambda: (
                [f["status"] for f in virtual.central.of("FirmwareStatusNotification")]
                == ["Downloading", "DownloadFailed"]
            )
        )
        files.failures = 0
        files.content = bytes((1 << 24) + 1)
        assert await virtual.status("UpdateFirmware", **update(f"{files.base}/x.bin")) == "Accepted"
        await virtual.until(lambda: len(virtual.central.of("FirmwareStatusNotification")) == 4)
        assert virtual.central.of("FirmwareStatusNotification")[-1]["status"] == "DownloadFailed"


def test_rsa_signatures_are_checked_too() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)

    class Certificate:
        def public_key(self) -> rsa.RSAPublicKey:
            return key.public_key()

    signing = Signing(Certificate(), key.sign(b"new", pss, hashes.SHA256()))
    assert verified(signing, b"new")
    assert not verified(signing, b"old")

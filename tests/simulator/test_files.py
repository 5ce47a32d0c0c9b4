"""Diagnostics, logs and firmware of a 1.6 station, over HTTP."""

import base64
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.manual_clock import START

from .authority import Authority
from .file_server import file_server
from .virtual_site import VirtualSite, virtual_site

FIRMWARE, SIGNED = "FirmwareStatusNotification", "SignedFirmwareStatusNotification"


def told(virtual: VirtualSite, action: str) -> list[str]:
    return [payload["status"] for payload in virtual.central.of(action)]


async def test_diagnostics_are_uploaded_and_their_progress_told() -> None:
    async with file_server() as files, virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        virtual.station.upkeep.journal.append("something happened")
        files.failures = 1
        answer = await virtual.call("GetDiagnostics", location=files.base, retries=1, retryInterval=5)
        assert answer == {"fileName": "SIM-1-diagnostics.log"}
        await virtual.heard("DiagnosticsStatusNotification", 2)
        assert told(virtual, "DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]
        assert b"something happened" in files.uploads["/SIM-1-diagnostics.log"]
        files.failures = 9
        await virtual.call("GetDiagnostics", location=files.base)
        await virtual.until(lambda: told(virtual, "DiagnosticsStatusNotification")[-1] == "UploadFailed")
        assert await virtual.call("GetDiagnostics", location="ftp://127.0.0.1") == {}
        assert virtual.central.invalid == []


async def test_a_log_is_uploaded_under_its_request() -> None:
    async with file_server() as files, virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        asked: dict[str, Any] = {"logType": "SecurityLog", "requestId": 3}
        answer = await virtual.call("GetLog", **asked, log={"remoteLocation": files.base})
        assert answer == {"status": "Accepted", "filename": "SIM-1-SecurityLog-3.log"}
        await virtual.heard("LogStatusNotification", 2)
        assert virtual.central.of("LogStatusNotification")[-1] == {"status": "Uploaded", "requestId": 3}
        assert b"SecurityLog of SIM-1" in files.uploads["/SIM-1-SecurityLog-3.log"]
        assert await virtual.call("GetLog", **asked, log={"remoteLocation": "ftp://127.0.0.1"}) == {
            "status": "Rejected"
        }


async def test_firmware_is_fetched_and_runs_after_a_restart() -> None:
    async with file_server() as files, virtual_site() as virtual:
        await virtual.heard("StatusNotification", 2)
        assert await virtual.call("UpdateFirmware", location=f"{files.base}/2.0.0.bin", retrieveDate=at(30)) == {}
        boot = await virtual.heard("BootNotification", 2)
        assert boot["firmwareVersion"] == "2.0.0"
        await virtual.heard(FIRMWARE, 4)
        assert told(virtual, FIRMWARE) == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert virtual.station.upkeep.flashed == files.content
        files.failures = 9
        await virtual.call("UpdateFirmware", location=f"{files.base}/3.0.0.bin", retrieveDate=at(0))
        await virtual.until(lambda: told(virtual, FIRMWARE)[-1] == "DownloadFailed")
        assert virtual.station.firmware == "2.0.0"


async def test_signed_firmware_is_checked_before_it_is_installed() -> None:
    maker = Authority("Maker", START)
    certificate, key_pem = maker.issue("Signer")
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    async with file_server() as files, virtual_site(firmware_root_pem=maker.pem) as virtual:
        await virtual.heard("StatusNotification", 2)
        signature = base64.b64encode(key.sign(files.content, ec.ECDSA(hashes.SHA256()))).decode()
        signed = {"signingCertificate": certificate, "signature": signature}
        update = signed_update(f"{files.base}/2.0.0.bin", **signed, installDateTime=at(60))
        assert await virtual.call("SignedUpdateFirmware", **update) == {"status": "Accepted"}
        await virtual.until(lambda: "Installed" in told(virtual, SIGNED))
        steps = ["DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"]
        assert told(virtual, SIGNED) == [*steps, "Installing", "Installed"]
        files.content = b"something else"
        await virtual.call("SignedUpdateFirmware", **signed_update(f"{files.base}/3.0.0.bin", **signed))
        await virtual.until(lambda: told(virtual, SIGNED)[-1] == "InvalidSignature")
        assert virtual.station.firmware == "2.0.0"
        assert virtual.central.invalid == []


async def test_firmware_of_strangers_is_refused() -> None:
    stranger, _ = Authority("Stranger", START).issue("Signer")
    async with virtual_site(firmware_root_pem=Authority("Maker", START).pem) as virtual:
        await virtual.heard("StatusNotification", 2)
        for signed in (
            {"signingCertificate": stranger, "signature": "AAAA"},
            {"signingCertificate": stranger, "signature": "?"},
            {"signingCertificate": "nonsense", "signature": "AAAA"},
        ):
            update = signed_update("http://127.0.0.1/x.bin", **signed)
            assert await virtual.call("SignedUpdateFirmware", **update) == {"status": "InvalidCertificate"}


def at(second: int) -> str:
    return f"2026-06-01T10:{second // 60:02}:{second % 60:02}Z"


def signed_update(location: str, **more: Any) -> dict[str, Any]:
    return {"requestId": 8, "firmware": {"location": location, "retrieveDateTime": at(30), **more}}

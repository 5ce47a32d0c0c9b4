"""Progress of firmware updates and uploads, as stations of all versions tell it."""

from importlib.resources import files
import json
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.transfer_progress import (
    FirmwarePhase,
    FirmwareProgress,
    UploadPhase,
    UploadProgress,
    firmware_progress,
    upload_progress,
)


def statuses(package: str, message: str) -> list[str]:
    """Return what the schema of a message lets a station say."""
    text = files(package).joinpath("schemas", f"{message}.json").read_text(encoding="utf-8-sig")
    found: list[str] = []

    def look(node: Any) -> None:
        if isinstance(node, dict):
            values = node.get("enum")
            if isinstance(values, list) and "Idle" in values:
                found.extend(values)
            for each in node.values():
                look(each)

    look(json.loads(text))
    return found


FIRMWARE_MESSAGES = [
    ("ocpp.v16", "FirmwareStatusNotification"),
    ("ocpp.v16", "SignedFirmwareStatusNotification"),
    ("ocpp.v201", "FirmwareStatusNotificationRequest"),
    ("ocpp.v21", "FirmwareStatusNotificationRequest"),
]
UPLOAD_MESSAGES = [
    ("ocpp.v16", "DiagnosticsStatusNotification"),
    ("ocpp.v16", "LogStatusNotification"),
    ("ocpp.v201", "LogStatusNotificationRequest"),
    ("ocpp.v21", "LogStatusNotificationRequest"),
]


@pytest.mark.parametrize(("package", "message"), FIRMWARE_MESSAGES)
def test_every_specified_firmware_status_is_known(package: str, message: str) -> None:
    told = statuses(package, message)
    assert len(told) >= 7
    for status in told:
        after = firmware_progress(FirmwareProgress(), {"status": status})
        assert after.unknown == 0
        assert after.failed == ("Fail" in status or "Invalid" in status)
        assert after.reason == (status if after.failed else None)
        assert after.finished == (after.failed or status == "Installed")


@pytest.mark.parametrize(("package", "message"), UPLOAD_MESSAGES)
def test_every_specified_upload_status_is_known(package: str, message: str) -> None:
    told = statuses(package, message)
    assert len(told) >= 4
    for status in told:
        after = upload_progress(UploadProgress(), {"status": status})
        assert after.unknown == 0
        assert after.failed == (status not in {"Idle", "Uploading", "Uploaded"})
        assert after.finished == (after.failed or status == "Uploaded")


def test_update_runs_from_download_to_installed_with_the_percent_we_know() -> None:
    progress = FirmwareProgress(request_id=7)
    seen = []
    for status, delivered in [("DownloadScheduled", 0.0), ("Downloading", 40.0), ("DownloadPaused", 50.0)]:
        progress = firmware_progress(progress, {"status": status, "requestId": 7}, delivered)
        seen.append((progress.phase, progress.percent, progress.finished))
    for status in ("Downloaded", "SignatureVerified", "Installing", "Installed"):
        progress = firmware_progress(progress, {"status": status, "requestId": 7}, 100.0)
        seen.append((progress.phase, progress.percent, progress.finished))
    assert seen == [
        (FirmwarePhase.SCHEDULED, None, False),
        (FirmwarePhase.DOWNLOADING, 40.0, False),
        (FirmwarePhase.PAUSED, 50.0, False),
        (FirmwarePhase.DOWNLOADED, 100.0, False),
        (FirmwarePhase.VERIFIED, None, False),
        (FirmwarePhase.INSTALLING, None, False),
        (FirmwarePhase.INSTALLED, 100.0, True),
    ]


def test_retry_after_a_failure_is_under_way_again() -> None:
    failed = firmware_progress(FirmwareProgress(), {"status": "DownloadFailed"})
    again = firmware_progress(failed, {"status": "Downloading"})
    assert (again.phase, again.failed, again.finished, again.reason) == (FirmwarePhase.DOWNLOADING, False, False, None)


def test_status_of_another_request_changes_nothing_but_a_count() -> None:
    firmware = firmware_progress(FirmwareProgress(request_id=8), {"status": "Installed", "requestId": 7})
    assert firmware == FirmwareProgress(request_id=8, foreign=1)
    upload = upload_progress(UploadProgress(request_id=8), {"status": "UploadFailure", "requestId": 7})
    assert upload == UploadProgress(request_id=8, foreign=1)


def test_first_request_id_told_is_followed() -> None:
    assert upload_progress(UploadProgress(), {"status": "Uploading", "requestId": 3}).request_id == 3


@pytest.mark.parametrize("status", ["Melting", "", None, 5, ["Idle"], {"x": 1}, "x" * 10_000])
def test_unknown_status_is_counted_and_tolerated(status: Any) -> None:
    firmware = firmware_progress(FirmwareProgress(FirmwarePhase.INSTALLING), {"status": status})
    assert firmware == FirmwareProgress(FirmwarePhase.INSTALLING, unknown=1)
    upload = upload_progress(UploadProgress(UploadPhase.UPLOADING), {"status": status})
    assert upload == UploadProgress(UploadPhase.UPLOADING, unknown=1)


def test_status_is_read_whatever_its_case() -> None:
    assert upload_progress(UploadProgress(), {"status": "uploaded"}).phase is UploadPhase.UPLOADED


def test_idle_does_not_undo_a_result_and_ends_what_had_none() -> None:
    installed = firmware_progress(FirmwareProgress(), {"status": "Installed"})
    assert firmware_progress(installed, {"status": "Idle"}) == installed
    running = firmware_progress(FirmwareProgress(), {"status": "Installing"})
    ended = firmware_progress(running, {"status": "Idle"})
    assert (ended.phase, ended.finished, ended.failed) == (FirmwarePhase.IDLE, True, False)
    assert not firmware_progress(FirmwareProgress(), {"status": "Idle"}).finished
    uploaded = upload_progress(UploadProgress(), {"status": "Uploaded"})
    assert upload_progress(uploaded, {"status": "Idle"}) == uploaded


def test_reason_holds_what_a_newer_station_adds() -> None:
    payload: dict[str, Any] = {
        "status": "UploadFailure",
        "requestId": 1,
        "statusInfo": {"reasonCode": "NoSpace", "additionalInfo": "disk is full"},
    }
    assert upload_progress(UploadProgress(), payload).reason == "UploadFailure: NoSpace: disk is full"


def test_percent_of_an_upload_is_what_we_know_of_it() -> None:
    assert upload_progress(UploadProgress(), {"status": "Uploading"}, 12.5).percent == 12.5
    assert upload_progress(UploadProgress(), {"status": "UploadFailed"}, 12.5).percent is None

"""What holds for every message of a version, in both directions; the tests of each version name its own."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.local_list import LocalListEntry
from custom_components.smart_charging.engine.csms.maintenance import FirmwareRequest, LogRequest
from custom_components.smart_charging.engine.csms.reservations import ReservationRequest
from custom_components.smart_charging.engine.csms.station import Station

from .conftest import Bench
from .raw_station import RawStation
from .schema_samples import refusing_status, sample, violations

type Command = Callable[[Bench, Station], Awaitable[object]]

CHAIN = "-----BEGIN CERTIFICATE-----"
URL = "https://files.test/x"
IDENTITY = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}


def firmware(bench: Bench, *, signed: bool = False) -> FirmwareRequest:
    """Return an update to be fetched now."""
    return FirmwareRequest(
        URL,
        bench.clock.now(),
        signature="c2ln" if signed else None,
        signing_certificate=CHAIN if signed else None,
    )


# What all versions have, by the name that most give it.
COMMON: Mapping[str, Command] = {
    "CancelReservation": lambda _, station: station.operations.reservations.cancel(7),
    "CertificateSigned": lambda _, station: station.operations.certificates.deliver(CHAIN, "V2GCertificate"),
    "ChangeAvailability": lambda _, station: station.change_availability(1, operative=False),
    "ClearCache": lambda _, station: station.clear_cache(),
    "ClearChargingProfile": lambda _, station: station.clear_charging_profiles(),
    "DataTransfer": lambda _, station: station.data_transfer("acme", "ping", "1"),
    "DeleteCertificate": lambda _, station: station.operations.certificates.delete(IDENTITY),
    "GetCompositeSchedule": lambda _, station: station.get_composite_schedule(1, 60),
    "GetLocalListVersion": lambda _, station: station.operations.local_list.version(),
    "GetLog": lambda _, station: station.operations.files.get_log(LogRequest(URL)),
    "Reset": lambda _, station: station.reset(hard=True),
    "ReserveNow": lambda bench, station: station.operations.reservations.reserve(
        ReservationRequest(1, "TAG", bench.clock.now() + timedelta(minutes=5), "GROUP")
    ),
    "SendLocalList": lambda bench, station: station.operations.local_list.replace(
        [LocalListEntry("TAG", expires_at=bench.clock.now(), group="GROUP")], 1
    ),
    "TriggerMessage": lambda _, station: station.trigger("StatusNotification", 1),
    "UnlockConnector": lambda _, station: station.unlock(1),
    "UpdateFirmware": lambda bench, station: station.operations.files.update_firmware(firmware(bench)),
}


async def check_from_station(client: RawStation, action: str, *, ours: bool) -> None:
    """Send a message with what is required, then with all there is: each is answered as its schema has it."""
    for full in (False, True):
        frame = await client.ask_raw(action, sample(client.protocol, action, full=full))
        if ours:
            assert frame[0] == 3, frame
            assert violations(client.protocol, action, frame[2], answer=True) == []
        else:
            assert (frame[0], frame[2]) == (4, "NotSupported")


async def check_command(bench: Bench, client: RawStation, action: str, command: Command) -> None:
    """Have a message sent: it fits its schema, and whatever way of refusing it has is a CommandError."""
    client.answers.setdefault(action, sample(client.protocol, action, full=True, answer=True))
    agreed = client.answers[action]
    client.calls.clear()
    await command(bench, bench.station)
    assert client.sent(action), f"{action} was not sent"
    for sent, payload in client.calls:
        assert violations(client.protocol, sent, payload) == []
    await _check_refusal(bench, client, action, command, ("InternalError", "no"), CommandErrorCode.FAILED)
    await _check_refusal(bench, client, action, command, ("NotImplemented", ""), CommandErrorCode.NOT_SUPPORTED)
    word = refusing_status(client.protocol, action)
    if word is not None:
        unsupported = word == "NotSupported"
        code = CommandErrorCode.NOT_SUPPORTED if unsupported else CommandErrorCode.REJECTED
        await _check_refusal(bench, client, action, command, {"status": word}, code)
    client.answers[action] = agreed


async def _check_refusal(
    bench: Bench, client: RawStation, action: str, command: Command, answer: Any, code: CommandErrorCode
) -> None:
    client.answers[action] = answer
    with pytest.raises(CommandError) as refused:
        await command(bench, bench.station)
    assert refused.value.code is code
    assert action in refused.value.detail


async def check_raw(bench: Bench, client: RawStation, action: str) -> None:
    """Send a message that nothing here has words for: as it is, with the reply or the refusal as data."""
    payload = sample(client.protocol, action, full=True)
    if action in {"ChangeConfiguration", "SetVariables", "SetNetworkProfile"}:
        payload.get("connectionData", {}).pop("basicAuthPassword", None)
    answer = sample(client.protocol, action, full=True, answer=True)
    client.answers[action] = answer
    assert (await bench.station.call(action, payload)).payload == answer
    assert client.sent(action)[-1] == payload
    client.answers[action] = ("InternalError", "no")
    refused = await bench.station.call(action, payload)
    assert (refused.payload, refused.error_code, refused.error_description) == (None, "InternalError", "no")

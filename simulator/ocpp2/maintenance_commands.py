"""Commands about certificates, logs, firmware and customers' data (OCPP 2.0.1 part 2 A, L, M, N)."""

from functools import partial

from simulator.ocpp.file_transfer import Timing, Transfer, believed, read_signing
from simulator.ocpp.json import (
    Json,
    Payload,
    integer,
    mapping,
    moment,
    optional_integer,
    optional_moment,
    optional_text,
    text,
)
from simulator.ocpp.link import Answer

from .answers import Command, optional_list, refused, status
from .certificates import TYPES
from .errands import update_firmware, upload_log
from .meter import timestamp
from .station import SimulatedStation2
from .tokens import read_token

CHUNK = 512


def _transfer(payload: Payload, url: str) -> Transfer:
    retries, interval_s = optional_integer(payload, "retries"), optional_integer(payload, "retryInterval")
    return Transfer(integer(payload, "requestId"), url, retries or 0, interval_s or 0)


def _get_log(station: SimulatedStation2, payload: Payload) -> Answer:
    transfer = _transfer(payload, text(mapping(payload, "log"), "remoteLocation"))
    kind = text(payload, "logType")
    if not transfer.url.startswith(("http://", "https://")):
        return refused("InvalidURL")
    name = f"{station.options.station_id}-{kind}-{transfer.request_id}.log"
    lines = [f"{timestamp(station.station_time())} {kind} of {station.options.station_id}", *station.upkeep.journal]
    content = "\n".join(lines).encode()
    errand = upload_log(station, transfer, name, content)
    return Answer({"status": "Accepted", "filename": name}, partial(station.errands.put_nowait, errand))


def _update_firmware(station: SimulatedStation2, payload: Payload) -> Answer:
    firmware = mapping(payload, "firmware")
    transfer = _transfer(payload, text(firmware, "location"))
    timing = Timing(moment(text(firmware, "retrieveDateTime")), optional_moment(firmware, "installDateTime"))
    try:
        signing = read_signing(optional_text(firmware, "signingCertificate"), optional_text(firmware, "signature"))
    except ValueError:
        return _unbelievable(station)
    if signing is not None and not believed(signing, station.certificates.makers, station.station_time()):
        return _unbelievable(station)
    errand = update_firmware(station, transfer, signing, timing)
    return status("Accepted", partial(station.errands.put_nowait, errand))


def _unbelievable(station: SimulatedStation2) -> Answer:
    event: Payload = {
        "type": "InvalidFirmwareSigningCertificate",
        "timestamp": timestamp(station.station_time()),
    }
    return status("InvalidCertificate", lambda: station.send("SecurityEventNotification", event))


def _install_certificate(station: SimulatedStation2, payload: Payload) -> Answer:
    return status(station.certificates.install(text(payload, "certificateType"), text(payload, "certificate")))


def _delete_certificate(station: SimulatedStation2, payload: Payload) -> Answer:
    return status(station.certificates.delete(mapping(payload, "certificateHashData")))


def _certificate_ids(station: SimulatedStation2, payload: Payload) -> Answer:
    kinds = optional_list(payload, "certificateType")
    found = station.certificates.ids(kinds)
    if not found:
        return status("NotFound")
    return Answer({"status": "Accepted", "certificateHashDataChain": found})


def _certificate_signed(station: SimulatedStation2, payload: Payload) -> Answer:
    kind = optional_text(payload, "certificateType") or "ChargingStationCertificate"
    if kind != "ChargingStationCertificate" or kind in TYPES:
        return refused("InvalidValue")
    if station.certificates.signed(text(payload, "certificateChain")):
        return status("Accepted")
    event: Payload = {
        "type": "InvalidChargingStationCertificate",
        "timestamp": timestamp(station.station_time()),
    }
    answer = refused("InvalidCertificate")
    return Answer(answer.payload, lambda: station.send("SecurityEventNotification", event))


def _customer_information(station: SimulatedStation2, payload: Payload) -> Answer:
    request_id = integer(payload, "requestId")
    report, clear = payload.get("report") is True, payload.get("clear") is True
    if not (report or clear) or "idToken" not in payload:
        return status("Invalid")
    token = read_token(mapping(payload, "idToken"))
    memory = station.memory
    known = [name for name, store in (("list", memory.listed), ("cache", memory.cached)) if token.key in store]
    data = f"known to the {' and the '.join(known)}" if known else ""

    def after() -> None:
        if clear:
            memory.cached.pop(token.key, None)
        if report:
            _tell_customer(station, request_id, data)

    return status("Accepted", after)


def _tell_customer(station: SimulatedStation2, request_id: int, data: str) -> None:
    pages = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)] or [""]
    for n, page in enumerate(pages):
        payload: dict[str, Json] = {
            "requestId": request_id,
            "seqNo": n,
            "tbc": n + 1 < len(pages),
            "generatedAt": timestamp(station.station_time()),
            "data": page,
        }
        station.send("NotifyCustomerInformation", payload)
    station.wake.set()


COMMANDS: dict[str, Command] = {
    "CertificateSigned": _certificate_signed,
    "CustomerInformation": _customer_information,
    "DeleteCertificate": _delete_certificate,
    "GetInstalledCertificateIds": _certificate_ids,
    "GetLog": _get_log,
    "InstallCertificate": _install_certificate,
    "UpdateFirmware": _update_firmware,
}

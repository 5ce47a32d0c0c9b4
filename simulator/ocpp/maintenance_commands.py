"""Commands about diagnostics, logs and firmware, also those of the security extension of OCPP 1.6."""

from functools import partial

from cryptography import x509

from .file_transfer import Errand, Timing, Transfer, believed, read_signing
from .json import Payload, integer, mapping, moment, optional_integer, optional_moment, text
from .link import Answer
from .station import SimulatedStation

_SPOKEN = ("http://", "https://")


def get_diagnostics(station: SimulatedStation, payload: Payload) -> Answer:
    """Upload diagnostics; it has none for an address it can't speak to."""
    transfer = _transfer(payload, text(payload, "location"), None)
    if not transfer.url.startswith(_SPOKEN):
        return Answer({})
    name = f"{station.options.station_id}-diagnostics.log"
    return Answer({"fileName": name}, _later(station, _log(station, transfer, name, "Diagnostics")))


def get_log(station: SimulatedStation, payload: Payload) -> Answer:
    """Upload a log."""
    request_id, kind = integer(payload, "requestId"), text(payload, "logType")
    transfer = _transfer(payload, text(mapping(payload, "log"), "remoteLocation"), request_id)
    if not transfer.url.startswith(_SPOKEN):
        return Answer({"status": "Rejected"})
    name = f"{station.options.station_id}-{kind}-{request_id}.log"
    answer: Payload = {"status": "Accepted", "filename": name}
    return Answer(answer, _later(station, _log(station, transfer, name, kind)))


def update_firmware(station: SimulatedStation, payload: Payload) -> Answer:
    """Fetch and install firmware that nobody signed."""
    transfer = _transfer(payload, text(payload, "location"), None)
    timing = Timing(moment(text(payload, "retrieveDate")))
    return Answer({}, _later(station, station.upkeep.update(transfer, None, timing)))


def signed_update_firmware(station: SimulatedStation, payload: Payload) -> Answer:
    """Fetch and install firmware whose maker is known."""
    firmware = mapping(payload, "firmware")
    transfer = _transfer(payload, text(firmware, "location"), integer(payload, "requestId"))
    timing = Timing(moment(text(firmware, "retrieveDateTime")), optional_moment(firmware, "installDateTime"))
    try:
        signing = read_signing(text(firmware, "signingCertificate"), text(firmware, "signature"))
    except ValueError:
        return Answer({"status": "InvalidCertificate"})
    pem = station.options.firmware_root_pem.encode()
    roots = x509.load_pem_x509_certificates(pem) if pem else []
    if signing is None or not believed(signing, roots, station.station_time()):
        return Answer({"status": "InvalidCertificate"})
    return Answer({"status": "Accepted"}, _later(station, station.upkeep.update(transfer, signing, timing)))


def _transfer(payload: Payload, url: str, request_id: int | None) -> Transfer:
    retries, interval_s = optional_integer(payload, "retries"), optional_integer(payload, "retryInterval")
    return Transfer(request_id, url, retries or 0, interval_s or 0)


def _log(station: SimulatedStation, transfer: Transfer, name: str, kind: str) -> Errand:
    return station.upkeep.upload(transfer, name, station.upkeep.log(kind))


def _later(station: SimulatedStation, errand: Errand) -> partial[None]:
    return partial(station.errands.put_nowait, errand)

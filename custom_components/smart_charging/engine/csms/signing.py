"""Answers stations that ask for a certificate: the authority decides, and what it signed follows the answer."""

from collections.abc import Mapping
import logging

from ..model import Json
from . import payloads
from .certificates import Certificates, SigningRefused, SigningRequest
from .commands import CommandError
from .core import StationCore

_LOGGER = logging.getLogger(__name__)
_USE = "ChargingStationCertificate"


class Signing:
    """Serves the requests of one station."""

    def __init__(self, core: StationCore, certificates: Certificates) -> None:
        """Hand certificates over by these messages."""
        self._core = core
        self._certificates = certificates

    async def answer(self, payload: Mapping[str, Json]) -> dict[str, Json]:
        """Answer a SignCertificate; what was signed is sent after the answer is out."""
        signer, station_id = self._core.around.signer, self._core.config.station_id
        csr = payload.get("csr")
        if signer is None or not isinstance(csr, str):
            return {"status": "Rejected"}
        use = payloads.text(payload, "certificateType") or _USE
        try:
            chain = await signer.sign(SigningRequest(station_id, csr, use))
        except SigningRefused as error:
            _LOGGER.warning("%s gets no certificate: %s", station_id, error)
            return {"status": "Rejected"}
        self._core.spawn(self._deliver(chain, use, payloads.integer(payload, "requestId")), "certificate")
        return {"status": "Accepted"}

    async def _deliver(self, chain: str, use: str, request_id: int | None) -> None:
        signer, accepted = self._core.around.signer, False
        try:
            await self._certificates.deliver(chain, use, request_id)
            accepted = True
        except CommandError as error:
            _LOGGER.warning("%s did not take its certificate: %s", self._core.config.station_id, error)
        finally:
            if signer is not None:
                signer.delivered(self._core.config.station_id, accepted=accepted)

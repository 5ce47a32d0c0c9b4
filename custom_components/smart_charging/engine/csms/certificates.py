"""Certificates of a station: asked for by it and signed elsewhere, installed, listed and deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..model import Json
from .commands import Caller, CommandError, CommandErrorCode, accepted_status, ask


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What a station asks to have signed: a PEM request, not checked yet.

    `use` is OCPP's word (`ChargingStationCertificate`, `V2GCertificate`, ...); OCPP 1.6 knows the first only.
    """

    station_id: str
    csr: str
    use: str = "ChargingStationCertificate"


class SigningRefused(Exception):
    """A request that is not signed."""


class CertificateSigner(Protocol):
    """The authority that signs for stations; without one every request is refused."""

    async def sign(self, request: SigningRequest) -> str:
        """Return the chain for a request in PEM, the leaf first; raises SigningRefused."""

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        """Take note that the station took its certificate, or would not."""


class Certificates:
    """The messages about one station's certificates, which differ between versions only in their fields."""

    def __init__(self, caller: Caller, *, typed: bool) -> None:
        """Ask through this caller; `typed` where a certificate is sent with its use, as in OCPP 2."""
        self._caller = caller
        self._typed = typed

    async def deliver(self, chain: str, use: str, request_id: int | None = None) -> None:
        """Hand a signed certificate over (A02; security whitepaper A02); raises CommandError."""
        payload: dict[str, Json] = {"certificateChain": chain}
        if self._typed:
            payload["certificateType"] = use
        if request_id is not None:
            payload["requestId"] = request_id
        await ask(self._caller, "CertificateSigned", payload)

    async def install(self, certificate: str, use: str) -> None:
        """Install a root certificate (M05; security whitepaper M05); raises CommandError."""
        await ask(self._caller, "InstallCertificate", {"certificateType": use, "certificate": certificate})

    async def delete(self, identity: Mapping[str, Json]) -> None:
        """Delete the certificate with this hash data (M04); raises CommandError."""
        await ask(self._caller, "DeleteCertificate", {"certificateHashData": dict(identity)})

    async def installed(self, use: str | None = None) -> tuple[dict[str, Json], ...]:
        """Return the hash data of the installed certificates of one use (M03); raises CommandError.

        None asks for those of all uses, which OCPP 1.6 has no words for: NOT_SUPPORTED.
        """
        if use is None and not self._typed:
            raise CommandError(CommandErrorCode.NOT_SUPPORTED, "OCPP 1.6 lists certificates of one use at a time")
        kinds: Json = [use] if self._typed else use
        wanted: dict[str, Json] = {} if use is None else {"certificateType": kinds}
        answer = await self._caller.call("GetInstalledCertificateIds", wanted)
        if accepted_status("GetInstalledCertificateIds", answer, ("Accepted", "NotFound")) == "NotFound":
            return ()
        found = answer.get("certificateHashDataChain" if self._typed else "certificateHashData")
        return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()

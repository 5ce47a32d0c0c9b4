"""Signs for the chargers of a site what they ask for, with the authority of this host."""

from collections.abc import Awaitable, Callable
from typing import Final

from homeassistant.core import HomeAssistant

from .coordinator import SmartChargingConfigEntry
from .engine.clock import Clock
from .engine.config import SecurityProfile
from .engine.csms.certificate_authority import AuthorityError
from .engine.csms.certificate_requests import RequestGate, RequestRefused
from .engine.csms.certificates import SigningRefused, SigningRequest
from .engine.csms.entrance import owner_of
from .listening import CertificateSource, ListenSettings
from .port_certificates import async_sign_station
from .settings import station_configs

_USE: Final = "ChargingStationCertificate"


class HostSigner:
    """Fulfils `CertificateSigner` for one site."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, clock: Clock) -> None:
        """Begin with nothing under way; the port is not open yet."""
        self._hass = hass
        self._entry = entry
        self._gate = RequestGate(clock)
        self.reload: Callable[[], Awaitable[object]] | None = None
        """Has the port look at its files at once: it asks for certificates only once some were signed."""

    async def sign(self, request: SigningRequest) -> str:
        """Return a charger's certificate in PEM; raises SigningRefused."""
        if request.use != _USE:
            raise SigningRefused("only chargers' own certificates are signed here")
        station_id, configs = request.station_id, station_configs(self._entry).values()
        config = next((known for known in configs if known.station_id == station_id), None)
        if config is None:
            raise SigningRefused("the site has no such charger")
        # Whoever pretends to be a charger without a password must not get its certificate, which is for good.
        if self._proved(station_id) < SecurityProfile.TLS_BASIC:
            raise SigningRefused("the charger did not log in with a password over TLS")
        try:
            with self._gate.request(station_id):
                chain = await async_sign_station(self._hass, station_id, request.csr, owner_of(config, configs))
        except (RequestRefused, AuthorityError) as err:
            raise SigningRefused(str(err)) from err
        if self.reload is not None:
            await self.reload()
        return chain

    def _proved(self, station_id: str) -> SecurityProfile:
        """Return what the charger proved when it connected."""
        connection = self._entry.runtime_data.site.station(station_id).connection
        return SecurityProfile.NONE if connection is None else connection.info.security_profile

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        """Let the charger ask again, whether it took its certificate or not."""
        self._gate.delivered(station_id)


def host_signer(hass: HomeAssistant, entry: SmartChargingConfigEntry, clock: Clock) -> HostSigner | None:
    """Return who signs for a site, None where its port would not believe what this host's authority signs."""
    settings = ListenSettings.from_data(entry.data)
    signs = settings.source is CertificateSource.CREATED and settings.client_ca is None
    return HostSigner(hass, entry, clock) if signs else None

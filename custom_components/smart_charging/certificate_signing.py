"""Signs for the chargers of a site what they ask for, with the authority of this host, and follows what becomes of it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .certificate_owners import another_site_with, async_revoke, trusts_authority
from .const import DOMAIN, LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.clock import Clock
from .engine.config import SecurityProfile
from .engine.csms.certificate_authority import AuthorityError, CertificateAuthority
from .engine.csms.certificate_requests import RequestGate, RequestRefused, read_request
from .engine.csms.certificates import SigningRefused, SigningRequest
from .engine.csms.client_certificates import ClientCertificate
from .engine.csms.commands import CommandError
from .engine.csms.entrance import owner_of
from .engine.csms.state import StationEvent, StationEventType
from .listening import ListenSettings
from .port_certificates import async_with_authority

RENEWAL_LOOK_S: Final = 86400.0
_USE: Final = "ChargingStationCertificate"


class HostSigner:
    """Fulfils `CertificateSigner` for one site."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, clock: Clock) -> None:
        """Begin with nothing under way; the port is not open yet."""
        self._hass = hass
        self._entry = entry
        self._clock = clock
        self._gate = RequestGate(clock)
        self.reload: Callable[[], Awaitable[object]] | None = None
        """Has the port look at its files at once: it asks for certificates only once some were signed."""

    async def sign(self, request: SigningRequest) -> str:
        """Return a charger's certificate in PEM; raises SigningRefused."""
        if request.use != _USE:
            raise SigningRefused("only chargers' own certificates are signed here")
        station_id, stations = request.station_id, self._entry.runtime_data.csms.stations
        connection, config = stations[station_id].connection, stations[station_id].config
        # Whoever pretends to be a charger without a password must not get its certificate, which is for good.
        if connection is None or connection.info.security_profile < SecurityProfile.TLS_BASIC:
            raise SigningRefused("the charger did not log in with a password over TLS")
        if (other := another_site_with(self._hass, self._entry, {station_id})) is not None:
            raise SigningRefused(f"{other} has a charger of this id as well")
        owner = owner_of(config, [station.config for station in stations.values()])

        def sign(authority: CertificateAuthority) -> str:
            return authority.sign_station(station_id, read_request(request.csr, owner), self._clock.now())

        try:
            with self._gate.request(station_id):
                chain = await async_with_authority(self._hass, sign)
        except (RequestRefused, AuthorityError) as err:
            raise SigningRefused(str(err)) from err
        await self._async_reload()
        return chain

    def delivered(self, station_id: str, *, accepted: bool) -> None:
        """Let the charger ask again, whether it took its certificate or not."""
        self._gate.delivered(station_id)

    @callback
    def async_heard(self, event: StationEvent) -> None:
        """Take a charger's older certificates back once it shows its newest."""
        if event.type is not StationEventType.CONNECTED:
            return
        station_id = event.station.station_id
        station = self._entry.runtime_data.csms.stations.get(station_id)
        certificate = None if station is None or station.connection is None else station.connection.info.certificate
        if certificate is not None:
            self._entry.async_create_background_task(
                self._hass, self._async_settle(station_id, certificate), f"{DOMAIN} revocation"
            )

    async def _async_settle(self, station_id: str, certificate: ClientCertificate) -> None:
        def settle(authority: CertificateAuthority) -> bool:
            return authority.settle(station_id, certificate, self._clock.now())

        try:
            if await async_with_authority(self._hass, settle):
                await self._async_reload()
        except AuthorityError as err:
            LOGGER.warning("A charger's older certificates stay good: %s", err)

    async def async_removed(self, station_id: str) -> None:
        """Take the certificates of a charger back that was removed from the site."""
        if await async_revoke(self._hass, self._entry, station_id):
            await self._async_reload()

    async def run(self) -> None:
        """Have chargers renew certificates that end soon, until cancelled."""
        while True:
            await self._clock.sleep(RENEWAL_LOOK_S)
            await self.async_renew_due()

    async def async_renew_due(self) -> None:
        """Make the connected chargers whose certificates end soon ask for new ones."""
        for station_id, station in tuple(self._entry.runtime_data.csms.stations.items()):
            due = partial(CertificateAuthority.station_due, station_id=station_id, now=self._clock.now())
            # One that is away or won't ask is asked again the next day.
            with suppress(CommandError, AuthorityError):
                if station.connection is not None and await async_with_authority(self._hass, due):
                    await station.access.renew_certificate()

    async def _async_reload(self) -> None:
        if self.reload is not None:
            await self.reload()


def host_signer(hass: HomeAssistant, entry: SmartChargingConfigEntry, clock: Clock) -> HostSigner | None:
    """Return who signs for a site, None where its port would not believe what this host's authority signs."""
    return HostSigner(hass, entry, clock) if trusts_authority(ListenSettings.from_data(entry.data)) else None

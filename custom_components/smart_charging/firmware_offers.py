"""Firmware that the owner made known for a charger: what its update entity offers to install."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.csms.maintenance import FirmwareRequest
from .engine.csms.station import Station
from .engine.csms.station_files import Firmware, StartedUpdate
from .engine.view import SiteEvent, SiteEventType

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FirmwareOffer:
    """A file and the version that it brings; signature, certificate and root (PEM) as of a signed update."""

    version: str
    file: str
    signature: str | None = None
    signing_certificate: str | None = None
    root_certificate: str | None = None


def offer_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, dict[str, Any]]]:
    """Return where the offers of a site are kept."""
    return Store(hass, _VERSION, f"{DOMAIN}.{entry_id}.firmware", private=True)


class FirmwareOffers:
    """The offers of a site, by the subentry of the charger."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Begin with none."""
        self._hass = hass
        self._entry = entry
        self._store = offer_store(hass, entry.entry_id)
        self._offers: dict[str, FirmwareOffer] = {}
        self._installing: dict[str, str] = {}  # subentry by station, of updates that an offer began
        self._listeners: list[Callable[[], None]] = []

    async def async_load(self) -> None:
        """Read what was offered before the last restart."""
        self._offers = {key: FirmwareOffer(**value) for key, value in (await self._store.async_load() or {}).items()}

    def get(self, subentry_id: str) -> FirmwareOffer | None:
        """Return what is offered to a charger."""
        return self._offers.get(subentry_id)

    async def async_set(self, subentry_id: str, offer: FirmwareOffer | None) -> None:
        """Offer a charger this, or nothing any more."""
        self._offers.pop(subentry_id, None)
        if offer is not None:
            self._offers[subentry_id] = offer
        await self._store.async_save({key: asdict(value) for key, value in self._offers.items()})
        for listener in tuple(self._listeners):
            listener()

    @callback
    def async_add_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever an offer changed; return how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_started(self, subentry_id: str, station_id: str) -> None:
        """Take note that a charger installs what it was offered."""
        self._installing[station_id] = subentry_id

    @callback
    def async_heard(self, event: SiteEvent) -> None:
        """Take an offer back once it was installed, whatever the charger calls the version that it runs now."""
        if event.type is SiteEventType.FIRMWARE_FAILED:
            self._installing.pop(event.key.station_id, None)
        if event.type is SiteEventType.FIRMWARE_INSTALLED and (
            subentry_id := self._installing.pop(event.key.station_id, None)
        ):
            self._entry.async_create_task(self._hass, self.async_set(subentry_id, None))


async def async_allowed_file(hass: HomeAssistant, path: str) -> Path:
    """Return a file that Home Assistant may hand out; ServiceValidationError for any other path."""
    if not await hass.async_add_executor_job(hass.config.is_allowed_path, path):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="path_not_allowed", translation_placeholders={"path": path}
        )
    return Path(path)


def roots_of(pem: str | None) -> list[x509.Certificate] | None:
    """Return the certificates of a maker, None where none are given; ServiceValidationError for unreadable ones."""
    if pem is None:
        return None
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="root_unreadable") from err


async def async_install(hass: HomeAssistant, station: Station, offer: FirmwareOffer) -> StartedUpdate:
    """Have a charger install what it is offered; raises what `StationFiles.update_firmware` does."""
    firmware = Firmware(await async_allowed_file(hass, offer.file), roots_of(offer.root_certificate))
    request = FirmwareRequest(
        "", dt_util.utcnow(), signature=offer.signature, signing_certificate=offer.signing_certificate
    )
    return await station.operations.files.update_firmware(request, firmware)

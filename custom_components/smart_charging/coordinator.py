"""What a set-up site holds at run time, and how its view reaches the entities."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, override

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .charger_updates import ChargerContext, ChargerUpdates
from .const import DOMAIN, LOGGER, SUBENTRY_BATTERY, SUBENTRY_CHARGER, SUBENTRY_CIRCUIT
from .engine.model import EvseKey
from .engine.view import SiteView

if TYPE_CHECKING:
    from .battery_control import BatteryControls
    from .certificate_signing import HostSigner
    from .changes import EntryChanges
    from .departure_calendars import DepartureCalendars
    from .engine.charge_pricing import ChargePricing
    from .engine.csms.central_system import CentralSystem
    from .engine.ledger import SiteLedger
    from .engine.registry_authorizer import RegistryAuthorizer
    from .engine.site import Site
    from .firmware_offers import FirmwareOffers
    from .forecasts import SiteForecasts
    from .grid_inputs import GridInputs
    from .phase_control import PhaseControls
    from .prices import SitePrices
    from .pv_control import PvControls
    from .readings import SiteReadings

# A view is published at most this often: more would only fill the state machine and the recorder.
PUBLISH_INTERVAL_S: Final = 1.0

type SmartChargingConfigEntry = ConfigEntry[SmartChargingRuntime]
type ChargerListener = Callable[[ConfigSubentry], None]
type PartListener = Callable[[ConfigSubentry], None]
type EvseListener = Callable[[ConfigSubentry, EvseKey], None]


@dataclass(kw_only=True, slots=True)
class SmartChargingRuntime:
    """Everything that lives as long as the entry is loaded."""

    site: Site
    csms: CentralSystem
    ledger: SiteLedger
    access: RegistryAuthorizer
    pricing: ChargePricing
    coordinator: SiteCoordinator
    readings: SiteReadings
    batteries: BatteryControls
    pv: PvControls
    phases: PhaseControls
    offers: FirmwareOffers
    prices: SitePrices
    forecasts: SiteForecasts
    departures: DepartureCalendars
    grid: GridInputs
    closed: bool = False
    port: int = 0
    """The port that chargers reach, as bound; 0 before it is."""
    changes: EntryChanges
    signer: HostSigner | None = None
    passwords: dict[str, str] = field(default_factory=dict)
    """First passwords by station id, until the charger was told; kept nowhere else."""


class SiteCoordinator(DataUpdateCoordinator[SiteView]):
    """Push the site's view to the entities and announce its chargers, EVSEs, circuits and batteries as they appear.

    They are configured, and EVSEs become known, while the site runs: platforms add their
    entities when they are told, so that nothing has to be set up again.
    """

    config_entry: SmartChargingConfigEntry

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, site: Site) -> None:
        """Start from the view the site has now; `async_start` follows its changes."""
        super().__init__(hass, LOGGER, config_entry=entry, name=f"{DOMAIN} {entry.title}")
        self.site = site
        self.data = site.view
        self._unsubscribe: CALLBACK_TYPE | None = None
        self._cancel_wait: CALLBACK_TYPE | None = None
        self._changed_while_waiting = False
        self._publishing = False
        self._everything = False
        self._updates = ChargerUpdates()
        self._charger_listeners: list[ChargerListener] = []
        self._evse_listeners: list[EvseListener] = []
        self._part_listeners: list[tuple[str, PartListener]] = []
        self._chargers: dict[str, ConfigSubentry] = {}
        self._parts: dict[str, ConfigSubentry] = {}
        self._evses: dict[tuple[str, int], tuple[ConfigSubentry, EvseKey]] = {}

    @callback
    def async_start(self) -> None:
        """Follow the site until `async_shutdown`."""
        self._unsubscribe = self.site.subscribe(self._async_view_changed)
        self._async_publish()

    @override
    async def async_shutdown(self) -> None:
        """Stop following the site."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._cancel_wait is not None:
            self._cancel_wait()
            self._cancel_wait = None
        await super().async_shutdown()

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: object = None) -> CALLBACK_TYPE:
        """Call back with each view, or with a `ChargerContext` when that charger's entities are to be written."""
        if isinstance(context, ChargerContext):
            return self._updates.async_add(context.station_id, update_callback)
        return super().async_add_listener(update_callback, context)

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Call back who follows the site, then who follows a charger that changed."""
        super().async_update_listeners()
        everything, self._everything = self._everything, False
        if self._updates.async_update(self.data, everything=everything):
            self._changed_while_waiting = True

    @callback
    def async_add_charger_listener(self, listener: ChargerListener) -> CALLBACK_TYPE:
        """Call `listener` for every charger there is and for each that comes; return how to stop it."""
        self._charger_listeners.append(listener)
        for subentry in self._chargers.values():
            listener(subentry)
        return lambda: self._charger_listeners.remove(listener)

    @callback
    def async_add_evse_listener(self, listener: EvseListener) -> CALLBACK_TYPE:
        """Call `listener` for every EVSE there is and for each that comes; return how to stop it."""
        self._evse_listeners.append(listener)
        for subentry, key in self._evses.values():
            listener(subentry, key)
        return lambda: self._evse_listeners.remove(listener)

    @callback
    def async_add_circuit_listener(self, listener: PartListener) -> CALLBACK_TYPE:
        """Call `listener` for every circuit there is and for each that comes; return how to stop it."""
        return self._async_add_part_listener(SUBENTRY_CIRCUIT, listener)

    @callback
    def async_add_battery_listener(self, listener: PartListener) -> CALLBACK_TYPE:
        """Call `listener` for every battery there is and for each that comes; return how to stop it."""
        return self._async_add_part_listener(SUBENTRY_BATTERY, listener)

    @callback
    def _async_add_part_listener(self, kind: str, listener: PartListener) -> CALLBACK_TYPE:
        """Call `listener` for every part of this kind, there already or to come; return how to stop it."""
        registered = (kind, listener)
        self._part_listeners.append(registered)
        for subentry in self._parts.values():
            if subentry.subentry_type == kind:
                listener(subentry)
        return lambda: self._part_listeners.remove(registered)

    @callback
    def async_publish_now(self) -> None:
        """Publish the site's view without waiting, after a change that a user asked for."""
        self._async_publish()

    @callback
    def async_publish_all(self) -> None:
        """Publish all entities without waiting, also those that show what is configured and not in the view."""
        self._everything = True
        self._async_publish()

    @callback
    def _async_view_changed(self) -> None:
        """Publish at once, or as soon as the interval since the last time is over."""
        if self._cancel_wait is not None or self._publishing:
            self._changed_while_waiting = True
            return
        self._async_wait()
        self._async_publish()

    @callback
    def _async_wait(self) -> None:
        """Keep changes back for the interval."""
        self._cancel_wait = async_call_later(self.hass, PUBLISH_INTERVAL_S, self._async_wait_over)

    @callback
    def _async_wait_over(self, _now: datetime) -> None:
        """Publish what came meanwhile and wait again, or be ready for the next change."""
        self._cancel_wait = None
        if self._changed_while_waiting:
            self._changed_while_waiting = False
            self._async_view_changed()

    @callback
    def _async_publish(self) -> None:
        """Give the entities the newest view, after what is new in it was announced.

        Whoever reads an entity may change the site at once: what comes of that waits for the next time.
        """
        if self._publishing:
            self._changed_while_waiting = True
            return
        self._publishing = True
        try:
            self.data = self.site.view
            self._async_announce(self.data)
            self._async_announce_parts(self.data)
            self.async_set_updated_data(self.data)
        finally:
            self._publishing = False
        if self._changed_while_waiting and self._cancel_wait is None:
            self._async_wait()

    @callback
    def _async_announce(self, view: SiteView) -> None:
        """Tell the listeners of chargers and EVSEs not announced yet; forget those that went."""
        present = {
            subentry.subentry_id: subentry
            for subentry in self.config_entry.get_subentries_of_type(SUBENTRY_CHARGER)
            if subentry.unique_id in view.chargers
        }
        for subentry_id in self._chargers.keys() - present.keys():
            del self._chargers[subentry_id]
            self._evses = {known: value for known, value in self._evses.items() if known[0] != subentry_id}
        for subentry_id, subentry in present.items():
            station_id = str(subentry.unique_id)
            known = subentry_id in self._chargers
            self._chargers[subentry_id] = subentry
            if not known:
                for charger_listener in tuple(self._charger_listeners):
                    charger_listener(subentry)
            for evse_id in view.chargers[station_id].evses:
                if (subentry_id, evse_id) not in self._evses:
                    key = EvseKey(station_id, evse_id)
                    self._evses[subentry_id, evse_id] = (subentry, key)
                    for evse_listener in tuple(self._evse_listeners):
                        evse_listener(subentry, key)

    @callback
    def _async_announce_parts(self, view: SiteView) -> None:
        """Tell the listeners of circuits and batteries not announced yet; forget those that went."""
        present = {
            subentry.subentry_id: subentry
            for subentry in self.config_entry.subentries.values()
            if (subentry.subentry_type == SUBENTRY_CIRCUIT and subentry.subentry_id in view.circuits)
            or (subentry.subentry_type == SUBENTRY_BATTERY and subentry.subentry_id in view.batteries)
        }
        new = [subentry for subentry_id, subentry in present.items() if subentry_id not in self._parts]
        self._parts = present
        for subentry in new:
            for kind, listener in tuple(self._part_listeners):
                if kind == subentry.subentry_type:
                    listener(subentry)

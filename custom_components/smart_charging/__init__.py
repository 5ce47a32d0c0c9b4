"""Smart Charging: charge points, solar surplus, fuses and a ledger in Home Assistant."""

from functools import partial

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HassJob, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.ssl import get_default_context

from .battery_control import BatteryControls
from .billing_settings import billing_terms, charger_name, schedule_on
from .certificate_owners import async_revoke
from .certificate_signing import host_signer
from .changes import EntryChanges
from .const import DOMAIN, ENTRY_MINOR_VERSION, ENTRY_VERSION, LOGGER, PLATFORMS, SUBENTRY_CHARGER
from .coordinator import SiteCoordinator, SmartChargingConfigEntry, SmartChargingRuntime
from .departure_calendars import DepartureCalendars
from .devices import async_follow_devices, charger_identifier, evse_identifier, part_identifier, site_identifier
from .discovery import async_discoverer, async_withdraw
from .engine.charge_pricing import ChargePricing
from .engine.clock import SystemClock
from .engine.csms.central_system import CentralSystem, CsmsSettings
from .engine.driver_gate import LedgerDriverGate
from .engine.ledger import Ledger, LedgerError, LedgerKeyError, LedgerTooNew
from .engine.model import StoreError
from .engine.registry_authorizer import RegistryAuthorizer
from .engine.site import Site
from .firmware_offers import FirmwareOffers, offer_store
from .forecasts import SiteForecasts
from .grid_inputs import GridInputs
from .host_ledger import async_acquire_ledger, async_release_ledger
from .issues import (
    ISSUE_ENTRY_TOO_NEW,
    ISSUE_LEDGER_KEY,
    ISSUE_LEDGER_TOO_NEW,
    ISSUE_PORT_TAKEN,
    Issue,
    SiteIssues,
    async_clear,
    async_password_settled,
    async_raise,
)
from .issues_grid import async_follow_grid_issues
from .listening import ListenSettings
from .long_lived import async_keep_for_good
from .ocpp_view import OcppView, TransferView
from .outlook import async_follow_outlook
from .phase_control import PhaseControls
from .port_certificates import CertificateError, async_open, async_port_certificates
from .presence import PresenceLog
from .prices import SitePrices
from .pv_control import PvControls
from .readings import SiteReadings
from .relay_settings import async_remove_relay_files, relay_directory
from .services import async_setup_services
from .settings import site_config
from .site_options import access_policy
from .stored_files import FilesView, async_remove_files, file_settings

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register actions and view, which need no site, and tell of entries that only a newer version understands."""
    async_setup_services(hass)
    if "http" in hass.config.components:  # what runs without a frontend may have no web server
        for view in (OcppView(hass), TransferView(hass), FilesView(hass)):
            hass.http.register_view(view)
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        if entry.version > ENTRY_VERSION:
            _raise_entry_too_new(hass, entry)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> bool:
    """Refuse an entry that a newer version wrote: what it means is not known here.

    Version 1.1 is the first, so there is none to migrate from.
    """
    LOGGER.error(
        "The site %s was last used with a newer Smart Charging (%s.%s, this one knows %s.%s): install that again",
        entry.title,
        entry.version,
        entry.minor_version,
        ENTRY_VERSION,
        ENTRY_MINOR_VERSION,
    )
    _raise_entry_too_new(hass, entry)
    return False


async def async_setup_entry(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> bool:
    """Set a site up: ledger, server, chargers, readings, entities."""
    async_clear(hass, ISSUE_ENTRY_TOO_NEW, entry.entry_id)
    ledger = await _async_open_ledger(hass, entry)
    runtime = _build(hass, entry, ledger)
    entry.runtime_data = runtime
    try:
        await runtime.offers.async_load()
        await runtime.grid.async_prepare()
        await runtime.site.start()
        runtime.pricing.start()
        await runtime.departures.async_load()
        await runtime.changes.async_apply()
        await _async_listen(hass, entry, runtime)
        runtime.coordinator.async_start()
        await runtime.forecasts.async_load()
        async_follow_devices(entry)
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except StoreError as err:
        await _async_close(hass, runtime)
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="ledger_error") from err
    except BaseException:
        # A cancelled set-up, too, must give back its port and its share of the ledger.
        await _async_close(hass, runtime)
        raise
    _follow(hass, entry, runtime)
    return True


def _build(hass: HomeAssistant, entry: SmartChargingConfigEntry, ledger: Ledger) -> SmartChargingRuntime:
    """Put the parts of a site together; nothing of it runs yet."""
    config, clock, records = site_config(hass, entry), SystemClock(), ledger.site(entry.entry_id)
    gate = LedgerDriverGate(records, lambda: hass.config.time_zone, partial(schedule_on, hass))
    access = RegistryAuthorizer(records.tokens, clock, access_policy(entry.options), gate)
    signer = host_signer(hass, entry, clock)
    csms = CentralSystem(
        clock=clock,
        transactions=records,
        memory=records,
        authorizer=access,
        lease=config.lease,
        settings=CsmsSettings(
            relay_directory=relay_directory(hass, entry.entry_id),
            relay_tls=get_default_context(),
            files=file_settings(hass, entry),
        ),
        signer=signer,
    )
    site = Site(config, csms=csms, ledger=records, clock=clock, access=access)
    return SmartChargingRuntime(
        site=site,
        csms=csms,
        ledger=records,
        access=access,
        pricing=ChargePricing(records, clock, partial(billing_terms, hass, entry), partial(charger_name, entry)),
        coordinator=SiteCoordinator(hass, entry, site),
        readings=SiteReadings(hass, site),
        batteries=BatteryControls(hass, entry),
        pv=PvControls(hass, entry),
        phases=PhaseControls(hass, entry),
        offers=FirmwareOffers(hass, entry),
        prices=SitePrices(hass, entry),
        forecasts=SiteForecasts(hass, entry),
        departures=DepartureCalendars(hass, entry),
        grid=GridInputs(hass, entry),
        changes=EntryChanges(hass, entry),
        signer=signer,
    )


def _follow(hass: HomeAssistant, entry: SmartChargingConfigEntry, runtime: SmartChargingRuntime) -> None:
    """React from now on to changes of the entry, to problems, and to the end of Home Assistant."""

    async def async_close_at_stop(_event: Event) -> None:
        await _async_close(hass, runtime)

    async def async_follow_time_zone(_event: Event) -> None:
        await runtime.changes.async_apply()

    entry.async_on_unload(runtime.site.subscribe_events(runtime.offers.async_heard))
    entry.async_on_unload(runtime.site.subscribe_events(lambda _event: runtime.pricing.look()))
    entry.async_on_unload(async_keep_for_good(hass, len(entry.get_subentries_of_type(SUBENTRY_CHARGER))))
    issues = SiteIssues(hass, entry)
    # Batteries and PV systems are let go while those who reach them still run.
    for stop in (runtime.batteries.async_stop, runtime.pv.async_stop):
        entry.async_on_unload(hass.async_add_shutdown_job(HassJob(stop)))
    for follow in (runtime.batteries.async_update, runtime.pv.async_update, runtime.phases.async_update):
        entry.async_on_unload(runtime.coordinator.async_add_listener(follow))
        follow()
    entry.async_on_unload(async_follow_outlook(runtime))
    runtime.forecasts.async_start()
    entry.async_on_unload(runtime.coordinator.async_add_listener(PresenceLog(runtime.coordinator).async_update))
    entry.async_on_unload(runtime.coordinator.async_add_listener(issues.async_update))
    entry.async_on_unload(issues.async_clear)
    async_follow_grid_issues(hass, entry)
    entry.async_on_unload(entry.add_update_listener(_async_entry_updated))
    entry.async_on_unload(hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, async_follow_time_zone))
    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, async_close_at_stop))


async def _async_open_ledger(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> Ledger:
    """Open the host's ledger; one of a newer version, or without its key, stays as it is and keeps the site waiting."""
    try:
        ledger = await async_acquire_ledger(hass)
    except LedgerTooNew as err:
        async_raise(hass, Issue(ISSUE_LEDGER_TOO_NEW, "host"))
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="ledger_too_new") from err
    except LedgerKeyError as err:
        async_raise(hass, Issue(ISSUE_LEDGER_KEY, "host"), fix_for_entry=entry.entry_id)
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="ledger_key") from err
    except LedgerError as err:
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="ledger_error") from err
    for key in (ISSUE_LEDGER_TOO_NEW, ISSUE_LEDGER_KEY):
        async_clear(hass, key, "host")
    return ledger


async def _async_listen(hass: HomeAssistant, entry: SmartChargingConfigEntry, runtime: SmartChargingRuntime) -> None:
    """Open the port for the chargers, after those configured are known."""
    settings = ListenSettings.from_data(entry.data)
    entry.async_on_unload(runtime.csms.subscribe_unknown(async_discoverer(hass, entry)))
    try:
        certificates = await async_port_certificates(hass, settings)
        context = None if certificates is None else await async_open(hass, certificates)
        runtime.port = await runtime.site.listen(settings.host, settings.port, context)
    except CertificateError as err:
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="certificate_invalid",
            translation_placeholders={"detail": str(err)},
        ) from err
    except OSError as err:
        placeholders = {"site": entry.title, "port": str(settings.port)}
        async_raise(
            hass, Issue(ISSUE_PORT_TAKEN, entry.entry_id, placeholders=placeholders), fix_for_entry=entry.entry_id
        )
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key="port_taken", translation_placeholders=placeholders
        ) from err
    async_clear(hass, ISSUE_PORT_TAKEN, entry.entry_id)
    if certificates is not None and context is not None:
        watch = certificates.watch(context)
        entry.async_create_background_task(hass, watch.run(), f"{DOMAIN} certificates")
        if runtime.signer is not None:
            runtime.signer.reload = watch.look
            entry.async_on_unload(runtime.csms.subscribe(runtime.signer.async_heard))
            entry.async_create_background_task(hass, runtime.signer.run(), f"{DOMAIN} certificate renewal")


async def _async_entry_updated(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
    """Apply a changed entry or subentry; only another port, certificate, lease or phase count needs a new start."""
    changes = entry.runtime_data.changes
    if changes.needs_reload:
        hass.config_entries.async_schedule_reload(entry.entry_id)
    else:
        await changes.async_apply()


async def async_unload_entry(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> bool:
    """Close every socket, task and timer of the site."""
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        await _async_close(hass, entry.runtime_data)
        async_withdraw(hass, entry.entry_id)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
    """Take back what still tells of a removed site; its records stay in the ledger."""
    for key in (ISSUE_PORT_TAKEN, ISSUE_ENTRY_TOO_NEW):
        async_clear(hass, key, entry.entry_id)
    for subentry_id in entry.subentries:
        async_password_settled(hass, subentry_id)
    for charger in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        await async_revoke(hass, entry, str(charger.unique_id))
    await async_remove_relay_files(hass, entry.entry_id)
    await async_remove_files(hass, entry.entry_id)
    await offer_store(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, device: DeviceEntry
) -> bool:
    """Allow the removal of devices that stand for nothing any more."""
    return device.identifiers.isdisjoint(current_identifiers(entry))


def current_identifiers(entry: SmartChargingConfigEntry) -> set[tuple[str, str]]:
    """Return the identifiers of devices that stand for something now, or may when their station is back."""
    view = entry.runtime_data.coordinator.data
    current = {site_identifier(entry)} | {part_identifier(part) for part in (*view.circuits, *view.batteries)}
    for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        current.add(charger_identifier(subentry.subentry_id))
        charger = view.chargers.get(str(subentry.unique_id))
        if charger is not None:
            current |= {evse_identifier(subentry.subentry_id, evse_id) for evse_id in charger.evses}
    return current


async def _async_close(hass: HomeAssistant, runtime: SmartChargingRuntime) -> None:
    """End the site; a second call, as at the end of Home Assistant, does nothing."""
    if runtime.closed:
        return
    runtime.closed = True
    await runtime.coordinator.async_shutdown()
    await runtime.forecasts.async_stop()
    runtime.readings.async_stop()
    runtime.phases.async_stop()
    runtime.prices.async_stop()
    runtime.departures.async_stop()
    await runtime.grid.async_stop()
    await runtime.batteries.async_stop()
    await runtime.pv.async_stop()
    await runtime.pricing.stop()
    await runtime.site.stop()
    await async_release_ledger(hass)


def _raise_entry_too_new(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
    """Show that a site was last used with a newer version."""
    async_raise(hass, Issue(ISSUE_ENTRY_TOO_NEW, entry.entry_id, placeholders={"site": entry.title}))

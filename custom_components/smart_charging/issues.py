"""Repairs: what a user has to look after, raised and taken back as the site's view tells."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_SOC, DOMAIN, SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.csms.state import Obedience
from .engine.csms.turned_away import Obstacle
from .engine.limit import LimitSource
from .engine.model import EvseKey, EvseStatus, MeterQuality
from .engine.view import ChargerView, EvseView, SiteView
from .offered_versions import versions_apart

ISSUE_PORT_TAKEN: Final = "port_taken"
ISSUE_LEDGER_TOO_NEW: Final = "ledger_too_new"
ISSUE_LEDGER_KEY: Final = "ledger_key"
ISSUE_ENTRY_TOO_NEW: Final = "entry_too_new"
ISSUE_METER_LOST: Final = "meter_lost"
ISSUE_PROFILES_REFUSED: Final = "profiles_refused"
ISSUE_PROFILES_IGNORED: Final = "profiles_ignored"
ISSUE_NO_LEASE: Final = "no_lease"
ISSUE_SAFE_CURRENT: Final = "safe_current"
ISSUE_PASSWORD_REFUSED: Final = "password_refused"
ISSUE_CIRCUIT_METER_LOST: Final = "circuit_meter_lost"
ISSUE_BATTERY_CONTROL: Final = "battery_control"
ISSUE_PV_CONTROL: Final = "pv_control"
ISSUE_PV_LOWEST: Final = "pv_lowest"
ISSUE_PHASE_SWITCH: Final = "phase_switch"
ISSUE_NO_TLS: Final = "dials_without_tls"
ISSUE_VERSION: Final = "version_not_offered"
ISSUE_NO_SOC: Final = "no_soc"
ISSUE_PRICES_LOST: Final = "prices_lost"
ISSUE_CALENDAR_LOST: Final = "departure_calendar_lost"


@dataclass(frozen=True, slots=True)
class Issue:
    """A problem of one thing; `about` makes its id unique, `variant` is which of several texts it has."""

    key: str
    about: str
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING
    placeholders: dict[str, str] = field(default_factory=dict, hash=False)
    variant: str | None = None

    @property
    def id(self) -> str:
        """Return the id in the issue registry."""
        return f"{self.key}_{self.about}"

    @property
    def text(self) -> str:
        """Return the key of its text."""
        return self.key if self.variant is None else f"{self.key}_{self.variant}"


@callback
def async_raise(hass: HomeAssistant, issue: Issue, *, fix_for_entry: str | None = None) -> None:
    """Show an issue; with an entry id it offers a fix."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue.id,
        data=None if fix_for_entry is None else {"entry_id": fix_for_entry},
        is_fixable=fix_for_entry is not None,
        severity=issue.severity,
        translation_key=issue.text,
        translation_placeholders=issue.placeholders,
    )


@callback
def async_clear(hass: HomeAssistant, key: str, about: str) -> None:
    """Take an issue back, if it is shown."""
    ir.async_delete_issue(hass, DOMAIN, Issue(key, about).id)


@callback
def async_password_refused(hass: HomeAssistant, entry: SmartChargingConfigEntry, subentry: ConfigSubentry) -> None:
    """Tell that a charger did not take its password."""
    placeholders = {"charger": subentry.title, "site": entry.title}
    async_raise(hass, Issue(ISSUE_PASSWORD_REFUSED, subentry.subentry_id, placeholders=placeholders))


@callback
def async_password_settled(hass: HomeAssistant, subentry_id: str) -> None:
    """Take back that a charger did not take its password."""
    async_clear(hass, ISSUE_PASSWORD_REFUSED, subentry_id)


class ShownIssues:
    """The issues that one watcher shows."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start without any."""
        self._hass = hass
        self._shown: dict[str, Issue] = {}

    @property
    def ids(self) -> Collection[str]:
        """Return the ids of what is shown."""
        return self._shown.keys()

    @callback
    def async_show(self, found: Iterable[Issue]) -> None:
        """Raise what is new and take back what is over."""
        wanted = {issue.id: issue for issue in found}
        for issue_id in self._shown.keys() - wanted.keys():
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        for issue_id, issue in wanted.items():
            if self._shown.get(issue_id) != issue:
                async_raise(self._hass, issue)
        self._shown = wanted


class SiteIssues:
    """Keeps the issues of one running site equal to what its view shows."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Start without any issue shown."""
        self._hass = hass
        self._entry = entry
        self._shown = ShownIssues(hass)
        self._told_soc: set[EvseKey] = set()

    @callback
    def async_update(self) -> None:
        """Raise what is new and take back what is over."""
        view = self._entry.runtime_data.coordinator.data
        self._told_soc |= {evse.key for evse in _evses(view) if evse.soc_percent is not None}
        self._shown.async_show(issues_of(self._entry, view, shown=self._shown.ids, told_soc=self._told_soc))

    @callback
    def async_clear(self) -> None:
        """Take all back: who does not run has no such problems."""
        self._shown.async_show(())


def issues_of(
    entry: SmartChargingConfigEntry, view: SiteView, *, shown: Collection[str], told_soc: Collection[EvseKey] = ()
) -> Iterator[Issue]:
    """Yield the problems that a view shows; `told_soc` are the EVSEs whose car ever told how full it is.

    A lost meter becomes one when a car charges; it stays one until the meter is back, so that it
    does not come and go with the car.
    """
    site = {"site": entry.title}
    charges = _charges(view)
    for issue in _lost_meters(entry, view, site):
        if charges or issue.id in shown:
            yield issue
    yield from _turned_away(entry, site)
    for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        charger = view.chargers.get(str(subentry.unique_id))
        if charger is None:
            continue
        placeholders = {**site, "charger": subentry.title}
        for key in _charger_problems(charger):
            yield Issue(key, subentry.subentry_id, placeholders=placeholders)
        if subentry.unique_id in view.safe_current_missing:
            yield Issue(ISSUE_SAFE_CURRENT, subentry.subentry_id, placeholders=placeholders)
        if CONF_SOC not in subentry.data and _aims_blindly(charger, told_soc):
            yield Issue(ISSUE_NO_SOC, subentry.subentry_id, placeholders=placeholders)


def _turned_away(entry: SmartChargingConfigEntry, site: dict[str, str]) -> Iterator[Issue]:
    """Yield the stations that can't enter by a setting of theirs or ours."""
    turned_away, chargers = entry.runtime_data.csms.turned_away, entry.get_subentries_of_type(SUBENTRY_CHARGER)
    known = {str(subentry.unique_id): subentry for subentry in chargers}
    for station_id, obstacle in turned_away.stations.items():
        if obstacle is Obstacle.NO_TLS:
            subentry = known.get(station_id)
            about = f"{entry.entry_id}_{station_id}" if subentry is None else subentry.subentry_id
            name = station_id if subentry is None else subentry.title
            placeholders = {**site, "charger": name, "station_id": station_id}
            yield Issue(ISSUE_NO_TLS, about, placeholders=placeholders)
    for subentry in known.values():
        if (versions := versions_apart(turned_away, subentry.data)) is not None:
            placeholders = {**site, "charger": subentry.title, **versions}
            yield Issue(ISSUE_VERSION, subentry.subentry_id, placeholders=placeholders)


def _aims_blindly(charger: ChargerView, told_soc: Collection[EvseKey]) -> bool:
    """Return whether a car shall be charged to a state that nobody ever told here."""
    return any(
        (evse.settings.target_soc_percent is not None or evse.settings.min_soc_percent is not None)
        and evse.key not in told_soc
        for evse in charger.evses.values()
    )


def _lost_meters(entry: SmartChargingConfigEntry, view: SiteView, site: dict[str, str]) -> Iterator[Issue]:
    """Yield the meters that guard a fuse and tell nothing that can be trusted."""
    if view.limit_source is LimitSource.METER_LOST:
        yield Issue(ISSUE_METER_LOST, entry.entry_id, ir.IssueSeverity.ERROR, site)
    for circuit in view.circuits.values():
        if circuit.quality is MeterQuality.LOST:
            placeholders = {**site, "circuit": circuit.name}
            yield Issue(ISSUE_CIRCUIT_METER_LOST, circuit.circuit_id, ir.IssueSeverity.ERROR, placeholders)


def _charger_problems(charger: ChargerView) -> Iterator[str]:
    """Yield the keys of what is wrong with how a charger follows its limits."""
    seen = {evse.state.obedience for evse in charger.evses.values()}
    if Obedience.REJECTS in seen:
        yield ISSUE_PROFILES_REFUSED
    if Obedience.IGNORES in seen:
        yield ISSUE_PROFILES_IGNORED
    if charger.station.capabilities.holds_lease is False:
        yield ISSUE_NO_LEASE


def _charges(view: SiteView) -> bool:
    """Return whether a car charges at the site."""
    return any(evse.state.status is EvseStatus.CHARGING for evse in _evses(view))


def _evses(view: SiteView) -> Iterator[EvseView]:
    """Yield every EVSE of the site."""
    for charger in view.chargers.values():
        yield from charger.evses.values()

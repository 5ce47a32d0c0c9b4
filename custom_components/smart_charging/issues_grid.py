"""Repairs for the grid operator's demands: who does not obey, sources that are lost, and a log that proves nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.grid.grid_room import GridConfig
from .engine.grid.source import InputKind, LostPolicy, SourceConfig
from .engine.grid.source_state import ClaimReason
from .engine.ledger import ChainVerdict
from .engine.view import SiteView
from .grid_names import evse_name, source_name
from .issues import Issue, ShownIssues

ISSUE_NOT_OBEYED: Final = "grid_not_obeyed"
ISSUE_SOURCE_LOST: Final = "grid_source_lost"
ISSUE_CHARGER_GONE: Final = "grid_charger_gone"
ISSUE_LOG_BROKEN: Final = "grid_log_broken"
ISSUE_LOG_WAITING: Final = "grid_log_waiting"

WAITS_LONG: Final = timedelta(minutes=5)


@callback
def async_follow_grid_issues(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
    """Show the issues while the site runs."""
    issues, runtime = GridIssues(hass, entry), entry.runtime_data
    entry.async_on_unload(runtime.coordinator.async_add_listener(issues.async_update))
    entry.async_on_unload(runtime.ledger.grid_proof.subscribe(issues.async_update))
    entry.async_on_unload(issues.async_clear)
    issues.async_update()


class GridIssues:
    """Keeps the issues of one running site equal to what its view and its proof log show."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Start without any issue shown."""
        self._entry = entry
        self._shown = ShownIssues(hass)
        self._waiting_since: datetime | None = None

    @callback
    def async_update(self) -> None:
        """Raise what is new and take back what is over."""
        view = self._entry.runtime_data.coordinator.data
        if not view.grid.proof_waiting:
            self._waiting_since = None
        elif self._waiting_since is None or view.at < self._waiting_since:  # the clock was set back
            self._waiting_since = view.at
        self._shown.async_show(self._found(view))

    @callback
    def async_clear(self) -> None:
        """Take all back: who does not run has no such problems."""
        self._shown.async_show(())

    def _found(self, view: SiteView) -> Iterator[Issue]:
        entry, runtime = self._entry, self._entry.runtime_data
        yield from _not_obeyed(entry, view)
        yield from _lost(entry, view, runtime.site.grid.config)
        yield from _without_charger(entry, runtime.site.grid.config)
        yield from _broken(entry, runtime.ledger.grid_proof.verdict)
        since = self._waiting_since
        if since is not None and view.at - since >= WAITS_LONG:
            yield Issue(ISSUE_LOG_WAITING, entry.entry_id, placeholders={"site": entry.title})


def _not_obeyed(entry: SmartChargingConfigEntry, view: SiteView) -> Iterator[Issue]:
    """Yield the EVSEs that drew more than they were told, until they obey; those of chargers that are gone are no issue."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        for key in view.grid.issues:
            if key.station_id == subentry.unique_id:
                placeholders = {"site": entry.title, "charger": evse_name(view, key) or subentry.title}
                about = f"{subentry.subentry_id}_{key.evse_id}"
                yield Issue(ISSUE_NOT_OBEYED, about, ir.IssueSeverity.ERROR, placeholders)


def _lost(entry: SmartChargingConfigEntry, view: SiteView, config: GridConfig) -> Iterator[Issue]:
    """Yield the sources that can't be heard, each with what holds meanwhile."""
    for source in config.sources:
        if source.source_id in view.grid.lost:
            placeholders = {"site": entry.title, "source": source_name(entry, source.source_id)}
            variant = _meanwhile(view, source, without_charger=config.is_gone(source.evse)).value
            yield Issue(ISSUE_SOURCE_LOST, source.source_id, placeholders=placeholders, variant=variant)


def _without_charger(entry: SmartChargingConfigEntry, config: GridConfig) -> Iterator[Issue]:
    """Yield the sources for one charger that is gone: it may be that they are to limit another now."""
    for source in config.sources:
        if config.is_gone(source.evse):
            placeholders = {"site": entry.title, "source": source_name(entry, source.source_id)}
            yield Issue(ISSUE_CHARGER_GONE, source.source_id, placeholders=placeholders)


def _meanwhile(view: SiteView, source: SourceConfig, *, without_charger: bool) -> LostPolicy:
    """Return what holds while a source is lost: one without a last word falls to its fail-safe, as EEBus always does.

    Of one whose charger is gone that is what is not for the charger, as the feed-in of a control box.
    """
    whys = {one.demand.why for one in view.grid.held if one.asked and one.demand.source_id == source.source_id}
    if without_charger and not whys:
        return LostPolicy.RELEASE
    fails_safe = ClaimReason.FAILSAFE in whys
    return LostPolicy.FAILSAFE if fails_safe or source.input is InputKind.EEBUS else source.lost_policy


def _broken(entry: SmartChargingConfigEntry, verdict: ChainVerdict | None) -> Iterator[Issue]:
    """Yield a log that was changed, or damaged, at some place."""
    if verdict is not None and verdict.broken is not None:
        placeholders = {"site": entry.title, "row": str(verdict.broken.sequence)}
        yield Issue(ISSUE_LOG_BROKEN, entry.entry_id, ir.IssueSeverity.ERROR, placeholders)

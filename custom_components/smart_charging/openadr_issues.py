"""Repairs of an OpenADR server: a library that can't be installed, and problems that last."""

from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback

from .engine.grid.openadr_http import VenProblem
from .issues import Issue, async_clear, async_raise

if TYPE_CHECKING:
    from .engine.grid.openadr_ven import VenState

ISSUE_NOT_INSTALLED: Final = "openadr_not_installed"
# What waiting does not mend.
AT_ONCE: Final = frozenset(
    {VenProblem.LOGIN, VenProblem.FORBIDDEN, VenProblem.TLS, VenProblem.NO_PROGRAM, VenProblem.LIBRARY}
)
LASTS_FROM: Final = 3  # failures in a row: at a start the network may come up last


def issue_key(problem: VenProblem) -> str:
    """Return what a problem is called among the repairs."""
    return f"openadr_{problem.value}"


class OpenAdrIssues:
    """Shows what is wrong with one server, at most one thing at a time."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry) -> None:
        """Show nothing yet."""
        self._hass = hass
        self._about = subentry.subentry_id
        self._names = {"site": entry.title, "source": subentry.title}
        self._shown: Issue | None = None

    @callback
    def async_show(self, state: VenState) -> None:
        """Show what is wrong once it lasts, or at once where waiting does not mend it; take it back when it is over."""
        problem = state.problem
        if problem is None:
            self._show(None)
        elif problem in AT_ONCE or (state.lost and state.failures >= LASTS_FROM):
            placeholders = {**self._names, "detail": state.detail or "-"}
            self._show(Issue(issue_key(problem), self._about, placeholders=placeholders))

    @callback
    def async_not_installed(self) -> None:
        """Show that the library could not be installed."""
        self._show(Issue(ISSUE_NOT_INSTALLED, self._about, placeholders=self._names))

    @callback
    def async_clear(self) -> None:
        """Take all back."""
        self._show(None)

    def _show(self, issue: Issue | None) -> None:
        shown = self._shown
        if shown is not None and (issue is None or issue.key != shown.key):
            async_clear(self._hass, shown.key, self._about)
        if issue is not None and (shown is None or issue.key != shown.key):
            async_raise(self._hass, issue)
        self._shown = issue

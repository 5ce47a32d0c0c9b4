"""What the flows of parts of a site have in common: whether one is added or changed, and how it is kept."""

from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult


class PartFlow(ConfigSubentryFlow):
    """Add or change a part of a site."""

    @property
    def known(self) -> ConfigSubentry | None:
        """Return the part that is changed, None for a new one."""
        return self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None

    @property
    def own_id(self) -> str | None:
        """Return the id of the part that is changed, None for a new one."""
        known = self.known
        return None if known is None else known.subentry_id

    def keep(self, name: str, data: dict[str, Any]) -> SubentryFlowResult:
        """Make the part, or change it."""
        known = self.known
        if known is None:
            return self.async_create_entry(title=name, data=data)
        return self.async_update_and_abort(self._get_entry(), known, title=name, data=data)

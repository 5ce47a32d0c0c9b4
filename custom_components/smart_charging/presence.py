"""Tell in the log, once each time, what went and what came back."""

from homeassistant.core import callback

from .const import LOGGER
from .coordinator import SiteCoordinator
from .engine.limit import LimitSource
from .engine.model import MeterQuality


class PresenceLog:
    """Follows chargers that were connected, and the grid meter, through the views of a site."""

    def __init__(self, coordinator: SiteCoordinator) -> None:
        """Begin with what the first view shows; chargers that never connected are not missed."""
        self._coordinator = coordinator
        self._connected: dict[str, bool] = {}
        self._meter_lost = False

    @callback
    def async_update(self) -> None:
        """Log what changed since the last view."""
        view = self._coordinator.data
        for station_id, charger in view.chargers.items():
            connected = charger.station.connected
            before = self._connected.get(station_id)
            if before and not connected:
                LOGGER.info("The charger %s of %s is no longer connected", charger.name, self._site)
            elif before is False and connected:
                LOGGER.info("The charger %s of %s is connected again", charger.name, self._site)
            if connected or before:
                self._connected[station_id] = connected
        lost = view.limit_source is LimitSource.METER_LOST
        if lost and not self._meter_lost:
            LOGGER.warning("The grid meter of %s is lost: chargers are held at their safe currents", self._site)
        elif self._meter_lost and view.grid_quality is MeterQuality.FRESH:
            LOGGER.info("The grid meter of %s is back", self._site)
        self._meter_lost = lost or (self._meter_lost and view.grid_quality is not MeterQuality.FRESH)

    @property
    def _site(self) -> str:
        """Return the site's name."""
        return self._coordinator.config_entry.title

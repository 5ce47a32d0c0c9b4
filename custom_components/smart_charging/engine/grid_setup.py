"""From a site's configuration to what the grid room is to know of it: the connection and its controllable devices."""

from collections.abc import Iterable
from typing import Final

from .config import SiteConfig, StationConfig
from .grid.grid_room import GridConfig
from .grid.merge import GridConnection
from .grid.section_14a import MINIMUM_W, ControllableDevice, DeviceKind
from .grid.source import SourceConfig
from .grid.uk_rules import UkRules
from .model import NOMINAL_VOLTAGE_V, EvseKey

COUNTED_ABOVE_W: Final = MINIMUM_W  # smaller devices are none that the law means (BK6-22-300, annex 1, 2.4)


def grid_config(
    site: SiteConfig,
    stations: Iterable[StationConfig],
    sources: Iterable[SourceConfig],
    *,
    others: Iterable[ControllableDevice] = (),
    uk: UkRules | None = None,
) -> GridConfig:
    """Return the configuration of the grid room; ValueError where two sources share an id.

    Each station counts as one device, and so does each battery; both by their
    connected power. `others` are devices that are led elsewhere, as heat pumps. Stations are under `uk` with their first
    EVSE here, and with all others as these show themselves.
    """
    known = list(stations)
    connection = GridConnection(
        site.fuse_a,
        site.phases,
        site.power_w,
        site.installed_pv_w,
        {EvseKey(one.station_id, 1): one.phases for one in known},
    )
    led = [
        *(ControllableDevice(one.station_id, DeviceKind.CHARGER, _rated_w(one)) for one in known),
        *(
            ControllableDevice(one.battery_id, DeviceKind.BATTERY, one.max_charge_w)
            for one in site.batteries
            if one.max_charge_w > 0
        ),
    ]
    return GridConfig(
        connection,
        tuple(sources),
        (*(one for one in led if one.rated_w > COUNTED_ABOVE_W), *others),
        uk,
        () if uk is None else tuple(EvseKey(one.station_id, 1) for one in known),
        frozenset(one.station_id for one in known),
    )


def _rated_w(station: StationConfig) -> float:
    return station.max_current_a * station.phases * NOMINAL_VOLTAGE_V

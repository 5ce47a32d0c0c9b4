"""What most closed loops run in: a home with one charger, and a household that comes and goes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from custom_components.smart_charging.engine.config import SiteConfig, StationConfig
from custom_components.smart_charging.engine.grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import SignalAdded
from custom_components.smart_charging.engine.grid_control import ACTION
from simulator.ocpp.options import StationOptions
from simulator.plant.house import Appliance, House

from .loop import ClosedLoop
from .shell import Entities

SITE = SiteConfig("site", "Home", fuse_a=25.0, meter_interval_s=5.0)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)
STREET = replace(CHARGER, station_id="CP2", name="Street")
YARD = replace(CHARGER, station_id="CP3", name="Yard")
LATE_METER = Entities(interval_s=1.0, latency_s=5.0)

_BUSY = (
    Appliance("kettle", 1900.0, 1, 60.0, 150.0),
    Appliance("oven", 2400.0, 0, 40.0, 50.0),
    Appliance("heat pump", 1500.0, None, 240.0, 300.0),
)


def busy_house(seed: int = 3) -> House:
    """Return a household whose load moves each second and jumps each minute, W per phase."""
    return House(seed, appliances=_BUSY, noise_w=60.0)


def station(station_id: str = "CP1", **options: object) -> StationOptions:
    """Return a simulated station that tells its meter often enough to be followed."""
    return replace(StationOptions(station_id, "", sample_s=10), **options)  # type: ignore[arg-type]  # fields by name


async def warm_up(loop: ClosedLoop, plugged: Sequence[str] = ("CP1",), seconds: float = 30.0) -> None:
    """Let stations dial in and the meter be trusted, then plug the cars in."""
    await loop.run(seconds, step_s=1.0)
    for station_id in plugged:
        loop.plug(station_id)


def limit_feed_in(loop: ClosedLoop, value: float, unit: SignalUnit, *, minutes: float | None = None) -> None:
    """Have a limit on feed-in arrive, for good where no time is told."""
    now = loop.clock.now()
    signal = GridSignal(
        source_id=ACTION,
        kind=SignalKind.EXPORT_LIMIT,
        value=value,
        unit=unit,
        received_at=now,
        valid_until=None if minutes is None else now + timedelta(minutes=minutes),
        scope=SignalScope.SITE,
    )
    loop.site.grid.take(SignalAdded(ACTION, now, signal))

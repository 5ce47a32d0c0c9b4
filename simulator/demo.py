"""The site of the command line and the demo: a house with sun and cars that arrive one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from .clock import Clock
from .ocpp.options import StationOptions
from .plant.battery import Battery, BatteryRating
from .plant.car import Car, CarModel
from .plant.house import House
from .plant.sun import FixedSun, NoonSun, RealSun, Sun
from .simulated_site import SimulatedSite

PV_PEAK_W = 9_500.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for; `phases` are the cars' phases in turn, times in s."""

    url: str
    stations: int = 2
    prefix: str = "SIM"
    phases: Sequence[int] = (3, 1)
    sun: str = "demo"
    seed: int = 1
    sample_s: int = 60
    battery_wh: float = 0.0
    password: str | None = None
    plug_first_s: float = 5.0
    plug_next_s: float = 60.0


def build_site(options: DemoOptions, clock: Clock) -> SimulatedSite:
    """Build the site; its cars are not plugged in yet."""
    stations = [
        StationOptions(
            station_id=f"{options.prefix}-{n}",
            url=options.url,
            password=options.password,
            sample_s=options.sample_s,
            register_wh=1_204_300.0 + 97_000.0 * n,
        )
        for n in range(1, options.stations + 1)
    ]
    cars = {
        (station.station_id, 1): Car(
            CarModel(phases=options.phases[n % len(options.phases)]), state_of_charge=0.3 + 0.15 * (n % 3)
        )
        for n, station in enumerate(stations)
    }
    battery = Battery(BatteryRating(options.battery_wh), 0.5) if options.battery_wh > 0 else None
    return SimulatedSite(
        stations,
        cars=cars,
        house=House(options.seed),
        sun=make_sun(options, clock),
        battery=battery,
        clock=clock,
    )


def make_sun(options: DemoOptions, clock: Clock) -> Sun:
    """Return the sun by its name on the command line; ValueError for an unknown one."""
    kind, _, power = options.sun.partition(":")
    match kind:
        case "demo":
            return NoonSun(PV_PEAK_W, clock.now(), options.seed)
        case "real":
            return RealSun(PV_PEAK_W, seed=options.seed)
        case "fixed":
            return FixedSun(float(power))
        case _:
            raise ValueError(f"unknown sun {options.sun!r}")


async def cars_arrive(site: SimulatedSite, options: DemoOptions) -> None:
    """Plug in one car after the other."""
    wait_s = options.plug_first_s
    for station in site.stations.values():
        await site.clock.sleep(wait_s)
        site.advance()
        station.plug(True)
        wait_s = options.plug_next_s

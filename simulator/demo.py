"""The site of the command line and the demo: a house with sun and cars that arrive one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clock import Clock
from .ocpp.options import StationOptions
from .ocpp2.options import StationOptions2, Version
from .plant.battery import Battery, BatteryRating
from .plant.car import Car, CarModel
from .plant.circuit import Circuit
from .plant.contactor import Contactor
from .plant.house import House
from .plant.outlet import Wiring
from .plant.sun import FixedSun, NoonSun, Photovoltaics, RealSun, Sun
from .simulated_site import Premises, SimulatedSite

PV_PEAK_W = 9_500.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for; `phases` are the cars' phases in turn, times in s.

    The last station hangs on `circuit`, "" being the grid connection, and behind the contactor if there is one.
    """

    url: str
    stations: int = 2
    prefix: str = "SIM"
    phases: Sequence[int] = (3, 1)
    sun: str = "demo"
    seed: int = 1
    sample_s: int = 60
    battery_wh: float = 0.0
    zero_export: bool = False
    circuit: str = ""
    contactor: bool = False
    switches_phases: bool = False
    password: str | None = None
    protocols: Sequence[str] = ("ocpp1.6",)
    """What the stations speak, in turn: "ocpp1.6" or a `Version` of OCPP 2."""
    plug_first_s: float = 5.0
    plug_next_s: float = 60.0


def build_site(options: DemoOptions, clock: Clock) -> SimulatedSite:
    """Build the site; its cars are not plugged in yet."""
    stations = [_station(options, n) for n in range(1, options.stations + 1)]
    cars = {
        (station.station_id, 1): Car(
            CarModel(phases=options.phases[n % len(options.phases)]), state_of_charge=0.3 + 0.15 * (n % 3)
        )
        for n, station in enumerate(stations)
    }
    last = Wiring(circuit_id=options.circuit, contactor=Contactor() if options.contactor else None)
    battery = Battery(BatteryRating(options.battery_wh), 0.5) if options.battery_wh > 0 else None
    return SimulatedSite(
        stations,
        cars=cars,
        wiring={(stations[-1].station_id, 1): last} if stations else {},
        premises=Premises(
            House(options.seed),
            Photovoltaics(make_sun(options, clock), zero_export=options.zero_export),
            battery,
            [Circuit(options.circuit)] if options.circuit else [],
        ),
        clock=clock,
    )


def _station(options: DemoOptions, n: int) -> StationOptions | StationOptions2:
    station_id, register_wh = f"{options.prefix}-{n}", 1_204_300.0 + 97_000.0 * n
    protocol = options.protocols[(n - 1) % len(options.protocols)]
    if protocol == "ocpp1.6":
        return StationOptions(
            station_id=station_id,
            url=options.url,
            password=options.password,
            sample_s=options.sample_s,
            switches_phases=options.switches_phases,
            register_wh=register_wh,
        )
    return StationOptions2(
        station_id=station_id,
        url=options.url,
        version=Version(protocol),
        security_profile=1 if options.password else 0,
        password=options.password,
        sample_s=options.sample_s,
        switches_phases=options.switches_phases,
        register_wh=register_wh,
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
    plugs: list[Callable[[bool], None]] = [station.plug for station in site.stations.values()]
    plugs += [station.plug for station in site.stations2.values()]
    for plug in plugs:
        await site.clock.sleep(wait_s)
        site.advance()
        plug(True)
        wait_s = options.plug_next_s

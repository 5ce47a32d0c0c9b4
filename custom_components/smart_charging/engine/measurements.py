"""What is known of the site besides its charging stations: meters, PV, batteries, cars, contactors, limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .car_charge import CarCharges, Charge
from .circuit_meter import CircuitMeter
from .config import CarConfig, Connection, EvseSettings, SiteConfig
from .control.battery import BatterySnapshot
from .control.circuits import connections
from .control.elapsed import elapsed_s
from .control.house import TRUSTED
from .control.snapshot import MeterSnapshot
from .csms.state import StationState
from .given_energy import GivenEnergy
from .limit import ROOT_CIRCUIT, Limit
from .model import NOMINAL_VOLTAGE_V, EvseKey, Session
from .view import BatteryReading, MeterReading

BATTERY_VALID_S = 300.0  # a battery that reports less often is not known well enough to be led


@dataclass(frozen=True, slots=True)
class _Value:
    value: float | None
    at: datetime


class SiteMeasurements:
    """Keeps the newest readings; what is too old or implausible is told as unknown, never as zero."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._meters: dict[str, CircuitMeter] = {ROOT_CIRCUIT: CircuitMeter()}
        self._pv: dict[str, _Value] = {}
        self._pv_least: dict[str, float] = {}
        self._batteries: dict[str, BatteryReading] = {}
        self._soc: dict[EvseKey, float] = {}
        self._charges = CarCharges()
        self.given = GivenEnergy()
        self._switched_phases: dict[EvseKey, int] = {}
        self._limits: dict[str, Limit] = {}

    def take_meter(self, connection: Connection, circuit_id: str, reading: MeterReading) -> None:
        """Take a meter's reading."""
        self.meter(circuit_id).take(connection, reading)

    def take_pv(self, name: str, power_w: float | None, at: datetime) -> None:
        """Take a PV system's production in W, None where it is not known."""
        self._pv[name] = _Value(power_w, at)

    def forget_pv(self, name: str) -> None:
        """Forget a PV system."""
        self._pv.pop(name, None)
        self._pv_least.pop(name, None)

    def take_pv_least(self, pv_id: str, least_w: float) -> None:
        """Take what a PV system can be told at least, in W."""
        if least_w > 0:
            self._pv_least[pv_id] = least_w
        else:
            self._pv_least.pop(pv_id, None)

    def take_battery(self, battery_id: str, reading: BatteryReading) -> None:
        """Take a battery's reading."""
        self._batteries[battery_id] = reading

    def take_soc(self, key: EvseKey, soc_percent: float | None) -> None:
        """Take the state of charge of the car at an EVSE, None where it is not known."""
        if soc_percent is None or not 0 <= soc_percent <= 100:
            self._soc.pop(key, None)
        else:
            self._soc[key] = soc_percent

    def take_switched_phases(self, key: EvseKey, phases: int | None) -> None:
        """Take how many phases an EVSE's contactor connects, None where it is not known."""
        if phases is None:
            self._switched_phases.pop(key, None)
        else:
            self._switched_phases[key] = phases

    def set_limit(self, limit: Limit) -> None:
        """Let a limit hold; one with the same id is replaced."""
        self._limits[limit.limit_id] = limit

    def withdraw_limit(self, limit_id: str) -> bool:
        """Let a limit hold no longer; returns whether there was one."""
        return self._limits.pop(limit_id, None) is not None

    def limits(self, now: datetime) -> tuple[Limit, ...]:
        """Return the limits that hold now or later; what has ended is forgotten."""
        self._limits = {
            limit_id: limit
            for limit_id, limit in self._limits.items()
            if limit.valid_until is None or now < limit.valid_until
        }
        return tuple(self._limits.values())

    def meter(self, circuit_id: str) -> CircuitMeter:
        """Return the meter of a circuit, one without readings where none ever reported."""
        return self._meters.setdefault(circuit_id, CircuitMeter())

    def meters(self, site: SiteConfig, now: datetime) -> dict[str, MeterSnapshot]:
        """Return each circuit below the grid connection as measured now."""
        return {circuit.circuit_id: self.meter(circuit.circuit_id).snapshot(circuit, now) for circuit in site.circuits}

    def overloaded(self, site: SiteConfig, now: datetime) -> bool:
        """Return whether anywhere more flows by the newest readings than a limit there permits.

        Limits on chargers alone are not seen on a meter, peaks are means: decisions see to them.
        """
        live = [limit for limit in self._limits.values() if limit.live(now) and limit.evse is None]
        flow = [limit for limit in live if not limit.controllable_only]
        return any(
            self.meter(circuit_id).overloaded(one, [limit for limit in flow if limit.circuit_id == circuit_id])
            for circuit_id, one in connections(site).items()
        )

    def pv_power(self) -> float | None:
        """Return the production of all PV systems that tell theirs, None where none does."""
        known = [one.value for one in self._pv.values() if one.value is not None]
        return sum(known) if known else None

    def pv_systems(self) -> dict[str, float | None]:
        """Return the production of each PV system, None where it does not tell."""
        return {name: one.value for name, one in self._pv.items()}

    def pv_least(self) -> dict[str, float]:
        """Return what PV systems can be told at least, where that is more than nothing."""
        return dict(self._pv_least)

    def feeds_in_beyond(self, site: SiteConfig, limit_w: float, now: datetime) -> bool:
        """Return whether more than this flows out at a grid meter that is trusted."""
        meter = self.meter(ROOT_CIRCUIT).snapshot(site, now)
        flow_w = meter.power_w
        if flow_w is None and meter.current_a is not None:
            flow_w = meter.current_a.total * NOMINAL_VOLTAGE_V
        return meter.quality in TRUSTED and flow_w is not None and -flow_w > limit_w

    @property
    def has_pv(self) -> bool:
        """Return whether there is a PV system, whether it tells its production or not."""
        return bool(self._pv)

    def whole_pv_power(self) -> float | None:
        """Return the production of all PV systems, None where one of them does not tell or there is none."""
        told = [one.value for one in self._pv.values()]
        known = [power_w for power_w in told if power_w is not None]
        return sum(known) if known and len(known) == len(told) else None

    def batteries(self, site: SiteConfig, now: datetime) -> Mapping[str, BatterySnapshot]:
        """Return the configured batteries as measured now."""
        return {battery.battery_id: self._battery(battery.battery_id, now) for battery in site.batteries}

    def whole_battery_power(self, site: SiteConfig) -> float | None:
        """Return what all batteries give, 0 without any, None where one does not tell.

        To be led a battery must report often. To be counted it need not: one that rests may tell nothing for hours.
        """
        readings = [self._batteries.get(battery.battery_id) for battery in site.batteries]
        known = [one.power_w for one in readings if one is not None and one.available and one.power_w is not None]
        return sum(known) if len(known) == len(readings) else None

    def soc(
        self,
        key: EvseKey,
        station: StationState,
        session: Session | None,
        settings: EvseSettings,
        car: CarConfig,
        given_wh: float = 0.0,
    ) -> float | None:
        """Return the state of charge of the car at an EVSE in percent, carried on by what was charged and given since it was told.

        Its station tells it, else something else, else its user did.
        """
        evse = station.evses.get(key.evse_id)
        told = None if evse is None or evse.measurement is None else evse.measurement.soc_percent
        told = self._soc.get(key) if told is None else told
        return self._charges.follow(key, told, session, settings, car, given_wh)

    @property
    def charges(self) -> Mapping[EvseKey, Charge]:
        """Return what was told last of how full each car is, with what its session had delivered by then."""
        return self._charges.told

    def restore_charges(self, charges: Mapping[EvseKey, Charge]) -> None:
        """Go on from what was told before a restart."""
        self._charges.restore(charges)

    def car_left(self, key: EvseKey) -> None:
        """Forget how full the car was that left an EVSE."""
        self._charges.left(key)

    def switched_phases(self, key: EvseKey) -> int | None:
        """Return how many phases a contactor connects now."""
        return self._switched_phases.get(key)

    def forget_station(self, station_id: str) -> None:
        """Forget what was told of a station's EVSEs."""
        self._soc = {key: value for key, value in self._soc.items() if key.station_id != station_id}
        self._charges.forget(station_id)
        self.given.forget(station_id)
        self._switched_phases = {k: v for k, v in self._switched_phases.items() if k.station_id != station_id}

    def _battery(self, battery_id: str, now: datetime) -> BatterySnapshot:
        reading = self._batteries.get(battery_id)
        if reading is None or not reading.available or elapsed_s(reading.at, now) > BATTERY_VALID_S:
            return BatterySnapshot(available=False)
        return BatterySnapshot(True, reading.soc_percent, reading.power_w)

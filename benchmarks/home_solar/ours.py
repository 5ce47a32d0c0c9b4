"""Our controller in the home: every reading becomes a snapshot, every setpoint a command."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from custom_components.smart_charging.engine.config import (
    EvseSettings,
    PhaseSwitching,
    SiteConfig,
    SolarConfig,
    StationConfig,
)
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseSnapshot, MeterSnapshot, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, EvseStatus, MeterQuality, Phases

from .home import MAX_A, MIN_A, STEP_S, VOLTAGE_V, Command, Reading

BEGIN = datetime(2008, 5, 19, tzinfo=UTC)
FUSE_A = 63.0  # wide enough never to bind: this is about surplus
KEY = EvseKey("CP1", 1)
STATION = StationConfig("CP1", "Garage", max_current_a=MAX_A, phase_switching=PhaseSwitching.OCPP)
SOLAR = EvseSettings(ChargeMode.SOLAR)
FAST = EvseSettings(ChargeMode.FAST)


@dataclass(slots=True)
class OurController:
    """The product's decisions; what a station accepted is what it was told a step ago."""

    site: SiteConfig
    state: ControlState
    told: Command

    @classmethod
    def with_solar(cls, solar: SolarConfig) -> OurController:
        """Return a controller without memory, with these thresholds and delays."""
        site = SiteConfig("home", "Home", fuse_a=FUSE_A, meter_interval_s=STEP_S, solar=solar)
        return cls(site, ControlState(), Command(0.0, 3))

    def command(self, reading: Reading) -> Command:
        """Return what the product decides."""
        now = BEGIN + timedelta(seconds=reading.at_s)
        decision, self.state = decide(self._snapshot(reading), self.state, now)
        setpoint = decision.setpoints[KEY]
        self.told = Command(setpoint.current_a, setpoint.phases or self.told.phases)
        return self.told

    def _snapshot(self, reading: Reading) -> Snapshot:
        car = Phases.spread(reading.car_a, tuple(range(reading.phases)))
        rest_a = (reading.grid_w / VOLTAGE_V - car.total) / 3
        grid = MeterSnapshot(MeterQuality.FRESH, car + Phases.each(rest_a), reading.grid_w)
        evse = EvseSnapshot(
            key=KEY,
            station=STATION,
            settings=FAST if reading.must_charge else SOLAR,
            safe_a=STATION.safe_current_a,
            connected=True,
            status=self._status(reading),
            measured_a=car,
            commanded_a=self.told.current_a,
            settled=True,
        )
        return Snapshot(self.site, grid, (evse,))

    def _status(self, reading: Reading) -> EvseStatus:
        if not reading.plugged:
            return EvseStatus.AVAILABLE
        if reading.full:
            return EvseStatus.SUSPENDED_EV
        return EvseStatus.CHARGING if self.told.current_a >= MIN_A else EvseStatus.SUSPENDED_EVSE

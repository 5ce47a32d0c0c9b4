"""What is measured while a grid signal holds: the powers that prove it, and whether each charger obeys."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
import math
from typing import Final

from .config import SiteConfig
from .control.elapsed import elapsed_s
from .control.snapshot import Decision
from .csms.central_system import CentralSystem
from .csms.state import EvseState
from .grid.proof_schedule import MeasuredPowers
from .grid.set_back import is_ahead
from .grid.verification import Measured
from .grid_record import GridSetPoint
from .limit import OwnPower
from .measurements import SiteMeasurements
from .model import NOMINAL_VOLTAGE_V, EvseKey
from .site_flows import drawn_power, site_flows
from .station_reading import FOLLOW_S, MEASUREMENT_VALID_S, commanded_current

DEVICE_VALID_S: Final = 300.0  # what a device that is led elsewhere drew is not known for longer
_STEP_A: Final = 0.5  # stations round what they are told
_STEP_W: Final = _STEP_A * NOMINAL_VOLTAGE_V


@dataclass(frozen=True, slots=True)
class _Fall:
    """When an EVSE was told less, and the W that it may draw since."""

    at: datetime
    told_w: float


class GridMeasurement:
    """Reads stations, meters and devices; remembers when each EVSE was last told to draw less."""

    def __init__(self, csms: CentralSystem, measured: SiteMeasurements, config: Callable[[], SiteConfig]) -> None:
        """Know of no device."""
        self._csms = csms
        self._measured = measured
        self._config = config
        self._devices: dict[str, tuple[float, datetime]] = {}
        self._told: dict[EvseKey, tuple[float, float | None]] = {}
        self._fell: dict[EvseKey, _Fall] = {}

    def set_device(self, device_id: str, power_w: float | None, at: datetime) -> None:
        """Take what a controllable device draws that is led elsewhere, in W; None while it is not known."""
        if power_w is None or not math.isfinite(power_w):
            self._devices.pop(device_id, None)
        else:
            self._devices[device_id] = (power_w, at)

    def measured(self, decision: Decision | None, signal_at: datetime | None, now: datetime) -> Measured:
        """Return what tells whether chargers obey, by the newest decision."""
        others_w = self._others(now)
        if decision is None:
            return Measured(others_w=others_w)
        self.watch(decision, now)
        known = dict(self._evses())
        return Measured(
            told_w={key: self._told_w(decision, key) for key in decision.setpoints},
            drawn_w={
                key: power_w
                for key in decision.setpoints
                if key in known and (power_w := self._settled_power(key, known[key], now)) is not None
            },
            commanded_at=None if signal_at is None else self._commanded_at(decision, signal_at, now),
            others_w=others_w,
            phases={key: self._phases(decision, key) for key in decision.setpoints},
        )

    def powers(self, own_power: OwnPower, now: datetime, *, settled: bool) -> MeasuredPowers:
        """Return the powers that a limit is judged by; `own_power` is what may be used on top of it.

        With `settled` a reading from before a charger could follow what it was told is none.
        """
        flows = site_flows(self._config(), self._measured, now)
        read = self._settled_power if settled else self._power
        drawn = {key: read(key, evse, now) for key, evse in self._evses()}
        known = {key: power_w for key, power_w in drawn.items() if power_w is not None}
        if len(known) != len(drawn):
            return MeasuredPowers(flows.grid_w, evses=known)
        chargers_w, battery_w = sum(known.values()), flows.battery_w or 0.0
        whole_w = chargers_w + sum(self._others(now).values()) + max(0.0, -battery_w)
        controllable_w: float | None = whole_w
        if own_power is OwnPower.BEFORE_OTHER_LOAD and flows.pv_w is not None:
            controllable_w = max(0.0, whole_w - max(0.0, flows.pv_w) - max(0.0, battery_w))
        elif own_power is not OwnPower.NOT_COUNTED and flows.grid_w is not None:
            # What others leave of PV and batteries is what these devices draw beyond what the grid gives.
            controllable_w = min(whole_w, max(0.0, flows.grid_w))
        return MeasuredPowers(flows.grid_w, chargers_w, controllable_w, known)

    def set_points(self, decision: Decision | None) -> tuple[GridSetPoint, ...]:
        """Return what each EVSE is told by a decision."""
        if decision is None:
            return ()
        return tuple(
            GridSetPoint(
                evse=key,
                current_a=one.current_a,
                phases=self._phases(decision, key),
                power_w=self._told_w(decision, key),
            )
            for key, one in sorted(decision.setpoints.items())
        )

    def charging(self) -> dict[EvseKey, datetime | None]:
        """Return when each EVSE with a running transaction was measured last, of those whose station is connected."""
        return {
            key: evse.measured_at
            for key, evse in self._evses()
            if evse.transaction is not None and self._csms.stations[key.station_id].state.connected
        }

    def _others(self, now: datetime) -> dict[str, float]:
        return {name: power_w for name, (power_w, at) in self._devices.items() if elapsed_s(at, now) <= DEVICE_VALID_S}

    def _evses(self) -> Iterable[tuple[EvseKey, EvseState]]:
        for station_id, station in self._csms.stations.items():
            for evse_id, evse in station.state.evses.items():
                yield EvseKey(station_id, evse_id), evse

    def _phases(self, decision: Decision, key: EvseKey) -> int:
        """Return how many phases an EVSE loads: those that its car was seen to use, else all that it has."""
        used = decision.phases_in_use.get(key)
        if used:
            return len(used)
        station = self._csms.stations.get(key.station_id)
        return 3 if station is None else station.config.phases

    def _told_w(self, decision: Decision, key: EvseKey) -> float:
        return decision.setpoints[key].current_a * NOMINAL_VOLTAGE_V * self._phases(decision, key)

    def watch(self, decision: Decision | None, now: datetime) -> None:
        """Remember when an EVSE was told less, and when its station took that."""
        if decision is None:
            return
        # Else no reading would be late enough to tell anything until the old time has come again.
        self._fell = {
            key: replace(fell, at=now) if is_ahead(fell.at, now) else fell for key, fell in self._fell.items()
        }
        known = dict(self._evses())
        for key, setpoint in decision.setpoints.items():
            evse = known.get(key)
            applied_a = None if evse is None or evse.applied is None else evse.applied.current_a
            told_a, before_a = self._told.get(key, (setpoint.current_a, applied_a))
            if setpoint.current_a < told_a or (applied_a is not None and before_a is not None and applied_a < before_a):
                self._fell[key] = _Fall(now, self._told_w(decision, key))
            self._told[key] = (setpoint.current_a, applied_a)

    def _power(self, key: EvseKey, evse: EvseState, now: datetime) -> float | None:
        return drawn_power(self._csms.stations[key.station_id].state, evse.evse_id, now)

    def _settled_power(self, key: EvseKey, evse: EvseState, now: datetime) -> float | None:
        """Return what an EVSE draws, None where that was measured before its car could follow, or too long ago.

        A car that was measured at what it is told, after it was told, has followed.
        """
        power_w = self._power(key, evse, now)
        if evse.transaction is None or power_w is None:
            return power_w
        if evse.measured_at is None or elapsed_s(evse.measured_at, now) > MEASUREMENT_VALID_S:
            return None
        fell = self._fell.get(key)
        if fell is None:
            return power_w
        after_s = (evse.measured_at - fell.at).total_seconds()
        follows = after_s > 0 and power_w <= fell.told_w + _STEP_W
        return power_w if follows or after_s >= FOLLOW_S else None

    def _commanded_at(self, decision: Decision, signal_at: datetime, now: datetime) -> datetime | None:
        """Return when the last station took what a signal asks for, None while one has not."""
        if decision.at < signal_at:
            return None
        moments = [decision.at]
        for key, evse in self._evses():
            setpoint, plugged = decision.setpoints.get(key), evse.status is not None and evse.status.plugged
            if setpoint is None or not plugged or not self._csms.stations[key.station_id].state.connected:
                continue
            current_a = commanded_current(evse.applied, now)
            if evse.applied is None or current_a is None or current_a > setpoint.current_a + _STEP_A:
                return None
            moments.append(evse.applied.accepted_at)
        return max(moments)

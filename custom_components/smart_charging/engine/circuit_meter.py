"""A meter at the grid connection or a circuit: its newest plausible reading and how far it can be trusted."""

from collections.abc import Iterable
from datetime import datetime
import math

from .config import Connection
from .control.meter import currents_from_power, is_plausible, judge_quality, signed_currents
from .control.snapshot import MeterSnapshot
from .limit import Limit, LimitUnit
from .model import NOMINAL_VOLTAGE_V, MeterQuality, Phases
from .view import MeterReading

VOLTAGE_RANGE_V = (90.0, 280.0)  # outside of it a voltage reading is not used


class CircuitMeter:
    """Keeps the newest plausible reading; an implausible one changes nothing but its count."""

    def __init__(self) -> None:
        """Begin without any reading."""
        self._newest_good_at: datetime | None = None
        self._available = False
        self._implausible = False
        self._current_a: Phases | None = None
        self._power_w: float | None = None
        self._voltage_v: Phases | None = None
        self.rejected = 0

    def take(self, connection: Connection, reading: MeterReading) -> None:
        """Take a reading from the meter, or the news that it has none."""
        self._available = reading.available
        if not reading.available:
            return
        current_a, power_w = _currents(connection, reading), _power(reading)
        if current_a is None and power_w is None:
            self._available = False
            return
        self._implausible = not is_plausible(connection, power_w, current_a)
        if self._implausible:
            self.rejected += 1
            return
        self._newest_good_at = reading.at
        self._current_a, self._power_w, self._voltage_v = current_a, power_w, reading.voltage_v

    def quality(self, connection: Connection, now: datetime) -> MeterQuality:
        """Return the meter's quality; what only sends nonsense is stale first and lost then."""
        if not connection.has_meter:
            return MeterQuality.ABSENT
        return judge_quality(
            connection, self._newest_good_at, available=self._available and not self._implausible, now=now
        )

    def shown_quality(self, connection: Connection, now: datetime) -> MeterQuality:
        """Return the quality in the words for people: implausible where that is why a meter is not used."""
        quality = self.quality(connection, now)
        return MeterQuality.IMPLAUSIBLE if quality is MeterQuality.STALE and self._implausible else quality

    def snapshot(self, connection: Connection, now: datetime) -> MeterSnapshot:
        """Return what a decision may use now."""
        return MeterSnapshot(self.quality(connection, now), self._current_a, self._power_w, self._voltage_v)

    def overloaded(self, connection: Connection, limits: Iterable[Limit] = ()) -> bool:
        """Return whether more flows by the newest reading than the fuse, a power limit or one of these permits."""
        if not connection.has_meter or self._current_a is None:
            return False
        limits = tuple(limits)
        most_a = [limit.value for limit in limits if limit.unit is LimitUnit.AMPERE]
        most_w = [limit.value for limit in limits if limit.unit is LimitUnit.WATT]
        if connection.power_w is not None:
            most_w.append(connection.power_w)
        if max(self._current_a) > min([connection.fuse_a - connection.margin_a, *most_a]):
            return True
        power_w = self._current_a.total * NOMINAL_VOLTAGE_V if self._power_w is None else self._power_w
        return power_w > min(most_w, default=math.inf)


def _voltages(reading: MeterReading) -> Phases:
    if reading.voltage_v is None:
        return Phases.each(NOMINAL_VOLTAGE_V)
    low, high = VOLTAGE_RANGE_V
    return Phases(*(volts if low <= volts <= high else NOMINAL_VOLTAGE_V for volts in reading.voltage_v))


def _power(reading: MeterReading) -> float | None:
    if reading.power_w is not None:
        return reading.power_w
    if reading.phase_power_w is not None:
        return reading.phase_power_w.total
    return None


def _currents(connection: Connection, reading: MeterReading) -> Phases | None:
    """Return currents in grid order, from the most telling values the meter has."""
    voltage_v = _voltages(reading)
    if reading.phase_power_w is not None:
        power = zip(reading.phase_power_w, voltage_v, strict=True)
        by_power = Phases(*(watts / volts for watts, volts in power))
        if reading.current_a is None:
            return by_power
        # Apparent current heats a fuse; the power only tells its direction.
        directed = zip(reading.current_a, by_power, strict=True)
        return Phases(*(-abs(amps) if active < 0 else abs(amps) for amps, active in directed))
    if reading.current_a is not None:
        return signed_currents(reading.current_a, reading.power_w, voltage_v)
    if reading.power_w is not None:
        return currents_from_power(connection.phases, reading.power_w, voltage_v)
    return None

"""Joins readings of a station into the newest known quantities of an EVSE."""

from collections.abc import Mapping, Sequence
import math

from ..model import NOMINAL_VOLTAGE_V, EvseMeasurement, Measurand, MeterValue, Phases, SampledValue

_SQRT3 = math.sqrt(3)
_LINE_TO_LINE_V = 300.0  # no line-to-neutral voltage of a charger is above this
_PHASE_INDEX = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_PAIR_INDEX = {"L1-L2": 0, "L2-L3": 1, "L3-L1": 2}

# Where a station sends several readings of one quantity at once, the lower rank wins: some add a
# Transaction.Begin reading with register 0 to each periodic one.
_CONTEXT_RANK = {"Sample.Periodic": 0, "Sample.Clock": 0, "Trigger": 0, "Transaction.End": 1, "Other": 2}
_WORST_CONTEXT = 3
_UPSTREAM = frozenset({"Inlet", "EV", "Upstream"})  # measured before or behind the outlet: never instead of it

type _Readings = Mapping[str | None, float]


class MeasurementReader:
    """Follows one EVSE; remembers only which quantities are measured at the outlet."""

    def __init__(self, phases: int, max_current_a: float) -> None:
        """Take the number of phases the station is wired with and its rated current."""
        self._phases = phases
        self._max_current_a = max_current_a
        self._at_outlet: set[Measurand] = set()

    def merge(
        self, previous: EvseMeasurement | None, value: MeterValue, phases_told: int | None = None
    ) -> EvseMeasurement:
        """Return the quantities known after these readings; what they do not name stays as it was.

        `phases_told` is the number of phases that the station accepted to use, None for all it has.
        """
        best = self._best_readings(value.values)
        before = previous if previous is not None else EvseMeasurement(value.time)
        voltage = _voltage(best.get(Measurand.VOLTAGE, {}), self._phases) or before.voltage_v
        power = _total(best.get(Measurand.POWER_IMPORT, {}))
        amps = best.get(Measurand.CURRENT_IMPORT, {})
        current = self._current(amps, power, voltage)
        if (given_w := self._given(best, power, voltage)) > 0:
            current = self._giving(best, current, given_w, phases_told or self._phases, voltage)
            power = -given_w
        elif power is None and current is None and Measurand.POWER_EXPORT in best:
            power = 0.0  # it gives nothing any more
        tells_phases = power is not None or _by_phase(amps, _PHASE_INDEX) is not None
        if power is None and current is not None:
            power = _power(current, voltage)
        energy = _total(best.get(Measurand.ENERGY_IMPORT_REGISTER, {}))
        given = _total(best.get(Measurand.ENERGY_EXPORT_REGISTER, {}))
        soc = _total(best.get(Measurand.SOC, {}))
        temperature = max(best.get(Measurand.TEMPERATURE, {}).values(), default=None)
        offered = self._offered(best, phases_told or self._phases)
        return EvseMeasurement(
            time=value.time,
            power_w=before.power_w if power is None else power,
            current_a=before.current_a if current is None else current,
            phases_told=before.phases_told if current is None else tells_phases,
            voltage_v=voltage,
            energy_wh=before.energy_wh if energy is None else energy,
            offered_a=before.offered_a if offered is None else offered,
            soc_percent=before.soc_percent if soc is None else soc,
            temperature_c=before.temperature_c if temperature is None else temperature,
            given_wh=before.given_wh if given is None else given,
        )

    def _given(self, best: Mapping[Measurand, _Readings], taken_w: float | None, voltage_v: Phases | None) -> float:
        """Return what a car gives back in W, 0 where it takes; stations that tell both ways tell 0 for the other one."""
        told = _total(best.get(Measurand.POWER_EXPORT, {}))
        if told is None:
            amps = _by_phase(best.get(Measurand.CURRENT_EXPORT, {}), _PHASE_INDEX)
            if amps is None or (taken_w or 0.0) > 0:
                return 0.0
            told = _power(amps, voltage_v)
        return max(0.0, abs(told) - max(0.0, taken_w or 0.0))

    def _giving(
        self,
        best: Mapping[Measurand, _Readings],
        taken_a: Phases | None,
        given_w: float,
        phases: int,
        voltage_v: Phases | None,
    ) -> Phases | None:
        """Return the currents of a car that gives: as told apart, else the ones told without a direction, else from power.

        None where the station tells no currents.
        """
        told = _by_phase(best.get(Measurand.CURRENT_EXPORT, {}), _PHASE_INDEX)
        for amps in (told, taken_a):
            if amps is not None and any(amps):
                return Phases(*(-abs(value) for value in amps))
        if taken_a is None:
            return None
        volts = NOMINAL_VOLTAGE_V if voltage_v is None else max(voltage_v) or NOMINAL_VOLTAGE_V
        return Phases.spread(-given_w / volts / phases, tuple(range(phases)))

    def _best_readings(self, values: Sequence[SampledValue]) -> dict[Measurand, dict[str | None, float]]:
        outlet = [value for value in values if value.location not in _UPSTREAM]
        self._at_outlet.update([value.measurand for value in outlet])
        if len(outlet) < len(values):
            values = [value for value in values if not _upstream(value) or value.measurand not in self._at_outlet]
        best: dict[Measurand, dict[str | None, SampledValue]] = {}
        for value in values:
            phases = best.setdefault(value.measurand, {})
            before = phases.setdefault(value.phase, value)
            if before is not value and _rank(value) < _rank(before):
                phases[value.phase] = value
        return {
            measurand: {phase: value.value for phase, value in phases.items()} for measurand, phases in best.items()
        }

    def _current(self, readings: _Readings, power_w: float | None, voltage_v: Phases | None) -> Phases | None:
        by_phase = _by_phase(readings, _PHASE_INDEX)
        if by_phase is not None:
            return by_phase
        if None in readings:
            return self._unphased_current(readings[None], power_w, voltage_v)
        if "N" in readings and self._phases == 1:  # seen on single-phase stations that name only N
            return Phases(readings["N"])
        return None

    def _unphased_current(self, amps: float, power_w: float | None, voltage_v: Phases | None) -> Phases:
        """Decide what a current without a phase means: each phase's in most stations, the sum in a few."""
        if self._phases == 1:
            return Phases(amps)
        if amps > 1.1 * self._max_current_a:
            return Phases.spread(amps / self._phases, tuple(range(self._phases)))
        used = self._phases
        if power_w is not None and amps > 0:
            volts = NOMINAL_VOLTAGE_V if voltage_v is None else max(voltage_v) or NOMINAL_VOLTAGE_V
            used = min(self._phases, max(1, round(power_w / (amps * volts))))
        return Phases.spread(amps, tuple(range(used)))

    def _offered(self, best: Mapping[Measurand, _Readings], phases: int) -> float | None:
        amps = max(best.get(Measurand.CURRENT_OFFERED, {}).values(), default=None)
        if amps is not None:
            return amps
        watts = _total(best.get(Measurand.POWER_OFFERED, {}))
        return None if watts is None else watts / (NOMINAL_VOLTAGE_V * phases)


def _upstream(value: SampledValue) -> bool:
    return value.location in _UPSTREAM and value.measurand is not Measurand.SOC


def _rank(value: SampledValue) -> tuple[bool, int]:
    return _upstream(value), _CONTEXT_RANK.get(value.context, _WORST_CONTEXT)


def _by_phase(readings: _Readings, index: Mapping[str, int]) -> Phases | None:
    values = [0.0, 0.0, 0.0]
    found = False
    for phase, value in readings.items():
        if phase is not None and phase in index:
            values[index[phase]] = value
            found = True
    return Phases(*values) if found else None


def _voltage(readings: _Readings, phases: int) -> Phases | None:
    by_phase = _by_phase(readings, _PHASE_INDEX)
    if by_phase is not None:
        return by_phase
    pairs = _by_phase(readings, _PAIR_INDEX)
    if pairs is not None:
        return Phases(*(value / _SQRT3 for value in pairs))
    if None not in readings:
        return None
    volts = readings[None]
    return Phases.spread(volts / _SQRT3 if volts > _LINE_TO_LINE_V else volts, tuple(range(phases)))


def _total(readings: _Readings) -> float | None:
    """Return the reading without a phase, else the sum over the phases."""
    if None in readings:
        return readings[None]
    by_phase = _by_phase(readings, _PHASE_INDEX)
    return None if by_phase is None else by_phase.total


def _power(current_a: Phases, voltage_v: Phases | None) -> float:
    volts = Phases.each(NOMINAL_VOLTAGE_V) if voltage_v is None else voltage_v
    return sum(amps * (v or NOMINAL_VOLTAGE_V) for amps, v in zip(current_a, volts, strict=True))

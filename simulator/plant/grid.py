"""The grid connection and its meter: voltage, current and power per phase, and the registers."""

from dataclasses import dataclass

from .phases import NOMINAL_VOLTAGE, ZERO, Phases, add, phases


@dataclass(frozen=True, slots=True)
class GridSupply:
    """How stiff the supply is: open voltage in V and line impedance in ohm per phase."""

    voltage: float = NOMINAL_VOLTAGE
    impedance_ohm: float = 0.05
    frequency_hz: float = 50.0


class GridMeter:
    """The meter at the connection or at a circuit; import is positive, registers never fall.

    The totals balance the phases against each other at each moment, as most European meters do; the
    registers per phase do not.
    """

    def __init__(self, supply: GridSupply, *, import_wh: float = 1_000_000.0, export_wh: float = 500_000.0) -> None:
        """Begin with these lifetime totals."""
        self.supply = supply
        self.power_w: Phases = ZERO
        self.voltage: Phases = (supply.voltage, supply.voltage, supply.voltage)
        self.import_wh = import_wh
        self.export_wh = export_wh
        self.phase_import_wh: Phases = phases(import_wh / 3 for _ in range(3))
        self.phase_export_wh: Phases = phases(export_wh / 3 for _ in range(3))

    @property
    def current_a(self) -> Phases:
        """Return the current per phase, negative while exporting."""
        return phases(w / v for w, v in zip(self.power_w, self.voltage, strict=True))

    @property
    def total_w(self) -> float:
        """Return the power over all phases."""
        return sum(self.power_w)

    def advance(self, power_w: Phases, seconds: float, voltage: Phases | None = None) -> None:
        """Carry this power per phase for this long, at the voltage given or that of a line of its own."""
        hours = seconds / 3600
        self.power_w = power_w
        self.import_wh += max(0.0, sum(power_w)) * hours
        self.export_wh += max(0.0, -sum(power_w)) * hours
        self.phase_import_wh = add(self.phase_import_wh, phases(max(0.0, w) * hours for w in power_w))
        self.phase_export_wh = add(self.phase_export_wh, phases(max(0.0, -w) * hours for w in power_w))
        if voltage is not None:
            self.voltage = voltage
            return
        # The voltage of the next step follows this step's current: the loop is too slow to matter.
        drop = phases(self.supply.impedance_ohm * a for a in self.current_a)
        self.voltage = phases(self.supply.voltage - d for d in drop)

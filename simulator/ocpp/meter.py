"""What a connector measures, written as OCPP 1.6 sampled values, with each station's habits."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .connector import Connector
from .json import Json, Payload
from .quirks import Quirks

GLITCH_WH = 4_294_967_295


def timestamp(moment: datetime, quirks: Quirks) -> str:
    """Write a time in UTC with milliseconds, with a zone unless the station leaves it out."""
    moment = moment.astimezone(UTC)
    written = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return written if quirks.times_without_zone else f"{written}Z"


class Register:
    """The energy value as the station tells it, which need not be the meter's."""

    def __init__(self, quirks: Quirks) -> None:
        """Count readings for the quirks that strike each n-th time."""
        self._quirks = quirks
        self._told = 0
        self._last = 0

    def tell(self, reading_wh: int) -> tuple[str, str]:
        """Return the text and unit of this reading."""
        self._told += 1
        quirks = self._quirks
        if quirks.register_glitch_every and self._told % quirks.register_glitch_every == 0:
            reading_wh = GLITCH_WH
        elif quirks.register_dip_every and self._told % quirks.register_dip_every == 0:
            reading_wh = max(0, self._last - 1)
        else:
            self._last = reading_wh
        if quirks.energy_in_kwh:
            return repr(reading_wh * 0.001), "kWh"
        return str(reading_wh), "Wh"


class SampledMeter:
    """Writes the sampled values of one connector."""

    def __init__(self, connector: Connector, quirks: Quirks, phases: int, *, reports_soc: bool) -> None:
        """Measure at this connector on so many phases."""
        self._connector = connector
        self._quirks = quirks
        self._phases = phases
        self._reports_soc = reports_soc
        self._register = Register(quirks)

    def sample(self, measurands: Sequence[str], context: str) -> list[Json]:
        """Return a sampledValue list of these measurands."""
        values: list[Json] = []
        for measurand in measurands:
            for value in self._values(measurand):
                entry: Payload = {"measurand": measurand, "context": context, **value}
                entry["value"] = self._spoil(measurand, str(value["value"]))
                values.append(entry)
        return values

    def _values(self, measurand: str) -> list[Payload]:
        outlet = self._connector.outlet
        match measurand:
            case "Energy.Active.Import.Register":
                value, unit = self._register.tell(self._connector.register_wh())
                return [{"value": value, "unit": unit, "location": "Outlet"}]
            case "Current.Import":
                return self._per_phase([f"{a:.2f}" for a in outlet.current_a], "A", "")
            case "Voltage":
                return self._per_phase([f"{v:.1f}" for v in outlet.voltage], "V", "-N")
            case "SoC" if self._reports_soc and outlet.car is not None and outlet.plugged:
                return [{"value": f"{100 * outlet.car.state_of_charge:.0f}", "unit": "Percent", "location": "EV"}]
            case _:
                return self._single(measurand)

    def _single(self, measurand: str) -> list[Payload]:
        outlet = self._connector.outlet
        offered_a, phases = outlet.present_offer.current_a, outlet.present_offer.phases
        lie = self._quirks.lying_offered_a
        single: dict[str, Payload] = {
            "Power.Active.Import": {"value": f"{outlet.power_w:.1f}", "unit": "W"},
            "Power.Offered": {"value": f"{offered_a * sum(outlet.voltage[:phases]):.1f}", "unit": "W"},
            "Current.Offered": {"value": f"{offered_a if lie is None else lie:.1f}", "unit": "A"},
            "Frequency": {"value": "50.00"},
            "Temperature": {"value": "31.5", "unit": "Celsius", "location": "Body"},
        }
        return [single[measurand]] if measurand in single else []

    def _per_phase(self, values: Sequence[str], unit: str, suffix: str) -> list[Payload]:
        return [
            {"value": value, "unit": unit, "phase": f"L{n + 1}{suffix}"}
            for n, value in enumerate(values[: self._phases])
        ]

    def _spoil(self, measurand: str, value: str) -> str:
        if self._quirks.empty_values and measurand == "Voltage":
            return ""
        return value.replace(".", ",") if self._quirks.comma_decimals else value


def next_aligned(now: datetime, interval_s: int) -> datetime:
    """Return the next moment that is a multiple of the interval after midnight UTC (ClockAlignedDataInterval)."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = int((now - midnight).total_seconds() // interval_s)
    return midnight + timedelta(seconds=(passed + 1) * interval_s)

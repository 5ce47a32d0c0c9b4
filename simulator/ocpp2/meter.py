"""What an EVSE measures, written as OCPP 2.x meter values, with each station's habits."""

from collections.abc import Sequence
from datetime import UTC, datetime

from simulator.ocpp.json import Json, Payload
from simulator.plant.outlet import Outlet

from .quirks import Quirks2

REGISTER = "Energy.Active.Import.Register"


def timestamp(moment: datetime) -> str:
    """Write a time in UTC with milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class Meter2:
    """Writes the sampled values of one EVSE."""

    def __init__(self, outlet: Outlet, quirks: Quirks2, phases: int, *, reports_soc: bool) -> None:
        """Measure at this outlet on so many phases."""
        self._outlet = outlet
        self._quirks = quirks
        self._phases = phases
        self._reports_soc = reports_soc

    def value(self, measurands: Sequence[str], context: str, at: datetime) -> list[Json]:
        """Return a list of one MeterValueType, or an empty one where nothing is measured."""
        if self._quirks.no_meter_values:
            return []
        sampled: list[Json] = []
        for measurand in measurands:
            for value in self._values(measurand):
                entry: Payload = {"measurand": measurand, "context": context, **value}
                sampled.append(entry)
        return [{"timestamp": timestamp(at), "sampledValue": sampled}] if sampled else []

    def _values(self, measurand: str) -> list[Payload]:
        outlet = self._outlet
        match measurand:
            case "Energy.Active.Import.Register":
                return [{**self._register(), "location": "Outlet"}]
            case "Energy.Active.Export.Register":
                return [{"value": round(outlet.exported_wh, 1), "unitOfMeasure": {"unit": "Wh"}}]
            case "Current.Export":
                return self._per_phase([max(0.0, -current) for current in outlet.current_a], "A", "")
            case "Current.Import":
                return self._per_phase([max(0.0, current) for current in outlet.current_a], "A", "")
            case "Voltage":
                return self._per_phase(outlet.voltage, "V", "-N")
            case "SoC" if self._reports_soc and outlet.car is not None and outlet.plugged:
                soc = round(100 * outlet.car.state_of_charge)
                return [{"value": soc, "unitOfMeasure": {"unit": "Percent"}, "location": "EV"}]
            case _:
                return self._single(measurand)

    def _single(self, measurand: str) -> list[Payload]:
        outlet = self._outlet
        offer = outlet.present_offer
        offered_w = offer.current_a * sum(outlet.voltage[: offer.phases])
        single: dict[str, tuple[float, str]] = {
            "Power.Active.Import": (round(max(0.0, outlet.power_w), 1), "W"),
            "Power.Active.Export": (round(max(0.0, -outlet.power_w), 1), "W"),
            "Power.Offered": (round(offered_w, 1), "W"),
            "Current.Offered": (round(offer.current_a, 1), "A"),
            "Frequency": (50.0, "Hz"),
        }
        if measurand not in single:
            return []
        value, unit = single[measurand]
        return [{"value": value, "unitOfMeasure": {"unit": unit}}]

    def _register(self) -> Payload:
        reading_wh = round(self._outlet.energy_wh, 1)
        if self._quirks.energy_1000_times_too_big:
            return {"value": reading_wh, "unitOfMeasure": {"unit": "kWh"}}
        multiplier = self._quirks.energy_multiplier
        if multiplier is not None:
            return {"value": reading_wh / 10**multiplier, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}
        return {"value": reading_wh, "unitOfMeasure": {"unit": "Wh"}}

    def _per_phase(self, values: Sequence[float], unit: str, suffix: str) -> list[Payload]:
        return [
            {"value": round(value, 2), "unitOfMeasure": {"unit": unit}, "phase": f"L{n + 1}{suffix}"}
            for n, value in enumerate(values[: self._phases])
        ]

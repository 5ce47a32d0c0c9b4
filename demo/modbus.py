"""Home Assistant's own Modbus integration told to read the simulated inverter, meters and battery."""

from dataclasses import dataclass

from simulator.modbus.devices import BATTERY_UNIT, FIRST_CIRCUIT_UNIT, INVERTER_UNIT, METER_UNIT, RELAY_UNIT
from simulator.modbus.sunspec import (
    BASE,
    BASIC_STORAGE,
    BATTERY,
    COMMON,
    MARKER,
    THREE_PHASE_INVERTER,
    WYE_METER,
    Kind,
    Model,
)

from .json import Json

FIRST_MODEL = BASE + len(MARKER) + COMMON.registers
TYPES = {Kind.INT16: "int16", Kind.UINT16: "uint16", Kind.ACC32: "uint32"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One sensor: where its register is, what it measures and how often it is read."""

    name: str
    unit: int
    model: Model
    point: str
    measures: str  # a sensor device class
    first: int = FIRST_MODEL  # address of the model's header
    scale: float = 1.0  # the scale factors of the simulated devices never change
    every_s: int = 1

    @property
    def entity_id(self) -> str:
        """Return the id that Home Assistant makes of the name."""
        return f"sensor.{self.name.lower().replace(' ', '_')}"


def _phases(name: str, unit: int) -> tuple[Reading, ...]:
    return tuple(
        Reading(f"{name} L{n}", unit, WYE_METER, f"Wph{letter}", "power") for n, letter in enumerate("ABC", start=1)
    )


GRID_POWER = Reading("Grid power", METER_UNIT, WYE_METER, "W", "power")
GRID_PHASES = _phases(GRID_POWER.name, METER_UNIT)
GARAGE_POWER = Reading("Garage power", FIRST_CIRCUIT_UNIT, WYE_METER, "W", "power")
GARAGE_PHASES = _phases(GARAGE_POWER.name, FIRST_CIRCUIT_UNIT)
GRID_IMPORT = Reading("Grid import", METER_UNIT, WYE_METER, "TotWhImp", "energy", every_s=10)
GRID_EXPORT = Reading("Grid export", METER_UNIT, WYE_METER, "TotWhExp", "energy", every_s=10)
SOLAR_POWER = Reading("Solar power", INVERTER_UNIT, THREE_PHASE_INVERTER, "W", "power")
SOLAR_ENERGY = Reading("Solar energy", INVERTER_UNIT, THREE_PHASE_INVERTER, "WH", "energy", every_s=10)
AFTER_STORAGE = FIRST_MODEL + BASIC_STORAGE.registers
BATTERY_POWER = Reading("Home battery power", BATTERY_UNIT, BATTERY, "W", "power", first=AFTER_STORAGE, every_s=2)
BATTERY_CHARGE = Reading(
    "Home battery charge", BATTERY_UNIT, BATTERY, "SoC", "battery", first=AFTER_STORAGE, scale=0.01, every_s=10
)
SITE = (
    GRID_POWER, *GRID_PHASES, GRID_IMPORT, GRID_EXPORT, GARAGE_POWER, *GARAGE_PHASES, SOLAR_POWER, SOLAR_ENERGY,
)  # fmt: skip
HOME_BATTERY = (BATTERY_POWER, BATTERY_CHARGE)

RELAY_NAME = "Grid relay"
RELAY_ENTITY = "binary_sensor.grid_relay"

UNITS = {"power": "W", "energy": "Wh", "battery": "%"}
STATE_CLASSES = {"power": "measurement", "energy": "total_increasing", "battery": "measurement"}


def hubs(port: int, *, battery: bool) -> list[Json]:
    """Return the content of the `modbus:` key for the simulator on this port."""
    sensors: list[Json] = [_sensor(reading) for reading in SITE + (HOME_BATTERY if battery else ())]
    hub: dict[str, Json] = {"name": "simulator", "type": "tcp", "host": "127.0.0.1", "port": port, "timeout": 1}
    return [hub | {"sensors": sensors, "binary_sensors": [_relay()]}]


def _relay() -> Json:
    return {
        "name": RELAY_NAME,
        "unique_id": "grid_relay",
        "slave": RELAY_UNIT,
        "address": BASE,
        "input_type": "holding",
        "scan_interval": 1,
    }


def _sensor(reading: Reading) -> Json:
    point = next(point for point in reading.model.points if point.name == reading.point)
    return {
        "name": reading.name,
        "unique_id": reading.entity_id.removeprefix("sensor."),
        "slave": reading.unit,
        "address": reading.first + point.offset,
        "input_type": "holding",
        "data_type": TYPES[point.kind],
        "scale": reading.scale,
        "precision": 0 if reading.scale == 1.0 else 1,
        "scan_interval": reading.every_s,
        "device_class": reading.measures,
        "state_class": STATE_CLASSES[reading.measures],
        "unit_of_measurement": UNITS[reading.measures],
    }

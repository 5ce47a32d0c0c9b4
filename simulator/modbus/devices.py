"""What inverter, meter and battery show of the plant in their SunSpec models."""

from simulator.plant.battery import Battery
from simulator.plant.grid import GridMeter
from simulator.plant.phases import balanced, phases
from simulator.plant.relay import GridRelay
from simulator.plant.site import Plant

from .sunspec import BASIC_STORAGE, BATTERY, COMMON, THREE_PHASE_INVERTER, WYE_METER, Model, Values, image

INVERTER_UNIT, METER_UNIT, BATTERY_UNIT, FIRST_CIRCUIT_UNIT, RELAY_UNIT = 1, 2, 3, 11, 21

SLEEPING, MPPT = 2, 4
EMPTY, DISCHARGING, CHARGING, FULL, HOLDING = 2, 3, 4, 5, 6
LITHIUM_ION, CONNECTED, LOCAL = 4, 3, 1
BATTERY_VOLTAGE = 400.0


def _common(model: str, unit: int) -> tuple[Model, Values]:
    return COMMON, {"Mn": "Simulated", "Md": model, "Vr": "1.0", "SN": f"SIM-{model}-{unit}", "DA": unit}


def inverter(plant: Plant) -> list[int]:
    """Return the registers of the photovoltaic inverter."""
    power = plant.photovoltaics.power_w
    volts = plant.grid.voltage
    amps = phases(w / v for w, v in zip(balanced(power), volts, strict=True))
    values: dict[str, float | str] = {
        "A": sum(amps),
        **dict(zip(("AphA", "AphB", "AphC"), amps, strict=True)),
        "A_SF": -2,
        **dict(zip(("PhVphA", "PhVphB", "PhVphC"), volts, strict=True)),
        "V_SF": -1,
        "W": power,
        "W_SF": 0,
        "Hz": plant.grid.supply.frequency_hz,
        "Hz_SF": -2,
        "WH": plant.photovoltaics.energy_wh,
        "WH_SF": 0,
        "DCW": power / 0.97,
        "DCW_SF": 0,
        "TmpCab": 38.5,
        "Tmp_SF": -1,
        "St": MPPT if power > 0 else SLEEPING,
        "Evt1": 0,
        "Evt2": 0,
    }
    return image([_common("Inverter", INVERTER_UNIT), (THREE_PHASE_INVERTER, values)])


def meter(grid: GridMeter, unit: int = METER_UNIT) -> list[int]:
    """Return the registers of the meter at the grid connection or at a circuit; import is positive."""
    letters = "ABC"
    values: dict[str, float | str] = {
        "A": sum(grid.current_a),
        "A_SF": -2,
        "PhV": sum(grid.voltage) / 3,
        "V_SF": -1,
        "Hz": grid.supply.frequency_hz,
        "Hz_SF": -2,
        "W": grid.total_w,
        "W_SF": 0,
        "TotWhImp": grid.import_wh,
        "TotWhExp": grid.export_wh,
        "TotWh_SF": 0,
        "Evt": 0,
    }
    for n, letter in enumerate(letters):
        values[f"Aph{letter}"] = grid.current_a[n]
        values[f"PhVph{letter}"] = grid.voltage[n]
        values[f"Wph{letter}"] = grid.power_w[n]
        values[f"TotWhImpPh{letter}"] = grid.phase_import_wh[n]
        values[f"TotWhExpPh{letter}"] = grid.phase_export_wh[n]
    return image([_common("Meter", unit), (WYE_METER, values)])


def battery(own: Battery) -> list[int]:
    """Return the registers of the home battery; discharging is positive."""
    rating = own.rating
    percent = 100 * own.state_of_charge
    state = _charge_state(own)
    storage: dict[str, float | str] = {
        "WChaMax": rating.max_charge_w,
        "WChaMax_SF": 0,
        "WChaGra": 100,
        "WDisChaGra": 100,
        "WChaDisChaGra_SF": 0,
        "StorCtl_Mod": 0,
        "MinRsvPct": 100 * rating.reserve,
        "MinRsvPct_SF": -1,
        "ChaState": percent,
        "ChaState_SF": -2,
        "ChaSt": state,
    }
    bank: dict[str, float | str] = {
        "AHRtg": rating.capacity_wh / BATTERY_VOLTAGE,
        "AHRtg_SF": 0,
        "WHRtg": rating.capacity_wh,
        "WHRtg_SF": 1,
        "WChaRteMax": rating.max_charge_w,
        "WDisChaRteMax": rating.max_discharge_w,
        "WChaDisChaMax_SF": 0,
        "SoCMax": 100,
        "SoCMin": 0,
        "SoCRsvMin": 100 * rating.reserve,
        "SoC": percent,
        "SoC_SF": -2,
        "SoH": 99,
        "SoH_SF": 0,
        "ChaSt": state,
        "LocRemCtl": LOCAL,
        "Typ": LITHIUM_ION,
        "State": CONNECTED,
        "Evt1": 0,
        "V": BATTERY_VOLTAGE,
        "V_SF": -1,
        "A": own.power_w / BATTERY_VOLTAGE,
        "A_SF": -2,
        "W": own.power_w,
        "W_SF": 0,
        "SetOp": 1,
        "SetInvState": 1,
    }
    return image([_common("Battery", BATTERY_UNIT), (BASIC_STORAGE, storage), (BATTERY, bank)])


def relay(own: GridRelay) -> list[int]:
    """Return the one register of the input module that the grid operator's relay is wired to: 1 while it is closed."""
    return [int(own.closed)]


def _charge_state(own: Battery) -> int:
    if abs(own.power_w) >= 1.0:
        return DISCHARGING if own.power_w > 0 else CHARGING
    if own.state_of_charge >= 0.999:
        return FULL
    return EMPTY if own.state_of_charge <= own.rating.reserve + 0.001 else HOLDING

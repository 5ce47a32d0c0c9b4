"""What a car that can give energy back tells when it is plugged in (ISO 15118-20, as OCPP 2.1 K15 passes it on)."""

from typing import TYPE_CHECKING

from simulator.ocpp.json import Payload
from simulator.plant.phases import NOMINAL_VOLTAGE

from .evse import Evse

if TYPE_CHECKING:
    from .station import SimulatedStation2


def tell_needs(station: SimulatedStation2, evse: Evse) -> None:
    """Tell what the car could take and give, where station and car can do both."""
    car = evse.outlet.car
    if not station.options.two_way or car is None or not car.model.discharge_a or not station.online:
        return
    phases = min(station.options.phases, car.model.phases)
    powers: Payload = {
        "maxChargePower": car.model.max_a * NOMINAL_VOLTAGE * phases,
        "maxDischargePower": car.model.discharge_a * NOMINAL_VOLTAGE * phases,
    }
    needs: Payload = {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": powers}
    station.send("NotifyEVChargingNeeds", {"evseId": evse.evse_id, "chargingNeeds": needs})

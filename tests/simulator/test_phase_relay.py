"""A station that switches phases does so without a current; others accept, refuse or pretend."""

from typing import Any

import pytest

from simulator.ocpp.quirks import Quirks
from simulator.plant.car import Car, CarModel

from .virtual_site import VirtualSite, virtual_site


def limit(current_a: float, phases: int | None) -> dict[str, Any]:
    period: dict[str, Any] = {"startPeriod": 0, "limit": current_a}
    if phases is not None:
        period["numberPhases"] = phases
    return {
        "chargingProfileId": 1,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }


async def charge(virtual: VirtualSite) -> None:
    virtual.station.plug(True)
    await virtual.until(lambda: virtual.connector.outlet.current_a == (16.0, 16.0, 16.0))


async def tell(virtual: VirtualSite, current_a: float, phases: int | None) -> str:
    answer = await virtual.call("SetChargingProfile", connectorId=1, csChargingProfiles=limit(current_a, phases))
    return str(answer["status"])


async def test_a_change_under_load_pauses_the_car_before_the_relay_moves() -> None:
    async with virtual_site(switches_phases=True, switch_pause_s=6.0) as virtual:
        await charge(virtual)
        outlet = virtual.connector.outlet
        assert await tell(virtual, 10.0, 1) == "Accepted"
        await virtual.pass_time(5)
        assert outlet.current_a == (0.0, 0.0, 0.0)
        assert virtual.connector.relay.phases == 3
        await virtual.pass_time(5)
        assert outlet.current_a == (10.0, 0.0, 0.0)
        assert await tell(virtual, 10.0, 3) == "Accepted"
        await virtual.until(lambda: outlet.current_a == (10.0, 10.0, 10.0))
        assert virtual.connector.relay.switches == 2


async def test_a_wish_that_is_taken_back_in_time_moves_no_relay() -> None:
    async with virtual_site(switches_phases=True, switch_pause_s=10.0) as virtual:
        await charge(virtual)
        await tell(virtual, 10.0, 1)
        await virtual.pass_time(5)
        await tell(virtual, 10.0, 3)
        await virtual.pass_time(10)
        assert virtual.connector.outlet.current_a == (10.0, 10.0, 10.0)
        assert virtual.connector.relay.switches == 0


@pytest.mark.parametrize(
    ("options", "told"), [({}, 3), ({"switches_phases": True, "quirks": Quirks(ignores_number_of_phases=True)}, 1)]
)
async def test_a_station_may_accept_a_number_of_phases_and_stay_on_all(options: dict[str, Any], told: int) -> None:
    async with virtual_site(**options) as virtual:
        await charge(virtual)
        assert await tell(virtual, 10.0, 1) == "Accepted"
        await virtual.pass_time(20)
        assert virtual.connector.outlet.current_a == (10.0, 10.0, 10.0)
        schedule = await virtual.call("GetCompositeSchedule", connectorId=1, duration=60)
        assert schedule["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] == told


async def test_a_station_may_refuse_any_number_of_phases() -> None:
    async with virtual_site(quirks=Quirks(rejects_number_of_phases=True)) as virtual:
        await charge(virtual)
        assert await tell(virtual, 10.0, 3) == "Rejected"
        assert await tell(virtual, 10.0, None) == "Accepted"


async def test_a_car_of_two_phases_uses_two_of_three() -> None:
    async with virtual_site(Car(CarModel(phases=2))) as virtual:
        virtual.station.plug(True)
        await virtual.until(lambda: virtual.connector.outlet.current_a == (16.0, 16.0, 0.0))


async def test_the_cars_charge_is_told_by_a_station_that_knows_it() -> None:
    async with virtual_site(Car(state_of_charge=0.42), reports_soc=True) as virtual:
        virtual.station.plug(True)
        message = await virtual.heard("MeterValues")
        told = {value["measurand"]: value["value"] for value in message["meterValue"][0]["sampledValue"]}
        assert told["SoC"] == "42"

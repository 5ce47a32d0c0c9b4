"""Another process can act on the site and read the truth."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator.control_api import ControlApi
from simulator.modbus.server import ModbusDevices
from simulator.ocpp.options import StartMode
from simulator.plant.battery import Battery, BatteryRating
from simulator.plant.circuit import Circuit
from simulator.plant.contactor import Contactor
from simulator.plant.outlet import Wiring
from simulator.simulated_site import Premises

from .virtual_site import VirtualSite, virtual_site


class Remote:
    """A client of the control interface."""

    def __init__(self, virtual: VirtualSite, session: ClientSession, base: str) -> None:
        self.virtual, self._session, self._base = virtual, session, base

    async def state(self) -> dict[str, Any]:
        async with self._session.get(f"{self._base}/state") as response:
            assert response.status == 200
            return await response.json()

    async def connector(self) -> dict[str, Any]:
        return (await self.state())["stations"]["SIM-1"]["connectors"]["1"]

    async def post(self, path: str, body: Any) -> int:
        async with self._session.post(f"{self._base}{path}", json=body) as response:
            return response.status


@asynccontextmanager
async def remote(**options: Any) -> AsyncGenerator[Remote]:
    async with virtual_site(**options) as virtual:
        modbus = ModbusDevices(virtual.site.plant, virtual.clock)
        control = ControlApi(virtual.site, modbus)
        port = await control.start(0)
        async with ClientSession() as session:
            yield Remote(virtual, session, f"http://127.0.0.1:{port}")
        await control.stop()


async def test_house_and_sun_are_held_and_released() -> None:
    async with remote() as own:
        assert await own.post("/house", {"phases_w": [100, 200, 300]}) == 200
        assert await own.post("/pv", {"power_w": 900}) == 200
        await own.virtual.pass_time(1)
        state = await own.state()
        assert state["house_w"] == [100, 200, 300]
        assert state["grid"]["phase_power_w"] == pytest.approx([-200, -100, 0])
        assert await own.post("/pv", {"power_w": None}) == 200
        await own.virtual.pass_time(1)
        assert (await own.state())["pv_w"] == 0.0


async def test_the_meter_goes_and_comes() -> None:
    async with remote() as own:
        for online in (False, True):
            await own.post("/meter", {"online": online})
            assert (await own.state())["meter_online"] is online


async def test_the_grid_operators_relay_closes_and_opens() -> None:
    async with remote() as own:
        for closed in (True, False):
            assert await own.post("/relay", {"closed": closed}) == 200
            assert (await own.state())["relay_closed"] is closed


async def test_a_car_is_plugged_in_and_its_energy_read_to_fractions_of_a_wh() -> None:
    async with remote() as own:
        await own.post("/stations/SIM-1", {"plug": True})
        await own.virtual.until(lambda: own.virtual.connector.status == "Charging")
        await own.virtual.pass_time(10)
        connector = await own.connector()
        assert connector["status"] == "Charging"
        assert connector["current_a"] == [16, 16, 16]
        assert connector["register_wh"] == own.virtual.connector.outlet.energy_wh
        assert connector["transaction"]["id"] == 101
        await own.post("/stations/SIM-1", {"plug": False})
        assert (await own.connector())["transaction"] is None


async def test_tags_and_faults_are_presented() -> None:
    async with remote(start_mode=StartMode.TAG) as own:
        await own.virtual.heard("StatusNotification", 2)
        await own.post("/stations/SIM-1", {"plug": True, "tag": "04A1", "connector": 1})
        assert (await own.virtual.heard("StartTransaction"))["idTag"] == "04A1"
        await own.post("/stations/SIM-1", {"fault": "GroundFailure"})
        assert (await own.connector())["status"] == "Faulted"
        await own.virtual.until(lambda: own.virtual.central.of("StatusNotification")[-1]["status"] == "Faulted")
        assert own.virtual.central.of("StatusNotification")[-1]["errorCode"] == "GroundFailure"


async def test_connections_hang_end_and_come_back() -> None:
    async with remote() as own:
        await own.virtual.heard("StatusNotification", 2)
        for number, end in enumerate(("hang", "disconnect"), start=2):
            assert await own.post("/stations/SIM-1", {"plug": end}) == 200
            await own.virtual.pass_time(2)
            assert await own.post("/stations/SIM-1", {"plug": "reconnect"}) == 200
            await own.virtual.heard("BootNotification", number)
        assert await own.post("/stations/SIM-1", {"reboot": True}) == 200
        await own.virtual.heard("BootNotification", 4)
        assert (await own.state())["stations"]["SIM-1"]["connections"] == 4


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/house", {"phases_w": [1, 2]}, 400),
        ("/house", [1, 2, 3], 400),
        ("/pv", {"power_w": "much"}, 400),
        ("/stations/SIM-1", {"plug": "sideways"}, 400),
        ("/stations/SIM-1", {"plug": True, "connector": 7}, 400),
        ("/stations/SIM-9", {"plug": True}, 404),
    ],
)
async def test_what_can_not_be_done_is_refused(path: str, body: Any, status: int) -> None:
    async with remote() as own:
        assert await own.post(path, body) == status


@asynccontextmanager
async def equipped() -> AsyncGenerator[Remote]:
    """A site with a battery, a circuit and a contactor before the station's outlet."""
    premises = Premises(battery=Battery(BatteryRating(), 0.5), circuits=[Circuit("garage")])
    wiring = {("SIM-1", 1): Wiring(circuit_id="garage", contactor=Contactor())}
    async with remote(premises=premises, wiring=wiring) as own:
        yield own


async def test_the_battery_is_told_what_to_do() -> None:
    async with equipped() as own:
        assert await own.post("/battery", {"mode": "discharge", "power_w": 1500}) == 200
        await own.virtual.pass_time(20)
        battery = (await own.state())["battery"]
        assert (battery["mode"], battery["told_w"]) == ("discharge", 1500.0)
        assert battery["power_w"] == pytest.approx(1500.0, abs=1.0)
        assert await own.post("/battery", {"obeys": False}) == 200
        await own.virtual.pass_time(20)
        assert (await own.state())["battery"]["power_w"] == pytest.approx(0.0, abs=1.0)


async def test_a_circuits_load_is_held_and_its_meter_read() -> None:
    async with equipped() as own:
        assert await own.post("/circuits/garage", {"phases_w": [230, 0, 460]}) == 200
        await own.virtual.pass_time(1)
        garage = (await own.state())["circuits"]["garage"]
        assert garage["current_a"] == pytest.approx([1.0, 0.0, 2.0], abs=0.01)  # the supply sags a little
        assert garage["parent"] == ""
        assert await own.post("/battery", {"mode": "hold"}) == 200
        await own.virtual.pass_time(20)
        assert (await own.state())["grid"]["phase_power_w"] == pytest.approx([230, 0, 460], abs=0.1)


async def test_a_contactor_is_switched_and_shown() -> None:
    async with equipped() as own:
        await own.post("/stations/SIM-1", {"plug": True})
        await own.virtual.until(lambda: own.virtual.connector.outlet.current_a == (16.0, 16.0, 16.0))
        assert await own.post("/stations/SIM-1", {"contactor": 1}) == 200
        await own.virtual.pass_time(1)
        connector = await own.connector()
        assert connector["contactor"] == {"phases": 1, "switches": 1, "switched_under_load": 1}
        assert connector["current_a"] == [16, 0, 0]
        assert connector["circuit"] == "garage"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/battery", {"mode": "sideways"}, 400),
        ("/battery", {"mode": "charge", "power_w": -1}, 400),
        ("/circuits/attic", {"phases_w": None}, 404),
        ("/stations/SIM-1", {"contactor": 2}, 400),
        ("/stations/SIM-1", {"contactor": True}, 400),
    ],
)
async def test_what_the_equipment_can_not_do_is_refused(path: str, body: Any, status: int) -> None:
    async with equipped() as own:
        assert await own.post(path, body) == status


async def test_equipment_that_is_not_there_is_not_found() -> None:
    async with remote() as own:
        assert await own.post("/battery", {"mode": "hold"}) == 404
        assert await own.post("/stations/SIM-1", {"contactor": 1}) == 400
        state = await own.state()
        assert (state["battery"], state["circuits"]) == (None, {})

"""The simulator as the demo runs it: its process, and the truth and the levers behind its control port."""

from collections.abc import Mapping
from pathlib import Path
import sys

import aiohttp

from .json import Json, as_object
from .process import ChildProcess

STATION_PREFIX = "SIM"
GARAGE = "garage"  # the circuit that the last station hangs on
SKY = 367  # clear for five minutes, then a dark cloud of three, then mostly clear


class SimulatorError(Exception):
    """The simulator refused what it was told."""


class SimulatedSite:
    """House, sun, meter and charging stations in a process of their own; cars come when told."""

    def __init__(self, log: Path, *, stations: int, ocpp_port: int, modbus_port: int, control_port: int) -> None:
        """Describe the site; nothing starts yet. All ports are on 127.0.0.1."""
        self.stations = tuple(f"{STATION_PREFIX}-{number}" for number in range(1, stations + 1))
        self.control_url = f"http://127.0.0.1:{control_port}"
        options = {
            "--stations": stations,
            "--station-prefix": STATION_PREFIX,
            "--seed": SKY,
            "--ocpp": f"ws://127.0.0.1:{ocpp_port}",
            "--modbus-port": modbus_port,
            "--control-port": control_port,
            "--plug-after": -1,
            "--circuit": GARAGE,
            "--protocol": "ocpp1.6,ocpp2.0.1",
        }
        command = [sys.executable, "-m", "simulator", *(f"{name}={value}" for name, value in options.items())]
        command.append("--switch-phases")
        self.process = ChildProcess("the simulator", command, log)

    async def state(self) -> dict[str, Json]:
        """Return the whole truth about the simulated site."""
        return as_object(await self._ask("GET", "/state"))

    async def hold_house(self, l1_w: float, l2_w: float, l3_w: float) -> None:
        """Let the house draw this much on each phase from now on."""
        await self._ask("POST", "/house", {"phases_w": [l1_w, l2_w, l3_w]})

    async def hold_garage(self, l1_w: float, l2_w: float, l3_w: float) -> None:
        """Let the garage draw this much on each phase from now on, besides its charger."""
        await self._ask("POST", f"/circuits/{GARAGE}", {"phases_w": [l1_w, l2_w, l3_w]})

    async def hold_sun(self, power_w: float) -> None:
        """Let the PV system yield this much from now on."""
        await self._ask("POST", "/pv", {"power_w": power_w})

    async def connect_meter(self, *, online: bool) -> None:
        """Plug the meter in or pull it out; without it nothing answers at its Modbus address."""
        await self._ask("POST", "/meter", {"online": online})

    async def close_relay(self, *, closed: bool) -> None:
        """Let the grid operator's relay close, or open."""
        await self._ask("POST", "/relay", {"closed": closed})

    async def tell(self, station_id: str, **acts: Json) -> None:
        """Let a station or its driver do something: plug, hang, disconnect, reconnect, reboot."""
        await self._ask("POST", f"/stations/{station_id}", acts)

    async def dial_now(self) -> None:
        """Let every station that is not connected dial without waiting for its next try."""
        stations = as_object((await self.state())["stations"])
        for station_id in self.stations:
            if not as_object(stations[station_id]).get("online"):
                await self.tell(station_id, reconnect=True)

    async def _ask(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> Json:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, self.control_url + path, json=body) as answer,
        ):
            if answer.status != 200:
                raise SimulatorError(f"{path}: {answer.status} {await answer.text()}")
            content: Json = await answer.json()
            return content

"""The Modbus TCP server: one unit per device, refreshed each second, each able to fall silent."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulator.clock import Clock
from simulator.plant.site import Plant

from . import devices
from .sunspec import BASE

REFRESH_S = 1.0
ALL_OTHER_UNITS = 0


class Unit:
    """One device's registers as of the last full second."""

    def __init__(self, number: int, read: Callable[[], list[int]], clock: Clock) -> None:
        """Take the registers from `read`."""
        self.number = number
        self.online = True
        self._read = read
        self._clock = clock
        self._image = read()
        self._read_at = clock.monotonic()

    def registers(self) -> list[int]:
        """Return the registers, at most a second old."""
        if self._clock.monotonic() - self._read_at >= REFRESH_S:
            self._image = self._read()
            self._read_at = self._clock.monotonic()
        return self._image

    def device(self) -> SimDevice:
        """Return the server's view of this unit."""
        data = SimData(BASE, count=len(self._image), datatype=DataType.REGISTERS, readonly=True)
        return SimDevice(self.number, [data], action=self._serve)

    async def _serve(
        self, code: int, start: int, address: int, count: int, current: list[int], written: object
    ) -> ExcCodes | None:
        del code, start, address, count, written
        if not self.online:
            # The server leaves requests for units it does not know unanswered, as an unplugged device does.
            raise NoSuchIdException(f"unit {self.number} is unplugged")  # type: ignore[no-untyped-call]  # no hints there
        registers = self.registers()
        current[: len(registers)] = registers
        return None


async def _no_such_unit(
    code: int, start: int, address: int, count: int, current: list[int], written: object
) -> ExcCodes | None:
    del code, start, address, count, current, written
    return ExcCodes.GATEWAY_NO_RESPONSE


class ModbusDevices:
    """Inverter (unit 1), meter (2), the grid operator's relay (21) and, where there are any, battery (3) and circuits' meters (11 on)."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        """Show this plant."""
        self.units = {
            devices.INVERTER_UNIT: Unit(devices.INVERTER_UNIT, partial(devices.inverter, plant), clock),
            devices.METER_UNIT: Unit(devices.METER_UNIT, partial(devices.meter, plant.grid), clock),
        }
        if plant.battery is not None:
            read = partial(devices.battery, plant.battery)
            self.units[devices.BATTERY_UNIT] = Unit(devices.BATTERY_UNIT, read, clock)
        for number, circuit in enumerate(plant.tree.circuits.values(), start=devices.FIRST_CIRCUIT_UNIT):
            self.units[number] = Unit(number, partial(devices.meter, circuit.meter, number), clock)
        self.units[devices.RELAY_UNIT] = Unit(devices.RELAY_UNIT, partial(devices.relay, plant.relay), clock)
        self._server: ModbusTcpServer | None = None

    @property
    def meter(self) -> Unit:
        """Return the meter at the grid connection."""
        return self.units[devices.METER_UNIT]

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port; OSError when it is taken."""
        nothing = SimData(0, count=1 << 16, datatype=DataType.REGISTERS)
        others = SimDevice(ALL_OTHER_UNITS, [nothing], action=_no_such_unit)
        context = [others, *(unit.device() for unit in self.units.values())]
        self._server = ModbusTcpServer(context, address=(host, port), ignore_missing_devices=True)
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(f"port {port} is taken") from error
        # What the package calls a transport is the listening server.
        listening = cast(asyncio.Server, self._server.transport)
        return int(listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and drop the clients."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # no hints there
            self._server = None

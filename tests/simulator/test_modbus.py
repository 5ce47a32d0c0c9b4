"""The Modbus server shows the plant in SunSpec models to a real client."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from pymodbus.client import AsyncModbusTcpClient
import pytest

from simulator.modbus.server import ModbusDevices
from simulator.plant.battery import Battery, BatteryRating
from simulator.plant.circuit import Circuit
from simulator.plant.grid import GridSupply
from simulator.plant.house import House
from simulator.plant.site import Plant
from simulator.plant.sun import FixedSun, Photovoltaics
from tests.manual_clock import START, ManualClock

INVERTER, METER, BATTERY, RELAY = 1, 2, 3, 21


class Site:
    """A plant, its server, and a client."""

    def __init__(self, plant: Plant, clock: ManualClock, devices: ModbusDevices, client: AsyncModbusTcpClient) -> None:
        self.plant, self.clock, self.devices, self.client = plant, clock, devices, client

    async def read(self, unit: int, address: int, count: int = 1) -> list[int]:
        answer = await self.client.read_holding_registers(address, count=count, device_id=unit)
        assert not answer.isError(), answer
        return list(answer.registers)

    async def signed(self, unit: int, address: int) -> int:
        (value,) = await self.read(unit, address)
        return value - 0x10000 if value & 0x8000 else value

    async def pass_time(self, seconds: float) -> None:
        self.plant.advance(self.plant.now + timedelta(seconds=seconds))
        await self.clock.advance(seconds)


@asynccontextmanager
async def serving(*, battery: Battery | None = None, circuits: Sequence[Circuit] = ()) -> AsyncGenerator[Site]:
    clock = ManualClock()
    plant = Plant(
        start=START,
        house=House(fixed_w=(1000.0, 2000.0, 0.0)),
        photovoltaics=Photovoltaics(FixedSun(6000.0)),
        outlets=[],
        battery=battery,
        circuits=circuits,
        supply=GridSupply(impedance_ohm=0.0),
    )
    devices = ModbusDevices(plant, clock)
    port = await devices.start("127.0.0.1", 0)
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.3, retries=0)
    await client.connect()
    try:
        yield Site(plant, clock, devices, client)
    finally:
        client.close()
        await devices.stop()


async def test_the_grid_operators_relay_is_one_register() -> None:
    async with serving() as site:
        assert await site.read(RELAY, 40000, 1) == [0]
        site.plant.relay.closed = True
        await site.clock.advance(1.0)
        assert await site.read(RELAY, 40000, 1) == [1]


@pytest.mark.parametrize(
    ("unit", "models"),
    [(INVERTER, [(1, 66), (103, 50)]), (METER, [(1, 66), (203, 105)]), (BATTERY, [(1, 66), (124, 24), (802, 62)])],
)
async def test_a_client_that_walks_the_models_finds_the_marker_each_model_and_the_end(
    unit: int, models: list[tuple[int, int]]
) -> None:
    async with serving(battery=Battery(BatteryRating())) as site:
        assert await site.read(unit, 40000, 2) == [0x5375, 0x6E53]
        address, found = 40002, []
        while (header := await site.read(unit, address, 2))[0] != 0xFFFF:
            found.append((header[0], header[1]))
            address += 2 + header[1]
        assert found == models
        assert header == [0xFFFF, 0]


async def test_the_meter_tells_power_per_phase_with_import_positive() -> None:
    async with serving() as site:
        assert [await site.signed(METER, 40088 + n) for n in range(4)] == [-3000, -1000, 0, -2000]
        assert await site.signed(METER, 40092) == 0
        # Currents in 0.01 A, voltages in 0.1 V
        assert [await site.signed(METER, 40073 + n) for n in range(3)] == [-435, 0, -870]
        assert [await site.signed(METER, 40078 + n) for n in range(3)] == [2300, 2300, 2300]


async def test_registers_follow_the_plant_within_a_second() -> None:
    async with serving() as site:
        high, low = await site.read(METER, 40108, 2)
        await site.pass_time(3600)
        exported = await site.read(METER, 40108, 2)
        assert (exported[0] << 16 | exported[1]) - (high << 16 | low) in {2999, 3000, 3001}
        site.plant.photovoltaics.hold(0.0)
        await site.pass_time(0.5)
        assert await site.signed(METER, 40088) == -3000
        await site.pass_time(0.5)
        assert await site.signed(METER, 40088) == 3000


async def test_the_inverter_tells_its_yield_and_leaves_the_rest_not_implemented() -> None:
    async with serving() as site:
        assert await site.signed(INVERTER, 40084) == 6000
        assert await site.read(INVERTER, 40072, 5) == [2609, 870, 870, 870, 0xFFFE]
        assert await site.read(INVERTER, 40088) == [0x8000]  # apparent power
        assert await site.read(INVERTER, 40108) == [4]  # tracks its maximum power point
        name = await site.read(INVERTER, 40004, 16)
        assert b"".join(word.to_bytes(2) for word in name).rstrip(b"\0") == b"Simulated"


async def test_the_battery_tells_charge_and_power_with_discharge_positive() -> None:
    async with serving(battery=Battery(BatteryRating(max_charge_w=2500), 0.5)) as site:
        await site.pass_time(60)
        assert await site.signed(BATTERY, 40096 + 47) == -2500
        assert await site.read(BATTERY, 40070 + 11) == [4]  # charging
        (soc,) = await site.read(BATTERY, 40096 + 11)
        assert 5000 < soc < 5100  # in 0.01 %


async def test_an_unplugged_meter_is_silent_while_the_others_answer() -> None:
    async with serving() as site:
        site.devices.meter.online = False
        with pytest.raises(Exception, match="No response"):
            await site.client.read_holding_registers(40088, device_id=METER)
        await site.client.connect()
        assert await site.signed(INVERTER, 40084) == 6000
        site.devices.meter.online = True
        assert await site.signed(METER, 40088) == -3000


async def test_a_unit_that_does_not_exist_and_a_register_that_does_not_exist_are_refused() -> None:
    async with serving() as site:
        assert (await site.client.read_holding_registers(40000, device_id=9)).exception_code == 0x0B
        assert (await site.client.read_holding_registers(39000, device_id=METER)).exception_code == 2
        assert (await site.client.write_register(40088, 5, device_id=METER)).isError()


async def test_a_taken_port_is_an_os_error() -> None:
    async with serving() as site:
        port = site.client.comm_params.port
        with pytest.raises(OSError, match="taken"):
            await ModbusDevices(site.plant, site.clock).start("127.0.0.1", port)


async def test_a_circuits_meter_has_a_unit_of_its_own() -> None:
    garage = Circuit("garage", load=House(fixed_w=(0.0, 690.0, 0.0)))
    async with serving(circuits=[garage]) as site:
        await site.pass_time(2)
        assert [await site.signed(11, 40088 + n) for n in range(4)] == [690, 0, 690, 0]
        assert await site.signed(METER, 40088) == 3690 - 6000

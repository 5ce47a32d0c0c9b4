"""`python -m simulator` runs a site and ends cleanly."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import signal
import socket
import sys

from aiohttp import ClientSession
from pymodbus.client import AsyncModbusTcpClient
import pytest

from simulator.demo import DemoOptions, build_site, cars_arrive
from tests.manual_clock import ManualClock

from .small_central_system import SmallCentralSystem


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def process(*arguments: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    own = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield own
    finally:
        if own.returncode is None:
            own.kill()
        await own.communicate()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_line_serves_stations_meters_and_control_and_ends_cleanly(ending: signal.Signals) -> None:
    central = SmallCentralSystem()
    await central.start()
    modbus_port, control_port = free_port(), free_port()
    async with process(
        *("--stations", "2", "--ocpp", central.url, "--station-prefix", "CP"),
        *("--modbus-port", str(modbus_port), "--control-port", str(control_port)),
        *("--sun", "fixed:4000", "--house", "500,0,0", "--plug-after", "0"),
    ) as own:
        await central.until(lambda: len(central.of("BootNotification")) == 2)
        await central.until(lambda: len(central.of("StartTransaction")) == 1)
        async with (
            ClientSession() as session,
            session.get(f"http://127.0.0.1:{control_port}/state") as response,
        ):
            state = await response.json()
        assert list(state["stations"]) == ["CP-1", "CP-2"]
        assert (state["pv_w"], state["house_w"]) == (4000, [500, 0, 0])
        client = AsyncModbusTcpClient("127.0.0.1", port=modbus_port)
        await client.connect()
        assert (await client.read_holding_registers(40084, device_id=1)).registers == [4000]
        client.close()
        own.send_signal(ending)
        async with asyncio.timeout(10):
            _, errors = await own.communicate()
        assert own.returncode == 0
        assert errors == b""
    await central.stop()


async def test_a_taken_port_ends_with_a_reason() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with process("--modbus-port", str(taken.getsockname()[1])) as own:
            async with asyncio.timeout(10):
                _, errors = await own.communicate()
            assert own.returncode == 1
            assert b"Can not listen" in errors


async def test_the_demo_has_sun_now_and_plugs_in_one_car_after_the_other() -> None:
    clock = ManualClock()
    options = DemoOptions(url="ws://127.0.0.1:1", stations=3, battery_wh=5000)
    site = build_site(options, clock)
    arrivals = asyncio.create_task(cars_arrive(site, options))
    plugged = []
    for seconds in (4, 2, 60, 60):
        await clock.advance(seconds)
        plugged.append(sum(s.connectors[1].outlet.plugged for s in site.stations.values()))
    assert plugged == [0, 1, 2, 3]
    site.advance()
    assert site.plant.photovoltaics.power_w > 2000
    assert site.plant.battery is not None
    await arrivals


@pytest.mark.parametrize(
    ("sun", "least", "most"), [("fixed:1234", 1234, 1234), ("real", 0, 9500), ("demo", 2000, 9500)]
)
async def test_the_sun_is_chosen_by_name(sun: str, least: float, most: float) -> None:
    site = build_site(DemoOptions(url="ws://127.0.0.1:1", sun=sun), ManualClock())
    assert least <= site.plant.photovoltaics.power_w <= most


async def test_an_unknown_sun_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sun"):
        build_site(DemoOptions(url="ws://127.0.0.1:1", sun="moon"), ManualClock())


def test_the_last_station_gets_the_circuit_and_the_contactor_that_are_asked_for() -> None:
    options = DemoOptions("ws://127.0.0.1:9", circuit="garage", contactor=True, switches_phases=True, zero_export=True)
    site = build_site(options, ManualClock())
    first, last = (station.connectors[1].outlet.wiring for station in site.stations.values())
    assert (first.circuit_id, first.contactor) == ("", None)
    assert last.circuit_id == "garage"
    assert last.contactor is not None
    assert list(site.plant.tree.circuits) == ["garage"]
    assert site.plant.photovoltaics.zero_export
    assert all(station.options.switches_phases for station in site.stations.values())

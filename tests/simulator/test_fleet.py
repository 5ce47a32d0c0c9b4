"""Many light stations at once, and 2.x stations on the command line and the control interface."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator.__main__ import parse
from simulator.control_api import ControlApi
from simulator.demo import DemoOptions, build_site, cars_arrive
from simulator.fleet import Counts, FleetOptions, run_fleet
from simulator.modbus.server import ModbusDevices
from simulator.ocpp.options import StartMode
from simulator.ocpp2.options import Version
from tests.manual_clock import ManualClock

from .small_central_system import SmallCentralSystem
from .small_central_system2 import SmallCentralSystem2
from .test_command_line import free_port, process
from .virtual_station2 import virtual_station2


@asynccontextmanager
async def fleet(stations: int, seconds: float) -> AsyncGenerator[tuple[SmallCentralSystem, ManualClock, Any]]:
    central, clock = SmallCentralSystem(), ManualClock()
    await central.start()
    options = FleetOptions(central.url, stations, seconds, password="fleet-password-1")
    task = asyncio.create_task(run_fleet(options, clock))
    yield central, clock, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await central.stop()
    assert central.invalid == []


async def settle(clock: ManualClock, seconds: float) -> None:
    for _ in range(int(seconds * 4)):
        await clock.advance(0.25, settle=0.002)


async def test_a_fleet_boots_charges_meters_and_reports() -> None:
    async with fleet(3, 40) as (central, clock, task):
        await settle(clock, 41)
        report = await task
        assert (report["stations"], report["connected"], report["boots"], report["transactions"]) == (3, 3, 3, 3)
        assert (report["meter_values"], report["drops"], report["errors"]) == (9, 0, 0)
        assert report["messages"] == 3 * 5 + 9
        assert report["p50_ms"] <= report["p99_ms"]
        values = central.of("MeterValues")[-1]
        assert len(values["meterValue"][0]["sampledValue"]) == 8
        assert values["transactionId"] in {101, 102, 103}
        credentials = central.credentials[0]
        assert credentials is not None
        assert credentials.password == "fleet-password-1"


async def test_a_fleets_station_answers_commands_and_comes_back_after_a_drop() -> None:
    async with fleet(1, 60) as (central, clock, task):
        central.boot_answers = [{"status": "Pending", "currentTime": "2026-06-01T10:00:00Z", "interval": 1}]
        await settle(clock, 8)
        table = await central.call("GetConfiguration", key=["NumberOfConnectors", "Oven"])
        assert (table["configurationKey"][0]["value"], table["unknownKey"]) == ("1", ["Oven"])
        assert len((await central.call("GetConfiguration"))["configurationKey"]) == 8
        assert await central.call("GetLocalListVersion") == {"listVersion": -1}
        assert await central.call("GetCompositeSchedule", connectorId=1, duration=5) == {"status": "Rejected"}
        assert await central.call("GetDiagnostics", location="http://x") == {}
        assert await central.call("ClearCache") == {"status": "Accepted"}
        before = len(central.heard)
        for message in ("Heartbeat", "StatusNotification", "MeterValues", "DiagnosticsStatusNotification"):
            assert await central.call("TriggerMessage", requestedMessage=message) == {"status": "Accepted"}
        await settle(clock, 1)
        assert central.actions()[before : before + 3] == ["Heartbeat", "StatusNotification", "MeterValues"]
        central.refusals = {"MeterValues": 1}
        await settle(clock, 10)
        await central.drop()
        await settle(clock, 6)
        await central.stop()
        await settle(clock, 40)
        report = await task
        assert report["drops"] == 2
        assert report["failed_dials"] >= 1
        assert report["errors"] == 1
        assert report["commands"] == 10


def test_latencies_are_reported_by_rank() -> None:
    options = FleetOptions("ws://x", 1, 1)
    assert Counts().report(options)["p99_ms"] is None
    report = Counts(latencies=[n / 1000 for n in range(100, 0, -1)]).report(options)
    assert (report["p50_ms"], report["p99_ms"]) == (50.0, 99.0)


async def test_the_command_line_runs_a_fleet_and_prints_one_line() -> None:
    central = SmallCentralSystem()
    await central.start()
    async with process("--fleet", "2", "--seconds", "2", "--ocpp", central.url) as own:
        async with asyncio.timeout(20):
            output, errors = await own.communicate()
    await central.stop()
    assert (own.returncode, errors) == (0, b"")
    assert json.loads(output)["stations"] == 2


@pytest.mark.parametrize("protocol", list(Version))
async def test_the_command_line_runs_stations_of_the_newer_protocols(protocol: Version) -> None:
    central = SmallCentralSystem2(version=protocol)
    await central.start()
    async with process(
        *("--stations", "1", "--ocpp", central.url, "--protocol", protocol, "--plug-after", "0"),
        *("--modbus-port", str(free_port()), "--control-port", "0"),
    ) as own:
        await central.until(lambda: len(central.events("Started")) == 1)
        own.terminate()
        await own.communicate()
    await central.stop()
    assert central.invalid == []


def test_the_command_line_refuses_a_protocol_that_no_station_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--protocol", "ocpp1.6,ocpp9"])
    assert "unknown: ocpp9" in capsys.readouterr().err
    assert parse(["--protocol", "ocpp1.6,ocpp2.1"]).protocol == ["ocpp1.6", "ocpp2.1"]


async def test_cars_arrive_at_stations_of_the_newer_protocols() -> None:
    clock = ManualClock()
    site = build_site(DemoOptions("ws://127.0.0.1:1", protocols=("ocpp2.1",), password="x" * 16), clock)
    arrivals = asyncio.create_task(cars_arrive(site, DemoOptions("ws://127.0.0.1:1")))
    await clock.advance(6)
    assert [s.evses[1].outlet.plugged for s in site.stations2.values()] == [True, False]
    assert [s.network.security_profile for s in site.stations2.values()] == [1, 1]
    await clock.advance(60)
    await arrivals


async def test_the_control_interface_acts_on_stations_of_the_newer_protocols() -> None:
    async with virtual_station2(start_mode=StartMode.TAG) as virtual:
        await virtual.booted()
        control = ControlApi(virtual.site, ModbusDevices(virtual.site.plant, virtual.clock))
        base = f"http://127.0.0.1:{await control.start(0)}"
        async with ClientSession() as session:

            async def post(**body: Any) -> int:
                async with session.post(f"{base}/stations/SIM-1", json=body) as response:
                    return response.status

            async def state() -> dict[str, Any]:
                async with session.get(f"{base}/state") as response:
                    return (await response.json())["stations"]["SIM-1"]

            assert await post(plug=True, tag="04A1", connector=1) == 200
            await virtual.until(lambda: virtual.current_a[0] == 16.0)
            told = await state()
            assert (told["protocol"], told["online"]) == ("ocpp2.0.1", True)
            assert told["connectors"]["1"]["transaction"]["id_tag"] == "04A1"
            assert told["connectors"]["1"]["power_w"] == pytest.approx(11_040)
            assert await post(limit_a=8) == 200
            await virtual.until(lambda: virtual.current_a[0] == 8.0)
            assert (await state())["profiles"][0]["source"] == "EMS"
            assert await post(limit_a=None) == 200
            assert await post(fault="GroundFailure") == 200
            assert (await state())["connectors"]["1"]["status"] == "Faulted"
            assert await post(fault="NoError") == 200
            for end in ("hang", "disconnect"):
                assert await post(plug=end) == 200
                await virtual.pass_time(2)
                assert await post(plug="reconnect") == 200
                await virtual.until(lambda: virtual.station.online)
            assert await post(power=False) == 200
            assert (await state())["connectors"]["1"]["transaction"] is None
            assert await post(power=True) == 200
            await virtual.heard("BootNotification", 2)
            assert await post(reboot=True) == 200
            await virtual.heard("BootNotification", 3)
            assert await post(connector=7, plug=True) == 400
            assert await post(plug="sideways") == 400
        await control.stop()

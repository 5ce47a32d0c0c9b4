"""A simulated site with one OCPP 2.x station under a manual clock, connected to a small central system."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
import time
from typing import Any

from simulator.ocpp2.dialler import Dialler2
from simulator.ocpp2.evse import Evse
from simulator.ocpp2.options import StationOptions2, Version
from simulator.ocpp2.station import SimulatedStation2
from simulator.plant.car import Car, CarModel
from simulator.plant.grid import GridSupply
from simulator.simulated_site import Premises, SimulatedSite
from tests.manual_clock import ManualClock

from .small_central_system2 import Payload, SmallCentralSystem2

PATIENCE_S = 20.0


@dataclass
class VirtualStation2:
    """Everything a test of 2.x stations touches."""

    central: SmallCentralSystem2
    clock: ManualClock
    site: SimulatedSite

    @property
    def station(self) -> SimulatedStation2:
        return next(iter(self.site.stations2.values()))

    @property
    def dialler(self) -> Dialler2:
        return next(iter(self.site.diallers2.values()))

    @property
    def evse(self) -> Evse:
        return self.station.evses[1]

    @property
    def current_a(self) -> tuple[float, float, float]:
        return self.evse.outlet.current_a

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds, settle=0.001)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until the condition holds."""
        patience = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < patience, f"it never happened; heard {self.central.actions()[-12:]}"
            await self.pass_time(0.25)

    async def heard(self, action: str, count: int = 1) -> Payload:
        """Let time pass until the central system heard so many calls of this kind; return the latest."""
        await self.until(lambda: len(self.central.of(action)) >= count)
        return self.central.of(action)[-1]

    async def event(self, kind: str, trigger: str | None = None, count: int = 1) -> Payload:
        """Let time pass until so many such transaction events were heard; return the latest."""

        def found() -> list[Payload]:
            return [e for e in self.central.events(kind) if trigger in (None, e["triggerReason"])]

        await self.until(lambda: len(found()) >= count)
        return found()[-1]

    async def call(self, action: str, **payload: Any) -> Payload:
        return await self.central.call(action, **payload)

    async def status(self, action: str, **payload: Any) -> str:
        """Give a command and return the status of its answer, with the reason code where there is one."""
        answer = await self.call(action, **payload)
        reason = answer.get("statusInfo", {}).get("reasonCode")
        return answer["status"] if reason is None else f"{answer['status']} {reason}"

    async def set(self, component: str, variable: str, value: str, instance: str | None = None) -> str:
        """Set a variable and return the status."""
        name = {"name": variable, **({"instance": instance} if instance else {})}
        data = {"component": {"name": component}, "variable": name, "attributeValue": value}
        answer = await self.call("SetVariables", setVariableData=[data])
        return answer["setVariableResult"][0]["attributeStatus"]

    async def get(self, component: str, variable: str, instance: str | None = None) -> str:
        """Return a variable's value, or the status that says why there is none."""
        name = {"name": variable, **({"instance": instance} if instance else {})}
        data = {"component": {"name": component}, "variable": name}
        answer = (await self.call("GetVariables", getVariableData=[data]))["getVariableResult"][0]
        return answer.get("attributeValue", answer["attributeStatus"])

    async def booted(self) -> None:
        """Let time pass until the station told its status after its boot."""
        action = "StatusNotification" if self.central.version == "ocpp2.0.1" else "NotifyEvent"
        await self.heard(action)

    async def charging(self) -> str:
        """Plug the car in and return the transaction's id once it draws its 16 A."""
        self.station.plug(True)
        await self.until(lambda: max(self.current_a) == 16.0)
        assert self.evse.transaction is not None
        return self.evse.transaction.transaction_id


@asynccontextmanager
async def virtual_station2(
    car: Car | None = None,
    *,
    version: Version = Version.V201,
    central: SmallCentralSystem2 | None = None,
    **options: Any,
) -> AsyncGenerator[VirtualStation2]:
    """Run one station with a car of 16 A on three phases (unless given); every frame must fit its schema."""
    central = central or SmallCentralSystem2()
    central.version = version
    await central.start()
    clock = ManualClock()
    chosen = {"station_id": "SIM-1", "url": central.url, "sample_s": 10, "version": version, **options}
    station = StationOptions2(**chosen)
    site = SimulatedSite(
        [station],
        cars={("SIM-1", n): car or Car(CarModel()) for n in range(1, station.evses + 1)},
        premises=Premises(supply=GridSupply(impedance_ohm=0.0)),
        clock=clock,
    )
    async with site:
        virtual = VirtualStation2(central, clock, site)
        try:
            yield virtual
        finally:
            await central.stop()
    assert central.invalid == []

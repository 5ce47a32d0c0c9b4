"""An OpenADR server on a port of this host, and VENs that ask it."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from custom_components.smart_charging.engine.grid.openadr_config import ClientCredentials, VenConfig
from custom_components.smart_charging.engine.grid.openadr_reports import Figures
from custom_components.smart_charging.engine.grid.openadr_runner import VenRunner
from custom_components.smart_charging.engine.grid.openadr_values import Addressee, OpenAdrVersion
from custom_components.smart_charging.engine.grid.openadr_ven import Ven, VenState
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

ADDRESSEE = Addressee(ven_name="home")
SECRET = "s3cret-of-the-ven"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["3.0.1", "3.1.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def vtn(socket_enabled: None, version: str) -> AsyncGenerator[Vtn]:
    vtn = Vtn(version=version)
    await vtn.start()
    yield vtn
    await vtn.stop()


def config_for(vtn: Vtn, **more: object) -> VenConfig:
    """Return how this server is reached, with its login if it wants one."""
    settings: dict[str, object] = {
        "vtn_url": vtn.url,
        "addressee": Addressee(ven_name="home", resources={"wallbox": None}),
        "version": OpenAdrVersion.V3_0_1 if vtn.version == "3.0.1" else OpenAdrVersion.V3_1,
        "allow_http": True,
        "login": ClientCredentials(client_id=vtn.client_id, client_secret=SECRET) if vtn.client_secret else None,
    }
    return VenConfig(**(settings | more))  # type: ignore[arg-type]


@pytest.fixture
def make_ven(vtn: Vtn, clock: ManualClock) -> Callable[..., Ven]:
    """Return how a VEN for the server is made; chance is in the middle."""

    def make(memory: object = None, **more: object) -> Ven:
        return Ven(config_for(vtn, **more), clock, lambda: 0.5, memory)  # type: ignore[arg-type]

    return make


async def poll(ven: Ven, figures: Figures | None = None) -> VenState:
    """Have the VEN do one round, in a thread as it does at work."""
    return await asyncio.to_thread(ven.poll, figures)


def limits(state: VenState) -> list[float | None]:
    return sorted(signal.value or 0 for signal in state.signals())


def capacity(vtn: Vtn, kw: object, **more: object) -> str:
    program = str(vtn.programs[0]["id"]) if vtn.programs else vtn.add_program()
    return vtn.add_event(program, [limit_interval(kw)], intervalPeriod=period("2026-06-01T10:00:00Z"), **more)


def with_limit(vtn: Vtn, kw: float) -> None:
    vtn.add_event(vtn.add_program(), [limit_interval(kw)])


class Home:
    """A runner and all that it told."""

    def __init__(self, vtn: Vtn, clock: ManualClock, figures: Figures | None = None, **more: object) -> None:
        """Have a runner for the server; it is not at work yet."""
        self.clock = clock
        self.states: list[VenState] = []
        self.on_change: Callable[[VenState], None] = self.states.append
        config = config_for(vtn, **more)
        ven = Ven(config, clock, lambda: 0.5)
        self.runner = VenRunner(ven, config, clock, lambda state: self.on_change(state), figures=figures)

    async def told(self, number: int) -> VenState:
        """Wait for this many states, and return the last."""
        await self.until(lambda: len(self.states) >= number)
        return self.states[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)
        # The runner goes on to wait before the clock is moved.
        await asyncio.sleep(0.01)


@pytest.fixture
async def make_home(vtn: Vtn, clock: ManualClock) -> AsyncGenerator[Callable[..., Home]]:
    homes: list[Home] = []

    def make(**more: object) -> Home:
        homes.append(Home(vtn, clock, **more))
        return homes[-1]

    yield make
    for home in homes:
        await home.runner.stop()

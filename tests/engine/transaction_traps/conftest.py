"""A whole site on a real socket: central system, registry of tags and ledger, with a clock turned by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.config import LeaseTimes, SiteConfig, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem, CsmsSettings
from custom_components.smart_charging.engine.csms.server import ServerSettings
from custom_components.smart_charging.engine.csms.state import EvseState, StepStatus
from custom_components.smart_charging.engine.csms.station import Station
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, tables
from custom_components.smart_charging.engine.model import EvseKey, Transaction
from custom_components.smart_charging.engine.registry_authorizer import RegistryAuthorizer
from custom_components.smart_charging.engine.site import Site
from custom_components.smart_charging.engine.stays import stays_of
from custom_components.smart_charging.engine.view import EvseView, SiteEvent, SiteEventType
from tests.engine.stays.builders import check
from tests.engine.transaction_traps.chargers import CHARGERS, Charger, Charger2, Charger16
from tests.manual_clock import ManualClock

SETTINGS = CsmsSettings(server=ServerSettings(ping_interval_s=1e9, messages_per_s=1e6, message_burst=10**6))
KEY = EvseKey("CP1", 1)


def charger_config(station_id: str) -> StationConfig:
    """Return a charger that needs no password."""
    return StationConfig(station_id, station_id, allow_without_password=True, max_current_a=16.0)


@dataclass
class Place:
    """The site under test; it can be stopped and started as Home Assistant is."""

    path: Path
    clock: ManualClock = field(default_factory=ManualClock)
    stations: tuple[str, ...] = ("CP1",)
    port: int = 0
    chargers: list[Charger] = field(default_factory=list)
    events: list[SiteEvent] = field(default_factory=list)

    async def open(self) -> None:
        """Start the site on the ledger that it had before."""
        self.ledger = await Ledger.open(self.path / "ledger.db")
        self.records: SiteLedger = self.ledger.site("site")
        self.access = RegistryAuthorizer(self.records.tokens, self.clock)
        self.csms = CentralSystem(
            clock=self.clock,
            transactions=self.records,
            memory=self.records,
            authorizer=self.access,
            lease=LeaseTimes(),
            settings=SETTINGS,
        )
        self.site = Site(
            SiteConfig("site", "Home", fuse_a=25.0),
            csms=self.csms,
            ledger=self.records,
            clock=self.clock,
            access=self.access,
        )
        self.site.subscribe_events(self.events.append)
        await self.site.start()
        for station_id in self.stations:
            await self.site.add_charger(charger_config(station_id))
        self.port = await self.site.listen("127.0.0.1", 0)

    async def close(self) -> None:
        """Stop the site; stations are cut off."""
        stopping = asyncio.ensure_future(self.site.stop())
        async with asyncio.timeout(10):
            while not stopping.done():  # stopping may wait on the clock, which only moves here
                await self.clock.advance(1.0, settle=0.003)
        for charger in self.chargers:
            await charger.raw.close()
        self.chargers.clear()
        await self.ledger.close()

    async def restart(self) -> None:
        """Stop the site and start it again on the same records."""
        await self.close()
        await self.open()

    def now(self, seconds: float = 0.0) -> str:
        """Return the time so many seconds from now as a station writes it."""
        return (self.clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, without the clock moving."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, letting data in sockets arrive after each timer."""
        await self.clock.advance(seconds, settle=0.002)
        await self.settled()

    async def settled(self) -> None:
        """Wait until what stations told is in the sessions that are shown."""
        await self.site._sessions.settled()

    async def dial(self, version: str, station_id: str = "CP1") -> Charger:
        """Connect a charger without a word."""
        charger = CHARGERS[version](station_id)  # type: ignore[call-arg]  # each takes its id
        self.chargers.append(charger)
        await charger.raw.connect(self.port)
        return charger

    async def ready(self, version: str, station_id: str = "CP1") -> Charger:
        """Connect and boot a charger with two sockets, and wait for the end of its set-up."""
        charger = await self.dial(version, station_id)
        await self.boot(charger)
        return charger

    async def boot(self, charger: Charger) -> None:
        """Boot a charger and wait for the end of its set-up."""
        charger.raw.configuration["NumberOfConnectors"] = "2"
        await charger.raw.boot()
        station = self.csms.stations[charger.raw.station_id]
        steps = lambda: station.state.setup  # noqa: E731 - read anew each time
        await self.until(lambda: steps() != () and all(step.status != StepStatus.PENDING for step in steps()))

    async def ready_16(self) -> Charger16:
        """Return a charger of 1.6."""
        charger = await self.ready("1.6")
        assert isinstance(charger, Charger16)
        return charger

    async def ready_2(self, version: str = "2.0.1", station_id: str = "CP1") -> Charger2:
        """Return a charger of OCPP 2."""
        charger = await self.ready(version, station_id)
        assert isinstance(charger, Charger2)
        return charger

    @property
    def station(self) -> Station:
        return self.csms.stations["CP1"]

    @property
    def evse(self) -> EvseState:
        return self.evse_of(1)

    def evse_of(self, evse_id: int) -> EvseState:
        return self.station.state.evses[evse_id]

    @property
    def shown(self) -> EvseView:
        """Return what a user sees of the first socket."""
        return self.site.view.chargers["CP1"].evses[1]

    @property
    def deviations(self) -> dict[str, int]:
        return dict(self.station.state.deviations)

    def running(self, evse_id: int = 1) -> str | None:
        """Return the transaction that runs at a socket."""
        transaction = self.evse_of(evse_id).transaction
        return None if transaction is None else transaction.transaction_id

    def told(self, kind: SiteEventType) -> list[SiteEvent]:
        return [event for event in self.events if event.type is kind]

    async def check_stays(self) -> None:
        """Assert that what drivers used sums to the meter, whatever trap was laid."""
        for session in await self.records.sessions():
            record = await self.records.session_record(session.session_id)
            assert record is not None
            check(record, stays_of(record, now=self.clock.now()))

    async def kept(self, tx: str, key: EvseKey = KEY) -> Transaction:
        """Return a transaction as the ledger has it."""
        return next(one for one in await self.all_kept(key) if one.transaction_id == tx)

    async def all_kept(self, key: EvseKey | None = KEY) -> list[Transaction]:
        """Return all transactions of the ledger, oldest first."""
        sessions = await self.records.sessions(key=key)
        return sorted((tx for session in sessions for tx in session.transactions), key=lambda tx: tx.started_at)

    async def orphans(self) -> list[tuple[str, int | None]]:
        """Return the ends of unknown transactions that are kept apart: id and register."""
        table = tables.orphan_stops.c
        query = sa.select(table.transaction_id, table.meter_stop_wh).order_by(table.id)
        rows = await self.ledger.read(lambda connection: connection.execute(query).all())
        return [(row.transaction_id, row.meter_stop_wh) for row in rows]

    def at(self, seconds: float = 0.0) -> datetime:
        """Return a time as the ledger has it when a station wrote `now`."""
        return (self.clock.now() + timedelta(seconds=seconds)).replace(microsecond=0)


@pytest.fixture
async def place(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Place]:
    """A site with the charger CP1."""
    opened = Place(tmp_path)
    await opened.open()
    yield opened
    await opened.check_stays()
    await opened.close()


@pytest.fixture(params=["1.6", "2.0.1", "2.1"])
def version(request: pytest.FixtureRequest) -> str:
    """Return each version in turn, for traps that all of them lay."""
    return str(request.param)


@pytest.fixture(params=["2.0.1", "2.1"])
def version_2(request: pytest.FixtureRequest) -> str:
    """Return each version that has TransactionEvent."""
    return str(request.param)
